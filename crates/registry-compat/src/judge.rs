//! The judgement: are there modules for this kernel and this ZFS, and if not,
//! what is nearest.

use std::collections::BTreeSet;

use crate::KmodTag;

/// The answer to "can an image be built of these two versions".
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The repository has exactly what is wanted.
    Compatible(KmodTag),
    /// It has not. The list of tags was complete, so this is a fact.
    Missing(Missing),
}

/// What was wanted, and what exists instead.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Missing {
    /// The pair that no tag has.
    pub wanted: KmodTag,
    /// Newest first: modules for the same kernel, of another ZFS version.
    pub same_kernel: Vec<KmodTag>,
    /// Newest kernel first: modules of the same ZFS version, same
    /// architecture, for another kernel.
    pub same_zfs: Vec<KmodTag>,
}

/// How many near misses are worth a person's time.
const NEAREST: usize = 3;

/// Judges a complete list of kmods tags. Pure: the order of `available` has no
/// influence.
pub fn judge(wanted: &KmodTag, available: &BTreeSet<KmodTag>) -> Judgement {
    if available.contains(wanted) {
        return Judgement::Compatible(wanted.clone());
    }
    let mut same_kernel: Vec<KmodTag> = available
        .iter()
        .filter(|tag| tag.kernel == wanted.kernel)
        .cloned()
        .collect();
    same_kernel.sort_by_key(|tag| std::cmp::Reverse(tag.zfs));
    same_kernel.truncate(NEAREST);
    let mut same_zfs: Vec<KmodTag> = available
        .iter()
        .filter(|tag| tag.zfs == wanted.zfs && tag.kernel.arch() == wanted.kernel.arch())
        .cloned()
        .collect();
    same_zfs.sort_by_key(|tag| std::cmp::Reverse(tag.kernel.clone()));
    same_zfs.truncate(NEAREST);
    Judgement::Missing(Missing {
        wanted: wanted.clone(),
        same_kernel,
        same_zfs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(zfs: &str, kernel: &str) -> KmodTag {
        KmodTag {
            kernel: kernel.parse().unwrap(),
            zfs: zfs.parse().unwrap(),
        }
    }

    #[test]
    fn present_is_compatible() {
        let wanted = tag("2.4.4", "7.1.4-200.fc44.x86_64");
        let all = BTreeSet::from([wanted.clone(), tag("2.4.3", "7.1.4-200.fc44.x86_64")]);
        assert_eq!(judge(&wanted, &all), Judgement::Compatible(wanted));
    }

    #[test]
    fn nearest_are_newest_first_and_never_of_another_architecture() {
        let wanted = tag("2.4.4", "7.1.4-200.fc44.x86_64");
        let all: BTreeSet<_> = [
            ("2.4.2", "7.1.4-200.fc44.x86_64"),
            ("2.4.3", "7.1.4-200.fc44.x86_64"),
            ("2.4.4", "7.0.9-200.fc44.x86_64"),
            ("2.4.4", "7.0.12-200.fc44.x86_64"),
            ("2.4.4", "7.1.4-200.fc44.aarch64"),
            ("2.3.9", "7.0.9-200.fc44.x86_64"),
        ]
        .map(|(z, k)| tag(z, k))
        .into();
        let Judgement::Missing(missing) = judge(&wanted, &all) else {
            panic!("it is not there");
        };
        let zfs: Vec<_> = missing
            .same_kernel
            .iter()
            .map(|t| t.zfs.to_string())
            .collect();
        let kernels: Vec<_> = missing
            .same_zfs
            .iter()
            .map(|t| t.kernel.to_string())
            .collect();
        assert_eq!(zfs, ["2.4.3", "2.4.2"]);
        assert_eq!(kernels, ["7.0.12-200.fc44.x86_64", "7.0.9-200.fc44.x86_64"]);
    }
}

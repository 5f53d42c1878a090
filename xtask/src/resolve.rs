//! From facts to the lock, or to the answer why there is none. Pure.

use registry_compat::{Answer, Judgement, Missing, Unknown, judge};
use serde::Serialize;

use crate::config::Config;
use crate::error::Error;
use crate::facts::{Local, TargetFacts, Upstream};
use crate::lock::{Lock, LockedBase, Policy, SCHEMA, Target};

/// The answer to "what is to be built".
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// This, pinned.
    Lock(Box<Lock>),
    /// Nothing can be built yet: there are no kernel modules. Exit code 10.
    NotYet(Box<NotYet>),
}

/// Why nothing can be built yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotYet {
    /// What is missing, and what exists instead.
    #[serde(flatten)]
    pub missing: Missing,
    /// The image that was wanted.
    pub image: String,
    /// Where its makers can be found.
    pub project: String,
    /// Why the near misses are not known, if they could not be asked for.
    pub nearest_unknown: Option<Unknown>,
}

/// Decides.
///
/// # Errors
/// [`Error::Unknown`] if the registry could not be asked: that is never "no
/// kmods". [`Error::Step`] if a kmods image does not say of itself what its tag
/// says.
pub fn resolve(config: &Config, upstream: &Upstream, local: &Local) -> Result<Resolution, Error> {
    let mut targets = Vec::new();
    for facts in &upstream.targets {
        match target(config, facts)? {
            Ok(found) => targets.push(found),
            Err(not_yet) => return Ok(Resolution::NotYet(Box::new(not_yet))),
        }
    }
    let zfs = version_discovery::newest_in_series(&upstream.zfs_releases, config.zfs.series)?;
    Ok(Resolution::Lock(Box::new(Lock {
        schema: SCHEMA,
        base: LockedBase {
            image: upstream.base.clone(),
            digest: upstream.base_digest.clone(),
            version: upstream.base_version,
        },
        zfs,
        targets,
        containerfiles: local.containerfiles.clone(),
        ignition: local.ignition.clone(),
        policy: Policy::of(config),
    })))
}

fn target(config: &Config, facts: &TargetFacts) -> Result<Result<Target, NotYet>, Error> {
    let inspected = match &facts.answer {
        Answer::Present(inspected) => inspected,
        Answer::Unknown(why) => return Err(Error::Unknown(why.clone())),
        Answer::Absent => return Ok(Err(not_yet(config, facts))),
    };
    labels_agree(facts, &inspected.labels)?;
    Ok(Ok(Target {
        arch: facts.arch,
        manifest: facts.manifest.clone(),
        kernel: facts.kernel.clone(),
        kernel_source: facts.kernel_source,
        kmods: facts.kmods.clone(),
        kmods_digest: inspected.digest.clone(),
    }))
}

fn not_yet(config: &Config, facts: &TargetFacts) -> NotYet {
    let (tags, nearest_unknown) = match &facts.available {
        Some(Answer::Present(tags)) => (tags.clone(), None),
        Some(Answer::Unknown(why)) => (Default::default(), Some(why.clone())),
        Some(Answer::Absent) | None => Default::default(),
    };
    let missing = match judge(&facts.wanted, &tags) {
        Judgement::Missing(missing) => missing,
        // The list names a tag that the registry has just denied: it is being
        // made or deleted right now, and neither is a base to build on.
        Judgement::Compatible(wanted) => Missing {
            wanted,
            same_kernel: Vec::new(),
            same_zfs: Vec::new(),
        },
    };
    NotYet {
        missing,
        image: facts.kmods.to_string(),
        project: config.kmods.project.to_string(),
        nearest_unknown,
    }
}

/// Labels of fedora-zfs-kmods. Images of before 2025-10-18 have none; the ZFS
/// label carries the tag's prefix (`zfs-2.4.2`).
const KERNEL_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.kernel.version";
const ZFS_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.zfs.tag";

fn labels_agree(
    facts: &TargetFacts,
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<(), Error> {
    let kernel = facts.wanted.kernel.to_string();
    let zfs = facts.wanted.zfs.to_string();
    let pairs = [
        (
            KERNEL_LABEL,
            kernel.as_str(),
            labels.get(KERNEL_LABEL).map(String::as_str),
        ),
        (
            ZFS_LABEL,
            zfs.as_str(),
            labels
                .get(ZFS_LABEL)
                .map(|l| l.strip_prefix("zfs-").unwrap_or(l)),
        ),
    ];
    for (label, wanted, found) in pairs {
        if let Some(found) = found.filter(|found| *found != wanted) {
            return Err(Error::Step {
                step: format!("kmods image {}", facts.kmods),
                detail: format!(
                    "its label {label} says `{}`, its tag says `{wanted}`: \
                     it is not to be trusted; tell its makers",
                    remote::one_line(found)
                ),
            });
        }
    }
    Ok(())
}

/// The text of "not yet", for people: what was wanted, what is nearest, the
/// likely reasons, and where to look.
pub fn explain(not_yet: &NotYet) -> Vec<String> {
    let wanted = &not_yet.missing.wanted;
    let mut lines = vec![
        format!(
            "no ZFS kernel modules for kernel {} with ZFS {}",
            wanted.kernel, wanted.zfs
        ),
        format!("  wanted        {}", not_yet.image),
    ];
    let list = |title: &str, found: Vec<String>| {
        let found = if found.is_empty() {
            "none".to_owned()
        } else {
            found.join(", ")
        };
        format!("  {title:<13} {found}")
    };
    if let Some(why) = &not_yet.nearest_unknown {
        lines.push(format!("  nearest       not known: {why}"));
    } else {
        let same_kernel = &not_yet.missing.same_kernel;
        let same_zfs = &not_yet.missing.same_zfs;
        lines.push(list(
            "this kernel",
            same_kernel
                .iter()
                .map(|t| format!("ZFS {}", t.zfs))
                .collect(),
        ));
        lines.push(list(
            "this ZFS",
            same_zfs
                .iter()
                .map(|t| format!("kernel {}", t.kernel))
                .collect(),
        ));
    }
    lines.push("likely reasons, the commonest first:".to_owned());
    lines.push("  1. the kmods build of today has not run yet: wait some hours".to_owned());
    lines.push(format!(
        "  2. ZFS {} does not support kernel {} yet: wait for OpenZFS",
        wanted.zfs,
        wanted.kernel.major_minor()
    ));
    lines.push("  3. the kmods build failed: see its project".to_owned());
    lines.push(format!("  {}", not_yet.project));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use registry_compat::Trouble;

    #[test]
    fn present_everywhere_is_a_lock() {
        let (config, upstream, local) = testing::facts();
        let Resolution::Lock(lock) = resolve(&config, &upstream, &local).unwrap() else {
            panic!("everything is there");
        };
        assert_eq!(lock.zfs.to_string(), "2.4.4");
        let text = lock.to_line().unwrap();
        assert_eq!(Lock::parse(&text, "here").unwrap(), *lock);
    }

    #[test]
    fn absent_is_an_answer_and_unknown_an_error() {
        let (config, mut upstream, local) = testing::facts();
        upstream.targets[0].answer = Answer::Absent;
        upstream.targets[0].available = Some(Answer::Present(
            ["2.4.3", "2.4.2"]
                .map(|zfs| registry_compat::KmodTag {
                    zfs: zfs.parse().unwrap(),
                    ..upstream.targets[0].wanted.clone()
                })
                .into(),
        ));
        let Resolution::NotYet(not_yet) = resolve(&config, &upstream, &local).unwrap() else {
            panic!("there are no kmods");
        };
        let text = explain(&not_yet).join("\n");
        assert!(text.contains("ZFS 2.4.3, ZFS 2.4.2"), "{text}");
        assert!(text.contains("this ZFS      none"), "{text}");

        upstream.targets[0].answer = Answer::Unknown(Unknown {
            trouble: Trouble::ServerError,
            detail: "HTTP 500".into(),
        });
        let error = resolve(&config, &upstream, &local).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(!error.to_string().contains("kmods"), "{error}");
    }

    #[test]
    fn a_kmods_image_that_contradicts_its_tag_is_not_used() {
        let (config, mut upstream, local) = testing::facts();
        let Answer::Present(inspected) = &mut upstream.targets[0].answer else {
            panic!("it is there");
        };
        inspected
            .labels
            .insert(ZFS_LABEL.into(), "zfs-2.4.4".into());
        assert!(resolve(&config, &upstream, &local).is_ok());
        let Answer::Present(inspected) = &mut upstream.targets[0].answer else {
            panic!("it is there");
        };
        inspected
            .labels
            .insert(KERNEL_LABEL.into(), "7.0.0-1.fc44.x86_64".into());
        let error = resolve(&config, &upstream, &local).unwrap_err();
        assert!(error.to_string().contains("not to be trusted"), "{error}");
    }
}

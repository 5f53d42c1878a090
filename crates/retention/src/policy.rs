//! What is to be kept.

use std::collections::BTreeSet;

use registry_compat::{Digest, Tag};

use crate::Glob;

/// What one run keeps of one package. A root is an image or an index that
/// stands for itself: see [`crate::plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Every version with a tag of one of these patterns is kept.
    pub protected: Vec<Glob>,
    /// How many of the newest roots are kept, however old. Roots are counted and
    /// not versions, since one signed build makes four versions (registry notes).
    /// 0 keeps none for this reason.
    pub keep_newest: usize,
    /// The window in days of 24 hours. A version of exactly this age is kept.
    pub window_days: u32,
    /// Kept whatever their age: what a lock names, the target of a rollback.
    pub pinned: BTreeSet<Digest>,
    /// The largest share of versions, in percent, that one run may delete.
    /// `None` says explicitly that any share may go.
    pub max_percent: Option<u8>,
    /// The package's own `version_count` (GitHub OpenAPI description,
    /// `package`), which the list must have exactly. `None` where the registry
    /// tells no count.
    pub version_count: Option<u64>,
}

impl Policy {
    /// The first pattern that protects a tag.
    pub(crate) fn protects(&self, tag: &Tag) -> bool {
        self.protected.iter().any(|glob| glob.matches(tag))
    }
}

/// `stable` and `latest` protected, the newest five roots, 90 days, nothing
/// pinned, at most half of the versions in one run. The 90 days are those of
/// the pipeline that this replaces.
impl Default for Policy {
    fn default() -> Self {
        Self {
            protected: ["stable", "latest"]
                .iter()
                .filter_map(|glob| glob.parse().ok())
                .collect(),
            keep_newest: 5,
            window_days: 90,
            pinned: BTreeSet::new(),
            max_percent: Some(50),
            version_count: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_protects_what_people_pull() {
        let policy = Policy::default();
        for tag in ["stable", "latest"] {
            assert!(policy.protects(&tag.parse().unwrap()), "{tag}");
        }
        assert!(!policy.protects(&"stable-2026".parse().unwrap()));
        assert_eq!(policy.protected.len(), 2);
    }
}

//! What every step of a choice looks at.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::dates::date_of;
use crate::{FcosRelease, Pin, Policy, Rule, Upstream, ZfsRelease, ZfsVersion};

/// The arguments of a choice, and what follows from them alone.
pub(crate) struct Context<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) policy: &'a Policy,
    pub(crate) pin: Option<&'a Pin>,
    pub(crate) now: Timestamp,
    pub(crate) today: Date,
    /// The final OpenZFS releases of the series, if the list is known.
    pub(crate) finals: Option<BTreeSet<ZfsVersion>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(upstream: &'a Upstream, policy: &'a Policy, now: Timestamp) -> Self {
        Self {
            upstream,
            policy,
            pin: match &policy.rule {
                Rule::Pin(pin) => Some(pin),
                Rule::Newest | Rule::Hold { .. } => None,
            },
            now,
            today: date_of(now),
            finals: upstream.zfs.known().map(|list| finals(policy, list)),
        }
    }

    /// Whether the release was built for every architecture. Without one there
    /// is nothing to build.
    pub(crate) fn has_all_arches(&self, release: &FcosRelease) -> bool {
        let arches = &self.upstream.arches;
        !arches.is_empty() && arches.iter().all(|arch| release.images.contains_key(arch))
    }
}

/// The final releases of the series: neither drafts nor pre-releases.
fn finals(policy: &Policy, list: &[ZfsRelease]) -> BTreeSet<ZfsVersion> {
    list.iter()
        .filter(|release| !release.draft && !release.prerelease)
        .filter_map(|release| ZfsVersion::from_tag(&release.tag))
        .filter(|version| policy.series.contains(version))
        .collect()
}

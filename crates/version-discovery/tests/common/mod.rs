//! A small world for tests: three releases of `stable`, five of OpenZFS.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for no tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use version_discovery::{
    Arch, Choice, Fact, FcosRelease, FcosVersion, Held, KernelSource, KmodsSource, Outcome, Pick,
    Pin, Question, ReleaseKernel, Rollout, Upstream, ZfsRelease,
};

pub const V1: &str = "44.20260607.3.1";
pub const V2: &str = "44.20260621.3.1";
pub const V3: &str = "44.20260707.3.1";
pub const K70: &str = "7.0.12-200.fc44.x86_64";
pub const K71: &str = "7.1.3-200.fc44.x86_64";
pub const K71B: &str = "7.1.4-200.fc44.x86_64";

/// Noon of 2026-07-30.
pub fn now() -> Timestamp {
    "2026-07-30T12:00:00Z".parse().unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn version(text: &str) -> FcosVersion {
    text.parse().unwrap()
}

/// A kernel, as its `commitmeta.json` says it.
pub fn known(kernel: &str) -> Fact<ReleaseKernel> {
    Fact::Known(ReleaseKernel {
        version: kernel.parse().unwrap(),
        source: KernelSource::Commitmeta,
    })
}

/// Sets the kernel of a release on x86_64.
pub fn set_kernel(release: &mut FcosRelease, kernel: Fact<ReleaseKernel>) {
    release.kernels.insert(Arch::X86_64, kernel);
}

/// The question for the kernel of a release on x86_64.
pub fn kernel_of(version: FcosVersion) -> Question {
    Question::Kernel {
        version,
        arch: Arch::X86_64,
    }
}

/// A release that came out at 14:00 on a day.
pub fn release(of: &str, out: &str, kernel: &str) -> FcosRelease {
    let hex = format!("{:0>64}", of.replace('.', ""));
    let image = format!("quay.io/fedora/fedora-coreos@sha256:{hex}");
    FcosRelease {
        version: version(of),
        images: BTreeMap::from([(Arch::X86_64, Some(image.parse().unwrap()))]),
        kernels: BTreeMap::from([(Arch::X86_64, known(kernel))]),
        barrier: None,
        dead_end: None,
        rollout: Rollout::Window {
            start: format!("{out}T14:00:00Z").parse().unwrap(),
            minutes: Some(2880),
        },
    }
}

/// Oldest first, as Fedora lists them.
pub fn index() -> Vec<FcosRelease> {
    vec![
        release(V1, "2026-06-24", K70),
        release(V2, "2026-07-09", K71),
        release(V3, "2026-07-22", K71B),
    ]
}

pub fn zfs_list(versions: &[&str]) -> Fact<Vec<ZfsRelease>> {
    let release = |version: &&str| ZfsRelease {
        tag: format!("zfs-{version}"),
        draft: false,
        prerelease: false,
    };
    Fact::Known(versions.iter().map(release).collect())
}

pub fn upstream(releases: Vec<FcosRelease>, kmods: Vec<KmodsSource>) -> Upstream {
    Upstream {
        stream: "stable".parse().unwrap(),
        arches: BTreeSet::from([Arch::X86_64]),
        releases: Fact::Known(releases),
        kmods,
        builder: None,
        zfs: zfs_list(&["2.3.9", "2.4.4", "2.4.2", "2.5.0", "2.4.3"]),
        published: None,
    }
}

pub fn source(name: &str, pairs: &[(&str, &str)]) -> KmodsSource {
    let pair = |(kernel, zfs): &(&str, &str)| (kernel.parse().unwrap(), zfs.parse().unwrap());
    KmodsSource::listed(name, pairs.iter().map(pair))
}

/// A source with nothing.
pub fn listed(name: &str) -> KmodsSource {
    source(name, &[])
}

/// A pin on nothing, valid to the end of the year.
pub fn pin() -> Pin {
    Pin {
        base: None,
        kernel_ceiling: None,
        zfs: None,
        kmods_digest: None,
        reason: "pools fail on the newer one".to_owned(),
        expires: day("2026-12-31"),
    }
}

pub fn fact<T>(fact: &Fact<Vec<T>>) -> usize {
    fact.known().map_or(0, Vec::len)
}

#[track_caller]
pub fn go(choice: &Choice) -> &Pick {
    match &choice.outcome {
        Outcome::Go(pick) => pick,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn hold(choice: &Choice) -> (&Pick, &Held) {
    match &choice.outcome {
        Outcome::Hold(pick, held) => (pick, held),
        other => panic!("{other:?}"),
    }
}

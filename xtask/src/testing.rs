//! Facts for tests: one place, so that a new field is one edit.
#![expect(clippy::unwrap_used, reason = "test support")]

use std::collections::BTreeMap;
use std::path::Path;

use registry_compat::{Answer, KmodTag};
use remote::Inspected;
use version_discovery::{Arch, KernelSource, ZfsRelease};

use crate::config::Config;
use crate::engine::Engine;
use crate::facts::{Local, TargetFacts, Upstream};
use crate::lock::{Lock, digest_of};
use crate::resolve::{Resolution, resolve};

/// An `image.yaml` that is not the stock one, an upstream where everything is
/// there, and a machine with `podman`.
pub fn facts() -> (Config, Upstream, Local) {
    let path = Path::new("testing/image.yaml");
    let config = Config::parse(include_str!("testing/image.yaml"), path).unwrap();
    let digest = |text: &str| digest_of(text.as_bytes()).unwrap();
    let wanted = KmodTag {
        kernel: "7.1.4-200.fc44.x86_64".parse().unwrap(),
        zfs: "2.4.4".parse().unwrap(),
    };
    let tag = config.kmods.tag.render(&wanted).unwrap();
    let release = |tag: &str| ZfsRelease {
        tag: tag.to_owned(),
        draft: false,
        prerelease: false,
    };
    let upstream = Upstream {
        base: config.base_tag().unwrap(),
        base_digest: digest("base"),
        base_version: Some("44.20260707.3.1".parse().unwrap()),
        targets: vec![TargetFacts {
            arch: Arch::X86_64,
            manifest: digest("base x86_64"),
            kernel: wanted.kernel.clone(),
            kernel_source: KernelSource::Commitmeta,
            kmods: config.kmods.image.tagged(tag),
            wanted,
            answer: Answer::Present(Inspected {
                digest: digest("kmods"),
                manifest: digest("kmods"),
                config: digest("kmods config"),
                labels: BTreeMap::new(),
                size: 1000,
            }),
            available: None,
        }],
        zfs_releases: ["zfs-2.4.4", "zfs-2.4.3", "zfs-2.5.0-rc1"]
            .map(release)
            .to_vec(),
    };
    let repository = config.repository().unwrap();
    let local = Local {
        arch: Arch::X86_64,
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        containerfiles: digest("containerfiles"),
        ignition: digest("ignition"),
        engine: Engine::Podman,
        destination: repository.tagged(config.image.candidate.clone()),
        insecure: false,
        today: Some("20260721".to_owned()),
    };
    (config, upstream, local)
}

/// The same, resolved.
pub fn locked() -> (Config, Lock, Local) {
    let (config, upstream, local) = facts();
    match resolve(&config, &upstream, &local).unwrap() {
        Resolution::Lock(lock) => (config, *lock, local),
        Resolution::NotYet(_) => panic!("everything is there"),
    }
}

//! Facts for tests, in one place, so that a new field needs only one edit.
#![expect(clippy::unwrap_used, reason = "test support")]

use std::collections::BTreeMap;
use std::path::Path;

use image_config::Config;
use registry_compat::{Answer, Digest, KmodTag};
use remote::Inspected;
use version_discovery::{
    Arch, Fact, FcosRelease, KernelSource, KmodsSource, ReleaseKernel, Rollout, ZfsRelease,
};

use crate::engine::Engine;
use crate::facts::{KmodsImage, Local, Upstream};
use crate::lock::Lock;
use crate::resolve::{Resolution, decide, resolve};

/// The moment of [`facts`].
pub const NOW: &str = "2026-07-30T12:00:00Z";

/// A release with an image for x86_64 and this kernel.
pub fn release(version: &str, out: &str, kernel: &str) -> FcosRelease {
    let digest = Digest::of(format!("base {version}").as_bytes());
    let image = format!("quay.io/fedora/fedora-coreos@{digest}");
    let kernel = ReleaseKernel {
        version: kernel.parse().unwrap(),
        source: KernelSource::Commitmeta,
    };
    FcosRelease {
        version: version.parse().unwrap(),
        images: BTreeMap::from([(Arch::X86_64, Some(image.parse().unwrap()))]),
        kernels: BTreeMap::from([(Arch::X86_64, Fact::Known(kernel))]),
        barrier: None,
        dead_end: None,
        rollout: Rollout::Window {
            start: format!("{out}T14:00:00Z").parse().unwrap(),
            minutes: Some(2880),
        },
    }
}

/// A kmods image of the first source, and what the registry says of it.
pub fn kmods_image(config: &Config, zfs: &str, kernel: &str) -> KmodsImage {
    let source = config.kmods.first().unwrap();
    let wanted = KmodTag {
        kernel: kernel.parse().unwrap(),
        zfs: zfs.parse().unwrap(),
    };
    let image = source.image.tagged(source.tag(&wanted).unwrap());
    let digest = Digest::of(format!("kmods {image}").as_bytes());
    KmodsImage {
        source: source.image.to_string(),
        arch: Arch::X86_64,
        wanted,
        image,
        answer: Answer::Present(Inspected {
            digest: digest.clone(),
            manifest: digest.clone(),
            config: digest,
            labels: BTreeMap::new(),
            size: 1000,
            created: None,
        }),
    }
}

/// An `image.yaml` that is not the stock one, an upstream where everything is
/// there, and a machine with `podman`.
pub fn facts() -> (Config, Upstream, Local) {
    let path = Path::new("testing/image.yaml");
    let config = Config::parse(include_str!("testing/image.yaml"), path).unwrap();
    let digest = |text: &str| Digest::of(text.as_bytes());
    let kernel = "7.1.4-200.fc44.x86_64";
    let image = kmods_image(&config, "2.4.4", kernel);
    let zfs = |tag: &str| ZfsRelease {
        tag: tag.to_owned(),
        draft: false,
        prerelease: false,
    };
    let pair = (image.wanted.kernel.clone(), image.wanted.zfs);
    let upstream = Upstream {
        now: NOW.parse().unwrap(),
        discovery: version_discovery::Upstream {
            stream: config.base.stream.clone(),
            arches: config.architectures.iter().copied().collect(),
            releases: Fact::Known(vec![
                release("44.20260621.3.1", "2026-07-09", "7.1.3-200.fc44.x86_64"),
                release("44.20260707.3.1", "2026-07-23", kernel),
            ]),
            kmods: vec![KmodsSource::listed(image.source.clone(), [pair])],
            builder: None,
            zfs: Fact::Known(
                ["zfs-2.4.4", "zfs-2.4.3", "zfs-2.5.0-rc1"]
                    .map(zfs)
                    .to_vec(),
            ),
            published: None,
        },
        images: vec![image],
        published: None,
        packages: Vec::new(),
    };
    let repository = config.repository().unwrap();
    let local = Local {
        arch: Arch::X86_64,
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        containerfiles: digest("containerfiles"),
        ignition: digest("ignition"),
        files: BTreeMap::new(),
        stage_images: BTreeMap::new(),
        engine: Engine::Podman,
        engine_version: Some("5.2.0".to_owned()),
        destination: repository.tagged(config.image.candidate.clone()),
        insecure: false,
        no_kvm: None,
        emulated: Vec::new(),
        today: Some("20260721".to_owned()),
    };
    (config, upstream, local)
}

/// The same, resolved.
pub fn locked() -> (Config, Lock, Local) {
    let (config, upstream, local) = facts();
    let choice = decide(&config, &upstream);
    match resolve(&config, &upstream, &local, &choice).unwrap() {
        Resolution::Lock(lock) => (config, *lock, local),
        Resolution::NotYet(_) => panic!("everything is there"),
    }
}

/// The same with a second architecture.
pub fn locked_for_two() -> (Config, Lock, Local) {
    let (config, mut lock, local) = locked();
    let yaml = serde_yaml::to_string(&config).unwrap();
    let yaml = yaml.replace("- x86_64\n", "- x86_64\n- aarch64\n");
    let config = Config::parse(&yaml, Path::new("two.yaml")).unwrap();
    let mut other = lock.targets[0].clone();
    other.arch = Arch::Aarch64;
    other.base = Digest::of(b"base for aarch64");
    let kernel = other.kernel.to_string().replace("x86_64", "aarch64");
    other.kmods = other
        .kmods
        .to_string()
        .replace("x86_64", "aarch64")
        .parse()
        .unwrap();
    other.kernel = kernel.parse().unwrap();
    other.kmods_digest = Digest::of(b"kmods for aarch64");
    lock.targets.push(other);
    (config, lock, local)
}

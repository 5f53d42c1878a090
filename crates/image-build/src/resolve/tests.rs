//! Each verdict, and the message about it.

use host::failure::Failure as _;
use registry_compat::{Trouble, Unknown};
use version_discovery::{Fact, KmodsSource};

use super::*;
use crate::lock::Times;
use crate::testing;

fn resolved((config, upstream, local): &(Config, Upstream, Local)) -> Result<Resolution, Error> {
    resolve(config, upstream, local, &decide(config, upstream))
}

fn lock(facts: &(Config, Upstream, Local)) -> Lock {
    match resolved(facts).unwrap() {
        Resolution::Lock(lock) => *lock,
        Resolution::NotYet(not_yet) => panic!("{not_yet:?}"),
    }
}

/// The source has these pairs and no others.
fn set_pairs(facts: &mut (Config, Upstream, Local), pairs: &[(&str, &str)]) {
    let source = &mut facts.1.discovery.kmods[0];
    let parsed = pairs
        .iter()
        .map(|(kernel, zfs)| (kernel.parse().unwrap(), zfs.parse().unwrap()));
    *source = KmodsSource::listed(source.name.clone(), parsed);
    facts.1.images = pairs
        .iter()
        .map(|(kernel, zfs)| testing::kmods_image(&facts.0, zfs, kernel))
        .collect();
}

#[test]
fn present_everywhere_is_a_lock() {
    let facts = testing::facts();
    let lock = lock(&facts);
    assert_eq!(lock.zfs.to_string(), "2.4.4");
    assert_eq!(lock.judgement.verdict, Verdict::Go);
    assert_eq!(lock.judgement.bases_passed_over, []);
    let text = lock.to_line().unwrap();
    assert_eq!(Lock::parse(&text, "here").unwrap(), lock);
    assert_eq!(Lock::base_version_in(&text), Some(lock.base.version));
}

#[test]
fn a_base_without_kmods_is_passed_over_and_the_lock_says_why() {
    let mut facts = testing::facts();
    set_pairs(&mut facts, &[("7.1.3-200.fc44.x86_64", "2.4.3")]);
    let held = lock(&facts);
    assert_eq!(held.base.version.to_string(), "44.20260621.3.1");
    let Verdict::Hold { since, why, .. } = &held.judgement.verdict else {
        panic!("{:?}", held.judgement);
    };
    assert_eq!(since.to_string(), "2026-07-23");
    assert_eq!(why, "no kmods exist for kernel 7.1.4-200.fc44.x86_64");
    let passed = |list: &[PassedOver]| -> Vec<String> {
        list.iter()
            .map(|p| format!("{}: {}", p.version, p.why))
            .collect()
    };
    assert_eq!(
        passed(&held.judgement.bases_passed_over),
        ["44.20260707.3.1: no kmods exist for kernel 7.1.4-200.fc44.x86_64"]
    );
    assert_eq!(
        passed(&held.judgement.zfs_passed_over),
        ["2.4.4: no kmods exist for this kernel"]
    );
    // A day later it is the same lock but for that time: nothing in it counts days.
    facts.1.now = "2026-07-31T12:00:00Z".parse().unwrap();
    let mut later = lock(&facts);
    assert_eq!(later.fingerprint().unwrap(), held.fingerprint().unwrap());
    let resolved = held.times.unwrap().resolved;
    later.times = later.times.map(|times| Times { resolved, ..times });
    assert_eq!(later, held);
}

#[test]
fn the_fingerprint_is_of_the_inputs_only() {
    let first = lock(&testing::facts());
    let same = |edit: &dyn Fn(&mut Lock)| {
        let mut other = first.clone();
        edit(&mut other);
        assert_ne!(other, first);
        other.fingerprint().unwrap() == first.fingerprint().unwrap()
    };
    assert!(same(&|lock| lock.tools.engine_version = None));
    assert!(same(&|lock| lock.judgement.bases_passed_over.push(
        PassedOver {
            version: "x".into(),
            why: "y".into()
        }
    )));
    assert!(same(
        &|lock| lock.targets[0].kernel_source = version_discovery::KernelSource::Rpm
    ));
    assert!(!same(
        &|lock| lock.targets[0].kmods_digest = lock.containerfiles.clone()
    ));
    assert!(!same(
        &|lock| lock.targets[0].base = lock.containerfiles.clone()
    ));
    assert!(!same(&|lock| lock.ignition = lock.containerfiles.clone()));
    assert!(!same(&|lock| lock.policy.title = "Another".parse().unwrap()));
}

#[test]
fn absent_is_an_answer_and_unknown_an_error() {
    let mut facts = testing::facts();
    set_pairs(&mut facts, &[("7.0.1-200.fc44.x86_64", "2.4.4")]);
    let Resolution::NotYet(not_yet) = resolved(&facts).unwrap() else {
        panic!("there are no kmods");
    };
    let text = explain(&not_yet).join("\n");
    for part in [
        "no ZFS kernel modules for kernel 7.1.4-200.fc44.x86_64 with ZFS 2.4.4",
        "wanted        ghcr.io/makers/kmods:zfs-2.4.4_kernel-7.1.4-200.fc44.x86_64",
        "this kernel   none",
        "this ZFS      kernel 7.0.1-200.fc44.x86_64",
        "https://example.org/makers/kmods",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    facts.1.discovery.kmods[0].kernels = Fact::Unknown("HTTP 500".to_owned());
    let error = resolved(&facts).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(!error.to_string().contains("no kmods"), "{error}");
}

#[test]
fn an_image_that_could_not_be_read_is_unknown_too() {
    let mut facts = testing::facts();
    facts.1.images[0].answer = Answer::Unknown(Unknown {
        trouble: Trouble::ServerError,
        detail: "HTTP 500".into(),
    });
    assert_eq!(resolved(&facts).unwrap_err().exit_code(), 3);
}

#[test]
fn a_kmods_image_that_contradicts_its_tag_is_not_used() {
    let mut facts = testing::facts();
    let mut label = |key: &str, value: &str| {
        let Answer::Present(inspected) = &mut facts.1.images[0].answer else {
            panic!("it is there");
        };
        inspected.labels.insert(key.to_owned(), value.to_owned());
        resolved(&facts)
    };
    assert!(label(ZFS_LABEL, "zfs-2.4.4").is_ok());
    let error = label(KERNEL_LABEL, "7.0.0-1.fc44.x86_64").unwrap_err();
    assert!(error.to_string().contains("not to be trusted"), "{error}");
}

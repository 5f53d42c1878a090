//! No room on a disk: the engine's, the registry's, the cache's, CI's files'.

use std::path::PathBuf;
use std::sync::Arc;

use super::proxy::Proxy;
use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};
use super::support::small::Small;

/// Which call of the engine finds its disk full.
const CALLS: &[(&str, &str)] = &[
    ("fetch", "pull*fedora-coreos*"),
    ("build", "build*"),
    ("contract", "*KERNEL_VERSION*--entrypoint*"),
    (
        "host, or attach",
        r"*--network=none*--pull=never\ --entrypoint*",
    ),
];

#[test]
fn no_room_for_the_engine() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let Some(disk) = Small::mount(&sandbox.path("disk"), "400m") else {
        return;
    };
    let conf = std::fs::read_to_string(sandbox.storage_conf()).unwrap();
    for (number, (step, call)) in CALLS.iter().enumerate() {
        // A storage of its own: a full disk may damage it, as a kill may.
        let place = |line: &str| match line.split_once(" = ") {
            Some((key @ ("graphroot" | "runroot"), _)) => {
                let folder = disk.path(&format!("{key}-{number}"));
                format!("{key} = \"{}\"\n", folder.display())
            }
            _ => format!("{line}\n"),
        };
        let own: String = conf.lines().map(place).collect();
        sandbox.write("storage.conf", &own);
        let own = ("CONTAINERS_STORAGE_CONF", sandbox.path("storage.conf"));
        sandbox.environment(&[own]);
        let before = sandbox.digest("stable").unwrap();
        sandbox.hook(call, &disk.fills());
        let outcome = sandbox.run(&PUBLISH);
        sandbox.unhook();
        disk.empty();
        assert_eq!(sandbox.invariant(&before, step), before, "{step}");
        let story = outcome.expect(1);
        assert!(story.contains("no space left on device"), "{step}: {story}");
        assert!(!story.contains("gave up"), "{step}: tried again: {story}");
        sandbox.environment(&[]);
        sandbox.run(&PUBLISH).expect(0);
        assert_ne!(sandbox.invariant(&before, step), before, "{step}");
    }
}

#[test]
fn no_room_in_the_registry() {
    let Some(mut sandbox) = Sandbox::new() else {
        return;
    };
    sandbox.stop_registry();
    let (store, aside) = (sandbox.path("store"), sandbox.path("aside"));
    std::fs::rename(&store, &aside).unwrap();
    let Some(disk) = Small::mount(&store, "400m") else {
        return;
    };
    let sh = xshell::Shell::new().unwrap();
    xshell::cmd!(sh, "cp -a {aside}/docker {store}")
        .quiet()
        .run()
        .unwrap();
    sandbox.start_registry("");
    let disk = Arc::new(disk);
    for (step, request) in [
        (
            "sign",
            "POST /v2/ghcr.io/someone/custom-coreos/blobs/uploads/",
        ),
        ("signed", ".sig"),
        ("name", "/manifests/44."),
        ("promote", "/manifests/stable"),
    ] {
        let before = sandbox.digest("stable").unwrap();
        let full = Arc::clone(&disk);
        let proxy = Proxy::start(
            &sandbox,
            move |line| {
                if !line.starts_with("GET ") && line.contains(request) {
                    full.fill();
                }
            },
            |_| {},
        );
        sandbox.environment(&[proxy.environment()]);
        let outcome = sandbox.run(&PUBLISH);
        sandbox.environment(&[]);
        sandbox.unhook();
        disk.empty();
        println!(
            "{step}: {:?} {}",
            outcome.code,
            outcome.text.lines().last().unwrap()
        );
        assert_eq!(sandbox.invariant(&before, step), before, "{step}");
        outcome.expect(3);
        sandbox.run(&PUBLISH).expect(0);
        assert_ne!(sandbox.invariant(&before, step), before, "{step}");
    }
}

#[test]
fn no_room_for_what_is_told() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let before = sandbox.digest("stable").unwrap();
    // What is remembered is no condition of anything.
    if let Some(disk) = Small::mount(&sandbox.path("cache"), "1m") {
        disk.fill();
        sandbox.environment(&[("XDG_CACHE_HOME", disk.path("cache"))]);
        sandbox.run(&PUBLISH).expect(0);
        assert_ne!(sandbox.invariant(&before, "cache"), before);
    }
    // What the next job reads is: it is not there, and the run says so. By then
    // the image is published.
    let before = sandbox.digest("stable").unwrap();
    sandbox.environment(&[("GITHUB_OUTPUT", PathBuf::from("/dev/full"))]);
    let story = sandbox.run(&PUBLISH).expect(1);
    assert!(story.contains("cannot write /dev/full"), "{story}");
    let now = sandbox.invariant(&before, "outputs");
    assert_ne!(now, before);
    assert!(story.contains(&format!("{REPOSITORY}@{now}")), "{story}");
    sandbox.environment(&[]);
    sandbox.run(&PUBLISH).expect(0);
}

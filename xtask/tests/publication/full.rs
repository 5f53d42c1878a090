//! No room on a disk: the engine's, the registry's, the cache's, CI's files'.

use std::path::PathBuf;
use std::sync::Arc;

use super::bench::{Bench, PUBLISH, REPOSITORY};
use super::proxy::Proxy;
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
    let Some(bench) = Bench::new() else {
        return;
    };
    let Some(disk) = Small::mount(&bench.path("disk"), "400m") else {
        return;
    };
    let conf = std::fs::read_to_string(bench.storage_conf()).unwrap();
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
        bench.write("storage.conf", &own);
        let own = ("CONTAINERS_STORAGE_CONF", bench.path("storage.conf"));
        bench.environment(&[own]);
        let before = bench.digest("stable").unwrap();
        bench.hook(call, &disk.fills());
        let outcome = bench.run(&PUBLISH);
        bench.unhook();
        disk.empty();
        assert_eq!(bench.invariant(&before, step), before, "{step}");
        let story = outcome.expect(1);
        assert!(story.contains("no space left on device"), "{step}: {story}");
        assert!(!story.contains("gave up"), "{step}: tried again: {story}");
        bench.environment(&[]);
        bench.run(&PUBLISH).expect(0);
        assert_ne!(bench.invariant(&before, step), before, "{step}");
    }
}

#[test]
fn no_room_in_the_registry() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    bench.stop_registry();
    let (store, aside) = (bench.path("store"), bench.path("aside"));
    std::fs::rename(&store, &aside).unwrap();
    let Some(disk) = Small::mount(&store, "400m") else {
        return;
    };
    let sh = xshell::Shell::new().unwrap();
    xshell::cmd!(sh, "cp -a {aside}/docker {store}")
        .quiet()
        .run()
        .unwrap();
    bench.start_registry("");
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
        let before = bench.digest("stable").unwrap();
        let full = Arc::clone(&disk);
        let proxy = Proxy::start(
            &bench,
            move |line| {
                if !line.starts_with("GET ") && line.contains(request) {
                    full.fill();
                }
            },
            |_| {},
        );
        bench.environment(&[proxy.environment()]);
        let outcome = bench.run(&PUBLISH);
        bench.environment(&[]);
        bench.unhook();
        disk.empty();
        println!(
            "{step}: {:?} {}",
            outcome.code,
            outcome.text.lines().last().unwrap()
        );
        assert_eq!(bench.invariant(&before, step), before, "{step}");
        outcome.expect(3);
        bench.run(&PUBLISH).expect(0);
        assert_ne!(bench.invariant(&before, step), before, "{step}");
    }
}

#[test]
fn no_room_for_what_is_told() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let before = bench.digest("stable").unwrap();
    // What is remembered is no condition of anything.
    if let Some(disk) = Small::mount(&bench.path("cache"), "1m") {
        disk.fill();
        bench.environment(&[("XDG_CACHE_HOME", disk.path("cache"))]);
        bench.run(&PUBLISH).expect(0);
        assert_ne!(bench.invariant(&before, "cache"), before);
    }
    // What the next job reads is: it is not there, and the run says so. By then
    // the image is published.
    let before = bench.digest("stable").unwrap();
    bench.environment(&[("GITHUB_OUTPUT", PathBuf::from("/dev/full"))]);
    let story = bench.run(&PUBLISH).expect(1);
    assert!(story.contains("cannot write /dev/full"), "{story}");
    let now = bench.invariant(&before, "outputs");
    assert_ne!(now, before);
    assert!(story.contains(&format!("{REPOSITORY}@{now}")), "{story}");
    bench.environment(&[]);
    bench.run(&PUBLISH).expect(0);
}

//! Nights of the build workflow, one after the other, in one fixture.

use registry_compat::Digest;
use serde_json::json;

use super::around::OWNER;
use super::fixture::{Fixture, compiled};
use super::runner::{by_hand, run, schedule};
use super::support::KERNEL;

const SKIPPED: [(&str, &str); 5] = [
    ("build", "skipped"),
    ("kmods", "skipped"),
    ("publish", "skipped"),
    ("resolve", "success"),
    ("wanted", "success"),
];
const BUILT: [(&str, &str); 5] = [
    ("build", "success"),
    ("kmods", "skipped"),
    ("publish", "skipped"),
    ("resolve", "success"),
    ("wanted", "success"),
];

const NOT_BUILT: [(&str, &str); 5] = [
    ("build", "failure"),
    ("kmods", "skipped"),
    ("publish", "skipped"),
    ("resolve", "success"),
    ("wanted", "success"),
];

/// When the program was last made.
fn program(fixture: &Fixture) -> std::time::SystemTime {
    let file = fixture.path("target/debug/xtask");
    file.metadata().unwrap().modified().unwrap()
}

#[test]
fn the_build_workflow_publishes_skips_and_explains() {
    let Some(fixture) = Fixture::new("ci") else {
        return;
    };
    compiled(&fixture);
    nights(&fixture);
}

/// Seven nights.
fn nights(fixture: &Fixture) {
    // A dry run by hand: everything is said, nothing is done.
    let dry = run(
        fixture,
        "build.yaml",
        1,
        &by_hand(json!({"force": "no", "dry_run": true})),
    );
    dry.expect(&SKIPPED);
    assert!(dry.log.contains("podman build"), "{}", dry.log);
    assert_eq!(fixture.published("candidate"), None);
    assert_eq!(fixture.stable(), None);
    let made = program(fixture);

    // The first night: a published, promoted image.
    let night = run(fixture, "build.yaml", 2, &schedule());
    night.expect(&BUILT);
    let first = fixture.stable().expect("it is published");
    assert_eq!(fixture.published("candidate"), Some(first.clone()));
    assert!(
        night.done.contains(&format!("attested {first}")),
        "{:?}",
        night.done
    );
    let tasks = [
        "kmods", "alarm", "resolve", "alarm", "build", "doctor", "publish", "alarm",
    ];
    assert_eq!(night.tasks(), tasks);
    assert!(
        night.typed.iter().all(|(_, code)| *code == 0),
        "{}",
        night.log
    );
    let repository = fixture.config.repository().unwrap();
    let signature = signatures::signing::signature_tag(&first).unwrap();
    assert!(fixture.digest(&repository.tagged(signature)).is_some());
    assert!(night.summary.contains("### Published"), "{}", night.summary);

    // The second: there is nothing to do.
    let night = run(fixture, "build.yaml", 3, &schedule());
    night.expect(&SKIPPED);
    assert_eq!(night.tasks(), ["kmods", "alarm", "resolve", "alarm"]);
    assert!(night.summary.contains("### Unchanged"), "{}", night.summary);
    assert_eq!(fixture.stable(), Some(first.clone()));

    // The program was compiled once, in the very first job.
    assert_eq!(program(fixture), made);

    // Somebody breaks the contract: red, nothing moves, and the alarm says so.
    let contract = "containerfiles/custom-coreos/contract.sh";
    fixture.change(contract, |text| {
        text.replace(
            "    check_lint\n    printf",
            "    report FAIL planted this that\n    printf",
        )
    });
    let night = run(fixture, "build.yaml", 4, &schedule());
    night.expect(&NOT_BUILT);
    assert_eq!(
        night.tasks(),
        ["kmods", "alarm", "resolve", "alarm", "build", "alarm"]
    );
    assert_eq!(fixture.stable(), Some(first.clone()));
    {
        let mut github = fixture.github.state();
        let issue = github.issue(1);
        let line = issue.body.lines().find(|line| !line.starts_with("<!--"));
        assert!(line.unwrap().contains("contract"), "{}", issue.body);
        assert!(issue.open);
    }

    // And mends it: the next night publishes, and the alarm ends.
    fixture.change(contract, |text| {
        text.replace("report FAIL planted this that", "check_lint # mended")
    });
    // With a file that hosts get: of the same content, nothing would be published.
    let file = "containerfiles/custom-coreos/rootfs/usr/lib/modules-load.d/zfs.conf";
    fixture.change(file, |text| format!("{text}# Mended.\n"));
    let night = run(fixture, "build.yaml", 5, &schedule());
    night.expect(&BUILT);
    let second = fixture.stable().unwrap();
    assert_ne!(second, first);
    // On the page: what has changed since the image before.
    let changes = format!("to `{repository}@{second}`");
    assert!(night.summary.contains("### Changes"), "{}", night.summary);
    assert!(night.summary.contains(&changes), "{}", night.summary);
    assert!(!fixture.github.state().issue(1).open);

    let second = several_images(fixture, &second);

    // Fedora has moved to a kernel that nobody has modules for.
    fixture.upstream.fedora(|releases| {
        releases[0].version = "44.20260803.3.1".to_owned();
        releases[0].kernel = KERNEL.replace("7.1.4", "7.2.0") + "." + std::env::consts::ARCH;
    });
    let night = run(fixture, "build.yaml", 6, &schedule());
    night.expect(&SKIPPED);
    assert!(night.summary.contains("### Not yet"), "{}", night.summary);
    assert!(night.summary.contains("7.2.0"), "{}", night.summary);
    assert_eq!(fixture.stable(), Some(second.clone()));
    // `init` embeds the contract and image.yaml, so each change compiled it again; the
    // last one before this night.
    let made = program(fixture);

    // Nobody's answer is none: that is red.
    fixture.upstream.answer(
        "/fedora",
        remote::loopback::Reply::new(503, "text/plain", "later"),
    );
    let night = run(fixture, "build.yaml", 7, &schedule());
    night.expect(&[
        ("build", "skipped"),
        ("kmods", "skipped"),
        ("publish", "skipped"),
        ("resolve", "failure"),
        ("wanted", "success"),
    ]);
    assert!(fixture.github.state().issue(1).open);
    assert_eq!(fixture.github.state().issues.len(), 1);
    // Each alarm was kept, and nothing was compiled since the last change.
    assert!(
        !night
            .typed
            .iter()
            .any(|(line, code)| line.contains("alarm") && *code != 0)
    );
    assert_eq!(program(fixture), made);
    assert_eq!(fixture.stable(), Some(second));
}

/// Two more images in the same repository, of which one cannot be built: the others are
/// published, and the alarm names the one. What hosts of the first image follow then.
fn several_images(fixture: &Fixture, before: &Digest) -> Digest {
    const SECTION: &str = "images:\n  stock: {}\n  nas: {image: {name: nas, title: A NAS}}\n  desk:\n    \
                           image: {name: desk}\n    units: {enable: [nobodys.service]}\n";
    fixture.change("image.yaml", |text| format!("{text}{SECTION}"));
    fixture.keys_policy();
    let night = run(fixture, "build.yaml", 8, &schedule());
    night.expect(&NOT_BUILT);
    let of = |name: &str| {
        let image = format!("ghcr.io/{OWNER}/{name}:stable").parse().unwrap();
        fixture.digest(&image)
    };
    let stock = fixture.stable().unwrap();
    assert_ne!(&stock, before, "its policy is another");
    assert!(of("nas").is_some_and(|nas| nas != stock), "{}", night.log);
    assert_eq!(of("desk"), None);
    assert_eq!(
        night
            .done
            .iter()
            .filter(|it| it.starts_with("attested"))
            .count(),
        2
    );
    {
        let mut github = fixture.github.state();
        let issue = github.issue(1);
        let arch = std::env::consts::ARCH;
        assert!(
            issue.body.contains(&format!("desk/build-{arch}")),
            "{}",
            issue.body
        );
        let others = ["nas/", "stock/"];
        assert!(
            !others.iter().any(|name| issue.body.contains(name)),
            "{}",
            issue.body
        );
        assert!(issue.open);
    }
    // There is one image again, and nothing is said of the others any more.
    fixture.change("image.yaml", |text| text.replace(SECTION, ""));
    stock
}

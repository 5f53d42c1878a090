//! What is published already is not built again; and what was built can be
//! built again.

use serde_json::{Value, json};

use super::support::{
    FCOS, Sandbox,
    upstream::{BASE, KMODS, PUBLISHED, day, kernel},
};

const PUBLISH: [&str; 2] = ["build", "--publish"];

/// What would be built today was published so many days ago.
fn published(days: i64) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let lock: Value = serde_json::from_str(&sandbox.run(&["resolve", "--json"]).expect(0)).unwrap();
    let labels = json!({"custom-coreos.lock": lock.to_string()});
    let image = sandbox
        .upstream
        .put_aged(PUBLISHED, "stable", &labels, days);
    (sandbox, image.digest.to_string())
}

#[test]
fn the_same_inputs_are_not_built_again() {
    let (sandbox, digest) = published(2);
    for task in [&PUBLISH[..], &["build"], &["build", "--dry-run"]] {
        sandbox.write("github-output", "");
        let said = sandbox.run_in_ci(task).expect(0);
        assert_eq!(
            said,
            format!("unchanged since {}, digest {digest}\n", day(-2))
        );
        let output = sandbox.read("github-output");
        assert!(
            output.contains(&format!("digest<<END_0\n{digest}\n")),
            "{output}"
        );
    }
    let document = sandbox.run(&["build", "--json"]).expect(0);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["unchanged"]["digest"], digest);
    assert_eq!(sandbox.engine_verbs(), [""; 0]);
    assert_eq!(sandbox.published("stable"), Some(digest));
    assert_eq!(sandbox.upstream.asked("PUT", ""), 0);
    // A test is a test.
    sandbox.on("rmi", "");
    sandbox.run(&["test-build"]).expect(0);
    assert_eq!(sandbox.engine_verbs(), ["build", "run", "rmi"]);
}

#[test]
fn a_lock_is_not_published_twice() {
    let (sandbox, digest) = published(2);
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let said = sandbox
        .run(&["build", "--publish", "--locked", "lock.json"])
        .expect(0);
    assert!(said.contains(&digest), "{said}");
    assert_eq!(sandbox.engine_verbs(), [""; 0]);
}

#[test]
fn other_inputs_are_built() {
    type Edit = fn(&Sandbox);
    let edits: [(&str, Edit); 4] = [
        ("a newer kmods image", |sandbox| {
            let tag = format!("zfs-2.4.4_kernel-{}", kernel());
            sandbox
                .upstream
                .put_image(KMODS, &tag, &json!({"again": "1"}));
        }),
        ("another Containerfile", |sandbox| {
            sandbox.write("containerfiles/custom-coreos/Containerfile", "FROM y\n");
        }),
        ("another package", |sandbox| {
            let yaml = sandbox.read("image.yaml").replace("htop", "btop");
            sandbox.write("image.yaml", &yaml);
        }),
        ("another title", |sandbox| {
            let yaml = sandbox
                .read("image.yaml")
                .replace("A title", "Another title");
            sandbox.write("image.yaml", &yaml);
        }),
    ];
    for (what, edit) in edits {
        let (sandbox, _) = published(2);
        edit(&sandbox);
        sandbox.run_in_ci(&PUBLISH).expect(0);
        assert_eq!(sandbox.engine_verbs()[0], "build", "{what}");
    }
}

#[test]
fn an_old_image_is_built_again_for_its_packages() {
    let (sandbox, _) = published(8);
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert!(outcome.stderr.contains("8 days old"), "{outcome:?}");
    outcome.expect(0);
    assert_eq!(sandbox.engine_verbs()[0], "build");
}

#[test]
fn force_builds_and_its_reason_becomes_a_label() {
    let (sandbox, _) = published(2);
    let args = ["build", "--publish", "--force", "a broken tailscale"];
    sandbox.run_in_ci(&args).expect(0);
    let build = &sandbox.engine_log()[0];
    assert!(
        build.contains("--label=custom-coreos.forced=a broken tailscale "),
        "{build}"
    );
    sandbox
        .run_in_ci(&["build", "--force", "two\nlines"])
        .expect(2);
    sandbox.run_in_ci(&["build", "--force", ""]).expect(2);
}

#[test]
fn the_same_again_by_the_lock_of_an_image() {
    let (sandbox, digest) = published(30);
    let image = format!("{PUBLISHED}@{digest}");
    // The world has moved on since.
    sandbox
        .upstream
        .release("44.20260803.3.1", "7.2.0-200.fc44", Some(2));
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    let old = sandbox.upstream.digest(KMODS, &tag).unwrap();
    sandbox
        .upstream
        .put_image(KMODS, &tag, &json!({"again": "1"}));
    let fedora = sandbox.upstream.asked("", "/fedora");
    sandbox.run_in_ci(&["build", "--like", &image]).expect(0);
    let build = &sandbox.engine_log()[0];
    assert!(
        build.contains(&format!("KMODS_IMAGE={KMODS}@{old} ")),
        "{build}"
    );
    assert!(
        build.contains(&format!("image.version={FCOS}-zfs2.4.4 ")),
        "{build}"
    );
    assert_eq!(sandbox.upstream.asked("", "/fedora"), fedora);
    // A tag is no image.
    let tag = format!("{PUBLISHED}:stable");
    let outcome = sandbox.run_in_ci(&["build", "--like", &tag]);
    assert!(outcome.stderr.contains("give the digest"), "{outcome:?}");
    outcome.expect(2);
    // One that somebody else made has no lock.
    let foreign = format!("{PUBLISHED}@{}", sandbox.upstream.old.digest);
    sandbox.run_in_ci(&["build", "--like", &foreign]).expect(1);
}

#[test]
fn inputs_that_are_gone_are_named() {
    let kmods = |sandbox: &Sandbox| {
        let tag = format!("zfs-2.4.4_kernel-{}", kernel());
        let digest = sandbox.upstream.digest(KMODS, &tag).unwrap();
        sandbox.upstream.remove(KMODS, &digest);
        format!("the kmods image {KMODS}@{digest} is no longer")
    };
    let base = |sandbox: &Sandbox| {
        let digest = sandbox.upstream.digest(BASE, "stable").unwrap();
        sandbox.upstream.remove(BASE, &digest);
        format!("the base image {BASE}@{digest} is no longer")
    };
    let take: [&dyn Fn(&Sandbox) -> String; 2] = [&kmods, &base];
    for take in take {
        let (sandbox, digest) = published(100);
        sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
        let words = take(&sandbox);
        let image = format!("{PUBLISHED}@{digest}");
        let outcome = sandbox.run_in_ci(&["build", "--like", &image]);
        assert!(outcome.stderr.contains(&words), "{words} in {outcome:?}");
        assert!(outcome.stderr.contains(&day(-100)), "{outcome:?}");
        assert!(!outcome.stderr.contains("no kmods"), "{outcome:?}");
        outcome.expect(1);
        assert_eq!(sandbox.engine_verbs(), [""; 0]);
        // By a lock it shows when the engine does not get it.
        sandbox.on("build", "echo manifest unknown >&2; exit 125");
        let outcome = sandbox.run_in_ci(&["build", "--locked", "lock.json"]);
        assert!(outcome.stderr.contains(&words), "{words} in {outcome:?}");
        outcome.expect(1);
    }
}

#[test]
fn a_lock_asks_nobody() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let before = sandbox.upstream.requests().len();
    sandbox.run(&["build", "--locked", "lock.json"]).expect(0);
    let after = sandbox.upstream.requests();
    assert_eq!(after.len(), before, "{:#?}", &after[before..]);
}

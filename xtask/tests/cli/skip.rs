//! What is published already is not built again; and what was built can be
//! built again.

use serde_json::{Value, json};

use super::support::{
    Bench, FCOS,
    upstream::{BASE, KMODS, PUBLISHED, day, kernel},
};

const PUBLISH: [&str; 2] = ["build", "--publish"];

/// What would be built today was published so many days ago.
fn published(days: i64) -> (Bench, String) {
    let bench = Bench::new();
    let lock: Value = serde_json::from_str(&bench.run(&["resolve", "--json"]).expect(0)).unwrap();
    let labels = json!({"custom-coreos.lock": lock.to_string()});
    let image = bench.upstream.put_aged(PUBLISHED, "stable", &labels, days);
    (bench, image.digest.to_string())
}

#[test]
fn the_same_inputs_are_not_built_again() {
    let (bench, digest) = published(2);
    for task in [&PUBLISH[..], &["build"], &["build", "--dry-run"]] {
        bench.write("github-output", "");
        let said = bench.run_in_ci(task).expect(0);
        assert_eq!(
            said,
            format!("unchanged since {}, digest {digest}\n", day(-2))
        );
        let output = bench.read("github-output");
        assert!(
            output.contains(&format!("digest<<END_0\n{digest}\n")),
            "{output}"
        );
    }
    let document = bench.run(&["build", "--json"]).expect(0);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["unchanged"]["digest"], digest);
    assert_eq!(bench.engine_verbs(), [""; 0]);
    assert_eq!(bench.published("stable"), Some(digest));
    assert_eq!(bench.upstream.asked("PUT", ""), 0);
    // A test is a test.
    bench.on("rmi", "");
    bench.run(&["test-build"]).expect(0);
    assert_eq!(bench.engine_verbs(), ["build", "run", "rmi"]);
}

#[test]
fn a_lock_is_not_published_twice() {
    let (bench, digest) = published(2);
    bench.run(&["resolve", "-o", "lock.json"]).expect(0);
    let said = bench
        .run(&["build", "--publish", "--locked", "lock.json"])
        .expect(0);
    assert!(said.contains(&digest), "{said}");
    assert_eq!(bench.engine_verbs(), [""; 0]);
}

#[test]
fn other_inputs_are_built() {
    type Edit = fn(&Bench);
    let edits: [(&str, Edit); 4] = [
        ("a newer kmods image", |bench| {
            let tag = format!("zfs-2.4.4_kernel-{}", kernel());
            bench
                .upstream
                .put_image(KMODS, &tag, &json!({"again": "1"}));
        }),
        ("another Containerfile", |bench| {
            bench.write("containerfiles/custom-coreos/Containerfile", "FROM y\n");
        }),
        ("another package", |bench| {
            let yaml = bench.read("image.yaml").replace("htop", "btop");
            bench.write("image.yaml", &yaml);
        }),
        ("another title", |bench| {
            let yaml = bench.read("image.yaml").replace("A title", "Another title");
            bench.write("image.yaml", &yaml);
        }),
    ];
    for (what, edit) in edits {
        let (bench, _) = published(2);
        edit(&bench);
        bench.run_in_ci(&PUBLISH).expect(0);
        assert_eq!(bench.engine_verbs()[0], "build", "{what}");
    }
}

#[test]
fn an_old_image_is_built_again_for_its_packages() {
    let (bench, _) = published(8);
    let outcome = bench.run_in_ci(&PUBLISH);
    assert!(outcome.stderr.contains("8 days old"), "{outcome:?}");
    outcome.expect(0);
    assert_eq!(bench.engine_verbs()[0], "build");
}

#[test]
fn force_builds_and_its_reason_becomes_a_label() {
    let (bench, _) = published(2);
    let args = ["build", "--publish", "--force", "a broken tailscale"];
    bench.run_in_ci(&args).expect(0);
    let build = &bench.engine_log()[0];
    assert!(
        build.contains("--label=custom-coreos.forced=a broken tailscale "),
        "{build}"
    );
    bench
        .run_in_ci(&["build", "--force", "two\nlines"])
        .expect(2);
    bench.run_in_ci(&["build", "--force", ""]).expect(2);
}

#[test]
fn the_same_again_by_the_lock_of_an_image() {
    let (bench, digest) = published(30);
    let image = format!("{PUBLISHED}@{digest}");
    // The world has moved on since.
    bench
        .upstream
        .release("44.20260803.3.1", "7.2.0-200.fc44", Some(2));
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    let old = bench.upstream.digest(KMODS, &tag).unwrap();
    bench
        .upstream
        .put_image(KMODS, &tag, &json!({"again": "1"}));
    let fedora = bench.upstream.asked("", "/fedora");
    bench.run_in_ci(&["build", "--like", &image]).expect(0);
    let build = &bench.engine_log()[0];
    assert!(
        build.contains(&format!("KMODS_IMAGE={KMODS}@{old} ")),
        "{build}"
    );
    assert!(
        build.contains(&format!("image.version={FCOS}-zfs2.4.4 ")),
        "{build}"
    );
    assert_eq!(bench.upstream.asked("", "/fedora"), fedora);
    // A tag is no image.
    let tag = format!("{PUBLISHED}:stable");
    let outcome = bench.run_in_ci(&["build", "--like", &tag]);
    assert!(outcome.stderr.contains("give the digest"), "{outcome:?}");
    outcome.expect(2);
    // One that somebody else made has no lock.
    let foreign = format!("{PUBLISHED}@{}", bench.upstream.old.digest);
    bench.run_in_ci(&["build", "--like", &foreign]).expect(1);
}

#[test]
fn inputs_that_are_gone_are_named() {
    let kmods = |bench: &Bench| {
        let tag = format!("zfs-2.4.4_kernel-{}", kernel());
        let digest = bench.upstream.digest(KMODS, &tag).unwrap();
        bench.upstream.remove(KMODS, &digest);
        format!("the kmods image {KMODS}@{digest} is no longer")
    };
    let base = |bench: &Bench| {
        let digest = bench.upstream.digest(BASE, "stable").unwrap();
        bench.upstream.remove(BASE, &digest);
        format!("the base image {BASE}@{digest} is no longer")
    };
    let take: [&dyn Fn(&Bench) -> String; 2] = [&kmods, &base];
    for take in take {
        let (bench, digest) = published(100);
        bench.run(&["resolve", "-o", "lock.json"]).expect(0);
        let words = take(&bench);
        let image = format!("{PUBLISHED}@{digest}");
        let outcome = bench.run_in_ci(&["build", "--like", &image]);
        assert!(outcome.stderr.contains(&words), "{words} in {outcome:?}");
        assert!(outcome.stderr.contains(&day(-100)), "{outcome:?}");
        assert!(!outcome.stderr.contains("no kmods"), "{outcome:?}");
        outcome.expect(1);
        assert_eq!(bench.engine_verbs(), [""; 0]);
        // By a lock it shows when the engine does not get it.
        bench.on("build", "echo manifest unknown >&2; exit 125");
        let outcome = bench.run_in_ci(&["build", "--locked", "lock.json"]);
        assert!(outcome.stderr.contains(&words), "{words} in {outcome:?}");
        outcome.expect(1);
    }
}

#[test]
fn a_lock_asks_nobody() {
    let bench = Bench::new();
    bench.run(&["resolve", "-o", "lock.json"]).expect(0);
    let before = bench.upstream.requests().len();
    bench.run(&["build", "--locked", "lock.json"]).expect(0);
    let after = bench.upstream.requests();
    assert_eq!(after.len(), before, "{:#?}", &after[before..]);
}

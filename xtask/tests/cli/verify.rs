//! `verify`: a published image against its own labels and lock.

use image_build::lock::{LOCK_LABEL, Lock, image_version};
use serde_json::{Map, Value, json};

use super::support::{
    Sandbox,
    upstream::{PUBLISHED, kernel},
};

const IMAGE: &str = "ghcr.io/someone/custom-coreos:tried";

/// A published image as this project would label it, and its labels edited.
fn published(edit: impl FnOnce(&mut Map<String, Value>)) -> Sandbox {
    let sandbox = Sandbox::new();
    let lock = Lock::parse(&sandbox.run(&["resolve"]).expect(0), "here").unwrap();
    let mut labels = json!({
        LOCK_LABEL: lock.to_line().unwrap(),
        "org.opencontainers.image.version": image_version(&lock),
        "org.opencontainers.image.base.digest": lock.targets[0].base,
        "ostree.linux": kernel(),
        "custom-coreos.kernel-version": kernel(),
        "custom-coreos.zfs-version": "2.4.4",
    });
    edit(labels.as_object_mut().unwrap());
    sandbox.upstream.put_image(PUBLISHED, "tried", &labels);
    sandbox
}

#[test]
fn an_image_that_is_what_it_says() {
    let sandbox = published(|_| {});
    let table = sandbox.run_in_ci(&["verify", IMAGE]).expect(0);
    assert!(!table.contains("FAIL"), "{table}");
    assert_eq!(sandbox.engine_verbs(), ["pull", "run"]);
    // By digest: the tag may move in between.
    let digest = sandbox.upstream.digest(PUBLISHED, "tried").unwrap();
    for line in sandbox.engine_log() {
        assert!(line.contains(&digest), "{line}");
    }
    sandbox.assert_no_tag_moved();
}

#[test]
fn an_image_that_is_not() {
    for label in [
        "org.opencontainers.image.version",
        "ostree.linux",
        "custom-coreos.zfs-version",
    ] {
        let sandbox = published(|labels| {
            labels.insert(label.to_owned(), json!("another"));
        });
        let table = sandbox.run_in_ci(&["verify", IMAGE]).expect(1);
        let line = table.lines().find(|line| line.starts_with("FAIL")).unwrap();
        assert!(line.contains(label) && line.contains("another"), "{table}");
    }
    let sandbox = published(|_| {});
    sandbox.on(
        "run",
        "printf 'FAIL\\tmodule\\ta\\tb\\nend\\t1 checks, 1 failed\\n'; exit 1",
    );
    let table = sandbox.run_in_ci(&["verify", IMAGE]).expect(1);
    assert!(table.contains("FAIL  module"), "{table}");
}

#[test]
fn an_image_of_somebody_else() {
    let lockless = |labels: &mut Map<String, Value>| drop(labels.remove(LOCK_LABEL));
    let broken = |labels: &mut Map<String, Value>| {
        labels.insert(
            LOCK_LABEL.to_owned(),
            json!("{\"schema\": 1, \"evil\n::error::\": 1}"),
        );
    };
    for (sandbox, said) in [
        (published(lockless), "it was not built by this project"),
        (published(broken), "lock in label"),
    ] {
        let outcome = sandbox.run_in_ci(&["verify", IMAGE]);
        assert!(outcome.stderr.contains(said), "{outcome:?}");
        outcome.expect(1);
        assert_eq!(sandbox.engine_log(), [""; 0]);
    }
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["verify", IMAGE]);
    assert!(outcome.stderr.contains("it is not there"), "{outcome:?}");
    outcome.expect(1);
}

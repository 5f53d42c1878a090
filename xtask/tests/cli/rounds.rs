//! Requests are counted by the server that gets them.

use serde_json::json;

use super::support::{
    Sandbox,
    upstream::{KMODS, kernel},
};

/// As it is with the big registries: strangers need a token.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.upstream.tokens();
    sandbox
}

/// What a run asks.
fn asked(sandbox: &Sandbox, args: &[&str], code: i32) -> Vec<String> {
    let before = sandbox.upstream.requests().len();
    sandbox.run(args).expect(code);
    sandbox.upstream.requests().split_off(before)
}

#[test]
fn versions_asks_little() {
    let sandbox = sandbox();
    let cold = asked(&sandbox, &["versions"], 0);
    assert!(cold.len() <= 8, "{cold:#?}");
    let warm = asked(&sandbox, &["versions"], 0);
    assert!(warm.len() <= 4, "{warm:#?}");
    // Nothing of it is asked of a cache alone: each source is still asked.
    for part in ["/updates/", "/releases", "/manifests/"] {
        assert!(warm.iter().any(|line| line.contains(part)), "{warm:#?}");
    }
}

#[test]
fn what_changed_is_seen_through_a_warm_cache() {
    let sandbox = sandbox();
    let before = sandbox.run(&["versions"]).expect(0);
    assert_eq!(sandbox.run(&["versions"]).expect(0), before);
    // A new image under the same tag.
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    sandbox
        .upstream
        .put_image(KMODS, &tag, &json!({"again": "1"}));
    assert_ne!(sandbox.run(&["versions"]).expect(0), before);
    // A release that the cached index does not have.
    let version = "44.20260803.3.1";
    sandbox.upstream.release(version, "7.2.0-200.fc44", Some(1));
    assert!(sandbox.run(&["versions"]).expect(0).contains(version));
    // A registry that asks for a token no more, or for one from elsewhere.
    sandbox.upstream.remove(KMODS, &tag);
    sandbox.run(&["versions"]).expect(10);
}

#[test]
fn a_broken_cache_is_no_cache() {
    let sandbox = sandbox();
    let before = sandbox.run(&["versions"]).expect(0);
    let folder = sandbox.path("home/.cache/custom-coreos");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        std::fs::write(file.unwrap().path(), "{\"of\": \"").unwrap();
    }
    assert_eq!(sandbox.run(&["versions"]).expect(0), before);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(sandbox.run(&["versions"]).expect(0), before);
}

#[test]
fn a_build_with_nothing_to_do_asks_little_more() {
    let sandbox = sandbox();
    sandbox.run(&["versions"]).expect(0);
    let asked = asked(&sandbox, &["build", "--dry-run"], 0);
    // The published image: its token, manifest and config.
    assert!(asked.len() <= 7, "{asked:#?}");
}

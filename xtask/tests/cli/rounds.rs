//! Requests are counted by the server that gets them.

use serde_json::json;

use super::support::{
    Bench,
    upstream::{KMODS, kernel},
};

/// As it is with the big registries: strangers need a token.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.upstream.tokens();
    bench
}

/// What a run asks.
fn asked(bench: &Bench, args: &[&str], code: i32) -> Vec<String> {
    let before = bench.upstream.requests().len();
    bench.run(args).expect(code);
    bench.upstream.requests().split_off(before)
}

#[test]
fn versions_asks_little() {
    let bench = bench();
    let cold = asked(&bench, &["versions"], 0);
    assert!(cold.len() <= 8, "{cold:#?}");
    let warm = asked(&bench, &["versions"], 0);
    assert!(warm.len() <= 4, "{warm:#?}");
    // Nothing of it is asked of a cache alone: each source is still asked.
    for part in ["/updates/", "/releases", "/manifests/"] {
        assert!(warm.iter().any(|line| line.contains(part)), "{warm:#?}");
    }
}

#[test]
fn what_changed_is_seen_through_a_warm_cache() {
    let bench = bench();
    let before = bench.run(&["versions"]).expect(0);
    assert_eq!(bench.run(&["versions"]).expect(0), before);
    // A new image under the same tag.
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    bench
        .upstream
        .put_image(KMODS, &tag, &json!({"again": "1"}));
    assert_ne!(bench.run(&["versions"]).expect(0), before);
    // A release that the cached index does not have.
    let version = "44.20260803.3.1";
    bench.upstream.release(version, "7.2.0-200.fc44", Some(1));
    assert!(bench.run(&["versions"]).expect(0).contains(version));
    // A registry that asks for a token no more, or for one from elsewhere.
    bench.upstream.remove(KMODS, &tag);
    bench.run(&["versions"]).expect(10);
}

#[test]
fn a_broken_cache_is_no_cache() {
    let bench = bench();
    let before = bench.run(&["versions"]).expect(0);
    let folder = bench.path("home/.cache/custom-coreos");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        std::fs::write(file.unwrap().path(), "{\"of\": \"").unwrap();
    }
    assert_eq!(bench.run(&["versions"]).expect(0), before);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(bench.run(&["versions"]).expect(0), before);
}

#[test]
fn a_build_with_nothing_to_do_asks_little_more() {
    let bench = bench();
    bench.run(&["versions"]).expect(0);
    let asked = asked(&bench, &["build", "--dry-run"], 0);
    // The published image: its token, manifest and config.
    assert!(asked.len() <= 7, "{asked:#?}");
}

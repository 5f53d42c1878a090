//! ZFS lags the kernel, and nothing goes red.

use serde_json::json;

use super::support::{
    FCOS, Sandbox,
    upstream::{KMODS, PUBLISHED, day, kernel},
};

const PUBLISH: [&str; 2] = ["build", "--publish"];
const NEXT: &str = "44.20260803.3.1";
const NEXT_KERNEL: &str = "7.2.0-200.fc44";

fn next_kernel() -> String {
    format!("{NEXT_KERNEL}.{}", std::env::consts::ARCH)
}

fn has_kmods(sandbox: &Sandbox, zfs: &str, kernel: &str) {
    let tag = format!("zfs-{zfs}_kernel-{kernel}");
    sandbox.upstream.put_image(KMODS, &tag, &json!({}));
}

/// Two days ago Fedora's kernel moved, and nobody has modules for it.
fn lagging() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.upstream.release(NEXT, NEXT_KERNEL, Some(2));
    sandbox
}

/// `image.yaml` with another policy.
fn policy(sandbox: &Sandbox, section: &str) {
    let yaml = sandbox.read("image.yaml");
    let (before, rest) = yaml.split_once("policy:\n").unwrap();
    let after = rest.find("\nkmods:").unwrap();
    let yaml = format!("{before}policy:\n{section}{}", &rest[after..]);
    sandbox.write("image.yaml", &yaml);
}

fn built(sandbox: &Sandbox) -> String {
    let log = sandbox.engine_log();
    let build = log.iter().find(|line| line.starts_with("podman build "));
    build.cloned().unwrap_or_default()
}

#[track_caller]
fn assert_builds(sandbox: &Sandbox, base: &str, kernel: &str, zfs: &str) {
    let outcome = sandbox.run_in_ci(&PUBLISH);
    let build = built(sandbox);
    let version = format!("image.version={base}-zfs{zfs} ");
    for part in [
        version,
        format!("KERNEL_VERSION={kernel} "),
        format!("ZFS_VERSION={zfs} "),
    ] {
        assert!(build.contains(&part), "{part} in {build}\n{outcome:?}");
    }
    outcome.expect(0);
}

#[test]
fn the_base_is_held_back_and_everybody_hears_why() {
    let sandbox = lagging();
    let summary = sandbox.path("summary").display().to_string();
    let output = sandbox.path("github-output").display().to_string();
    let files = [
        ("GITHUB_OUTPUT", output.as_str()),
        ("GITHUB_STEP_SUMMARY", &summary),
    ];
    let outcome = sandbox.run_with(&PUBLISH, &files);
    let since = day(-2);
    for text in [
        &outcome.stderr,
        &sandbox.read("summary"),
        &sandbox.read("github-output"),
    ] {
        for part in [NEXT, since.as_str(), "no kmods exist for kernel 7.2.0"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    outcome.expect(0);
    let output = sandbox.read("github-output");
    assert!(output.contains("verdict<<END_0\nhold\n"), "{output}");
    let build = built(&sandbox);
    assert!(
        build.contains(&format!("KERNEL_VERSION={} ", kernel())),
        "{build}"
    );
    assert!(
        build.contains(&format!("image.version={FCOS}-zfs2.4.4")),
        "{build}"
    );
    assert!(build.contains("bases-passed-over"), "{build}");
    // The day the modules are there, the newer base is taken by itself.
    has_kmods(&sandbox, "2.4.4", &next_kernel());
    sandbox.write("log", "");
    assert_builds(&sandbox, NEXT, &next_kernel(), "2.4.4");
}

#[test]
fn a_base_is_not_held_for_ever() {
    let sandbox = lagging();
    policy(&sandbox, "  rule: hold\n  hold-days: 1\n");
    let outcome = sandbox.run_in_ci(&PUBLISH);
    for words in [
        "held for too long",
        "no ZFS kernel modules for kernel 7.2.0",
    ] {
        assert!(outcome.stderr.contains(words), "{words} in {outcome:?}");
    }
    outcome.expect(10);
    sandbox.assert_nothing_published();
    assert_eq!(sandbox.read("github-output"), "");
}

#[test]
fn the_strict_rule_holds_nothing() {
    let sandbox = lagging();
    policy(&sandbox, "  rule: newest\n");
    sandbox.run_in_ci(&PUBLISH).expect(10);
    sandbox.assert_nothing_published();
}

#[test]
fn an_older_zfs_is_better_than_none() {
    let sandbox = Sandbox::new();
    sandbox
        .upstream
        .remove(KMODS, &format!("zfs-2.4.4_kernel-{}", kernel()));
    has_kmods(&sandbox, "2.4.3", &kernel());
    // Of another series, and withdrawn by OpenZFS: neither is taken.
    has_kmods(&sandbox, "2.3.9", &kernel());
    has_kmods(&sandbox, "2.4.5", &kernel());
    assert_builds(&sandbox, FCOS, &kernel(), "2.4.3");
    let outcome = sandbox.run(&["versions"]);
    assert!(outcome.stderr.contains("ZFS 2.4.4 is out"), "{outcome:?}");
    assert!(outcome.expect(0).contains("2.4.3 (newest: 2.4.4)"));
}

#[test]
fn dead_ends_and_what_is_not_rolled_out_do_not_count() {
    for edit in [
        (|r: &mut super::support::upstream::Release| r.days_ago = None) as fn(&mut _),
        |release| release.days_ago = Some(-1),
        |release| release.dead_end = Some("it does not boot".to_owned()),
    ] {
        let sandbox = lagging();
        has_kmods(&sandbox, "2.4.4", &next_kernel());
        sandbox.upstream.fedora(|releases| edit(&mut releases[1]));
        assert_builds(&sandbox, FCOS, &kernel(), "2.4.4");
        let verdict = sandbox.run(&["versions", "--json"]).expect(0);
        assert!(verdict.contains("\"verdict\": \"compatible\""), "{verdict}");
    }
}

#[test]
fn an_update_never_goes_back() {
    let sandbox = lagging();
    has_kmods(&sandbox, "2.4.4", &next_kernel());
    let lock = sandbox.run(&["resolve", "--json"]).expect(0);
    let labels = json!({"custom-coreos.lock": lock});
    sandbox.upstream.put_aged(PUBLISHED, "stable", &labels, 1);
    // The modules that it was built of are withdrawn.
    let tag = format!("zfs-2.4.4_kernel-{}", next_kernel());
    sandbox.upstream.remove(KMODS, &tag);
    for task in [&PUBLISH[..], &["versions"]] {
        let outcome = sandbox.run_in_ci(task);
        let words = format!("older than the published {NEXT}");
        assert!(outcome.stderr.contains(&words), "{outcome:?}");
        outcome.expect(10);
    }
    assert_eq!(sandbox.engine_verbs(), [""; 0]);
}

fn pin(sandbox: &Sandbox, expires: i64, limits: &str) {
    let expires = day(expires);
    policy(
        sandbox,
        &format!(
            "  rule: pin\n  pin:\n{limits}    reason: the NIC hangs\n    expires: {expires}\n"
        ),
    );
}

#[test]
fn a_pin_is_followed_then_warned_of_then_refused() {
    let limits = format!("    base: {FCOS}\n");
    let sandbox = lagging();
    has_kmods(&sandbox, "2.4.4", &next_kernel());
    pin(&sandbox, 10, &limits);
    assert_builds(&sandbox, FCOS, &kernel(), "2.4.4");

    pin(&sandbox, -3, &limits);
    let outcome = sandbox.run_in_ci(&["build", "--force", "again"]);
    for words in ["Warning the pin", "the NIC hangs", "4 days more"] {
        assert!(outcome.stderr.contains(words), "{words} in {outcome:?}");
    }
    outcome.expect(0);

    sandbox.write("log", "");
    pin(&sandbox, -8, &limits);
    for task in [&PUBLISH[..], &["versions"], &["resolve"], &["explain"]] {
        let outcome = sandbox.run_in_ci(task);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in ["refused", "expired", "the NIC hangs"] {
            assert!(all.contains(words), "{words} in {outcome:?}");
        }
        outcome.expect(4);
    }
    assert_eq!(sandbox.engine_verbs(), [""; 0]);
}

#[test]
fn a_pin_of_kernel_zfs_or_image() {
    let prepared = || {
        let sandbox = lagging();
        has_kmods(&sandbox, "2.4.4", &next_kernel());
        has_kmods(&sandbox, "2.4.3", &next_kernel());
        sandbox
    };
    let sandbox = prepared();
    pin(&sandbox, 1, "    kernel-ceiling: \"7.1\"\n");
    assert_builds(&sandbox, FCOS, &kernel(), "2.4.4");
    let sandbox = prepared();
    pin(&sandbox, 1, "    zfs: 2.4.3\n");
    assert_builds(&sandbox, NEXT, &next_kernel(), "2.4.3");

    let sandbox = prepared();
    let prefix = "io.github.samhclark.fedora-zfs-kmods";
    let labels = json!({
        format!("{prefix}.kernel.version"): next_kernel(),
        format!("{prefix}.zfs.tag"): "zfs-2.4.3",
    });
    let image = sandbox.upstream.put_image(KMODS, "kept", &labels);
    pin(
        &sandbox,
        1,
        &format!("    kmods-digest: {}\n", image.digest),
    );
    assert_builds(&sandbox, NEXT, &next_kernel(), "2.4.3");
    assert!(built(&sandbox).contains(&format!("KMODS_IMAGE={KMODS}@{} ", image.digest)));

    // Without labels nobody knows what it is; and one that is gone is absent.
    let sandbox = prepared();
    let image = sandbox
        .upstream
        .put_image(KMODS, "plain", &json!({"a": "b"}));
    pin(
        &sandbox,
        1,
        &format!("    kmods-digest: {}\n", image.digest),
    );
    sandbox.run_in_ci(&PUBLISH).expect(3);
    sandbox.upstream.remove(KMODS, image.digest.as_str());
    sandbox.run_in_ci(&PUBLISH).expect(10);
}

#[test]
fn an_image_that_is_listed_and_gone_is_not_taken() {
    let sandbox = lagging();
    has_kmods(&sandbox, "2.4.4", &next_kernel());
    // The list of tags is older than the deletion.
    let tags = json!({"name": "k", "tags": [
        format!("zfs-2.4.4_kernel-{}", next_kernel()),
        format!("zfs-2.4.4_kernel-{}", kernel()),
    ]});
    let tag = format!("zfs-2.4.4_kernel-{}", next_kernel());
    sandbox.upstream.remove(KMODS, &tag);
    let reply = remote::loopback::Reply::new(200, "application/json", tags.to_string());
    sandbox
        .upstream
        .answer(&format!("/v2/{KMODS}/tags/list"), reply);
    assert_builds(&sandbox, FCOS, &kernel(), "2.4.4");
}

#[test]
fn an_older_base_is_never_taken_because_a_newer_could_not_be_asked_about() {
    let sandbox = lagging();
    let reply = remote::loopback::Reply::new(500, "text/plain", "oops");
    let builds = format!("/fedora/prod/streams/stable/builds/{NEXT}");
    sandbox.upstream.answer(&builds, reply);
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert!(outcome.stderr.contains("could not find out"), "{outcome:?}");
    assert!(!outcome.stderr.contains("no kmods"), "{outcome:?}");
    outcome.expect(3);
    assert_eq!(built(&sandbox), "");
}

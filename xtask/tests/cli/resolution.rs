//! Whatever cannot be resolved never reaches the engine.

use remote::loopback::{Reply, nobody};
use serde_json::json;

use super::support::{
    FCOS, Outcome, Sandbox,
    upstream::{BASE, KMODS, kernel},
};

const PUBLISH: [&str; 2] = ["build", "--publish"];

/// Nothing was built, pushed, promoted or told to later steps.
#[track_caller]
fn assert_not_built(sandbox: &Sandbox) {
    let verbs = sandbox.engine_verbs();
    assert!(!verbs.contains(&"build".to_owned()), "{verbs:?}");
    sandbox.assert_nothing_published();
    assert_eq!(sandbox.read("github-output"), "");
}

/// "There are no kmods" is an answer, and must never be the word for trouble.
#[track_caller]
fn assert_no_word_of_missing_kmods(outcome: &Outcome) {
    for words in ["no ZFS kernel modules", "no kmods", "likely reasons"] {
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!all.contains(words), "{all}");
    }
}

fn text(status: u16, body: &str) -> Reply {
    Reply::new(status, "text/html", body)
}

#[test]
fn a_series_without_a_release_is_waited_for() {
    for releases in [&[][..], &["zfs-2.3.9", "zfs-2.40.1", "zfs-2.4.5-rc1"]] {
        let sandbox = Sandbox::new();
        sandbox.upstream.releases(releases);
        let outcome = sandbox.run_in_ci(&PUBLISH);
        let words = "no final release of series 2.4";
        assert!(outcome.stderr.contains(words), "{outcome:?}");
        assert_no_word_of_missing_kmods(&outcome);
        outcome.expect(10);
        assert_not_built(&sandbox);
    }
}

#[test]
fn absent_kmods_are_an_answer() {
    let sandbox = Sandbox::new();
    let kernel = kernel();
    sandbox
        .upstream
        .remove(KMODS, &format!("zfs-2.4.4_kernel-{kernel}"));
    sandbox
        .upstream
        .put_image(KMODS, &format!("zfs-2.3.9_kernel-{kernel}"), &json!({}));
    for args in [&PUBLISH[..], &["check-zfs-available"], &["resolve"]] {
        let outcome = sandbox.run_in_ci(args);
        for words in [
            format!("no ZFS kernel modules for kernel {kernel} with ZFS 2.4.4"),
            "this kernel   ZFS 2.3.9".to_owned(),
            "likely reasons".to_owned(),
            "https://example.org/makers/kmods".to_owned(),
        ] {
            assert!(outcome.stderr.contains(&words), "{words} in {outcome:?}");
        }
        assert_eq!(outcome.expect(10), "");
        assert_not_built(&sandbox);
    }
}

#[test]
fn trouble_is_never_taken_for_absence() {
    for path in [
        "/v2/ghcr.io/makers",
        "/github",
        "/fedora/prod/streams/stable/releases.json",
        "/fedora/updates",
    ] {
        let mut answers = vec![text(500, "oops"), text(403, "no"), text(429, "slow down")];
        // Not what any of them would say, each in its own way.
        answers.push(text(200, "<html>log in to the hotel's network</html>"));
        for reply in answers {
            let sandbox = Sandbox::new();
            let status = reply.status;
            sandbox.upstream.answer(path, reply);
            let outcome = sandbox.run_in_ci(&PUBLISH);
            assert!(
                outcome.stderr.contains("could not find out"),
                "{path} {status}: {outcome:?}"
            );
            assert_no_word_of_missing_kmods(&outcome);
            outcome.expect(3);
            assert_not_built(&sandbox);
        }
    }
}

#[test]
fn a_registry_where_nobody_listens_is_trouble() {
    let sandbox = Sandbox::new();
    let address = nobody().unwrap().to_string();
    let here = sandbox.upstream.address().to_string();
    sandbox.write(
        "registries.conf",
        &sandbox.read("registries.conf").replace(&here, &address),
    );
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert_no_word_of_missing_kmods(&outcome);
    outcome.expect(3);
    assert_not_built(&sandbox);
}

#[test]
fn an_unknown_kernel_is_an_error() {
    for reply in [text(404, ""), text(200, "{}"), text(500, "")] {
        let sandbox = Sandbox::new();
        sandbox
            .upstream
            .answer("/fedora/prod/streams/stable/builds", reply);
        // The fake engine's `run` answers no question about packages.
        let outcome = sandbox.run_in_ci(&PUBLISH);
        assert_no_word_of_missing_kmods(&outcome);
        assert!(outcome.stderr.contains("the kernel of"), "{outcome:?}");
        outcome.expect(3);
        assert_not_built(&sandbox);
    }
}

/// What a hostile or broken upstream would send in the place of `good`.
fn malformed(good: &str) -> Vec<String> {
    vec![
        format!("{good}\nevil=1"),
        format!("{good}/evil"),
        format!("{good}\"evil"),
        format!("{good}'evil"),
        format!("{good} --evil"),
        "../evil".to_owned(),
        "$(evil)".to_owned(),
    ]
}

/// No trace of it where it could do harm, and in the story on no line of its own.
#[track_caller]
fn assert_no_evil(sandbox: &Sandbox, outcome: &Outcome) {
    for place in [
        &outcome.stdout,
        &sandbox.read("log"),
        &sandbox.read("github-output"),
    ] {
        assert!(!place.contains("evil"), "{place}");
    }
    assert!(!outcome.stderr.contains("\nevil"), "{}", outcome.stderr);
}

#[test]
fn malformed_versions_of_the_base_reach_nothing() {
    for version in malformed(FCOS) {
        let sandbox = Sandbox::new();
        sandbox
            .upstream
            .fedora(|releases| releases[0].version = version);
        let outcome = sandbox.run_in_ci(&PUBLISH);
        assert_no_evil(&sandbox, &outcome);
        // It is not the document that it should be, and says nothing.
        outcome.expect(3);
        assert_not_built(&sandbox);
    }
}

#[test]
fn malformed_kernels_reach_nothing() {
    let good = kernel();
    for kernel in malformed(&good) {
        // Fedora's metadata says so, and nobody else knows better.
        let (version, release) = kernel.split_once('-').unwrap_or(("", &kernel));
        let arch = std::env::consts::ARCH;
        let list = json!([["kernel-core", "0", version, release, arch]]);
        let body = json!({"rpmostree.rpmdb.pkglist": list}).to_string();
        let builds = "/fedora/prod/streams/stable/builds";
        let sandbox = Sandbox::new();
        sandbox.upstream.answer(builds, text(200, &body));
        sandbox.write("said", &kernel);
        sandbox.on("run", "cat \"$here/said\"");
        let outcome = sandbox.run_in_ci(&PUBLISH);
        assert_no_evil(&sandbox, &outcome);
        outcome.expect(3);
        assert_not_built(&sandbox);

        // A label that says so is passed over as well; a true one is not.
        for (label, code) in [(&kernel, 3), (&good, 0)] {
            let sandbox = Sandbox::new();
            let labels = json!({"ostree.linux": label});
            let image = sandbox.upstream.put_image(BASE, "labelled", &labels);
            sandbox.upstream.base(&image);
            sandbox.upstream.answer(builds, text(404, ""));
            let outcome = sandbox.run_in_ci(&PUBLISH);
            assert_no_evil(&sandbox, &outcome);
            outcome.expect(code);
        }
    }
}

#[test]
fn malformed_tags_reach_nothing() {
    let releases: Vec<String> = malformed("zfs-2.4.9");
    let sandbox = Sandbox::new();
    let releases: Vec<&str> = releases
        .iter()
        .map(String::as_str)
        .chain(["zfs-2.4.4"])
        .collect();
    sandbox.upstream.releases(&releases);
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert_no_evil(&sandbox, &outcome);
    outcome.expect(0);
    assert!(sandbox.engine_log()[0].contains("ZFS_VERSION=2.4.4"));

    // In the list of what exists instead.
    let good = format!("zfs-2.4.3_kernel-{}", kernel());
    let sandbox = Sandbox::new();
    sandbox
        .upstream
        .remove(KMODS, &format!("zfs-2.4.4_kernel-{}", kernel()));
    for tag in malformed(&good) {
        sandbox.upstream.put_image(KMODS, &tag, &json!({}));
    }
    let outcome = sandbox.run_in_ci(&["versions"]);
    assert_no_evil(&sandbox, &outcome);
    assert!(outcome.stderr.contains("this kernel   none"), "{outcome:?}");
    outcome.expect(10);
}

#[test]
fn malformed_labels_of_the_kmods_reach_nothing() {
    let (kernel, good) = (kernel(), "zfs-2.4.4");
    let prefix = "io.github.samhclark.fedora-zfs-kmods";
    let labels = malformed(good)
        .into_iter()
        .map(|value| json!({format!("{prefix}.zfs.tag"): value}))
        .chain(
            malformed(&kernel)
                .into_iter()
                .map(|v| json!({format!("{prefix}.kernel.version"): v})),
        );
    for labels in labels {
        let sandbox = Sandbox::new();
        sandbox
            .upstream
            .put_image(KMODS, &format!("zfs-2.4.4_kernel-{kernel}"), &labels);
        let outcome = sandbox.run_in_ci(&PUBLISH);
        assert!(outcome.stderr.contains("not to be trusted"), "{outcome:?}");
        assert_no_evil(&sandbox, &outcome);
        outcome.expect(1);
        assert_not_built(&sandbox);
    }
}

//! From a good resolution to a moved tag, and what keeps it from moving.

use super::support::{COMMIT, Sandbox, steady};

const PUBLISH: [&str; 2] = ["build", "--publish"];

#[test]
fn all_is_well() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run_in_ci(&PUBLISH);
    let story = outcome.stderr.clone();
    let stdout = outcome.expect(0);
    assert_eq!(
        sandbox.engine_verbs(),
        [
            "build", "run", "push", "image", "pull", "run", "run", "image", "rmi"
        ]
    );
    let new = sandbox.pushed();
    assert_eq!(sandbox.published("stable").as_deref(), Some(new.as_str()));
    // Only by copying the manifest: two names for good, and this one tag.
    let puts = |tag: &str| {
        let path = format!("/v2/ghcr.io/someone/custom-coreos/manifests/{tag}");
        sandbox.upstream.asked("PUT", &path)
    };
    assert_eq!(puts("stable"), 1);
    assert_eq!(puts("44.20260720.3.1-zfs2.4.4"), 1);
    assert!(story.contains("the image will not be signed"), "{story}");
    assert!(
        story.contains(&format!("Published ghcr.io/someone/custom-coreos@{new}")),
        "{story}"
    );
    let fetched = sandbox.fetched();
    assert_eq!(fetched.len(), 2);
    let build = &sandbox.engine_log()[0];
    for image in fetched {
        assert!(
            image.contains("@sha256:") && build.contains(&image),
            "{image}"
        );
    }
    assert!(
        build.contains(&format!("image.revision={COMMIT}")),
        "{build}"
    );
    assert!(stdout.starts_with("unsigned "), "{stdout}");
    assert!(stdout.contains("\ntrusted  quay.io/"), "{stdout}");
    assert!(stdout.contains("\nrun      podman build"), "{stdout}");
}

#[test]
fn the_dry_run_shows_what_the_real_run_performs() {
    let push = ["build", "--push"];
    for args in [&["build"][..], &push, &PUBLISH, &["test-build"]] {
        let sandbox = Sandbox::new();
        sandbox.on("rmi", "");
        let dry = [args, &["--dry-run"]].concat();
        let shown = sandbox.run(&dry).expect(0);
        assert_eq!(
            sandbox.engine_calls(),
            [""; 0],
            "a dry run starts no engine"
        );
        sandbox.assert_nothing_published();
        // Otherwise the lock is shortened, and nothing else.
        let whole = [args, &["--verbose"]].concat();
        let performed = sandbox.run(&whole).expect(0);
        assert_eq!(steady(&shown), steady(&performed));
        // And that is what the engine was given, but for the shell's quotes and
        // the question of which image it was that was built.
        let log: Vec<String> = sandbox.engine_calls();
        let log = log.iter().filter(|line| !line.contains(" image inspect "));
        let digest = sandbox.published("candidate");
        let digest = digest.unwrap_or_else(|| "none".to_owned());
        let plain = |line: &str| line.replace(['\'', '\\'], "").replace(&digest, "PUSHED");
        let shown = performed.lines().filter_map(|line| {
            let line = line
                .strip_prefix("run      ")
                .or(line.strip_prefix("remove   "))
                .or(line.strip_prefix("transfer "))
                .or(line.strip_prefix("check    "))
                .or(line.strip_prefix("attach   the packages by "))?;
            Some(plain(line.split(" < ").next().unwrap()))
        });
        assert_eq!(
            log.map(|line| plain(line)).collect::<Vec<_>>(),
            shown.collect::<Vec<_>>()
        );
    }
}

#[test]
fn somebody_elses_ci_is_stopped_before_the_build() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run_with(&PUBLISH, &[("GITHUB_REPOSITORY_OWNER", "forker")]);
    assert!(
        outcome.stderr.contains("`image.owner` in image.yaml"),
        "{outcome:?}"
    );
    outcome.expect(2);
    assert_eq!(sandbox.engine_log(), [""; 0]);
    assert_eq!(sandbox.upstream.asked("", ""), 0);
    // The case of the letters makes no other owner, and a build no publication.
    sandbox
        .run_with(&PUBLISH, &[("GITHUB_REPOSITORY_OWNER", "SomeOne")])
        .expect(0);
    sandbox
        .run_with(&["build"], &[("GITHUB_REPOSITORY_OWNER", "forker")])
        .expect(0);
}

#[test]
fn a_failing_engine_ends_it_and_says_why() {
    for (verb, of, verbs) in [
        ("pull", "kmods", &[][..]),
        ("build", "", &["build"]),
        ("push", "", &["build", "run", "push"]),
        (
            "pull",
            "someone/custom-coreos",
            &["build", "run", "push", "image", "pull"],
        ),
    ] {
        let sandbox = Sandbox::new();
        let fails = "for i in 1 2 3; do echo line $i; done; echo no space left >&2; exit 125";
        let well = sandbox.read(&format!("on/{verb}"));
        sandbox.on(
            verb,
            &format!("case \"$*\" in *{of}*) {fails} ;; esac\n{well}"),
        );
        let outcome = sandbox.run_in_ci(&PUBLISH);
        let error = outcome.stderr.split("error: ").last().unwrap().to_owned();
        assert!(error.contains(&format!("`podman {verb}")), "{error}");
        assert!(error.contains("exit status: 125"), "{error}");
        assert!(
            error.contains("line 3") && error.contains("no space left"),
            "{error}"
        );
        outcome.expect(1);
        assert_eq!(sandbox.engine_verbs(), verbs);
        sandbox.assert_no_tag_moved();
        assert!(!sandbox.exists("github-output"));
    }
}

#[test]
fn a_broken_contract_keeps_the_image_at_home() {
    let failed =
        "printf 'ok\\ta\\tb\\tb\\nFAIL\\tmodule\\tthis\\tthat\\nend\\t2 checks, 1 failed\\n'";
    let passed = "printf 'ok\\ta\\tb\\tb\\nend\\t1 checks, 0 failed\\n'";
    let names_it = "module: expected this, found that";
    for (report, said) in [
        (format!("{failed}; exit 1"), names_it),
        (failed.to_owned(), names_it),
        (format!("{passed}; exit 1"), "exit status is not 0"),
        (
            "printf 'ok\\ta\\tb\\tb\\n'".to_owned(),
            "did not come to its end",
        ),
        (String::new(), "did not come to its end"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.on("run", &report);
        let outcome = sandbox.run_in_ci(&PUBLISH);
        let error = outcome.stderr.split("error: contract: ").last().unwrap();
        assert!(error.contains(said), "{report}: {outcome:?}");
        outcome.expect(1);
        assert_eq!(sandbox.engine_verbs(), ["build", "run"], "{report}");
        sandbox.assert_nothing_published();
        assert!(!sandbox.exists("github-output"));
    }
}

#[test]
fn the_image_of_another_run_is_not_promoted() {
    let sandbox = Sandbox::new();
    sandbox.on("inspect", &format!("echo {}", "a".repeat(64)));
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert!(
        outcome
            .stderr
            .contains("another image than the one built here"),
        "{outcome:?}"
    );
    outcome.expect(1);
    sandbox.assert_no_tag_moved();
    assert!(!sandbox.exists("github-output"));
}

#[test]
fn a_lock_is_built_without_asking_github_or_fedora() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let asked = || {
        (
            sandbox.upstream.asked("", "/github"),
            sandbox.upstream.asked("", "/fedora"),
        )
    };
    let before = asked();
    assert!(before.0 > 0 && before.1 > 0, "{before:?}");
    // A day later everything is another, or gone.
    sandbox.upstream.releases(&[]);
    sandbox.upstream.kernel("6.0.0-1.fc40.x86_64");
    sandbox
        .run(&["build", "--publish", "--locked", "lock.json"])
        .expect(0);
    assert_eq!(asked(), before);
    let fetched = sandbox.fetched();
    assert_eq!(fetched.len(), 2);
    let build = &sandbox.engine_log()[0];
    for image in fetched {
        assert!(
            image.contains("@sha256:") && build.contains(&image),
            "{image}"
        );
    }
    assert!(build.contains("ZFS_VERSION=2.4.4"), "{build}");
}

#[test]
fn a_lock_of_other_files_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    sandbox.write("containerfiles/custom-coreos/Containerfile", "FROM y\n");
    let outcome = sandbox.run_in_ci(&["build", "--publish", "--locked", "lock.json"]);
    assert!(
        outcome.stderr.contains("refused: the lock was made from"),
        "{outcome:?}"
    );
    outcome.expect(4);
    assert_eq!(sandbox.engine_log(), [""; 0]);
    sandbox.assert_nothing_published();
}

#[test]
fn a_dirty_tree_claims_no_commit() {
    let sandbox = Sandbox::new();
    sandbox.on("status", "echo ' M image.yaml'");
    sandbox.run(&["build"]).expect(0);
    let fetched = sandbox.fetched();
    assert_eq!(fetched.len(), 2);
    let build = &sandbox.engine_log()[0];
    for image in fetched {
        assert!(
            image.contains("@sha256:") && build.contains(&image),
            "{image}"
        );
    }
    assert!(!build.contains("image.revision"), "{build}");
}

#[test]
fn saved_facts_say_what_upstream_has_but_not_what_is_here() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["versions", "--save-facts", "facts.json"])
        .expect(0);
    let replay = ["build", "--facts", "facts.json"];
    sandbox.run(&replay).expect(0);

    // Replayed as they were saved, for a dry run; but what is built is here.
    sandbox.write("containerfiles/custom-coreos/Containerfile", "FROM y\n");
    sandbox.on("status", "echo ' M Containerfile'");
    let dry = [&replay[..], &["--dry-run"]].concat();
    assert!(sandbox.run(&dry).expect(0).contains("image.revision"));
    sandbox.run(&replay).expect(0);
    let builds: Vec<String> = sandbox.engine_log();
    let builds: Vec<&String> = builds
        .iter()
        .filter(|line| line.contains(" build "))
        .collect();
    assert!(builds[0].contains("image.revision") && !builds[1].contains("image.revision"));
    let lock = |line: &str| line.split("containerfiles\":\"").nth(1).unwrap()[..71].to_owned();
    assert_ne!(
        lock(builds[0]),
        lock(builds[1]),
        "the lock claims files that were not built"
    );

    // The engine of the command line is the one that is used.
    sandbox.tool("docker");
    let docker = [&dry[..], &["--engine=docker"]].concat();
    let shown = sandbox.run(&docker).expect(0);
    assert!(shown.contains("\nrun      docker build"), "{shown}");
}

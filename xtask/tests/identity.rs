//! CI is a computer that types the same command: on equal facts the answers are
//! equal to the byte, whatever the environment says.

mod support;

use support::Sandbox;
use support::upstream::PUBLISHED;

/// What the runner of GitHub Actions sets, as far as it could matter.
/// Source: GitHub Actions, "Variables reference".
const CI: &[(&str, &str)] = &[
    ("CI", "true"),
    ("GITHUB_ACTION", "__run"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_ACTOR", "someone"),
    ("GITHUB_API_URL", "https://api.github.invalid"),
    ("GITHUB_BASE_REF", ""),
    ("GITHUB_EVENT_NAME", "schedule"),
    ("GITHUB_HEAD_REF", ""),
    ("GITHUB_JOB", "build"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_REF_TYPE", "branch"),
    ("GITHUB_REPOSITORY", "someone/fork"),
    ("GITHUB_REPOSITORY_OWNER", "someone"),
    ("GITHUB_RUN_ATTEMPT", "3"),
    ("GITHUB_RUN_ID", "1234567890"),
    ("GITHUB_RUN_NUMBER", "77"),
    ("GITHUB_SERVER_URL", "https://github.invalid"),
    ("GITHUB_SHA", "ffffffffffffffffffffffffffffffffffffffff"),
    ("GITHUB_TOKEN", "not-a-token"),
    ("GITHUB_TRIGGERING_ACTOR", "someone"),
    ("GITHUB_WORKFLOW", "Nightly"),
    ("GITHUB_WORKSPACE", "/somewhere/else"),
    ("IMAGE_TAG", "other"),
    ("LANG", "tr_TR.UTF-8"),
    ("NO_COLOR", "1"),
    ("RUNNER_ARCH", "ARM64"),
    ("RUNNER_DEBUG", "1"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
    ("RUNNER_NAME", "runner-7"),
    ("RUNNER_OS", "Linux"),
    ("RUNNER_TEMP", "/somewhere/tmp"),
    ("RUNNER_TOOL_CACHE", "/somewhere/tools"),
    ("SOURCE_DATE_EPOCH", "1"),
    ("TZ", "Pacific/Kiritimati"),
];

#[test]
fn the_same_facts_give_the_same_bytes_here_and_in_ci() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["versions", "--save-facts", "facts.json"])
        .expect(0);
    let asked = sandbox.upstream.asked("", "");
    let output = sandbox.path("github-output").display().to_string();
    let summary = sandbox.path("summary").display().to_string();
    let files = [
        ("GITHUB_OUTPUT", output.as_str()),
        ("GITHUB_STEP_SUMMARY", &summary),
    ];
    let in_ci = [CI, &files].concat();
    for task in [
        &["versions"][..],
        &["resolve"],
        &["resolve", "--decide", "--force=no"],
        &["resolve", "--decide", "--force=a reason"],
        &["check-zfs-available"],
        &["build", "--dry-run"],
        &["build", "--publish", "--dry-run"],
        &["build", "--push", "--dry-run"],
        &["test-build", "--dry-run"],
    ] {
        for json in [&[][..], &["--json"]] {
            let args = [task, &["--facts", "facts.json"], json].concat();
            let here = sandbox.run(&args).expect(0);
            let there = sandbox.run_with(&args, &in_ci).expect(0);
            assert_eq!(here, there, "{args:?}");
            assert!(!here.is_empty(), "{args:?}");
        }
    }
    let config = sandbox.run(&["config"]).expect(0);
    assert_eq!(config, sandbox.run_with(&["config"], &in_ci).expect(0));
    // The bytes came from the facts alone.
    assert_eq!(sandbox.upstream.asked("", ""), asked);
    // And CI was CI: it got what the steps after it read.
    assert!(sandbox.exists("github-output") && sandbox.exists("summary"));
}

/// Both halves of a publication, of one lock and of what is in the registry.
#[test]
fn the_same_lock_gives_the_same_bytes_here_and_in_ci() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let push = ["build", "--push", "--locked", "lock.json"];
    sandbox.run(&push).expect(0);
    let image = format!("{PUBLISHED}@{}", sandbox.pushed());
    let publish = ["publish", &image, "--locked", "lock.json"];
    for task in [&push, &publish] {
        for more in [&["--dry-run"][..], &["--dry-run", "--json"]] {
            let args = [&task[..], more].concat();
            let here = sandbox.run(&args).expect(0);
            assert_eq!(here, sandbox.run_with(&args, CI).expect(0), "{args:?}");
            assert!(here.contains("run") && here.contains("stable"), "{here}");
        }
    }
    sandbox.assert_no_tag_moved();
}

#[test]
fn other_facts_give_other_bytes() {
    let sandbox = Sandbox::new();
    let args = ["build", "--dry-run", "--facts", "facts.json"];
    sandbox
        .run(&["versions", "--save-facts", "facts.json"])
        .expect(0);
    let first = sandbox.run(&args).expect(0);
    let facts = sandbox.read("facts.json");
    sandbox.write(
        "facts.json",
        &facts.replace("44.20260720.3.1", "44.20260721.3.0"),
    );
    assert_ne!(sandbox.run(&args).expect(0), first);
}

//! `resolve --decide`: whether there is anything to build, for the jobs that
//! follow and for whoever looks at the run.

use serde_json::{Value, json};

use super::support::{
    Outcome, Sandbox,
    upstream::{KMODS, PUBLISHED, day, kernel},
};

const DECIDE: [&str; 4] = ["resolve", "--decide", "-o", "lock.json"];

/// As the first job of the workflow runs it: what it ended with, its outputs
/// and the page of the run.
fn decide(sandbox: &Sandbox, words: &[&str]) -> (Outcome, Value, String) {
    for name in ["github-output", "summary", "lock.json"] {
        let _ = std::fs::remove_file(sandbox.path(name));
    }
    let place = |name: &str| sandbox.path(name).display().to_string();
    let (output, summary) = (place("github-output"), place("summary"));
    let env = [
        ("GITHUB_OUTPUT", output.as_str()),
        ("GITHUB_STEP_SUMMARY", &summary),
        ("GITHUB_REPOSITORY_OWNER", "someone"),
    ];
    let outcome = sandbox.run_with(&[&DECIDE, words].concat(), &env);
    let values = super::output::outputs(&sandbox.read("github-output"));
    (
        outcome,
        values.into_iter().collect(),
        sandbox.read("summary"),
    )
}

/// What would be built today was published so many days ago.
fn publish(sandbox: &Sandbox, days: i64) {
    let lock = sandbox.run(&["resolve"]).expect(0);
    let lock: Value = serde_json::from_str(&lock).unwrap();
    let labels = json!({"custom-coreos.lock": lock.to_string()});
    sandbox
        .upstream
        .put_aged(PUBLISHED, "stable", &labels, days);
}

#[track_caller]
fn assert_verdict(values: &Value, verdict: &str, build: &str) {
    assert_eq!(values["verdict"], verdict, "{values:#}");
    assert_eq!(values["build"], build, "{values:#}");
    // Whatever it is, the jobs that are skipped can be named.
    let arch = std::env::consts::ARCH;
    assert_eq!(values["architectures"], format!("[\"{arch}\"]"));
    let matrix: Value = serde_json::from_str(values["matrix"].as_str().unwrap()).unwrap();
    assert_eq!(matrix[0]["arch"], arch);
    let runner = matrix[0]["runner"].as_str().unwrap();
    assert!(runner.starts_with("ubuntu-"), "{runner}");
    assert_eq!(values["several"], "false");
}

#[test]
fn there_is_something_to_build() {
    let sandbox = Sandbox::new();
    let (outcome, values, _) = decide(&sandbox, &["--force=no"]);
    outcome.expect(0);
    assert_verdict(&values, "go", "true");
    let lock: Value = serde_json::from_str(&sandbox.read("lock.json")).unwrap();
    assert_eq!(lock["judgement"]["forced"], Value::Null);
}

#[test]
fn a_hold_is_built_and_explained() {
    let sandbox = Sandbox::new();
    sandbox
        .upstream
        .release("44.20260803.3.1", "7.2.0-200.fc44", Some(2));
    let (outcome, values, summary) = decide(&sandbox, &["--force=no"]);
    outcome.expect(0);
    assert_verdict(&values, "hold", "true");
    for part in ["Held back", "44.20260803.3.1", "7.2.0"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    // Published, it is not built every night that the hold lasts.
    publish(&sandbox, 1);
    let (outcome, values, summary) = decide(&sandbox, &["--force=no"]);
    outcome.expect(0);
    assert_verdict(&values, "unchanged", "false");
    assert!(summary.contains("Held back"), "{summary}");
}

#[test]
fn what_did_not_change_is_an_answer_and_a_reason_is_stronger() {
    let sandbox = Sandbox::new();
    publish(&sandbox, 2);
    let (outcome, values, summary) = decide(&sandbox, &["--force=no"]);
    outcome.expect(0);
    assert_verdict(&values, "unchanged", "false");
    assert!(summary.contains("### Unchanged"), "{summary}");
    assert!(summary.contains(&day(-2)), "{summary}");
    let reason = "a `tailscale` of ``` yesterday";
    let (outcome, values, summary) = decide(&sandbox, &[&format!("--force={reason}")]);
    outcome.expect(0);
    assert_verdict(&values, "go", "true");
    assert!(summary.contains("### Forced"), "{summary}");
    let lock: Value = serde_json::from_str(&sandbox.read("lock.json")).unwrap();
    assert_eq!(lock["judgement"]["forced"], reason);
    // Old enough, it is built for what lies on top.
    publish(&sandbox, 8);
    let (outcome, values, _) = decide(&sandbox, &["--force=no"]);
    assert!(outcome.stderr.contains("8 days old"), "{outcome:?}");
    assert_verdict(&values, "go", "true");
}

#[test]
fn not_yet_is_an_answer_too() {
    let sandbox = Sandbox::new();
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    sandbox.upstream.remove(KMODS, &tag);
    let (outcome, values, summary) = decide(&sandbox, &["--force=now"]);
    assert!(
        outcome.stderr.contains("no ZFS kernel modules"),
        "{outcome:?}"
    );
    outcome.expect(0);
    assert_verdict(&values, "not-yet", "false");
    assert!(summary.contains("### Not yet"), "{summary}");
    assert!(summary.contains(&kernel()), "{summary}");
    assert!(!sandbox.exists("lock.json"));
    // Who asks for a lock is told that there is none.
    sandbox.run(&["resolve"]).expect(10);
    // A pull request's build is as innocent.
    sandbox.run(&["test-build"]).expect(10);
    sandbox.run(&["test-build", "--if-possible"]).expect(0);
    assert_eq!(sandbox.engine_verbs(), [""; 0]);
}

#[test]
fn what_could_not_be_found_out_is_no_answer() {
    let sandbox = Sandbox::new();
    sandbox.upstream.answer(
        "/v2/ghcr.io/makers",
        remote::loopback::Reply::new(503, "text/plain", "later"),
    );
    let (outcome, values, _) = decide(&sandbox, &["--force=no"]);
    outcome.expect(3);
    assert_eq!(values, json!({}));
    sandbox.on("build", "exit 1");
    sandbox.run(&["test-build", "--if-possible"]).expect(3);
}

#[test]
fn a_fork_is_stopped_before_it_compares_with_somebody_elses_image() {
    let sandbox = Sandbox::new();
    publish(&sandbox, 2);
    let asked = sandbox.upstream.asked("", "");
    let outcome = sandbox.run_with(&DECIDE, &[("GITHUB_REPOSITORY_OWNER", "forker")]);
    assert!(outcome.stderr.contains("`image.owner`"), "{outcome:?}");
    outcome.expect(2);
    assert_eq!(sandbox.upstream.asked("", ""), asked);
}

#[test]
fn the_document_says_the_same() {
    let sandbox = Sandbox::new();
    let document = sandbox.run(&["resolve", "--decide", "--json"]).expect(0);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["verdict"], "go");
    assert_eq!(document["build"], true);
    assert_eq!(document["lock"]["zfs"], "2.4.4");
    for wrong in ["--force=", "--force=a\nb"] {
        sandbox.run(&["resolve", "--decide", wrong]).expect(2);
    }
    sandbox.run(&["resolve", "--force=x"]).expect(2);
}

//! What the alarm knows, and what it minds.

use night::alarm::classify::Cause;
use remote::loopback::{Loopback, Reply};

use crate::github::{Fault, error, issues::STRANGER};
use crate::sandbox::{Sandbox, TOKEN};

fn fault(method: &'static str, part: &str, times: usize, reply: Reply) -> Fault {
    Fault {
        method,
        part: part.to_owned(),
        after: 0,
        times,
        reply,
    }
}

#[test]
fn an_old_image_raises_it_though_each_job_succeeds() {
    let sandbox = Sandbox::new();
    sandbox.github.publish(14);
    sandbox.ends("build", "success").says("all is well");
    sandbox.github.publish(15);
    sandbox.ends("build", "success").says("raised (#1)");
    assert!(sandbox.issues()[0].2.starts_with("**old image**: "));
    sandbox.github.publish(16);
    sandbox.ends("build", "success").says("nothing new");
    assert_eq!(sandbox.changes(), 1);
    // The reason becomes known: there is nothing to build from.
    sandbox.left("resolve", 10, Cause::Skew, "no ZFS kernel modules");
    sandbox.ends("resolve", "success").says("another cause");
    assert!(sandbox.issues()[0].2.starts_with("**kernel/ZFS skew**: "));
    sandbox.github.publish(0);
    sandbox
        .ends("resolve", "success")
        .says("all is well again (#1)");
    let last = sandbox.github.state().comments.last().cloned().unwrap();
    assert!(
        last.1.contains("the published image is young"),
        "{}",
        last.1
    );
}

#[test]
fn an_image_that_cannot_be_asked_about_is_no_verdict() {
    let sandbox = Sandbox::new();
    sandbox.github.publish(15);
    sandbox.ends("build", "success").says("raised");
    let changes = sandbox.changes();
    let mut down = fault("GET", "/v2/", 99, error(503, "down"));
    sandbox.github.state().faults.push(down);
    sandbox.ends("build", "success").says("is not known");
    assert_eq!(sandbox.changes(), changes, "it is neither old nor young");
    sandbox.github.state().faults.clear();
    // Nothing is published: a fork that is new.
    sandbox.github.state().manifests.clear();
    sandbox
        .ends("build", "success")
        .says("nothing is published yet");
    let mut sandbox = Sandbox::new();
    sandbox.config.alarm.image_age_days = 0;
    sandbox.github.publish(100);
    down = fault("GET", "/v2/", 99, error(503, "down"));
    sandbox.github.state().faults.push(down);
    sandbox.ends("build", "success").says("all is well");
    assert_eq!(sandbox.github.count("GET", "/v2/"), 0);
}

#[test]
fn a_step_of_somebody_else_is_named_if_github_knows_it() {
    let sandbox = Sandbox::new();
    sandbox.ends("build", "failure").says("raised");
    assert!(sandbox.issues()[0].2.starts_with("**unknown**: "));
    assert!(
        sandbox
            .github
            .state()
            .issue(1)
            .body
            .contains("unknown step")
    );
    let run = crate::github::actions::Stored {
        failed: Some(("Run actions/attest@0123", "runner-7")),
        ..crate::github::actions::nightly(900, "build.yaml", "in_progress")
    };
    sandbox.github.state().runs.push(run);
    sandbox.ends("build", "failure").says("another cause");
    let body = sandbox.github.state().issue(1).body.clone();
    assert!(body.starts_with("**signing**: "), "{body}");
    assert!(
        body.contains("`step `") || body.contains("actions/attest@0123"),
        "{body}"
    );
    // Another run's file, which a cache brought back, says nothing of this one.
    let mut sandbox = Sandbox::new();
    sandbox.left("build", 1, Cause::Contract, "of yesterday");
    sandbox.env.run.id = Some(901);
    sandbox.ends("build", "failure");
    assert!(sandbox.issues()[0].2.starts_with("**unknown**: "));
    assert!(!sandbox.github.state().issue(1).body.contains("yesterday"));
}

#[test]
fn other_peoples_issues_are_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.fails(Cause::Build);
    let body = sandbox.github.state().issue(1).body.clone();
    let sandbox = Sandbox::new();
    {
        let mut state = sandbox.github.state();
        // The mark without the label, with it by somebody who may not, and a
        // pull request.
        state.add_issue(STRANGER, &body, &[]);
        state.add_issue(STRANGER, &body, &["alarm"]);
        let number = state.add_issue(("someone", "User", "OWNER"), &body, &["alarm"]);
        state.issue(number).pull_request = true;
        // The label without the mark.
        state.add_issue(("someone", "User", "OWNER"), "a fire alarm", &["alarm"]);
    }
    sandbox
        .ends("build", "success")
        .says("#2 has the alarm's mark");
    assert_eq!(sandbox.changes(), 0);
    sandbox.fails(Cause::Build).says("raised (#5)");
    sandbox.fails(Cause::Build).says("nothing new (#5)");
    assert_eq!(sandbox.changes(), 1);
    // A person's own, by hand from a laptop, is the alarm's as well.
    sandbox.github.state().issue(5).by = ("someone", "User", "MEMBER");
    sandbox
        .ends("build", "success")
        .says("all is well again (#5)");
}

#[test]
fn it_is_found_among_many() {
    let sandbox = Sandbox::new();
    sandbox.fails(Cause::Build);
    for _ in 0..8 {
        let member = ("someone", "User", "OWNER");
        sandbox.github.state().add_issue(member, "x", &["alarm"]);
    }
    sandbox.fails(Cause::Build).says("nothing new (#1)");
    assert!(
        sandbox.github.count("GET", "/issues?") > 3,
        "pages of three"
    );
}

#[test]
fn a_person_who_closes_it_is_heard() {
    let sandbox = Sandbox::new();
    sandbox.fails(Cause::Network);
    let close = |reason: &str| {
        let mut state = sandbox.github.state();
        let issue = state.issue(1);
        (issue.open, issue.reason) = (false, Some(reason.to_owned()));
    };
    // Done: who fails then, fails again.
    close("completed");
    sandbox.ends("resolve", "success").says("all is well");
    assert!(!sandbox.issues()[0].1);
    sandbox.fails(Cause::Network).says("raised (#1)");
    // Not planned: not heard of again, but of another cause.
    close("not_planned");
    let changes = sandbox.changes();
    sandbox.fails(Cause::Network).says("closed as not planned");
    assert_eq!(sandbox.changes(), changes);
    sandbox.fails(Cause::Build).says("raised (#1)");
    assert!(sandbox.issues()[0].1);
    // Once all is well, the next failure counts again.
    close("not_planned");
    sandbox.ends("build", "success").says("all is well");
    assert!(!sandbox.issues()[0].1);
    sandbox.fails(Cause::Build).says("raised (#1)");
}

#[test]
fn a_damaged_mark_is_mended() {
    let sandbox = Sandbox::new();
    sandbox.fails(Cause::Network);
    let damage = |body: &str| sandbox.github.state().issue(1).body = body.to_owned();
    damage("**edited**\n<!-- custom-coreos:alarm {\"trou -->\n");
    sandbox.fails(Cause::Network).says("another cause (#1)");
    sandbox.fails(Cause::Network).says("nothing new (#1)");
    damage("**edited**\n<!-- custom-coreos:alarm {\"trou -->\n");
    sandbox
        .ends("build", "success")
        .says("all is well again (#1)");
}

#[test]
fn without_the_label_it_would_not_be_found_again() {
    let sandbox = Sandbox::new();
    sandbox.github.state().may_label = false;
    sandbox.left("build", 1, Cause::Build, "x");
    sandbox
        .run("alarm --job build --status failure")
        .expect(1)
        .says("issues: write");
    assert!(!sandbox.issues()[0].1);
}

#[test]
fn a_dry_run_prints_the_very_effects() {
    let mut sandbox = Sandbox::new();
    sandbox.config.alarm.webhook = Some("http://127.0.0.1:1/x".parse().unwrap());
    for (job, status, cause) in [
        ("build", "failure", Cause::Build),
        ("build", "failure", Cause::Signing),
        ("resolve", "failure", Cause::Signing),
        ("resolve", "success", Cause::Signing),
        ("build", "success", Cause::Signing),
        ("build", "failure", Cause::Registry),
    ] {
        sandbox.left("build", 1, cause, "said");
        let line = format!("alarm --job {job} --status {status}");
        let changes = sandbox.changes();
        let dry = sandbox.run(&format!("{line} --dry-run")).expect(0);
        assert_eq!(sandbox.changes(), changes);
        let wet = sandbox.run(&line).expect(0);
        assert_eq!(dry.stdout, wet.stdout);
        assert!(!dry.stdout.is_empty(), "{line}");
        assert_ne!(sandbox.changes(), changes);
    }
    // With `--json` it is one document with the same effects.
    let ran = sandbox.run("--json alarm --job build --status success --dry-run");
    let document: serde_json::Value = serde_json::from_str(&ran.expect(0).stdout).unwrap();
    assert_eq!(document["verdict"], "recovered");
    assert_eq!(document["issue"], 1);
    assert_eq!(document["effects"].as_array().unwrap().len(), 3);
}

#[test]
fn a_webhook_is_told_what_is_new_and_its_silence_is_no_failure() {
    let server = Loopback::start(|request| match request.path.as_str() {
        "/secret-topic" => Reply::new(200, "application/json", "{}"),
        _ => Reply::new(500, "text/plain", "no"),
    })
    .unwrap();
    let mut sandbox = Sandbox::new();
    let address = |path: &str| format!("http://{}/{path}", server.address());
    std::fs::write(sandbox.path("hook"), address("secret-topic\n")).unwrap();
    sandbox.config.alarm.webhook = Some("file:hook".parse().unwrap());
    sandbox.fails(Cause::Registry);
    sandbox.fails(Cause::Registry);
    sandbox.fails(Cause::Contract);
    sandbox.ends("build", "success");
    let seen = server.seen();
    let said = |at: usize, name: &str| seen[at].header(name).unwrap_or_default().to_owned();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(said(0, "title"), "Alarm: registry (build)");
    assert_eq!(
        (said(0, "priority"), said(0, "tags")),
        ("4".into(), "warning".into())
    );
    assert!(seen[0].body.starts_with(b"registry: "));
    assert_eq!(
        said(1, "click"),
        "https://github.com/someone/image/issues/1"
    );
    assert_eq!(
        (said(2, "priority"), said(2, "tags")),
        ("2".into(), "white_check_mark".into())
    );
    for request in &seen {
        assert!(request.header("authorization").is_none());
        assert!(!String::from_utf8_lossy(&request.body).contains(TOKEN));
    }
    for (webhook, why) in [
        (address("other"), "HTTP 500"),
        (
            "env:CUSTOM_COREOS_NO_SUCH_VARIABLE".to_owned(),
            "is not set",
        ),
        ("file:no-such-file".to_owned(), "no-such-file"),
    ] {
        sandbox.config.alarm.webhook = Some(webhook.parse().unwrap());
        sandbox
            .fails(Cause::Build)
            .says("the webhook was not told")
            .says(why);
        let ran = sandbox.ends("build", "success");
        assert!(!ran.stderr.contains("secret-topic"), "{}", ran.stderr);
    }
}

#[test]
fn a_token_that_may_not_or_a_limit_is_exit_code_3() {
    let limit = error(403, "API rate limit exceeded")
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", "9000000");
    for (method, reply, code, said) in [
        ("GET", error(401, "Bad credentials"), 3, "not valid"),
        (
            "GET",
            error(403, "Resource not accessible by integration"),
            3,
            "issues: write",
        ),
        ("GET", limit, 3, "rate limit"),
        (
            "GET",
            error(429, "slow").with("retry-after", "3600"),
            3,
            "HTTP 429",
        ),
        ("GET", error(502, "no"), 3, "HTTP 502"),
        (
            "GET",
            error(404, "Not Found"),
            1,
            "what the token may not see",
        ),
        (
            "POST",
            error(403, "Resource not accessible by integration"),
            3,
            "issues: write",
        ),
        (
            "POST",
            error(410, "Issues are disabled for this repo"),
            1,
            "disabled",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.left("build", 1, Cause::Build, "x");
        let faults = fault(method, "/issues", 9, reply);
        sandbox.github.state().faults.push(faults);
        sandbox
            .run("alarm --job build --status failure")
            .expect(code)
            .says(said);
    }
    let mut sandbox = Sandbox::new();
    sandbox.env.github_token = None;
    sandbox
        .run("alarm --job build --status success")
        .expect(3)
        .says("could not find out")
        .says("GITHUB_TOKEN")
        .says("public_repo")
        .says("issues: write");
    assert_eq!(sandbox.github.count("", ""), 0);
}

#[test]
fn what_makes_something_new_is_sent_once() {
    let sandbox = Sandbox::new();
    sandbox.left("build", 1, Cause::Build, "x");
    let lost = fault("POST", "/issues", 1, error(502, "lost"));
    sandbox.github.state().faults.push(lost);
    sandbox.run("alarm --job build --status failure").expect(3);
    assert_eq!(sandbox.github.count("POST", "/issues"), 1);
    // A limiter has not let it through: that may be sent again.
    let limited = fault(
        "POST",
        "/issues",
        1,
        error(429, "slow").with("retry-after", "0"),
    );
    sandbox.github.state().faults.push(limited);
    sandbox.run("alarm --job build --status failure").expect(0);
    assert_eq!(sandbox.github.count("POST", "/issues"), 3);
    assert_eq!(sandbox.issues().len(), 1);
}

//! What the alarm knows, and what it minds.

use night::alarm::classify::Cause;
use remote::loopback::{Loopback, Reply};

use crate::bench::{Bench, TOKEN};
use crate::github::{Fault, error, issues::STRANGER};

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
    let bench = Bench::new();
    bench.github.publish(14);
    bench.ends("build", "success").says("all is well");
    bench.github.publish(15);
    bench.ends("build", "success").says("raised (#1)");
    assert!(bench.issues()[0].2.starts_with("**old image**: "));
    bench.github.publish(16);
    bench.ends("build", "success").says("nothing new");
    assert_eq!(bench.changes(), 1);
    // The reason becomes known: there is nothing to build from.
    bench.left("resolve", 10, Cause::Skew, "no ZFS kernel modules");
    bench.ends("resolve", "success").says("another cause");
    assert!(bench.issues()[0].2.starts_with("**kernel/ZFS skew**: "));
    bench.github.publish(0);
    bench
        .ends("resolve", "success")
        .says("all is well again (#1)");
    let last = bench.github.state().comments.last().cloned().unwrap();
    assert!(
        last.1.contains("the published image is young"),
        "{}",
        last.1
    );
}

#[test]
fn an_image_that_cannot_be_asked_about_is_no_verdict() {
    let bench = Bench::new();
    bench.github.publish(15);
    bench.ends("build", "success").says("raised");
    let changes = bench.changes();
    let mut down = fault("GET", "/v2/", 99, error(503, "down"));
    bench.github.state().faults.push(down);
    bench.ends("build", "success").says("is not known");
    assert_eq!(bench.changes(), changes, "it is neither old nor young");
    bench.github.state().faults.clear();
    // Nothing is published: a fork that is new.
    bench.github.state().manifests.clear();
    bench
        .ends("build", "success")
        .says("nothing is published yet");
    let mut bench = Bench::new();
    bench.config.alarm.image_age_days = 0;
    bench.github.publish(100);
    down = fault("GET", "/v2/", 99, error(503, "down"));
    bench.github.state().faults.push(down);
    bench.ends("build", "success").says("all is well");
    assert_eq!(bench.github.count("GET", "/v2/"), 0);
}

#[test]
fn a_step_of_somebody_else_is_named_if_github_knows_it() {
    let bench = Bench::new();
    bench.ends("build", "failure").says("raised");
    assert!(bench.issues()[0].2.starts_with("**unknown**: "));
    assert!(bench.github.state().issue(1).body.contains("unknown step"));
    let run = crate::github::actions::Stored {
        failed: Some(("Run actions/attest@0123", "runner-7")),
        ..crate::github::actions::nightly(900, "build.yaml", "in_progress")
    };
    bench.github.state().runs.push(run);
    bench.ends("build", "failure").says("another cause");
    let body = bench.github.state().issue(1).body.clone();
    assert!(body.starts_with("**signing**: "), "{body}");
    assert!(
        body.contains("`step `") || body.contains("actions/attest@0123"),
        "{body}"
    );
    // Another run's file, which a cache brought back, says nothing of this one.
    let mut bench = Bench::new();
    bench.left("build", 1, Cause::Contract, "of yesterday");
    bench.env.run.id = Some(901);
    bench.ends("build", "failure");
    assert!(bench.issues()[0].2.starts_with("**unknown**: "));
    assert!(!bench.github.state().issue(1).body.contains("yesterday"));
}

#[test]
fn other_peoples_issues_are_left_alone() {
    let bench = Bench::new();
    bench.fails(Cause::Build);
    let body = bench.github.state().issue(1).body.clone();
    let bench = Bench::new();
    {
        let mut state = bench.github.state();
        // The mark without the label, with it by somebody who may not, and a
        // pull request.
        state.add_issue(STRANGER, &body, &[]);
        state.add_issue(STRANGER, &body, &["alarm"]);
        let number = state.add_issue(("someone", "User", "OWNER"), &body, &["alarm"]);
        state.issue(number).pull_request = true;
        // The label without the mark.
        state.add_issue(("someone", "User", "OWNER"), "a fire alarm", &["alarm"]);
    }
    bench
        .ends("build", "success")
        .says("#2 has the alarm's mark");
    assert_eq!(bench.changes(), 0);
    bench.fails(Cause::Build).says("raised (#5)");
    bench.fails(Cause::Build).says("nothing new (#5)");
    assert_eq!(bench.changes(), 1);
    // A person's own, by hand from a laptop, is the alarm's as well.
    bench.github.state().issue(5).by = ("someone", "User", "MEMBER");
    bench
        .ends("build", "success")
        .says("all is well again (#5)");
}

#[test]
fn it_is_found_among_many() {
    let bench = Bench::new();
    bench.fails(Cause::Build);
    for _ in 0..8 {
        let member = ("someone", "User", "OWNER");
        bench.github.state().add_issue(member, "x", &["alarm"]);
    }
    bench.fails(Cause::Build).says("nothing new (#1)");
    assert!(bench.github.count("GET", "/issues?") > 3, "pages of three");
}

#[test]
fn a_person_who_closes_it_is_heard() {
    let bench = Bench::new();
    bench.fails(Cause::Network);
    let close = |reason: &str| {
        let mut state = bench.github.state();
        let issue = state.issue(1);
        (issue.open, issue.reason) = (false, Some(reason.to_owned()));
    };
    // Done: who fails then, fails again.
    close("completed");
    bench.ends("resolve", "success").says("all is well");
    assert!(!bench.issues()[0].1);
    bench.fails(Cause::Network).says("raised (#1)");
    // Not planned: not heard of again, but of another cause.
    close("not_planned");
    let changes = bench.changes();
    bench.fails(Cause::Network).says("closed as not planned");
    assert_eq!(bench.changes(), changes);
    bench.fails(Cause::Build).says("raised (#1)");
    assert!(bench.issues()[0].1);
    // Once all is well, the next failure counts again.
    close("not_planned");
    bench.ends("build", "success").says("all is well");
    assert!(!bench.issues()[0].1);
    bench.fails(Cause::Build).says("raised (#1)");
}

#[test]
fn a_damaged_mark_is_mended() {
    let bench = Bench::new();
    bench.fails(Cause::Network);
    let damage = |body: &str| bench.github.state().issue(1).body = body.to_owned();
    damage("**edited**\n<!-- custom-coreos:alarm {\"trou -->\n");
    bench.fails(Cause::Network).says("another cause (#1)");
    bench.fails(Cause::Network).says("nothing new (#1)");
    damage("**edited**\n<!-- custom-coreos:alarm {\"trou -->\n");
    bench
        .ends("build", "success")
        .says("all is well again (#1)");
}

#[test]
fn without_the_label_it_would_not_be_found_again() {
    let bench = Bench::new();
    bench.github.state().may_label = false;
    bench.left("build", 1, Cause::Build, "x");
    bench
        .run("alarm --job build --status failure")
        .expect(1)
        .says("issues: write");
    assert!(!bench.issues()[0].1);
}

#[test]
fn a_dry_run_prints_the_very_effects() {
    let mut bench = Bench::new();
    bench.config.alarm.webhook = Some("http://127.0.0.1:1/x".parse().unwrap());
    for (job, status, cause) in [
        ("build", "failure", Cause::Build),
        ("build", "failure", Cause::Signing),
        ("resolve", "failure", Cause::Signing),
        ("resolve", "success", Cause::Signing),
        ("build", "success", Cause::Signing),
        ("build", "failure", Cause::Registry),
    ] {
        bench.left("build", 1, cause, "said");
        let line = format!("alarm --job {job} --status {status}");
        let changes = bench.changes();
        let dry = bench.run(&format!("{line} --dry-run")).expect(0);
        assert_eq!(bench.changes(), changes);
        let wet = bench.run(&line).expect(0);
        assert_eq!(dry.stdout, wet.stdout);
        assert!(!dry.stdout.is_empty(), "{line}");
        assert_ne!(bench.changes(), changes);
    }
    // With `--json` it is one document with the same effects.
    let ran = bench.run("--json alarm --job build --status success --dry-run");
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
    let mut bench = Bench::new();
    let address = |path: &str| format!("http://{}/{path}", server.address());
    std::fs::write(bench.path("hook"), address("secret-topic\n")).unwrap();
    bench.config.alarm.webhook = Some("file:hook".parse().unwrap());
    bench.fails(Cause::Registry);
    bench.fails(Cause::Registry);
    bench.fails(Cause::Contract);
    bench.ends("build", "success");
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
        bench.config.alarm.webhook = Some(webhook.parse().unwrap());
        bench
            .fails(Cause::Build)
            .says("the webhook was not told")
            .says(why);
        let ran = bench.ends("build", "success");
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
        let bench = Bench::new();
        bench.left("build", 1, Cause::Build, "x");
        let faults = fault(method, "/issues", 9, reply);
        bench.github.state().faults.push(faults);
        bench
            .run("alarm --job build --status failure")
            .expect(code)
            .says(said);
    }
    let mut bench = Bench::new();
    bench.env.github_token = None;
    bench
        .run("alarm --job build --status success")
        .expect(3)
        .says("could not find out")
        .says("GITHUB_TOKEN")
        .says("public_repo")
        .says("issues: write");
    assert_eq!(bench.github.count("", ""), 0);
}

#[test]
fn what_makes_something_new_is_sent_once() {
    let bench = Bench::new();
    bench.left("build", 1, Cause::Build, "x");
    let lost = fault("POST", "/issues", 1, error(502, "lost"));
    bench.github.state().faults.push(lost);
    bench.run("alarm --job build --status failure").expect(3);
    assert_eq!(bench.github.count("POST", "/issues"), 1);
    // A limiter has not let it through: that may be sent again.
    let limited = fault(
        "POST",
        "/issues",
        1,
        error(429, "slow").with("retry-after", "0"),
    );
    bench.github.state().faults.push(limited);
    bench.run("alarm --job build --status failure").expect(0);
    assert_eq!(bench.github.count("POST", "/issues"), 3);
    assert_eq!(bench.issues().len(), 1);
}

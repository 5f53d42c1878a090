//! Starting a workflow, finding its run, and how the last ones went.

use remote::loopback::Reply;
use serde_json::{Value, json};

use crate::github::{Fault, actions::nightly, error};
use crate::sandbox::{Ran, Sandbox};

const PAGE: &str = "https://github.com/someone/image/actions/runs/";

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_run_is_found_under_both_answers() {
    // 200 with the run, and 204 without.
    for says_run in [true, false] {
        let sandbox = Sandbox::new();
        {
            let mut state = sandbox.github.state();
            state.says_run = says_run;
            state.late = 3;
            state.user = Some("someone");
            state.runs.push(nightly(101, "build.yaml", "success"));
            let mut earlier = nightly(102, "build.yaml", "success");
            earlier.event = "workflow_dispatch";
            state.runs.push(earlier);
            // Somebody else starts one at the same moment.
            let begin: crate::github::Hook = Box::new(|state| {
                let mut other = nightly(103, "build.yaml", "queued");
                (other.event, other.actor) = ("workflow_dispatch", "another");
                state.runs.push(other);
            });
            state.hooks.push(("POST", "/dispatches".to_owned(), begin));
        }
        let ran = sandbox
            .run("workflow run build --force new-key --dry-run")
            .expect(0);
        assert_eq!(ran.stdout, format!("{PAGE}104\n"));
        let sent = sandbox.github.state().dispatched.clone();
        let inputs = json!({"force": "new-key", "dry_run": true});
        let body = json!({"ref": "trunk", "return_run_details": true, "inputs": inputs});
        assert_eq!(sent, [("build.yaml".to_owned(), body)]);
        // The first look is before; then none, none, and there it is.
        let looks = if says_run { 1 } else { 5 };
        assert_eq!(sandbox.github.count("GET", "/runs?"), looks);
    }
}

#[test]
fn a_workflows_own_token_finds_the_run_too() {
    let sandbox = Sandbox::new();
    sandbox.github.state().says_run = false;
    let ran = sandbox.run("--json workflow run cleanup --ref feature/x --execute");
    let told = document(&ran.expect(0));
    assert_eq!(told["url"], format!("{PAGE}101"));
    assert_eq!(told["ref"], "feature/x");
    assert_eq!(told["inputs"], json!({"mode": "execute"}));
    assert_eq!(sandbox.github.count("GET", "branch=feature%2Fx"), 2);
    // Named, the branch is not asked for.
    assert_eq!(sandbox.github.state().dispatched[0].1["ref"], "feature/x");
    sandbox.run("workflow run cleanup").expect(0);
    let sent = sandbox.github.state().dispatched[1].1["inputs"].clone();
    assert_eq!(sent, json!({"mode": "dry-run"}));
}

#[test]
fn a_run_that_does_not_show_is_not_started_twice() {
    let sandbox = Sandbox::new();
    (sandbox.github.state().says_run, sandbox.github.state().late) = (false, 99);
    sandbox
        .run("workflow run build")
        .expect(3)
        .says("do not start another");
    assert_eq!(sandbox.github.count("POST", "/dispatches"), 1);
    let sandbox = Sandbox::new();
    sandbox
        .github
        .state()
        .faults
        .push(fault("POST", "/dispatches", error(502, "lost")));
    sandbox.run("workflow run build").expect(3).says("HTTP 502");
    assert_eq!(sandbox.github.count("POST", "/dispatches"), 1);
}

#[test]
fn a_run_is_followed_to_its_end() {
    for (ended, code) in [
        ("success", 0),
        ("failure", 1),
        ("cancelled", 1),
        ("skipped", 10),
    ] {
        let sandbox = Sandbox::new();
        let mut run = nightly(101, "build.yaml", "queued");
        run.standing = vec!["queued", "in_progress", "in_progress", ended];
        sandbox.github.state().runs.push(run);
        let ran = sandbox
            .run("workflow status --watch")
            .expect(code)
            .says(ended);
        assert!(
            ran.stdout.starts_with(&format!("{PAGE}101\n")),
            "{}",
            ran.stdout
        );
        let changes = ran.stderr.lines().filter(|line| line.contains(" Run #1"));
        assert_eq!(changes.count(), 3, "each change once: {}", ran.stderr);
    }
    let sandbox = Sandbox::new();
    let ran = sandbox.run("--json workflow run build --watch").expect(0);
    assert_eq!(document(&ran)["ended"]["standing"], "well");
    // It does not go on for ever.
    let sandbox = Sandbox::new();
    sandbox
        .github
        .state()
        .runs
        .push(nightly(101, "build.yaml", "queued"));
    sandbox
        .run("workflow status --watch")
        .expect(3)
        .says("not followed any longer");
    let sandbox = Sandbox::new();
    sandbox
        .run("workflow status --watch")
        .expect(3)
        .says("has never run");
}

#[test]
fn the_last_runs_are_told_at_a_glance() {
    let sandbox = Sandbox::new();
    {
        let mut state = sandbox.github.state();
        for id in 101..=113 {
            let standing = match id {
                112 => "failure",
                113 => "in_progress",
                _ => "success",
            };
            state.runs.push(nightly(id, "build.yaml", standing));
        }
        state.workflows.push(("odd.yml", "disabled_inactivity"));
        state.workflows.push(("more.yaml", "active"));
    }
    let ran = sandbox.run("workflow status").expect(0);
    assert!(
        ran.stdout
            .starts_with("build.yaml: ✓✓✓✓✓✓✓✓✗… 1 of the last 9 failed, the newest among them\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 12, "ten runs: {}", ran.stdout);
    assert!(
        ran.stdout.contains("✗ failure      2 h  10 min  schedule"),
        "{}",
        ran.stdout
    );
    let told = document(&sandbox.run("--json workflow status build.yaml").expect(0));
    assert_eq!(told["runs"].as_array().unwrap().len(), 10);
    assert_eq!(told["runs"][0]["standing"], "running");
    assert_eq!(told["runs"][1]["number"], 12);
    assert_eq!(told["runs"][1]["duration-seconds"], 600);
    let ran = sandbox.run("workflow status --all").expect(0);
    assert_eq!(ran.stdout.lines().count(), 5, "{}", ran.stdout);
    let odd = ran.stdout.lines().find(|line| line.starts_with("odd.yml"));
    assert!(odd.unwrap().contains("disabled inactivity"), "{odd:?}");
    sandbox
        .run("workflow status nothing")
        .expect(1)
        .says("what the token may not see");
}

fn fault(method: &'static str, part: &str, reply: Reply) -> Fault {
    Fault {
        method,
        part: part.to_owned(),
        after: 0,
        times: 9,
        reply,
    }
}

#[test]
fn what_github_refuses_is_told_with_what_to_do() {
    let integration = "Resource not accessible by integration";
    let limit = error(403, "API rate limit exceeded")
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", "9000000");
    for (method, part, reply, code, said) in [
        (
            "POST",
            "/dispatches",
            error(403, integration),
            3,
            "actions: write",
        ),
        (
            "POST",
            "/dispatches",
            error(404, "Not Found"),
            1,
            "actions: write",
        ),
        (
            "POST",
            "/dispatches",
            error(422, "Unexpected inputs provided: [\"force\"]"),
            1,
            "Unexpected inputs",
        ),
        (
            "GET",
            "/runs",
            error(401, "Bad credentials"),
            3,
            "not valid",
        ),
        ("GET", "/runs", limit, 3, "wait a few minutes"),
        ("GET", "/image", error(404, "Not Found"), 1, "may not see"),
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .github
            .state()
            .faults
            .push(fault(method, part, reply));
        sandbox.run("workflow run build").expect(code).says(said);
        assert!(sandbox.github.state().dispatched.is_empty());
    }
    let mut sandbox = Sandbox::new();
    sandbox.env.github_token = None;
    sandbox
        .run("workflow run build")
        .expect(3)
        .says("GITHUB_TOKEN")
        .says("gh auth login")
        .says("the scope `repo`");
    sandbox
        .run("workflow status")
        .expect(3)
        .says("Actions: read");
    assert_eq!(sandbox.github.count("", ""), 0);
    sandbox
        .run("workflow run pages --execute")
        .expect(2)
        .says("--execute is for");
    sandbox.env.run.repository = None;
    sandbox
        .run("workflow status")
        .expect(2)
        .says("github: {repository: OWNER/NAME}");
    sandbox.env.run.repository = Some("x/../y".to_owned());
    sandbox
        .run("workflow status")
        .expect(2)
        .says("GITHUB_REPOSITORY");
}

//! The workflows on the screen of `status`.

use serde_json::{Value, json};

use crate::github::{Fault, actions::nightly, error};
use crate::sandbox::Sandbox;

/// Everything else that is asked is on loopback too, and not there.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let address = sandbox.github.address();
    sandbox.config.urls.fcos_builds = format!("http://{address}/fedora").parse().unwrap();
    for source in &mut sandbox.config.kmods {
        source.image = format!("{address}/makers/kmods").parse().unwrap();
    }
    for folder in ["containerfiles/custom-coreos", "ignition"] {
        std::fs::create_dir_all(sandbox.path(folder)).unwrap();
    }
    sandbox
}

/// Fedora and OpenZFS are not in GitHub's description of this repository.
fn of_others(sandbox: &Sandbox) {
    let other = |line: &String| line.contains("GET /fedora/") || line.contains("/openzfs/");
    let mut state = sandbox.github.state();
    state.violations.retain(|line| !other(line));
}

fn workflows(sandbox: &Sandbox) -> Value {
    let ran = sandbox.run("--json status");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    document["workflows"].clone()
}

/// Whether the workflows are among what could not be asked.
fn missed(sandbox: &Sandbox) -> bool {
    let ran = sandbox.run("--json status").expect(3);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let all = document["not-asked"].as_array().unwrap();
    all.iter().any(|found| found["source"] == "workflows")
}

#[test]
fn the_last_run_of_each_workflow() {
    let sandbox = sandbox();
    {
        let mut state = sandbox.github.state();
        state.workflows = vec![
            ("build.yaml", "active"),
            ("cleanup.yaml", "disabled_inactivity"),
            ("pages.yaml", "active"),
        ];
        state.runs.push(nightly(101, "build.yaml", "success"));
        state.runs.push(nightly(102, "build.yaml", "failure"));
        state.runs.push(nightly(103, "pages.yaml", "in_progress"));
    }
    // Upstream is not there; what is there stands.
    sandbox
        .run("status")
        .expect(3)
        .says("  build.yaml    failure, 2 h ago")
        .says("  cleanup.yaml  never ran; it is disabled inactivity")
        .says("  pages.yaml    in progress, 2 h ago");
    let found = workflows(&sandbox);
    assert_eq!(found["state"], "asked");
    assert_eq!(found["detail"][0]["run"]["standing"], "badly");
    assert_eq!(found["detail"][1]["run"], json!(null));
    assert!(!missed(&sandbox));
    of_others(&sandbox);
}

#[test]
fn nobody_to_ask_is_no_failure_and_no_answer_is_one() {
    let mut sandbox = sandbox();
    sandbox.github.state().faults.push(Fault {
        method: "GET",
        part: "/actions/workflows".to_owned(),
        after: 0,
        times: 99,
        reply: error(503, "down"),
    });
    sandbox.run("status").expect(3).says("HTTP 503");
    assert!(missed(&sandbox));
    sandbox.env.github_token = None;
    sandbox.run("status").says("no token for someone/image");
    assert!(!missed(&sandbox));
    let asked = sandbox.github.count("GET", "/actions/workflows");
    sandbox.env.run.repository = None;
    sandbox
        .run("status")
        .says("write `github: {repository: OWNER/NAME}` into image.yaml");
    assert!(!missed(&sandbox));
    assert_eq!(sandbox.github.count("GET", "/actions/workflows"), asked);
    of_others(&sandbox);
}

//! What is answered, where, and with which exit code.

use std::path::Path;

use serde_json::Value;

use super::missing;
use super::support::{
    Sandbox,
    upstream::{KMODS, kernel},
};

/// Every task that a fake world can answer, with the exit code of a good day.
const TASKS: [&[&str]; 11] = [
    &["versions"],
    &["zfs-version"],
    &["kernel-version"],
    &["kernel-major-minor"],
    &["check-zfs-available"],
    &["resolve"],
    &["resolve", "-o", "lock.json"],
    &["build", "--dry-run"],
    &["build", "--publish"],
    &["test-build", "--dry-run"],
    &["config"],
];

/// The one document that stands on standard output.
#[track_caller]
fn document(stdout: &str) -> Value {
    let mut documents = serde_json::Deserializer::from_str(stdout).into_iter::<Value>();
    let first = documents.next().expect("a document").expect("JSON");
    assert!(documents.next().is_none(), "more than one: {stdout}");
    first
}

fn json(args: &[&str]) -> Vec<String> {
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    args.push("--json".to_owned());
    args
}

fn run(sandbox: &Sandbox, args: &[&str]) -> (i32, Value) {
    let args = json(args);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = sandbox.run_in_ci(&args);
    (outcome.code.unwrap(), document(&outcome.stdout))
}

#[test]
fn json_is_one_document() {
    let sandbox = Sandbox::new();
    for task in TASKS {
        let (code, _) = run(&sandbox, task);
        assert_eq!(code, 0, "{task:?}");
    }
    let (_, lock) = run(&sandbox, &["resolve"]);
    assert_eq!(lock["zfs"], "2.4.4");
    let (_, built) = run(&sandbox, &["build", "--publish"]);
    let image = format!("ghcr.io/someone/custom-coreos@{}", sandbox.pushed());
    assert_eq!(built["image"], image);
}

#[test]
fn json_is_one_document_when_it_goes_wrong_too() {
    let sandbox = Sandbox::new();
    sandbox
        .upstream
        .remove(KMODS, &format!("zfs-2.4.4_kernel-{}", kernel()));
    for task in [
        &["versions"][..],
        &["check-zfs-available"],
        &["resolve"],
        &["build"],
    ] {
        let (code, _) = run(&sandbox, task);
        assert_eq!(code, 10, "{task:?}");
    }
    let sandbox = Sandbox::new();
    sandbox.on("build", "exit 1");
    let (code, error) = run(&sandbox, &["build"]);
    assert_eq!((code, &error["exit-code"]), (1, &1.into()));
    sandbox.write("image.yaml", "image: []\n");
    for task in TASKS {
        let (code, error) = run(&sandbox, task);
        assert_eq!((code, &error["exit-code"]), (2, &2.into()), "{task:?}");
    }
}

#[test]
fn json_is_one_document_when_the_answer_is_known_but_cannot_be_handed_on() {
    let sandbox = Sandbox::new();
    for task in TASKS {
        for variable in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            let args = json(task);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let place = sandbox.path("no-such-folder/file").display().to_string();
            let outcome = sandbox.run_with(&args, &[(variable, &place)]);
            let found = document(&outcome.stdout);
            if outcome.code != Some(0) {
                assert_eq!(outcome.code, Some(1), "{task:?}: {outcome:?}");
                assert_eq!(found["exit-code"], 1, "{task:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_one_document_too() {
    let sandbox = Sandbox::new();
    for (task, said) in [
        (&["vm", "--basse", "x"][..], "'--base'"),
        (&["keys", "nwe"], "did you mean 'new'?"),
        (&["workflow", "statsu"], "'status'"),
        (&["biuld"], "'build'"),
        (&["workflow", "run", "biuld"], "'build'"),
    ] {
        let (code, error) = run(&sandbox, task);
        assert_eq!((code, &error["exit-code"]), (2, &2.into()), "{task:?}");
        let text = error["error"].as_str().unwrap();
        assert!(text.contains(said), "{task:?}: {text}");
        assert!(!text.contains("For more information"), "{text}");
    }
    let (code, help) = run(&sandbox, &["help"]);
    assert_eq!(code, 0);
    assert!(help["tasks"].as_array().unwrap().len() > 20, "{help}");
}

#[test]
fn outside_a_checkout_json_is_one_document_too() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .command(&["config", "--json"])
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = document(&String::from_utf8(output.stdout).unwrap());
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("not in a checkout"),
        "{error}"
    );
}

/// The runner's reading of the file: `NAME<<END`, lines, `END`.
#[track_caller]
pub fn outputs(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut values = Vec::new();
    while let Some(head) = lines.next() {
        let (name, end) = head
            .split_once("<<")
            .unwrap_or_else(|| panic!("no heredoc: {head}"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        values.push((name.to_owned(), value.join("\n")));
    }
    values
}

#[test]
fn outputs_are_appended_as_heredocs() {
    let sandbox = Sandbox::new();
    sandbox.write("github-output", "before<<E\nx\nE\n");
    sandbox.run_in_ci(&["zfs-version"]).expect(0);
    sandbox.run_in_ci(&["build", "--publish"]).expect(0);
    let values = outputs(&sandbox.read("github-output"));
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "before",
            "zfs-version",
            "verdict",
            "verdict-text",
            "zfs-version",
            "fcos-version",
            "base-digest",
            "kernel-version",
            "kernel-major-minor",
            "kmods-image",
            "digest",
            "image",
            "fingerprint"
        ]
    );
    assert_eq!(values[1].1, "2.4.4");
    assert_eq!(values[10].1, sandbox.pushed());
}

#[test]
fn outputs_are_written_after_all_checks() {
    // The tag is somebody else's by the time it is read back.
    let sandbox = Sandbox::new();
    sandbox.upstream.answer(
        "/v2/ghcr.io/someone/custom-coreos/manifests/stable",
        remote::loopback::Reply::new(404, "application/json", "{\"errors\": []}"),
    );
    let outcome = sandbox.run_in_ci(&["build", "--publish"]);
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(!sandbox.exists("github-output"));
}

#[test]
fn a_bad_config_is_told_with_its_place() {
    let sandbox = Sandbox::new();
    let text = sandbox
        .read("image.yaml")
        .replace("series: '2.4'", "series: 'two'");
    let line = text
        .lines()
        .position(|line| line.contains("'two'"))
        .unwrap()
        + 1;
    sandbox.write("other.yaml", &text);
    for task in TASKS {
        let args = [task, &["--config", "other.yaml"]].concat();
        let outcome = sandbox.run_in_ci(&args);
        let place = format!("other.yaml:{line}:11: zfs.series: `two` is not");
        assert!(outcome.stderr.contains(&place), "{place} in {outcome:?}");
        outcome.expect(2);
    }
    assert_eq!(sandbox.engine_log(), [""; 0]);
    assert_eq!(sandbox.upstream.asked("", ""), 0);
    let outcome = sandbox.run(&["config", "--config", "no-such-file"]);
    let said = outcome
        .stderr
        .contains("error: no-such-file: cannot be read");
    assert!(said, "{outcome:?}");
    outcome.expect(2);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let sandbox = Sandbox::new();
    for args in [
        &["no-such-task"][..],
        &["build", "--no-such-option"],
        &["verify", "a b"],
    ] {
        let outcome = sandbox.run(args);
        assert!(
            outcome.stderr.contains("--help") || outcome.stderr.contains("Usage: "),
            "{outcome:?}"
        );
        outcome.expect(2);
    }
    for help in [&["--help"][..], &[]] {
        sandbox.run(help).expect(0);
    }
}

#[test]
fn what_upstream_says_starts_no_command_of_the_runner() {
    let evil = "::error::evil\n::set-output name=x::evil\n##[error]evil";
    for path in ["/v2/ghcr.io/makers", "/github"] {
        let sandbox = Sandbox::new();
        sandbox
            .upstream
            .answer(path, remote::loopback::Reply::new(403, "text/plain", evil));
        sandbox.on(
            "build",
            &format!("echo '{evil}'; echo '  ::error::evil' >&2; exit 1"),
        );
        for outcome in [
            sandbox.run_in_ci(&["build"]),
            sandbox.run_in_ci(&["zfs-version"]),
        ] {
            for line in outcome.stdout.lines().chain(outcome.stderr.lines()) {
                assert!(
                    !line.trim_start().starts_with("::") && !line.contains("##["),
                    "{line}"
                );
            }
        }
    }
    let sandbox = Sandbox::new();
    sandbox.on("build", &format!("echo '{evil}'; exit 1"));
    let outcome = sandbox.run_in_ci(&["build"]);
    assert!(outcome.stderr.contains("| ::error::evil"), "{outcome:?}");
    assert!(
        !outcome
            .stderr
            .lines()
            .any(|line| line.trim_start().starts_with("::")),
        "{outcome:?}"
    );
}

/// The program of util-linux that brings a terminal.
const SCRIPT: &str = "/usr/bin/script";

#[test]
fn nothing_runs_over_a_terminal_of_80_columns() {
    if !Path::new(SCRIPT).exists() {
        return missing::skip(&format!("there is no {SCRIPT} to make a terminal"));
    }
    let sandbox = Sandbox::new();
    sandbox
        .run(&["versions", "--save-facts", "facts.json"])
        .expect(0);
    for task in ["versions --facts facts.json", "status", "doctor build"] {
        let exe = env!("CARGO_BIN_EXE_xtask");
        let typed = format!("/usr/bin/stty cols 80; {exe} {task}");
        let mut script = sandbox.program(SCRIPT, &["-qc", &typed, "/dev/null"]);
        let output = script.env("NO_COLOR", "1").output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.lines().count() > 5, "{task}: {shown}");
        // A command that is to be copied stays whole.
        let long =
            |line: &&str| line.trim_end().chars().count() > 80 && !line.contains(" install --");
        let long: Vec<_> = shown.lines().filter(long).collect();
        assert!(long.is_empty(), "{task}: {long:#?}");
        // A pipe is no terminal: there each row is one line.
        let piped = sandbox.run(&task.split(' ').collect::<Vec<_>>()).stdout;
        assert!(piped.lines().count() < shown.lines().count(), "{task}");
    }
}

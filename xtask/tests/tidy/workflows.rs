//! Workflows: CI is a computer that types the same commands.

use clap::Parser as _;
use serde_yaml::Value;
use xtask::cli::Cli;

/// What is wrong with a workflow, each with what to do.
fn violations(text: &str) -> Vec<String> {
    let document: Value = match serde_yaml::from_str(text) {
        Ok(document) => document,
        Err(error) => return vec![format!("not YAML: {error}")],
    };
    let mut wrong = Vec::new();
    if document["permissions"]
        .as_mapping()
        .is_none_or(|m| !m.is_empty())
    {
        wrong.push("write `permissions: {}` at the top: each job asks for what it needs".into());
    }
    let jobs = document["jobs"].as_mapping().cloned().unwrap_or_default();
    if jobs.is_empty() {
        wrong.push("there is no job".to_owned());
    }
    for (name, job) in &jobs {
        let name = name.as_str().unwrap_or("?");
        // A job that calls a workflow cannot have one.
        if job["uses"].is_null() && job["timeout-minutes"].as_u64().is_none() {
            wrong.push(format!("{name}: give it `timeout-minutes`"));
        }
        let none = Vec::new();
        let steps = job["steps"].as_sequence().unwrap_or(&none);
        for value in steps.iter().chain([job]) {
            wrong.extend(value["run"].as_str().and_then(command));
            if let Some(uses) = value["uses"].as_str() {
                wrong.extend(action(text, uses));
                let with = &value["with"];
                let kept = with["persist-credentials"].as_bool() != Some(false);
                if uses.starts_with("actions/checkout@") && kept {
                    wrong.push(format!(
                        "{name}: checkout with `persist-credentials: false`"
                    ));
                }
            }
        }
    }
    wrong
}

/// A line that a person could type, in our own grammar.
fn command(run: &str) -> Option<String> {
    let line = run.trim_end();
    let advice = if line.contains('\n') {
        "type one line in each `run:`"
    } else if line.contains("${{") || line.contains("secrets.") {
        "hand values over in `env:`: the runner would put them into the shell's text"
    } else if !line.starts_with("cargo xtask ") {
        "type `cargo xtask …`: what CI does, a laptop can do"
    } else if line.contains(['"', '\'', '|', ';', '&', '$', '>', '<', '`']) {
        "type one command without the shell's grammar"
    } else {
        // The first two words are one name to clap.
        let words = line.split_whitespace().skip(1);
        match Cli::try_parse_from(words) {
            Ok(cli) if cli.task.is_some() => return None,
            Ok(_) => "name a task",
            Err(error) => return Some(format!("`{line}`: {error}")),
        }
    };
    Some(format!("`{line}`: {advice}"))
}

/// An action by its commit, with the version that this was, for people.
fn action(text: &str, uses: &str) -> Option<String> {
    if uses.starts_with("./") {
        return None;
    }
    let pinned = uses.split_once('@').is_some_and(|(_, commit)| {
        commit.len() == 40
            && commit
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if !pinned {
        return Some(format!(
            "`{uses}`: pin it by its full commit hash; tags can be moved"
        ));
    }
    let comment = |line: &str| {
        let (_, rest) = line.split_once(uses)?;
        let version = rest.trim().strip_prefix("# v")?;
        Some(version.starts_with(|c: char| c.is_ascii_digit()))
    };
    let said = text
        .lines()
        .filter(|line| line.contains(uses))
        .all(|line| comment(line) == Some(true));
    (!said).then(|| format!("`{uses}`: say `# vX.Y.Z` behind it"))
}

#[test]
fn workflows_type_our_commands() {
    let mut wrong = Vec::new();
    for path in super::files() {
        let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
        if path.starts_with(".github/workflows/") && yaml {
            let found = violations(&super::read(&path));
            wrong.extend(found.iter().map(|violation| format!("{path}: {violation}")));
        }
    }
    super::assert_none(&wrong, "mend the workflows");
}

const GOOD: &str = "\
on: push
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@0123456789012345678901234567890123abcdef # v4.2.2
        with: {persist-credentials: false}
      - run: cargo xtask build --publish --dry-run
        env: {TOKEN: '${{ secrets.TOKEN }}'}
  other:
    uses: ./.github/workflows/other.yaml
";

#[test]
fn each_rule_for_workflows_can_fail() {
    assert_eq!(violations(GOOD), [""; 0]);
    let run = "cargo xtask build --publish --dry-run";
    for (right, wrong, said) in [
        ("permissions: {}\n", "", "permissions: {}"),
        (
            "permissions: {}\n",
            "permissions: write-all\n",
            "permissions: {}",
        ),
        (
            "permissions: {}\n",
            "permissions: {contents: read}\n",
            "permissions: {}",
        ),
        ("    timeout-minutes: 30\n", "", "timeout-minutes"),
        (
            "{persist-credentials: false}",
            "{fetch-depth: 0}",
            "persist-credentials",
        ),
        (
            "0123456789012345678901234567890123abcdef",
            "v4",
            "full commit hash",
        ),
        (
            "0123456789012345678901234567890123abcdef",
            "main",
            "full commit hash",
        ),
        (" # v4.2.2", "", "# vX.Y.Z"),
        (run, "make", "cargo xtask"),
        (run, "cargo xtask no-such-task", "no-such-task"),
        (
            run,
            "cargo xtask build --no-such-option",
            "--no-such-option",
        ),
        (run, "cargo xtask --json", "name a task"),
        (run, "cargo xtask build | tee x", "shell's grammar"),
        (run, "cargo xtask verify ${{ inputs.image }}", "`env:`"),
        (
            run,
            "|\n          cargo xtask build\n          cargo xtask doctor",
            "one line",
        ),
        ("jobs:", "no-jobs:", "no job"),
        ("on: push", "on: [push", "not YAML"),
    ] {
        let text = GOOD.replace(right, wrong);
        assert_ne!(text, GOOD, "{right}");
        let found = violations(&text);
        assert!(found.iter().any(|v| v.contains(said)), "{wrong}: {found:?}");
    }
}

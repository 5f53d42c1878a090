//! Workflows: CI is a computer that types the same commands.

mod lines;
mod policy;

use serde_json::{Value, json};

/// The names and documents of all workflows.
fn documents() -> Vec<(String, Value)> {
    let yaml = |path: &String| {
        let place = path.starts_with(".github/workflows/");
        place && (path.ends_with(".yaml") || path.ends_with(".yml"))
    };
    super::files()
        .into_iter()
        .filter(yaml)
        .map(|path| {
            let document = parsed(&super::read(&path)).unwrap();
            (path, document)
        })
        .collect()
}

/// A workflow's own actions are read along with it.
fn texts() -> Vec<(String, String)> {
    let place = |path: &String| path.starts_with(".github/");
    let yaml = |path: &String| path.ends_with(".yaml") || path.ends_with(".yml");
    super::files()
        .into_iter()
        .filter(|path| place(path) && yaml(path))
        .map(|path| (path.clone(), super::read(&path)))
        .collect()
}

/// `on` stays a text: YAML 1.1 would read a boolean.
fn parsed(text: &str) -> Result<Value, String> {
    serde_yaml::from_str(text).map_err(|error| format!("not YAML: {error}"))
}

/// Every step with the name of its job.
fn steps(workflow: &Value) -> Vec<(&str, &Value)> {
    let jobs = workflow["jobs"].as_object().into_iter().flatten();
    jobs.flat_map(|(name, job)| {
        let steps = job["steps"].as_array().into_iter().flatten();
        steps.map(move |step| (name.as_str(), step))
    })
    .collect()
}

/// What is wrong with a workflow, each with what to do.
fn violations(text: &str) -> Vec<String> {
    let document = match parsed(text) {
        Ok(document) => document,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    if document["permissions"] != json!({}) {
        wrong.push("write `permissions: {}` at the top: each job asks for what it needs".into());
    }
    let group = document["concurrency"]["group"]
        .as_str()
        .unwrap_or_default();
    if group.is_empty() {
        wrong.push("write `concurrency:` with a `group:`".to_owned());
    }
    wrong.extend(schedules(&document));
    let jobs = document["jobs"].as_object().cloned().unwrap_or_default();
    if jobs.is_empty() {
        wrong.push("there is no job".to_owned());
    }
    let publishes = jobs.values().any(writes);
    if publishes && document["concurrency"]["cancel-in-progress"] != json!(false) {
        wrong.push("write `cancel-in-progress: false`: it publishes".to_owned());
    }
    for (name, job) in &jobs {
        // A job that calls a workflow cannot have one.
        if job["uses"].is_null() && job["timeout-minutes"].as_u64().is_none() {
            wrong.push(format!("{name}: give it `timeout-minutes`"));
        }
        if job["uses"].is_null() && !job["permissions"].is_object() {
            wrong.push(format!("{name}: give it `permissions:`, the least"));
        }
        wrong.extend(secrets_for_all(&job["env"]).map(|it| format!("{name}: {it}")));
        wrong.extend(job["uses"].as_str().and_then(|uses| action(text, uses)));
    }
    wrong.extend(secrets_for_all(&document["env"]));
    let moments = lines::moments(&document);
    for (job, step) in steps(&document) {
        let run = step["run"].as_str();
        wrong.extend(run.and_then(|run| lines::wrong(run, &step["env"], &moments)));
        wrong.extend(used(text, job, step));
    }
    wrong
}

/// Whether a job may change what others see.
fn writes(job: &Value) -> bool {
    ["packages", "pages"]
        .iter()
        .any(|scope| job["permissions"][scope] == "write")
}

fn used(text: &str, job: &str, step: &Value) -> Vec<String> {
    let Some(uses) = step["uses"].as_str() else {
        return Vec::new();
    };
    let mut wrong: Vec<String> = action(text, uses).into_iter().collect();
    let kept = step["with"]["persist-credentials"] != json!(false);
    if uses.starts_with("actions/checkout@") && kept {
        wrong.push(format!("{job}: checkout with `persist-credentials: false`"));
    }
    wrong
}

/// A secret is for the step that needs it.
fn secrets_for_all(env: &Value) -> Option<String> {
    let text = env.to_string();
    (text.contains("secrets.") || text.contains("github.token"))
        .then(|| "give a secret to the steps that need it, not to all of them".to_owned())
}

/// On the hour everybody's jobs start, and some are dropped.
/// Source: GitHub Actions, "Events that trigger workflows", `schedule`.
fn schedules(document: &Value) -> Vec<String> {
    let schedules = document["on"]["schedule"].as_array();
    let crons = schedules.into_iter().flatten();
    crons
        .filter_map(|schedule| {
            let cron = schedule["cron"].as_str().unwrap_or_default();
            let fields: Vec<&str> = cron.split(' ').collect();
            let minute = fields[0].parse::<u8>().unwrap_or(0);
            let good = fields.len() == 5 && (1..60).contains(&minute) && fields[1] != "*";
            (!good).then(|| format!("cron `{cron}`: once a day at most, and not on the hour"))
        })
        .collect()
}

/// An action by its commit, with the version that this was, for people.
fn action(text: &str, uses: &str) -> Option<String> {
    if let Some(local) = uses.strip_prefix("./") {
        let there = super::files().contains(&format!("{local}/action.yaml"))
            || super::files().contains(&local.to_owned());
        return (!there).then(|| format!("`{uses}` is not there"));
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
    for (path, text) in texts() {
        let found = match path.starts_with(".github/workflows/") {
            true => violations(&text),
            false => own_action(&text),
        };
        wrong.extend(found.iter().map(|violation| format!("{path}: {violation}")));
    }
    super::assert_none(&wrong, "mend the workflows");
}

/// An action of ours decides nothing either: it uses others, and runs nothing.
fn own_action(text: &str) -> Vec<String> {
    let document = parsed(text).unwrap();
    let steps = document["runs"]["steps"].as_array().into_iter().flatten();
    steps
        .flat_map(|step| {
            let run = step["run"].as_str();
            let run = run.map(|run| format!("`{run}`: lines belong into a workflow"));
            used(text, "action", step).into_iter().chain(run)
        })
        .collect()
}

/// The same action is the same commit everywhere.
#[test]
fn an_action_has_one_version() {
    let mut found: Vec<(String, String)> = Vec::new();
    for (path, text) in texts() {
        for line in text.lines() {
            let Some((_, uses)) = line.split_once("uses: ") else {
                continue;
            };
            if let Some((name, version)) = uses.split_once('@') {
                found.push((name.to_owned(), format!("{version} in {path}")));
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    let version = |text: &str| text.split(" in ").next().unwrap().to_owned();
    for (name, at) in &found {
        let other = found
            .iter()
            .find(|(n, v)| n == name && version(v) != version(at));
        assert!(other.is_none(), "{name}: {at} and {other:?}");
    }
}

const GOOD: &str = "\
on:
  schedule: [{cron: '17 3 * * *'}]
  workflow_dispatch:
    inputs:
      why: {type: string}
      mode: {type: choice, options: [dry-run, execute]}
permissions: {}
concurrency: {group: x, cancel-in-progress: false}
jobs:
  build:
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions: {contents: read, packages: write}
    steps:
      - uses: actions/checkout@0123456789012345678901234567890123abcdef # v4.2.2
        with: {persist-credentials: false}
      - run: cargo xtask build --publish --dry-run
        env: {TOKEN: '${{ secrets.TOKEN }}'}
      - run: cargo xtask resolve --decide --force=\"$WHY\"
        env: {WHY: \"${{ inputs.why || 'no' }}\"}
      - run: cargo xtask cleanup --mode \"$MODE\"
        env: {MODE: \"${{ github.event_name == 'schedule' && 'execute' || inputs.mode }}\"}
  other:
    uses: ./.github/workflows/build.yaml
";

#[test]
fn each_rule_for_workflows_can_fail() {
    assert_eq!(violations(GOOD), [""; 0]);
    let run = "cargo xtask build --publish --dry-run";
    let commit = "0123456789012345678901234567890123abcdef";
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
        (
            "    permissions: {contents: read, packages: write}\n",
            "",
            "the least",
        ),
        ("    timeout-minutes: 30\n", "", "timeout-minutes"),
        (
            "{persist-credentials: false}",
            "{fetch-depth: 0}",
            "persist-credentials",
        ),
        ("group: x, ", "", "`group:`"),
        (
            "cancel-in-progress: false",
            "cancel-in-progress: true",
            "it publishes",
        ),
        (", cancel-in-progress: false", "", "it publishes"),
        ("17 3 * * *", "0 3 * * *", "on the hour"),
        ("17 3 * * *", "*/5 3 * * *", "on the hour"),
        ("17 3 * * *", "17 * * * *", "on the hour"),
        (commit, "v4", "full commit hash"),
        (commit, "main", "full commit hash"),
        (" # v4.2.2", "", "# vX.Y.Z"),
        (
            "workflows/build.yaml",
            "workflows/none.yaml",
            "is not there",
        ),
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
        (run, "cargo xtask verify \"$TOKEN\"", "is a secret"),
        (
            run,
            "cargo xtask verify \"$IMAGE\"",
            "$IMAGE is not in `env:`",
        ),
        (
            run,
            "|\n          cargo xtask build\n          cargo xtask doctor",
            "one line",
        ),
        // A text that becomes an option, or that is missing.
        ("--force=\\\"$WHY\\\"", "--force \\\"$WHY\\\"", "--publish"),
        ("inputs.why || 'no'", "inputs.why", "''"),
        // The mode of nobody's choice.
        (
            "github.event_name == 'schedule' && 'execute' || ",
            "",
            "[possible values",
        ),
        (
            "[dry-run, execute]",
            "[dry-run, 'true']",
            "[possible values",
        ),
        (
            "    timeout-minutes: 30\n",
            "    timeout-minutes: 30\n    env: {A: '${{ github.token }}'}\n",
            "not to all",
        ),
        ("jobs:", "no-jobs:", "no job"),
        ("on:", "on: [push", "not YAML"),
    ] {
        // The text is written in Rust's quotes here, and in YAML's there.
        let (right, wrong) = (right.replace("\\\"", "\""), wrong.replace("\\\"", "\""));
        let text = GOOD.replace(&right, &wrong);
        assert_ne!(text, GOOD, "{right}");
        let found = violations(&text);
        assert!(found.iter().any(|v| v.contains(said)), "{wrong}: {found:?}");
    }
}

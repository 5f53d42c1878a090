//! A runner, as far as the workflows of this repository need one: jobs in
//! their order, steps, conditions, outputs, matrices. What it does not know it
//! does not pass over: it panics.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use registry_compat::Digest;
use serde_json::{Map, Value, json};
use xshell::{Shell, cmd};

use super::actions;
use super::around::{OWNER, PASSWORD, TOKEN};
use super::expressions::{Scope, condition, filled, string};
use super::fixture::Fixture;
use super::github::PROJECT;

/// What started a run.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: &'static str,
    pub inputs: Value,
}

/// The night's own.
pub fn schedule() -> Event {
    Event {
        name: "schedule",
        inputs: Value::Null,
    }
}

/// A person's.
pub fn by_hand(inputs: Value) -> Event {
    Event {
        name: "workflow_dispatch",
        inputs,
    }
}

/// How it went.
#[derive(Debug, Default)]
pub struct Run {
    /// `success`, `failure` or `skipped`.
    pub results: BTreeMap<String, String>,
    /// The lines that were typed, in their order, each with its exit code.
    pub typed: Vec<(String, i32)>,
    /// What the actions did.
    pub done: Vec<String>,
    /// The page of the run.
    pub summary: String,
    /// Both streams of everything.
    pub log: String,
    pub needs: Map<String, Value>,
}

impl Run {
    #[track_caller]
    pub fn expect(&self, results: &[(&str, &str)]) {
        let found: Vec<(&str, &str)> = self
            .results
            .iter()
            .map(|(job, result)| (job.as_str(), result.as_str()))
            .collect();
        assert_eq!(found, results, "{}\n{}", self.log, self.summary);
    }

    /// The tasks that were typed.
    pub fn tasks(&self) -> Vec<&str> {
        self.typed
            .iter()
            .map(|(line, _)| line.split(' ').nth(2).unwrap_or_default())
            .collect()
    }
}

/// One job, or one of a matrix, while it runs.
pub struct Job<'a> {
    pub fixture: &'a Fixture,
    pub run: &'a mut Run,
    /// The clone.
    pub folder: PathBuf,
    contexts: Value,
    pub env: Value,
    /// `success` until a step fails.
    pub status: &'static str,
    /// What is to be put into the cache when it ends well: key and paths.
    pub to_cache: Vec<(String, Vec<String>)>,
}

/// Runs a workflow of the fork.
pub fn run(fixture: &Fixture, workflow: &str, number: u32, event: &Event) -> Run {
    let file = fixture.origin.join(".github/workflows").join(workflow);
    let text = std::fs::read_to_string(file).unwrap();
    let document: Value = serde_yaml::from_str(&text).unwrap();
    let mut run = Run::default();
    let mut left: Vec<(String, Value)> = document["jobs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, job)| (name.clone(), job.clone()))
        .collect();
    while !left.is_empty() {
        let ready = |job: &Value| needs(job).iter().all(|name| run.needs.contains_key(name));
        let at = left.iter().position(|(_, job)| ready(job)).unwrap();
        let (name, job) = left.remove(at);
        let contexts = github(&name, number, event);
        one(fixture, &mut run, &document, &name, &job, contexts);
    }
    assert_no_secret(fixture, &run.log);
    assert_no_secret(fixture, &run.summary);
    run
}

/// What another's runner says, to which the key is given as a secret and which shows none.
pub fn said_by(fixture: &Fixture, command: &mut Command) -> String {
    let output = command
        .env("COSIGN_PRIVATE_KEY", &fixture.key)
        .env("COSIGN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_no_secret(fixture, &said);
    said.into_owned()
}

/// What a run says has none of the fork's secrets.
pub fn assert_no_secret(fixture: &Fixture, said: &str) {
    for secret in [fixture.key.as_str(), PASSWORD, TOKEN] {
        assert!(!said.contains(secret), "a secret in the log");
    }
}

fn needs(job: &Value) -> Vec<String> {
    match &job["needs"] {
        Value::Null => Vec::new(),
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().map(string).collect(),
        other => panic!("needs: {other}"),
    }
}

/// The jobs that a job needs, and those that they need: `success()` looks at all of them,
/// so that one that was skipped skips everything after it.
/// Source: <https://github.com/actions/runner/issues/2205>.
fn ancestors(document: &Value, job: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut left = needs(job);
    while let Some(name) = left.pop() {
        left.extend(needs(&document["jobs"][&name]));
        all.insert(name);
    }
    all
}

fn github(job: &str, number: u32, event: &Event) -> Value {
    json!({
        "github": {
            "actor": OWNER,
            "event_name": event.name,
            "job": job,
            "ref": "refs/heads/main",
            "repository": format!("{OWNER}/{PROJECT}"),
            "repository_owner": OWNER,
            "run_attempt": "1",
            "run_id": number.to_string(),
            "token": TOKEN,
        },
        "inputs": event.inputs,
        "runner": {"os": "Linux", "arch": "here"},
        "env": {},
        "matrix": {},
        "steps": {},
    })
}

fn one(
    fixture: &Fixture,
    run: &mut Run,
    document: &Value,
    name: &str,
    job: &Value,
    mut contexts: Value,
) {
    let known = run.needs.clone();
    let good = ancestors(document, job)
        .iter()
        .all(|need| known[need]["result"] == "success");
    contexts["needs"] = json!(known);
    let scope = Scope {
        contexts: &contexts,
        call: &|name, _| status(name, if good { "success" } else { "skipped" }),
    };
    let wanted = condition(job["if"].as_str(), scope).unwrap();
    let legs = match &job["strategy"]["matrix"]["include"] {
        Value::Null => vec![json!({})],
        _ if !wanted => Vec::new(),
        Value::String(text) => filled(text, scope).unwrap().as_array().unwrap().clone(),
        other => panic!("matrix: {other}"),
    };
    let mut outputs = Map::new();
    let mut result = "skipped";
    for leg in legs.into_iter().filter(|_| wanted) {
        contexts["matrix"] = leg;
        let mut running = Job::start(fixture, run, document, &contexts);
        for step in job["steps"].as_array().unwrap() {
            running.step(step);
        }
        let ended = running.end();
        for (output, text) in job["outputs"].as_object().into_iter().flatten() {
            let value = running.text(text);
            // The jobs of a matrix share the list; an empty text writes over
            // nothing.
            if !value.is_empty() {
                outputs.insert(output.clone(), json!(value));
            }
        }
        result = match result {
            "failure" => "failure",
            _ => ended,
        };
    }
    run.results.insert(name.to_owned(), result.to_owned());
    run.needs.insert(
        name.to_owned(),
        json!({"result": result, "outputs": outputs}),
    );
}

/// The functions that look at the status.
fn status(name: &str, status: &str) -> Option<Value> {
    match name {
        "always" => Some(json!(true)),
        "success" => Some(json!(status == "success")),
        "failure" => Some(json!(status == "failure")),
        "cancelled" => Some(json!(false)),
        _ => None,
    }
}

impl<'a> Job<'a> {
    fn start(fixture: &'a Fixture, run: &'a mut Run, document: &Value, contexts: &Value) -> Self {
        // A machine of its own: nothing of the job before is there.
        let folder = fixture.path("workspace/custom-coreos");
        let sh = Shell::new().unwrap();
        sh.remove_path(&folder).unwrap();
        sh.remove_path(fixture.path("home")).unwrap();
        sh.create_dir(&folder).unwrap();
        sh.create_dir(fixture.path("home")).unwrap();
        Self {
            fixture,
            run,
            folder,
            contexts: contexts.clone(),
            env: document["env"].clone(),
            status: "success",
            to_cache: Vec::new(),
        }
    }

    /// What an expression says in this job, now.
    pub fn value(&self, text: &Value) -> Value {
        let Value::String(text) = text else {
            return text.clone();
        };
        let mut contexts = self.contexts.clone();
        contexts["job"] = json!({"status": self.status});
        contexts["secrets"] =
            json!({"COSIGN_PRIVATE_KEY": self.fixture.key, "COSIGN_PASSWORD": PASSWORD});
        let scope = Scope {
            contexts: &contexts,
            call: &|name, arguments| match name {
                "hashFiles" => Some(json!(self.hash(arguments))),
                name => status(name, self.status),
            },
        };
        filled(text, scope).unwrap()
    }

    pub fn text(&self, text: &Value) -> String {
        string(&self.value(text))
    }

    /// One digest over files of the clone.
    fn hash(&self, patterns: &[Value]) -> String {
        let sh = Shell::new().unwrap();
        sh.change_dir(&self.folder);
        let patterns: Vec<String> = patterns.iter().map(string).collect();
        let files = cmd!(sh, "git ls-files -- {patterns...}")
            .quiet()
            .read()
            .unwrap();
        let mut all = Vec::new();
        for file in files.lines() {
            all.extend(file.bytes());
            all.extend(std::fs::read(self.folder.join(file)).unwrap());
        }
        Digest::of(&all).hex().to_owned()
    }

    fn step(&mut self, step: &Value) {
        let wanted = {
            let mut contexts = self.contexts.clone();
            contexts["job"] = json!({"status": self.status});
            let scope = Scope {
                contexts: &contexts,
                call: &|name, _| status(name, self.status),
            };
            condition(step["if"].as_str(), scope).unwrap()
        };
        if !wanted {
            return;
        }
        let (good, outputs) = match (step["run"].as_str(), step["uses"].as_str()) {
            (Some(line), None) => self.line(line.trim_end(), &step["env"]),
            (None, Some(action)) => (actions::run(self, action, &step["with"]), json!({})),
            _ => panic!("{step}"),
        };
        if let Some(id) = step["id"].as_str() {
            self.contexts["steps"][id] = json!({"outputs": outputs});
        }
        if !good && step["continue-on-error"] != json!(true) {
            self.status = "failure";
        }
    }

    /// Types a line, as a runner does.
    /// Source: GitHub Actions, "Workflow syntax", `jobs.<job_id>.steps[*].shell`.
    fn line(&mut self, line: &str, env: &Value) -> (bool, Value) {
        // It would install packages on the machine that tests.
        if line.contains("doctor --install") {
            self.run.typed.push((line.to_owned(), 0));
            return (true, json!({}));
        }
        let mut variables = self.fixture.machine();
        let github = self.contexts["github"].as_object().unwrap();
        for (name, value) in github.iter().filter(|(name, _)| *name != "token") {
            variables.push((format!("GITHUB_{}", name.to_uppercase()), string(value)));
        }
        for (name, value) in [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("RUNNER_OS", "Linux"),
        ] {
            variables.push((name.to_owned(), value.to_owned()));
        }
        let place = |name: &str| self.fixture.path(name);
        for (variable, name) in [
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_STEP_SUMMARY", "summary"),
        ] {
            std::fs::write(place(name), "").unwrap();
            variables.push((variable.to_owned(), place(name).display().to_string()));
        }
        for layer in [&self.env, env] {
            for (name, text) in layer.as_object().into_iter().flatten() {
                variables.push((name.clone(), self.text(text)));
            }
        }
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line])
            .current_dir(&self.folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let code = output.status.code().unwrap_or(-1);
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        self.run
            .log
            .push_str(&format!("$ {line}\n{said}\n[{code}]\n"));
        self.run.typed.push((line.to_owned(), code));
        let read = |name: &str| std::fs::read_to_string(place(name)).unwrap();
        self.run.summary.push_str(&read("summary"));
        (code == 0, outputs(&read("output")))
    }

    fn end(&mut self) -> &'static str {
        if self.status == "success" {
            actions::save(self);
        }
        self.status
    }
}

/// The runner's reading of the file: `NAME<<END`, lines, `END`.
fn outputs(text: &str) -> Value {
    let mut lines = text.lines();
    let mut values = json!({});
    while let Some(head) = lines.next() {
        let (name, end) = head.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        values[name] = json!(value.join("\n"));
    }
    values
}

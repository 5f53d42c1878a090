//! Workflows and their runs.

use remote::loopback::{Reply, Request};
use serde_json::{Value, json};

use super::{State, error, json_reply, page, value};
use crate::contract::Contract;

/// A run.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: u64,
    pub file: String,
    pub event: &'static str,
    pub branch: String,
    pub actor: &'static str,
    /// What it is at each look, the last for good: a status, or how it ended.
    pub standing: Vec<&'static str>,
    /// Asked for so many hours ago; it takes 10 minutes.
    pub hours: i64,
    /// The step that failed, and on which runner.
    pub failed: Option<(&'static str, &'static str)>,
}

/// A run of the night, by hand of nobody.
pub fn nightly(id: u64, file: &str, standing: &'static str) -> Stored {
    Stored {
        id,
        file: file.to_owned(),
        event: "schedule",
        branch: "trunk".to_owned(),
        actor: "someone",
        standing: vec![standing],
        hours: 2,
        failed: None,
    }
}

const GOING: [&str; 3] = ["queued", "in_progress", "waiting"];

impl State {
    pub(super) fn actions_api(
        &mut self,
        contract: &Contract,
        request: &Request,
        rest: &[&str],
        query: &str,
    ) -> Reply {
        match (request.method.as_str(), rest) {
            ("GET", ["workflows"]) => {
                let all = self.workflows.iter();
                let all: Vec<Value> = all
                    .map(|(file, state)| {
                        let mut wire = contract.sample("workflow");
                        wire["path"] = json!(format!(".github/workflows/{file}"));
                        wire["state"] = json!(state);
                        wire
                    })
                    .collect();
                let count = all.len();
                page(
                    &all,
                    self.page,
                    request,
                    |list| json!({"total_count": count, "workflows": list}),
                )
            }
            ("GET", ["workflows", file, "runs"]) if self.knows(file) => {
                let like = |run: &&Stored| {
                    let is = |name: &str, has: &str| {
                        value(query, name).is_none_or(|asked| asked.replace("%2F", "/") == has)
                    };
                    run.file == *file
                        && is("event", run.event)
                        && is("branch", &run.branch)
                        && is("actor", run.actor)
                };
                let mut late = std::mem::take(&mut self.late);
                if !self.dispatched.is_empty() && late > 0 {
                    late -= 1;
                    self.late = late;
                    let none = json!({"total_count": 0, "workflow_runs": []});
                    return json_reply(200, &none);
                }
                self.late = late;
                // Newest first, as GitHub lists them.
                let all = self.runs.iter().rev().filter(like);
                let all: Vec<Value> = all.map(|run| wire(contract, run)).collect();
                let count = all.len();
                page(
                    &all,
                    self.page,
                    request,
                    |list| json!({"total_count": count, "workflow_runs": list}),
                )
            }
            ("POST", ["workflows", file, "dispatches"]) if self.knows(file) => {
                let sent: Value = serde_json::from_slice(&request.body).unwrap();
                let id = self.runs.last().map_or(100, |run| run.id) + 1;
                self.runs.push(Stored {
                    event: "workflow_dispatch",
                    branch: sent["ref"].as_str().unwrap().to_owned(),
                    actor: self.user.unwrap_or("github-actions[bot]"),
                    standing: vec!["queued", "in_progress", "in_progress", "success"],
                    hours: 0,
                    ..nightly(id, file, "queued")
                });
                let says_run = self.says_run && sent["return_run_details"] == json!(true);
                self.dispatched.push(((*file).to_owned(), sent));
                match says_run {
                    true => json_reply(
                        200,
                        &json!({
                            "workflow_run_id": id,
                            "run_url": format!("https://api.github.com/repos/someone/image/actions/runs/{id}"),
                            "html_url": page_of(id),
                        }),
                    ),
                    false => Reply::new(204, "text/plain", ""),
                }
            }
            ("GET", ["runs", id]) => {
                let mut runs = self.runs.iter_mut();
                match runs.find(|run| run.id.to_string() == *id) {
                    Some(run) => {
                        let reply = json_reply(200, &wire(contract, run));
                        if run.standing.len() > 1 {
                            run.standing.remove(0);
                        }
                        reply
                    }
                    None => error(404, "Not Found"),
                }
            }
            ("GET", ["runs", id, "attempts", "1", "jobs"]) => {
                let run = self.runs.iter().find(|run| run.id.to_string() == *id);
                let jobs: Vec<Value> = run.and_then(|run| run.failed).into_iter().map(|(name, runner)| {
                    let mut job = contract.sample("job");
                    job["runner_name"] = json!(runner);
                    let step = |number: u64, name: &str, conclusion: Value| json!({
                        "name": name, "number": number, "status": "completed", "conclusion": conclusion,
                    });
                    job["steps"] = json!([
                        step(1, "Set up job", json!("success")), step(2, name, json!("failure")),
                        step(3, "Alarm", Value::Null),
                    ]);
                    job
                }).collect();
                page(
                    &jobs,
                    self.page,
                    request,
                    |list| json!({"total_count": jobs.len(), "jobs": list}),
                )
            }
            _ => error(404, "Not Found"),
        }
    }

    fn knows(&self, file: &str) -> bool {
        self.workflows.iter().any(|(known, _)| *known == file)
    }
}

fn page_of(id: u64) -> String {
    format!("https://github.com/someone/image/actions/runs/{id}")
}

fn wire(contract: &Contract, run: &Stored) -> Value {
    let seconds = i64::try_from(host::env::epoch_seconds()).unwrap() - run.hours * 3_600;
    let at = |seconds: i64| {
        let moment = retention::Timestamp::from_unix_seconds(seconds).unwrap();
        json!(moment.to_string())
    };
    let standing = run.standing[0];
    let going = GOING.contains(&standing);
    let mut wire = contract.sample("workflow-run");
    wire["id"] = json!(run.id);
    wire["run_number"] = json!(run.id - 100);
    wire["event"] = json!(run.event);
    wire["head_branch"] = json!(run.branch);
    wire["status"] = json!(if going { standing } else { "completed" });
    wire["conclusion"] = if going { Value::Null } else { json!(standing) };
    wire["created_at"] = at(seconds);
    wire["run_started_at"] = at(seconds);
    wire["updated_at"] = at(seconds + 600);
    wire["html_url"] = json!(page_of(run.id));
    wire
}

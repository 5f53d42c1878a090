//! A small Forgejo and a small GitLab that remember issues, labels and runs, on
//! loopback. Forgejo's is held against its own description; GitLab's against the
//! fields that its documentation names.
#![allow(dead_code, reason = "test support: each test program uses a part")]

mod documented;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use forge::Forge;
use remote::loopback::{Loopback, Reply, Request};
use serde_json::{Value, json};

use crate::contract::Contract;

/// Whose the token is.
pub const OWN: &str = "nights";

#[derive(Debug, Clone)]
pub struct Issue {
    pub open: bool,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
    pub author: &'static str,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub id: u64,
    pub task: String,
    pub event: &'static str,
    /// In the forge's own word.
    pub status: &'static str,
}

#[derive(Default)]
pub struct State {
    pub issues: Vec<Issue>,
    pub comments: Vec<(u64, String)>,
    pub labels: Vec<String>,
    pub runs: Vec<Run>,
    pub dispatched: Vec<Value>,
    pub deleted: Vec<String>,
    /// Accounts that may change the repository.
    pub members: Vec<&'static str>,
    pub violations: Vec<String>,
    /// Where the site is published, in GitLab's words.
    pub site: Option<&'static str>,
    /// The token may change things.
    pub may_push: bool,
}

pub struct Fake {
    state: Arc<Mutex<State>>,
    server: Loopback,
}

const AT: &str = "2026-07-21T09:00:00Z";

fn reply(status: u16, body: &Value) -> Reply {
    Reply::new(status, "application/json", body.to_string())
}

impl Fake {
    pub fn start(forge: Forge) -> Self {
        Self::of(forge, false)
    }

    /// Gitea, which is Forgejo but for its runs.
    pub fn gitea() -> Self {
        Self::of(Forge::Forgejo, true)
    }

    fn of(forge: Forge, gitea: bool) -> Self {
        let state = Arc::new(Mutex::new(State {
            may_push: true,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let contract = Contract::forgejo();
        let server = Loopback::start(move |request| {
            let mut state = shared.lock().unwrap();
            if request.path.starts_with("/v2/") {
                return Reply::new(404, "application/json", "{\"errors\": []}");
            }
            let root = if forge == Forge::Gitlab {
                "/api/v4"
            } else {
                "/api/v1"
            };
            let below = Request {
                path: request.path.strip_prefix(root).unwrap_or("").to_owned(),
                ..request.clone()
            };
            let sent = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            let of_gitea = gitea && below.path.contains("/actions/");
            let wrong = match forge {
                Forge::Gitlab => documented::request(&below, &sent),
                _ if of_gitea => Vec::new(),
                _ => contract.request(&below),
            };
            state.violations.extend(wrong);
            let answer = match forge {
                Forge::Gitlab => state.gitlab(&below, &sent),
                _ if of_gitea => state.gitea_runs(&below, &sent),
                _ => state.forgejo(&contract, &below, &sent),
            };
            if forge != Forge::Gitlab && !of_gitea {
                let wrong = contract.reply(&below, answer.status, &answer.body);
                state.violations.extend(wrong);
            }
            answer
        })
        .unwrap();
        Self { state, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.state().violations, [""; 0]);
        }
    }
}

/// The values of a query.
fn query(path: &str) -> BTreeMap<&str, &str> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl State {
    fn labelled(&self, label: &str) -> Vec<(u64, &Issue)> {
        let numbered = (1..).zip(&self.issues);
        numbered
            .filter(|(_, issue)| issue.labels.iter().any(|known| known == label))
            .collect()
    }

    fn add_run(&mut self, task: &str, event: &'static str, status: &'static str) -> u64 {
        let id = self.runs.len() as u64 + 1;
        self.runs.push(Run {
            id,
            task: task.to_owned(),
            event,
            status,
        });
        id
    }

    /// Somebody starts the workflow in this file.
    fn dispatch(&mut self, file: &str, sent: &Value) -> u64 {
        self.dispatched.push(sent.clone());
        let task = file.trim_end_matches(".yaml");
        self.add_run(task, "workflow_dispatch", "waiting")
    }

    fn forgejo(&mut self, contract: &Contract, request: &Request, sent: &Value) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let asked = query(&request.path);
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let issue = |number: u64, issue: &Issue| {
            let mut of = contract.sample("Issue");
            let labels = issue.labels.iter();
            let labels: Vec<Value> = labels.map(|name| json!({"id": 7, "name": name})).collect();
            let state = if issue.open { "open" } else { "closed" };
            let user = json!({"id": 1, "login": issue.author});
            let url = format!("https://codeberg.org/o/n/issues/{number}");
            for (key, value) in [
                ("number", json!(number)),
                ("title", json!(issue.title)),
                ("body", json!(issue.body)),
                ("state", json!(state)),
                ("labels", json!(labels)),
                ("user", user),
                ("html_url", json!(url)),
            ] {
                of[key] = value;
            }
            of
        };
        let run = |run: &Run| {
            json!({
                "id": run.id, "index_in_repo": run.id, "workflow_id": format!("{}.yaml", run.task),
                "prettyref": "main", "status": run.status, "trigger_event": run.event,
                "event": run.event, "created": AT, "started": AT, "updated": AT, "stopped": AT,
                "html_url": format!("https://codeberg.org/o/n/actions/runs/{}", run.id),
            })
        };
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) => reply(200, &json!({"id": 1, "login": OWN})),
            ("GET", ["repos", _, _]) => reply(
                200,
                &json!({"default_branch": "main", "permissions": {"push": self.may_push}}),
            ),
            ("GET", ["repos", _, _, "issues"]) => {
                let found = self.labelled(asked["labels"]).into_iter();
                let found: Vec<Value> = found.map(|(number, of)| issue(number, of)).collect();
                reply(200, &json!(found))
            }
            ("GET", ["repos", _, _, "labels"]) => {
                let all = self.labels.iter();
                let all: Vec<Value> = all.map(|name| json!({"id": 7, "name": name})).collect();
                reply(200, &json!(all))
            }
            ("POST", ["repos", _, _, "labels"]) => {
                self.labels.push(text(&sent["name"]));
                reply(201, &json!({"id": 7, "name": sent["name"]}))
            }
            ("POST", ["repos", _, _, "issues"]) => {
                let labels = match sent["labels"] == json!([7]) {
                    true => self.labels.clone(),
                    false => Vec::new(),
                };
                self.issues.push(Issue {
                    open: true,
                    title: text(&sent["title"]),
                    body: text(&sent["body"]),
                    labels,
                    author: OWN,
                });
                let number = self.issues.len();
                reply(201, &issue(number as u64, &self.issues[number - 1]))
            }
            ("PATCH", ["repos", _, _, "issues", number]) => {
                let number: usize = number.parse().unwrap();
                let of = &mut self.issues[number - 1];
                if let Some(state) = sent["state"].as_str() {
                    of.open = state == "open";
                }
                if let Some(title) = sent["title"].as_str() {
                    of.title = title.to_owned();
                }
                if let Some(body) = sent["body"].as_str() {
                    of.body = body.to_owned();
                }
                reply(201, &issue(number as u64, &self.issues[number - 1]))
            }
            ("POST", ["repos", _, _, "issues", number, "comments"]) => {
                self.comments
                    .push((number.parse().unwrap(), text(&sent["body"])));
                reply(201, &json!({"id": 1, "body": sent["body"]}))
            }
            ("GET", ["repos", _, _, "collaborators", who, "permission"]) => {
                let may = self.members.contains(who);
                let word = if may { "write" } else { "read" };
                reply(200, &json!({"permission": word}))
            }
            ("GET", ["repos", _, _, "actions", "runs"]) => {
                let of = |run: &&Run| {
                    let event = asked.get("event").is_none_or(|event| *event == run.event);
                    event
                        && asked.get("workflow_id") == Some(&format!("{}.yaml", run.task).as_str())
                };
                let found: Vec<Value> = self.runs.iter().rev().filter(of).map(run).collect();
                reply(
                    200,
                    &json!({"total_count": found.len(), "workflow_runs": found}),
                )
            }
            ("GET", ["repos", _, _, "actions", "runs", id]) => {
                let id: usize = id.parse().unwrap();
                reply(200, &run(&self.runs[id - 1]))
            }
            ("POST", ["repos", _, _, "actions", "workflows", file, "dispatches"]) => {
                let id = self.dispatch(file, sent);
                reply(201, &json!({"id": id, "run_number": id, "jobs": []}))
            }
            ("DELETE", ["packages", ..]) => {
                self.deleted.push(path.to_owned());
                Reply::new(204, "application/json", "")
            }
            _ => reply(
                404,
                &json!({"message": "not found", "url": "u", "errors": []}),
            ),
        }
    }

    /// Gitea's runs: fields of `ActionWorkflowRun`, and the parameters of "Lists all runs
    /// for a repository run", docs.gitea.com/api: `event`, `branch`, `status`, `actor`,
    /// `head_sha`, `page`, `limit`. Others are passed over, and a dispatch has no answer.
    fn gitea_runs(&mut self, request: &Request, sent: &Value) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let asked = query(&request.path);
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let run = |run: &Run| {
            let (status, conclusion, at) = match run.status {
                "waiting" => ("queued", "", "1970-01-01T00:00:00Z"),
                ended => ("completed", ended, AT),
            };
            json!({
                "id": run.id, "run_number": run.id, "run_attempt": 1, "status": status,
                "conclusion": conclusion, "event": run.event, "head_branch": "main",
                "head_sha": "0", "path": format!("{}.yaml@refs/heads/main", run.task),
                "display_title": "x", "started_at": at, "completed_at": at,
                "html_url": format!("https://gitea.example.org/o/n/actions/runs/{}", run.id),
                "url": "https://gitea.example.org/api/v1/x",
            })
        };
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["repos", _, _, "actions", "runs"]) => {
                let of = |run: &&Run| asked.get("event").is_none_or(|event| *event == run.event);
                let most = asked.get("limit").and_then(|size| size.parse().ok());
                let all: Vec<Value> = self.runs.iter().rev().filter(of).map(run).collect();
                let page: Vec<&Value> = all.iter().take(most.unwrap_or(30)).collect();
                reply(
                    200,
                    &json!({"total_count": all.len(), "workflow_runs": page}),
                )
            }
            ("GET", ["repos", _, _, "actions", "runs", id]) => {
                let id: usize = id.parse().unwrap();
                reply(200, &run(&self.runs[id - 1]))
            }
            ("POST", ["repos", _, _, "actions", "workflows", file, "dispatches"]) => {
                self.dispatch(file, sent);
                Reply::new(204, "application/json", "")
            }
            _ => reply(404, &json!({"message": "not found"})),
        }
    }

    fn gitlab(&mut self, request: &Request, sent: &Value) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let asked = query(&request.path);
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let id_of = |login: &str| if login == OWN { 1 } else { 2 };
        let issue = |number: u64, issue: &Issue| {
            json!({
                "iid": number, "title": issue.title, "description": issue.body,
                "state": if issue.open { "opened" } else { "closed" },
                "labels": issue.labels,
                "author": {"id": id_of(issue.author), "username": issue.author},
                "web_url": format!("https://gitlab.com/g/s/n/-/issues/{number}"),
            })
        };
        let run = |run: &Run| {
            json!({
                "id": run.id, "iid": run.id, "ref": "main", "status": run.status,
                "source": run.event, "created_at": AT, "updated_at": AT, "started_at": AT,
                "name": run.task,
                "web_url": format!("https://gitlab.com/g/s/n/-/pipelines/{}", run.id),
            })
        };
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) => reply(200, &json!({"id": 1, "username": OWN})),
            ("GET", ["projects", _]) => {
                let level = if self.may_push { 40 } else { 20 };
                let access = json!({"project_access": {"access_level": level}});
                reply(
                    200,
                    &json!({"default_branch": "main", "permissions": access}),
                )
            }
            ("GET", ["projects", _, "pages"]) => match self.site {
                Some(site) => reply(
                    200,
                    &json!({"url": site, "is_unique_domain_enabled": true, "force_https": true}),
                ),
                None => reply(404, &json!({"message": "404 Not Found"})),
            },
            ("GET", ["projects", _, "issues"]) => {
                let found = self.labelled(asked["labels"]).into_iter();
                let found: Vec<Value> = found.map(|(number, of)| issue(number, of)).collect();
                reply(200, &json!(found))
            }
            ("POST", ["projects", _, "issues"]) => {
                self.issues.push(Issue {
                    open: true,
                    title: text(&sent["title"]),
                    body: text(&sent["description"]),
                    labels: text(&sent["labels"])
                        .split(',')
                        .map(str::to_owned)
                        .collect(),
                    author: OWN,
                });
                let number = self.issues.len();
                reply(201, &issue(number as u64, &self.issues[number - 1]))
            }
            ("PUT", ["projects", _, "issues", number]) => {
                let number: usize = number.parse().unwrap();
                let of = &mut self.issues[number - 1];
                match sent["state_event"].as_str() {
                    Some("close") => of.open = false,
                    Some("reopen") => of.open = true,
                    _ => {}
                }
                if let Some(title) = sent["title"].as_str() {
                    of.title = title.to_owned();
                }
                if let Some(body) = sent["description"].as_str() {
                    of.body = body.to_owned();
                }
                reply(200, &issue(number as u64, &self.issues[number - 1]))
            }
            ("POST", ["projects", _, "issues", number, "notes"]) => {
                self.comments
                    .push((number.parse().unwrap(), text(&sent["body"])));
                reply(201, &json!({"id": 1, "body": sent["body"]}))
            }
            ("GET", ["projects", _, "members", "all", _]) => match self.members.is_empty() {
                true => reply(404, &json!({"message": "404 Not found"})),
                false => reply(200, &json!({"id": 2, "access_level": 30})),
            },
            ("GET", ["projects", _, "pipelines"]) => {
                let of = |run: &&Run| {
                    let event = asked.get("source").is_none_or(|event| *event == run.event);
                    event && asked.get("name") == Some(&run.task.as_str())
                };
                let found: Vec<Value> = self.runs.iter().rev().filter(of).map(run).collect();
                reply(200, &json!(found))
            }
            ("GET", ["projects", _, "pipelines", id]) => {
                let id: usize = id.parse().unwrap();
                reply(200, &run(&self.runs[id - 1]))
            }
            ("POST", ["projects", _, "pipeline"]) => {
                self.dispatched.push(sent.clone());
                let variables = sent["variables"].as_array().unwrap();
                let task = variables.iter().find(|one| one["key"] == "TASK").unwrap();
                let id = self.add_run(&text(&task["value"]), "api", "created");
                reply(201, &run(&self.runs[id as usize - 1]))
            }
            ("GET", ["projects", _, "registry", "repositories"]) => {
                let location = "registry.gitlab.com/g/s/n";
                reply(
                    200,
                    &json!([{"id": 5, "location": location, "path": "g/s/n"}]),
                )
            }
            ("DELETE", ["projects", _, "registry", "repositories", "5", "tags", _]) => {
                self.deleted.push(path.to_owned());
                Reply::new(200, "application/json", "")
            }
            _ => reply(404, &json!({"message": "404 Not Found"})),
        }
    }
}

//! A GitHub of a playground: one repository with its issues, its workflows and their
//! runs. It remembers what it is told for as long as the playground is open.
//!
//! What it answers has the fields that `remote` reads, with the names of GitHub's REST
//! API (<https://docs.github.com/rest>). Nothing runs: what is started has succeeded
//! by the third look.

use jiff::Timestamp;
use remote::loopback::{Reply, Request};
use serde_json::{Value, json};

/// The page that a link of it names.
const PAGES: &str = "https://github.com";

/// The repository and all that was said to it.
#[derive(Debug)]
pub(crate) struct Github {
    /// `OWNER/NAME`.
    project: String,
    /// `build.yaml`, …
    workflows: Vec<String>,
    now: Timestamp,
    issues: Vec<Value>,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    id: u64,
    file: String,
    event: &'static str,
    branch: String,
    /// What was said of it at each look, the last for good.
    standing: Vec<&'static str>,
    /// Asked for so many hours ago.
    hours: i64,
}

impl Github {
    /// A repository whose nights went well but for one, the newest 20 hours ago.
    pub(crate) fn new(project: &str, workflows: &[String], now: Timestamp) -> Self {
        let mut runs = Vec::new();
        for day in (0..5).rev() {
            for file in workflows {
                let failed = day == 3 && file == "build.yaml";
                runs.push(Run {
                    id: 101 + runs.len() as u64,
                    file: file.clone(),
                    event: "schedule",
                    branch: "main".to_owned(),
                    standing: vec![if failed { "failure" } else { "success" }],
                    hours: 20 + 24 * day,
                });
            }
        }
        Self {
            project: project.to_owned(),
            workflows: workflows.to_vec(),
            now,
            issues: Vec::new(),
            runs,
        }
    }

    /// The answer to a request, if it is about the repository; `path` is without what
    /// stands in front of GitHub's own path.
    pub(crate) fn answer(&mut self, request: &Request, path: &str) -> Option<Reply> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let rest = path.strip_prefix(&format!("/repos/{}", self.project))?;
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let answer = match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => Some((200, json!({"default_branch": "main"}))),
            (method, ["issues", rest @ ..]) => self.issues(method, rest, query, &sent),
            (method, ["actions", rest @ ..]) => self.actions(method, rest, query, &sent),
            _ => None,
        };
        let (status, body) = answer.unwrap_or((404, json!({"message": "Not Found"})));
        let kind = "application/json; charset=utf-8";
        Some(Reply::new(status, kind, body.to_string()))
    }

    fn issues(
        &mut self,
        method: &str,
        rest: &[&str],
        query: &str,
        sent: &Value,
    ) -> Option<(u16, Value)> {
        let at = match rest.first() {
            Some(number) => number.parse::<usize>().ok()?.checked_sub(1),
            None => None,
        };
        match (method, rest) {
            ("GET", []) => {
                let state = value(query, "state").unwrap_or("open");
                let label = value(query, "labels");
                let like = |issue: &&Value| {
                    let labels = issue["labels"].as_array();
                    let has =
                        |label| labels.is_some_and(|all| all.iter().any(|l| l["name"] == label));
                    (state == "all" || issue["state"] == state) && label.is_none_or(has)
                };
                let list: Vec<&Value> = match value(query, "page").unwrap_or("1") {
                    "1" => self.issues.iter().rev().filter(like).collect(),
                    _ => Vec::new(),
                };
                Some((200, json!(list)))
            }
            ("POST", []) => {
                let number = self.issues.len() + 1;
                let labels = sent["labels"].as_array().into_iter().flatten();
                let issue = json!({
                    "number": number,
                    "title": sent["title"],
                    "body": sent["body"],
                    "labels": labels.map(|name| json!({"name": name})).collect::<Vec<_>>(),
                    "state": "open",
                    "state_reason": null,
                    "user": {"login": "github-actions[bot]", "type": "Bot"},
                    "author_association": "NONE",
                    "html_url": format!("{PAGES}/{}/issues/{number}", self.project),
                });
                self.issues.push(issue.clone());
                Some((201, issue))
            }
            ("PATCH", [_]) => {
                let issue = self.issues.get_mut(at?)?;
                for key in ["title", "body", "state", "state_reason"] {
                    if !sent[key].is_null() {
                        issue[key] = sent[key].clone();
                    }
                }
                Some((200, issue.clone()))
            }
            ("POST", [_, "comments"]) => {
                self.issues.get(at?)?;
                Some((201, json!({"id": 1, "body": sent["body"]})))
            }
            _ => None,
        }
    }

    fn actions(
        &mut self,
        method: &str,
        rest: &[&str],
        query: &str,
        sent: &Value,
    ) -> Option<(u16, Value)> {
        let first = value(query, "page").unwrap_or("1") == "1";
        match (method, rest) {
            ("GET", ["workflows"]) => {
                let wire = |(id, file): (usize, &String)| {
                    json!({
                        "id": id + 1,
                        "name": file.trim_end_matches(".yaml"),
                        "path": format!(".github/workflows/{file}"),
                        "state": "active",
                    })
                };
                let all = self.workflows.iter().enumerate();
                let all: Vec<Value> = all.filter(|_| first).map(wire).collect();
                Some((200, json!({"total_count": all.len(), "workflows": all})))
            }
            ("GET", ["workflows", file, "runs"]) if self.knows(file) => {
                let like = |run: &&Run| {
                    let is = |name: &str, has: &str| {
                        value(query, name).is_none_or(|asked| asked.replace("%2F", "/") == has)
                    };
                    run.file == *file && is("event", run.event) && is("branch", &run.branch)
                };
                let all = self.runs.iter().rev().filter(like).filter(|_| first);
                let all: Vec<Value> = all.map(|run| self.wire(run)).collect();
                Some((200, json!({"total_count": all.len(), "workflow_runs": all})))
            }
            ("POST", ["workflows", file, "dispatches"]) if self.knows(file) => {
                let id = 101 + self.runs.len() as u64;
                self.runs.push(Run {
                    id,
                    file: (*file).to_owned(),
                    event: "workflow_dispatch",
                    branch: sent["ref"].as_str()?.to_owned(),
                    standing: vec!["queued", "in_progress", "success"],
                    hours: 0,
                });
                let page = self.page_of(id);
                Some((
                    200,
                    json!({"workflow_run_id": id, "run_url": page, "html_url": page}),
                ))
            }
            ("GET", ["runs", id]) => {
                let at = self.runs.iter().position(|run| run.id.to_string() == *id)?;
                let wire = self.wire(&self.runs[at]);
                if self.runs[at].standing.len() > 1 {
                    self.runs[at].standing.remove(0);
                }
                Some((200, wire))
            }
            ("GET", ["runs", _, "attempts", _, "jobs"]) => {
                Some((200, json!({"total_count": 0, "jobs": []})))
            }
            _ => None,
        }
    }

    fn knows(&self, file: &str) -> bool {
        self.workflows.iter().any(|known| known == file)
    }

    fn page_of(&self, id: u64) -> String {
        format!("{PAGES}/{}/actions/runs/{id}", self.project)
    }

    fn wire(&self, run: &Run) -> Value {
        let standing = run.standing.first().copied().unwrap_or("success");
        let going = ["queued", "in_progress"].contains(&standing);
        let at = |minutes: i64| {
            let seconds = self.now.as_second() - run.hours * 3_600 + minutes * 60;
            Timestamp::from_second(seconds)
                .unwrap_or(self.now)
                .to_string()
        };
        json!({
            "id": run.id,
            "run_number": run.id - 100,
            "event": run.event,
            "status": if going { standing } else { "completed" },
            "conclusion": (!going).then_some(standing),
            "head_branch": run.branch,
            "html_url": self.page_of(run.id),
            "created_at": at(0),
            "run_started_at": at(0),
            "updated_at": at(12),
        })
    }
}

/// A value of a query.
fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(github: &mut Github, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        let reply = github.answer(&request, path).unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn it_remembers_issues_and_runs() {
        let now = "2026-07-21T09:41:00Z".parse().unwrap();
        let mut github = Github::new("o/n", &["build.yaml".to_owned()], now);
        let issue = json!({"title": "t", "body": "b", "labels": ["alarm"]});
        assert_eq!(ask(&mut github, "POST", "/repos/o/n/issues", &issue).0, 201);
        let closed = json!({"state": "closed"});
        ask(&mut github, "PATCH", "/repos/o/n/issues/1", &closed);
        let list = |github: &mut Github, query: &str| {
            let path = format!("/repos/o/n/issues?{query}");
            ask(github, "GET", &path, &Value::Null)
                .1
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(list(&mut github, "labels=alarm&state=all"), 1);
        assert_eq!(list(&mut github, "labels=alarm"), 0);
        assert_eq!(list(&mut github, "labels=other&state=all"), 0);

        let runs = "/repos/o/n/actions/workflows/build.yaml/runs?event=workflow_dispatch";
        let count =
            |github: &mut Github| ask(github, "GET", runs, &Value::Null).1["total_count"].clone();
        assert_eq!(count(&mut github), 0);
        let start = "/repos/o/n/actions/workflows/build.yaml/dispatches";
        let (_, started) = ask(&mut github, "POST", start, &json!({"ref": "main"}));
        assert_eq!(count(&mut github), 1);
        let run = format!("/repos/o/n/actions/runs/{}", started["workflow_run_id"]);
        let looks: Vec<Value> = (0..4)
            .map(|_| ask(&mut github, "GET", &run, &Value::Null).1["conclusion"].clone())
            .collect();
        assert_eq!(json!(looks), json!([null, null, "success", "success"]));

        let none = "/repos/o/n/actions/workflows/x.yaml/runs";
        assert_eq!(ask(&mut github, "GET", none, &Value::Null).0, 404);
        let request = Request {
            method: "GET".to_owned(),
            path: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        assert!(github.answer(&request, "/repos/x/y").is_none());
    }
}

//! Issues, which for GitHub are pull requests too, and their comments.

use remote::loopback::{Reply, Request};
use serde_json::{Value, json};

use super::{State, error, json_reply, page, simple, value};
use crate::contract::Contract;

/// An issue.
#[derive(Debug, Clone)]
pub struct Stored {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
    pub open: bool,
    pub reason: Option<String>,
    /// Who opened it, `User` or `Bot`, and what that is to the repository.
    pub by: (&'static str, &'static str, &'static str),
    pub pull_request: bool,
}

/// The token of a workflow.
pub const WORKFLOW: (&str, &str, &str) = ("github-actions[bot]", "Bot", "NONE");
/// Anybody.
pub const STRANGER: (&str, &str, &str) = ("stranger", "User", "NONE");

impl State {
    /// One more issue, of whomever; its number.
    pub fn add_issue(
        &mut self,
        by: (&'static str, &'static str, &'static str),
        body: &str,
        labels: &[&str],
    ) -> u64 {
        let number = self.issues.len() as u64 + 1;
        self.issues.push(Stored {
            number,
            title: "A title".to_owned(),
            body: body.to_owned(),
            labels: labels.iter().map(|name| (*name).to_owned()).collect(),
            open: true,
            reason: None,
            by,
            pull_request: false,
        });
        number
    }

    pub fn issue(&mut self, number: u64) -> &mut Stored {
        let mut issues = self.issues.iter_mut();
        issues.find(|issue| issue.number == number).unwrap()
    }

    pub(super) fn issues_api(
        &mut self,
        contract: &Contract,
        request: &Request,
        rest: &[&str],
        query: &str,
    ) -> Reply {
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |key: &str| sent[key].as_str().map(str::to_owned);
        let at = rest.first().and_then(|number| {
            let number: u64 = number.parse().ok()?;
            self.issues.iter().position(|issue| issue.number == number)
        });
        match (request.method.as_str(), rest, at) {
            ("GET", [], _) => {
                let state = value(query, "state").unwrap_or("open");
                let label = value(query, "labels");
                let like = |issue: &&Stored| {
                    let labelled =
                        label.is_none_or(|label| issue.labels.iter().any(|l| l == label));
                    labelled && (state == "all" || issue.open == (state == "open"))
                };
                // Newest first, as GitHub lists them.
                let all = self.issues.iter().rev().filter(like);
                let all: Vec<Value> = all.map(|issue| wire(contract, issue)).collect();
                page(&all, self.page, request, |list| json!(list))
            }
            ("POST", [], _) => {
                let labels: Vec<&str> = match self.may_label {
                    true => sent["labels"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter_map(Value::as_str)
                        .collect(),
                    false => Vec::new(),
                };
                let number = self.add_issue(WORKFLOW, &text("body").unwrap_or_default(), &labels);
                let issue = self.issue(number);
                issue.title = text("title").unwrap();
                json_reply(201, &wire(contract, issue))
            }
            ("PATCH", [_], Some(at)) => {
                let issue = &mut self.issues[at];
                issue.title = text("title").unwrap_or_else(|| issue.title.clone());
                issue.body = text("body").unwrap_or_else(|| issue.body.clone());
                if let Some(state) = text("state") {
                    issue.open = state == "open";
                    issue.reason = text("state_reason");
                }
                json_reply(200, &wire(contract, issue))
            }
            ("POST", [number, "comments"], Some(_)) => {
                self.comments
                    .push((number.parse().unwrap(), text("body").unwrap()));
                json_reply(201, &contract.sample("issue-comment"))
            }
            _ => error(404, "Not Found"),
        }
    }
}

fn wire(contract: &Contract, issue: &Stored) -> Value {
    let (login, kind, association) = issue.by;
    let mut wire = contract.sample("issue");
    wire["number"] = json!(issue.number);
    wire["title"] = json!(issue.title);
    // As it comes back from where a browser wrote it.
    wire["body"] = json!(issue.body.replace('\n', "\r\n"));
    wire["state"] = json!(if issue.open { "open" } else { "closed" });
    wire["state_reason"] = json!(issue.reason);
    wire["user"] = simple(login, kind);
    wire["author_association"] = json!(association);
    wire["html_url"] = json!(format!(
        "https://github.com/someone/image/issues/{}",
        issue.number
    ));
    let label = |name: &String| json!({"id": 1, "name": name, "color": "ededed"});
    wire["labels"] = issue.labels.iter().map(label).collect();
    if issue.pull_request {
        wire["pull_request"] = json!({
            "diff_url": null, "html_url": null, "patch_url": null, "url": null,
        });
    }
    wire
}

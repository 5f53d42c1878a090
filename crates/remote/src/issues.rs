//! Issues of a repository.
//!
//! Source: GitHub REST API, "Issues" and "Issue comments", API version
//! 2022-11-28.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;
use crate::github::decode;
use crate::rate_limit::Method;
use crate::rest::Project;

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The number that people know it by.
    pub number: u64,
    /// It is open.
    pub open: bool,
    /// Why it was closed: `completed`, `not_planned`, `duplicate`.
    pub reason: Option<String>,
    /// Title.
    pub title: String,
    /// Body, with `\n` at the ends of lines; empty if there is none.
    pub body: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// It was opened by somebody who may change the repository, or by a program
    /// that was let in.
    pub trusted: bool,
    /// Its page.
    pub url: String,
}

/// `issue` of the OpenAPI description, as far as it is looked at.
#[derive(Deserialize)]
struct WireIssue {
    number: u64,
    state: String,
    state_reason: Option<String>,
    title: String,
    body: Option<String>,
    labels: Vec<WireLabel>,
    user: Option<WireUser>,
    author_association: Option<String>,
    html_url: String,
    /// GitHub lists pull requests among the issues.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireLabel {
    Name(String),
    Label { name: Option<String> },
}

#[derive(Deserialize)]
struct WireUser {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl WireIssue {
    fn issue(self) -> Issue {
        let member = matches!(
            self.author_association.as_deref(),
            Some("OWNER" | "MEMBER" | "COLLABORATOR")
        );
        let program = self.user.and_then(|user| user.kind).as_deref() == Some("Bot");
        let name = |label: WireLabel| match label {
            WireLabel::Name(name) => Some(name),
            WireLabel::Label { name } => name,
        };
        Issue {
            number: self.number,
            open: self.state == "open",
            reason: self.state_reason,
            title: self.title,
            // Written in a browser, it has the ends of a form's lines.
            body: self.body.unwrap_or_default().replace("\r\n", "\n"),
            labels: self.labels.into_iter().filter_map(name).collect(),
            trusted: member || program,
            url: self.html_url,
        }
    }
}

/// What is changed of an issue; none of a field is no change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The title.
    pub title: Option<String>,
    /// The body.
    pub body: Option<String>,
    /// `open` or `closed`, and why.
    pub state: Option<(&'static str, &'static str)>,
}

impl Project {
    /// All issues with a label, open and closed, lowest number first; no pull
    /// requests.
    ///
    /// # Errors
    /// If any page could not be read.
    pub fn issues(&self, label: &str) -> Result<Vec<Issue>, Error> {
        let mut all: Vec<Issue> = Vec::new();
        self.pages(
            self.url(&format!("/issues?labels={label}&state=all&per_page=100")),
            |page: Vec<WireIssue>| {
                let issues = page.into_iter().filter(|wire| wire.pull_request.is_none());
                all.extend(issues.map(WireIssue::issue));
                false
            },
        )?;
        all.sort_by_key(|issue| issue.number);
        // One that is opened meanwhile moves others to the next page.
        all.dedup_by_key(|issue| issue.number);
        Ok(all)
    }

    /// Opens an issue. It is sent once: a second one would be a second issue.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the repository has its issues switched off.
    pub fn open_issue(&self, title: &str, body: &str, label: &str) -> Result<Issue, Error> {
        let url = self.url("/issues");
        let text = json!({"title": title, "body": body, "labels": [label]});
        let reply = self.ask(Method::Create, &url, Some(&text))?;
        Ok(decode::<WireIssue>(&url, &reply)?.issue())
    }

    /// Changes an issue.
    ///
    /// # Errors
    /// If it could not be changed.
    pub fn change_issue(&self, number: u64, change: &Change) -> Result<(), Error> {
        let mut text = json!({});
        if let Some(title) = &change.title {
            text["title"] = json!(title);
        }
        if let Some(body) = &change.body {
            text["body"] = json!(body);
        }
        if let Some((state, reason)) = change.state {
            text["state"] = json!(state);
            text["state_reason"] = json!(reason);
        }
        self.ask(
            Method::Patch,
            &self.url(&format!("/issues/{number}")),
            Some(&text),
        )?;
        Ok(())
    }

    /// Adds a comment. It is sent once.
    ///
    /// # Errors
    /// If it could not be added.
    pub fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        let url = self.url(&format!("/issues/{number}/comments"));
        let text: Value = json!({"body": body});
        self.ask(Method::Create, &url, Some(&text))?;
        Ok(())
    }
}

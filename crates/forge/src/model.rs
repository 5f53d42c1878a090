//! What all forges have, in one form.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a task does at a forge, and so what its token must be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading workflows and their runs.
    ReadRuns,
    /// Starting workflows.
    StartRuns,
    /// Opening, changing and closing issues.
    Issues,
}

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The number that people know it by.
    pub number: u64,
    /// It is open.
    pub open: bool,
    /// Why it was closed, where the forge knows reasons: `completed`,
    /// `not_planned`, `duplicate`.
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

/// What is changed of an issue; none of a field is no change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The title.
    pub title: Option<String>,
    /// The body.
    pub body: Option<String>,
    /// `open` or `closed`, and why, in GitHub's words. A forge without reasons
    /// passes over the second.
    pub state: Option<(&'static str, &'static str)>,
}

impl Change {
    /// The fields of a request for title and body, which each forge names its own way.
    pub(crate) fn fields(&self, body: &str) -> Value {
        let mut fields = json!({});
        if let Some(title) = &self.title {
            fields["title"] = json!(title);
        }
        if let Some(text) = &self.body {
            fields[body] = json!(text);
        }
        fields
    }
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// The forge's number for it; 0 where it has none.
    pub id: u64,
    /// What its file calls it.
    pub name: String,
    /// `.github/workflows/build.yaml`.
    pub path: String,
    /// `active`, `disabled_inactivity`, `disabled_manually`, …
    pub state: String,
}

impl Workflow {
    /// Those that our files have, for a forge that lists none; the files are in `folder`.
    pub(crate) fn fixed(folder: &str) -> Vec<Self> {
        let workflow = |name: &str| Self {
            id: 0,
            name: name.to_owned(),
            path: format!("{folder}{name}.yaml"),
            state: "active".to_owned(),
        };
        ["build", "check", "cleanup", "pages"].map(workflow).into()
    }
}

impl Workflow {
    /// `build.yaml`.
    pub fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// One run of a workflow, in GitHub's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// The forge's number for it; later runs have larger ones.
    pub id: u64,
    /// The count that people see.
    pub run_number: u64,
    /// `schedule`, `push`, `workflow_dispatch`, …
    pub event: String,
    /// `queued`, `in_progress`, `completed`, …
    pub status: Option<String>,
    /// `success`, `failure`, `cancelled`, `skipped`, …; none before the end.
    pub conclusion: Option<String>,
    /// The branch.
    pub head_branch: Option<String>,
    /// Its page.
    pub html_url: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub run_started_at: Option<Timestamp>,
    /// When it last changed; of a run that ended, when that was.
    pub updated_at: Timestamp,
}

/// What a forge says to a request to start a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dispatched {
    /// Which run it is.
    Run {
        /// The forge's number for it.
        id: u64,
        /// Its page, where that is said.
        url: Option<String>,
    },
    /// That it will be started, and no more.
    Accepted,
}

/// Which runs are asked for; none of a field is any.
#[derive(Debug, Clone, Default)]
pub struct RunFilter<'a> {
    /// Runs of this event, in GitHub's word.
    pub event: Option<&'a str>,
    /// Runs on this branch.
    pub branch: Option<&'a str>,
    /// Runs that this account asked for.
    pub actor: Option<&'a str>,
}

//! What every forge can be asked, as requests and as answers.

use serde_json::{Map, Value};

use crate::model::{Access, Change, Dispatched, Issue, Run, RunFilter, Workflow};

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes some fields; twice is as good as once.
    Patch,
    /// The same at forges that have no PATCH.
    Put,
    /// Makes something new each time: it is sent once.
    Create,
    /// Deletes; twice is as good as once.
    Delete,
}

/// One request. The path is below the API's root, and begins with `/`.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// JSON, where there is any.
    pub body: Option<Value>,
}

impl Request {
    /// Without a body.
    pub fn get(path: String) -> Self {
        Self {
            method: Method::Get,
            path,
            body: None,
        }
    }

    pub(crate) fn new(method: Method, path: String, body: Value) -> Self {
        Self {
            method,
            path,
            body: Some(body),
        }
    }
}

/// Why an answer could not be read.
pub type Unreadable = serde_json::Error;

/// Whether whoever opened an issue may change the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The answer says it.
    Known(bool),
    /// It is the account of this name if it is the token's own; else this path
    /// says it ([`Api::read_trust`]).
    LookUp {
        /// The account.
        login: String,
        /// Path.
        path: String,
    },
}

/// An issue as listed, and who opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIssue {
    /// The issue; its `trusted` is not known yet where `by` must be asked.
    pub issue: Issue,
    /// Who opened it.
    pub by: Trust,
}

/// A right that the nights need, and a request that shows it without a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// `read the repository`, `keep the alarm's issue`, …
    pub what: &'static str,
    /// What is asked.
    pub path: String,
    /// A place in the answer that must be true or, where it is a number, at least
    /// so large; none where an answer is enough. A JSON pointer (RFC 6901).
    pub shown_by: Option<(&'static str, u64)>,
    /// What a token needs that lacks it.
    pub wanted: &'static str,
}

/// One forge. All paths are below its API's root; `project` is `owner/name`, at
/// GitLab with any number of groups.
pub trait Api: Sync {
    /// As people call it.
    fn name(&self) -> &'static str;

    /// The permission in words, for the message when a token lacks it.
    fn wanted(&self, access: Access) -> &'static str;

    /// Variables and programs that a token may come from, for messages.
    fn token_advice(&self) -> &'static str;

    /// A program that knows a token of the person's for this host, and its words.
    fn token_command(&self, host: &str) -> Option<(&'static str, Vec<String>)>;

    /// Headers that each request has.
    fn headers(&self) -> &'static [(&'static str, &'static str)];

    /// The account that the token belongs to: path, and its field.
    fn user(&self) -> (&'static str, &'static str);

    /// The repository itself.
    fn repository(&self, project: &str) -> String;

    /// All issues with a label, open and closed, one page.
    fn issues(&self, project: &str, label: &str) -> String;
    /// A page of them, without pull requests.
    ///
    /// # Errors
    /// If the answer is of another form.
    fn read_issues(&self, project: &str, body: &[u8]) -> Result<Vec<FoundIssue>, Unreadable>;
    /// One.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_issue(&self, project: &str, body: &[u8]) -> Result<FoundIssue, Unreadable>;
    /// Whether an account may change the repository, from the answer to
    /// [`Trust::LookUp`].
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_trust(&self, body: &[u8]) -> Result<bool, Unreadable>;

    /// Where labels have numbers and are no names: the path of their list.
    fn labels(&self, _project: &str) -> Option<String> {
        None
    }
    /// The number of a label in a page of that list, or in a label alone.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_label(&self, _body: &[u8], _label: &str) -> Result<Option<u64>, Unreadable> {
        Ok(None)
    }
    /// Makes a label there.
    fn make_label(&self, project: &str, label: &str) -> Request {
        Request::new(
            Method::Create,
            format!("/repos/{project}/labels"),
            serde_json::json!({"name": label, "color": "#d73a4a"}),
        )
    }

    /// Opens an issue. `number` is that of the label, where it has one.
    fn open_issue(
        &self,
        project: &str,
        text: (&str, &str),
        label: &str,
        number: Option<u64>,
    ) -> Request;
    /// Changes an issue.
    fn change_issue(&self, project: &str, number: u64, change: &Change) -> Request;
    /// Adds a comment.
    fn comment(&self, project: &str, number: u64, body: &str) -> Request {
        Request::new(
            Method::Create,
            format!("/repos/{project}/issues/{number}/comments"),
            serde_json::json!({"body": body}),
        )
    }

    /// All workflows; `None` where the forge has no list, and they are
    /// [`Api::fixed_workflows`].
    fn workflows(&self, _project: &str) -> Option<String> {
        None
    }
    /// A page of them: those that are files of the repository.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_workflows(&self, _body: &[u8]) -> Result<Vec<Workflow>, Unreadable> {
        Ok(Vec::new())
    }
    /// Those that our files have, for a forge without a list.
    fn fixed_workflows(&self) -> Vec<Workflow> {
        Vec::new()
    }

    /// The runs of a workflow, by the name of its file, newest first.
    fn runs(&self, project: &str, file: &str, wanted: &RunFilter<'_>, size: usize) -> String;
    /// A page of them.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_runs(&self, body: &[u8], file: &str) -> Result<Vec<Run>, Unreadable>;
    /// One run.
    fn run(&self, project: &str, id: u64) -> String;
    /// The same as an answer.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_run(&self, body: &[u8]) -> Result<Run, Unreadable>;

    /// Starts a workflow, by the name of its file, on a branch.
    fn dispatch(
        &self,
        project: &str,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Request;
    /// What it said; `None` for a status that is not documented.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_dispatched(&self, status: u16, body: &[u8]) -> Result<Option<Dispatched>, Unreadable>;

    /// The steps of a run's jobs, where the forge tells of steps.
    fn steps(&self, _project: &str, _run: u64, _attempt: u64) -> Option<String> {
        None
    }
    /// The step that failed in the job on this runner.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_failed_step(&self, _body: &[u8], _runner: &str) -> Result<Option<String>, Unreadable> {
        Ok(None)
    }

    /// Attestations of a digest (`sha256:…`), where the forge keeps some.
    fn attestations(&self, _project: &str, _digest: &str) -> Option<String> {
        None
    }
    /// How many there are, of an answer.
    ///
    /// # Errors
    /// As [`Api::read_issues`].
    fn read_attestations(&self, _body: &[u8]) -> Result<usize, Unreadable> {
        Ok(0)
    }

    /// What the nights need.
    fn rights(&self, project: &str, label: &str) -> Vec<Right>;

    /// The page of a run, where its CI has not said it.
    fn run_page(&self, web: &str, project: &str, id: u64) -> String;

    /// Where the site of an owner's repository is published; `None` where only the
    /// server knows.
    fn pages(&self, web: &str, owner: &str, name: &str) -> Option<String>;

    /// What says where a project's site is published, in its field `url`.
    fn pages_settings(&self, _project: &str) -> Option<String> {
        None
    }
}

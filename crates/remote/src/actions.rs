//! GitHub Actions: workflows, their runs, and starting one.
//!
//! Source: GitHub REST API, "Workflows" and "Workflow runs", API version
//! 2022-11-28; and 2026-03-10 for the one answer that it changes.

use jiff::Timestamp;
use registry_compat::Trouble;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::github::decode;
use crate::rate_limit::{Method, told};
use crate::rest::Project;

/// `workflow` of the OpenAPI description.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// GitHub's number for it.
    pub id: u64,
    /// What its file calls it.
    pub name: String,
    /// `.github/workflows/build.yaml`.
    pub path: String,
    /// `active`, `disabled_inactivity`, `disabled_manually`, …
    pub state: String,
}

impl Workflow {
    /// `build.yaml`.
    pub fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// `workflow-run` of the OpenAPI description, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// GitHub's number for it; later runs have larger ones.
    pub id: u64,
    /// The workflow's own count.
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

#[derive(Deserialize)]
struct WireRuns {
    workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct WireWorkflows {
    workflows: Vec<Workflow>,
}

#[derive(Deserialize)]
struct WireRepository {
    default_branch: String,
}

/// `workflow-dispatch-response`.
#[derive(Deserialize)]
struct WireDispatched {
    workflow_run_id: u64,
    html_url: String,
}

#[derive(Deserialize)]
struct WireJobs {
    jobs: Vec<WireJob>,
}

#[derive(Deserialize)]
struct WireJob {
    runner_name: Option<String>,
    steps: Option<Vec<WireStep>>,
}

#[derive(Deserialize)]
struct WireStep {
    name: String,
    conclusion: Option<String>,
}

/// What GitHub says to a request to start a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dispatched {
    /// Which run it is.
    Run {
        /// GitHub's number for it.
        id: u64,
        /// Its page.
        url: String,
    },
    /// That it will be started, and no more.
    Accepted,
}

/// Which runs are asked for; none of a field is any.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Runs of this event.
    pub event: Option<&'a str>,
    /// Runs on this branch.
    pub branch: Option<&'a str>,
    /// Runs that this account asked for.
    pub actor: Option<&'a str>,
}

impl Project {
    /// The branch that a workflow runs on if none is named.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn default_branch(&self) -> Result<String, Error> {
        let wire: WireRepository = self.read(&self.url(""))?;
        Ok(wire.default_branch)
    }

    /// All workflows of the repository.
    ///
    /// # Errors
    /// If any page could not be read.
    pub fn workflows(&self) -> Result<Vec<Workflow>, Error> {
        let mut all = Vec::new();
        self.pages(
            self.url("/actions/workflows?per_page=100"),
            |page: WireWorkflows| {
                all.extend(page.workflows);
                false
            },
        )?;
        Ok(all)
    }

    /// The newest runs of a workflow, by the name of its file, newest first; at
    /// most `most`.
    ///
    /// # Errors
    /// If they could not be asked for.
    pub fn runs(&self, file: &str, wanted: &Wanted<'_>, most: usize) -> Result<Vec<Run>, Error> {
        let size = most.clamp(1, 100);
        let mut url = self.url(&format!("/actions/workflows/{file}/runs?per_page={size}"));
        for (name, value) in [
            ("event", wanted.event),
            ("branch", wanted.branch),
            ("actor", wanted.actor),
        ] {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let mut all: Vec<Run> = Vec::new();
        self.pages(url, |page: WireRuns| {
            for run in page.workflow_runs {
                // A run that begins meanwhile moves others to the next page.
                if all.iter().all(|known| known.id != run.id) {
                    all.push(run);
                }
            }
            all.len() >= most
        })?;
        all.sort_by_key(|run| std::cmp::Reverse(run.id));
        all.truncate(most);
        Ok(all)
    }

    /// One run as it is now.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn run(&self, id: u64) -> Result<Run, Error> {
        self.read(&self.url(&format!("/actions/runs/{id}")))
    }

    /// The step that failed in the job that runs on this runner; `None` if there
    /// is none, or GitHub does not know of it yet.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn failed_step(
        &self,
        run: u64,
        attempt: u64,
        runner: &str,
    ) -> Result<Option<String>, Error> {
        let mut found = None;
        self.pages(
            self.url(&format!(
                "/actions/runs/{run}/attempts/{attempt}/jobs?per_page=100"
            )),
            |page: WireJobs| {
                let here = |job: &WireJob| job.runner_name.as_deref() == Some(runner);
                let mut steps = page.jobs.into_iter().filter(here);
                let steps = steps.by_ref().flat_map(|job| job.steps.unwrap_or_default());
                let failed = |step: &WireStep| step.conclusion.as_deref() == Some("failure");
                found = steps.into_iter().find(failed).map(|step| step.name);
                found.is_some()
            },
        )?;
        Ok(found.map(|name| host::one_line(&name)))
    }

    /// Starts a workflow, by the name of its file, on a branch. It is sent once:
    /// a second one would start a second run.
    ///
    /// # Errors
    /// [`Error::Rejected`] if GitHub will not: the workflow has no
    /// `workflow_dispatch`, is disabled, or has no such input.
    pub fn dispatch(
        &self,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Result<Dispatched, Error> {
        let url = self.url(&format!("/actions/workflows/{file}/dispatches"));
        let mut body = json!({"ref": branch, "return_run_details": true});
        if !inputs.is_empty() {
            body["inputs"] = Value::Object(inputs.clone());
        }
        let reply = self.ask(Method::Create, &url, Some(&body))?;
        match reply.status {
            200 => {
                let wire: WireDispatched = decode(&url, &reply)?;
                Ok(Dispatched::Run {
                    id: wire.workflow_run_id,
                    url: wire.html_url,
                })
            }
            204 => Ok(Dispatched::Accepted),
            _ => Err(told(Trouble::Garbled, &url, &reply)),
        }
    }
}

/// A value of a query. Branches may have any character.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_branch_may_have_any_character() {
        assert_eq!(encoded("main"), "main");
        assert_eq!(encoded("a/b&c=ä"), "a%2Fb%26c%3D%C3%A4");
    }
}

//! GitHub, and its Actions.
//!
//! Source: GitHub REST API, "Issues", "Workflows", "Workflow runs", "Attestations",
//! API version 2022-11-28 (and 2026-03-10 for the one answer that it changes);
//! GitHub Actions, "Variables reference".

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::api::{Api, FoundIssue, Method, Request, Right, Trust, Unreadable};
use crate::ci::{Ci, Output};
use crate::kind::Forge;
use crate::model::{Access, Change, Dispatched, Issue, Run, RunFilter, Workflow};
use crate::url::with_parameters;

/// Variables that a token may be in, in this order.
pub const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

/// Where a token comes from, for messages.
pub const ADVICE: &str = "set GITHUB_TOKEN or GH_TOKEN, or log in with `gh auth login`";

/// The number of the run.
pub const RUN_ID: &str = "GITHUB_RUN_ID";
/// The job.
pub const JOB: &str = "GITHUB_JOB";
/// The file for outputs.
pub const OUTPUT: &str = "GITHUB_OUTPUT";
/// The file for the page of the run.
pub const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// All that says of which run something is.
pub const RUN_VARIABLES: [&str; 11] = [
    "GITHUB_ACTIONS",
    RUN_ID,
    "GITHUB_RUN_ATTEMPT",
    JOB,
    OUTPUT,
    SUMMARY,
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_OWNER",
    "GITHUB_SERVER_URL",
    "GITHUB_API_URL",
    "RUNNER_NAME",
];

/// What this CI, or one that sets the same variables, says of its run.
pub(crate) fn ci(var: &dyn Fn(&str) -> Option<String>) -> Ci {
    let number = |name: &str| var(name)?.parse().ok();
    Ci {
        forge: var("GITHUB_ACTIONS").map(|_| Forge::Github),
        repository: var("GITHUB_REPOSITORY"),
        owner: var("GITHUB_REPOSITORY_OWNER"),
        server: var("GITHUB_SERVER_URL"),
        api: var("GITHUB_API_URL"),
        id: number(RUN_ID),
        attempt: number("GITHUB_RUN_ATTEMPT"),
        job: var(JOB),
        runner: var("RUNNER_NAME"),
        page: None,
        output: var(OUTPUT).map(|path| Output::Delimited(path.into())),
        summary: var(SUMMARY).map(Into::into),
        site: None,
    }
}

/// The host of the web pages, derived from the address of the API: `github.com` for
/// `api.github.com`; a GitHub Enterprise server has both on one host.
pub fn web_host(api: &str) -> &str {
    let rest = api.split_once("://").map_or(api, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    host.strip_prefix("api.").unwrap_or(host)
}

/// GitHub.
#[derive(Debug, Clone, Copy)]
pub struct Github;

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
    fn filed(self) -> FoundIssue {
        let member = matches!(
            self.author_association.as_deref(),
            Some("OWNER" | "MEMBER" | "COLLABORATOR")
        );
        let program = self.user.and_then(|user| user.kind).as_deref() == Some("Bot");
        let name = |label: WireLabel| match label {
            WireLabel::Name(name) => Some(name),
            WireLabel::Label { name } => name,
        };
        let trusted = member || program;
        let issue = Issue {
            number: self.number,
            open: self.state == "open",
            reason: self.state_reason,
            title: self.title,
            // Written in a browser, it has the ends of a form's lines.
            body: self.body.unwrap_or_default().replace("\r\n", "\n"),
            labels: self.labels.into_iter().filter_map(name).collect(),
            trusted,
            url: self.html_url,
        };
        FoundIssue {
            issue,
            by: Trust::Known(trusted),
        }
    }
}

/// `workflow-dispatch-response`.
#[derive(Deserialize)]
struct WireDispatched {
    workflow_run_id: u64,
    html_url: String,
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

/// The list in this field of a page.
fn listed<T: DeserializeOwned>(body: &[u8], field: &str) -> Result<T, Unreadable> {
    let mut page: Map<String, Value> = serde_json::from_slice(body)?;
    serde_json::from_value(page.remove(field).unwrap_or_default())
}

impl Api for Github {
    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn wanted(&self, access: Access) -> &'static str {
        match access {
            Access::ReadRuns => {
                "the token needs: a classic one the scope `repo` (none for a public repository), \
                 a fine-grained one `Actions: read`; in GitHub Actions `permissions: actions: \
                 read`"
            }
            Access::StartRuns => {
                "the token needs: a classic one the scope `repo`, a fine-grained one `Actions: \
                 read and write`; in GitHub Actions `permissions: actions: write`"
            }
            Access::Issues => {
                "the token needs: a classic one the scope `repo` (`public_repo` for a public \
                 repository), a fine-grained one `Issues: read and write`; in GitHub Actions \
                 `permissions: issues: write`"
            }
        }
    }

    fn token_advice(&self) -> &'static str {
        ADVICE
    }

    fn token_command(&self, host: &str) -> Option<(&'static str, Vec<String>)> {
        Some((
            "gh",
            vec![
                "auth".to_owned(),
                "token".to_owned(),
                "--hostname".to_owned(),
                host.to_owned(),
            ],
        ))
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
        ]
    }

    fn user(&self) -> (&'static str, &'static str) {
        ("/user", "login")
    }

    fn repository(&self, project: &str) -> String {
        format!("/repos/{project}")
    }

    fn issues(&self, project: &str, label: &str) -> String {
        format!("/repos/{project}/issues?labels={label}&state=all&per_page=100")
    }

    fn read_issues(&self, _project: &str, body: &[u8]) -> Result<Vec<FoundIssue>, Unreadable> {
        let page: Vec<WireIssue> = serde_json::from_slice(body)?;
        let issues = page.into_iter().filter(|wire| wire.pull_request.is_none());
        Ok(issues.map(WireIssue::filed).collect())
    }

    fn read_issue(&self, _project: &str, body: &[u8]) -> Result<FoundIssue, Unreadable> {
        Ok(serde_json::from_slice::<WireIssue>(body)?.filed())
    }

    fn read_trust(&self, _body: &[u8]) -> Result<bool, Unreadable> {
        Ok(false)
    }

    fn open_issue(
        &self,
        project: &str,
        (title, body): (&str, &str),
        label: &str,
        _number: Option<u64>,
    ) -> Request {
        let text = json!({"title": title, "body": body, "labels": [label]});
        Request::new(Method::Create, format!("/repos/{project}/issues"), text)
    }

    fn change_issue(&self, project: &str, number: u64, change: &Change) -> Request {
        let mut text = change.fields("body");
        if let Some((state, reason)) = change.state {
            text["state"] = json!(state);
            text["state_reason"] = json!(reason);
        }
        Request::new(
            Method::Patch,
            format!("/repos/{project}/issues/{number}"),
            text,
        )
    }

    fn workflows(&self, project: &str) -> Option<String> {
        Some(format!("/repos/{project}/actions/workflows?per_page=100"))
    }

    fn read_workflows(&self, body: &[u8]) -> Result<Vec<Workflow>, Unreadable> {
        let mut all: Vec<Workflow> = listed(body, "workflows")?;
        // GitHub has workflows of its own without a file.
        all.retain(|workflow| workflow.path.starts_with(".github/workflows/"));
        Ok(all)
    }

    fn runs(&self, project: &str, file: &str, wanted: &RunFilter<'_>, size: usize) -> String {
        let path = format!("/repos/{project}/actions/workflows/{file}/runs?per_page={size}");
        let more = [
            ("event", wanted.event),
            ("branch", wanted.branch),
            ("actor", wanted.actor),
        ];
        with_parameters(path, &more)
    }

    fn read_runs(&self, body: &[u8], _file: &str) -> Result<Vec<Run>, Unreadable> {
        listed(body, "workflow_runs")
    }

    fn run(&self, project: &str, id: u64) -> String {
        format!("/repos/{project}/actions/runs/{id}")
    }

    fn read_run(&self, body: &[u8]) -> Result<Run, Unreadable> {
        serde_json::from_slice(body)
    }

    fn dispatch(
        &self,
        project: &str,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Request {
        let mut body = json!({"ref": branch, "return_run_details": true});
        if !inputs.is_empty() {
            body["inputs"] = Value::Object(inputs.clone());
        }
        Request::new(
            Method::Create,
            format!("/repos/{project}/actions/workflows/{file}/dispatches"),
            body,
        )
    }

    fn read_dispatched(&self, status: u16, body: &[u8]) -> Result<Option<Dispatched>, Unreadable> {
        Ok(match status {
            200 => {
                let wire: WireDispatched = serde_json::from_slice(body)?;
                Some(Dispatched::Run {
                    id: wire.workflow_run_id,
                    url: Some(wire.html_url),
                })
            }
            204 => Some(Dispatched::Accepted),
            _ => None,
        })
    }

    fn steps(&self, project: &str, run: u64, attempt: u64) -> Option<String> {
        Some(format!(
            "/repos/{project}/actions/runs/{run}/attempts/{attempt}/jobs?per_page=100"
        ))
    }

    fn read_failed_step(&self, body: &[u8], runner: &str) -> Result<Option<String>, Unreadable> {
        let jobs: Vec<WireJob> = listed(body, "jobs")?;
        let here = |job: &WireJob| job.runner_name.as_deref() == Some(runner);
        let jobs = jobs.into_iter().filter(here);
        let mut steps = jobs.flat_map(|job| job.steps.unwrap_or_default());
        let failed = |step: &WireStep| step.conclusion.as_deref() == Some("failure");
        Ok(steps.find(failed).map(|step| step.name))
    }

    fn attestations(&self, project: &str, digest: &str) -> Option<String> {
        Some(format!(
            "/repos/{project}/attestations/{digest}?per_page=100"
        ))
    }

    fn read_attestations(&self, body: &[u8]) -> Result<usize, Unreadable> {
        Ok(listed::<Vec<serde::de::IgnoredAny>>(body, "attestations")?.len())
    }

    fn rights(&self, project: &str, label: &str) -> Vec<Right> {
        let issues = self.issues(project, label);
        vec![
            Right {
                what: "read the repository",
                path: self.repository(project),
                shown_by: None,
                wanted: "the repository's name, and a token that sees it",
            },
            Right {
                what: "read workflows and runs",
                path: self.workflows(project).unwrap_or_default(),
                shown_by: None,
                wanted: self.wanted(Access::ReadRuns),
            },
            Right {
                what: "read the alarm's issues",
                path: issues,
                shown_by: None,
                wanted: self.wanted(Access::Issues),
            },
            Right {
                what: "change the alarm's issue, start workflows",
                path: self.repository(project),
                shown_by: Some(("/permissions/push", 1)),
                wanted: self.wanted(Access::Issues),
            },
        ]
    }

    fn run_page(&self, web: &str, project: &str, id: u64) -> String {
        format!("{web}/{project}/actions/runs/{id}")
    }

    fn pages(&self, _web: &str, owner: &str, name: &str) -> Option<String> {
        Some(format!("https://{owner}.github.io/{name}"))
    }
}

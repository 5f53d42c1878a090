//! Forgejo, Gitea and Codeberg, and their Actions.
//!
//! Source: Forgejo's own API description (`swagger.v1.json`, version 17; Gitea's
//! has the same endpoints for issues and packages, and GitHub's answers for runs:
//! `ActionWorkflowRun` of its `modules/structs/repo_actions.go`, and the parameters of
//! "Lists all runs for a repository run", docs.gitea.com/api); Forgejo, "Actions user
//! documentation", for the variables.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::{Api, FoundIssue, Method, Request, Right, Trust, Unreadable};
use crate::ci::Ci;
use crate::kind::Forge;
use crate::model::{Access, Change, Dispatched, Issue, Run, RunFilter, Workflow};
use crate::url::{percent_encode, with_parameters};

/// Variables that a token may be in, in this order. Its Actions set GitHub's as
/// well, which counts only there.
pub const TOKENS: [&str; 2] = ["FORGEJO_TOKEN", "GITEA_TOKEN"];

/// Pages are of 50 at the most.
const PAGE: usize = 50;

/// The accounts that Actions write as, which no person can have.
const ACTORS: [&str; 2] = ["forgejo-actions", "gitea-actions"];

/// What these Actions say of their run, which is in GitHub's variables; `None`
/// elsewhere.
pub(crate) fn ci(var: &dyn Fn(&str) -> Option<String>, like: Ci) -> Option<Ci> {
    var("FORGEJO_ACTIONS").or_else(|| var("GITEA_ACTIONS"))?;
    Some(Ci {
        forge: Some(Forge::Forgejo),
        ..like
    })
}

/// Forgejo.
#[derive(Debug, Clone, Copy)]
pub struct Forgejo;

#[derive(Deserialize)]
struct WireIssue {
    number: u64,
    state: String,
    title: String,
    body: Option<String>,
    labels: Option<Vec<WireLabel>>,
    user: Option<WireUser>,
    html_url: String,
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct WireLabel {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct WireUser {
    id: i64,
    login: String,
}

#[derive(Deserialize)]
struct WirePermission {
    permission: String,
}

impl WireIssue {
    fn filed(self, project: &str) -> FoundIssue {
        let by = match self.user {
            // Accounts of programs have numbers below 0, and no person's login.
            Some(user) if user.id < 0 && ACTORS.contains(&user.login.as_str()) => {
                Trust::Known(true)
            }
            Some(user) => Trust::LookUp {
                path: format!(
                    "/repos/{project}/collaborators/{}/permission",
                    percent_encode(&user.login)
                ),
                login: user.login,
            },
            None => Trust::Known(false),
        };
        let labels = self.labels.unwrap_or_default();
        let issue = Issue {
            number: self.number,
            open: self.state == "open",
            reason: None,
            title: self.title,
            body: self.body.unwrap_or_default().replace("\r\n", "\n"),
            labels: labels.into_iter().map(|label| label.name).collect(),
            trusted: by == Trust::Known(true),
            url: self.html_url,
        };
        FoundIssue { issue, by }
    }
}

/// `ActionRun` of Forgejo.
#[derive(Deserialize)]
struct WireRun {
    id: u64,
    index_in_repo: u64,
    workflow_id: String,
    prettyref: Option<String>,
    status: String,
    trigger_event: Option<String>,
    event: Option<String>,
    html_url: String,
    created: Timestamp,
    started: Option<Timestamp>,
    updated: Timestamp,
}

impl WireRun {
    fn run(self) -> Run {
        let (status, conclusion) = match self.status.as_str() {
            ended @ ("success" | "failure" | "cancelled" | "skipped") => ("completed", Some(ended)),
            "running" => ("in_progress", None),
            other => (other, None),
        };
        let event = self.trigger_event.filter(|event| !event.is_empty());
        Run {
            id: self.id,
            run_number: self.index_in_repo,
            event: event.or(self.event).unwrap_or_default(),
            conclusion: conclusion.map(str::to_owned),
            status: Some(status.to_owned()),
            head_branch: self.prettyref,
            html_url: self.html_url,
            created_at: self.created,
            run_started_at: self.started.filter(has_been),
            updated_at: self.updated,
        }
    }
}

/// What has not been yet was in 1970.
fn has_been(at: &Timestamp) -> bool {
    at.as_second() > 0
}

/// `ActionWorkflowRun` of Gitea, whose fields are GitHub's.
#[derive(Deserialize)]
struct GiteaRun {
    id: u64,
    run_number: u64,
    path: String,
    head_branch: Option<String>,
    status: String,
    conclusion: Option<String>,
    event: String,
    html_url: String,
    /// Not of every release.
    created_at: Option<Timestamp>,
    started_at: Timestamp,
    completed_at: Timestamp,
}

impl GiteaRun {
    fn run(self) -> Run {
        let began = Some(self.started_at).filter(has_been);
        let ended = Some(self.completed_at).filter(has_been);
        let created = self.created_at.filter(has_been).or(began);
        Run {
            id: self.id,
            run_number: self.run_number,
            event: self.event,
            status: Some(self.status),
            conclusion: self.conclusion.filter(|word| !word.is_empty()),
            head_branch: self.head_branch,
            html_url: self.html_url,
            created_at: created.unwrap_or(self.started_at),
            run_started_at: began,
            updated_at: ended.or(began).unwrap_or(self.completed_at),
        }
    }
}

/// Either.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyRun {
    Forgejo(WireRun),
    Gitea(GiteaRun),
}

impl AnyRun {
    fn is_of(&self, file: &str) -> bool {
        match self {
            Self::Forgejo(run) => run.workflow_id == file,
            // `build.yaml@refs/heads/main`
            Self::Gitea(run) => run.path.split('@').next() == Some(file),
        }
    }

    fn run(self) -> Run {
        match self {
            Self::Forgejo(run) => run.run(),
            Self::Gitea(run) => run.run(),
        }
    }
}

#[derive(Deserialize)]
struct WireRuns {
    workflow_runs: Option<Vec<AnyRun>>,
}

/// `DispatchWorkflowRun`.
#[derive(Deserialize)]
struct WireDispatched {
    id: u64,
}

impl Api for Forgejo {
    fn name(&self) -> &'static str {
        "Forgejo"
    }

    fn wanted(&self, access: Access) -> &'static str {
        match access {
            Access::ReadRuns => "the token needs the scope `read:repository`",
            Access::StartRuns => "the token needs the scope `write:repository`",
            Access::Issues => {
                "the token needs the scopes `write:issue` and `read:repository`, and `read:user` \
                 to know its own issues; in Actions `permissions: issues: write`"
            }
        }
    }

    fn token_advice(&self) -> &'static str {
        "set FORGEJO_TOKEN (or GITEA_TOKEN) to an access token"
    }

    fn token_command(&self, _host: &str) -> Option<(&'static str, Vec<String>)> {
        None
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/json")]
    }

    fn user(&self) -> (&'static str, &'static str) {
        ("/user", "login")
    }

    fn repository(&self, project: &str) -> String {
        format!("/repos/{project}")
    }

    fn issues(&self, project: &str, label: &str) -> String {
        format!("/repos/{project}/issues?labels={label}&state=all&type=issues&limit={PAGE}")
    }

    fn read_issues(&self, project: &str, body: &[u8]) -> Result<Vec<FoundIssue>, Unreadable> {
        let page: Vec<WireIssue> = serde_json::from_slice(body)?;
        let issues = page.into_iter().filter(|wire| wire.pull_request.is_none());
        Ok(issues.map(|wire| wire.filed(project)).collect())
    }

    fn read_issue(&self, project: &str, body: &[u8]) -> Result<FoundIssue, Unreadable> {
        Ok(serde_json::from_slice::<WireIssue>(body)?.filed(project))
    }

    fn read_trust(&self, body: &[u8]) -> Result<bool, Unreadable> {
        let found: WirePermission = serde_json::from_slice(body)?;
        Ok(["write", "admin", "owner"].contains(&found.permission.as_str()))
    }

    fn labels(&self, project: &str) -> Option<String> {
        Some(format!("/repos/{project}/labels?limit={PAGE}"))
    }

    fn read_label(&self, body: &[u8], label: &str) -> Result<Option<u64>, Unreadable> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Page(Vec<WireLabel>),
            One(WireLabel),
        }
        let page = match serde_json::from_slice(body)? {
            Any::Page(page) => page,
            Any::One(one) => vec![one],
        };
        let found = page.into_iter().find(|known| known.name == label);
        Ok(found.map(|known| known.id))
    }

    fn open_issue(
        &self,
        project: &str,
        (title, body): (&str, &str),
        _label: &str,
        number: Option<u64>,
    ) -> Request {
        let labels: Vec<u64> = number.into_iter().collect();
        Request::new(
            Method::Create,
            format!("/repos/{project}/issues"),
            json!({"title": title, "body": body, "labels": labels}),
        )
    }

    fn change_issue(&self, project: &str, number: u64, change: &Change) -> Request {
        let mut text = change.fields("body");
        if let Some((state, _)) = change.state {
            text["state"] = json!(state);
        }
        Request::new(
            Method::Patch,
            format!("/repos/{project}/issues/{number}"),
            text,
        )
    }

    fn fixed_workflows(&self) -> Vec<Workflow> {
        Workflow::fixed(".github/workflows/")
    }

    fn runs(&self, project: &str, file: &str, wanted: &RunFilter<'_>, _size: usize) -> String {
        // A whole page: Gitea passes over the workflow and the branch, and one run alone
        // would be that of any of them.
        let path = format!("/repos/{project}/actions/runs?limit={PAGE}&workflow_id={file}");
        let full = wanted.branch.map(|branch| format!("refs/heads/{branch}"));
        with_parameters(path, &[("event", wanted.event), ("ref", full.as_deref())])
    }

    fn read_runs(&self, body: &[u8], file: &str) -> Result<Vec<Run>, Unreadable> {
        let page: WireRuns = serde_json::from_slice(body)?;
        let runs = page.workflow_runs.unwrap_or_default();
        // Gitea passes over a query that it does not know.
        let of = runs.into_iter().filter(|run| run.is_of(file));
        Ok(of.map(AnyRun::run).collect())
    }

    fn run(&self, project: &str, id: u64) -> String {
        format!("/repos/{project}/actions/runs/{id}")
    }

    fn read_run(&self, body: &[u8]) -> Result<Run, Unreadable> {
        Ok(serde_json::from_slice::<AnyRun>(body)?.run())
    }

    fn dispatch(
        &self,
        project: &str,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Request {
        let mut body = json!({"ref": branch, "return_run_info": true});
        if !inputs.is_empty() {
            // Its inputs are texts.
            let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
            let texts = inputs
                .iter()
                .map(|(name, value)| (name.clone(), text(value).into()));
            body["inputs"] = Value::Object(texts.collect());
        }
        Request::new(
            Method::Create,
            format!("/repos/{project}/actions/workflows/{file}/dispatches"),
            body,
        )
    }

    fn read_dispatched(&self, status: u16, body: &[u8]) -> Result<Option<Dispatched>, Unreadable> {
        Ok(match status {
            201 => Some(Dispatched::Run {
                id: serde_json::from_slice::<WireDispatched>(body)?.id,
                url: None,
            }),
            204 => Some(Dispatched::Accepted),
            _ => None,
        })
    }

    fn rights(&self, project: &str, label: &str) -> Vec<Right> {
        vec![
            Right {
                what: "read the repository",
                path: self.repository(project),
                shown_by: None,
                wanted: "the repository's name, and a token that sees it",
            },
            Right {
                what: "read runs",
                path: self.runs(project, "build.yaml", &RunFilter::default(), 1),
                shown_by: None,
                wanted: self.wanted(Access::ReadRuns),
            },
            Right {
                what: "read the alarm's issues",
                path: self.issues(project, label),
                shown_by: None,
                wanted: self.wanted(Access::Issues),
            },
            Right {
                what: "change the alarm's issue, start workflows",
                path: self.repository(project),
                shown_by: Some(("/permissions/push", 1)),
                wanted: self.wanted(Access::StartRuns),
            },
        ]
    }

    fn run_page(&self, web: &str, project: &str, id: u64) -> String {
        format!("{web}/{project}/actions/runs/{id}")
    }

    fn pages(&self, web: &str, owner: &str, name: &str) -> Option<String> {
        // Any other server has its own rule, and `ignition.url` says it.
        let codeberg = crate::url::host_of(web) == "codeberg.org";
        codeberg.then(|| format!("https://{owner}.codeberg.page/{name}"))
    }
}

/// Deletes a version of a container package: a tag, or a digest that no tag names.
pub fn delete_package(owner: &str, name: &str, version: &str) -> Request {
    let (name, version) = (percent_encode(name), percent_encode(version));
    Request {
        method: Method::Delete,
        path: format!("/packages/{owner}/container/{name}/{version}"),
        body: None,
    }
}

/// Versions of an owner's container packages whose names contain this one.
pub fn packages(owner: &str, name: &str) -> String {
    let name = percent_encode(name);
    format!("/packages/{owner}?type=container&q={name}&limit={PAGE}")
}

#[derive(Deserialize)]
struct WirePackage {
    name: String,
    version: String,
    created_at: Option<String>,
}

/// Tag or digest, and the day of its making, of the versions of one package.
///
/// # Errors
/// If the answer is of another form.
pub fn read_packages(body: &[u8], name: &str) -> Result<Vec<(String, Option<String>)>, Unreadable> {
    let page: Vec<WirePackage> = serde_json::from_slice(body)?;
    let of = page.into_iter().filter(|package| package.name == name);
    Ok(of
        .map(|package| (package.version, package.created_at))
        .collect())
}

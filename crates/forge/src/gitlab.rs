//! GitLab, and its CI.
//!
//! Source: GitLab documentation, "Issues API", "Notes API", "Pipelines API",
//! "Members API", "Container registry API", "Projects API", "Pages API" (fields as
//! documented there), "REST API pagination", and "Predefined CI/CD variables reference".
//!
//! A workflow is a pipeline of that name: `.gitlab-ci.yml` has
//! `workflow: name: $TASK`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::{Api, FoundIssue, Method, Request, Right, Trust, Unreadable};
use crate::ci::{Ci, Output};
use crate::kind::Forge;
use crate::model::{Access, Change, Dispatched, Issue, Run, RunFilter, Workflow};
use crate::url::{percent_encode, with_parameters};

/// Variables that a token may be in. CI's own job token may neither write issues
/// nor read pipelines.
pub const TOKENS: [&str; 1] = ["GITLAB_TOKEN"];

/// Developer: who may change the repository.
/// Source: GitLab, "Members API", "Roles".
const DEVELOPER: u64 = 30;

/// The file of a job's outputs, in the folder of the checkout.
pub const DOTENV: &str = "outputs.env";

/// The variable that says which workflow a pipeline is.
pub const TASK: &str = "TASK";

/// What this CI says of its job; `None` elsewhere.
pub(crate) fn ci(var: &dyn Fn(&str) -> Option<String>) -> Option<Ci> {
    var("GITLAB_CI")?;
    let number = |name: &str| var(name)?.parse().ok();
    let folder = var("CI_PROJECT_DIR");
    let output = folder.map(|dir| Output::Dotenv(format!("{dir}/{DOTENV}").into()));
    Some(Ci {
        forge: Some(Forge::Gitlab),
        repository: var("CI_PROJECT_PATH"),
        owner: var("CI_PROJECT_ROOT_NAMESPACE"),
        server: var("CI_SERVER_URL"),
        api: var("CI_API_V4_URL"),
        id: number("CI_PIPELINE_ID"),
        // A job that is tried again has another number.
        attempt: number("CI_JOB_ID"),
        job: var("CI_JOB_NAME"),
        runner: var("CI_RUNNER_ID"),
        page: var("CI_JOB_URL"),
        output,
        summary: None,
        site: var("CI_PAGES_URL"),
    })
}

/// GitLab.
#[derive(Debug, Clone, Copy)]
pub struct Gitlab;

fn project_path(project: &str) -> String {
    format!("/projects/{}", percent_encode(project))
}

#[derive(Deserialize)]
struct WireIssue {
    iid: u64,
    title: String,
    description: Option<String>,
    state: String,
    labels: Vec<String>,
    author: Option<WireAuthor>,
    web_url: String,
}

#[derive(Deserialize)]
struct WireAuthor {
    id: u64,
    username: String,
}

impl WireIssue {
    fn filed(self, project: &str) -> FoundIssue {
        let by = match self.author {
            Some(author) => Trust::LookUp {
                path: format!("{}/members/all/{}", project_path(project), author.id),
                login: author.username,
            },
            None => Trust::Known(false),
        };
        let issue = Issue {
            number: self.iid,
            open: self.state == "opened",
            reason: None,
            title: self.title,
            body: self.description.unwrap_or_default().replace("\r\n", "\n"),
            labels: self.labels,
            trusted: false,
            url: self.web_url,
        };
        FoundIssue { issue, by }
    }
}

#[derive(Deserialize)]
struct WireMember {
    access_level: u64,
}

#[derive(Deserialize)]
struct WirePipeline {
    id: u64,
    iid: u64,
    #[serde(rename = "ref")]
    branch: Option<String>,
    status: String,
    source: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    started_at: Option<Timestamp>,
    web_url: String,
}

/// GitHub's words for a source of pipelines, and GitLab's.
const EVENTS: [(&str, &str); 2] = [
    ("workflow_dispatch", "api"),
    ("pull_request", "merge_request_event"),
];

impl WirePipeline {
    fn run(self) -> Run {
        let (status, conclusion) = match self.status.as_str() {
            "success" => ("completed", Some("success")),
            "failed" => ("completed", Some("failure")),
            "canceled" => ("completed", Some("cancelled")),
            "skipped" => ("completed", Some("skipped")),
            "running" => ("in_progress", None),
            other => (other, None),
        };
        let source = self.source.unwrap_or_default();
        let known = EVENTS.iter().find(|(_, theirs)| *theirs == source);
        Run {
            id: self.id,
            run_number: self.iid,
            event: known.map_or(source.clone(), |(ours, _)| (*ours).to_owned()),
            status: Some(status.to_owned()),
            conclusion: conclusion.map(str::to_owned),
            head_branch: self.branch,
            html_url: self.web_url,
            created_at: self.created_at,
            run_started_at: self.started_at,
            updated_at: self.updated_at,
        }
    }
}

/// The name of a pipeline: `build` for `build.yaml`.
fn task_of(file: &str) -> &str {
    file.strip_suffix(".yaml")
        .or_else(|| file.strip_suffix(".yml"))
        .unwrap_or(file)
}

impl Api for Gitlab {
    fn name(&self) -> &'static str {
        "GitLab"
    }

    fn wanted(&self, access: Access) -> &'static str {
        match access {
            Access::ReadRuns => "the token needs the scope `read_api`, and the role Reporter",
            Access::StartRuns => "the token needs the scope `api`, and the role Developer",
            Access::Issues => {
                "the token needs the scope `api`, and the role Reporter: a project access token \
                 in the masked and protected variable GITLAB_TOKEN; CI's own job token may not"
            }
        }
    }

    fn token_advice(&self) -> &'static str {
        "set GITLAB_TOKEN to a project access token, or log in with `glab auth login`"
    }

    fn token_command(&self, host: &str) -> Option<(&'static str, Vec<String>)> {
        Some((
            "glab",
            vec![
                "config".to_owned(),
                "get".to_owned(),
                "token".to_owned(),
                "--host".to_owned(),
                host.to_owned(),
            ],
        ))
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/json")]
    }

    fn user(&self) -> (&'static str, &'static str) {
        ("/user", "username")
    }

    fn repository(&self, project: &str) -> String {
        project_path(project)
    }

    fn issues(&self, project: &str, label: &str) -> String {
        let project = project_path(project);
        format!("{project}/issues?labels={label}&state=all&scope=all&per_page=100")
    }

    fn read_issues(&self, project: &str, body: &[u8]) -> Result<Vec<FoundIssue>, Unreadable> {
        let page: Vec<WireIssue> = serde_json::from_slice(body)?;
        Ok(page.into_iter().map(|wire| wire.filed(project)).collect())
    }

    fn read_issue(&self, project: &str, body: &[u8]) -> Result<FoundIssue, Unreadable> {
        Ok(serde_json::from_slice::<WireIssue>(body)?.filed(project))
    }

    fn read_trust(&self, body: &[u8]) -> Result<bool, Unreadable> {
        Ok(serde_json::from_slice::<WireMember>(body)?.access_level >= DEVELOPER)
    }

    fn open_issue(
        &self,
        project: &str,
        (title, body): (&str, &str),
        label: &str,
        _number: Option<u64>,
    ) -> Request {
        Request::new(
            Method::Create,
            format!("{}/issues", project_path(project)),
            json!({"title": title, "description": body, "labels": label}),
        )
    }

    fn change_issue(&self, project: &str, number: u64, change: &Change) -> Request {
        let mut text = change.fields("description");
        match change.state {
            Some(("open", _)) => text["state_event"] = json!("reopen"),
            Some(_) => text["state_event"] = json!("close"),
            None => {}
        }
        let path = format!("{}/issues/{number}", project_path(project));
        Request::new(Method::Put, path, text)
    }

    fn comment(&self, project: &str, number: u64, body: &str) -> Request {
        Request::new(
            Method::Create,
            format!("{}/issues/{number}/notes", project_path(project)),
            json!({"body": body}),
        )
    }

    fn fixed_workflows(&self) -> Vec<Workflow> {
        Workflow::fixed("")
    }

    fn runs(&self, project: &str, file: &str, wanted: &RunFilter<'_>, size: usize) -> String {
        let (project, task) = (project_path(project), percent_encode(task_of(file)));
        let path = format!("{project}/pipelines?name={task}&per_page={size}");
        let event = wanted.event.map(|event| {
            let known = EVENTS.iter().find(|(ours, _)| *ours == event);
            known.map_or(event, |(_, theirs)| theirs)
        });
        let more = [
            ("source", event),
            ("ref", wanted.branch),
            ("username", wanted.actor),
        ];
        with_parameters(path, &more)
    }

    fn read_runs(&self, body: &[u8], _file: &str) -> Result<Vec<Run>, Unreadable> {
        let page: Vec<WirePipeline> = serde_json::from_slice(body)?;
        Ok(page.into_iter().map(WirePipeline::run).collect())
    }

    fn run(&self, project: &str, id: u64) -> String {
        format!("{}/pipelines/{id}", project_path(project))
    }

    fn read_run(&self, body: &[u8]) -> Result<Run, Unreadable> {
        Ok(serde_json::from_slice::<WirePipeline>(body)?.run())
    }

    fn dispatch(
        &self,
        project: &str,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Request {
        let variable = |name: &str, value: String| json!({"key": name, "value": value});
        let mut variables = vec![variable(TASK, task_of(file).to_owned())];
        for (name, value) in inputs {
            let text = value.as_str().map_or(value.to_string(), str::to_owned);
            variables.push(variable(&name.to_ascii_uppercase(), text));
        }
        Request::new(
            Method::Create,
            format!("{}/pipeline", project_path(project)),
            json!({"ref": branch, "variables": variables}),
        )
    }

    fn read_dispatched(&self, status: u16, body: &[u8]) -> Result<Option<Dispatched>, Unreadable> {
        if status != 201 {
            return Ok(None);
        }
        let made: WirePipeline = serde_json::from_slice(body)?;
        Ok(Some(Dispatched::Run {
            id: made.id,
            url: Some(made.web_url),
        }))
    }

    fn rights(&self, project: &str, label: &str) -> Vec<Right> {
        let repository = self.repository(project);
        vec![
            Right {
                what: "read the repository",
                path: repository,
                shown_by: None,
                wanted: "the repository's name, and a token that sees it",
            },
            Right {
                what: "read pipelines",
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
                what: "change the alarm's issue, start pipelines",
                path: self.repository(project),
                shown_by: Some(("/permissions/project_access/access_level", DEVELOPER)),
                wanted: self.wanted(Access::StartRuns),
            },
        ]
    }

    fn run_page(&self, web: &str, project: &str, id: u64) -> String {
        format!("{web}/{project}/-/pipelines/{id}")
    }

    fn pages(&self, web: &str, owner: &str, name: &str) -> Option<String> {
        // A server of one's own has a domain for them that only it knows.
        let own = crate::url::host_of(web) != "gitlab.com";
        (!own).then(|| format!("https://{owner}.gitlab.io/{name}"))
    }

    fn pages_settings(&self, project: &str) -> Option<String> {
        Some(format!("{}/pages", project_path(project)))
    }
}

/// The container registry's repositories of a project: `id` and `location`.
pub fn registry_repositories(project: &str) -> String {
    format!(
        "{}/registry/repositories?per_page=100",
        project_path(project)
    )
}

#[derive(Deserialize)]
struct WireRepository {
    id: u64,
    location: String,
}

/// The number of the repository with this name (`registry.gitlab.com/o/n`), in a
/// page of them.
///
/// # Errors
/// If the answer is of another form.
pub fn read_registry_repository(body: &[u8], image: &str) -> Result<Option<u64>, Unreadable> {
    let page: Vec<WireRepository> = serde_json::from_slice(body)?;
    let found = page.into_iter().find(|known| known.location == image);
    Ok(found.map(|known| known.id))
}

/// Deletes a tag. The manifest goes with the registry's own garbage collection,
/// once no tag names it.
pub fn delete_tag(project: &str, repository: u64, tag: &str) -> Request {
    Request {
        method: Method::Delete,
        path: format!(
            "{}/registry/repositories/{repository}/tags/{}",
            project_path(project),
            percent_encode(tag)
        ),
        body: None,
    }
}

//! `workflow run`: starts a workflow and finds its run. `workflow status`: how
//! the last ones went.

use std::time::Duration;

use forge::{Access, Dispatched, Run, RunFilter};
use host::process::interrupted;
use host::{Done, env};
use image_build::gather::World;
use image_config::Images;
use remote::{Pace, Polls, Project};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::workflow::{Line, Standing, Start, inputs, trend};

/// How fast the forge is asked, and how long a run is looked for and followed.
#[derive(Debug, Clone, Copy)]
pub struct Tempo {
    /// Requests.
    pub pace: Pace,
    /// For the run that a dispatch started: a minute. Forges make it within
    /// seconds.
    pub find: Polls,
    /// For the end of a run: six hours, which is the longest that a job of
    /// hosted runners may take.
    pub follow: Polls,
}

impl Default for Tempo {
    fn default() -> Self {
        let polls = |every, most| Polls {
            every: Duration::from_secs(every),
            most,
            interrupted,
        };
        Self {
            pace: Pace::github(env::epoch_seconds, interrupted),
            find: polls(2, 30),
            follow: polls(10, 6 * 360),
        }
    }
}

/// How many runs make a trend.
const TREND: usize = 10;

/// The event of a run that was started by hand.
const BY_HAND: &str = "workflow_dispatch";

/// What is asked about workflows.
#[derive(Debug, Clone)]
pub enum Request {
    /// Start one, and find its run.
    Run {
        /// Which, and its inputs.
        start: Start,
        /// On this branch, instead of the default one.
        branch: Option<String>,
        /// Follow the run to its end.
        watch: bool,
    },
    /// The newest runs of one workflow.
    Status {
        /// The name of its file.
        file: String,
        /// Follow the newest run to its end.
        watch: bool,
    },
    /// A line for each workflow.
    All,
    /// `.gitlab-ci.yml`, of this image.yaml.
    File,
}

/// Does what is asked.
///
/// # Errors
/// What could not be found out, or was asked for wrongly.
pub fn run(world: &World<'_>, images: &Images, request: &Request) -> Result<Done, Error> {
    run_at(world, images, request, Tempo::default())
}

/// The same with another pace of requests, for tests.
///
/// # Errors
/// As [`run`].
pub fn run_at(
    world: &World<'_>,
    images: &Images,
    request: &Request,
    tempo: Tempo,
) -> Result<Done, Error> {
    match request {
        Request::Run {
            start: wanted,
            branch,
            watch,
        } => start(world, wanted, branch.as_deref(), *watch, tempo),
        Request::Status { file, watch } => status(world, file, *watch, tempo),
        Request::All => all(world, tempo),
        Request::File => {
            let text = crate::gitlab_ci::text(images);
            world.report.answer(text.trim_end());
            world.report.document(&text)?;
            Ok(Done::Success)
        }
    }
}

/// The document of `workflow run --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Started<'a> {
    workflow: &'a str,
    #[serde(rename = "ref")]
    branch: &'a str,
    inputs: &'a Map<String, Value>,
    run: Option<u64>,
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Line>,
}

fn start(
    world: &World<'_>,
    wanted: &Start,
    branch: Option<&str>,
    watch: bool,
    tempo: Tempo,
) -> Result<Done, Error> {
    let inputs = inputs(wanted)?;
    let file = wanted.workflow.file();
    let project = world.project(Access::StartRuns, tempo.pace)?;
    let branch = match branch {
        Some(branch) => branch.to_owned(),
        None => project.default_branch()?,
    };
    let by_hand = RunFilter {
        event: Some(BY_HAND),
        branch: Some(&branch),
        actor: None,
    };
    // Where the forge does not name the run that it started, it is the one that is
    // newer than all runs before the request.
    let before = project.runs(file, &by_hand, 1)?;
    let before = before.first().map_or(0, |run| run.id);
    let sent = Value::Object(inputs.clone());
    let name = project.name();
    world.report.status(
        "Starting",
        &format!("{file} of {name} on {branch} with {sent}"),
    );
    let found = match project.dispatch(file, &branch, &inputs)? {
        Dispatched::Run { id, url } => Some((id, url.unwrap_or_else(|| project.run_page(id)))),
        Dispatched::Accepted => newcomer(world, &project, file, &by_hand, before, tempo.find)?,
    };
    let Some((id, url)) = found else {
        world.report.error(&format!(
            "{} has taken the request, and shows no run of {file} yet; do not start another: \
             see `cargo xtask workflow status {file}` in a minute",
            project.forge()
        ));
        let started = Started {
            workflow: file,
            branch: &branch,
            inputs: &inputs,
            run: None,
            url: None,
            ended: None,
        };
        world.report.document(&started)?;
        return Ok(Done::Unknown);
    };
    let url = host::one_line(&url);
    world.report.answer(&url);
    world.report.outputs(&[("url", url.clone())])?;
    let (done, ended) = match watch {
        true => {
            let (done, line) = follow(world, &project, id, tempo.follow)?;
            (done, Some(line))
        }
        false => (Done::Success, None),
    };
    world.report.document(&Started {
        workflow: file,
        branch: &branch,
        inputs: &inputs,
        run: Some(id),
        url: Some(&url),
        ended,
    })?;
    Ok(done)
}

/// The oldest run that is newer than `before`, and asked for by whoever asks.
fn newcomer(
    world: &World<'_>,
    project: &Project,
    file: &str,
    by_hand: &RunFilter<'_>,
    before: u64,
    polls: Polls,
) -> Result<Option<(u64, String)>, Error> {
    world.report.status("Looking", "for the run");
    let login = project.login()?;
    let wanted = RunFilter {
        actor: login.as_deref(),
        ..by_hand.clone()
    };
    polls.until(|| {
        let runs = project.runs(file, &wanted, TREND)?;
        let newer = runs.into_iter().filter(|run| run.id > before);
        let first = newer.min_by_key(|run| run.id);
        Ok(first.map(|run| (run.id, run.html_url)))
    })
}

/// Follows a run to its end.
fn follow(
    world: &World<'_>,
    project: &Project,
    id: u64,
    polls: Polls,
) -> Result<(Done, Line), Error> {
    let mut last: Option<Line> = None;
    let line = |run: &Run| Line::of(run, env_now(world));
    let ended = polls.until::<Line, Error>(|| {
        let now = line(&project.run(id)?);
        if last.as_ref().is_none_or(|last| last.word != now.word) {
            world
                .report
                .status("Run", &format!("#{} {}", now.number, now.word));
        }
        let end = (now.standing != Standing::Running).then(|| now.clone());
        last = Some(now);
        Ok(end)
    })?;
    let line = match (ended, last) {
        (Some(line), _) | (None, Some(line)) => line,
        (None, None) => {
            return Err(Error::Usage("a run was not looked at even once".to_owned()));
        }
    };
    if line.standing == Standing::Running {
        world
            .report
            .error("it goes on; it is not followed any longer");
    }
    world.report.answer(&line.cells().join("  "));
    Ok((line.standing.done(), line))
}

/// The time, which moves on while a run is followed.
fn env_now(world: &World<'_>) -> jiff::Timestamp {
    let seconds = i64::try_from(env::epoch_seconds()).ok();
    let now = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    now.unwrap_or(world.env.now)
}

/// The document of `workflow status --json`: one, or with `--all` a list.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    workflow: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    trend: String,
    runs: Vec<Line>,
}

fn told(
    world: &World<'_>,
    project: &Project,
    file: &str,
    state: Option<String>,
) -> Result<Told, Error> {
    let runs = project.runs(file, &RunFilter::default(), TREND)?;
    let runs: Vec<Line> = runs
        .iter()
        .map(|run| Line::of(run, world.env.now))
        .collect();
    Ok(Told {
        workflow: file.to_owned(),
        state,
        trend: trend(&runs),
        runs,
    })
}

fn status(world: &World<'_>, file: &str, watch: bool, tempo: Tempo) -> Result<Done, Error> {
    let project = world.project(Access::ReadRuns, tempo.pace)?;
    if watch {
        let newest = project.runs(file, &RunFilter::default(), 1)?;
        let Some(newest) = newest.first() else {
            world.report.error(&format!("{file} has never run"));
            world.report.document(&Value::Null)?;
            return Ok(Done::Unknown);
        };
        world.report.answer(&host::one_line(&newest.html_url));
        let (done, line) = follow(world, &project, newest.id, tempo.follow)?;
        world.report.document(&line)?;
        return Ok(done);
    }
    let told = told(world, &project, file, None)?;
    world.report.answer(&format!("{file}: {}", told.trend));
    if !told.runs.is_empty() {
        let mut rows = vec![Line::HEADS.map(str::to_owned).to_vec()];
        rows.extend(told.runs.iter().map(Line::cells));
        world.report.table(&rows);
    }
    world.report.document(&told)?;
    Ok(Done::Success)
}

fn all(world: &World<'_>, tempo: Tempo) -> Result<Done, Error> {
    let project = world.project(Access::ReadRuns, tempo.pace)?;
    let heads = ["workflow", "state", "newest", "age", "took", "trend"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let mut documents = Vec::new();
    for workflow in project.workflows()? {
        let state = host::one_line(&workflow.state).replace('_', " ");
        let told = told(world, &project, workflow.file(), Some(state.clone()))?;
        let mut row = vec![host::one_line(workflow.file()), state];
        match told.runs.first() {
            Some(newest) => row.extend(newest.cells().get(1..4).unwrap_or_default().to_vec()),
            None => row.extend(["–", "", ""].map(str::to_owned)),
        }
        row.push(told.trend.clone());
        rows.push(row);
        documents.push(told);
    }
    world.report.table(&rows);
    world.report.document(&documents)?;
    Ok(Done::Success)
}

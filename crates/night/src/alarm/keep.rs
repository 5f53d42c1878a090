//! Keeps the alarm's issue up to date after a job: gathers the facts, plans, and
//! performs the plan at the forge, or in a file.

use forge::Issue;
use host::process::interrupted;
use host::{Done, env};
use image_build::gather::World;
use image_config::{Images, OneImage};
use registry_compat::Answer;
use remote::Pace;
use remote::webhook::Message;
use serde::Serialize;

use crate::alarm::{
    board::Board,
    classify::{Cause, of_foreign_step},
    plan::{Age, Effect, Ended, Facts, Verdict, plan},
    state_marker,
    state_marker::State,
    tell,
};
use crate::error::Error;
use crate::outcome;

/// How a job ended, in the words of CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum JobStatus {
    /// All its steps did.
    Success,
    /// One of them did not.
    #[value(alias = "failed")]
    Failure,
    /// The job was stopped by a person, or by its time limit.
    #[value(alias = "canceled")]
    Cancelled,
    /// It had nothing to do.
    Skipped,
}

/// How a job calls the alarm.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The job's name.
    pub job: &'a str,
    /// How it ended, so far.
    pub status: JobStatus,
    /// Only print what would be done.
    pub dry_run: bool,
}

/// The images that a job is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// All that there are.
    pub images: &'a Images,
    /// Those that the job is about.
    pub wanted: &'a [&'a OneImage],
    /// The job is about one of several only: its name.
    pub only: Option<&'a str>,
}

impl About<'_> {
    /// The place of a job's trouble.
    fn job(&self, name: &str) -> String {
        state_marker::job(name, self.only)
    }

    /// The names of all images, where they have any.
    fn names(&self) -> Vec<String> {
        let all = self.images.iter().filter(|_| self.images.are_named());
        all.map(|image| image.name.clone()).collect()
    }

    /// How old each published image is.
    fn ages(&self, world: &World<'_>) -> Result<Vec<(String, Age)>, Error> {
        let named = self.images.are_named();
        let age_of = |image: &&OneImage| {
            let name = named.then_some(image.name.as_str());
            Ok((
                state_marker::image(name),
                age(&world.beside(image, world.report))?,
            ))
        };
        self.wanted.iter().map(age_of).collect()
    }
}

/// `alarm`. Whatever is wrong with the image, this task has done its own: the
/// exit code says only if the alarm could be kept.
///
/// # Errors
/// If the forge could not be asked or does not let it.
pub fn run(world: &World<'_>, of: &About<'_>, args: Call<'_>) -> Result<Done, Error> {
    let pace = Pace::github(env::epoch_seconds, interrupted);
    run_at(world, of, args, pace)
}

/// The same, at another pace.
///
/// # Errors
/// As [`run`].
pub fn run_at(
    world: &World<'_>,
    of: &About<'_>,
    args: Call<'_>,
    pace: Pace,
) -> Result<Done, Error> {
    let opened = Board::open(world, pace);
    let gathered = opened.and_then(|board| Ok((gather(world, of, args, &board)?, board)));
    let (mut facts, board) = match gathered {
        Ok(both) => both,
        Err(error) => {
            without_board(world, of, args, &error);
            return Err(error);
        }
    };
    let mut planned = plan(&facts);
    for number in &planned.foreign {
        world.report.warning(&format!(
            "#{number} has the alarm's mark, and was opened by somebody who may not change this \
             repository: it is left alone"
        ));
    }
    let mut sink: Box<dyn Sink> = match args.dry_run {
        true => Box::new(Dry),
        false => Box::new(Live {
            world,
            board: &board,
        }),
    };
    let verdict = planned.verdict;
    let state = planned.state.clone();
    let mut number = planned.issue;
    let mut done: Vec<String> = Vec::new();
    // After opening an issue, list them again: another run may have opened one at
    // the same time. The issue with the lower number stays, the other is closed as
    // a duplicate.
    for _ in 0..2 {
        let mut opened = None;
        for effect in &planned.effects {
            let text = effect.to_string();
            world.report.answer(&text);
            done.push(text);
            opened = sink.perform(effect)?.or(opened);
        }
        let Some(issue) = opened else { break };
        number = Some(issue.number);
        facts.issues = with(board.issues(&facts.label)?, issue);
        facts.webhook = false;
        planned = plan(&facts);
        number = planned.issue.or(number);
    }
    say(world, verdict, number)?;
    world.report.document(&Document {
        verdict,
        issue: number,
        troubles: &state,
        effects: &done,
    })?;
    Ok(Done::Success)
}

/// The document of `alarm --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    verdict: Verdict,
    issue: Option<u64>,
    #[serde(flatten)]
    troubles: &'a State,
    effects: &'a [String],
}

/// A forge's list may not show an issue yet that was opened a moment ago.
fn with(mut issues: Vec<Issue>, opened: Issue) -> Vec<Issue> {
    if issues.iter().all(|issue| issue.number != opened.number) {
        issues.push(opened);
    }
    issues
}

fn say(world: &World<'_>, verdict: Verdict, issue: Option<u64>) -> Result<(), Error> {
    let words = match verdict {
        Verdict::Quiet => "all is well",
        Verdict::Raised => "raised",
        Verdict::Changed => "another cause",
        Verdict::Known => "nothing new",
        Verdict::Muted => "nothing new, and closed as not planned",
        Verdict::Recovered => "all is well again",
    };
    let issue = issue.map(|number| format!(" (#{number})"));
    let issue = issue.unwrap_or_default();
    world.report.status("Alarm", &format!("{words}{issue}"));
    Ok(world
        .report
        .summary(&format!("\nAlarm: {words}{issue}\n"))?)
}

/// People are told all the same where there is no issue to keep.
fn without_board(world: &World<'_>, of: &About<'_>, args: Call<'_>, error: &Error) {
    if args.dry_run || args.status != JobStatus::Failure || !tell::anybody(world) {
        return;
    }
    let left = outcome::read(&world.env.root, world.env.run.job_key().as_deref());
    let said = left.map_or("see its output".to_owned(), |left| left.message);
    let error = host::one_line(&error.to_string());
    tell::everybody(
        world,
        &Message {
            title: format!("Alarm: {} failed", host::one_line(&of.job(args.job))),
            text: format!("{said}. The alarm's issue could not be kept: {error}"),
            priority: 4,
            tag: "warning",
            link: world.env.run.page.clone(),
        },
    );
}

fn gather(
    world: &World<'_>,
    of: &About<'_>,
    args: Call<'_>,
    board: &Board,
) -> Result<Facts, Error> {
    let env = world.env;
    let left = outcome::read(&env.root, env.run.job_key().as_deref());
    let ended = match (args.status, &left) {
        (JobStatus::Success, _) => Ended::Well,
        (JobStatus::Cancelled | JobStatus::Skipped, _) => Ended::Otherwise,
        (JobStatus::Failure, Some(left)) => {
            Ended::Badly(left.cause, format!("{}: {}", left.task, left.message))
        }
        (JobStatus::Failure, None) => foreign(world, board),
    };
    let alarm = &world.config.alarm;
    let page = env.run.page.clone();
    let page = page.or_else(|| board.run_page(env.run.id?));
    world
        .report
        .status("Reading", &format!("issues of {}", board.name()));
    Ok(Facts {
        job: of.job(args.job),
        ended,
        not_yet: left.is_some_and(|left| left.is_not_yet()),
        ages: of.ages(world)?,
        images: of.names(),
        most_days: alarm.image_age_days,
        issues: board.issues(alarm.label.as_str())?,
        label: alarm.label.as_str().to_owned(),
        today: jiff::tz::Offset::UTC.to_datetime(env.now).date(),
        run: page,
        webhook: tell::anybody(world),
    })
}

/// For a failed step that is not a task of ours, or a task that was cut off: asks
/// the forge for the step's name.
fn foreign(world: &World<'_>, board: &Board) -> Ended {
    let run = &world.env.run;
    let name = match (board, run.id, run.attempt, &run.runner) {
        (Board::Project(project), Some(id), Some(attempt), Some(runner)) => {
            project.failed_step(id, attempt, runner)
        }
        _ => Ok(None),
    };
    match name {
        Ok(Some(name)) => Ended::Badly(of_foreign_step(&name), format!("step `{name}` failed")),
        Ok(None) => Ended::Badly(Cause::Unknown, "unknown step: see the run".to_owned()),
        Err(error) => {
            world.report.note(&format!(
                "which step failed, the forge does not say: {error}"
            ));
            Ended::Badly(Cause::Unknown, "unknown step: see the run".to_owned())
        }
    }
}

/// The age of the published image; unknown if the registry does not answer.
fn age(world: &World<'_>) -> Result<Age, Error> {
    let tag = world.config.image.tags.first();
    let (Some(tag), true) = (tag, world.config.alarm.image_age_days > 0) else {
        return Ok(Age::Unknown);
    };
    let image = world.config.repository()?.tagged(tag.clone());
    world.report.status("Reading", &format!("{image}"));
    let created = match world.registries()?.inspect(&image, world.first_arch()?) {
        Answer::Present(found) => found.created,
        Answer::Absent => {
            world.report.note("nothing is published yet");
            None
        }
        Answer::Unknown(why) => {
            world.report.warning(&format!(
                "how old the published image is, is not known: {why}"
            ));
            None
        }
    };
    let days =
        created.map(|created| (world.env.now.as_second() - created.as_second()).div_euclid(86_400));
    // A date in the future means that a clock is wrong: the age is unknown.
    let days = days.and_then(|days| u32::try_from(days).ok());
    Ok(days.map_or(Age::Unknown, Age::Days))
}

/// Performs effects; returns the issue if it opened one.
trait Sink {
    fn perform(&mut self, effect: &Effect) -> Result<Option<Issue>, Error>;
}

/// A dry run: the effects were printed, and nothing else is done.
struct Dry;

impl Sink for Dry {
    fn perform(&mut self, _effect: &Effect) -> Result<Option<Issue>, Error> {
        Ok(None)
    }
}

struct Live<'a> {
    world: &'a World<'a>,
    board: &'a Board,
}

impl Sink for Live<'_> {
    fn perform(&mut self, effect: &Effect) -> Result<Option<Issue>, Error> {
        match effect {
            Effect::Open { title, body, label } => {
                return Ok(Some(self.board.open_issue(title, body, label)?));
            }
            Effect::Change { number, change } => self.board.change_issue(*number, change)?,
            Effect::Comment { number, body } => self.board.comment(*number, body)?,
            Effect::Notify(message) => tell::everybody(self.world, message),
        }
        Ok(None)
    }
}

//! Workflows: what is sent to start one, and what their runs say. All
//! of it is pure.

use forge::Run;
use host::Done;
use image_config::Reason;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;

/// The workflows that can be started by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Startable {
    /// The image.
    Build,
    /// The page of the machine's configs.
    Pages,
    /// Old versions.
    Cleanup,
    /// Format, lints, tests.
    Check,
}

impl Startable {
    /// Its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Build => "build.yaml",
            Self::Pages => "pages.yaml",
            Self::Cleanup => "cleanup.yaml",
            Self::Check => "check.yaml",
        }
    }
}

/// A workflow that is to be started, with what the person wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Which one.
    pub workflow: Startable,
    /// Let the clean-up delete; without it, it only plans.
    pub execute: bool,
    /// Let the build build, though nothing changed, and why.
    pub force: Option<Reason>,
    /// Let the run of build or cleanup only print its plan.
    pub dry_run: bool,
}

/// The inputs of a workflow, as its file declares them
/// (`.github/workflows/*.yaml`). The clean-up's mode is always an explicit word.
///
/// # Errors
/// [`Error::Usage`] for an option that the workflow has no input for.
pub fn inputs(args: &Start) -> Result<Map<String, Value>, Error> {
    let mut inputs = Map::new();
    let only =
        |option: &str, of: &str| Err(Error::Usage(format!("{option} is for `workflow run {of}`")));
    match args.workflow {
        Startable::Cleanup => {
            let mode = if args.execute { "execute" } else { "dry-run" };
            inputs.insert("mode".to_owned(), mode.into());
        }
        _ if args.execute => return only("--execute", "cleanup"),
        Startable::Build if args.dry_run => {
            inputs.insert("dry_run".to_owned(), true.into());
        }
        _ if args.dry_run => return only("--dry-run", "build, and of cleanup"),
        _ => {}
    }
    match (&args.force, args.workflow) {
        (Some(reason), Startable::Build) => {
            inputs.insert("force".to_owned(), reason.as_str().into());
        }
        (Some(_), _) => return only("--force", "build"),
        (None, _) => {}
    }
    Ok(inputs)
}

/// How a run ended, or that it did not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It goes on.
    Running,
    /// It did what it should.
    Well,
    /// It did not.
    Badly,
    /// It had nothing to do.
    Skipped,
    /// Somebody stopped it, or its time was over.
    Cancelled,
}

impl Standing {
    /// From `status` and `conclusion` of a run.
    pub fn of(run: &Run) -> Self {
        if run.status.as_deref() != Some("completed") {
            return Self::Running;
        }
        match run.conclusion.as_deref() {
            Some("success" | "neutral") => Self::Well,
            Some("skipped") => Self::Skipped,
            Some("cancelled" | "stale") => Self::Cancelled,
            _ => Self::Badly,
        }
    }

    fn symbol(self) -> char {
        match self {
            Self::Running => '…',
            Self::Well => '✓',
            Self::Badly => '✗',
            Self::Skipped => '–',
            Self::Cancelled => '⊘',
        }
    }

    /// The exit code of whoever followed it to its end.
    pub fn done(self) -> Done {
        match self {
            Self::Well => Done::Success,
            Self::Skipped => Done::NotYet,
            Self::Badly | Self::Cancelled => Done::CheckFailed,
            Self::Running => Done::Unknown,
        }
    }
}

/// One run, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// The workflow's own count.
    pub number: u64,
    /// How it ended, or that it did not yet.
    pub standing: Standing,
    /// The same in the forge's words.
    pub word: String,
    /// Why it ran.
    pub event: String,
    /// On which branch.
    pub branch: Option<String>,
    /// Since it was asked for.
    pub age_seconds: i64,
    /// From its begin to its end, or until now.
    pub duration_seconds: i64,
    /// Its page.
    pub url: String,
}

impl Line {
    /// Of a run, now.
    pub fn of(run: &Run, now: Timestamp) -> Self {
        let standing = Standing::of(run);
        let end = match standing {
            Standing::Running => now,
            _ => run.updated_at,
        };
        let begin = run.run_started_at.unwrap_or(run.created_at);
        // The forge's clock and this one may differ.
        let between = |from: Timestamp, to: Timestamp| (to.as_second() - from.as_second()).max(0);
        let word = run.conclusion.as_deref().or(run.status.as_deref());
        Self {
            number: run.run_number,
            standing,
            word: host::one_line(word.unwrap_or("unknown")).replace('_', " "),
            event: host::one_line(&run.event),
            branch: run.head_branch.as_deref().map(host::one_line),
            age_seconds: between(run.created_at, now),
            duration_seconds: between(begin, end),
            url: host::one_line(&run.html_url),
        }
    }

    /// What stands above [`Line::cells`].
    pub const HEADS: [&'static str; 6] = ["run", "result", "age", "took", "event", "page"];

    /// A row of a table.
    pub fn cells(&self) -> Vec<String> {
        vec![
            format!("#{}", self.number),
            format!("{} {}", self.standing.symbol(), self.word),
            span(self.age_seconds),
            span(self.duration_seconds),
            self.event.clone(),
            self.url.clone(),
        ]
    }
}

/// The runs of a workflow at a glance: a sign for each, oldest first, and the
/// same in words. `lines` are newest first.
pub fn trend(lines: &[Line]) -> String {
    let signs: String = lines
        .iter()
        .rev()
        .map(|line| line.standing.symbol())
        .collect();
    let said = |line: &&Line| matches!(line.standing, Standing::Well | Standing::Badly);
    let ended: Vec<&Line> = lines.iter().filter(said).collect();
    let bad = |line: &&&Line| line.standing == Standing::Badly;
    let (all, failed) = (ended.len(), ended.iter().filter(bad).count());
    let row = ended.iter().take_while(bad).count();
    let words = match (all, failed, row) {
        (0, ..) => "no run has ended with a result".to_owned(),
        (1, 0, _) => "the last one went well".to_owned(),
        (_, 0, _) => format!("the last {all} went well"),
        (1, ..) => "the last one failed".to_owned(),
        (_, _, 0) => format!("{failed} of the last {all} failed, the newest went well"),
        (_, _, 1) => format!("{failed} of the last {all} failed, the newest among them"),
        _ => format!("the last {row} failed in a row"),
    };
    format!("{signs} {words}").trim_start().to_owned()
}

/// A time in its largest units.
pub fn span(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        i64::MIN..120 => format!("{seconds} s"),
        120..7_200 => format!("{minutes} min"),
        7_200..172_800 => format!("{hours} h"),
        _ => format!("{days} d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::failure::Failure as _;

    fn start(words: &str) -> Start {
        let mut words = words.split(' ');
        let workflow = words.next().unwrap();
        let mut start = Start {
            workflow: <Startable as clap::ValueEnum>::from_str(workflow, false).unwrap(),
            execute: false,
            force: None,
            dry_run: false,
        };
        while let Some(word) = words.next() {
            match word {
                "--execute" => start.execute = true,
                "--dry-run" => start.dry_run = true,
                "--force" => start.force = words.next().map(|why| why.parse().unwrap()),
                other => panic!("{other}"),
            }
        }
        start
    }

    #[test]
    fn what_deletes_is_always_said() {
        let sent = |words: &str| Value::Object(inputs(&start(words)).unwrap()).to_string();
        assert_eq!(sent("cleanup"), r#"{"mode":"dry-run"}"#);
        assert_eq!(sent("cleanup --dry-run"), r#"{"mode":"dry-run"}"#);
        assert_eq!(sent("cleanup --execute"), r#"{"mode":"execute"}"#);
        assert_eq!(sent("build"), "{}");
        assert_eq!(
            sent("build --force new-key --dry-run"),
            r#"{"dry_run":true,"force":"new-key"}"#
        );
        assert_eq!(sent("pages"), "{}");
        for bad in [
            "build --execute",
            "pages --execute",
            "pages --dry-run",
            "check --force x",
            "cleanup --force x",
        ] {
            let error = inputs(&start(bad)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }

    fn run(status: &str, conclusion: Option<&str>) -> Run {
        Run {
            id: 1,
            run_number: 7,
            event: "schedule".to_owned(),
            status: Some(status.to_owned()),
            conclusion: conclusion.map(str::to_owned),
            head_branch: Some("main".to_owned()),
            html_url: "https://github.com/o/r/actions/runs/1".to_owned(),
            created_at: "2026-07-21T09:00:00Z".parse().unwrap(),
            run_started_at: Some("2026-07-21T09:01:00Z".parse().unwrap()),
            updated_at: "2026-07-21T09:11:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_run_has_an_end_an_age_and_a_length() {
        let now = "2026-07-21T12:00:00Z".parse().unwrap();
        let cells = |run: &Run| Line::of(run, now).cells()[1..4].join(", ");
        let ended = run("completed", Some("timed_out"));
        assert_eq!(cells(&ended), "✗ timed out, 3 h, 10 min");
        assert_eq!(Standing::of(&ended).done(), Done::CheckFailed);
        let going = run("in_progress", None);
        assert_eq!(cells(&going), "… in progress, 3 h, 2 h");
        for (conclusion, code) in [
            ("success", 0),
            ("neutral", 0),
            ("failure", 1),
            ("startup_failure", 1),
            ("action_required", 1),
            ("cancelled", 1),
            ("skipped", 10),
        ] {
            let ended = run("completed", Some(conclusion));
            assert_eq!(Standing::of(&ended).done().code(), code, "{conclusion}");
        }
        // GitHub's clock may be ahead.
        let early = "2026-07-21T08:00:00Z".parse().unwrap();
        assert_eq!(Line::of(&going, early).age_seconds, 0);
    }

    #[test]
    fn a_trend_is_told_in_words_too() {
        let now = Timestamp::UNIX_EPOCH;
        let told = |newest_first: &str| {
            let lines: Vec<Line> = newest_first
                .chars()
                .map(|c| match c {
                    'w' => run("completed", Some("success")),
                    'b' => run("completed", Some("failure")),
                    'c' => run("completed", Some("cancelled")),
                    's' => run("completed", Some("skipped")),
                    _ => run("queued", None),
                })
                .map(|run| Line::of(&run, now))
                .collect();
            trend(&lines)
        };
        for (runs, expected) in [
            ("", "no run has ended with a result"),
            ("r", "… no run has ended with a result"),
            ("w", "✓ the last one went well"),
            ("b", "✗ the last one failed"),
            ("rww", "✓✓… the last 2 went well"),
            ("cwbs", "–✗✓⊘ 1 of the last 2 failed, the newest went well"),
            ("bwb", "✗✓✗ 2 of the last 3 failed, the newest among them"),
            ("bcbw", "✓✗⊘✗ the last 2 failed in a row"),
        ] {
            assert_eq!(told(runs), expected, "{runs}");
        }
    }

    #[test]
    fn spans_are_short() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}

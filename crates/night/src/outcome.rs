//! The file in which a task leaves how it ended, for the alarm that runs after it.
//!
//! A job of a workflow is several commands, and the alarm is the last. What went
//! wrong is known only to the one that failed, so it leaves a file: which task,
//! which exit code, what kind of thing, and one line of it. The file says of
//! which job of which run it is: one that a cache brought back is nobody's.

use std::path::Path;

use host::Done;
use host::failure::{Failure, Kind};
use host::report::Notes;
use serde::{Deserialize, Serialize};

use crate::alarm::classify::{self, Cause};

/// Where it is, below the checkout.
pub const FILE: &str = "target/outcome.json";

/// The form of the file.
const FORMAT: u32 = 1;

/// Tasks that only tell, or are called about the failure of another: they leave
/// the file as it is.
const BYSTANDERS: [&str; 8] = [
    "alarm", "butane", "config", "doctor", "help", "night", "status", "workflow",
];

/// How a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Outcome {
    /// [`FORMAT`].
    pub format: u32,
    /// The task.
    pub task: String,
    /// The step of its plan, if one failed.
    pub step: Option<String>,
    /// Its exit code.
    pub exit_code: u8,
    /// What kind of thing it was.
    pub cause: Cause,
    /// One line.
    pub message: String,
    /// The job of the run, where it was one.
    pub run: Option<String>,
}

/// What becomes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// It stays as it is.
    Nothing,
    /// The file is removed: the task succeeded now, or a later task of the job did. A
    /// "nothing can be built yet" is no failure and is removed by its own task only.
    Remove(String),
    /// It is written.
    Write(Outcome),
}

/// What the end of a task means for the file.
pub fn mark(
    task: &str,
    ended: Result<Done, &dyn Failure>,
    told: &Notes,
    run: Option<String>,
) -> Mark {
    if BYSTANDERS.contains(&task) {
        return Mark::Nothing;
    }
    let step = told.step.as_deref();
    let (exit_code, cause, message) = match ended {
        // Who stops a run knows why.
        Err(error) if error.kind() == Kind::Interrupted => return Mark::Nothing,
        Ok(done) if done.code() == 0 && !told.not_yet => return Mark::Remove(task.to_owned()),
        Ok(done) => {
            let cause = match told.not_yet {
                true => Cause::Skew,
                false => classify::of_answer(done, task),
            };
            let message = told.why.as_deref().unwrap_or("see its output");
            (done.code(), cause, message.to_owned())
        }
        Err(error) => {
            let cause = classify::of_error(error, step);
            (error.exit_code(), cause, error.to_string())
        }
    };
    let message = message.lines().next().unwrap_or_default();
    Mark::Write(Outcome {
        format: FORMAT,
        task: task.to_owned(),
        step: step.map(str::to_owned),
        exit_code,
        cause,
        message: host::one_line(message),
        run,
    })
}

impl Outcome {
    /// Whether it says that nothing can be built yet, rather than that a task failed.
    pub fn is_not_yet(&self) -> bool {
        self.cause == Cause::Skew && [0, 10].contains(&self.exit_code)
    }
}

/// What the file of a checkout says; `None` if there is none, it is of another
/// job, or of another form.
pub fn read(root: &Path, run: Option<&str>) -> Option<Outcome> {
    let text = std::fs::read(root.join(FILE)).ok()?;
    let found: Outcome = serde_json::from_slice(&text).ok()?;
    (found.format == FORMAT && found.run.as_deref() == run).then_some(found)
}

/// Does it.
///
/// # Errors
/// If the file cannot be written or removed.
pub fn keep(root: &Path, mark: &Mark) -> std::io::Result<()> {
    let path = root.join(FILE);
    match mark {
        Mark::Nothing => Ok(()),
        Mark::Remove(task) => {
            let found = std::fs::read(&path).ok();
            let found = found.and_then(|text| serde_json::from_slice::<Outcome>(&text).ok());
            match found.is_some_and(|found| found.task == *task || !found.is_not_yet()) {
                true => std::fs::remove_file(&path),
                false => Ok(()),
            }
        }
        Mark::Write(outcome) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let text = serde_json::to_string_pretty(outcome)?;
            host::files::write(&path, format!("{text}\n").as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn failed() -> Result<Done, Error> {
        Err(Error::Step {
            step: "contract".to_owned(),
            detail: "module:vermagic: expected a\nand more".to_owned(),
        })
    }

    #[test]
    fn a_failure_is_kept_until_its_task_succeeds() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let root = dir.path();
        let run = || Some("7/1/build".to_owned());
        let end = |task: &str, ended: &Result<Done, Error>| {
            let told = Notes {
                why: Some("told".to_owned()),
                ..Notes::default()
            };
            let ended = ended.as_ref().map(|done| *done);
            let ended = ended.map_err(|error| error as &dyn Failure);
            keep(root, &mark(task, ended, &told, run())).unwrap();
            read(root, run().as_deref())
        };
        assert_eq!(end("build", &Ok(Done::Success)), None);
        let kept = end("build", &failed()).unwrap();
        assert_eq!((kept.exit_code, kept.cause), (1, Cause::Contract));
        assert_eq!(kept.message, "contract: module:vermagic: expected a");
        // The alarm itself is not about it, nor who only tells.
        assert_eq!(end("alarm", &failed()), Some(kept.clone()));
        assert_eq!(end("status", &Ok(Done::Success)), Some(kept.clone()));
        assert_eq!(
            end("build", &Err(host::Error::Interrupted.into())),
            Some(kept)
        );
        // Another run's, which a cache may have brought back, is nobody's.
        assert_eq!(read(root, Some("7/2/build")), None);
        assert_eq!(read(root, None), None);
        // The job went on, so it was not that.
        assert_eq!(end("verify", &Ok(Done::Success)), None);
        let kept = end("resolve", &Ok(Done::NotYet)).unwrap();
        assert_eq!((kept.exit_code, kept.cause), (10, Cause::Skew));
        assert_eq!(kept.message, "told");
        // That nothing can be built is no failure that a job goes on after.
        assert_eq!(end("verify", &Ok(Done::Success)), Some(kept));
        assert_eq!(end("resolve", &Ok(Done::Success)), None);
        let told = Notes {
            not_yet: true,
            ..Notes::default()
        };
        let Mark::Write(kept) = mark("resolve", Ok(Done::Success), &told, None) else {
            panic!("an answer, and worth a note");
        };
        assert!(kept.is_not_yet() && kept.exit_code == 0);
        std::fs::write(root.join(FILE), "{").unwrap();
        assert_eq!(end("resolve", &Ok(Done::Success)), None);
    }
}

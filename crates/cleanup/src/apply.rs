//! Performs a plan, one version after the other. It decides only whether a version
//! is still the one that was planned.

use host::report::{Progress, Report};
use remote::Deletion;
use retention::{Deleted, Timestamp, Version};
use serde::Serialize;

use crate::error::Error;
use crate::log::Writer;
use crate::plan::{Effect, Planned};
use crate::source::Source;

/// What came of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// It was only written down.
    Shown,
    /// The version is deleted.
    Done,
    /// It was gone already.
    Gone,
    /// The version stays, and that is no failure: why.
    Stays(String),
    /// The version should have been deleted and was not: why.
    Failed(String),
    /// The version is gone: the registry confirms it.
    Hidden,
}

/// Where effects go.
pub trait Sink {
    /// Performs one effect, or writes it down.
    ///
    /// # Errors
    /// Whatever makes it pointless to go on.
    fn perform(&mut self, effect: &Effect) -> Result<Performed, Error>;
}

/// A sink that only prints.
pub struct Dry<'a>(pub &'a Report);

impl Sink for Dry<'_> {
    fn perform(&mut self, effect: &Effect) -> Result<Performed, Error> {
        self.0.planned(&effect.to_string());
        Ok(Performed::Shown)
    }
}

/// The world.
pub struct Live<'a> {
    /// The package.
    pub source: &'a Source<'a>,
    /// For progress lines on standard error.
    pub report: &'a Report,
    /// What is deleted is written there first.
    pub log: &'a mut Writer,
    /// The clock.
    pub now: fn() -> Result<Timestamp, Error>,
    /// How far it is.
    pub progress: Progress<'a>,
}

impl Sink for Live<'_> {
    fn perform(&mut self, effect: &Effect) -> Result<Performed, Error> {
        if host::process::interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        self.progress.clear();
        self.report.planned(&effect.to_string());
        self.progress.draw();
        let performed = self.delete(effect);
        self.progress.step();
        performed
    }
}

impl Live<'_> {
    fn delete(&mut self, effect: &Effect) -> Result<Performed, Error> {
        let Effect::Delete { version, .. } = effect else {
            return Ok(Performed::Stays("it is not to be deleted".to_owned()));
        };
        match self.source.read_again(version) {
            Ok(Some(now)) if version.unchanged(&now) => {}
            Ok(Some(now)) => return Ok(Performed::Stays(changed(&now))),
            Ok(None) => return Ok(Performed::Gone),
            Err(error) => return failed(error),
        }
        self.log.about_to(Deleted::new(version, (self.now)()?))?;
        match self.source.delete(version) {
            Ok(Deletion::Done) => return Ok(Performed::Done),
            Ok(Deletion::Never(why)) => {
                self.log.take_back()?;
                return Ok(Performed::Stays(format!("it cannot be deleted: {why}")));
            }
            Ok(Deletion::Gone) => self.log.take_back()?,
            Err(error) => {
                let performed = failed(error);
                // Where access is denied, nothing was deleted. After any other error the
                // version may have been deleted, so it stays in the log.
                if performed.as_ref().is_err_and(Error::is_no_answer) {
                    self.log.take_back()?;
                }
                return performed;
            }
        }
        // GitHub says 404 too where the token may not delete.
        match self.source.read_again(version) {
            Ok(Some(_)) => Ok(Performed::Hidden),
            Ok(None) => Ok(Performed::Gone),
            Err(error) => failed(error),
        }
    }
}

fn changed(now: &Version) -> String {
    let tags: Vec<&str> = now.known_tags().iter().map(|tag| tag.as_str()).collect();
    match tags.as_slice() {
        [] => "its tags have changed since the plan was made: it has none now".to_owned(),
        _ => format!(
            "its tags have changed since the plan was made: now {}",
            tags.join(", ")
        ),
    }
}

/// Whether an error concerns this version alone, or every further request (no
/// access, no connection).
fn failed(error: Error) -> Result<Performed, Error> {
    use registry_compat::Trouble as T;
    match error {
        Error::Unknown(why) => match why.trouble {
            T::ServerError | T::Unreachable | T::Garbled => Ok(Performed::Failed(why.detail)),
            T::Denied | T::RateLimited | T::Configuration => Err(Error::Unknown(why)),
        },
        other => Err(other),
    }
}

/// How a run over one package ended.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Versions that were deleted.
    pub deleted: usize,
    /// Versions that were gone already.
    pub gone: usize,
    /// Versions that stay after all, each with the reason.
    pub stays: Vec<Stayed>,
    /// Versions that should have gone and did not, each with the reason.
    pub failed: Vec<Stayed>,
    /// Versions that stay because one of these needs them.
    pub spared: usize,
    /// Versions that were not come to.
    pub left: usize,
    /// Why the run ended before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What stopped it, for the exit code.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// A version that did not go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stayed {
    /// Its digest.
    pub version: String,
    /// Why.
    pub why: String,
}

/// So many failures one after the other, and the rest is not tried.
const MOST_FAILURES: usize = 3;

/// Said where every delete is answered by 404 for what is there.
pub const NOT_ALLOWED: &str = "every delete was answered by 404 for a version that is there: the \
     token may not delete; it needs delete:packages, or in GitHub Actions `packages: write` and the \
     role Admin under the package's settings, Manage Actions access";

/// Performs the whole plan of a package. Whatever stops it on the way, what
/// is needed by something that stays has not been touched.
pub fn apply(planned: &Planned, sink: &mut dyn Sink) -> Outcome {
    let mut outcome = Outcome::default();
    let (Some(plan), None) = (&planned.plan, &planned.refusal) else {
        return outcome;
    };
    let mut run = plan.run();
    let (mut in_a_row, mut hidden) = (0, 0);
    while let Some(place) = run.next() {
        let effect = planned.effect(place);
        let stayed = |why: String| Stayed {
            version: planned.inventory.versions[place].name.to_string(),
            why,
        };
        match sink.perform(&effect) {
            Ok(Performed::Shown) => continue,
            Ok(Performed::Done) => {
                outcome.deleted += 1;
                in_a_row = 0;
                continue;
            }
            Ok(Performed::Gone) => {
                outcome.gone += 1;
                continue;
            }
            Ok(Performed::Stays(why)) => outcome.stays.push(stayed(why)),
            Ok(Performed::Failed(why)) => {
                outcome.failed.push(stayed(why));
                in_a_row += 1;
            }
            Ok(Performed::Hidden) => {
                let why = "the registry says 404 to its delete, and shows it";
                outcome.failed.push(stayed(why.to_owned()));
                in_a_row += 1;
                hidden += 1;
            }
            Err(error) => {
                // It counts as not come to, unless it is known to have failed.
                outcome.left = run.left() + 1;
                outcome.stopped = Some(error.to_string());
                outcome.error = Some(error);
                break;
            }
        }
        run.stays();
        if in_a_row >= MOST_FAILURES {
            outcome.left = run.left();
            let why = format!("{MOST_FAILURES} failures one after the other");
            outcome.stopped = Some(why);
            break;
        }
    }
    if hidden > 0 && outcome.deleted == 0 {
        outcome.stopped = Some(NOT_ALLOWED.to_owned());
    }
    let reported = outcome.stays.len() + outcome.failed.len();
    outcome.spared = run.spared().count().saturating_sub(reported);
    outcome
}

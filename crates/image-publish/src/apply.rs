//! Performs plans: the only writer. It decides nothing; a step that needs a
//! condition belongs in the plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::env::Stopwatch;
use host::process;
use host::process::{Capture, Invocation};
use host::report::Report;
use image_build::contract;
use image_build::contract::Check;
use image_build::engine::in_run;
use registry_compat::{Answer, Digest};
use remote::Registries;
use serde::Serialize;
use signatures::signing::PrivateKey;
use version_discovery::Arch;
use xshell::Shell;

use crate::error::Error;
use crate::filled;
use crate::history::History;
use crate::plan::{Effect, Plan, Step};

/// Where effects go.
pub trait Sink {
    /// Performs one effect, or writes it down.
    ///
    /// # Errors
    /// Whatever keeps it from being performed.
    fn perform(&mut self, effect: &Effect) -> Result<(), Error>;

    /// Told how long a step took, before the next one begins.
    fn took(&mut self, _: &Timing) {}

    /// Takes note of the step that failed.
    fn failed(&mut self, _step: &str) {}
}

/// A sink that only prints, which is all of a dry run.
pub struct Dry<'a>(pub &'a Report);

impl Sink for Dry<'_> {
    fn perform(&mut self, effect: &Effect) -> Result<(), Error> {
        self.0.answer(&effect.to_string());
        Ok(())
    }
}

/// The world.
pub struct Live<'a> {
    pub(crate) sh: Shell,
    pub(crate) registries: &'a Registries,
    pub(crate) report: &'a Report,
    /// This machine's architecture.
    pub arch: Arch,
    /// Tells this run from all others.
    run: String,
    /// The key that signs, once it is opened.
    pub(crate) key: Option<PrivateKey>,
    /// What `PUSHED` stands for, once it is known.
    pub pushed: Option<Digest>,
    /// Size of the pushed image's compressed layers, in bytes.
    pub size: Option<u64>,
    /// The checks of the last contract.
    pub checks: Vec<Check>,
    /// What the tags that hosts follow named when the run began.
    pub followed: BTreeMap<String, Option<Digest>>,
    /// How long the steps took that are done.
    pub(crate) timings: Vec<Timing>,
    /// The history, once this publication is in it.
    pub history: Option<History>,
    quiet: bool,
}

impl<'a> Live<'a> {
    /// A sink that performs, with paths relative to the checkout.
    ///
    /// # Errors
    /// If the checkout is gone.
    pub fn new(
        root: &Path,
        registries: &'a Registries,
        report: &'a Report,
        arch: Arch,
    ) -> Result<Self, Error> {
        Ok(Self {
            sh: shell(root)?,
            registries,
            report,
            arch,
            run: host::env::run_id(),
            key: None,
            pushed: None,
            size: None,
            checks: Vec::new(),
            followed: BTreeMap::new(),
            timings: Vec::new(),
            history: None,
            quiet: false,
        })
    }

    /// Effects and checks are not printed: the task has an answer of its own.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self {
            quiet: true,
            ..self
        }
    }

    /// The checkout.
    pub(crate) fn root(&self) -> PathBuf {
        self.sh.current_dir()
    }

    /// A call with all in it that no plan knows.
    pub(crate) fn filled(&self, call: &Invocation) -> Invocation {
        in_run(&filled(call, self.pushed.as_ref()), &self.run)
    }

    pub(crate) fn pushed(&self) -> Result<&Digest, Error> {
        self.pushed
            .as_ref()
            .ok_or_else(|| step("promote", "nothing was read back"))
    }

    fn read_back(&mut self, effect: &Effect) -> Result<(), Error> {
        let Effect::ReadBack {
            candidate,
            local,
            engine,
        } = effect
        else {
            return Ok(());
        };
        let id = process::read(&self.sh, &engine.image_id(&local.to_string()))?;
        let id = id.trim().trim_start_matches("sha256:");
        let there = match self.registries.inspect(candidate, self.arch) {
            Answer::Present(found) => found,
            Answer::Absent => {
                return Err(step(
                    "read back",
                    &format!("{candidate} is not there after the push"),
                ));
            }
            Answer::Unknown(why) => return Err(Error::Unknown(why)),
        };
        // Podman and buildah name an image by its config, docker with
        // containerd's store by its manifest.
        let names = [&there.config, &there.manifest, &there.digest];
        if names.iter().all(|name| name.hex() != id) {
            return Err(step(
                "read back",
                &format!(
                    "{candidate} is another image than the one built here \
                     (config {}, built {id}): does another run publish at the same time?",
                    there.config.hex()
                ),
            ));
        }
        self.report.status(
            "Pushed",
            &format!("{}@{}", candidate.repository(), there.digest),
        );
        self.size = Some(there.size);
        self.pushed = Some(there.digest);
        Ok(())
    }
}

impl Sink for Live<'_> {
    fn took(&mut self, timing: &Timing) {
        self.timings.push(timing.clone());
    }

    fn failed(&mut self, step: &str) {
        self.report.failed_step(step);
    }

    fn perform(&mut self, effect: &Effect) -> Result<(), Error> {
        if process::interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        if !self.quiet {
            self.report.answer(&effect.to_string());
        }
        let report = self.report;
        let mut show = |line: &str| report.foreign(line);
        match effect {
            Effect::Run(call) => {
                let call = self.filled(call);
                process::run(&self.sh, &call, Capture::Show, &mut show)?;
            }
            Effect::Reach(invocation) => image_build::transfer::transfer(
                &self.sh,
                self.registries.agent().retries(),
                report,
                &self.filled(invocation),
            )?,
            Effect::Remove(call) => {
                let call = self.filled(call);
                if let Err(error) = process::run(&self.sh, &call, Capture::Show, &mut show) {
                    report.warning(&format!("it stays behind: {error}"));
                }
            }
            Effect::Contract(call) => {
                let call = self.filled(call);
                let done = process::run(&self.sh, &call, Capture::StdoutAnyStatus, &mut show)?;
                let checks = contract::parse(&done.stdout)?;
                if !self.quiet {
                    for line in host::report::columns(&contract::rows(&checks)) {
                        report.note(&line);
                    }
                }
                self.checks = checks;
                if let Some(failures) = contract::failures(&self.checks) {
                    return Err(step("contract", &failures));
                }
                if !done.success {
                    return Err(step(
                        "contract",
                        "every check holds, but its exit status is not 0",
                    ));
                }
            }
            Effect::ReadBack { .. } => self.read_back(effect)?,
            Effect::Act(act) => crate::perform(self, act)?,
            Effect::Promote { candidate, tag } => {
                let pushed = self.pushed()?.clone();
                let image = candidate.repository().tagged(tag.clone());
                crate::still_so(self, &image, &pushed)?;
                self.registries
                    .retag(&candidate.repository().at(pushed), tag)?;
            }
            Effect::Confirm { image } => match self.registries.digest(image) {
                Answer::Present(found) if found == *self.pushed()? => {
                    report.status("Promoted", &format!("{image} is {found}"));
                }
                Answer::Present(found) => {
                    // Not a fight: whoever moves last wins, and both would try.
                    return Err(Error::Refused(format!(
                        "{image} names {found} right after it was moved to {}: somebody else \
                         moved it, and it stays so. `cargo xtask verify {image}` says what it \
                         is; `cargo xtask promote {}@{}` moves it",
                        self.pushed()?,
                        image.repository(),
                        self.pushed()?
                    )));
                }
                Answer::Absent => return Err(step("promote", &format!("{image} is not there"))),
                Answer::Unknown(why) => return Err(Error::Unknown(why)),
            },
        }
        Ok(())
    }
}

fn step(name: &str, detail: &str) -> Error {
    Error::Step {
        step: name.to_owned(),
        detail: detail.to_owned(),
    }
}

/// A shell in the checkout.
///
/// # Errors
/// If the checkout is gone.
pub fn shell(root: &Path) -> Result<Shell, Error> {
    let sh = Shell::new().map_err(|error| host::Error::Program {
        program: "shell".to_owned(),
        detail: error.to_string(),
    })?;
    sh.change_dir(root);
    Ok(sh)
}

/// How long a step took.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The step's name.
    pub step: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// Performs a whole plan. The first failure ends it; clean-ups run all the
/// same, and the first error is the one that is told.
///
/// # Errors
/// The first error of any step.
pub fn apply(plan: &Plan, sink: &mut dyn Sink, timings: &mut Vec<Timing>) -> Result<(), Error> {
    process::minding(|| perform_all(plan, sink, timings))
}

fn perform_all(plan: &Plan, sink: &mut dyn Sink, timings: &mut Vec<Timing>) -> Result<(), Error> {
    let mut outcome = Ok(());
    let mut at_end = Vec::new();
    for step in &plan.steps {
        let watch = Stopwatch::start();
        outcome = perform_step(step, sink);
        let timing = Timing {
            step: step.name,
            seconds: watch.elapsed().max(Duration::ZERO).as_secs_f64(),
        };
        sink.took(&timing);
        timings.push(timing);
        if outcome.is_err() {
            sink.failed(step.name);
            break;
        }
        at_end.push(&step.at_end);
    }
    for effects in at_end.into_iter().rev() {
        outcome = cleanup(effects, sink, outcome);
    }
    cleanup(&plan.cleanup, sink, outcome)
}

fn perform_step(step: &Step, sink: &mut dyn Sink) -> Result<(), Error> {
    let outcome = step
        .effects
        .iter()
        .try_for_each(|effect| sink.perform(effect));
    cleanup(&step.cleanup, sink, outcome)
}

fn cleanup(
    effects: &[Effect],
    sink: &mut dyn Sink,
    mut outcome: Result<(), Error>,
) -> Result<(), Error> {
    for effect in effects {
        let tidied = process::tidying(|| sink.perform(effect));
        outcome = outcome.and(tidied);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_build::testing;

    use crate::plan::{Goal, plan};

    /// Fails at the nth effect.
    struct Failing {
        at: usize,
        seen: Vec<String>,
    }

    impl Sink for Failing {
        fn perform(&mut self, effect: &Effect) -> Result<(), Error> {
            self.seen.push(effect.to_string());
            if self.seen.len() == self.at {
                return Err(step("test", "planted"));
            }
            Ok(())
        }
    }

    #[test]
    fn whatever_fails_no_tag_moves_before_the_image_is_read_back() {
        let (config, lock, local) = testing::locked();
        let plan = plan(Goal::Publish, &config, &lock, &local).unwrap();
        let total = plan.effects().count();
        let lines: Vec<String> = plan.effects().map(ToString::to_string).collect();
        let first = |verb: &str| lines.iter().position(|l| l.starts_with(verb)).unwrap();
        let pulled = first("reach    podman pull ghcr.io/someone/") + 1;
        for at in 1..=total {
            let mut sink = Failing {
                at,
                seen: Vec::new(),
            };
            apply(&plan, &mut sink, &mut Vec::new()).unwrap_err();
            let after: Vec<&String> = sink.seen.iter().skip(at).collect();
            let removed = at > pulled && at < total;
            assert_eq!(after.len(), usize::from(removed), "{at}: {after:?}");
            assert!(after.iter().all(|line| line.starts_with("remove ")));
        }
        assert!(first("check") < first("reach    podman push"));
        assert!(first("read") < first("take"));
        assert!(first("take") < pulled && pulled < first("name"));
        assert!(first("name") < first("promote"));
    }

    #[test]
    fn a_test_build_is_removed_whatever_came_of_it() {
        let (config, lock, local) = testing::locked();
        let plan = plan(Goal::TestBuild, &config, &lock, &local).unwrap();
        for at in 1..=2 {
            let mut sink = Failing {
                at,
                seen: Vec::new(),
            };
            apply(&plan, &mut sink, &mut Vec::new()).unwrap_err();
            let last = sink.seen.last().unwrap();
            assert_eq!(last, "run      podman rmi localhost/custom-coreos:test");
        }
    }
}

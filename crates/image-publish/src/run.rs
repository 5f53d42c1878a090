//! Performs steps; nothing else in this crate changes anything. It makes no decisions:
//! a condition for a step belongs in the plan.
//!
//! [`Run`] has what every effect may use, but no results of effects: those are passed
//! from step to step as separate values (`Built`, `Pushed`, `Tried`, `Signed`,
//! `Proven`, `Promoted`), which only the step before can make.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::env::{Env, Stopwatch};
use host::process;
use host::process::{Capture, Finished, Invocation};
use host::report::{Level, Report};
use image_build::engine::{LAYERS_FOLDER, in_run};
use image_build::lock::LOCK_LABEL;
use image_build::transfer::transfer;
use registry_compat::Digest;
use remote::Registries;
use serde::Serialize;
use version_discovery::Arch;
use xshell::Shell;

use crate::effect::{Effect, PUSHED};
use crate::error::Error;
use crate::step::{Step, Steps};

/// How long a step took.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The step's name.
    pub step: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// A run that performs effects.
pub struct Run<'a> {
    /// In the checkout.
    pub sh: Shell,
    /// The registries.
    pub registries: &'a Registries,
    /// For what is told.
    pub report: &'a Report,
    /// This machine's architecture.
    pub arch: Arch,
    /// Where programs are found, for a run that may boot the image that it publishes.
    pub(crate) env: Option<&'a Env>,
    /// An id that no other run has.
    id: String,
    timings: RefCell<Vec<Timing>>,
    quiet: bool,
}

impl<'a> Run<'a> {
    /// A run with paths relative to the checkout.
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
            sh: process::shell(root)?,
            registries,
            report,
            arch,
            env: None,
            id: host::env::run_id(),
            timings: RefCell::default(),
            quiet: false,
        })
    }

    /// A run that may boot the image that it publishes.
    #[must_use]
    pub fn on(self, env: &'a Env) -> Self {
        Self {
            env: Some(env),
            ..self
        }
    }

    /// Effects and checks are not printed: the task prints its own result.
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

    /// Where results of earlier runs are kept, if this machine has such a place.
    pub(crate) fn cache_dir(&self) -> Option<&Path> {
        self.env?.cache.as_deref()
    }

    /// Whether effects and checks are printed.
    pub(crate) fn prints(&self) -> bool {
        !self.quiet
    }

    /// The durations of the finished steps.
    pub fn timings(&self) -> Vec<Timing> {
        self.timings.borrow().clone()
    }

    /// A command with its placeholders replaced: the digest that was pushed, and this
    /// run's own container name.
    pub(crate) fn filled(&self, call: &Invocation, pushed: Option<&Digest>) -> Invocation {
        in_run(&filled(call, pushed), &self.id)
    }

    /// A text with this run's own name in place of the placeholder.
    fn own(&self, text: &str) -> String {
        text.replace("-RUN", &format!("-{}", self.id))
    }

    /// The folder that this run splits an image in.
    pub(crate) fn layers_folder(&self) -> PathBuf {
        self.root().join(self.own(LAYERS_FOLDER))
    }

    /// Runs a program and keeps its standard output.
    ///
    /// # Errors
    /// If it cannot be started, or fails.
    pub fn output(
        &self,
        call: &Invocation,
        pushed: Option<&Digest>,
        capture: Capture,
    ) -> Result<Finished, Error> {
        let mut show = |line: &str| self.report.foreign(line);
        let call = self.filled(call, pushed);
        Ok(process::run(&self.sh, &call, capture, &mut show)?)
    }

    /// Whether a program succeeds. Nothing that it says is shown: "no" is an answer.
    pub(crate) fn asks(&self, call: &Invocation) -> Result<bool, Error> {
        let done = process::run(&self.sh, call, Capture::StdoutAnyStatus, &mut |_| {})?;
        Ok(done.success)
    }

    /// Runs a program that transfers over the network, and repeats it after a temporary
    /// failure.
    ///
    /// # Errors
    /// If it fails for good.
    pub fn transfer(&self, call: &Invocation) -> Result<(), Error> {
        let retries = self.registries.agent().retries();
        Ok(transfer(&self.sh, retries, self.report, call)?)
    }

    /// Performs a step. Programs are run here; every other effect is handed to
    /// `perform`, which has the values that the step needs and returns its result.
    pub(crate) fn step(
        &self,
        step: &Step,
        pushed: Option<&Digest>,
        mut perform: impl FnMut(&Effect) -> Result<(), Error>,
    ) -> Result<(), Error> {
        process::minding(|| {
            let watch = Stopwatch::start();
            let outcome = step
                .effects
                .iter()
                .try_for_each(|effect| self.effect(effect, pushed, &mut perform));
            let outcome = self.clean_up(&step.cleanup, pushed, outcome);
            self.timings.borrow_mut().push(Timing {
                step: step.name,
                seconds: watch.elapsed().max(Duration::ZERO).as_secs_f64(),
            });
            if outcome.is_err() {
                self.report.failed_step(step.name);
            }
            outcome
        })
    }

    /// Performs steps that only run programs.
    ///
    /// # Errors
    /// The first error of any step; nothing is performed after it.
    pub fn programs(&self, steps: &[Step]) -> Result<(), Error> {
        let outcome = steps
            .iter()
            .try_for_each(|step| self.step(step, None, |effect| Err(misplaced(step.name, effect))));
        let done = steps.iter().rev().flat_map(|step| &step.at_end);
        self.clean_up(done, None, outcome)
    }

    fn effect(
        &self,
        effect: &Effect,
        pushed: Option<&Digest>,
        perform: &mut impl FnMut(&Effect) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if process::interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        self.report.forget();
        if self.prints() {
            let line = effect.to_string();
            self.report.planned(&match self.report.level() {
                Level::Verbose => line,
                Level::Normal | Level::Quiet => shortened(&line),
            });
        }
        match effect {
            Effect::Run(call) => self.output(call, pushed, Capture::Show).map(drop),
            Effect::Transfer(call) => self.transfer(&self.filled(call, pushed)),
            Effect::Remove { there, remove } => {
                if self.asks(&self.filled(there, pushed))?
                    && let Err(error) = self.output(remove, pushed, Capture::Show)
                {
                    self.report.warning(&format!("it stays behind: {error}"));
                }
                Ok(())
            }
            Effect::MakeLayers => {
                let path = self.layers_folder();
                let made = std::fs::create_dir_all(&path);
                Ok(made.map_err(|source| host::Error::File {
                    verb: "create",
                    path,
                    source,
                })?)
            }
            Effect::ClearLayers => {
                let folder = self.layers_folder();
                match std::fs::remove_dir_all(&folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        let folder = folder.display();
                        self.report
                            .warning(&format!("{folder} stays behind: {error}"));
                    }
                    _ => {}
                }
                Ok(())
            }
            other => perform(other),
        }
    }

    /// Performs the clean-up, which has to run after failures and Ctrl-C too. The first
    /// error is the one that is reported.
    pub(crate) fn clean_up<'e, T>(
        &self,
        effects: impl IntoIterator<Item = &'e Effect>,
        pushed: Option<&Digest>,
        mut outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        for effect in effects {
            let tidied = process::tidying(|| {
                let nothing = &mut |other: &Effect| Err(misplaced("clean-up", other));
                self.effect(effect, pushed, nothing)
            });
            outcome = outcome.and_then(|value| tidied.map(|()| value));
        }
        outcome
    }
}

/// The line of an effect as a run prints it: the lock, which is thousands of characters
/// long, is replaced by a short name. A dry run and `-v` show it whole.
fn shortened(line: &str) -> String {
    let mark = format!("{LOCK_LABEL}=");
    let Some(at) = line.find(&mark) else {
        return line.to_owned();
    };
    let (before, rest) = line.split_at(at + mark.len());
    // The argument may be in shell quotes, so a `}` with a closing quote is looked for
    // first.
    let end = rest.find("}' ").or_else(|| rest.find("} "));
    match end {
        Some(end) => format!("{before}…{}", &rest[end + 1..]),
        None => line.to_owned(),
    }
}

/// Prints the effects of a plan, which is all of a dry run.
pub fn show(plan: &(impl Steps + ?Sized), report: &Report) {
    for line in plan.lines() {
        report.planned(&line);
    }
}

/// A command with the digest in place of `PUSHED`, once it is known.
pub fn filled(call: &Invocation, pushed: Option<&Digest>) -> Invocation {
    let mut call = call.clone();
    let place = format!("@{PUSHED}");
    if let Some(digest) = pushed {
        for arg in &mut call.args {
            if let Some(name) = arg.strip_suffix(&place) {
                *arg = format!("{name}@{digest}");
            }
        }
    }
    call
}

/// An error of a step of a plan.
pub(crate) fn failed(step: &str, detail: impl Into<String>) -> Error {
    Error::Step {
        step: step.to_owned(),
        detail: detail.into(),
    }
}

/// The error for an effect in a step that cannot perform this kind: a bug in this
/// program, which the tests of the plans would find.
pub(crate) fn misplaced(step: &str, effect: &Effect) -> Error {
    failed(step, format!("no effect of this step: {effect}"))
}

#[cfg(test)]
mod tests {
    use image_build::testing;

    use super::*;
    use crate::plan::{Goal, plan};

    #[test]
    fn no_tag_moves_before_the_image_is_read_back_and_tried() {
        let (config, lock, local) = testing::locked();
        let lines = plan(Goal::Publish, &config, &lock, &local).unwrap().lines();
        let first = |verb: &str| lines.iter().position(|l| l.starts_with(verb)).unwrap();
        let pulled = first("transfer podman pull ghcr.io/someone/");
        assert!(first("check") < first("transfer podman push"));
        assert!(first("read") < first("take"));
        assert!(first("take") < pulled && pulled < first("name"));
        assert!(first("name") < first("promote"));
        // Whatever fails in between, the pulled image is removed at the end.
        assert!(lines.last().unwrap().starts_with("remove "), "{lines:?}");
    }

    #[test]
    fn a_test_build_is_removed_at_the_end() {
        let (config, lock, local) = testing::locked();
        let lines = plan(Goal::TestBuild, &config, &lock, &local)
            .unwrap()
            .lines();
        let last = lines.last().unwrap();
        assert_eq!(last, "run      podman rmi localhost/custom-coreos:test");
    }

    /// Steps of real programs, each of which may fail: what follows a failure is
    /// not performed, what cleans up is, and the first error is told.
    #[test]
    fn whatever_fails_what_cleans_up_is_performed() {
        let report = Report::capturing(false);
        let registries = Registries::new(
            remote::Agent::new(remote::Limits::default()),
            remote::RegistriesConf::default(),
            remote::AuthFiles::default(),
            Box::new(|_, _| Ok(None)),
            remote::Limits::default(),
        )
        .unwrap();
        let sh = Shell::new().unwrap();
        let call = |program: &str, name: &str| Effect::Run(Invocation::new(program, [name]));
        for fails in 0..3 {
            let dir = sh.create_temp_dir().unwrap();
            let run = Run::new(dir.path(), &registries, &report, Arch::X86_64).unwrap();
            let exists = |name: &str| dir.path().join(name).exists();
            let effect = |at: usize, name: &str| match at == fails {
                true => call("false", "x"),
                false => call("touch", name),
            };
            let mut first = Step::new("first", [effect(0, "a"), effect(1, "b")]);
            first.cleanup = vec![call("touch", "cleaned")];
            first.at_end = vec![call("touch", "ended")];
            let second = Step::new("second", [effect(2, "c")]);
            let steps = [first, second];
            let outcome = steps
                .iter()
                .try_for_each(|step| run.step(step, None, |e| Err(misplaced("x", e))));
            let error = run
                .clean_up([&call("touch", "tidy"), &call("false", "y")], None, outcome)
                .unwrap_err();
            assert!(error.to_string().contains("`false x`"), "{error}");
            assert_eq!(
                [exists("a"), exists("b"), exists("c")],
                [fails > 0, fails > 1, false]
            );
            assert!(exists("cleaned") && exists("tidy"));
            assert_eq!(run.timings().len(), if fails < 2 { 1 } else { 2 });
        }
    }

    #[test]
    fn the_lock_is_shortened_in_what_a_run_prints() {
        let line =
            "run      podman build '--label=custom-coreos.lock={\"a\":{\"b\":1}}' --label=x=y";
        let short = "run      podman build '--label=custom-coreos.lock=…' --label=x=y";
        assert_eq!(shortened(line), short);
        assert_eq!(shortened("push     x"), "push     x");
    }
}

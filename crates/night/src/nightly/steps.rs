//! One line of a night, typed as a program of its own.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use host::process::{Invocation, interrupted};
use host::{env, process};
use image_build::engine::Engine;
use image_build::gather::World;
use version_discovery::Arch;

use crate::error::Error;
use crate::lines;
use crate::nightly::state::Ended;

/// Options of a line that a night takes over from its own.
const KEPT: [&str; 2] = ["--config", "--image"];

/// How a night is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The engine; else the first that is installed.
    pub engine: Option<Engine>,
    /// Build though nothing changed, and why.
    pub force: Option<String>,
    /// Only print the lines.
    pub dry_run: bool,
}

/// Where the lines are typed.
pub struct Night<'a> {
    /// Who asks.
    pub world: &'a World<'a>,
    /// What outlives the night.
    pub folder: &'a Path,
    /// Of the image.
    pub arch: Arch,
    /// `image.yaml` has several images.
    pub named: bool,
    options: &'a Options,
    /// Failures are not told to the alarm.
    kept_failures: Cell<bool>,
    run: u64,
    /// By the name of the option.
    kept: Vec<(&'static str, Vec<String>)>,
}

/// What a line came to.
#[derive(Debug)]
pub struct Told {
    /// Its exit code; 130 where a signal ended it.
    pub code: u8,
    outputs: String,
}

impl Told {
    /// One of its outputs.
    pub fn value(&self, name: &str) -> Option<&str> {
        forge::ci::value_of(&self.outputs, name)
    }
}

/// Whether a night on one's own machine types a line of the workflows: not what is
/// shown to a person, nor what changes the machine.
pub fn is_nights(line: &str) -> bool {
    ![lines::SHOW, lines::MACHINE].contains(&line)
}

impl<'a> Night<'a> {
    /// For this image, in its folder.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn new(
        world: &'a World<'a>,
        options: &'a Options,
        folder: &'a Path,
        (run, named): (u64, bool),
    ) -> Result<Self, Error> {
        Ok(Self {
            world,
            folder,
            arch: world.first_arch()?,
            options,
            kept_failures: Cell::new(false),
            named,
            run,
            kept: kept(&env::arguments()),
        })
    }

    /// The lock of this night.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock.json")
    }

    /// Why it is built though nothing changed.
    pub fn force(&self) -> &str {
        self.options.force.as_deref().unwrap_or("no")
    }

    /// From now on failures are kept from the alarm, or told.
    pub fn keep_failures(&self, kept: bool) {
        self.kept_failures.set(kept);
    }

    /// The engine that was asked for.
    pub fn engine(&self) -> Option<Engine> {
        self.options.engine
    }

    /// How a line ended that failed.
    pub fn failed(&self, stage: &str, told: &Told) -> Ended {
        Ended::Failed {
            stage: stage.to_owned(),
            exit_code: told.code,
        }
    }

    /// Types a line of a job, and waits for its end.
    ///
    /// # Errors
    /// If it could not be started, or the person wants to stop.
    pub fn line(&self, job: &str, line: &str, values: &[(&str, &str)]) -> Result<Told, Error> {
        let missing = |name| Error::Usage(format!("{line}: `{name}` has no value"));
        let mut words = lines::words(line, values).map_err(missing)?;
        let lock = self.lock().display().to_string();
        for word in &mut words {
            match word.as_str() {
                "lock.json" => word.clone_from(&lock),
                "pushed" => *word = self.folder.join("pushed").display().to_string(),
                _ => {}
            }
        }
        if let Some(engine) = self.options.engine
            && [lines::KMODS, lines::PUSH, lines::PUBLISH].contains(&line)
        {
            words.push(format!("--engine={engine}"));
        }
        // A line that is about one image has its own.
        let one = words.iter().any(|word| word == "--image");
        words.extend(self.kept(one));
        self.typed(job, &words)
    }

    /// The alarm after a job.
    ///
    /// # Errors
    /// As [`Night::line`]; that the alarm could not be kept is a warning.
    pub fn alarm(&self, job: &str, image: Option<&str>, told: &Told) -> Result<(), Error> {
        if told.code != 0 && self.kept_failures.get() && !interrupted() {
            return Ok(());
        }
        let status = match told.code {
            0 => "success",
            _ if interrupted() => "cancelled",
            _ => "failure",
        };
        let words = ["alarm", "--job", job, "--status", status].map(str::to_owned);
        let of_image = image.map(|image| ["--image".to_owned(), image.to_owned()]);
        let mut words: Vec<String> = words.into_iter().collect();
        words.extend(of_image.into_iter().flatten());
        words.extend(self.kept(image.is_some()));
        let told = self.typed(job, &words)?;
        if told.code != 0 {
            self.world.report.warning(&format!(
                "the alarm could not be kept: exit code {}",
                told.code
            ));
        }
        Ok(())
    }

    /// What is handed on to a line; without the images, where it is about one.
    fn kept(&self, one: bool) -> Vec<String> {
        let of = |(name, words): &(&str, Vec<String>)| match one && *name == "--image" {
            true => Vec::new(),
            false => words.clone(),
        };
        self.kept.iter().flat_map(of).collect()
    }

    fn typed(&self, job: &str, words: &[String]) -> Result<Told, Error> {
        let report = self.world.report;
        let line = Invocation::new("cargo xtask", words.iter().cloned());
        report.status("Typing", &line.to_string());
        let outputs = self.folder.join("outputs");
        host::files::write(&outputs, b"").map_err(|source| host::Error::File {
            verb: "write",
            path: outputs.clone(),
            source,
        })?;
        let sh = process::shell(&self.world.env.root)?;
        let place = outputs.display().to_string();
        // The alarm and what it is about are of one job.
        for (name, value) in forge::local::variables(self.run, job_of(job), &place, "") {
            sh.set_var(name, value);
        }
        let exe = self.world.env.exe.display().to_string();
        // Killed, a night takes its line along: the next one must not meet it.
        let invocation = match self.world.env.program("setpriv") {
            Some(_) => {
                let before = ["--pdeathsig", "KILL", "--", exe.as_str()].map(str::to_owned);
                Invocation::new("setpriv", before.into_iter().chain(words.iter().cloned()))
            }
            None => Invocation::new(&exe, words.iter().cloned()),
        };
        let code = process::status(&sh, &invocation, &mut |line| report.note(line))?;
        let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(130);
        Ok(Told {
            code,
            outputs: std::fs::read_to_string(&outputs).unwrap_or_default(),
        })
    }
}

/// The job that a line is of: `build-x86_64` is `build`.
fn job_of(name: &str) -> &str {
    match name.split_once('-') {
        Some((job @ ("build" | "kmods"), _)) => job,
        _ => name,
    }
}

/// The same of this command line, for one that is typed elsewhere.
pub(super) fn handed_on() -> Vec<String> {
    elsewhere(kept(&env::arguments()))
}

fn elsewhere(kept: Vec<(&'static str, Vec<String>)>) -> Vec<String> {
    let option = |(name, words): (&str, Vec<String>)| {
        let value = words.last()?;
        let value = value.strip_prefix(&format!("{name}=")).unwrap_or(value);
        let value = match name {
            "--config" => env::absolute(value),
            _ => value.to_owned(),
        };
        Some(format!("{name}={value}"))
    };
    kept.into_iter().filter_map(option).collect()
}

/// What a night's own command line says that its lines must know.
fn kept(words: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        for name in KEPT {
            if word == name {
                let value = words.next().cloned();
                all.push((name, [word.clone()].into_iter().chain(value).collect()));
                break;
            }
            if word.starts_with(&format!("{name}=")) {
                all.push((name, vec![word.clone()]));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_is_handed_on() {
        let words = ["night", "--config", "a.yaml", "--engine=podman"].map(str::to_owned);
        let config = |words: &[&str]| {
            let words = words.iter().map(ToString::to_string);
            ("--config", words.collect::<Vec<_>>())
        };
        assert_eq!(kept(&words), [config(&["--config", "a.yaml"])]);
        let typed = "night install --config /b/a.yaml --image=nas".split(' ');
        let typed: Vec<String> = typed.map(str::to_owned).collect();
        assert_eq!(
            elsewhere(kept(&typed)),
            ["--config=/b/a.yaml", "--image=nas"]
        );
        let words = ["--config=b", "night"].map(str::to_owned);
        assert_eq!(kept(&words), [config(&["--config=b"])]);
        let words = ["night", "--image=a", "--image", "b"].map(str::to_owned);
        let names: Vec<&str> = kept(&words).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["--image", "--image"]);
    }
}

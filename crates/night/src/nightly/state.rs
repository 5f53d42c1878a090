//! What a night remembers, and that there is one at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The form of the file.
const FORMAT: u32 = 1;

/// How long a pushed image is taken up: what is installed on top of the base is of
/// its day.
const FRESH: i64 = 86_400;

/// How a night ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Ended {
    /// The tags name this image now.
    Published {
        /// By digest.
        image: String,
    },
    /// There was nothing to build: `unchanged`, or `not-yet`.
    Nothing {
        /// In the word of `resolve --decide`.
        verdict: String,
    },
    /// A line failed.
    Failed {
        /// Which.
        stage: String,
        /// Its exit code.
        #[serde(rename = "exit-code")]
        exit_code: u8,
    },
}

impl Ended {
    /// 0, 10, or that of what failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Published { .. } => 0,
            Self::Nothing { .. } => 10,
            Self::Failed { exit_code, .. } => (*exit_code).max(1),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { image } => write!(f, "published {image}"),
            Self::Nothing { verdict } => write!(f, "nothing to build: {verdict}"),
            Self::Failed { stage, exit_code } => {
                write!(f, "failed at `{stage}` with exit code {exit_code}")
            }
        }
    }
}

/// What the first half of a publication left in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pushed {
    /// Of the lock that it was built from.
    pub fingerprint: String,
    /// By digest.
    pub image: String,
    /// When.
    pub at: Timestamp,
}

impl Pushed {
    /// Whether it is what this lock would build, and of today.
    pub fn is_of(&self, fingerprint: &str, now: Timestamp) -> bool {
        let age = now.as_second() - self.at.as_second();
        self.fingerprint == fingerprint && (0..FRESH).contains(&age)
    }
}

/// `night.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    format: u32,
    /// The number of the night.
    pub run: u64,
    /// The line that is typed, or was last.
    pub stage: String,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended; none while it goes on, or if it was ended in the midst.
    pub ended: Option<Timestamp>,
    /// How the last night ended that did.
    pub outcome: Option<Ended>,
    /// What waits for its second half.
    pub pushed: Option<Pushed>,
    /// The same of several images, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pushed_images: BTreeMap<String, Pushed>,
    /// The last clean-up that went well.
    pub cleaned: Option<Timestamp>,
    /// In which boot of the machine the night began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The machine went down in the midst of a night, and the engine has not forgotten
    /// yet what that one may have written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

impl State {
    /// The file.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("night.json")
    }

    /// What the last night has left. A file that cannot be read is no memory that
    /// is worth a night: it is set aside.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = Self::path(folder);
        let none = Self {
            format: FORMAT,
            run: 0,
            stage: "none".to_owned(),
            began: None,
            ended: None,
            outcome: None,
            pushed: None,
            pushed_images: BTreeMap::new(),
            cleaned: None,
            boot: None,
            unsure: false,
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(none),
            Err(source) => return Err(file("read", &path, source)),
        };
        let read: Option<Self> = serde_json::from_slice(&bytes).ok();
        match read.filter(|state| state.format == FORMAT) {
            Some(state) => Ok(state),
            None => {
                let aside = path.with_extension("json.unreadable");
                std::fs::rename(&path, &aside).map_err(|source| file("write", &path, source))?;
                Ok(none)
            }
        }
    }

    /// A new night, in this boot of the machine; the stage at which the one before was
    /// ended in the midst.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(
        &mut self,
        folder: &Path,
        now: Timestamp,
        boot: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let cut = self.began.is_some() && self.ended.is_none();
        let other = self.boot.is_some() && boot.is_some() && self.boot.as_deref() != boot;
        self.unsure |= cut && other;
        self.boot = boot.map(str::to_owned);
        let stage = cut.then(|| self.stage.clone());
        self.run += 1;
        (self.began, self.ended) = (Some(now), None);
        self.at(folder, "begin")?;
        Ok(stage)
    }

    /// The night comes to a line.
    ///
    /// # Errors
    /// As [`State::begin`].
    pub fn at(&mut self, folder: &Path, stage: &str) -> Result<(), Error> {
        stage.clone_into(&mut self.stage);
        self.write(folder)
    }

    /// The night is over.
    ///
    /// # Errors
    /// As [`State::begin`].
    pub fn end(&mut self, folder: &Path, ended: &Ended, now: Timestamp) -> Result<(), Error> {
        self.ended = Some(now);
        self.outcome = Some(ended.clone());
        self.write(folder)
    }

    /// Whether so many days have gone by; 0 is never. A clean-up of the future
    /// means that a clock was wrong.
    pub fn is_cleanup_due(&self, days: u32, now: Timestamp) -> bool {
        let age = self.cleaned.map(|last| now.as_second() - last.as_second());
        let wait = i64::from(days) * 86_400;
        days > 0 && age.is_none_or(|age| age < 0 || age >= wait)
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = Self::path(folder);
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Usage(e.to_string()))?;
        host::files::write(&path, format!("{text}\n").as_bytes())
            .map_err(|source| file("write", &path, source))
    }
}

/// The lock of a night; `None` while another holds it. The kernel lets it go with
/// the process that holds it, however that ends.
///
/// # Errors
/// If its file cannot be made.
pub fn lock(folder: &Path) -> Result<Option<File>, Error> {
    let path = folder.join("night.lock");
    host::files::lock(&path).map_err(|source| file("write", &path, source))
}

fn file(verb: &'static str, path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    host::Error::File { verb, path, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_was_cut_off_is_known_to_the_next() {
        let dir = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let folder = dir.path();
        let mut state = State::read(folder).unwrap();
        assert_eq!(state.begin(folder, at(1), Some("a")).unwrap(), None);
        state.at(folder, "publish").unwrap();
        let mut next = State::read(folder).unwrap();
        assert_eq!(
            next.begin(folder, at(2), Some("a")).unwrap().as_deref(),
            Some("publish")
        );
        let ended = Ended::Nothing {
            verdict: "unchanged".to_owned(),
        };
        next.end(folder, &ended, at(3)).unwrap();
        let mut last = State::read(folder).unwrap();
        assert_eq!(last.outcome, Some(ended));
        assert_eq!(last.begin(folder, at(4), Some("b")).unwrap(), None);
        assert_eq!(last.run, 3);
        // Nobody was in the midst of anything, though the machine has started again.
        assert!(!last.unsure);
        last.begin(folder, at(5), Some("b")).unwrap();
        assert!(!last.unsure, "killed, and the machine went on");
        last.begin(folder, at(6), Some("c")).unwrap();
        assert!(State::read(folder).unwrap().unsure);
        std::fs::write(State::path(folder), "{").unwrap();
        assert_eq!(State::read(folder).unwrap().run, 0);
        assert!(folder.join("night.json.unreadable").exists());
    }

    #[test]
    fn one_at_a_time_and_again_after_it() {
        let dir = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(first.is_some());
        assert!(lock(dir.path()).unwrap().is_none());
        drop(first);
        assert!(lock(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_clean_up_comes_when_its_days_are_over() {
        let dir = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let mut state = State::read(dir.path()).unwrap();
        assert!(state.is_cleanup_due(7, at(0)));
        assert!(!state.is_cleanup_due(0, at(0)));
        state.cleaned = Some(at(0));
        assert!(!state.is_cleanup_due(7, at(7 * 86_400 - 1)));
        assert!(state.is_cleanup_due(7, at(7 * 86_400)));
        state.cleaned = Some(at(10));
        assert!(state.is_cleanup_due(7, at(0)));
        let pushed = Pushed {
            fingerprint: "a".to_owned(),
            image: "r/o/n@sha256:1".to_owned(),
            at: at(10),
        };
        assert!(pushed.is_of("a", at(20)) && !pushed.is_of("b", at(20)));
        assert!(!pushed.is_of("a", at(86_410)) && !pushed.is_of("a", at(0)));
    }
}

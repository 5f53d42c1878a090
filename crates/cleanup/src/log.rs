//! What a run deleted, in a file that outlives the run, so that it can be
//! undone.

use std::path::{Path, PathBuf};

use image_config::BackEnd;
use registry_compat::Repository;
use retention::Deleted;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The number of the format.
const FORMAT: u32 = 1;

/// The file as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Log {
    /// The format of this file.
    pub format: u32,
    /// One for each package, in the order of the run.
    pub packages: Vec<Entry>,
}

/// What was deleted of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// Its name.
    pub package: Repository,
    /// The API that deleted.
    pub back_end: BackEnd,
    /// In order. The last one may be there still: it is written down before it
    /// is deleted.
    pub deleted: Vec<Deleted>,
}

impl Log {
    /// Reads one.
    ///
    /// # Errors
    /// [`host::Error::File`] or [`Error::Usage`] if it is no such log.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| host::Error::File {
            verb: "read",
            path: path.to_owned(),
            source,
        })?;
        let wrong = |detail: String| {
            Error::Usage(format!(
                "{} is no log of a clean-up: {detail}",
                path.display()
            ))
        };
        let log: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match log.format {
            FORMAT => Ok(log),
            other => Err(wrong(format!("format {other}, not {FORMAT}"))),
        }
    }
}

/// A log that is being written.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    log: Log,
}

impl Writer {
    /// Nothing is written before the first deletion.
    ///
    /// # Errors
    /// [`Error::Usage`] if the file is there: it may be what another run can be
    /// undone with.
    pub fn new(path: PathBuf) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::Usage(format!(
                "{} is there already; a log is never overwritten",
                path.display()
            )));
        }
        Ok(Self {
            path,
            log: Log {
                format: FORMAT,
                packages: Vec::new(),
            },
        })
    }

    /// Begins a package.
    pub fn begin(&mut self, package: &Repository, back_end: BackEnd) {
        self.log.packages.push(Entry {
            package: package.clone(),
            back_end,
            deleted: Vec::new(),
        });
    }

    /// Writes down what is about to be deleted.
    ///
    /// # Errors
    /// [`host::Error::File`]; then it must not be deleted.
    pub fn about_to(&mut self, deleted: Deleted) -> Result<(), Error> {
        if let Some(entry) = self.log.packages.last_mut() {
            entry.deleted.push(deleted);
        }
        self.write()
    }

    /// Takes back the last entry: that version was not deleted.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn take_back(&mut self) -> Result<(), Error> {
        if let Some(entry) = self.log.packages.last_mut() {
            entry.deleted.pop();
        }
        match self.path() {
            Some(_) => self.write(),
            None => Ok(
                std::fs::remove_file(&self.path).map_err(|source| host::Error::File {
                    verb: "remove",
                    path: self.path.clone(),
                    source,
                })?,
            ),
        }
    }

    /// The path of the log, if anything was written.
    pub fn path(&self) -> Option<&Path> {
        let any = self
            .log
            .packages
            .iter()
            .any(|entry| !entry.deleted.is_empty());
        any.then_some(self.path.as_path())
    }

    /// Written beside the file and renamed, so that a reader never sees half of it.
    fn write(&self) -> Result<(), Error> {
        let wrong = |source| host::Error::File {
            verb: "write",
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string_pretty(&self.log)
            .map_err(|error| Error::Usage(format!("the log cannot be written as JSON: {error}")))?;
        if let Some(folder) = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(wrong)?;
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        std::fs::write(&beside, text + "\n").map_err(wrong)?;
        Ok(std::fs::rename(&beside, &self.path).map_err(wrong)?)
    }
}

//! Where the alarm's issue is: at the forge, or in a file of this machine. The
//! alarm's plan knows no difference.

use std::path::{Path, PathBuf};

use forge::{Access, Change, Forge, Issue};
use image_build::gather::World;
use remote::{Pace, Project};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::folder;

/// The issues.
pub enum Board {
    /// Of a repository at a forge.
    Project(Box<Project>),
    /// Of this machine.
    File(FileBoard),
}

impl Board {
    /// That of the forge; of this machine where there is no forge.
    ///
    /// # Errors
    /// If it is not known which forge, there is no token, or no folder for a file.
    pub fn open(world: &World<'_>, pace: Pace) -> Result<Self, Error> {
        if world.home()?.forge == Forge::None {
            return Ok(Self::File(FileBoard {
                folder: folder::of(world)?,
            }));
        }
        let project = world.project(Access::Issues, pace)?;
        Ok(Self::Project(Box::new(project)))
    }

    /// Whose issues they are.
    pub fn name(&self) -> String {
        match self {
            Self::Project(project) => project.name().to_owned(),
            Self::File(file) => file.path().display().to_string(),
        }
    }

    /// The page of a run, where runs have pages.
    pub fn run_page(&self, id: u64) -> Option<String> {
        match self {
            Self::Project(project) => Some(project.run_page(id)),
            Self::File(_) => None,
        }
    }

    /// All issues with a label.
    ///
    /// # Errors
    /// If they could not be read to their end.
    pub fn issues(&self, label: &str) -> Result<Vec<Issue>, Error> {
        match self {
            Self::Project(project) => Ok(project.issues(label)?),
            Self::File(file) => file.issues(),
        }
    }

    /// Opens one.
    ///
    /// # Errors
    /// If it could not be opened, or has not got its label.
    pub fn open_issue(&self, title: &str, body: &str, label: &str) -> Result<Issue, Error> {
        let project = match self {
            Self::Project(project) => project,
            Self::File(file) => return file.open_issue(title, body, label),
        };
        let issue = project.open_issue(title, body, label)?;
        if issue.labels.iter().any(|name| name == label) {
            return Ok(issue);
        }
        // Without its label the issue is not found again, and each night would open
        // another one.
        let close = Change {
            state: Some(("closed", "not_planned")),
            ..Change::default()
        };
        project.change_issue(issue.number, &close)?;
        Err(Error::Step {
            step: format!("issue #{}", issue.number),
            detail: format!(
                "closed again: {} has not given it the label `{label}`, without which it is not \
                 found again; let the token set labels: {}",
                project.forge(),
                project.wanted()
            ),
        })
    }

    /// Changes one.
    ///
    /// # Errors
    /// If it could not be changed.
    pub fn change_issue(&self, number: u64, change: &Change) -> Result<(), Error> {
        match self {
            Self::Project(project) => Ok(project.change_issue(number, change)?),
            Self::File(file) => file.change_issue(number, change),
        }
    }

    /// Adds a comment.
    ///
    /// # Errors
    /// If it could not be added.
    pub fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        match self {
            Self::Project(project) => Ok(project.comment(number, body)?),
            Self::File(file) => file.comment(body),
        }
    }
}

/// One issue in a file: `alarm.json` remembers, `alarm.md` is for people, and is
/// there only while the alarm is open.
#[derive(Debug, Clone)]
pub struct FileBoard {
    folder: PathBuf,
}

/// `alarm.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Kept {
    open: bool,
    reason: Option<String>,
    title: String,
    body: String,
    label: String,
    comments: Vec<String>,
}

impl FileBoard {
    /// Comments that are kept: a year of changes.
    const MOST: usize = 100;

    fn path(&self) -> PathBuf {
        self.folder.join("alarm.json")
    }

    /// The text for people.
    fn text(&self) -> PathBuf {
        self.folder.join("alarm.md")
    }

    fn read(&self) -> Result<Option<Kept>, Error> {
        let path = self.path();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Error::Step {
                    step: path.display().to_string(),
                    detail: format!("not what the alarm has written: {error}; move it away"),
                }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file("read", &path, source)),
        }
    }

    fn write(&self, kept: &Kept) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(kept).map_err(|e| Error::Usage(e.to_string()))?;
        let people = self.text();
        let shown = match kept.open {
            true => host::files::write(&people, said(kept).as_bytes()),
            false => match std::fs::remove_file(&people) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        shown.map_err(|source| file("write", &people, source))?;
        let path = self.path();
        host::files::write(&path, format!("{text}\n").as_bytes())
            .map_err(|source| file("write", &path, source))
    }

    fn issues(&self) -> Result<Vec<Issue>, Error> {
        Ok(self
            .read()?
            .map(|kept| self.issue(kept))
            .into_iter()
            .collect())
    }

    fn issue(&self, kept: Kept) -> Issue {
        Issue {
            number: 1,
            open: kept.open,
            reason: kept.reason,
            title: kept.title,
            body: kept.body,
            labels: vec![kept.label],
            trusted: true,
            url: format!("file://{}", self.text().display()),
        }
    }

    fn open_issue(&self, title: &str, body: &str, label: &str) -> Result<Issue, Error> {
        let kept = Kept {
            open: true,
            reason: None,
            title: title.to_owned(),
            body: body.to_owned(),
            label: label.to_owned(),
            comments: Vec::new(),
        };
        self.write(&kept)?;
        Ok(self.issue(kept))
    }

    fn known(&self) -> Result<Kept, Error> {
        self.read()?.ok_or_else(|| Error::Step {
            step: self.path().display().to_string(),
            detail: "it was removed meanwhile".to_owned(),
        })
    }

    fn change_issue(&self, _number: u64, change: &Change) -> Result<(), Error> {
        let mut kept = self.known()?;
        if let Some(title) = &change.title {
            kept.title.clone_from(title);
        }
        if let Some(body) = &change.body {
            kept.body.clone_from(body);
        }
        if let Some((state, reason)) = change.state {
            kept.open = state == "open";
            kept.reason = Some(reason.to_owned());
        }
        self.write(&kept)
    }

    fn comment(&self, body: &str) -> Result<(), Error> {
        let mut kept = self.known()?;
        kept.comments.push(body.to_owned());
        let over = kept.comments.len().saturating_sub(Self::MOST);
        kept.comments.drain(..over);
        self.write(&kept)
    }
}

/// As a person reads it: without the mark, which is a comment of Markdown.
fn said(kept: &Kept) -> String {
    let body = kept.body.split("<!--").next().unwrap_or_default();
    let mut text = format!("# {}\n\n{}\n", kept.title, body.trim_end());
    for comment in &kept.comments {
        text.push_str(&format!("\n---\n\n{}\n", comment.trim_end()));
    }
    text
}

fn file(verb: &'static str, path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    host::Error::File { verb, path, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_remembers_what_an_issue_would() {
        let dir = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let board = Board::File(FileBoard {
            folder: dir.path().to_owned(),
        });
        assert!(board.issues("alarm").unwrap().is_empty());
        assert!(board.comment(1, "x").is_err(), "there is none");
        board.open_issue("A", "b\n<!-- m -->\n", "alarm").unwrap();
        board.comment(1, "Now: c").unwrap();
        let text = std::fs::read_to_string(dir.path().join("alarm.md")).unwrap();
        assert_eq!(text, "# A\n\nb\n\n---\n\nNow: c\n");
        let close = Change {
            state: Some(("closed", "completed")),
            ..Change::default()
        };
        board.change_issue(1, &close).unwrap();
        let issues = board.issues("alarm").unwrap();
        assert!(!issues[0].open && issues[0].trusted);
        assert_eq!(issues[0].body, "b\n<!-- m -->\n");
        assert!(!dir.path().join("alarm.md").exists());
        std::fs::write(dir.path().join("alarm.json"), "{").unwrap();
        assert!(
            board.issues("alarm").is_err(),
            "no memory is lost in silence"
        );
    }
}

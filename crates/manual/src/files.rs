//! The completions and the man pages as files: where a shell and `man` find them, in a
//! person's home or in a whole system. Pure.

use std::path::{Path, PathBuf};

use clap::Command;

use crate::args::Shell;
use crate::completions::{Values, script};
use crate::man;

/// A file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub bytes: Vec<u8>,
}

/// The folders of a person. Source: XDG Base Directory Specification 0.8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// `HOME`.
    pub home: PathBuf,
    /// `XDG_CONFIG_HOME`, else `~/.config`.
    pub config: PathBuf,
    /// `XDG_DATA_HOME`, else `~/.local/share`.
    pub data: PathBuf,
}

/// What is written for a shell, and what a person has to know or do besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completions {
    /// The script.
    pub file: File,
    /// A file of the person's, and the line that it must have.
    pub line: Option<(PathBuf, String)>,
    /// What to do by hand.
    pub note: Option<String>,
}

impl Home {
    /// The script of a shell, in its place.
    ///
    /// bash: bash-completion reads `~/.bash_completion` at its start; what lies in its
    /// folder of completions is read for a command of that name, and `cargo` is cargo's.
    /// zsh: a folder of `fpath`, which is a person's to name. fish: `conf.d`.
    ///
    /// Sources: bash-completion, README, "FAQ"; zshcompsys(1), "Initialization";
    /// fish, "Configuration files".
    pub fn completions(&self, shell: Shell, command: &Command, values: &Values) -> Completions {
        let bytes = script(shell, command, values).into_bytes();
        let file = |path: PathBuf| File { path, bytes };
        match shell {
            Shell::Bash => {
                let path = self.data.join("custom-coreos/cargo-xtask.bash");
                let line = format!("source {}", quoted(&path));
                Completions {
                    file: file(path),
                    line: Some((self.home.join(".bash_completion"), line)),
                    note: None,
                }
            }
            Shell::Zsh => {
                let folder = self.data.join("zsh/site-functions");
                let note = format!(
                    "let ~/.zshrc say `fpath=({} $fpath)` above `compinit`, if it does not yet",
                    quoted(&folder)
                );
                Completions {
                    file: file(folder.join("_cargo-xtask")),
                    line: None,
                    note: Some(note),
                }
            }
            Shell::Fish => Completions {
                file: file(self.config.join("fish/conf.d/xtask.fish")),
                line: None,
                note: None,
            },
        }
    }

    /// The man pages. `man` finds them where `~/.local/bin` is in `PATH`.
    /// Source: manpath(5), "MANPATH_MAP".
    pub fn man_pages(&self, command: &Command) -> Vec<File> {
        pages(command, &self.data.join("man/man1"))
    }
}

/// All of it for a system, by its path from the root, in order.
///
/// bash-completion reads `/etc/bash_completion.d` at its start.
pub fn of_system(command: &Command, values: &Values) -> Vec<File> {
    let scripts = [
        (Shell::Bash, "etc/bash_completion.d/cargo-xtask"),
        (Shell::Fish, "usr/share/fish/vendor_conf.d/xtask.fish"),
        (Shell::Zsh, "usr/share/zsh/site-functions/_cargo-xtask"),
    ];
    let scripts = scripts.map(|(shell, path)| File {
        path: path.into(),
        bytes: script(shell, command, values).into_bytes(),
    });
    let mut all = pages(command, Path::new("usr/share/man/man1"));
    all.extend(scripts);
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

fn pages(command: &Command, folder: &Path) -> Vec<File> {
    let file = |(name, bytes)| File {
        path: folder.join(name),
        bytes,
    };
    man::pages(command).into_iter().map(file).collect()
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    match shlex::try_quote(&text) {
        Ok(quoted) => quoted.into_owned(),
        // A path has no NUL.
        Err(_) => text,
    }
}

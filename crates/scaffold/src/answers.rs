//! What `init` has to be told: on its command line, or by a person at a terminal.

use std::path::{Path, PathBuf};

use clap::Args;
use host::report::Report;
use image_config::{Name, Owner, SshKey, is_private_key};

use crate::error::Error;
use crate::host_name::HostName;

/// `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The folder of the new repository; it may be there
    pub dir: PathBuf,
    /// The account or organisation that the image is published under
    #[arg(long, value_name = "ACCOUNT")]
    pub owner: Option<Owner>,
    /// The image's name below it; slashes are allowed (nas/bootc)
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
    /// The machine's host name
    #[arg(long, value_name = "NAME")]
    pub host: Option<HostName>,
    /// Who may log in: a public SSH key, or the .pub file that has it
    // A private key begins with dashes, and must not be told as an unknown option.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub key: Option<String>,
    /// Depend on a checkout of custom-coreos, not on its repository
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Install completions of this account's shell and the man pages, in its home
    #[arg(long)]
    pub completions: bool,
}

/// What a repository needs to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Account or organisation.
    pub owner: Owner,
    /// The image's name.
    pub name: Name,
    /// Host name.
    pub host: HostName,
    /// Who may log in.
    pub key: SshKey,
    /// The checkout that it depends on, from the root; without it ours.
    pub path: Option<PathBuf>,
}

impl InitArgs {
    /// The answers: those of the command line; a person at a terminal is asked for the
    /// others, and asked again after a wrong one.
    ///
    /// # Errors
    /// [`Error::Usage`] with the flags that are missing, or a value that is invalid.
    pub fn answers(&self, report: &Report) -> Result<Answers, Error> {
        // What is wrong already is told before anything is asked.
        let key = self.key.as_deref().map(key_of).transpose()?;
        let path = self.path.as_deref().map(checkout).transpose()?;
        let owner = asked(
            report,
            self.owner.clone(),
            "The account or organisation at ghcr.io:",
            parsed,
        )?;
        let host = asked(
            report,
            self.host.clone(),
            "The machine's host name:",
            parsed,
        )?;
        let key = asked(
            report,
            key,
            "Your public SSH key, or the file that has it (~ is not expanded):",
            key_of,
        )?;
        let missing = [
            ("--owner", owner.is_none()),
            ("--host", host.is_none()),
            ("--key", key.is_none()),
        ];
        let (Some(owner), Some(host), Some(key)) = (owner, host, key) else {
            let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
            let missing: Vec<&str> = missing.map(|(flag, _)| flag).collect();
            return Err(Error::Usage(format!("say {}", missing.join(", "))));
        };
        Ok(Answers {
            owner,
            name: match &self.name {
                Some(name) => name.clone(),
                None => parsed(host.as_str())?,
            },
            host,
            key,
            path,
        })
    }
}

/// What is given, or what a person says; `None` where there is nobody to ask.
fn asked<T>(
    report: &Report,
    given: Option<T>,
    question: &str,
    parse: impl Fn(&str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if given.is_some() {
        return Ok(given);
    }
    while let Some(line) = host::env::line(|| report.note(question))? {
        match parse(line.trim()) {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => report.warning(&format!("{error}; once more, or Ctrl-C")),
        }
    }
    Ok(None)
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| Error::Usage(error.to_string()))
}

/// A key as it is, or the one in a file. A private key is not shown.
fn key_of(text: &str) -> Result<SshKey, Error> {
    if is_private_key(text) || text.chars().any(char::is_control) {
        return Err(Error::Usage(
            "--key: this is no public SSH key but, as it seems, a private one, and it is not \
             shown here; give the .pub file beside it. What is typed stays in the shell's \
             history: make another pair if it was typed"
                .to_owned(),
        ));
    }
    if text.contains(' ') {
        return parsed(text);
    }
    let path = Path::new(text);
    let line = std::fs::read_to_string(path)
        .map_err(|error| Error::NoKey(host::Error::read(path)(error)))?;
    if is_private_key(&line) {
        return Err(Error::Usage(format!(
            "--key: {text} is a private key, which stays where it is; give the .pub file beside it"
        )));
    }
    parsed(line.trim())
}

/// The checkout of `--path`, from the root: it is written into a file elsewhere.
fn checkout(path: &Path) -> Result<PathBuf, Error> {
    let found = std::fs::canonicalize(path).map_err(host::Error::read(path))?;
    match found.join("xtask/Cargo.toml").is_file() {
        true => Ok(found),
        false => Err(Error::Usage(format!(
            "--path {}: no checkout of custom-coreos: there is no xtask/Cargo.toml in it",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2";

    fn args() -> InitArgs {
        InitArgs {
            dir: "x".into(),
            owner: Some("somebody".parse().unwrap()),
            name: None,
            host: Some("store".parse().unwrap()),
            key: Some(format!("ssh-ed25519 {BLOB} me@laptop")),
            path: None,
            completions: false,
        }
    }

    fn said(args: &InitArgs) -> String {
        let answers = args.answers(&Report::capturing(false));
        answers.unwrap_err().to_string()
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = InitArgs {
            host: None,
            ..args()
        };
        assert_eq!(said(&missing), "say --host");
        let no_file = InitArgs {
            key: Some("/no/such/key.pub".to_owned()),
            ..args()
        };
        let error = said(&no_file);
        assert!(error.contains("/no/such/key.pub"), "{error}");
        assert!(error.contains("ssh-keygen"), "{error}");
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
        let private = format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"
        );
        let file = dir.path().join("id");
        sh.write_file(&file, &private).unwrap();
        for given in [
            private.clone(),
            private.replace('\n', " "),
            body.to_owned(),
            "AAAA\nBBBB".to_owned(),
            file.display().to_string(),
        ] {
            let error = said(&InitArgs {
                key: Some(given),
                ..args()
            });
            assert!(error.contains(".pub file"), "{error}");
            let shown = ["b3Blbn", "AAAA", "BEGIN"];
            assert!(!shown.iter().any(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_checkout_is_named_from_the_root() {
        let with = |path: &str| InitArgs {
            path: Some(path.into()),
            ..args()
        };
        let answers = with("../..").answers(&Report::capturing(false)).unwrap();
        assert!(answers.path.unwrap().is_absolute());
        assert!(said(&with(".")).contains("no checkout of custom-coreos"));
        assert!(said(&with("/no/such/folder")).contains("/no/such/folder"));
    }
}

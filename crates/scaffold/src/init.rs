//! `init`: a new repository, whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use host::report::Report;
use image_config::{Config, Label, Name, Owner, SshKey};

use crate::error::Error;
use crate::record::{NAME, Record};
use crate::templates::{Template, templates};

/// Where this project lies, for the manifest of whoever depends on it.
pub const HOME: &str = "https://github.com/samhclark/custom-coreos";

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
    pub host: Option<Label>,
    /// Who may log in: a public SSH key, or the .pub file that has it
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Depend on a checkout of custom-coreos, not on its repository
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

/// What a repository needs to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Account or organisation.
    pub owner: Owner,
    /// The image's name.
    pub name: Name,
    /// Host name.
    pub host: Label,
    /// Who may log in.
    pub key: SshKey,
    /// The checkout that it depends on; without it [`HOME`].
    pub path: Option<PathBuf>,
}

impl InitArgs {
    /// The answers: those of the command line; a person at a terminal is asked for the
    /// others.
    ///
    /// # Errors
    /// [`Error::Usage`] with the flags that are missing, or a value that is invalid.
    pub fn answers(&self, report: &Report) -> Result<Answers, Error> {
        let mut missing = Vec::new();
        let mut ask = |given: Option<String>, flag: &'static str, question: &str| {
            if given.is_some() {
                return Ok(given);
            }
            let line = host::env::line(|| report.note(question))?;
            let line = line.map(|line| line.trim().to_owned());
            let line = line.filter(|line| !line.is_empty());
            if line.is_none() {
                missing.push(flag);
            }
            Ok::<_, Error>(line)
        };
        let owner = ask(
            self.owner.as_ref().map(ToString::to_string),
            "--owner",
            "The account or organisation at ghcr.io:",
        )?;
        let host = ask(
            self.host.as_ref().map(ToString::to_string),
            "--host",
            "The machine's host name:",
        )?;
        let key = ask(
            self.key.clone(),
            "--key",
            "Your public SSH key, or the file that has it (~ is not expanded):",
        )?;
        let (Some(owner), Some(host), Some(key)) = (owner, host, key) else {
            return Err(Error::Usage(format!("say {}", missing.join(", "))));
        };
        let host: Label = parsed(&host)?;
        Ok(Answers {
            owner: parsed(&owner)?,
            name: match &self.name {
                Some(name) => name.clone(),
                None => parsed(host.as_str())?,
            },
            host,
            key: key_of(&key)?,
            path: self.path.clone(),
        })
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| Error::Usage(error.to_string()))
}

/// A key as it is, or the one in a file.
fn key_of(text: &str) -> Result<SshKey, Error> {
    if text.contains(' ') {
        return parsed(text);
    }
    let path = Path::new(text);
    let line = std::fs::read_to_string(path)
        .map_err(|error| Error::NoKey(host::Error::read(path)(error)))?;
    parsed(line.trim())
}

/// A file of the new repository.
struct New {
    path: String,
    program: bool,
    text: String,
}

/// Writes a repository; its files, in the order of their paths.
///
/// # Errors
/// [`Error::Refused`] if one of the files is there, and then nothing is written.
pub fn write(dir: &Path, answers: &Answers) -> Result<Vec<String>, Error> {
    let templates = templates();
    let mut files = own(answers)?;
    files.extend(templates.iter().map(|template| New {
        path: template.path.to_owned(),
        program: template.program,
        text: template.text.to_string(),
    }));
    files.push(New {
        path: NAME.to_owned(),
        program: false,
        text: record(&templates).text()?,
    });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let there: Vec<&str> = files
        .iter()
        .filter(|file| std::fs::symlink_metadata(dir.join(&file.path)).is_ok())
        .map(|file| file.path.as_str())
        .collect();
    if !there.is_empty() {
        return Err(Error::Refused(format!(
            "{} has {} already; nothing was written. Choose another folder, or move them away",
            dir.display(),
            there.join(", ")
        )));
    }
    for file in &files {
        put(&dir.join(&file.path), &file.text, file.program)?;
    }
    Ok(files.into_iter().map(|file| file.path).collect())
}

fn record(templates: &[Template]) -> Record {
    let entry = |template: &Template| (template.path.to_owned(), template.digest());
    Record {
        templates: templates.iter().map(entry).collect::<BTreeMap<_, _>>(),
    }
}

/// Writes one file, with the folders above it.
pub(crate) fn put(path: &Path, text: &str, program: bool) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(folder) = path.parent() {
        host::files::make_dir(folder)?;
    }
    host::files::write(path, text.as_bytes()).map_err(host::Error::write(path))?;
    if program {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).map_err(host::Error::write(path))?;
    }
    Ok(())
}

const IMAGE: &str = include_str!("../../../image.yaml");
const MACHINE: &str = include_str!("../../../ignition/nas.bu");
const MAIN: &str = include_str!("../../../examples/own-task/xtask/src/main.rs");
const TASK: &str = include_str!("../../../examples/own-task/xtask/src/followed.rs");
const MANIFEST: &str = include_str!("../../../examples/own-task/xtask/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../examples/own-task/Cargo.toml");
const ALIAS: &str = include_str!("../../../examples/own-task/.cargo/config.toml");
const IGNORED: &str = include_str!("../../../.gitignore");
const README: &str = include_str!("../files/README.md");

/// The files that are the person's from now on.
fn own(answers: &Answers) -> Result<Vec<New>, Error> {
    let new = |path: &str, text: String| New {
        path: path.to_owned(),
        program: false,
        text,
    };
    let host = &answers.host;
    let image = image_yaml(answers)?;
    let machine = MACHINE
        .replace("\n          nas\n", &format!("\n          {host}\n"))
        .replace("# The home server:", "# This machine:");
    let readme = README
        .replace("OWNER", answers.owner.as_str())
        .replace("NAME", answers.name.as_str())
        .replace("HOST", host.as_str());
    Ok(vec![
        new(".cargo/config.toml", ALIAS.to_owned()),
        new(".gitignore", IGNORED.to_owned()),
        new("Cargo.toml", WORKSPACE.to_owned()),
        new("README.md", readme),
        new("image.yaml", image),
        new(&format!("ignition/{host}.bu"), machine),
        new("xtask/Cargo.toml", manifest(answers)),
        new("xtask/src/followed.rs", TASK.to_owned()),
        new("xtask/src/main.rs", MAIN.to_owned()),
    ])
}

/// Our own file with the answers in it, so that each key has its explanation.
fn image_yaml(answers: &Answers) -> Result<String, Error> {
    let mut text = String::new();
    for line in IMAGE.lines() {
        let key = line.trim_start();
        let line = match key.split_once(':').map_or("", |(key, _)| key) {
            "owner" => format!("  owner: {}", answers.owner),
            "name" => format!("  name: {}", answers.name),
            "title" => format!("  title: {}", answers.host),
            _ if key.starts_with("- ssh-") => format!("    - {}", answers.key),
            _ => line.to_owned(),
        };
        // What is said of our own placeholder.
        if key.starts_with("# Who may log in") {
            text.push_str("  # Who may log in as `core`: your own public keys.\n");
        } else if !key.starts_with("# of this one.") {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let config = Config::parse(&text, Path::new("image.yaml"))?;
    let taken = config.image.owner == answers.owner && config.image.name == answers.name;
    let key = config.ignition.ssh_keys.contains(&answers.key);
    match taken && key {
        true => Ok(text),
        false => Err(Error::Usage(
            "the template of image.yaml has no place for an answer; tell the makers".to_owned(),
        )),
    }
}

/// The manifest of the example, with the place of the dependencies.
fn manifest(answers: &Answers) -> String {
    let mut text = String::new();
    for line in MANIFEST.lines() {
        let ours = line
            .split_once(" = { path = \"../../../")
            .and_then(|(name, rest)| Some((name, rest.strip_suffix("\" }")?)));
        match (ours, &answers.path) {
            (Some((name, folder)), Some(path)) => {
                let place = path.join(folder);
                text.push_str(&format!("{name} = {{ path = \"{}\" }}\n", place.display()));
            }
            (Some((name, _)), None) => {
                text.push_str(&format!("{name} = {{ git = \"{HOME}\" }}\n"));
            }
            // What the example says of itself.
            (None, _) if line.starts_with('#') => {}
            (None, _) if line.starts_with("name = \"nas-xtask\"") => {
                let host = answers.host.as_str().replace('.', "-");
                text.push_str(&format!("name = \"{host}-xtask\"\n"));
            }
            (None, _) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text.replace("\n\n\n", "\n\n")
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::*;

    fn answers() -> Answers {
        let blob = "AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2";
        Answers {
            owner: "somebody".parse().unwrap(),
            name: "nas/bootc".parse().unwrap(),
            host: "store".parse().unwrap(),
            key: format!("ssh-ed25519 {blob} me@laptop").parse().unwrap(),
            path: None,
        }
    }

    #[test]
    fn a_repository_has_the_answers_and_is_not_written_over() {
        let sh = Shell::new().unwrap();
        let temp = sh.create_temp_dir().unwrap();
        let dir = temp.path().join("new");
        let files = write(&dir, &answers()).unwrap();
        for path in ["image.yaml", "ignition/store.bu", "xtask/src/main.rs", NAME] {
            assert!(files.iter().any(|file| file == path), "{path}");
        }
        let text = |path: &str| sh.read_file(dir.join(path)).unwrap();
        let config = Config::load_in(&dir.join("image.yaml"), &dir).unwrap();
        assert_eq!(
            config.repository().unwrap().to_string(),
            "ghcr.io/somebody/nas/bootc"
        );
        assert_eq!(config.ignition.ssh_keys.len(), 1);
        assert!(!text("image.yaml").contains("placeholder"));
        assert!(text("ignition/store.bu").contains("          store\n"));
        assert!(text("xtask/Cargo.toml").contains(&format!("git = \"{HOME}\"")));
        assert!(!text("xtask/Cargo.toml").contains("path = \"../"));
        for word in ["OWNER", "NAME", "HOST"] {
            assert!(!text("README.md").contains(word), "{word}");
        }
        assert!(text("xtask/src/main.rs").lines().count() <= 8);

        // A second time nothing is touched, not even what is missing.
        sh.write_file(dir.join("README.md"), "mine").unwrap();
        sh.remove_path(dir.join("image.yaml")).unwrap();
        let error = write(&dir, &answers()).unwrap_err();
        assert!(error.to_string().contains("README.md"), "{error}");
        assert_eq!(text("README.md"), "mine");
        assert!(!dir.join("image.yaml").exists());
    }

    #[test]
    fn what_is_missing_is_named() {
        let args = InitArgs {
            dir: "x".into(),
            owner: Some("somebody".parse().unwrap()),
            name: None,
            host: None,
            key: Some("/no/such/key.pub".to_owned()),
            path: None,
        };
        let error = args.answers(&Report::capturing(false)).unwrap_err();
        assert_eq!(error.to_string(), "say --host");
        let args = InitArgs {
            host: Some("store".parse().unwrap()),
            ..args
        };
        let error = args.answers(&Report::capturing(false)).unwrap_err();
        assert!(error.to_string().contains("/no/such/key.pub"), "{error}");
        assert!(error.to_string().contains("ssh-keygen"), "{error}");
    }

    /// Cargo takes profiles from the workspace that is built: without them, layers and
    /// disks are compressed many times slower there than here.
    #[test]
    fn it_is_compiled_with_our_settings() {
        let profiles = |text: &str| -> Vec<String> {
            let mut inside = false;
            let mut lines: Vec<String> = Vec::new();
            for line in text.lines().map(str::trim) {
                if line.starts_with('[') {
                    inside = line.starts_with("[profile");
                }
                if inside && !line.is_empty() && !line.starts_with('#') {
                    lines.push(line.to_owned());
                }
            }
            lines
        };
        let ours = profiles(include_str!("../../../Cargo.toml"));
        assert!(ours.len() > 10, "{ours:?}");
        assert_eq!(profiles(WORKSPACE), ours);
    }
}

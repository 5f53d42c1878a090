//! `init`: a new repository, whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use image_config::Config;

use crate::answers::Answers;
use crate::error::Error;
use crate::record::{NAME, Record};
use crate::templates::{Template, templates};

/// Where this project lies, for the manifest of whoever depends on it.
pub const HOME: &str = "https://github.com/samhclark/custom-coreos";

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
    if std::fs::metadata(dir).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::Refused(format!(
            "{} is a file, and a folder is wanted; choose another name",
            dir.display()
        )));
    }
    if let Some(link) = files
        .iter()
        .find_map(|file| link_on_the_way(dir, &file.path))
    {
        return Err(Error::Refused(format!(
            "{} is a link, so that files would be written elsewhere; nothing was written. \
             Choose another folder, or move it away",
            link.display()
        )));
    }
    // The top of each: a folder may have dozens.
    let there = files
        .iter()
        .filter(|file| std::fs::symlink_metadata(dir.join(&file.path)).is_ok())
        .map(|file| file.path.split('/').next().unwrap_or_default());
    let there: BTreeSet<&str> = there.collect();
    if !there.is_empty() {
        return Err(Error::Refused(format!(
            "{} has files already that would be written over, in {}; nothing was written. \
             Choose another folder, or move them away",
            dir.display(),
            Vec::from_iter(there).join(", ")
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

/// What on the way from a folder to a file below it is a link, the file included: who
/// writes there writes elsewhere.
pub(crate) fn link_on_the_way(dir: &Path, path: &str) -> Option<PathBuf> {
    let mut place = dir.to_owned();
    path.split('/').find_map(|part| {
        place.push(part);
        place.is_symlink().then(|| place.clone())
    })
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
            "owner" => format!("  owner: {}", scalar(answers.owner.as_str())),
            "name" => format!("  name: {}", scalar(answers.name.as_str())),
            "title" => format!("  title: {}", scalar(answers.host.as_str())),
            _ if key.starts_with("- ssh-") => format!("    - {}", answers.key),
            // Our book is not in the new repository.
            _ => line.replace("docs/", &format!("{HOME}/blob/main/docs/")),
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
    config.repository()?;
    let taken = config.image.owner == answers.owner && config.image.name == answers.name;
    let key = config.ignition.ssh_keys.contains(&answers.key);
    match taken && key {
        true => Ok(text),
        false => Err(Error::Usage(
            "the template of image.yaml has no place for an answer; tell the makers".to_owned(),
        )),
    }
}

/// A text as YAML reads it again: `null`, `true` or `12` would be none without quotes.
fn scalar(text: &str) -> String {
    match serde_yaml::from_str(text) {
        Ok(serde_yaml::Value::String(same)) if same == text => text.to_owned(),
        _ => format!("\"{text}\""),
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
                let place = path.join(folder).display().to_string();
                // A text of JSON is one of TOML.
                let place = serde_json::Value::from(place);
                text.push_str(&format!("{name} = {{ path = {place} }}\n"));
            }
            (Some((name, _)), None) => {
                text.push_str(&format!("{name} = {{ git = \"{HOME}\" }}\n"));
            }
            // What the example says of itself.
            (None, _) if line.starts_with('#') => {}
            (None, _) if line.starts_with("name = \"nas-xtask\"") => {
                let host = answers.host.as_str().replace('.', "-");
                // Cargo takes no package whose name begins with a digit.
                let begin = match host.starts_with(|c: char| c.is_ascii_digit()) {
                    true => "host-",
                    false => "",
                };
                text.push_str(&format!("name = \"{begin}{host}-xtask\"\n"));
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
    fn a_name_that_yaml_reads_otherwise_and_a_link_are_seen() {
        let sh = Shell::new().unwrap();
        let temp = sh.create_temp_dir().unwrap();
        let dir = temp.path().join("new");
        let odd = Answers {
            owner: "null".parse().unwrap(),
            name: "12".parse().unwrap(),
            host: "3nas".parse().unwrap(),
            path: Some("/a \"b\"".into()),
            ..answers()
        };
        write(&dir, &odd).unwrap();
        let config = Config::load_in(&dir.join("image.yaml"), &dir).unwrap();
        let repository = config.repository().unwrap().to_string();
        assert_eq!(repository, "ghcr.io/null/12");
        let manifest = sh.read_file(dir.join("xtask/Cargo.toml")).unwrap();
        assert!(manifest.contains("\nname = \"host-3nas-xtask\"\n"));
        assert!(
            manifest.contains(r#"{ path = "/a \"b\"/xtask" }"#),
            "{manifest}"
        );
        let yaml = sh.read_file(dir.join("image.yaml")).unwrap();
        let docs = yaml.matches("docs/").count();
        assert_eq!(yaml.matches("/blob/main/docs/").count(), docs);
        let upper = Answers {
            name: "Nas".parse().unwrap(),
            ..answers()
        };
        assert!(write(&temp.path().join("upper"), &upper).is_err());

        // Through a link, nothing is written.
        let elsewhere = sh.create_dir(temp.path().join("elsewhere")).unwrap();
        let dir = sh.create_dir(temp.path().join("linked")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.join(".github")).unwrap();
        let error = write(&dir, &answers()).unwrap_err().to_string();
        assert!(error.contains(".github is a link"), "{error}");
        let file = temp.path().join("file");
        sh.write_file(&file, "mine").unwrap();
        let error = write(&file, &answers()).unwrap_err().to_string();
        assert!(error.contains("is a file"), "{error}");
        assert_eq!(sh.read_file(&file).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
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

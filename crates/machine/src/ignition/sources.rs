//! The Butane sources of the checkout, translated and looked at.

use std::path::{Path, PathBuf};

use ignition_gen::{Options, Translation, translate};
use image_config::{Config, nearest};
use serde::Serialize;

use super::lints::{Finding, lint};
use super::local::Local;
use super::view::View;
use crate::error::Error;

/// Below the sources: the folder of local files, and the one of examples.
const FILES: &str = "files";
const EXAMPLES: &str = "examples";

/// A source, translated.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `nas`, or `examples/xfs`.
    pub name: String,
    /// `ignition/nas.bu`.
    pub source: PathBuf,
    /// The config with its line break, unless the source is wrong.
    pub ignition: Option<String>,
    /// What the compiler says of the source, each with its place.
    pub messages: Vec<String>,
    /// What the lints say of the result.
    pub findings: Vec<Finding>,
}

/// How a machine is, for `--json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary<'a> {
    name: &'a str,
    source: &'a Path,
    valid: bool,
    messages: &'a [String],
    findings: &'a [Finding],
}

impl Machine {
    /// Translated, and nothing found that is not meant so.
    pub fn is_well(&self) -> bool {
        let bad = |finding: &Finding| finding.lint.fails() && finding.allowed.is_none();
        self.ignition.is_some() && !self.findings.iter().any(bad)
    }

    /// An example is translated and held to the same, but not published.
    pub fn is_example(&self) -> bool {
        self.name.contains('/')
    }

    /// Its file name among the results.
    pub fn file(&self) -> String {
        format!("{}.ign", self.name)
    }

    /// For `--json`.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            name: &self.name,
            source: &self.source,
            valid: self.ignition.is_some(),
            messages: &self.messages,
            findings: &self.findings,
        }
    }
}

/// Translates the sources of these names, or all of them.
///
/// # Errors
/// [`Error::Usage`] for a name without a source, [`host::Error::File`] if one cannot
/// be read. A source that is wrong is an answer.
pub fn translate_all(
    root: &Path,
    config: &Config,
    names: &[String],
) -> Result<Vec<Machine>, Error> {
    let folder = PathBuf::from(config.ignition.sources.as_str());
    let all = find(root, &folder)?;
    let mut wanted = Vec::new();
    for name in names {
        let plain = name.strip_suffix(".bu").unwrap_or(name);
        let known = all.iter().find(|known| *known == plain).ok_or_else(|| {
            let meant = nearest(plain, all.iter().map(String::as_str))
                .map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
            let name = host::one_line(name);
            Error::Usage(format!(
                "there is no `{name}`{meant}; there are: {}",
                all.join(", ")
            ))
        })?;
        wanted.push(known.clone());
    }
    if names.is_empty() {
        wanted = all;
    }
    let local = local(root, config)?;
    wanted
        .into_iter()
        .map(|name| machine(root, &folder, name, &local, config))
        .collect()
}

/// The local files of the sources.
///
/// # Errors
/// [`host::Error::File`] if `public-key` names a file that cannot be read.
pub fn local(root: &Path, config: &Config) -> Result<Local, Error> {
    let key = match &config.ignition.public_key {
        Some(path) => Some(read(&root.join(path.as_str()))?),
        None => None,
    };
    let private = |key: &[u8]| String::from_utf8_lossy(key).contains("PRIVATE KEY");
    if key.as_deref().is_some_and(private) {
        return Err(Error::Usage(
            "the file of `ignition.public-key` is a private key, which everybody can read now who \
             reads this checkout: make another pair with `cargo xtask keys new`, and put its \
             public half there"
                .to_owned(),
        ));
    }
    if key.as_deref().is_some_and(|key| !is_public_key(key)) {
        return Err(Error::Usage(
            "the file of `ignition.public-key` is not a public key in PEM form".to_owned(),
        ));
    }
    let files = root.join(config.ignition.sources.as_str()).join(FILES);
    Local::new(&files.to_string_lossy(), config, key)
}

/// Above all it must not be the private half.
fn is_public_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.trim_start().starts_with("-----BEGIN PUBLIC KEY-----") && !text.contains("PRIVATE KEY")
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(std::fs::read(path).map_err(|source| host::Error::File {
        verb: "read",
        path: path.to_owned(),
        source,
    })?)
}

/// The names of all sources: those of the folder, then the examples.
fn find(root: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = in_folder(&root.join(folder))?;
    let examples = root.join(folder).join(EXAMPLES);
    if examples.is_dir() {
        let found = in_folder(&examples)?;
        names.extend(found.into_iter().map(|name| format!("{EXAMPLES}/{name}")));
    }
    Ok(names)
}

fn in_folder(folder: &Path) -> Result<Vec<String>, Error> {
    let wrong = |source| host::Error::File {
        verb: "read",
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        let name = name.to_string_lossy();
        if let Some(stem) = name
            .strip_suffix(".bu")
            .filter(|stem| !stem.starts_with('.'))
        {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn machine(
    root: &Path,
    folder: &Path,
    name: String,
    local: &Local,
    config: &Config,
) -> Result<Machine, Error> {
    let file = format!("{name}.bu");
    let source = folder.join(&file);
    let text = read(&root.join(&source))?;
    let Translation {
        ignition,
        report,
        failure,
    } = translate(&text, local, Options::default());
    // Strict: a warning is as bad as an error, as nobody reads it in CI.
    let mut ignition = ignition.filter(|_| report.entries.is_empty());
    if let Some(text) = &mut ignition {
        text.push('\n');
    }
    let mut messages: Vec<String> = report
        .entries
        .iter()
        .map(|entry| {
            let place = entry
                .position
                .map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
            let path = if entry.path.is_empty() {
                String::new()
            } else {
                format!(" ({})", entry.path)
            };
            format!(
                "{}{place}: {}: {}{path}",
                source.display(),
                entry.severity,
                entry.message
            )
        })
        .collect();
    if let Some(failure) = failure {
        messages.push(format!("{}: {failure}", source.display()));
    }
    let findings = match ignition.as_deref().map(View::parse) {
        Some(Ok(view)) => lint(&view, &file, &config.ignition.allow),
        Some(Err(error)) => {
            messages.push(format!(
                "{}: the result is no JSON: {error}",
                source.display()
            ));
            ignition = None;
            Vec::new()
        }
        None => Vec::new(),
    };
    Ok(Machine {
        name,
        source,
        ignition,
        messages,
        findings,
    })
}

//! Reads `image.yaml`, and says all that is wrong with it at once.

use std::path::Path;

use crate::config::Config;
use crate::error::Error;
use crate::excerpt::{Problem, Shown};
use crate::problems::Problems;
use crate::tree::Span;
use crate::{content_files, contradictions, problems, section};

impl Config {
    /// Reads and validates a file, and the files that its `content` names below `root`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load_in(path: &Path, root: &Path) -> Result<Self, Error> {
        judge(&text_of(path)?, path, Some(root))
    }

    /// Reads and validates a file alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&text_of(path)?, path)
    }

    /// Validates a text; `path` is for the message.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong, each with line and column where
    /// there are any.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        judge(text, path, None)
    }
}

/// Reads and validates the text of a file with one image.
pub(crate) fn judge(text: &str, path: &Path, root: Option<&Path>) -> Result<Config, Error> {
    let text = without_mark(text);
    let wrong = |problems| Error::Invalid {
        path: path.to_owned(),
        problems,
    };
    if let Some(tree) = section::section(text) {
        let span = tree
            .entry(section::SECTION)
            .and_then(|entry| entry.key.span);
        let detail = "several images, and this program reads one";
        return Err(wrong(vec![Problem::new(text, span, Shown::Line, detail)]));
    }
    let (config, problems) = problems::read::<Config>(text);
    let (config, problems) = contradicted(config, problems, text, root);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(wrong(problems)),
    }
}

/// The same config, and all that is wrong with it.
pub(crate) fn contradicted(
    config: Option<Config>,
    mut problems: Problems<'_>,
    text: &str,
    root: Option<&Path>,
) -> (Option<Config>, Vec<Problem>) {
    if let Some(config) = &config {
        contradictions::add(config, text, &mut problems);
        if let Some(root) = root {
            content_files::add(&config.content, text, root, &mut problems);
        }
    }
    (config, problems.in_order())
}

/// The text of a file.
pub(crate) fn text_of(path: &Path) -> Result<String, Error> {
    let wrong = |problem| Error::Invalid {
        path: path.to_owned(),
        problems: vec![problem],
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let detail = format!("cannot be read: {}", host::reason(&error));
        wrong(Problem::new("", None, Shown::Nothing, &detail))
    })?;
    String::from_utf8(bytes).map_err(|error| wrong(not_utf8(&error)))
}

/// A text without the mark that some editors begin one with, which is no part of it.
/// Source: YAML 1.2.2, section 5.2.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Where a text stops being UTF-8.
fn not_utf8(error: &std::string::FromUtf8Error) -> Problem {
    let bytes = error.as_bytes();
    let at = error.utf8_error().valid_up_to();
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&bytes[start..at]).chars().count() + 1;
    let found = bytes.get(at).copied().unwrap_or_default();
    let detail = format!("the byte 0x{found:02X} is not UTF-8; save the file as UTF-8");
    Problem::new("", Some(Span::at(line, column)), Shown::Nothing, &detail)
}

//! Reports all errors of a document at once, each with its line and column, in plain
//! words.
//!
//! serde stops at the first error. So the entry that it stopped at is taken out of a
//! copy, or a missing one is put in, and the copy is read again, until there are no
//! more errors. Errors that only these changes caused are not reported.

use std::collections::BTreeSet;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;

use crate::words::{missing_key, plain, suggestion, unknown_key};

/// The largest number of errors that are reported. It is more than anybody corrects at
/// once, and it ends the loop for every document.
const MOST: usize = 50;

/// One error in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
    /// The error message.
    pub detail: String,
    /// The line with a mark under the place, as cargo shows it.
    snippet: Option<String>,
}

impl Problem {
    /// A problem with its source line, if it has a place in the document.
    pub fn new(text: &str, place: Option<(usize, usize)>, detail: String) -> Self {
        // A message that hides a value must not have the line, which would show the
        // value.
        let hidden = detail.contains("`…`");
        let snippet = place
            .filter(|_| !hidden)
            .and_then(|(line, column)| snippet(text, line, column));
        Self {
            place,
            detail,
            snippet,
        }
    }

    /// The text of the problem for a file of this name.
    pub(crate) fn write(&self, path: &str, f: &mut dyn fmt::Write) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{path}:{line}:{column}: {}", self.detail)?,
            None => write!(f, "{path}: {}", self.detail)?,
        }
        match &self.snippet {
            Some(snippet) => write!(f, "\n{snippet}"),
            None => Ok(()),
        }
    }
}

/// The line with carets under the key or value that begins at that column.
fn snippet(text: &str, line: usize, column: usize) -> Option<String> {
    let shown = text.lines().nth(line.checked_sub(1)?)?;
    let at: usize = shown
        .chars()
        .take(column.checked_sub(1)?)
        .map(char::len_utf8)
        .sum();
    let rest = shown.get(at..).filter(|rest| !rest.trim().is_empty())?;
    let span = at..at + word(rest);
    let snippet = Snippet::source(shown)
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(span));
    let group = Group::with_level(Level::ERROR).element(snippet);
    let shown = Renderer::plain().render(&[group]);
    Some(shown.trim_end().to_owned())
}

/// The length of the value or key at the beginning of a text.
fn word(text: &str) -> usize {
    if let Some(quote) = text.chars().next().filter(|c| "\"'".contains(*c)) {
        let rest = &text[1..];
        return rest.find(quote).map_or(text.len(), |end| end + 2);
    }
    let end = text.find([',', ']', '}', '#']).unwrap_or(text.len());
    let end = text.find(": ").map_or(end, |key| key.min(end));
    text[..end].trim_end().trim_end_matches(':').len().max(1)
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong with it, in its order.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Problem>> {
    let mut copy = Copy::of(text);
    let mut problems: Vec<Problem> = Vec::new();
    for _ in 0..MOST {
        match serde_yaml::from_str::<T>(&copy.text()) {
            Ok(value) if problems.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => {
                let found = Found::of(&error);
                if !copy.is_mended(&found) {
                    let place = copy.place(&found);
                    problems.push(Problem::new(text, place, found.told(text)));
                }
                if !copy.mend(&found) {
                    break;
                }
            }
        }
    }
    problems.sort_by_key(|problem| problem.place);
    problems.dedup();
    Err(problems)
}

/// The parts of an error of the YAML library.
struct Found {
    /// In the copy.
    place: Option<(usize, usize)>,
    /// `kmods[0].tag`, or nothing.
    path: String,
    /// Without both.
    message: String,
}

impl Found {
    fn of(error: &serde_yaml::Error) -> Self {
        let place = error.location().map(|at| (at.line(), at.column()));
        let mut text = error.to_string();
        if let Some((line, column)) = place {
            text = text.replace(&format!(" at line {line} column {column}"), "");
        }
        let is_path = |path: &str| {
            !path.is_empty()
                && path
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.[]".contains(c))
        };
        match text.split_once(": ") {
            Some((path, message)) if is_path(path) => Self {
                place,
                path: path.to_owned(),
                message: message.to_owned(),
            },
            _ => Self {
                place,
                path: String::new(),
                message: text,
            },
        }
    }

    fn told(&self, text: &str) -> String {
        let words = plain(&self.message, text, self.place);
        match self.path.as_str() {
            "" => words,
            path => format!("{path}: {words}"),
        }
    }
}

/// The copy of the document in which errors are removed one by one.
struct Copy {
    /// Each line, and the number that it has in the document.
    lines: Vec<(Option<usize>, String)>,
    /// Paths of keys that were taken out.
    taken: BTreeSet<String>,
    /// Lines of which something was taken out.
    touched: BTreeSet<usize>,
}

impl Copy {
    fn of(text: &str) -> Self {
        let lines = text.lines().enumerate();
        Self {
            lines: lines
                .map(|(number, line)| (Some(number + 1), line.to_owned()))
                .collect(),
            taken: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    fn text(&self) -> String {
        self.lines
            .iter()
            .map(|(_, line)| format!("{line}\n"))
            .collect()
    }

    fn original(&self, line: usize) -> Option<usize> {
        self.lines.get(line.checked_sub(1)?)?.0
    }

    /// Where it is in the document. For a missing key, it is the place of the key of
    /// its mapping.
    fn place(&self, found: &Found) -> Option<(usize, usize)> {
        let (line, column) = found.place?;
        let Some((original, text)) = self.lines.get(line.checked_sub(1)?) else {
            // An empty document.
            return Some((line, column));
        };
        let before: String = text.chars().take(column - 1).collect();
        if missing_key(&found.message).is_some() && before.trim().is_empty() {
            let above = self.above(line - 1, column - 1).and_then(|at| {
                let (original, text) = &self.lines[at];
                Some(((*original)?, indent(text) + 1))
            });
            return above.or(Some(((*original)?, column)));
        }
        Some(((*original)?, column))
    }

    /// Whether this error is only a consequence of an entry that was taken out before.
    fn is_mended(&self, found: &Found) -> bool {
        if let Some(key) = missing_key(&found.message) {
            let key = joined(&found.path, key);
            // It went with a value inside of it that was on the same line.
            let inside = |path: &String| {
                let rest = path.strip_prefix(&key);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            return self.taken.iter().any(inside);
        }
        let touched = |(line, _): (usize, usize)| {
            let original = self.original(line);
            original.is_some_and(|line| self.touched.contains(&line))
        };
        // All items of a list may have been taken out.
        let items = format!("{}[", found.path);
        let emptied = found.message.starts_with("invalid type: unit value")
            && self.taken.iter().any(|path| path.starts_with(&items));
        emptied || found.place.is_some_and(touched) || self.taken.contains(&found.path)
    }

    /// Takes the entry out, or puts one in; `false` if that cannot be done.
    fn mend(&mut self, found: &Found) -> bool {
        if let Some(key) = missing_key(&found.message) {
            return self.put(found, key);
        }
        let Some((line, column)) = found.place else {
            return false;
        };
        // A document that is not YAML has no entries.
        if found.path.is_empty() && unknown_key(&found.message).is_none() {
            return false;
        }
        match unknown_key(&found.message) {
            Some(key) => {
                self.taken.insert(joined(&found.path, key));
                // The key that was probably meant is not reported as missing too.
                let meant = suggestion(&found.message);
                self.taken
                    .extend(meant.map(|meant| joined(&found.path, meant)));
            }
            None => {
                self.taken.insert(found.path.clone());
            }
        }
        self.take(line - 1, column - 1)
    }

    /// Takes out the entry that a place is in.
    fn take(&mut self, line: usize, column: usize) -> bool {
        let Some((_, text)) = self.lines.get(line) else {
            return false;
        };
        let before: String = text.chars().take(column).collect();
        // The value begins after its key, on the same line or on one of the next.
        let mut first = line;
        if before.trim_matches([' ', '-']).is_empty() && !starts_entry(text, column) {
            first = self.above(line, indent(text)).unwrap_or(line);
        }
        let text = self.lines[first].1.clone();
        if text.trim().is_empty() {
            return false;
        }
        let own = indent(&text);
        let deeper = |line: &str| line.trim().is_empty() || indent(line) > own;
        let mut last = first + 1;
        while last < self.lines.len() && deeper(&self.lines[last].1) {
            last += 1;
        }
        for at in first..last {
            if let Some(number) = self.lines[at].0 {
                self.touched.insert(number);
            }
            self.lines[at].1.clear();
        }
        true
    }

    /// The nearest line above with less indentation.
    fn above(&self, line: usize, columns: usize) -> Option<usize> {
        let less = |at: &usize| !self.is_empty(*at) && indent(&self.lines[*at].1) < columns;
        (0..line).rev().find(less)
    }

    fn is_empty(&self, line: usize) -> bool {
        self.lines[line].1.trim().is_empty()
    }

    /// Adds a missing entry to the others of its mapping.
    fn put(&mut self, found: &Found, key: &str) -> bool {
        let Some(value) = any(&joined(&found.path, key)) else {
            return false;
        };
        let entry = |indent: usize| format!("{}{key}: {value}", " ".repeat(indent));
        if found.path.is_empty() {
            self.lines.push((None, entry(0)));
            return true;
        }
        let Some((line, column)) = found.place else {
            return false;
        };
        let Some((_, text)) = self.lines.get(line - 1) else {
            return false;
        };
        // A mapping in braces.
        if text.chars().nth(column - 1) == Some('{') {
            return false;
        }
        let mut last = line;
        while last < self.lines.len()
            && (self.is_empty(last) || indent(&self.lines[last].1) > column - 1)
        {
            last += 1;
        }
        self.lines.insert(last, (None, entry(column - 1)));
        true
    }
}

/// Whether a key begins at this column.
fn starts_entry(line: &str, column: usize) -> bool {
    let rest: String = line.chars().skip(column).collect();
    rest.contains(": ") || rest.trim_end().ends_with(':')
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// A value that is valid, for a key that must be there.
fn any(path: &str) -> Option<&'static str> {
    let plain: String = path
        .split('.')
        .map(|part| part.split('[').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(".");
    Some(match plain.as_str() {
        "image" => "{owner: a, name: a, title: a, description: a}",
        "image.owner" | "image.name" | "image.title" | "image.description" => "a",
        "zfs" => "{series: \"2.4\"}",
        "zfs.series" => "\"2.4\"",
        "kmods" => "[{image: localhost/a, project: \"https://localhost/a\"}]",
        "kmods.image" => "localhost/a",
        "kmods.project" => "https://localhost/a",
        "lint-skips.lint" => "a",
        "lint-skips.reason" | "boot.allow-failed.reason" => "a",
        "boot.allow-failed.unit" => "a.service",
        "heal.minutes" => "1",
        "content.copy.image" => "localhost/a:b",
        "content.copy.files" => "[]",
        "content.copy.files.from" | "content.copy.files.to" => "/usr/a",
        "content.repositories.name" | "content.repositories.key" => "a",
        "content.repositories.url" => "https://localhost/a",
        "content.steps.run" => "a",
        "content.selinux.contexts.path" => "/a",
        "content.selinux.contexts.type" => "a",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

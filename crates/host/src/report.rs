//! The door to the terminal and to CI's files: the only printer.
//!
//! Standard output is the answer, standard error shows the progress. With `--json`
//! standard output is exactly one document. Verbs stand right-aligned in twelve columns, as cargo's do.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is the door to the terminal"
)]

mod files;
mod notes;
mod progress;
mod section;
mod table;
mod wrap;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use forge::ci::Output;
use serde::Serialize;

use files::append;
use section::Section;

pub use files::{exactly_err, exactly_out};
pub use notes::Notes;
pub use progress::Progress;
pub use table::columns;

use crate::env::{Env, Terminal};
use crate::error::Error;
use crate::failure::Failure;

/// Where the answers go, and in which form.
#[derive(Debug, Clone)]
pub struct Report {
    json: bool,
    color: bool,
    /// Standard error is a terminal.
    terminal: bool,
    /// Columns of the terminal that standard output is.
    columns: Option<u16>,
    /// Columns of a sentence on standard error.
    width: usize,
    /// Columns of the terminal that standard error is, for lines of a file.
    excerpt: Option<u16>,
    /// Where the values for the jobs after this one go.
    output: Option<Output>,
    /// Markdown for the page of the run.
    summary: Option<std::path::PathBuf>,
    /// For tests: both streams, in place of the terminal.
    captured: Option<Arc<Mutex<[String; 2]>>>,
    /// For the alarm, which is called after a failure.
    notes: Arc<Mutex<Notes>>,
    level: Level,
    /// The last lines of the programs that were run, for a failure.
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Of which of several images it speaks.
    section: Option<Arc<Section>>,
}

/// How much of the progress is shown on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    /// Warnings and errors.
    Quiet,
    /// Steps; of other programs nothing, unless something fails.
    #[default]
    Normal,
    /// All that other programs say, too.
    Verbose,
}

/// So many lines of other programs are told when something fails.
const KEPT: usize = 60;

/// Stands before all lines of an error but the first.
const INDENT: &str = "  ";

/// Makes a line harmless: CI runners take a line that begins with `::` (after
/// white space) or holds `##[` for a command, on either stream.
/// Source: GitHub Actions, "Workflow commands".
pub fn harmless(line: &str) -> String {
    let line: String = line
        .chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect();
    let command = line.trim_start().starts_with("::") || line.contains("##[");
    if command {
        format!("| {}", line.replace("##[", "## ["))
    } else {
        line
    }
}

impl Report {
    /// For the terminal and CI files of this environment.
    pub fn new(env: &Env, json: bool) -> Self {
        Self {
            output: env.run.output.clone(),
            summary: env.run.summary.clone(),
            ..Self::on(&env.terminal, json)
        }
    }

    /// For a terminal alone: outside of a checkout.
    pub fn on(terminal: &Terminal, json: bool) -> Self {
        Self {
            color: terminal.color,
            terminal: terminal.there,
            columns: terminal.columns,
            width: terminal
                .error_columns
                .map_or(wrap::WIDTH, |columns| wrap::WIDTH.min(columns.into())),
            excerpt: terminal.error_columns,
            ..Self::plain(json)
        }
    }

    /// The same, telling more or less.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// A report for the part that is about one image; where there are `several`, it has
    /// a heading. Its document is for [`Report::sections`].
    #[must_use]
    pub fn section(&self, name: &str, several: bool) -> Self {
        Self {
            section: Some(Arc::new(Section::new(name, several))),
            ..self.clone()
        }
    }

    /// The document of these parts, `{"images": {NAME: DOCUMENT}}`, under `--json` only.
    ///
    /// # Errors
    /// Never for documents that were given.
    pub fn sections(&self, parts: &[Self]) -> Result<(), Error> {
        let parts = parts.iter().filter_map(|part| part.section.as_ref());
        let all: serde_json::Map<_, _> = parts.map(|part| part.document()).collect();
        self.document(&serde_json::json!({ "images": all }))
    }

    /// How much is told.
    pub fn level(&self) -> Level {
        self.level
    }

    /// For when there is no terminal.
    pub fn plain(json: bool) -> Self {
        Self {
            json,
            color: false,
            terminal: false,
            columns: None,
            width: wrap::WIDTH,
            excerpt: None,
            output: None,
            summary: None,
            captured: None,
            notes: Arc::default(),
            level: Level::default(),
            lines: Arc::default(),
            section: None,
        }
    }

    /// For tests: nothing reaches the terminal.
    pub fn capturing(json: bool) -> Self {
        Self {
            captured: Some(Arc::default()),
            ..Self::plain(json)
        }
    }

    /// What a [`Report::capturing`] was notes: standard output, standard error.
    pub fn captured(&self) -> [String; 2] {
        let lock = self.captured.as_ref().map(|captured| captured.lock());
        match lock {
            Some(Ok(captured)) => captured.clone(),
            Some(Err(poisoned)) => poisoned.into_inner().clone(),
            None => Default::default(),
        }
    }

    fn write(&self, stream: usize, line: &str) {
        match &self.captured {
            Some(captured) => {
                if let Ok(mut captured) = captured.lock() {
                    captured[stream].push_str(line);
                    captured[stream].push('\n');
                }
            }
            // A closed pipe (`| head`) is no reason to fail or to panic.
            None if stream == 0 => drop(writeln!(std::io::stdout().lock(), "{line}")),
            None => drop(writeln!(std::io::stderr().lock(), "{line}")),
        }
    }

    fn out(&self, line: &str) {
        self.write(0, line);
    }

    fn err(&self, line: &str) {
        self.write(1, line);
    }

    /// Tells an error; under `--json` it is the document as well. On a terminal its
    /// width is that of the text (`{:WIDTH}`), for an error that shows lines of a file.
    pub fn failure(&self, error: &dyn Failure) {
        self.take_note(|notes| notes.why = Some(error.to_string()));
        match self.excerpt {
            Some(columns) => {
                let width = usize::from(columns).saturating_sub(INDENT.len());
                self.show_error(format!("{error:width$}").trim_end());
            }
            None => self.show_error(&error.to_string()),
        }
        // Without a document a reader of JSON would see an empty stream.
        let document = serde_json::json!({
            "error": error.to_string(),
            "exit-code": error.exit_code(),
        });
        let _ = self.document(&document);
    }

    /// Whether the answer is to be one JSON document.
    pub fn json(&self) -> bool {
        self.json
    }

    /// A line of the answer. Silent under `--json`.
    pub fn answer(&self, line: &str) {
        if !self.json {
            let section = self.section.as_ref();
            if let Some(heading) = section.and_then(|section| section.heading()) {
                self.out(&heading);
            }
            self.out(line);
        }
    }

    /// The answer as one document, under `--json` only.
    ///
    /// # Errors
    /// Never for the types of this crate.
    pub fn document(&self, value: &impl Serialize) -> Result<(), Error> {
        if let Some(section) = &self.section {
            return section.keep(value);
        }
        if self.json {
            let text = serde_json::to_string_pretty(value)
                .map_err(|error| Error::Usage(format!("no JSON for this: {error}")))?;
            self.out(&text);
        }
        Ok(())
    }

    /// Rows of columns, the answer of a task that lists things. On a terminal no line
    /// runs over its width; in a file or a pipe each row is one line.
    pub fn table(&self, rows: &[Vec<String>]) {
        let lines = match self.columns {
            Some(width) => table::within(rows, width),
            None => columns(rows),
        };
        for line in lines {
            self.answer(&harmless(&line));
        }
    }

    /// A line of a plan, which is a part of the answer: a verb, and what is done. On a
    /// terminal it goes on below itself.
    pub fn planned(&self, line: &str) {
        let width = self.columns.map(|width| wrap::WIDTH.min(width.into()));
        match width {
            Some(width) => {
                for line in wrap::hanging(line, width) {
                    self.answer(&line);
                }
            }
            None => self.answer(line),
        }
    }

    /// Rows of columns on standard error, beside the answer.
    pub fn note_table(&self, rows: &[Vec<String>]) {
        let lines = match u16::try_from(self.width) {
            Ok(width) if self.terminal => table::within(rows, width),
            _ => columns(rows),
        };
        for line in lines {
            self.note(&line);
        }
    }

    /// A command that is run now, on standard error, as a person would type it.
    pub fn command(&self, line: &str) {
        let line = format!("$ {line}");
        match self.terminal {
            true => wrap::hanging(&line, self.width)
                .iter()
                .for_each(|line| self.note(line)),
            false => self.note(&line),
        }
    }

    /// A progress line on standard error, as cargo prints them:
    /// `     Pushing ghcr.io/…`.
    pub fn status(&self, verb: &str, text: &str) {
        if self.level == Level::Quiet {
            return;
        }
        self.verb("\u{1b}[1;32m", verb, text);
    }

    /// Something a person should know but that does not end the task.
    pub fn warning(&self, text: &str) {
        self.verb("\u{1b}[1;33m", "Warning", text);
    }

    /// The step of a plan that failed.
    pub fn failed_step(&self, step: &str) {
        self.take_note(|notes| {
            notes.step.get_or_insert_with(|| step.to_owned());
        });
    }

    /// Notes that nothing can be built yet, and why, for the alarm about an old
    /// image. Nothing is printed.
    pub fn not_yet(&self, why: &str) {
        self.take_note(|notes| (notes.not_yet, notes.why) = (true, Some(why.to_owned())));
    }

    fn take_note(&self, note: impl FnOnce(&mut Notes)) {
        if let Ok(mut notes) = self.notes.lock() {
            note(&mut notes);
        }
    }

    /// What was noted for the alarm so far.
    pub fn notes(&self) -> Notes {
        let mut notes = Notes::default();
        self.take_note(|noted| notes = noted.clone());
        notes
    }

    /// Prints why the task ended, as `error: …`.
    pub fn error(&self, text: &str) {
        self.take_note(|notes| notes.why = Some(text.to_owned()));
        self.show_error(text);
    }

    fn show_error(&self, text: &str) {
        let section = self.section.as_ref();
        let text = &section.map_or_else(|| text.to_owned(), |section| section.said(text));
        self.tell_kept(text);
        let lines = self.wrapped(text);
        let mut lines = lines.iter();
        let first = lines.next().map_or("", String::as_str);
        let paint = if self.color {
            ("\u{1b}[1;31m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        self.err(&format!("{}error:{} {}", paint.0, paint.1, harmless(first)));
        for line in lines {
            self.err(&format!("{INDENT}{}", harmless(line)));
        }
    }

    /// The same, in lines that fit a terminal.
    fn wrapped(&self, text: &str) -> Vec<String> {
        let text = text.lines();
        if !self.terminal {
            return text.map(str::to_owned).collect();
        }
        // `error: ` stands before the first line, two spaces before the others.
        let width = self.width.saturating_sub("error: ".len()).max(20);
        text.flat_map(|line| wrap::sentence(line, width)).collect()
    }

    /// A line that another program wrote. It is shown if something fails, or if all
    /// is to be told.
    pub fn foreign(&self, line: &str) {
        if self.level == Level::Verbose {
            self.err(&harmless(line));
            return;
        }
        if let Ok(mut lines) = self.lines.lock() {
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(harmless(line));
        }
    }

    /// What other programs said so far is of no interest any more: they went well.
    pub fn forget(&self) {
        if let Ok(mut lines) = self.lines.lock() {
            lines.clear();
        }
    }

    /// The last lines of other programs, unless the error has them itself.
    fn tell_kept(&self, error: &str) {
        let lines = match self.lines.lock() {
            Ok(mut lines) => std::mem::take(&mut *lines),
            Err(_) => return,
        };
        let lines = lines.iter().filter(|line| !error.contains(line.trim()));
        for line in lines {
            self.err(line);
        }
    }

    /// A line on standard error without a verb.
    pub fn note(&self, line: &str) {
        if self.level != Level::Quiet {
            self.err(&harmless(line));
        }
    }

    fn verb(&self, color: &str, verb: &str, text: &str) {
        let text = harmless(text);
        // Behind the verb, and below it.
        let lines = match self.terminal {
            true => wrap::sentence(&text, self.width.saturating_sub(14).max(20)),
            false => vec![text],
        };
        for (at, line) in lines.iter().enumerate() {
            match (at, self.color) {
                (0, true) => self.err(&format!("{color}{verb:>12}\u{1b}[0m {line}")),
                (0, false) => self.err(&format!("{verb:>12} {line}")),
                _ => self.err(&format!("{:>12} {line}", "")),
            }
        }
    }

    /// Values for the steps that follow in a workflow, if there is one.
    ///
    /// # Errors
    /// [`Error::File`] if the runner's file cannot be written.
    pub fn outputs(&self, values: &[(&str, String)]) -> Result<(), Error> {
        let Some(output) = &self.output else {
            return Ok(());
        };
        let text = match &self.section {
            None => output.text(values),
            Some(section) => {
                let names: Vec<String> = values
                    .iter()
                    .map(|(name, _)| section.output(name))
                    .collect();
                let values = names.iter().zip(values);
                let values = values.map(|(name, (_, value))| (name.as_str(), value.clone()));
                output.text(&values.collect::<Vec<_>>())
            }
        };
        append(output.path(), &text)
    }

    /// Markdown for the page of the run, if there is one.
    ///
    /// # Errors
    /// [`Error::File`] if the runner's file cannot be written.
    pub fn summary(&self, markdown: &str) -> Result<(), Error> {
        match &self.summary {
            Some(path) => {
                let section = self.section.as_ref();
                let title = section.and_then(|section| section.title());
                append(path, &(title.unwrap_or_default() + markdown))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_lines_start_no_command() {
        assert_eq!(harmless("::error::x"), "| ::error::x");
        assert_eq!(harmless("  ::set-output x"), "|   ::set-output x");
        assert_eq!(harmless("x ##[error]y"), "| x ## [error]y");
        assert_eq!(harmless("a::b\u{1b}[2J"), "a::b[2J");
    }
}

//! What a translation has to say, and the two forms in which the command
//! prints it.

use std::fmt;

/// How bad an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know. No rule of `fcos` uses it so far.
    Info,
    /// The result is usable, but probably not what was meant.
    Warning,
    /// There is no result.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A place in the Butane config, line and column counted from one; columns
/// count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line, from one.
    pub line: u32,
    /// Column in characters, from one.
    pub column: u32,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How bad it is.
    pub severity: Severity,
    /// The field, such as `$.storage.files.0.path`; empty for the whole config.
    pub path: String,
    /// Where that field stands, or the closest thing around it.
    pub position: Option<Position>,
    /// The reference's words.
    pub message: String,
}

impl fmt::Display for Entry {
    /// The one-line form: `SEVERITY[ at PATH][, line L col C]: MESSAGE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.severity)?;
        match (self.path.as_str(), self.position) {
            ("", None) => {}
            ("", Some(at)) => write!(f, " at line {} col {}", at.line, at.column)?,
            (path, None) => write!(f, " at {path}")?,
            (path, Some(at)) => write!(f, " at {path}, line {} col {}", at.line, at.column)?,
        }
        write!(f, ": {}", self.message)
    }
}

/// All messages of a translation, in the order in which the reference prints
/// them. Unused keys, which it prints in random order, stand in the order of
/// the config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The messages.
    pub entries: Vec<Entry>,
}

impl Report {
    /// Whether there is an error, so that no config can come out.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.severity == Severity::Error)
    }

    /// The form of `--raw-errors`: one line for each message.
    #[must_use]
    pub fn raw(&self) -> String {
        self.entries
            .iter()
            .map(|entry| format!("{entry}\n"))
            .collect()
    }

    /// The default form: each message with the lines around it, underlined.
    ///
    /// `name` is what the config is called (`<stdin>` if it has no name),
    /// `source` its text, and `color` adds ANSI colours. A message whose place
    /// lies past the end of its line is printed in the raw form, and so is
    /// what follows 64 MiB of output.
    #[must_use]
    pub fn pretty(&self, name: &str, source: &[u8], color: bool) -> String {
        let lines: Vec<&[u8]> = source.split(|byte| *byte == b'\n').collect();
        let mut out = String::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            // Many messages about one long line would repeat it as often.
            let excerpt = if out.len() > MAX_EXCERPTS {
                None
            } else {
                excerpt(entry, name, &lines, color)
            };
            match excerpt {
                Some(text) => out.push_str(&text),
                None => out.push_str(&format!("{entry}\n")),
            }
        }
        out
    }
}

/// Bytes of output after which messages are printed in the raw form.
const MAX_EXCERPTS: usize = 1 << 26;

/// Lines shown before and after the one that is meant.
const CONTEXT: usize = 2;

fn excerpt(entry: &Entry, name: &str, lines: &[&[u8]], color: bool) -> Option<String> {
    let paint = |code: &str, text: &str| {
        if color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    };
    let blue = |text: &str| paint("1;34", text);
    let at = entry.position?;
    let line = (at.line as usize).checked_sub(1)?;
    let start = (at.column as usize).checked_sub(1)?;
    let text = lines.get(line)?;
    if start >= text.len() {
        return None;
    }
    // The column counts characters and is used as if it counted bytes, as in
    // the reference: after a character beyond ASCII the line is underlined
    // too far to the left.
    let length = word(&text[start..]);
    let first = line.saturating_sub(CONTEXT);
    let last = (line + CONTEXT).min(lines.len() - 1);
    let gutter = (last + 1).to_string().len();
    let severity = match entry.severity {
        Severity::Error => paint("1;31", "error"),
        Severity::Warning => paint("1;33", "warning"),
        Severity::Info => paint("1;36", "info"),
    };
    let path = if entry.path.is_empty() {
        String::new()
    } else {
        format!("[{}]", entry.path)
    };
    let mut out = format!(
        "{severity}{path}:\n  {} {name}:{}:{}\n",
        blue("-->"),
        at.line,
        at.column
    );
    let bar = format!(" {} |", " ".repeat(gutter));
    out.push_str(&format!("{bar}\n"));
    for (offset, text) in lines[first..=last].iter().enumerate() {
        let number = first + offset;
        let label = format!("{:>gutter$}", number + 1);
        out.push_str(&format!(
            " {} | {}\n",
            blue(&label),
            String::from_utf8_lossy(text)
        ));
        if number == line {
            let underline = blue(&"^".repeat(length));
            out.push_str(&format!(
                "{bar} {}{underline} {}\n",
                " ".repeat(start),
                entry.message
            ));
        }
    }
    out.push_str(&format!("{bar}\n"));
    Some(out)
}

/// Bytes up to the next blank.
fn word(text: &[u8]) -> usize {
    let mut length = 0;
    for chunk in text.utf8_chunks() {
        match chunk.valid().find(char::is_whitespace) {
            Some(blank) => return length + blank,
            None => length += chunk.valid().len() + chunk.invalid().len(),
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, line: u32, column: u32) -> Entry {
        Entry {
            severity: Severity::Warning,
            path: path.into(),
            position: Some(Position { line, column }),
            message: "what".into(),
        }
    }

    #[test]
    fn raw_lines() {
        assert_eq!(
            entry("$.a", 3, 4).to_string(),
            "warning at $.a, line 3 col 4: what"
        );
        assert_eq!(entry("", 1, 1).to_string(), "warning at line 1 col 1: what");
        assert_eq!(
            Entry {
                position: None,
                ..entry("$.a", 1, 1)
            }
            .to_string(),
            "warning at $.a: what"
        );
    }

    #[test]
    fn excerpts_underline_to_the_next_blank() {
        let report = Report {
            entries: vec![entry("$.b", 2, 4)],
        };
        let text = report.pretty("x.bu", b"a: 1\nb: two three\n", false);
        assert_eq!(
            text,
            "warning[$.b]:\n  --> x.bu:2:4\n   |\n 1 | a: 1\n 2 | b: two three\n   |    ^^^ what\n 3 | \n   |\n"
        );
        assert!(
            report
                .pretty("x.bu", b"a: 1\nb: two", true)
                .contains("\x1b[1;34m^^^\x1b[0m what")
        );
    }

    #[test]
    fn places_past_the_line_fall_back() {
        let report = Report {
            entries: vec![entry("$.b", 2, 3)],
        };
        assert_eq!(
            report.pretty("x.bu", b"a: 1\nb:\n", false),
            "warning at $.b, line 2 col 3: what\n"
        );
    }
}

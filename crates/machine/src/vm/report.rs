//! The guest's report, read from the log of its console. Pure.
//!
//! A line of it may be cut by another writer's, and everything is said twice: a
//! line counts if its sum is right, and the report counts if all its lines are
//! there and the sum of all is right. Whatever else is no report, and says why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::expect::sha256;

/// What begins each line of a report; `probe.sh` has it, too.
const MARK: &str = "custom-coreos-vm ";

/// The largest report that is unpacked; a machine's is some kilobytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// What the guest said: fields by subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<String, BTreeMap<String, String>>);

/// Why there are no findings. Such a boot is never green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReport {
    /// No line of a report.
    Nothing,
    /// It is a report of another config's questions.
    OfAnother(String),
    /// How many lines arrived, of how many; of 0 if the end is missing.
    Torn {
        /// Lines with a right sum.
        have: usize,
        /// Lines that were sent.
        of: usize,
    },
    /// All lines arrived, and they are not a report.
    Garbled(String),
}

impl fmt::Display for NoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guest did not report: ")?;
        match self {
            Self::Nothing => f.write_str("its console shows no line of a report"),
            Self::OfAnother(id) => write!(f, "the report `{id}` is one on another config"),
            Self::Torn { have, of: 0 } => write!(f, "after {have} lines the report has no end"),
            Self::Torn { have, of } => write!(f, "only {have} of {of} lines came through whole"),
            Self::Garbled(why) => write!(f, "its report makes no sense ({why})"),
        }
    }
}

impl std::error::Error for NoReport {}

impl Findings {
    /// Reads lines `SUBJECT<tab>FIELD<tab>VALUE`.
    ///
    /// # Errors
    /// For a line that is not one.
    pub fn parse(text: &str) -> Result<Self, NoReport> {
        let mut findings = Self::default();
        for line in text.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(subject), Some(field), Some(value)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return Err(NoReport::Garbled(host::one_line(line)));
            };
            findings.set(subject, field, value);
        }
        Ok(findings)
    }

    /// What was said of one field.
    pub fn get(&self, subject: &str, field: &str) -> Option<&str> {
        self.0.get(subject)?.get(field).map(String::as_str)
    }

    /// All fields of a subject.
    pub fn of(&self, subject: &str) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.get(subject).into_iter().flatten();
        fields.map(|(field, value)| (field.as_str(), value.as_str()))
    }

    /// Puts a finding there, in the place of an older one.
    pub fn set(&mut self, subject: &str, field: &str, value: &str) {
        let fields = self.0.entry(subject.to_owned()).or_default();
        fields.insert(field.to_owned(), value.to_owned());
    }

    /// Every finding, as the guest would say it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (subject, fields) in &self.0 {
            for (field, value) in fields {
                text.push_str(&format!("{subject}\t{field}\t{value}\n"));
            }
        }
        text
    }
}

/// The lines of one boot's report.
#[derive(Default)]
struct Seen<'a> {
    lines: BTreeMap<usize, &'a str>,
    /// Number of lines and the sum of all.
    end: Option<(usize, &'a str)>,
}

/// Reads the last report in a console's log; `id` is `probe::id` of what was
/// asked.
///
/// # Errors
/// If there is none, or not all of it.
pub fn read(console: &str, id: &str) -> Result<Findings, NoReport> {
    let packed = collect(console, id)?;
    let mut text = String::new();
    let bytes = STANDARD
        .decode(packed.replace('\n', ""))
        .map_err(|error| NoReport::Garbled(error.to_string()))?;
    flate2::read::GzDecoder::new(bytes.as_slice())
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| NoReport::Garbled(error.to_string()))?;
    let findings = Findings::parse(&text)?;
    if findings.get("system", "boot-id").is_none() {
        return Err(NoReport::Garbled("it does not say which boot".to_owned()));
    }
    Ok(findings)
}

fn collect(console: &str, id: &str) -> Result<String, NoReport> {
    let mut reports: BTreeMap<&str, Seen<'_>> = BTreeMap::new();
    let mut others = BTreeSet::new();
    let mut last = None;
    for line in console.lines() {
        // Another writer's text may stand before it.
        let Some(at) = line.find(MARK) else {
            continue;
        };
        let words: Vec<&str> = line[at + MARK.len()..].split_whitespace().collect();
        let [kind, whose, tag, rest @ ..] = words.as_slice() else {
            continue;
        };
        if *whose != id {
            others.insert(host::one_line(whose));
            continue;
        }
        if !matches!(*kind, "begin" | "line" | "end") {
            continue;
        }
        last = Some(*tag);
        let seen = reports.entry(tag).or_default();
        match (*kind, rest) {
            ("line", [number, check, text, ..]) => {
                let sum = sha256(format!("{number} {text}").as_bytes());
                if let (Ok(number), true) =
                    (number.parse(), sum.starts_with(check) && check.len() == 8)
                {
                    seen.lines.insert(number, text);
                }
            }
            ("end", [total, sum, ..]) if sum.len() == 64 => {
                if let Ok(total) = total.parse() {
                    seen.end = Some((total, sum));
                }
            }
            _ => {}
        }
    }
    let Some(seen) = last.and_then(|tag| reports.remove(tag)) else {
        let other = others.into_iter().next();
        return Err(other.map_or(NoReport::Nothing, NoReport::OfAnother));
    };
    let have = seen.lines.len();
    let Some((total, sum)) = seen.end else {
        return Err(NoReport::Torn { have, of: 0 });
    };
    let whole: String = seen
        .lines
        .values()
        .map(|line| format!("{line}\n"))
        .collect();
    if have != total || sha256(whole.as_bytes()) != sum {
        return Err(NoReport::Torn { have, of: total });
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;

//! What was found, held against what is expected. Pure.
//!
//! A guest that did not report has no rows: `report::read`'s error is the
//! verdict, and [`Judgement`] keeps it.

mod comparison;
mod image;
mod luks;
mod special;

use serde::Serialize;

use super::expect::{Boot, Check, Expectation};
use super::report::{Findings, NoReport};
pub use comparison::Verdict;
use comparison::{Comparison, Evidence, SILENT};

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// The thing: `file /etc/hostname`.
    pub subject: String,
    /// What of it: `mode`.
    pub aspect: String,
    /// What the config says.
    pub expected: String,
    /// What the guest says.
    pub found: String,
    /// Whether the two agree.
    pub verdict: Verdict,
}

/// All of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    /// Which boot.
    pub boot: Boot,
    /// Why there are no rows, if the guest did not report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_report: Option<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Judgement {
    /// Judges one boot. `earlier` is what the guest said at the first boot; of
    /// the first boot itself it is nothing.
    pub fn of(
        boot: Boot,
        expectations: &[Expectation],
        report: Result<&Findings, &NoReport>,
        earlier: Option<&Findings>,
    ) -> Self {
        let (rows, no_report) = match report {
            Ok(findings) => (judge(boot, expectations, findings, earlier), None),
            Err(why) => (Vec::new(), Some(why.to_string())),
        };
        Self {
            boot,
            no_report,
            rows,
        }
    }

    /// The guest reported, and everything that could be judged holds.
    pub fn is_green(&self) -> bool {
        self.no_report.is_none()
            && self.rows.iter().any(|row| row.verdict == Verdict::Holds)
            && self.rows.iter().all(|row| row.verdict != Verdict::Broken)
    }

    /// The rows of one verdict.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.verdict == verdict)
    }

    /// One line: how many rows hold, are broken, or are not judged.
    pub fn summary(&self) -> String {
        if let Some(why) = &self.no_report {
            return why.clone();
        }
        let count = |verdict| self.with(verdict).count();
        let mut text = format!("{} hold", count(Verdict::Holds));
        for (verdict, word) in [
            (Verdict::Broken, "do not"),
            (Verdict::NotJudged, "not judged"),
        ] {
            let count = count(verdict);
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }

    /// Cells of a table, its head first; for `report::table`.
    pub fn table(&self) -> Vec<Vec<String>> {
        let head = ["", "WHAT", "EXPECTED", "FOUND"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Holds => "ok",
                Verdict::Broken => "FAIL",
                Verdict::NotJudged => "?",
            };
            let what = format!("{}: {}", row.subject, row.aspect);
            let what = what.trim_end_matches(": ");
            let cells = [verdict, what, &row.expected, &row.found];
            rows.push(cells.map(str::to_owned).to_vec());
        }
        rows
    }
}

/// Holds the findings of one boot against the expectations.
pub fn judge(
    boot: Boot,
    expectations: &[Expectation],
    findings: &Findings,
    earlier: Option<&Findings>,
) -> Vec<Row> {
    let evidence = Evidence { findings, earlier };
    expectations
        .iter()
        .filter(|expectation| expectation.only.is_none_or(|only| only == boot))
        .map(|expectation| evidence.row(expectation))
        .collect()
}

impl Evidence<'_> {
    fn row(&self, expectation: &Expectation) -> Row {
        let subject = expectation.question.subject();
        let said = self.said(&subject, expectation);
        Row {
            subject,
            aspect: expectation.aspect.clone(),
            expected: said.expected,
            found: host::one_line(&said.found),
            verdict: said.verdict,
        }
    }

    fn said(&self, subject: &str, expectation: &Expectation) -> Comparison {
        let get = |field: &str| self.findings.get(subject, field);
        let or_silent = |field: &str| get(field).unwrap_or(SILENT).to_owned();
        match &expectation.check {
            Check::Is(field, value) => {
                Comparison::new(value, shown(or_silent(field)), get(field) == Some(value))
            }
            Check::Digest(field, value) => {
                let found = get(field).map_or_else(|| absence(self, subject), short);
                Comparison::new(short(value), found, get(field) == Some(value))
            }
            Check::OneOf(field, values) => {
                let holds = get(field).is_some_and(|found| values.contains(&found));
                let wanted = values.first().copied().unwrap_or_default();
                let wanted = if wanted == "disabled" {
                    "not enabled"
                } else {
                    wanted
                };
                Comparison::new(wanted, shown(or_silent(field)), holds)
            }
            Check::Contains(field, word) => self.word(subject, field, word),
            Check::None(field) => {
                let found = get(field).map(|text| if text.is_empty() { "none" } else { text });
                let holds = get(field) == Some("");
                Comparison::new("none", found.unwrap_or(SILENT), holds)
            }
            Check::Partition {
                number,
                label,
                field,
                value,
            } => self.partition(subject, *number, label, field, value),
            Check::OnlyPartitions(wanted) => self.only_partitions(subject, wanted),
            Check::BackedBy => {
                let (device, on) = (get("device"), get("open-on"));
                let holds = device.is_some() && device == on;
                Comparison::new(device.unwrap_or(SILENT), on.unwrap_or(SILENT), holds)
            }
            Check::Clevis(pins) => luks::clevis(pins, get("header")),
            Check::OpenedByClevis => luks::opened(get("header"), get("device"), get("open-on")),
            Check::MountedFrom(what) => {
                let source = or_silent("source");
                Comparison::new(what, source, get("from-it") == Some("yes"))
            }
            Check::Options(options) => self.options(subject, options),
            Check::Active => self.active(subject),
            Check::IgnitionRan => self.ignition(true),
            Check::IgnitionDidNotRun => self.ignition(false),
            Check::Canary(mounted) => self.canary(subject, *mounted),
            Check::Among(field, values) => {
                let holds = get(field).is_some_and(|found| values.iter().any(|v| v == found));
                Comparison::new(values.join(" or "), shown(or_silent(field)), holds)
            }
            Check::Begins(field, version) => {
                let rest = get(field).and_then(|found| found.strip_prefix(version.as_str()));
                let holds =
                    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
                Comparison::new(
                    version,
                    shown(or_silent(field)),
                    holds && !version.is_empty(),
                )
            }
            Check::NotEmpty(field) => {
                let holds = get(field).is_some_and(|found| !found.is_empty());
                Comparison::new("an answer", shown(or_silent(field)), holds)
            }
            Check::ThisBoot(field) => {
                let boot = self.findings.get("system", "boot-id");
                let holds = boot.is_some() && get(field) == boot;
                let found = if holds { "still there" } else { "gone" };
                Comparison::new("what was written", found, holds)
            }
            Check::AsBefore(field) => {
                let then = self.earlier.and_then(|earlier| earlier.get(subject, field));
                // Nothing twice is no answer twice: a file that is not there, say.
                let holds = then.is_some_and(|then| !then.is_empty()) && get(field) == then;
                Comparison::new(
                    short(then.unwrap_or(SILENT)),
                    short(&or_silent(field)),
                    holds,
                )
            }
            Check::Ran(field) => {
                let found = match (get(field), get("said")) {
                    (Some(code), Some(said)) if code != "0" => format!("{code}: {said}"),
                    _ => or_silent(field),
                };
                Comparison::new("0", found, get(field) == Some("0"))
            }
            Check::RefusedUnsigned => self.refused(subject),
            Check::Only(field, allowed) => self.none_but(subject, field, allowed),
            Check::Field(field, value) => {
                Comparison::new(value, shown(or_silent(field)), get(field) == Some(value))
            }
            Check::Same(field, other) => self.same(subject, field, other),
            Check::HasNextRun => self.due(subject),
            Check::NothingNew(field) => self.nothing_new(subject, field),
            Check::Imported => self.imported(subject),
            Check::NotJudged(why) => Comparison::unknown("", format!("not judged: {why}")),
        }
    }

    fn word(&self, subject: &str, field: &str, word: &str) -> Comparison {
        let found = self.findings.get(subject, field);
        let holds = found.is_some_and(|list| list.split_whitespace().any(|w| w == word));
        let hash = word.len() == 64;
        let found = match found {
            None => SILENT.to_owned(),
            // A list of hashes tells a person nothing.
            Some(list) if hash && holds => {
                format!("one of {}", list.split_whitespace().count())
            }
            Some(list) if hash => {
                let unsafe_file = self.findings.get(subject, "unsafe");
                let others = list.split_whitespace().count();
                unsafe_file.map_or_else(
                    || format!("not among {others}"),
                    |file| format!("not among {others}; sshd would not read {file}"),
                )
            }
            Some("") => "(nothing)".to_owned(),
            Some(list) => list.to_owned(),
        };
        let wanted = if hash { "there" } else { word };
        Comparison::new(wanted, found, holds)
    }
}

/// What stands for missing content: the type, if it is no regular file.
fn absence(evidence: &Evidence<'_>, subject: &str) -> String {
    match evidence.findings.get(subject, "type") {
        None | Some("file") => SILENT.to_owned(),
        Some(kind) => kind.to_owned(),
    }
}

fn shown(found: String) -> String {
    if found.is_empty() {
        return "(nothing)".to_owned();
    }
    found
}

/// The first half of a hash, as people compare them.
fn short(hash: &str) -> String {
    match hash.get(..12) {
        Some(start) if hash.len() > 16 => format!("{start}…"),
        _ => hash.to_owned(),
    }
}

#[cfg(test)]
mod tests;

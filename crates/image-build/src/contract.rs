//! The report of `contract.sh`, read back. Pure.

use serde::Serialize;

use crate::error::Error;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Whether it passed.
    pub ok: bool,
    /// Its name.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// Reads the lines `ok|FAIL <tab> check <tab> expected <tab> found` and the
/// last line, `end <tab> N checks, M failed`.
///
/// # Errors
/// [`Error::Step`] if the last line is missing or counts other than the lines do: a
/// contract that was interrupted proves nothing.
pub fn parse(text: &str) -> Result<Vec<Check>, Error> {
    let broken = |detail: String| Error::Step {
        step: "contract".to_owned(),
        detail,
    };
    let mut checks = Vec::new();
    let mut end = None;
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            [verdict @ ("ok" | "FAIL"), name, expected, found] => checks.push(Check {
                ok: *verdict == "ok",
                name: host::one_line(name),
                expected: host::one_line(expected),
                found: host::one_line(found),
            }),
            ["end", count] => end = Some((*count).to_owned()),
            _ => {
                return Err(broken(format!(
                    "a line that is no check: `{}`",
                    host::one_line(line)
                )));
            }
        }
    }
    let failed = checks.iter().filter(|check| !check.ok).count();
    let counted = format!("{} checks, {failed} failed", checks.len());
    match end {
        Some(end) if end == counted && !checks.is_empty() => Ok(checks),
        Some(end) => Err(broken(format!(
            "it says `{end}`, its lines say `{counted}`"
        ))),
        None => Err(broken("it did not come to its end".to_owned())),
    }
}

/// The check that a script of `content.checks` made: its exit status, and the last line
/// that it printed.
pub fn own(name: &str, passed: bool, code: Option<i32>, output: &str) -> Check {
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    let status = match code {
        Some(code) => format!("exit status {code}"),
        None => "a signal".to_owned(),
    };
    let found = match (last, passed) {
        (Some(line), true) => host::one_line(line),
        (Some(line), false) => format!("{status}: {}", host::one_line(line)),
        (None, _) => status,
    };
    Check {
        ok: passed,
        name: name.to_owned(),
        expected: "exit status 0".to_owned(),
        found,
    }
}

/// The checks as rows, the failed ones marked.
pub fn rows(checks: &[Check]) -> Vec<Vec<String>> {
    let mut rows = vec![
        ["", "CHECK", "EXPECTED", "FOUND"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for check in checks {
        let verdict = if check.ok { "ok" } else { "FAIL" };
        let cells = [verdict, &check.name, &check.expected, &check.found];
        rows.push(cells.map(str::to_owned).to_vec());
    }
    rows
}

/// One line for the failed checks, if there are any.
pub fn failures(checks: &[Check]) -> Option<String> {
    let failed: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|c| format!("{}: expected {}, found {}", c.name, c.expected, c.found))
        .collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_to_its_end() {
        let text = "ok\tkernel\ta\ta\nFAIL\tzfs\tb\tc\nend\t2 checks, 1 failed\n";
        let checks = parse(text).unwrap();
        assert_eq!(failures(&checks).unwrap(), "zfs: expected b, found c");
        for broken in [
            "",
            "ok\tkernel\ta\ta\n",
            "end\t0 checks, 0 failed\n",
            "ok\tkernel\ta\ta\nend\t2 checks, 0 failed\n",
            "hello\nend\t0 checks, 0 failed\n",
        ] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }
}

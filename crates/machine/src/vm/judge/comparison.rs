//! What a guest said of one expectation, as words for two columns and a verdict.

use serde::Serialize;

use crate::vm::report::Findings;

/// How an expectation fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Broken,
    /// Unknown; the row says why.
    NotJudged,
}

/// Words for the two columns, and the verdict.
pub(super) struct Comparison {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) verdict: Verdict,
}

impl Comparison {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>, holds: bool) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
            verdict: if holds {
                Verdict::Holds
            } else {
                Verdict::Broken
            },
        }
    }

    pub(super) fn unknown(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
            verdict: Verdict::NotJudged,
        }
    }
}

/// What there is to judge by.
pub(super) struct Evidence<'a> {
    pub(super) findings: &'a Findings,
    pub(super) earlier: Option<&'a Findings>,
}

/// Stands for a missing answer.
pub(super) const SILENT: &str = "(the guest does not say)";

//! Places in the text, and what is wrong there.

/// A position: characters since the start, line and column, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Why the text is no YAML: the reference's message with its line number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("yaml: {0}")]
pub(crate) struct Fault(String);

impl Fault {
    /// A fault without a line.
    pub(crate) fn plain(problem: impl Into<String>) -> Self {
        Fault(problem.into())
    }

    pub(super) fn internal() -> Self {
        Fault::plain("unknown problem parsing YAML content")
    }

    pub(super) fn reader(problem: &str) -> Self {
        Fault::plain(problem)
    }

    /// The line counts from zero in the grammar and from one in the scanner;
    /// line zero counts as unknown.
    pub(super) fn located(context: Mark, problem_mark: Mark, problem: &str, add: usize) -> Self {
        let line = if context.line != 0 {
            context.line
        } else {
            problem_mark.line
        };
        match line {
            0 => Fault::plain(problem),
            line => Fault(format!("line {}: {problem}", line + add)),
        }
    }

    pub(super) fn scanner(context: Mark, at: Mark, problem: impl Into<String>) -> Self {
        Fault::located(context, at, &problem.into(), 1)
    }

    pub(super) fn parser(context: Mark, at: Mark, problem: &str) -> Self {
        Fault::located(context, at, problem, 0)
    }
}

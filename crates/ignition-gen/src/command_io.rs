//! What the reference compiler's command line says of a file that cannot be opened or
//! read.

use crate::FileError;

/// What failed of getting the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputStep {
    /// Opening the file.
    Open,
    /// Reading the opened file.
    Read,
}

/// What to print when the input cannot be opened or read; `path` is
/// the file of the command line, or none for standard input. The exit code is 1.
#[must_use]
pub fn input_failure(path: Option<&str>, step: InputStep, error: &FileError) -> String {
    let path = path.unwrap_or("/dev/stdin");
    let verb = match step {
        InputStep::Open => "open",
        InputStep::Read => "read",
    };
    format!("failed to {verb} {path}: {verb} {path}: {error}\n")
}

/// What to print when the output cannot be opened; `path` is
/// the file of `--output`. The exit code is 1.
#[must_use]
pub fn output_failure(path: &str, error: &FileError) -> String {
    format!("failed to open {path}: open {path}: {error}\n")
}

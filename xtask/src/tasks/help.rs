//! `help`: the list of tasks, or one explained.

use host::Done;
use host::report::Report;

use crate::cli::{HelpArgs, help_of, overview};
use crate::error::Error;

/// Prints it.
///
/// # Errors
/// [`Error::Usage`] for a task that does not exist.
pub fn run(report: &Report, args: &HelpArgs) -> Result<Done, Error> {
    let text = match &args.task {
        None => overview(),
        Some(name) => help_of(name).ok_or_else(|| {
            Error::Usage(format!(
                "there is no task `{}`; `cargo xtask` lists them",
                host::one_line(name)
            ))
        })?,
    };
    report.answer(text.trim_end());
    report.document(&text)?;
    Ok(Done::Well)
}

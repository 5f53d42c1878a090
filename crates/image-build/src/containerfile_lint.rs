//! A linter for Containerfiles: our own rules, as a pure function of the text.
//!
//! It reports every violation at once, each with its line. It does not know what a
//! script does that the Containerfile calls; `install.sh`, for instance, has to remove
//! the caches that it created itself.

mod rule;
mod rules;
mod shell;
#[cfg(test)]
mod tests;

use image_config::containerfile;
pub use rule::{Rule, Violation};

/// Every violation, in the order of the lines.
pub fn lint(text: &str) -> Vec<Violation> {
    let mut violations = rules::violations(&containerfile::parse(text));
    violations.sort_by_key(|violation| (violation.line, violation.rule));
    violations.dedup();
    violations
}

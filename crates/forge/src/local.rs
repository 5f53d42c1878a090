//! No forge: the nights of this machine. They set variables as GitHub's CI does,
//! so that a task hands its outputs to the next in the same way. First every variable of
//! a CI run is emptied: a night that is started within one has nothing of it.

use crate::github;

/// The variables that a night sets for each of its tasks.
pub fn variables(run: u64, job: &str, output: &str, summary: &str) -> Vec<(&'static str, String)> {
    let mut set: Vec<(&'static str, String)> = github::RUN_VARIABLES
        .into_iter()
        .map(|name| (name, String::new()))
        .collect();
    set.extend([
        (github::RUN_ID, run.to_string()),
        (github::JOB, job.to_owned()),
        (github::OUTPUT, output.to_owned()),
        (github::SUMMARY, summary.to_owned()),
    ]);
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_takes_nothing_of_another_run() {
        let set = variables(7, "build", "/o", "/s");
        let last = |name: &str| {
            let mut of = set.iter().rev().filter(|(known, _)| *known == name);
            of.next().map(|(_, value)| value.as_str())
        };
        assert_eq!(last(github::RUN_ID), Some("7"));
        for name in github::RUN_VARIABLES {
            assert!(last(name).is_some());
        }
    }
}

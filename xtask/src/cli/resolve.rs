//! `resolve`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use image_config::Reason;

use super::facts::FactsArgs;

/// `resolve`.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also say if there is anything to build; that there is not is an answer
    /// (exit code 0), and where it runs in CI the page of the run explains it
    #[arg(long)]
    pub decide: bool,
    /// Build though nothing changed; the reason becomes a label. `no` is none
    #[arg(long, value_name = "REASON", requires = "decide")]
    pub force: Option<Force>,
    /// Facts.
    #[command(flatten)]
    pub facts: FactsArgs,
}

impl ResolveArgs {
    /// Why it is built though nothing changed.
    pub fn forced(&self) -> Option<&Reason> {
        match &self.force {
            Some(Force::Because(reason)) => Some(reason),
            Some(Force::No) | None => None,
        }
    }
}

/// A reason, or the word that there is none: a workflow hands on what a person
/// typed, and says `no` where nobody was asked. The empty text is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Force {
    /// `no`.
    No,
    /// Anything else.
    Because(Reason),
}

impl FromStr for Force {
    type Err = version_discovery::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "no" => Ok(Self::No),
            reason => reason.parse().map(Self::Because),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_is_no_reason_and_nothing_is_not_no() {
        assert_eq!("no".parse::<Force>().unwrap(), Force::No);
        let because = "no kernel".parse::<Force>().unwrap();
        assert_eq!(because, Force::Because("no kernel".parse().unwrap()));
        for wrong in ["", " ", "a\nb"] {
            assert!(wrong.parse::<Force>().is_err(), "{wrong:?}");
        }
    }
}

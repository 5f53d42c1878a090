//! `cleanup` and `cleanup restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use image_config::Percent;

/// `cleanup`.
#[derive(Debug, Clone, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CleanupArgs {
    /// Something else than a clean-up.
    #[command(subcommand)]
    pub command: Option<CleanupCommand>,
    /// Delete what the plan says; without it nothing is deleted
    #[arg(long, group = "how")]
    pub execute: bool,
    /// The same as a word, for workflows
    #[arg(long, value_name = "MODE", group = "how")]
    pub mode: Option<Mode>,
    /// Let images go that are older, instead of image.yaml's days
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Keep so many of the newest images, instead of image.yaml's
    #[arg(long, value_name = "N")]
    pub keep: Option<u32>,
    /// Let this share of all versions go in one run, instead of image.yaml's
    #[arg(long, value_name = "PERCENT")]
    pub most_share: Option<Percent>,
    /// Only this package of image.yaml
    #[arg(long, value_name = "NAME")]
    pub package: Option<String>,
    /// Write the log of deletions there, instead of under target/cleanup
    #[arg(long, value_name = "FILE", requires = "how")]
    pub log: Option<PathBuf>,
    /// Name what is broken in the registry already, and delete nothing
    #[arg(long, conflicts_with_all = ["execute", "mode", "days", "keep", "most_share"])]
    pub audit: bool,
}

/// Whether anything is deleted. A word and not a flag, so that a workflow can
/// hand it on; the empty text of an input that is not there is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The plan is printed.
    DryRun,
    /// And carried out.
    Execute,
}

impl CleanupArgs {
    /// Whether the plan is carried out.
    pub fn executes(&self) -> bool {
        self.execute || self.mode == Some(Mode::Execute)
    }
}

/// What is below `cleanup`.
#[derive(Debug, Clone, Subcommand)]
pub enum CleanupCommand {
    /// Bring back what the log of a clean-up names
    ///
    /// GitHub keeps deleted versions for 30 days.
    ///
    /// Example: cargo xtask cleanup restore target/cleanup/LOG.json
    Restore(RestoreArgs),
}

/// `cleanup restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The log that the clean-up wrote
    pub log: PathBuf,
}

//! The command line. The grammar is the whole project's; a test holds that
//! the book's list and the workflows speak it.

mod alarm;
mod boot;
mod checkout;
mod cleanup;
mod facts;
mod ignition;
mod image;
mod kmods;
mod night;
mod resolve;
mod status;
mod vm;
mod workflow;

use std::path::PathBuf;

use clap::{Args, Parser};
use host::report::Level;

pub use alarm::{AlarmArgs, JobName};
pub use boot::BootArgs;
pub use checkout::{ConfigArgs, DoctorArgs, HelpArgs, UpdateArgs};
pub use cleanup::{CleanupArgs, CleanupCommand, Mode, RestoreArgs};
pub use facts::{ExplainArgs, FactsArgs};
pub use ignition::{ButaneArgs, CompareArgs, IgnitionArgs, IgnitionTask, ServeArgs, SiteArgs};
pub use image::{
    BuildArgs, DiffArgs, Images, Inputs, KeysArgs, KeysTask, NewKeyArgs, PromoteArgs, PublishArgs,
    RetractArgs, RollbackArgs, TestBuildArgs, VerifyArgs,
};
pub use kmods::{KmodsArgs, KmodsBuildArgs, KmodsStatusArgs, KmodsTask, KmodsVerifyArgs, PairArgs};
pub use night::{InstallArgs, NightArgs, NightTask};
pub use resolve::{Force, ResolveArgs};
pub use status::StateArgs;
pub use vm::VmArgs;
pub use workflow::{Branch, RunArgs, StatusArgs, WorkflowArgs, WorkflowFile, WorkflowTask};

pub use crate::tasks::Task;

/// Printed below every help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration,
3 could not find out: try again, 4 refused: something could be lost,
10 not yet: nothing can be built now";

/// Builds, verifies and publishes a custom Fedora CoreOS image
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 80,
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
pub struct Cli {
    /// What every task understands.
    #[command(flatten)]
    pub global: Global,
    /// The task; without one, the tasks are listed.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// Options of every task.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Use another file instead of image.yaml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only this image of image.yaml, where it has several; may be repeated
    #[arg(id = "of-image", long = "image", global = true, value_name = "NAME")]
    pub images: Vec<String>,
    /// Show all that the programs say which are run
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Show warnings and errors only, beside the answer
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Global {
    /// How much is told.
    pub fn level(&self) -> Level {
        match (self.quiet, self.verbose) {
            (true, _) => Level::Quiet,
            (false, true) => Level::Verbose,
            (false, false) => Level::Normal,
        }
    }
}

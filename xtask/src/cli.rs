//! The command line. The grammar is the whole project's; a test holds that
//! README's list and the workflows speak it.

mod cleanup;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use registry_compat::ImageRef;

pub use cleanup::{CleanupArgs, CleanupCommand, RestoreArgs};

use crate::engine::Engine;

/// Builds, verifies and publishes a custom Fedora CoreOS image
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done · 1 failed · 2 wrong usage or configuration · 3 could not find\nout, try again · 4 refused · 10 not yet, nothing can be built now"
)]
pub struct Cli {
    /// What every task understands.
    #[command(flatten)]
    pub global: Global,
    /// The task.
    #[command(subcommand)]
    pub task: Task,
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
}

/// Where facts come from and go to.
#[derive(Debug, Clone, Default, Args)]
pub struct FactsArgs {
    /// Use facts that were saved, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Save what was found out
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub save_facts: Option<PathBuf>,
}

/// The tasks.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Show what upstream has, and whether an image can be built of it
    ///
    /// Example: cargo xtask versions --json
    Versions(FactsArgs),
    /// Print the newest OpenZFS tag of the series
    ///
    /// Example: cargo xtask zfs-version
    ZfsVersion,
    /// Print the kernel of the base image
    ///
    /// Example: cargo xtask kernel-version
    KernelVersion,
    /// Print the kernel's major and minor version
    ///
    /// Example: cargo xtask kernel-major-minor
    KernelMajorMinor,
    /// Print the kmods image for these versions, or why there is none
    ///
    /// Example: cargo xtask check-zfs-available || echo "exit code $?"
    CheckZfsAvailable(FactsArgs),
    /// Write the lock: every input of a build, pinned by digest
    ///
    /// Example: cargo xtask resolve -o lock.json
    Resolve(ResolveArgs),
    /// Build the image and verify it; with --publish, publish it
    ///
    /// Example: cargo xtask build --publish --dry-run
    Build(BuildArgs),
    /// Build the image, verify it, and remove it again
    ///
    /// Example: cargo xtask test-build
    TestBuild(TestBuildArgs),
    /// Check an image in a registry against its own labels and lock
    ///
    /// Example: cargo xtask verify ghcr.io/owner/custom-coreos:stable
    Verify(VerifyArgs),
    /// Plan which old versions of the packages go; with --execute, delete them
    ///
    /// What a kept image needs stays: platforms, signatures, attestations.
    ///
    /// Example: cargo xtask cleanup --days 30
    Cleanup(CleanupArgs),
    /// Print image.yaml as understood, with every default filled in
    ///
    /// Example: cargo xtask config
    Config,
    /// Say what is missing on this machine, and what brings it
    ///
    /// Example: cargo xtask doctor
    Doctor,
    /// Run the whole main job against throw-away stand-ins on this machine
    ///
    /// No account and no upstream is needed. Shows the good night and three bad
    /// ones.
    ///
    /// Example: cargo xtask rehearse
    Rehearse(RehearseArgs),
}

/// `resolve`.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Facts.
    #[command(flatten)]
    pub facts: FactsArgs,
}

/// What `build` and `test-build` share.
#[derive(Debug, Clone, Default, Args)]
pub struct Inputs {
    /// Build exactly what this lock says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["facts", "save_facts"])]
    pub locked: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// Facts.
    #[command(flatten)]
    pub facts: FactsArgs,
}

/// `build`.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildArgs {
    /// Push the image, and move the tags of image.yaml once it is proven
    #[arg(long)]
    pub publish: bool,
    /// Inputs.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// `test-build`.
#[derive(Debug, Clone, Default, Args)]
pub struct TestBuildArgs {
    /// Inputs.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The image, with its registry
    pub image: ImageRef,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// Keep the folder with the stand-ins and logs
    #[arg(long)]
    pub keep: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound_and_its_help_fits_a_terminal() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        command.build();
        for task in command.get_subcommands_mut() {
            let help = task.render_long_help().to_string();
            if task.get_name() == "help" {
                continue;
            }
            assert!(help.contains("Example: cargo xtask "), "{help}");
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "too wide: {line}");
            }
        }
    }
}

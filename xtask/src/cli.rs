//! The command line. The grammar is the whole project's; a test holds that
//! README's list and the workflows speak it.

mod alarm;
mod cleanup;
mod facts;
mod ignition;
mod image;
mod resolve;
mod status;
mod vm;
mod workflow;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub use alarm::{AlarmArgs, JobName};
pub use cleanup::{CleanupArgs, CleanupCommand, Mode, RestoreArgs};
pub use image::{
    BuildArgs, DiffArgs, Images, Inputs, KeysArgs, KeysTask, NewKeyArgs, PromoteArgs, PublishArgs,
    RetractArgs, RollbackArgs, TestBuildArgs, VerifyArgs,
};

pub use resolve::{Force, ResolveArgs};

use image_build::engine::Engine;

pub use facts::FactsArgs;
pub use ignition::{ButaneArgs, CompareArgs, IgnitionArgs, IgnitionTask, ServeArgs, SiteArgs};
pub use status::StateArgs;
pub use vm::VmArgs;
pub use workflow::{Branch, RunArgs, StatusArgs, WorkflowArgs, WorkflowFile, WorkflowTask};

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

/// Printed below every help.
const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration,
3 could not find out: try again, 4 refused: something could be lost,
10 not yet: nothing can be built now";

/// The tasks in groups, in the order of the list that `cargo xtask` prints. A
/// test holds that each task is in exactly one.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "What there is",
        &[
            "versions",
            "zfs-version",
            "kernel-version",
            "kernel-major-minor",
            "check-zfs-available",
            "explain",
            "forecast",
            "status",
        ],
    ),
    (
        "The image",
        &[
            "resolve",
            "build",
            "test-build",
            "publish",
            "verify",
            "diff",
            "promote",
            "rollback",
            "retract",
            "keys",
            "cleanup",
        ],
    ),
    ("The machine", &["ignition", "butane", "vm"]),
    ("The nights", &["workflow", "alarm"]),
    (
        "This checkout",
        &["rehearse", "check", "config", "doctor", "help"],
    ),
];

/// The list of tasks, one line each, in groups.
pub fn overview() -> String {
    let command = Cli::command();
    let mut text = String::from("cargo xtask TASK [OPTIONS], or `cargo xtask help TASK`\n");
    for (title, names) in GROUPS {
        text.push_str(&format!("\n{title}\n"));
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            text.push_str(&format!("  {name:<20} {about}\n"));
        }
    }
    text.push_str(&format!("\n{EXIT_CODES}"));
    text
}

/// The help of one task; `None` if there is no such task.
pub fn help_of(name: &str) -> Option<String> {
    let mut command = Cli::command();
    command.build();
    let task = command.find_subcommand_mut(name)?;
    Some(task.render_long_help().to_string())
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

/// The tasks.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Show what upstream has, and if an image can be built
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
    /// Print the kmods image, or why there is none
    ///
    /// Example: cargo xtask check-zfs-available || echo "exit code $?"
    CheckZfsAvailable(FactsArgs),
    /// Say why this base and this ZFS, and why none newer
    ///
    /// Example: cargo xtask explain
    Explain(FactsArgs),
    /// Say what the streams ahead will bring, and when
    ///
    /// Example: cargo xtask forecast
    Forecast,
    /// Show what is published, what upstream has, and how CI is
    ///
    /// Exit code 0: all was asked, whatever the answers are; but 10 and 4 as in
    /// `explain`, where nothing can be built. 3: a row says what could not be
    /// asked, and the others stand all the same.
    ///
    /// Example: cargo xtask status --history
    Status(StateArgs),
    /// Write the lock: every input, pinned by digest
    ///
    /// Example: cargo xtask resolve -o lock.json
    Resolve(ResolveArgs),
    /// Build and verify the image, and publish it if asked
    ///
    /// Example: cargo xtask build --publish --dry-run
    Build(BuildArgs),
    /// Build the image, verify it, and remove it again
    ///
    /// Example: cargo xtask test-build
    TestBuild(TestBuildArgs),
    /// Sign, prove and name what `build --push` pushed
    ///
    /// With several architectures the images are joined into one index.
    ///
    /// Example: cargo xtask publish ghcr.io/o/i@sha256:… --locked lock.json
    Publish(PublishArgs),
    /// Check a published image against its own lock
    ///
    /// Example: cargo xtask verify ghcr.io/owner/custom-coreos:stable
    Verify(VerifyArgs),
    /// List packages and labels that changed between images
    ///
    /// Example: cargo xtask diff ghcr.io/o/i:20260720 ghcr.io/o/i:stable
    Diff(DiffArgs),
    /// Move the followed tags to an image, once it is proven
    ///
    /// Example: cargo xtask promote ghcr.io/owner/custom-coreos@sha256:…
    Promote(PromoteArgs),
    /// Move the followed tags back to the image before
    ///
    /// Example: cargo xtask rollback --to 20260720
    Rollback(RollbackArgs),
    /// Mark an image as bad, and say what hosts must do
    ///
    /// Example: cargo xtask retract 20260721
    Retract(RetractArgs),
    /// Make the key pair that signs what is published
    ///
    /// Example: cargo xtask keys new
    Keys(KeysArgs),
    /// Translate the machines' Butane configs to Ignition
    ///
    /// Every ignition/*.bu and ignition/examples/*.bu becomes a file below
    /// target/ignition, strictly, and the lints look at the result.
    ///
    /// Example: cargo xtask ignition nas --check
    Ignition(IgnitionArgs),
    /// Be the Butane compiler, flag for flag
    ///
    /// Example: cargo xtask butane --strict --pretty < nas.bu > nas.ign
    Butane(ButaneArgs),
    /// Try an installation in a virtual machine
    ///
    /// Installs a config of ignition/ with the real Ignition, on a machine with
    /// a TPM, boots twice, and judges what came of it.
    ///
    /// Example: cargo xtask vm nas --serial
    Vm(VmArgs),
    /// Plan which old versions go, and delete them if asked
    ///
    /// What a kept image needs stays: platforms, signatures, attestations.
    ///
    /// Example: cargo xtask cleanup --days 30
    Cleanup(CleanupArgs),
    /// Start the workflows at GitHub, and see how they went
    ///
    /// Example: cargo xtask workflow status
    Workflow(WorkflowArgs),
    /// Open, change or close the issue that says what is wrong
    ///
    /// Each job of a workflow calls it as its last step.
    ///
    /// Example: cargo xtask alarm --job build --status failure --dry-run
    Alarm(AlarmArgs),
    /// Print image.yaml with every default filled in
    ///
    /// Example: cargo xtask config
    Config,
    /// Say what is missing here, and what brings it
    ///
    /// Example: cargo xtask doctor
    Doctor(DoctorArgs),
    /// Check format, lints and tests, as CI does
    ///
    /// Example: cargo xtask check
    Check,
    /// Run the main job against throw-away stand-ins
    ///
    /// No account and no upstream is needed. Shows nights that go well, and
    /// nights that do not.
    ///
    /// Example: cargo xtask rehearse
    Rehearse(RehearseArgs),
    /// List the tasks, or explain one
    ///
    /// Example: cargo xtask help build
    Help(HelpArgs),
}

/// `help`.
#[derive(Debug, Clone, Args)]
pub struct HelpArgs {
    /// The task to explain
    pub task: Option<String>,
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Run the package command that brings what is missing
    #[arg(long)]
    pub install: bool,
    /// Count what only `vm` takes as needed
    #[arg(long)]
    pub vm: bool,
}

/// `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// Keep the folder with the stand-ins and logs
    #[arg(long)]
    pub keep: bool,
    /// Rehearse with this engine
    #[arg(long, value_name = "ENGINE", default_value = "podman")]
    pub engine: Engine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound_and_its_help_fits_a_terminal() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        command.build();
        let mut helps = vec![overview()];
        for task in command.get_subcommands_mut() {
            let inner = task
                .get_subcommands_mut()
                .map(clap::Command::render_long_help);
            let mut all: Vec<String> = inner.map(|help| help.to_string()).collect();
            all.push(task.render_long_help().to_string());
            for help in &all {
                assert!(help.contains("Example: cargo xtask "), "{help}");
            }
            helps.extend(all);
        }
        for line in helps.iter().flat_map(|help| help.lines()) {
            assert!(line.chars().count() <= 80, "too wide: {line}");
        }
    }

    #[test]
    fn each_task_is_in_one_group() {
        let command = Cli::command();
        let mut tasks: Vec<&str> = command.get_subcommands().map(|t| t.get_name()).collect();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        tasks.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, tasks);
    }
}

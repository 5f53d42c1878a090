//! The list of tasks: a module, an entry in [`Task`] with its help, a place in a
//! group, and the call. A task is added here, in a file of its own below
//! `tasks/`, and in the table of docs/tasks.md; nowhere else.

pub mod alarm;
pub mod boot;
pub mod build;
pub mod butane;
pub mod check;
pub mod cleanup;
pub mod config;
pub mod diff;
pub mod doctor;
pub mod explain;
mod facts;
pub mod forecast;
pub mod ignition;
pub mod init;
pub mod keys;
pub mod kmods;
pub mod night;
pub mod promote;
pub mod publish;
pub mod rehearse;
pub mod resolve;
pub mod status;
pub mod verify;
pub mod versions;
pub mod vm;
pub mod workflow;

use clap::Subcommand;
use host::Done;
use host::process::minding;

use crate::cli::{
    AlarmArgs, BootArgs, BuildArgs, ButaneArgs, CleanupArgs, ConfigArgs, DiffArgs, DoctorArgs,
    ExplainArgs, FactsArgs, HelpArgs, IgnitionArgs, KeysArgs, KmodsArgs, NightArgs, PromoteArgs,
    PublishArgs, ResolveArgs, RetractArgs, RollbackArgs, StateArgs, TestBuildArgs, UpdateArgs,
    VerifyArgs, VmArgs, WorkflowArgs,
};
use crate::error::Error;
use crate::selected::Selected;

/// The tasks in groups, in the order of the list that `cargo xtask` prints. A
/// test holds that each task is in exactly one.
pub const GROUPS: [(&str, &[&str]); 5] = [
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
            "kmods",
            "cleanup",
        ],
    ),
    ("The machine", &["ignition", "butane", "vm", "boot"]),
    ("The nights", &["night", "workflow", "alarm"]),
    (
        "This checkout",
        &[
            "rehearse",
            "check",
            "config",
            "doctor",
            "init",
            "update",
            "docs",
            "completions",
            "man",
            "dist",
            "help",
        ],
    ),
];

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
    Explain(ExplainArgs),
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
    /// Build the kernel modules that nobody else has built
    ///
    /// Where the last source under `kmods` in image.yaml has `build:`. OpenZFS's
    /// own rules make the RPMs; the image they are in is a source as any other.
    ///
    /// Example: cargo xtask kmods publish --dry-run
    Kmods(KmodsArgs),
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
    /// Boot an image itself in a virtual machine, and judge it
    ///
    /// Its own kernel, initramfs and user space, without an installation and
    /// without a network: every unit and timer of image.yaml, and a ZFS pool that
    /// is made, filled, scrubbed, exported, imported, and found at the second boot.
    /// SELinux is permissive.
    ///
    /// Example: cargo xtask boot --serial
    Boot(BootArgs),
    /// Plan which old versions go, and delete them if asked
    ///
    /// What a kept image needs stays: platforms, signatures, attestations.
    ///
    /// Example: cargo xtask cleanup --days 30
    Cleanup(CleanupArgs),
    /// Do the whole night on this machine, with no forge
    ///
    /// Resolve, build, boot, publish, clean up when it is due, keep the alarm: the
    /// lines that the workflows type. One night at a time; what one that was cut
    /// off has left is taken up. Exit code 10: there was nothing to build.
    ///
    /// Example: cargo xtask night
    Night(NightArgs),
    /// Start the workflows at the forge, and see how they went
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
    Config(ConfigArgs),
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
    Rehearse(rehearsal::rehearsal::Options),
    /// Write a repository of one's own that uses this one
    ///
    /// Asks at a terminal for what no option says, and overwrites nothing.
    ///
    /// Example: cargo xtask init ../nas --owner me --host nas --key me.pub
    Init(scaffold::answers::InitArgs),
    /// Take over what changed in the templates of init
    ///
    /// A file that was edited stays as it is; ours is put below target/update.
    ///
    /// Example: cargo xtask update --dry-run
    Update(UpdateArgs),
    /// The tasks about the manual.
    #[command(flatten)]
    Manual(manual::Task),
    /// List the tasks, or explain one
    ///
    /// Example: cargo xtask help build
    Help(HelpArgs),
}

/// Does a task that needs a valid `image.yaml`: for each image that it is about.
///
/// # Errors
/// Whatever ends the task without its answer.
pub(crate) fn perform(task: &Task, on: &Selected<'_>) -> Result<Done, Error> {
    match task {
        Task::Versions(facts) => facts::each(on, facts, |world| versions::table(world, facts)),
        Task::ZfsVersion => on.each(versions::zfs),
        Task::KernelVersion => on.each(versions::kernel),
        Task::KernelMajorMinor => on.each(versions::kernel_major_minor),
        Task::CheckZfsAvailable(facts) => {
            facts::each(on, facts, |world| versions::check(world, facts))
        }
        Task::Explain(args) => explain::each(on, args),
        Task::Status(args) => status::run(on, args),
        Task::Forecast => on.each(forecast::run),
        Task::Resolve(args) => resolve::run(on, args),
        Task::Build(args) => build::build(on, args),
        Task::TestBuild(args) => build::test_build(on, args),
        Task::Publish(args) => publish::run(on, args),
        Task::Verify(args) => on.of(&args.image, |world| verify::run(world, args)),
        Task::Promote(args) => on.of(&args.image, |world| promote::promote(world, args)),
        Task::Rollback(args) => on.one(|world| promote::rollback(world, args)),
        Task::Retract(args) => on.one(|world| promote::retract(world, args)),
        Task::Diff(args) => on.of(&args.before, |world| diff::run(world, args)),
        Task::Keys(args) => keys::run(on, args),
        Task::Kmods(args) => kmods::run(on, args),
        Task::Cleanup(args) => minding(|| cleanup::run(on, args)),
        Task::Rehearse(args) => minding(|| on.each(|world| rehearse::run(world, args))),
        Task::Ignition(args) => ignition::run(on, args),
        Task::Night(args) => minding(|| night::run(on, args)),
        Task::Workflow(args) => minding(|| workflow::run(on, args)),
        Task::Alarm(args) => minding(|| alarm::run(on, args)),
        Task::Vm(args) => minding(|| on.one(|world| vm::run(world, args))),
        Task::Boot(args) => minding(|| boot::run(on, args)),
        Task::Config(_) => config::run(on),
        Task::Check => check::run(&on.shared()),
        // They have something to say without a valid image.yaml, and were called
        // before it was read.
        Task::Help(_)
        | Task::Butane(_)
        | Task::Doctor(_)
        | Task::Init(_)
        | Task::Update(_)
        | Task::Manual(_) => Ok(Done::Success),
    }
}

//! Arguments of the tasks about this checkout.

use clap::Args;
use rehearsal::requirements::Purpose;

/// `help`.
#[derive(Debug, Clone, Args)]
pub struct HelpArgs {
    /// The task to explain
    pub task: Option<String>,
}

/// `config`.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Print the JSON Schema of image.yaml instead, for an editor
    #[arg(long, conflicts_with = "json")]
    pub schema: bool,
}

/// `update`.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// What it is to be good for; without it, build and rehearse
    #[arg(value_enum, value_name = "TASK")]
    pub tasks: Vec<For>,
    /// Run the package command that brings what is missing
    #[arg(long)]
    pub install: bool,
    /// Count what only `vm` takes as needed
    #[arg(long)]
    pub vm: bool,
    /// Ask the forge instead, for every right that the nights will need
    #[arg(long, conflicts_with_all = ["install", "vm", "tasks"])]
    pub online: bool,
}

/// What a person wants to do on this machine.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum For {
    /// Build and publish the image.
    Build,
    /// Rehearse.
    Rehearse,
    /// Run the tests.
    Tests,
    /// Try an installation.
    Vm,
    /// Boot an image.
    Boot,
    /// Rehearse several images of two architectures.
    Images,
    /// Make the book.
    Docs,
}

impl DoctorArgs {
    /// The purposes that are asked for; none is the usual ones.
    pub fn purposes(&self) -> Vec<Purpose> {
        let mut all: Vec<Purpose> = self
            .tasks
            .iter()
            .map(|task| match task {
                For::Build => Purpose::Build,
                For::Rehearse => Purpose::Rehearse,
                For::Tests => Purpose::Tests,
                For::Vm => Purpose::Vm,
                For::Boot => Purpose::Boot,
                For::Images => Purpose::Images,
                For::Docs => Purpose::Docs,
            })
            .collect();
        if self.vm {
            if all.is_empty() {
                all.extend([Purpose::Build, Purpose::Rehearse]);
            }
            all.push(Purpose::Vm);
        }
        all
    }
}

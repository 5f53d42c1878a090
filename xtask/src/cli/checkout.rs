//! Arguments of the tasks about this checkout.

use clap::Args;
use image_build::engine::Engine;

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

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
    /// Make stand-ins that boot, and have the publication boot its image in a
    /// virtual machine before a tag moves. Their kernel and ZFS are compiled once,
    /// in ten minutes, and kept in the cache
    #[arg(long)]
    pub boot: bool,
    /// The same stand-ins: have a host update itself in a virtual machine, to good
    /// images and to bad ones, and look whether it goes back
    #[arg(long)]
    pub heal: bool,
    /// Rehearse with this engine
    #[arg(long, value_name = "ENGINE", default_value = "podman")]
    pub engine: Engine,
}

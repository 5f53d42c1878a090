//! The command line of `vm`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use registry_compat::ImageRef;

/// What the machine is before its config makes something of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// A Debian with Ignition, clevis and cryptsetup, made here.
    Debian,
    /// Fedora CoreOS of the stream of image.yaml, downloaded once.
    Fcos,
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Debian => "debian",
            Self::Fcos => "fcos",
        })
    }
}

/// `vm`.
#[derive(Debug, Clone, Args)]
pub struct VmArgs {
    /// The config, such as nas
    #[arg(value_name = "NAME", default_value = "examples/vm")]
    pub name: String,
    /// What it is installed on; without it, fcos if that was fetched before
    #[arg(long, value_enum, value_name = "BASE")]
    pub base: Option<Base>,
    /// Show the console as it boots
    #[arg(long)]
    pub serial: bool,
    /// Leave the machine running, with a way in
    #[arg(long)]
    pub keep: bool,
    /// Emulate the processor even where KVM is usable
    #[arg(long)]
    pub emulate: bool,
    /// Keep the logs of the consoles in a folder
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// On to the image by `bootc switch`, and back; the published one without
    /// IMAGE. Needs --base fcos
    #[arg(long, value_name = "IMAGE", num_args = 0..=1)]
    pub switch: Option<Option<ImageRef>>,
    /// Judge against planted mistakes, too: each must be found
    #[arg(long, conflicts_with = "keep")]
    pub mistakes: bool,
    /// Have nights that go badly instead: each must say why
    #[arg(long, conflicts_with_all = ["keep", "mistakes"])]
    pub nights: bool,
}

//! The command line of `vm`.

use std::path::PathBuf;

use clap::Args;
use machine::vm::attempt::{Base, Options};
use registry_compat::ImageRef;

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

impl VmArgs {
    /// The attempt that is wanted.
    pub fn options(&self) -> Options {
        Options {
            name: self.name.clone(),
            base: self.base,
            serial: self.serial,
            keep: self.keep,
            emulate: self.emulate,
            logs: self.logs.clone(),
            switch: self.switch.clone(),
            mistakes: self.mistakes,
            nights: self.nights,
        }
    }
}

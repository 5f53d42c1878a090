//! The command line of `boot`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use image_build::engine::Engine;
use machine::boot::command::Request;

/// `boot`.
#[derive(Debug, Clone, Args)]
pub struct BootArgs {
    /// A local image, or one in a registry; without it the one that `build` made
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Make the pool under this image, use it under IMAGE, and import it under this
    /// one again; the one that hosts follow without a name
    #[arg(long, value_name = "PUBLISHED", num_args = 0..=1)]
    pub with: Option<Option<String>>,
    /// The engine that has the images
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// Show the console as it boots
    #[arg(long)]
    pub serial: bool,
    /// Leave the machine running after its second boot, with root's shell on its
    /// console
    #[arg(long, conflicts_with = "with")]
    pub keep: bool,
    /// Emulate the processor even where KVM is usable
    #[arg(long)]
    pub emulate: bool,
    /// Keep the logs of the consoles in a folder
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// End a boot when one of its stages takes longer than so many seconds; without
    /// it 180 with KVM, 600 emulated
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit: Option<u64>,
}

/// Seconds of a stage.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse::<u64>().ok();
    seconds
        .filter(|seconds| (10..=86_400).contains(seconds))
        .ok_or_else(|| "wanted seconds as a whole number from 10 to 86400, such as 600".to_owned())
}

impl BootArgs {
    /// What is asked for.
    pub fn request(&self) -> Request {
        Request {
            image: self.image.clone(),
            with: self.with.clone(),
            engine: self.engine,
            serial: self.serial,
            keep: self.keep,
            emulate: self.emulate,
            logs: self.logs.clone(),
            limit: self.limit.map(Duration::from_secs),
        }
    }
}

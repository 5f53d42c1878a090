//! The command lines of the machine's configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use image_config::Url;

/// `butane`. What follows the word is the compiler's: `cargo xtask butane …`
/// never comes here, only forms such as `cargo xtask --json butane …` do.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true, after_help = ignition_gen::command::HELP)]
pub struct ButaneArgs {
    /// The compiler's own options, and the file
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

impl ButaneArgs {
    /// The arguments as text.
    pub fn words(&self) -> Vec<String> {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        self.arguments.iter().map(text).collect()
    }
}

/// `ignition`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct IgnitionArgs {
    /// The configs, such as nas or examples/xfs; all without a name
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Write nothing; exit 1 if target/ignition is not up to date
    #[arg(long)]
    pub check: bool,
    /// What else.
    #[command(subcommand)]
    pub task: Option<IgnitionTask>,
}

/// What can be done with the translated configs.
#[derive(Debug, Clone, Subcommand)]
pub enum IgnitionTask {
    /// Write the folder to publish: the Ignition files and a page
    ///
    /// Example: cargo xtask ignition site --output target/site
    Site(SiteArgs),
    /// Serve the same for an installation on the local network
    ///
    /// Only this machine is served unless an address is given.
    ///
    /// Example: cargo xtask ignition serve --address 0.0.0.0:8000
    Serve(ServeArgs),
    /// Compare what is published with this checkout
    ///
    /// Example: cargo xtask ignition compare https://owner.github.io/nas
    Compare(CompareArgs),
}

/// `ignition site`.
#[derive(Debug, Clone, Args)]
pub struct SiteArgs {
    /// The folder
    #[arg(long, value_name = "DIR", default_value = "target/site")]
    pub output: PathBuf,
}

/// `ignition serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address to listen on: ADDRESS, ADDRESS:PORT or PORT
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub address: String,
}

/// `ignition compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Where the folder is published, or one file of it; `ignition.url` of
    /// image.yaml by default
    pub url: Option<Url>,
}

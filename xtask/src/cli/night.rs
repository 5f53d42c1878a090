//! `night`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use image_build::engine::Engine;
use image_config::Reason;
use night::nightly::install::InstallOptions;
use night::nightly::steps::Options;

/// `night`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NightArgs {
    /// Build though nothing changed; the reason becomes a label
    #[arg(long, value_name = "REASON")]
    pub force: Option<Reason>,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// Print what would be typed, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What else.
    #[command(subcommand)]
    pub task: Option<NightTask>,
}

/// What is below `night`.
#[derive(Debug, Clone, Subcommand)]
pub enum NightTask {
    /// Have systemd run it, every night
    ///
    /// Writes a service and a timer, and enables them. The program that runs is
    /// the one that is installed from: after an update of the checkout, again.
    ///
    /// Example: cargo xtask night install --dry-run
    Install(InstallArgs),
    /// Remove the service and the timer
    ///
    /// Example: cargo xtask night uninstall
    Uninstall(InstallArgs),
}

/// `night install` and `night uninstall`.
#[derive(Debug, Clone, Args)]
pub struct InstallArgs {
    /// For the machine, as root, instead of for you
    #[arg(long)]
    pub system: bool,
    /// The value of a variable, in a file that only its owner can read; it is
    /// loaded as a credential of the service
    #[arg(long = "credential", value_name = "NAME=PATH", value_parser = credential)]
    pub credentials: Vec<(String, PathBuf)>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Without `=`, both are empty: an error of clap's would show what may be the secret.
fn credential(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').unwrap_or_default();
    Ok((name.to_owned(), PathBuf::from(path)))
}

impl NightArgs {
    /// How a night is run.
    pub fn options(&self) -> Options {
        Options {
            engine: self.engine,
            force: self.force.as_ref().map(ToString::to_string),
            dry_run: self.dry_run,
        }
    }
}

impl InstallArgs {
    /// What is installed.
    pub fn wanted(&self) -> InstallOptions {
        InstallOptions {
            system: self.system,
            credentials: self.credentials.clone(),
            dry_run: self.dry_run,
        }
    }
}

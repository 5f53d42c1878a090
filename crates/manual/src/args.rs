//! The arguments of the tasks about the manual.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::recording::Recording;

/// The tasks about the manual.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Build the book, and write the pages that are made
    ///
    /// Its sources are docs/; mdBook makes it, which `cargo xtask doctor docs
    /// --install` brings. The check needs neither mdBook nor a network.
    ///
    /// Example: cargo xtask docs --serve
    Docs(DocsArgs),
    /// Print or install the completions of a shell
    ///
    /// Images, tags, workflows and machines are those of this checkout now. By
    /// hand, for bash: put the line `source <(cargo xtask completions bash)` into
    /// ~/.bashrc, behind what completes cargo. For zsh: write them into a file
    /// `_cargo-xtask` of a folder of fpath. For fish: into
    /// ~/.config/fish/conf.d/xtask.fish.
    ///
    /// Example: cargo xtask completions bash --install
    Completions(CompletionsArgs),
    /// Write the man pages into a folder, or install them
    ///
    /// Example: cargo xtask man target/man && man target/man/cargo-xtask-build.1
    Man(ManArgs),
    /// Pack completions and man pages for a whole system
    ///
    /// An archive by paths from the root, `tar -C / -xf` installs it. The same
    /// checkout gives the same bytes.
    ///
    /// Example: cargo xtask dist
    Dist(DistArgs),
}

/// A shell that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell that is to complete
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
    /// Put them where the shell finds them, in this account's home
    #[arg(long)]
    pub install: bool,
}

/// `dist`.
#[derive(Debug, Clone, Args)]
pub struct DistArgs {
    /// The archive
    #[arg(value_name = "FILE", default_value = "target/dist/cargo-xtask.tar.gz")]
    pub file: PathBuf,
}

/// `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The folder that the pages are written to
    #[arg(value_name = "DIR", default_value = "target/man")]
    pub folder: PathBuf,
    /// Put them where `man` finds them, in this account's home
    #[arg(long, conflicts_with = "folder")]
    pub install: bool,
}

/// `docs`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DocsArgs {
    /// Put a copy of the book into this folder, to be published
    #[arg(long, value_name = "DIR", conflicts_with_all = ["check", "serve"])]
    pub output: Option<PathBuf>,
    /// Build nothing; exit 1 if a link, a command line or a generated page of the
    /// book does not hold
    #[arg(long, conflicts_with = "serve")]
    pub check: bool,
    /// Show the book on this machine until Ctrl-C
    #[arg(long)]
    pub serve: bool,
    /// The port of `--serve`
    #[arg(long, value_name = "PORT", default_value_t = 3000, requires = "serve")]
    pub port: u16,
    /// What else can be done with it.
    #[command(subcommand)]
    pub task: Option<DocsTask>,
}

/// What can be done with the book besides.
#[derive(Debug, Clone, Subcommand)]
pub enum DocsTask {
    /// Make the recordings anew that README and book show
    ///
    /// Each is a real run, in a playground or in this checkout: an asciicast and an
    /// animated SVG below docs/recordings. Without a name all but `vm` are made, which
    /// takes some minutes.
    ///
    /// Example: cargo xtask docs record explain
    Record(RecordArgs),
}

/// `docs record`.
#[derive(Debug, Clone, Args)]
pub struct RecordArgs {
    /// Those to make
    #[arg(value_enum, value_name = "RECORDING")]
    pub recordings: Vec<Recording>,
}

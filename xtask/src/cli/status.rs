//! The arguments of `status`.

use std::path::PathBuf;

use clap::Args;

/// `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct StateArgs {
    /// Show what the last N publications took instead
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "30",
        value_parser = clap::value_parser!(u16).range(1..=400)
    )]
    pub history: Option<u16>,
    /// Write it as a page, too: what is followed, its inputs, releases and hold on a
    /// line of days, and what publications took. It fetches nothing
    #[arg(long, value_name = "FILE", conflicts_with = "history")]
    pub html: Option<PathBuf>,
}

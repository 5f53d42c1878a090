//! Options of every task that asks upstream.

use std::path::PathBuf;

use clap::Args;
use image_build::inputs::FactsFiles;

/// Where facts come from and go to.
#[derive(Debug, Clone, Default, Args)]
pub struct FactsArgs {
    /// Use facts that were saved, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Save what was found out
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub save_facts: Option<PathBuf>,
}

/// `explain`.
#[derive(Debug, Clone, Default, Args)]
pub struct ExplainArgs {
    /// Where facts come from.
    #[command(flatten)]
    pub facts: FactsArgs,
    /// Write it as a page, too: each release with its kernel, its modules and its
    /// verdict. It fetches nothing
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
}

impl From<&FactsArgs> for FactsFiles {
    fn from(args: &FactsArgs) -> Self {
        Self {
            facts: args.facts.clone(),
            save_facts: args.save_facts.clone(),
        }
    }
}

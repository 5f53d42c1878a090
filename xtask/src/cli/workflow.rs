//! `workflow run` and `workflow status`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use image_config::Reason;
use night::workflow::{Start, Startable};
use night::workflow_runs::Request;

/// `workflow`.
#[derive(Debug, Clone, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct WorkflowArgs {
    /// What is done.
    #[command(subcommand)]
    pub task: WorkflowTask,
}

impl WorkflowArgs {
    /// What is asked.
    pub fn request(&self) -> Request {
        match &self.task {
            WorkflowTask::Run(args) => Request::Run {
                start: Start {
                    workflow: args.workflow,
                    execute: args.execute,
                    force: args.force.clone(),
                    dry_run: args.dry_run,
                },
                branch: args.branch.as_ref().map(|name| name.as_str().to_owned()),
                watch: args.watch,
            },
            WorkflowTask::File => Request::File,
            WorkflowTask::Status(args) if args.all => Request::All,
            WorkflowTask::Status(args) => Request::Status {
                file: args.name.as_str().to_owned(),
                watch: args.watch,
            },
        }
    }
}

/// What is below `workflow`.
#[derive(Debug, Clone, Subcommand)]
pub enum WorkflowTask {
    /// Start a workflow, and print the page of its run
    ///
    /// Example: cargo xtask workflow run build --watch
    Run(RunArgs),
    /// Show the newest runs of one workflow, or of all
    ///
    /// Example: cargo xtask workflow status --all
    Status(StatusArgs),
    /// Print .gitlab-ci.yml: the same lines, of this image.yaml
    ///
    /// Example: cargo xtask workflow file > .gitlab-ci.yml
    File,
}

/// `workflow run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Which one
    pub workflow: Startable,
    /// Let the clean-up delete; without it, it only plans
    #[arg(long, conflicts_with = "dry_run")]
    pub execute: bool,
    /// Let the build build, though nothing changed
    #[arg(long, value_name = "REASON")]
    pub force: Option<Reason>,
    /// Let the run of build or cleanup only print its plan
    #[arg(long)]
    pub dry_run: bool,
    /// On this branch, instead of the default one
    #[arg(long = "ref", value_name = "BRANCH")]
    pub branch: Option<Branch>,
    /// Follow the run to its end; the exit code says how it ended
    #[arg(long)]
    pub watch: bool,
}

/// `workflow status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which one: `build`, or the name of a file
    #[arg(value_name = "NAME", default_value = "build")]
    pub name: WorkflowFile,
    /// All workflows of the repository, a line each
    #[arg(long, conflicts_with_all = ["name", "watch"])]
    pub all: bool,
    /// Follow the newest run to its end; the exit code says how it ended
    #[arg(long)]
    pub watch: bool,
}

/// The name of a workflow's file, safe in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile(String);

impl WorkflowFile {
    /// `build.yaml`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WorkflowFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good);
        match (plain, text.ends_with(".yaml") || text.ends_with(".yml")) {
            (true, true) => Ok(Self(text.to_owned())),
            (true, false) => Ok(Self(format!("{text}.yaml"))),
            _ => Err("the name of a file in .github/workflows".to_owned()),
        }
    }
}

/// A branch or tag, as git allows it and no shell minds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch(String);

impl Branch {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Branch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Source: git-check-ref-format(1).
        let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        let wrong = text.is_empty()
            || text.len() > 255
            || text.contains(bad)
            || text.contains("..")
            || text.contains("@{")
            || text.starts_with(['-', '/'])
            || text.ends_with(['/', '.']);
        match wrong {
            true => Err("the name of a branch or tag".to_owned()),
            false => Ok(Self(text.to_owned())),
        }
    }
}

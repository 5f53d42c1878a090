//! The tasks of this repository. See ARCHITECTURE.md for the map.

pub mod alarm;
pub mod apply;
pub mod cache;
pub mod cleanup;
pub mod cli;
pub mod config;
pub mod containerfile_lint;
pub mod contract;
pub mod engine;
pub mod env;
pub mod error;
pub mod facts;
pub mod files;
pub mod gather;
pub mod history;
pub mod ignition;
pub mod lock;
pub mod measured;
pub mod outcome;
pub mod plan;
pub mod process;
pub mod publish;
pub mod rehearse;
pub mod report;
pub mod resolve;
pub mod sbom;
pub mod signing;
pub mod skip;
pub mod status;
pub mod tasks;
#[doc(hidden)]
pub mod testing;
pub mod trust;
pub mod vm;
pub mod workflow;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use cli::{Cli, Task};
use config::Config;
use env::Env;
use error::Error;
use gather::World;
use report::Report;
use tasks::Done;

/// Reads the command line, does the task, and turns its outcome into an exit
/// code.
pub fn main() -> ExitCode {
    if let Some(arguments) = env::butane_arguments() {
        return ExitCode::from(tasks::butane::run(arguments));
    }
    // Usage errors end here, with clap's exit code 2.
    let words = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&words).unwrap_or_else(|error| error.exit());
    let env = match Env::read() {
        Ok(env) => env,
        Err(error) => return fail(&Report::plain(cli.global.json), &error),
    };
    let report = Report::new(&env, cli.global.json);
    let ended = process::catch_signals().and_then(|()| run(&cli, &env, &report));
    report.outcome(&env, words.subcommand_name().unwrap_or("help"), &ended);
    match ended {
        Ok(done) => ExitCode::from(done.code()),
        Err(error) => fail(&report, &error),
    }
}

fn fail(report: &Report, error: &Error) -> ExitCode {
    report.failure(error);
    ExitCode::from(error.exit_code())
}

fn run(cli: &Cli, env: &Env, report: &Report) -> Result<Done, Error> {
    let path = match &cli.global.config {
        Some(path) => path.clone(),
        None => env.root.join("image.yaml"),
    };
    let Some(task) = &cli.task else {
        report.answer(&cli::overview());
        return Ok(Done::Well);
    };
    // These two have something to say about a file that is not valid.
    match task {
        Task::Help(args) => return tasks::help::run(report, args),
        Task::Butane(args) => return Ok(Done::Code(tasks::butane::run(args.words()))),
        Task::Doctor(args) => return tasks::doctor::run(env, report, &path, args),
        _ => {}
    }
    let config = Config::load(&path)?;
    let world = World::new(env, &config, report);
    match task {
        Task::Versions(facts) => tasks::versions::table(&world, facts),
        Task::ZfsVersion => tasks::versions::zfs(&world),
        Task::KernelVersion => tasks::versions::kernel(&world),
        Task::KernelMajorMinor => tasks::versions::kernel_major_minor(&world),
        Task::CheckZfsAvailable(facts) => tasks::versions::check(&world, facts),
        Task::Explain(facts) => tasks::explain::run(&world, facts),
        Task::Status(args) => tasks::status::run(&world, args),
        Task::Forecast => tasks::forecast::run(&world),
        Task::Resolve(args) => tasks::resolve::run(&world, args),
        Task::Build(args) => tasks::build::build(&world, args),
        Task::TestBuild(args) => tasks::build::test_build(&world, args),
        Task::Publish(args) => tasks::publish::run(&world, args),
        Task::Verify(args) => tasks::verify::run(&world, args),
        Task::Promote(args) => tasks::promote::promote(&world, args),
        Task::Rollback(args) => tasks::promote::rollback(&world, args),
        Task::Retract(args) => tasks::promote::retract(&world, args),
        Task::Diff(args) => tasks::diff::run(&world, args),
        Task::Keys(args) => tasks::keys::run(&world, args),
        Task::Cleanup(args) => process::minding(|| tasks::cleanup::run(&world, args)),
        Task::Rehearse(args) => process::minding(|| rehearse::run(&world, args)),
        Task::Ignition(args) => tasks::ignition::run(&world, args),
        Task::Workflow(args) => process::minding(|| tasks::workflow::run(&world, args)),
        Task::Alarm(args) => process::minding(|| tasks::alarm::run(&world, args)),
        Task::Vm(args) => process::minding(|| tasks::vm::run(&world, args)),
        Task::Config => tasks::config::run(&config, report),
        Task::Check => tasks::check::run(&world),
        Task::Help(_) | Task::Butane(_) | Task::Doctor(_) => Ok(Done::Well),
    }
}

//! The tasks of `cargo xtask`, for this repository and for others.
//!
//! A task is one file in `tasks/`: it parses its arguments, calls a library, and
//! prints the answer. See ARCHITECTURE.md for the map.

pub mod cli;
pub mod error;
pub mod tasks;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use cli::{Cli, Task};
use error::Error;
use host::env::Env;
use host::failure::Failure;
use host::report::Report;
use host::{Done, env, process};
use image_build::gather::World;
use image_config::Config;

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
        Err(error) => return fail(&Report::plain(cli.global.json), &error.into()),
    };
    let report = Report::new(&env, cli.global.json);
    let ended = process::catch_signals()
        .map_err(Error::from)
        .and_then(|()| run(&cli, &env, &report));
    note_outcome(
        &env,
        &report,
        words.subcommand_name().unwrap_or("help"),
        &ended,
    );
    match ended {
        Ok(done) => ExitCode::from(done.code()),
        Err(error) => fail(&report, &error),
    }
}

fn fail(report: &Report, error: &Error) -> ExitCode {
    report.failure(error);
    ExitCode::from(error.exit_code())
}

/// Writes down how a task ended, for the alarm that is called after it.
fn note_outcome(env: &Env, report: &Report, task: &str, ended: &Result<Done, Error>) {
    let ended = ended
        .as_ref()
        .map(|done| *done)
        .map_err(|error| error as &dyn Failure);
    let mark = night::outcome::mark(task, ended, &report.notes(), env.run.name());
    if let Err(error) = night::outcome::keep(&env.root, &mark) {
        report.warning(&format!("{}: {error}", night::outcome::FILE));
    }
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
        Task::Rehearse(args) => process::minding(|| tasks::rehearse::run(&world, args)),
        Task::Ignition(args) => tasks::ignition::run(&world, args),
        Task::Workflow(args) => process::minding(|| tasks::workflow::run(&world, args)),
        Task::Alarm(args) => process::minding(|| tasks::alarm::run(&world, args)),
        Task::Vm(args) => process::minding(|| tasks::vm::run(&world, args)),
        Task::Config => tasks::config::run(&config, report),
        Task::Check => tasks::check::run(&world),
        Task::Help(_) | Task::Butane(_) | Task::Doctor(_) => Ok(Done::Well),
    }
}

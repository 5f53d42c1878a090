//! The tasks of a program: ours, and those that another repository adds.
//!
//! ```no_run
//! # use custom_coreos::{OwnTask, error::Error};
//! # use host::Done;
//! /// Say hello
//! #[derive(clap::Args)]
//! struct Hello {
//!     /// To whom
//!     name: String,
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let hello = OwnTask::new("hello", |world, args: &Hello| {
//!         world.report.answer(&format!("Hello, {}", args.name));
//!         Ok(Done::Success)
//!     });
//!     custom_coreos::tasks().with(hello).run()
//! }
//! ```

use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _};
use host::env::{Env, Terminal};
use host::failure::Failure;
use host::report::Report;
use host::{Done, env, process};
use image_build::gather::World;
use image_config::Images;

use crate::cli::{Cli, EXIT_CODES, Global, HelpArgs};
use crate::error::Error;
use crate::grammar;
use crate::selected::Selected;
use crate::tasks::{GROUPS, Task, butane, config, doctor, init, perform};
use crate::usage;

/// What a task does, with its arguments still as clap has them.
type Call = Box<dyn Fn(&World<'_>, &ArgMatches) -> Result<Done, Error>>;

/// A task of another repository.
pub struct OwnTask {
    name: &'static str,
    group: &'static str,
    command: Command,
    call: Call,
}

impl OwnTask {
    /// A task with its arguments. Its help is the doc comment of `A`; it is called
    /// with `image.yaml` read, once for each image, and a signal during it is a flag
    /// ([`process::interrupted`]), so that it can put away what it made.
    pub fn new<A: Args>(
        name: &'static str,
        call: impl Fn(&World<'_>, &A) -> Result<Done, Error> + 'static,
    ) -> Self {
        Self {
            name,
            group: "This repository's own",
            command: A::augment_args(Command::new(name)),
            call: Box::new(move |world, matches| {
                let args = A::from_arg_matches(matches)
                    .map_err(|error| usage::wrong(&A::augment_args(Command::new(name)), &error))?;
                process::minding(|| call(world, &args))
            }),
        }
    }

    /// The title below which `cargo xtask` lists it.
    #[must_use]
    pub fn group(self, title: &'static str) -> Self {
        Self {
            group: title,
            ..self
        }
    }
}

/// The tasks of a program.
#[derive(Default)]
pub struct Tasks {
    own: Vec<OwnTask>,
}

impl Tasks {
    /// Adds a task.
    #[must_use]
    pub fn with(mut self, task: OwnTask) -> Self {
        self.own.push(task);
        self
    }

    /// The whole grammar.
    pub fn command(&self) -> Command {
        let mut command = Cli::command();
        for task in &self.own {
            command = command.subcommand(task.command.clone());
        }
        usage::worded(command)
    }

    /// Reads the command line, does the task, and turns its outcome into an exit
    /// code.
    pub fn run(&self) -> ExitCode {
        if let Some(arguments) = env::butane_arguments() {
            return ExitCode::from(butane::run(arguments));
        }
        let terminal = Terminal::read();
        if let Err(error) = self.names_are_free() {
            return fail(&Report::on(&terminal, false), &error);
        }
        let words = match self.command().try_get_matches() {
            Ok(words) => words,
            Err(error) => return usage::end(&self.command(), &error),
        };
        let global = match Global::from_arg_matches(&words) {
            Ok(global) => global,
            Err(error) => return usage::end(&self.command(), &error),
        };
        let env = match Env::read() {
            Ok(env) => env,
            Err(error) => return fail(&Report::on(&terminal, global.json), &error.into()),
        };
        let report = Report::new(&env, global.json).at(global.level());
        let ended = process::catch_signals()
            .map_err(Error::from)
            .and_then(|()| self.perform(&words, &global, &env, &report));
        let name = words.subcommand_name().unwrap_or("help");
        note_outcome(&env, &report, name, &ended);
        match ended {
            Ok(done) => ExitCode::from(done.code()),
            Err(error) => fail(&report, &error),
        }
    }

    /// A name that two tasks have would be one task's alone, silently.
    fn names_are_free(&self) -> Result<(), Error> {
        let ours = Cli::command();
        for (at, task) in self.own.iter().enumerate() {
            let name = task.name;
            let twice = self.own[..at].iter().any(|other| other.name == name);
            if twice || ours.find_subcommand(name).is_some() {
                return Err(Error::Usage(format!(
                    "two tasks are called `{name}`; give the one that this repository adds \
                     another name, in the call of `OwnTask::new`"
                )));
            }
        }
        Ok(())
    }

    fn perform(
        &self,
        words: &ArgMatches,
        global: &Global,
        env: &Env,
        report: &Report,
    ) -> Result<Done, Error> {
        let path = match &global.config {
            Some(path) => path.clone(),
            None => env.image_yaml(),
        };
        let Some((name, given)) = words.subcommand() else {
            report.answer(&self.overview());
            report.document(&grammar::of(&self.command(), None))?;
            return Ok(Done::Success);
        };
        if let Some(own) = self.own.iter().find(|task| task.name == name) {
            let images = Images::load_in(&path, &env.root)?;
            let selected = Selected::new(env, report, &images, &global.images)?;
            return selected.each(|world| (own.call)(world, given));
        }
        let task =
            Task::from_arg_matches(words).map_err(|error| usage::wrong(&self.command(), &error))?;
        // These have something to say about a file that is not valid.
        match &task {
            Task::Help(args) => return self.help(report, args),
            Task::Butane(_) if report.json() => return Err(butane::no_json()),
            Task::Butane(args) => return Ok(Done::Code(butane::run(args.words()))),
            Task::Doctor(args) => return doctor::run(env, report, &path, &global.images, args),
            Task::Config(args) if args.schema => return config::schema(report),
            Task::Init(args) => return init::init(env, report, &self.command(), args),
            Task::Update(args) => return init::update(env, report, args),
            Task::Manual(task) => {
                let grammar = (&self.command(), GROUPS.as_slice());
                return Ok(manual::run(env, report, &path, grammar, task)?);
            }
            _ => {}
        }
        let images = Images::load_in(&path, &env.root)?;
        perform(&task, &Selected::new(env, report, &images, &global.images)?)
    }

    /// The list of tasks, one line each, in groups.
    pub fn overview(&self) -> String {
        let command = self.command();
        let mut text = String::from("cargo xtask TASK [OPTIONS], or `cargo xtask help TASK`\n");
        let mut group = |title: &str, names: &[&str]| {
            text.push_str(&format!("\n{title}\n"));
            for name in names {
                let about = command
                    .find_subcommand(name)
                    .and_then(Command::get_about)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                text.push_str(&format!("  {name:<20} {about}\n"));
            }
        };
        for (title, names) in GROUPS {
            group(title, names);
        }
        let mut titles: Vec<&str> = Vec::new();
        for task in &self.own {
            if !titles.contains(&task.group) {
                titles.push(task.group);
            }
        }
        for title in titles {
            let of = self.own.iter().filter(|task| task.group == title);
            group(title, &of.map(|task| task.name).collect::<Vec<_>>());
        }
        text.push_str(&format!("\n{EXIT_CODES}"));
        text
    }

    /// The help of one task; `None` if there is no such task.
    pub fn help_of(&self, name: &str) -> Option<String> {
        let mut command = self.command();
        command.build();
        let task = command.find_subcommand_mut(name)?;
        Some(task.render_long_help().to_string())
    }

    /// `help`: the list of tasks, or one explained.
    fn help(&self, report: &Report, args: &HelpArgs) -> Result<Done, Error> {
        let text = match &args.task {
            None => self.overview(),
            Some(name) => self.help_of(name).ok_or_else(|| {
                let command = self.command();
                let names = command.get_subcommands().map(Command::get_name);
                let meant = image_config::nearest(name, names);
                let meant = meant.map_or_else(
                    || "`cargo xtask` lists them".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                );
                Error::Usage(format!(
                    "there is no task `{}`; {meant}",
                    host::one_line(name)
                ))
            })?,
        };
        report.answer(text.trim_end());
        report.document(&grammar::of(&self.command(), args.task.as_deref()))?;
        Ok(Done::Success)
    }
}

fn fail(report: &Report, error: &Error) -> ExitCode {
    if !matches!(error, Error::Told { .. }) {
        report.failure(error);
    }
    ExitCode::from(error.exit_code())
}

/// Writes down how a task ended, for the alarm that is called after it.
fn note_outcome(env: &Env, report: &Report, task: &str, ended: &Result<Done, Error>) {
    let ended = ended
        .as_ref()
        .map(|done| *done)
        .map_err(|error| error as &dyn Failure);
    let mark = night::outcome::mark(task, ended, &report.notes(), env.run.job_key());
    if let Err(error) = night::outcome::keep(&env.root, &mark) {
        report.warning(&format!("{}: {error}", night::outcome::FILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound_and_its_help_fits_a_terminal() {
        let mut command = Tasks::default().command();
        command.clone().debug_assert();
        command.build();
        let mut helps = vec![Tasks::default().overview()];
        for task in command.get_subcommands_mut() {
            let inner = task.get_subcommands_mut().map(Command::render_long_help);
            let mut all: Vec<String> = inner.map(|help| help.to_string()).collect();
            all.push(task.render_long_help().to_string());
            for help in &all {
                assert!(help.contains("Example: cargo xtask "), "{help}");
            }
            helps.extend(all);
        }
        for line in helps.iter().flat_map(|help| help.lines()) {
            assert!(line.chars().count() <= 80, "too wide: {line}");
        }
    }

    #[test]
    fn each_task_is_in_one_group() {
        let command = Cli::command();
        let mut tasks: Vec<&str> = command.get_subcommands().map(|t| t.get_name()).collect();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        tasks.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, tasks);
    }

    #[derive(Debug, Args)]
    struct Nothing {}

    fn own(name: &'static str) -> OwnTask {
        OwnTask::new(name, |_, _: &Nothing| Ok(Done::Success))
    }

    #[test]
    fn a_task_of_ones_own_stands_beside_ours() {
        let tasks = Tasks::default()
            .with(own("first"))
            .with(own("second").group("More"));
        tasks.names_are_free().unwrap();
        let text = tasks.overview();
        let at = |what: &str| text.find(what).unwrap();
        assert!(at("\nThis checkout\n") < at("\nThis repository's own\n  first"));
        assert!(at("  first") < at("\nMore\n  second"));
        assert!(tasks.help_of("second").is_some());
        assert!(Tasks::default().help_of("second").is_none());
    }

    #[test]
    fn help_names_the_nearest_task() {
        let help = |name: &str| {
            let args = HelpArgs {
                task: Some(name.to_owned()),
            };
            let tasks = Tasks::default().with(own("greet"));
            let error = tasks.help(&Report::capturing(false), &args).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        for (wrong, meant) in [("biuld", "build"), ("great", "greet")] {
            let expected = format!("there is no task `{wrong}`; did you mean `{meant}`?");
            assert_eq!(help(wrong), expected);
        }
        assert!(help("xyzzy").ends_with("`cargo xtask` lists them"));
    }

    #[test]
    fn no_name_is_taken_twice() {
        for tasks in [
            Tasks::default().with(own("build")),
            Tasks::default().with(own("x")).with(own("x")),
        ] {
            let error = tasks.names_are_free().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("two tasks"), "{error}");
        }
    }
}

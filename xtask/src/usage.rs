//! What is said of a command line that cannot be read: clap's sentences, printed as
//! every other error is, in the words of this program, which has tasks. Under `--json`
//! help, version and errors are one document.

use std::process::ExitCode;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use host::env;
use host::env::Terminal;
use host::failure::Failure as _;
use host::report::Report;
use serde_json::json;

use crate::error::Error;
use crate::grammar;

/// The grammar in this program's words, all of its levels.
pub(crate) fn worded(command: Command) -> Command {
    command
        .subcommand_help_heading("Tasks")
        .subcommand_value_name("TASK")
        .disable_help_subcommand(true)
        // `--days -1` is a number that is not wanted, and no unknown option.
        .mut_args(|arg| {
            let takes = arg.get_action().takes_values();
            arg.allow_negative_numbers(takes)
        })
        .mut_subcommands(worded)
}

/// Whether one document is asked for, where the command line could not be read.
fn wants_json(words: &[String]) -> bool {
    let mut options = words.iter().take_while(|word| *word != "--");
    options.any(|word| word == "--json")
}

/// Prints what clap says instead of an answer, and ends with its exit code.
pub(crate) fn end(command: &Command, error: &clap::Error) -> ExitCode {
    let words = env::arguments();
    let json = wants_json(&words);
    let mut command = command.clone();
    command.build();
    let task = deepest(&command, &words);
    let report = Report::on(&Terminal::read(), json);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion if !json => {
            // A help that nobody reads to its end is no error.
            let _ = error.print();
        }
        ErrorKind::DisplayHelp => {
            let is_all = task.get_name() == command.get_name();
            let document = match is_all {
                true => grammar::of(&command, None),
                false => grammar::one(task),
            };
            drop(report.document(&document));
        }
        ErrorKind::DisplayVersion => {
            let version = json!({"name": command.get_name(), "version": command.get_version()});
            drop(report.document(&version));
        }
        _ => {
            let mut lines = said(task, error);
            let wrong = Error::Usage(lines.join("\n"));
            if !json {
                let name = task.get_bin_name().unwrap_or("cargo xtask");
                let says = match task.get_name() == command.get_name() {
                    true => "lists the tasks",
                    false => "says more",
                };
                lines.push(format!("`{name} --help` {says}"));
            }
            report.error(&lines.join("\n"));
            let document = json!({"error": wrong.to_string(), "exit-code": wrong.exit_code()});
            drop(report.document(&document));
            return ExitCode::from(wrong.exit_code());
        }
    }
    ExitCode::SUCCESS
}

/// The same as an error of this program.
pub(crate) fn wrong(command: &Command, error: &clap::Error) -> Error {
    Error::Usage(said(command, error).join("\n"))
}

/// The task that the words lead to.
fn deepest<'a>(command: &'a Command, words: &[String]) -> &'a Command {
    let mut deepest = command;
    for word in words {
        deepest = deepest.find_subcommand(word).unwrap_or(deepest);
    }
    deepest
}

/// The message, what one could have meant, and the form of the command line.
fn said(task: &Command, error: &clap::Error) -> Vec<String> {
    // Whoever looks on may not see it.
    if image_config::is_private_key(&error.render().to_string()) {
        let said = "one of the words is a private key, which is not shown; a task takes its file, \
                    or the .pub file beside it";
        return vec![said.to_owned()];
    }
    match error.kind() {
        ErrorKind::InvalidSubcommand => no_such_task(task, error),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let name = task.get_bin_name().unwrap_or_default();
            let mut lines = vec![format!("'{name}' needs one of its tasks:")];
            lines.extend(task.get_subcommands().map(|task| {
                let about = task.get_about().map(ToString::to_string);
                format!("  {:<10} {}", task.get_name(), about.unwrap_or_default())
            }));
            lines
        }
        _ => clap_says(task, error),
    }
}

fn no_such_task(task: &Command, error: &clap::Error) -> Vec<String> {
    let wrong = text_of(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let wrong = host::one_line(&wrong);
    let names = || task.get_subcommands().map(Command::get_name);
    let near = text_of(error, ContextKind::SuggestedSubcommand)
        .or_else(|| Some(image_config::nearest(&wrong, names())?.to_owned()));
    let first = match task.get_name() {
        "cargo xtask" => format!("there is no task '{wrong}'"),
        _ => {
            let name = task.get_bin_name().unwrap_or_default();
            format!("'{name}' has no task '{wrong}'")
        }
    };
    let all = || names().collect::<Vec<_>>().join(", ");
    let tip = match near {
        Some(near) => Some(format!("tip: did you mean '{near}'?")),
        None => (task.get_name() != "cargo xtask").then(|| format!("its tasks are {}", all())),
    };
    std::iter::once(first).chain(tip).collect()
}

/// The text of a context, or the first of several.
fn text_of(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(all) => all.first().cloned(),
        _ => None,
    }
}

/// The parts of clap's own text: message, tips and usage stand in paragraphs.
fn clap_says(task: &Command, error: &clap::Error) -> Vec<String> {
    let text = error.render().to_string();
    let mut lines = Vec::new();
    let mut tips = Vec::new();
    let mut usage = Vec::new();
    for part in text.trim_start_matches("error: ").split("\n\n") {
        let part = part.trim_end();
        if part.starts_with("For more information") {
            continue;
        }
        let to = if part.trim_start().starts_with("tip: ") {
            &mut tips
        } else if part.starts_with("Usage: ") {
            &mut usage
        } else {
            &mut lines
        };
        to.extend(part.lines().map(|line| explained(task, line)));
    }
    if let (Some(first), Some(source)) = (lines.first_mut(), std::error::Error::source(error)) {
        let source = source.to_string();
        *first = first.replace(&source, &plain(&source));
    }
    // Beside a tip clap shows the form of what it thinks was meant, which is shorter
    // than the real one.
    if tips.is_empty() {
        tips = usage;
    }
    lines.extend(tips);
    lines
}

/// An argument that stands alone in its line, with its help.
fn explained(task: &Command, line: &str) -> String {
    let name = line.trim();
    let help = task
        .get_arguments()
        .find(|arg| arg.to_string() == name)
        .and_then(|arg| arg.get_help());
    match help {
        Some(help) => format!("  {name:<20} {help}"),
        None => name.to_owned(),
    }
}

/// What the standard library and clap say of numbers.
fn plain(source: &str) -> String {
    if let Some((_, range)) = source.rsplit_once(" is not in ")
        && let Some((from, to)) = range.split_once("..=")
    {
        return format!("wanted a whole number from {from} to {to}");
    }
    match source {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "wanted a whole number, 0 or more"
        }
        "number too large to fit in target type" => "this number is too large",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tasks;

    /// What is said of a line.
    fn told(line: &str) -> Vec<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut command = Tasks::default().command();
        let all = [&["cargo xtask".to_owned()], words.as_slice()].concat();
        let error = command.clone().try_get_matches_from(all).unwrap_err();
        command.build();
        said(deepest(&command, &words), &error)
    }

    #[test]
    fn a_wrong_line_is_told_in_words_of_tasks() {
        for (line, expected) in [
            (
                "bild",
                &["there is no task 'bild'", "tip: did you mean 'build'?"][..],
            ),
            ("xyzzy", &["there is no task 'xyzzy'"]),
            (
                "keys nwe",
                &[
                    "'cargo xtask keys' has no task 'nwe'",
                    "tip: did you mean 'new'?",
                ],
            ),
            (
                "workflow xyzzy",
                &[
                    "'cargo xtask workflow' has no task 'xyzzy'",
                    "its tasks are run, status, file",
                ],
            ),
            (
                "keys",
                &[
                    "'cargo xtask keys' needs one of its tasks:",
                    "  new        Make a pair; write its public half and the policy into rootfs/",
                    "  policy     Have hosts demand the pair's signature of every image of image.yaml",
                ],
            ),
            (
                "build --puhs",
                &[
                    "unexpected argument '--puhs' found",
                    "tip: a similar argument exists: '--push'",
                ],
            ),
            (
                "build now",
                &[
                    "unexpected argument 'now' found",
                    "Usage: cargo xtask build [OPTIONS]",
                ],
            ),
            (
                "boot --limit soon",
                &[
                    "invalid value 'soon' for '--limit <SECONDS>': wanted seconds as a whole \
                   number from 10 to 86400, such as 600",
                ],
            ),
            (
                "cleanup --days many",
                &["invalid value 'many' for '--days <N>': wanted a whole number, 0 or more"],
            ),
            (
                "cleanup --days -1",
                &[
                    "invalid value '-1' for '--days <N>': wanted a whole number from 0 to 4294967295",
                ],
            ),
            (
                "vm --base windows",
                &[
                    "invalid value 'windows' for '--base <BASE>'",
                    "[possible values: debian, fcos]",
                ],
            ),
            (
                "verify",
                &[
                    "the following required arguments were not provided:",
                    "  <IMAGE>              The image, with its registry",
                    "Usage: cargo xtask verify <IMAGE>",
                ],
            ),
            (
                "resolve -o",
                &["a value is required for '--output <FILE>' but none was supplied"],
            ),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn nobody_is_told_of_subcommands() {
        let mut command = Tasks::default().command();
        command.build();
        let mut all = vec![&command];
        while let Some(task) = all.pop() {
            all.extend(task.get_subcommands());
            let help = task.clone().render_long_help().to_string();
            let name = task.get_name();
            for word in ["ubcommand", "COMMAND", "Commands:"] {
                assert!(!help.contains(word), "{name}: {word}");
            }
        }
    }
}

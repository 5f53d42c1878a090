//! Command lines in the book, held against the grammar.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::markdown::Code;

/// What the grammar says against a piece of code, line by line: the line in the
/// file, what stands there, and why it is wrong.
pub(crate) fn wrong(code: &Code, command: &Command) -> Vec<(usize, String, String)> {
    let shell = matches!(code.language.as_deref(), Some("sh" | "console"));
    let lines: Vec<(usize, String)> = match &code.language {
        None => vec![(code.line, code.text.clone())],
        Some(_) if shell => commands(&code.text)
            .into_iter()
            .map(|(at, line)| (code.line + at, line))
            .collect(),
        // A transcript, a file: nothing that is typed.
        Some(_) => Vec::new(),
    };
    lines
        .into_iter()
        .filter_map(|(at, line)| {
            let words = ours(&line, command, code.language.is_none())?;
            let why = match words {
                Ok(words) => refused(&words, command, code.language.is_none())?,
                Err(why) => why,
            };
            Some((at, line, why))
        })
        .collect()
}

/// The commands of a block, each in one piece, with the number of its first line in
/// the block. What is behind a prompt is typed; what has no prompt in a block with
/// prompts was printed.
fn commands(text: &str) -> Vec<(usize, String)> {
    let prompts = text.lines().any(|line| line.starts_with("$ "));
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        let line = match (prompts && !open, line.strip_prefix("$ ")) {
            (true, Some(typed)) => typed,
            (true, None) => continue,
            (false, _) => line,
        };
        let (part, more) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match commands.last_mut().filter(|_| open) {
            Some((_, command)) => command.push_str(part.trim_start()),
            None => commands.push((at, part.to_owned())),
        }
        open = more;
    }
    commands
}

/// The words after `cargo` of a line that calls us; `None` of any other line. In a
/// sentence a task may be named without `cargo xtask`, if an option follows it.
fn ours(line: &str, command: &Command, sentence: bool) -> Option<Result<Vec<String>, String>> {
    let at = match line.find("cargo xtask") {
        Some(at) => at + "cargo ".len(),
        None if sentence => {
            let mut words = line.split(' ');
            let task = words.next()?;
            let option = words.next().is_some_and(|word| word.starts_with("--"));
            if !option || command.find_subcommand(task).is_none() {
                return None;
            }
            return Some(split(&format!("xtask {line}")));
        }
        None => return None,
    };
    let rest = &line[at..];
    // What the shell does with it is not ours.
    let ends = [" || ", " | ", " && ", " > ", " < ", " # ", "; ", " 2>", ")"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min();
    Some(split(&rest[..end.unwrap_or(rest.len())]))
}

fn split(line: &str) -> Result<Vec<String>, String> {
    // `[IMAGE]` stands for what may be left out.
    let line = line.replace(['[', ']'], "");
    shlex::split(&line).ok_or_else(|| "a quote is not closed".to_owned())
}

/// Why the grammar does not take the words. In a sentence a command may be named
/// without all that it needs.
fn refused(words: &[String], command: &Command, sentence: bool) -> Option<String> {
    let mut words = words.to_vec();
    // `…` and what it stands for.
    words.retain(|word| word != "…" && word != "...");
    if sentence && words.len() == 1 {
        return None;
    }
    let error = command.clone().try_get_matches_from(&words).err()?;
    let stands_for = |text: &str| {
        let mut runs = text.split(|c: char| !c.is_ascii_uppercase());
        let one = text.len() == 1 && text.chars().all(|c| c.is_ascii_uppercase());
        one || runs.any(|run| run.len() > 1) || text.contains('…') || text.contains("...")
    };
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand if sentence => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) => value.clone(),
                _ => String::new(),
            };
            // An option named without its value.
            let named = value.is_empty() && sentence;
            (!named && !stands_for(&value)).then(|| first(&error))
        }
        _ => Some(first(&error)),
    }
}

fn first(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn grammar() -> Command {
        let number = Arg::new("days")
            .long("days")
            .value_parser(clap::value_parser!(u8));
        let push = Arg::new("push").long("push").action(ArgAction::SetTrue);
        Command::new("cargo xtask")
            .disable_help_subcommand(true)
            .subcommand(Command::new("build").arg(push).arg(number))
            .subcommand(Command::new("verify").arg(Arg::new("image").required(true)))
    }

    fn judged(language: Option<&str>, text: &str) -> Vec<(usize, String)> {
        let code = Code {
            text: text.to_owned(),
            language: language.map(str::to_owned),
            line: 5,
        };
        let wrong = wrong(&code, &grammar());
        wrong.into_iter().map(|(at, line, _)| (at, line)).collect()
    }

    #[test]
    fn what_is_typed_must_be_in_the_grammar() {
        let well: [(usize, String); 0] = [];
        let block =
            "x\ncargo xtask build --push || echo no\nA=b cargo xtask build \\\n  --days=3\n";
        assert_eq!(judged(Some("sh"), block), well);
        assert_eq!(judged(None, "cargo xtask build --days x").len(), 1);
        assert_eq!(judged(None, "cargo xtask build --days N"), well);
        assert_eq!(judged(None, "cargo xtask build --days DAYS"), well);
        assert_eq!(judged(None, "cargo xtask verify"), well);
        assert_eq!(judged(Some("sh"), "cargo xtask verify").len(), 1);
        assert_eq!(judged(None, "build --push"), well);
        assert_eq!(judged(None, "build --pull").len(), 1);
        assert_eq!(judged(None, "podman build --pull"), well);
        let two = "cargo xtask build\ncargo xtask bild\n";
        assert_eq!(
            judged(Some("sh"), two),
            [(6, "cargo xtask bild".to_owned())]
        );
        // What was printed was not typed.
        assert_eq!(
            judged(Some("console"), "$ cargo xtask build\ncargo xtask x\n"),
            well
        );
        assert_eq!(judged(Some("text"), "cargo xtask bild\n"), well);
    }
}

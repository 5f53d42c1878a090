//! The command line of the reference compiler, Butane: its grammar, its messages and
//! its exit codes, without a terminal.
//!
//! A program around it parses its arguments with [`parse`], reads the config,
//! calls [`Invocation::run`], writes what the [`Outcome`] holds, and exits
//! with its code.

use std::fmt;

pub use crate::command_io::{InputStep, input_failure, output_failure};
use crate::{Files, Options, Translation, translate};

/// Exit code when all is well, with or without warnings.
pub const OK: u8 = 0;
/// Exit code when there is no config: errors, strictness, input or output.
pub const FAILED: u8 = 1;
/// Exit code for a wrong command line.
pub const USAGE: u8 = 2;

/// The help text.
pub const HELP: &str = "\
Usage: butane [options] [input-file]
Options:
  -c, --check              check the config without output
  -d, --files-dir string   directory that local files are read from
  -h, --help               show this help
  -o, --output string      write to this file instead of standard output
  -p, --pretty             indent the output
  -r, --raw                no MachineConfig around the output (no effect for fcos)
      --raw-errors         one line for each message
  -s, --strict             fail on any message
  -V, --version            show the version
";

/// When messages are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// If standard error is a terminal and `NO_COLOR` is unset.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A translation.
    Translate(Invocation),
    /// The help text on standard output.
    Help,
    /// The version on standard output.
    Version,
}

/// The options of a translation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The config; standard input if unset. A `-` is a file of that name.
    pub input: Option<String>,
    /// The output; standard output if unset or empty.
    pub output: Option<String>,
    /// The directory of local files; refused if unset or empty.
    pub files_dir: Option<String>,
    /// Write nothing.
    pub check: bool,
    /// Fail on any message.
    pub strict: bool,
    /// Indent.
    pub pretty: bool,
    /// Without effect for `fcos`.
    pub raw: bool,
    /// One line for each message.
    pub raw_errors: bool,
    /// When to colour.
    pub color: Color,
    /// `--input` was used instead of an argument.
    pub deprecated_input: bool,
}

/// A wrong command line; the `Display` form goes to standard error, and the
/// exit code is [`USAGE`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Usage {
    /// What is wrong; nothing if there are too many files.
    pub message: Option<String>,
    /// `--input` was used, which has a warning of its own.
    pub deprecated_input: bool,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deprecated_input {
            f.write_str(DEPRECATED)?;
        }
        f.write_str(HELP)?;
        match &self.message {
            Some(message) => writeln!(f, "{message}"),
            None => Ok(()),
        }
    }
}

const DEPRECATED: &str =
    "Flag --input has been deprecated, specify filename directly on command line\n";

#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Bool,
    Text,
    /// A value after `=` only.
    Color,
}

/// Long name, short name, value.
const FLAGS: [(&str, Option<char>, Takes); 13] = [
    ("check", Some('c'), Takes::Bool),
    ("color", None, Takes::Color),
    ("colour", None, Takes::Color),
    ("debug", Some('D'), Takes::Bool),
    ("files-dir", Some('d'), Takes::Text),
    ("help", Some('h'), Takes::Bool),
    ("input", None, Takes::Text),
    ("output", Some('o'), Takes::Text),
    ("pretty", Some('p'), Takes::Bool),
    ("raw", Some('r'), Takes::Bool),
    ("raw-errors", None, Takes::Bool),
    ("strict", Some('s'), Takes::Bool),
    ("version", Some('V'), Takes::Bool),
];

#[derive(Default)]
struct Parser {
    invocation: Invocation,
    files: Vec<String>,
    help: bool,
    version: bool,
}

/// Reads a command line, without the name of the program.
///
/// # Errors
/// A [`Usage`] with the message of the reference's parser.
pub fn parse<I>(arguments: I) -> Result<Request, Usage>
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    let mut parser = Parser::default();
    let mut arguments = arguments.into_iter().map(Into::into);
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            parser.files.extend(arguments.by_ref());
        } else if let Some(long) = argument.strip_prefix("--") {
            parser.long(long, &mut arguments)?;
        } else if let Some(shorts) = argument
            .strip_prefix('-')
            .filter(|shorts| !shorts.is_empty())
        {
            parser.shorts(shorts, &mut arguments)?;
        } else {
            parser.files.push(argument);
        }
    }
    let Parser {
        mut invocation,
        mut files,
        help,
        version,
    } = parser;
    match files.len() {
        0 => {}
        1 if invocation.input.is_none() => invocation.input = files.pop(),
        _ => {
            let deprecated_input = invocation.deprecated_input;
            return Err(Usage {
                message: None,
                deprecated_input,
            });
        }
    }
    Ok(if help {
        Request::Help
    } else if version {
        Request::Version
    } else {
        Request::Translate(invocation)
    })
}

fn wrong(message: String) -> Usage {
    Usage {
        message: Some(message),
        deprecated_input: false,
    }
}

impl Parser {
    fn long(&mut self, text: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), Usage> {
        if text.starts_with(['-', '=']) {
            return Err(wrong(format!("bad flag syntax: --{text}")));
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| {
            (name, Some(value.to_string()))
        });
        let flag = FLAGS.iter().find(|(long, ..)| *long == name);
        let Some((_, short, takes)) = flag else {
            return Err(wrong(format!("unknown flag: --{name}")));
        };
        let value = match (value, takes) {
            (Some(value), _) => value,
            (None, Takes::Bool) => "true".into(),
            (None, Takes::Color) => "always".into(),
            (None, Takes::Text) => rest
                .next()
                .ok_or_else(|| wrong(format!("flag needs an argument: --{name}")))?,
        };
        self.set(name, *short, *takes, value)
    }

    fn shorts(&mut self, text: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), Usage> {
        let mut left = text;
        while let Some(short) = left.chars().next() {
            let after = &left[short.len_utf8()..];
            let flag = FLAGS.iter().find(|(_, other, _)| *other == Some(short));
            let Some((name, _, takes)) = flag else {
                return Err(wrong(format!(
                    "unknown shorthand flag: '{short}' in -{left}"
                )));
            };
            if let Some(value) = after.strip_prefix('=').filter(|_| left.len() > 2) {
                return self.set(name, Some(short), *takes, value.into());
            }
            if *takes == Takes::Bool {
                self.set(name, Some(short), *takes, "true".into())?;
                left = after;
                continue;
            }
            let value = match after {
                "" => rest.next().ok_or_else(|| {
                    wrong(format!("flag needs an argument: '{short}' in -{left}"))
                })?,
                value => value.into(),
            };
            return self.set(name, Some(short), *takes, value);
        }
        Ok(())
    }

    fn set(
        &mut self,
        name: &str,
        short: Option<char>,
        takes: Takes,
        value: String,
    ) -> Result<(), Usage> {
        let invocation = &mut self.invocation;
        if takes == Takes::Bool {
            let on = match value.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                value => {
                    let flag = match short {
                        None => format!("--{name}"),
                        Some(short) => format!("-{short}, --{name}"),
                    };
                    let value = crate::text::quoted(value);
                    return Err(wrong(format!(
                        "invalid argument {value} for \"{flag}\" flag: strconv.ParseBool: parsing {value}: invalid syntax"
                    )));
                }
            };
            match name {
                "check" => invocation.check = on,
                "help" => self.help = on,
                "pretty" => invocation.pretty = on,
                "raw" => invocation.raw = on,
                "raw-errors" => invocation.raw_errors = on,
                "strict" => invocation.strict = on,
                "version" => self.version = on,
                // `--debug` prints internals of the reference; there are none here.
                _ => {}
            }
            return Ok(());
        }
        match name {
            "files-dir" => invocation.files_dir = Some(value).filter(|value| !value.is_empty()),
            "output" => invocation.output = Some(value).filter(|value| !value.is_empty()),
            "input" => {
                invocation.deprecated_input = true;
                invocation.input = Some(value).filter(|value| !value.is_empty());
            }
            _ => {
                invocation.color = match value.as_str() {
                    "always" | "yes" => Color::Always,
                    "auto" => Color::Auto,
                    _ => Color::Never,
                };
            }
        }
        Ok(())
    }
}

/// What a translation leaves to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the output, with its line break; `None` means not even to open it.
    pub output: Option<String>,
    /// For standard error.
    pub messages: String,
    /// The exit code.
    pub code: u8,
}

impl Invocation {
    /// Translates `source`. `terminal` says whether standard error is one
    /// that takes colours. The reference's own defects are reproduced, for
    /// this is the drop-in for it.
    #[must_use]
    pub fn run(&self, source: &[u8], files: &dyn Files, terminal: bool) -> Outcome {
        let translation = translate(
            source,
            files,
            Options {
                pretty: self.pretty,
                safe: false,
            },
        );
        self.render(source, translation, terminal)
    }

    /// Renders a translation the way the options ask for.
    #[must_use]
    pub fn render(&self, source: &[u8], translation: Translation, terminal: bool) -> Outcome {
        let Translation {
            ignition,
            report,
            failure,
        } = translation;
        let color = match self.color {
            Color::Auto => terminal,
            Color::Always => true,
            Color::Never => false,
        };
        let mut messages = String::new();
        if self.deprecated_input {
            messages.push_str(DEPRECATED);
        }
        if self.raw_errors {
            messages.push_str(&report.raw());
        } else {
            messages.push_str(&report.pretty(
                self.input.as_deref().unwrap_or("<stdin>"),
                source,
                color,
            ));
        }
        if let Some(failure) = failure {
            messages.push_str(&format!("Error translating config: {failure}\n"));
            return Outcome {
                output: None,
                messages,
                code: FAILED,
            };
        }
        if self.strict && !report.entries.is_empty() {
            messages.push_str("Config produced warnings and --strict was specified\n");
            return Outcome {
                output: None,
                messages,
                code: FAILED,
            };
        }
        let output = ignition.filter(|_| !self.check).map(|mut text| {
            text.push('\n');
            text
        });
        Outcome {
            output,
            messages,
            code: OK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileError;
    use crate::NoFiles;

    fn invocation(arguments: &[&str]) -> Invocation {
        match parse(arguments.iter().copied()) {
            Ok(Request::Translate(invocation)) => invocation,
            other => panic!("{other:?}"),
        }
    }

    fn message(arguments: &[&str]) -> String {
        parse(arguments.iter().copied())
            .unwrap_err()
            .message
            .unwrap_or_default()
    }

    #[test]
    fn grammar() {
        let all = invocation(&["-psc", "-dDIR", "--output=x", "--color", "in.bu"]);
        assert!(all.pretty && all.strict && all.check && all.color == Color::Always);
        assert_eq!(
            (
                all.files_dir.as_deref(),
                all.output.as_deref(),
                all.input.as_deref()
            ),
            (Some("DIR"), Some("x"), Some("in.bu"))
        );
        assert_eq!(
            invocation(&["-c=false", "--", "-x"]).input.as_deref(),
            Some("-x")
        );
        assert_eq!(invocation(&["-"]).input.as_deref(), Some("-"));
        assert_eq!(invocation(&["-o", "", "-d", ""]), Invocation::default());
        assert!(invocation(&["--input", "x"]).deprecated_input);
    }

    #[test]
    fn wrong_command_lines() {
        assert_eq!(message(&["--nope"]), "unknown flag: --nope");
        assert_eq!(message(&["--str"]), "unknown flag: --str");
        assert_eq!(message(&["-px"]), "unknown shorthand flag: 'x' in -x");
        assert_eq!(message(&["-d"]), "flag needs an argument: 'd' in -d");
        assert_eq!(message(&["--output"]), "flag needs an argument: --output");
        assert_eq!(
            message(&["--check=x"]),
            "invalid argument \"x\" for \"-c, --check\" flag: strconv.ParseBool: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            parse(["a", "b", "--help"]),
            Err(Usage {
                message: None,
                deprecated_input: false
            })
        );
        assert_eq!(parse(["--help"]), Ok(Request::Help));
    }

    #[test]
    fn files_that_cannot_be_had() {
        let error = FileError::IsADirectory;
        assert_eq!(
            input_failure(Some("."), InputStep::Read, &error),
            "failed to read .: read .: is a directory\n"
        );
        assert_eq!(
            output_failure("x", &FileError::NotFound),
            "failed to open x: open x: no such file or directory\n"
        );
    }

    #[test]
    fn outcomes() {
        let source = b"variant: fcos\nversion: 1.7.0\nfoo: 1\n";
        let run = |arguments: &[&str]| invocation(arguments).run(source, &NoFiles, false);
        let plain = run(&["--raw-errors"]);
        assert_eq!(
            plain.output.as_deref(),
            Some("{\"ignition\":{\"version\":\"3.6.0\"}}\n")
        );
        assert_eq!(
            plain.messages,
            "warning at $.foo, line 3 col 1: unused key foo\n"
        );
        assert_eq!(plain.code, OK);
        let strict = run(&["--strict", "--raw-errors"]);
        assert_eq!((strict.output, strict.code), (None, FAILED));
        assert!(
            strict
                .messages
                .ends_with("\nConfig produced warnings and --strict was specified\n")
        );
        assert_eq!(run(&["--check"]).output, None);
    }
}

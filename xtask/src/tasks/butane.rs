//! `butane`: the reference compiler's command line, flag for flag.
//!
//! It is older than this project and has its own grammar, help and exit codes
//! (0, 1, 2), so nothing of `cargo xtask` stands in front of it: no
//! `image.yaml`, no checkout, no `--json`.

use std::path::Path;

use host::report::Report;
use host::{env, files, report};
use ignition_gen::command::{Invocation, Request};
use ignition_gen::{DirFiles, FileError, Files, NoFiles, command};

use crate::error::Error;

/// That what it writes is JSON already, and nothing else of it can be.
pub fn no_json() -> Error {
    Error::Usage(
        "`butane` has the reference compiler's command line, which knows no --json: what it \
         writes is JSON by itself"
            .to_owned(),
    )
}

/// Does what the arguments say, and returns the exit code. The usage error that `--json`
/// is to this grammar is one document, too.
pub fn run(arguments: Vec<String>) -> u8 {
    let mut options = arguments.iter().take_while(|word| *word != "--");
    let json = options.any(|word| word == "--json");
    let code = translated(arguments);
    if json && code == command::USAGE {
        let document = serde_json::json!({"error": no_json().to_string(), "exit-code": code});
        let _ = Report::plain(true).document(&document);
    }
    code
}

fn translated(arguments: Vec<String>) -> u8 {
    let (output, messages, code) = match command::parse(arguments) {
        Err(usage) => (None, usage.to_string(), command::USAGE),
        Ok(Request::Help) => (Some(command::HELP.to_owned()), String::new(), command::OK),
        Ok(Request::Version) => {
            let version = format!("Butane {}\n", env!("CARGO_PKG_VERSION"));
            (Some(version), String::new(), command::OK)
        }
        Ok(Request::Translate(invocation)) => translate(&invocation),
    };
    report::exactly_err(messages.as_bytes());
    match output.map_or(Ok(()), |text| report::exactly_out(text.as_bytes())) {
        Ok(()) => code,
        Err(error) => {
            let why = FileError::from(error);
            let text = format!("Failed to write config to /dev/stdout: {why}\n");
            report::exactly_err(text.as_bytes());
            command::FAILED
        }
    }
}

/// What goes to standard output, what to standard error, and the exit code.
fn translate(invocation: &Invocation) -> (Option<String>, String, u8) {
    let source = match read(invocation.input.as_deref()) {
        Ok(source) => source,
        Err(message) => return (None, message, command::FAILED),
    };
    let directory = invocation.files_dir.as_deref().map(DirFiles::new);
    let local: &dyn Files = directory.as_ref().map_or(&NoFiles, |files| files);
    let outcome = invocation.run(&source, local, env::colors());
    match (&invocation.output, outcome.output) {
        (Some(path), Some(text)) => match files::write(Path::new(path), text.as_bytes()) {
            Ok(()) => (None, outcome.messages, outcome.code),
            Err(error) => {
                let why = FileError::from(error);
                let messages = outcome.messages;
                let text = format!("{messages}failed to open {path}: open {path}: {why}\n");
                (None, text, command::FAILED)
            }
        },
        (_, output) => (output, outcome.messages, outcome.code),
    }
}

fn read(path: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(path) = path else {
        return env::stdin_bytes()
            .map_err(|error| format!("failed to read stdin: {}\n", FileError::from(error)));
    };
    // Opened and read apart, because the reference names which of them failed.
    let opened = std::fs::File::open(path);
    let mut file = opened.map_err(|error| {
        format!(
            "failed to open {path}: open {path}: {}\n",
            FileError::from(error)
        )
    })?;
    let mut source = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut source).map_err(|error| {
        format!(
            "failed to read {path}: read {path}: {}\n",
            FileError::from(error)
        )
    })?;
    Ok(source)
}

//! The command of the reference compiler, for measurements against it.
#![expect(
    clippy::disallowed_methods,
    reason = "the shell around the library opens the doors"
)]

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use ignition_gen::command::{self, Invocation, Request};
use ignition_gen::{DirFiles, Files, NoFiles};

fn main() -> ExitCode {
    let (output, messages, code) = match command::parse(std::env::args().skip(1)) {
        Err(usage) => (None, usage.to_string(), command::USAGE),
        Ok(Request::Help) => (Some(command::HELP.to_string()), String::new(), command::OK),
        Ok(Request::Version) => (
            Some(format!("Butane {}\n", env!("CARGO_PKG_VERSION"))),
            String::new(),
            command::OK,
        ),
        Ok(Request::Translate(invocation)) => translate(&invocation),
    };
    // Nobody is left to hear of a closed terminal.
    let _ = io::stderr().write_all(messages.as_bytes());
    let _ = io::stdout().write_all(output.unwrap_or_default().as_bytes());
    ExitCode::from(code)
}

fn translate(invocation: &Invocation) -> (Option<String>, String, u8) {
    let source = match read(invocation.input.as_deref()) {
        Ok(source) => source,
        Err(message) => return (None, message, command::FAILED),
    };
    let directory = invocation.files_dir.as_deref().map(DirFiles::new);
    let files: &dyn Files = directory.as_ref().map_or(&NoFiles, |directory| directory);
    let terminal = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let outcome = invocation.run(&source, files, terminal);
    let (Some(path), Some(text)) = (&invocation.output, &outcome.output) else {
        return (outcome.output, outcome.messages, outcome.code);
    };
    match fs::write(path, text) {
        Ok(()) => (None, outcome.messages, outcome.code),
        Err(error) => (
            None,
            outcome.messages + &command::output_failure(path, &error.into()),
            command::FAILED,
        ),
    }
}

fn read(path: Option<&str>) -> Result<Vec<u8>, String> {
    let mut source = Vec::new();
    let input: io::Result<Box<dyn io::Read>> = match path {
        Some(path) => fs::File::open(path).map(|file| Box::new(file) as _),
        None => Ok(Box::new(io::stdin())),
    };
    let mut input = input
        .map_err(|error| command::input_failure(path, command::InputStep::Open, &error.into()))?;
    input
        .read_to_end(&mut source)
        .map_err(|error| command::input_failure(path, command::InputStep::Read, &error.into()))?;
    Ok(source)
}

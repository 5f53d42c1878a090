//! The files of CI that a report is added to, and the streams as they are.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::error::Error;

/// Adds a text at the end.
pub(super) fn append(path: &Path, text: &str) -> Result<(), Error> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Error::File {
            verb: "write",
            path: path.to_owned(),
            source,
        })
}

/// Bytes to standard output as they are, for a task with a form of its own.
///
/// # Errors
/// If they cannot be written. A closed pipe is no error.
pub fn exactly_out(bytes: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Bytes to standard error as they are.
pub fn exactly_err(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}

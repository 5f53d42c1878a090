//! What every error of our crates can tell: its exit code, and what kind of
//! thing went wrong. The alarm sorts failures by it without knowing the crates.

use registry_compat::Unknown;

/// What kind of thing went wrong, as far as the error itself knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Ctrl-C, or SIGTERM.
    Interrupted,
    /// `image.yaml`, the command line, a secret, or this machine.
    Configuration,
    /// Somebody did not answer.
    Unanswered(&'a Unknown),
    /// A registry, or what is in it.
    Registry,
    /// The connection, Fedora's servers, or GitHub.
    Network,
    /// A step of a plan did not hold: its name.
    Step(&'a str),
    /// A program failed: its command line.
    Command(&'a str),
    /// None of these.
    Other,
}

/// An error that ends a task.
pub trait Failure: std::error::Error {
    /// The exit code, as the table of docs/tasks.md has it.
    fn exit_code(&self) -> u8;

    /// What kind of thing went wrong.
    fn kind(&self) -> Kind<'_>;
}

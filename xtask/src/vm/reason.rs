//! Why a boot went wrong, as its console says it. Pure.

use std::fmt;

use super::console::Console;

/// What is known to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The kernel gave up.
    Panic(String),
    /// Ignition gave up.
    Ignition(String),
    /// A disk stayed shut: nobody could open it but a person with its words.
    Locked(String),
    /// The system could not start; which units.
    Emergency(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(said) => write!(f, "the kernel gave up: {said}"),
            Self::Ignition(said) => write!(f, "Ignition gave up: {said}"),
            Self::Locked(said) => write!(f, "a disk stays locked: {said}"),
            Self::Emergency(said) => write!(f, "the system could not start: {said}"),
        }
    }
}

impl Reason {
    /// Whether nothing comes after it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Panic(_))
    }
}

/// The reason, if the console has one.
pub fn reason(console: &Console) -> Option<Reason> {
    let text = console.text();
    let panic = text
        .lines()
        .find(|line| line.contains("Kernel panic - not syncing"));
    panic.map(|line| Reason::Panic(line.to_owned()))
}

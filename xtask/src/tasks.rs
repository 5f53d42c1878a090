//! One module for each task, or family of tasks.

pub mod build;
pub mod check;
pub mod config;
pub mod doctor;
pub mod explain;
pub mod forecast;
pub mod help;
pub mod inputs;
pub mod verify;
pub mod versions;

/// How a task that was not hindered ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Done, or answered.
    Well,
    /// Answered, and the answer is that something does not hold.
    Badly,
    /// Nothing can be built now.
    NotYet,
    /// Answered as far as possible: something could not be found out.
    Unknown,
    /// Answered: someone has to decide first.
    Refused,
}

impl Done {
    /// The exit code, as README's table has it.
    pub fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Badly => 1,
            Self::NotYet => 10,
            Self::Unknown => 3,
            Self::Refused => 4,
        }
    }
}

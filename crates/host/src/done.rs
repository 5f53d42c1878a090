//! How a task ended that did not fail with an error.

/// How a task ended: an answer, which may be a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Done, or answered.
    Success,
    /// Answered, and the answer is that something does not hold.
    CheckFailed,
    /// Answered, and going on could lose something.
    Refused,
    /// Nothing can be built now.
    NotYet,
    /// Ended as another program's command line says.
    Code(u8),
    /// Answered as far as possible: something could not be found out.
    Unknown,
}

impl Done {
    /// The exit code, as the table of docs/tasks.md has it.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::CheckFailed => 1,
            Self::Refused => 4,
            Self::NotYet => 10,
            Self::Code(code) => code,
            Self::Unknown => 3,
        }
    }
}

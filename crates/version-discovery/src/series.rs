//! The ZFS line that a pool stays on. How it is read stands with the versions,
//! because that can fail, and the error names a series.

use std::fmt;

/// A ZFS release line, `2.4`. Crossing it is an explicit edit of `image.yaml`,
/// because pool features that a newer line enables cannot be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

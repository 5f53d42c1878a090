//! Durations, as the history keeps and shows them.

use serde::{Deserialize, Serialize};

/// A duration in seconds, to a tenth: from 0 to a week.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

impl Seconds {
    const MOST: f64 = 7.0 * 86_400.0;

    /// What a stopwatch showed.
    pub fn new(seconds: f64) -> Self {
        Self((seconds.clamp(0.0, Self::MOST) * 10.0).round() / 10.0)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;
    fn try_from(seconds: f64) -> Result<Self, String> {
        match (0.0..=Self::MOST).contains(&seconds) {
            true => Ok(Self::new(seconds)),
            false => Err(format!("{seconds} is no duration in seconds")),
        }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

/// `3.2 s`, `14 min 2 s`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0).floor();
    format!("{minutes:.0} min {:.0} s", (seconds % 60.0).floor())
}

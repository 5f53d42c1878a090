//! What the history keeps of an image's boot.

use std::fmt;

use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use super::seconds::{Seconds, duration};

/// Whether the image was booted before a tag moved to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Boot {
    /// It booted, and all checks on the running system passed.
    Tried {
        /// From the kernel's start to the last unit.
        seconds: Seconds,
        /// Memory in use after it, in mebibytes.
        memory_mib: u64,
        /// The processor was emulated: the time says nothing about a real host.
        emulated: bool,
        /// Other architectures of the index, whose images were published without a
        /// boot.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<Arch>,
    },
    /// It was not tried.
    NotTried {
        /// Why.
        reason: String,
    },
}

impl Boot {
    /// Whether it was booted, for a cell of a table: `18.1 s, not aarch64`.
    pub fn short(&self) -> String {
        match self {
            Self::Tried {
                seconds, others, ..
            } => {
                let others = others.iter().map(|arch| format!(", not {arch}"));
                duration(seconds.get()) + &others.collect::<String>()
            }
            Self::NotTried { .. } => "not tried".to_owned(),
        }
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tried {
                seconds,
                memory_mib,
                emulated,
                others,
            } => {
                let how = if *emulated { ", emulated" } else { "" };
                let seconds = seconds.get();
                write!(f, "up after {seconds:.1} s{how}, {memory_mib} MiB in use")?;
                others
                    .iter()
                    .try_for_each(|arch| write!(f, "; the image for {arch} was not booted"))
            }
            Self::NotTried { reason } => write!(f, "not tried: {}", host::one_line(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::super::{History, table};
    use super::*;

    #[test]
    fn what_was_not_booted_is_kept_and_said() {
        let boot = |others| Boot::Tried {
            seconds: Seconds::new(18.06),
            memory_mib: 73,
            emulated: false,
            others,
        };
        let mut history = History::default();
        for (day, others) in [vec![], vec![Arch::Aarch64]].into_iter().enumerate() {
            let mut entry = entry(u32::try_from(day).unwrap(), 600.0);
            entry.boot = Some(boot(others));
            history.add(entry);
        }
        let bytes = history.to_bytes().unwrap();
        assert_eq!(History::parse(&bytes).unwrap(), history);
        // A list without any is not written, as in entries that are older than it.
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches(r#""others":["aarch64"]"#).count(), 1, "{text}");
        assert_eq!(text.matches("others").count(), 1, "{text}");
        let rows = table(history.last(2));
        assert_eq!(
            [&rows[1][4], &rows[2][4]],
            ["18.1 s, not aarch64", "18.1 s"]
        );
        let said = boot(vec![Arch::Aarch64]).to_string();
        let wanted = "up after 18.1 s, 73 MiB in use; the image for aarch64 was not booted";
        assert_eq!(said, wanted);
    }
}

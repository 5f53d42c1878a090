//! `boot` in `image.yaml`: whether an image is booted before a tag moves, and how a
//! host checks its own health after an update.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::{Reason, Unique, UnitName};

/// When an image is booted before a tag moves to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Always: with KVM, or emulated, which takes minutes.
    Required,
    /// Where the machine that publishes has KVM; elsewhere it is not booted, and the
    /// plan says so.
    #[default]
    IfKvm,
    /// Never; `reason` says why.
    Never,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::IfKvm => "if-kvm",
            Self::Never => "never",
        })
    }
}

/// A unit that may fail in the test boot, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedFailure {
    /// The unit.
    pub unit: UnitName,
    /// Why.
    pub reason: Reason,
}

/// Whether the image is booted before a tag moves. In the file either the gate
/// alone (`boot: required`), or a mapping.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// When.
    pub gate: Gate,
    /// Why not, where it is `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Units that may fail in the test boot.
    #[serde(skip_serializing_if = "empty")]
    pub allow_failed: Unique<AllowedFailure>,
}

fn empty(list: &Unique<AllowedFailure>) -> bool {
    list.is_empty()
}

impl fmt::Display for AllowedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.unit)
    }
}

/// The mapping.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Whole {
    /// When.
    #[serde(default)]
    gate: Gate,
    /// Why not, where it is `never`.
    #[serde(default)]
    reason: Option<Reason>,
    /// Units that may fail in the test boot.
    #[serde(default)]
    allow_failed: Unique<AllowedFailure>,
}

impl<'de> Deserialize<'de> for Boot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Boot;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`required`, `if-kvm` or `never`, or a mapping with `gate`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Boot, E> {
                let gate = Gate::deserialize(StrDeserializer::new(text))?;
                Ok(Boot {
                    gate,
                    ..Boot::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Boot, A::Error> {
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Boot {
                    gate: whole.gate,
                    reason: whole.reason,
                    allow_failed: whole.allow_failed,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Boot {
    /// Values that contradict each other.
    pub(crate) fn contradiction(&self) -> Option<String> {
        (self.gate == Gate::Never && self.reason.is_none()).then(|| {
            "`never` needs a `reason`: an image that does not boot is found by the hosts then"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Boot, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_word_or_a_mapping() {
        assert_eq!(read("required").unwrap().gate, Gate::Required);
        let boot = read("{allow-failed: [{unit: a.service, reason: no network}]}").unwrap();
        assert_eq!(boot.gate, Gate::IfKvm);
        assert_eq!(boot.allow_failed.iter().count(), 1);
        assert_eq!(boot.contradiction(), None);
        assert!(read("sometimes").unwrap_err().contains("if-kvm"));
        assert!(read("{gates: never}").unwrap_err().contains("gates"));
    }

    #[test]
    fn never_has_a_reason() {
        assert!(read("never").unwrap().contradiction().is_some());
        let boot = read("{gate: never, reason: no machine with KVM}").unwrap();
        assert_eq!(boot.contradiction(), None);
        // The output of `config` must be readable as input.
        let printed = serde_yaml::to_string(&boot).unwrap();
        assert_eq!(read(&printed).unwrap(), boot);
    }
}

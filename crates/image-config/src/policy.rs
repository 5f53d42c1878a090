//! How the versions are chosen: the section `policy` of `image.yaml`.

use jiff::civil::Date;
use registry_compat::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::{DEFAULT_HOLD_DAYS, FcosVersion, KernelCeiling, Rule, Series, ZfsVersion};

use crate::types::Reason;

/// The section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// How to choose.
    #[serde(default)]
    pub rule: RuleName,
    /// Days for which `hold` holds a base back.
    #[serde(default = "hold_days")]
    pub hold_days: u32,
    /// Days after which an image is built again though no input changed, for
    /// the packages that are installed on top.
    #[serde(default = "rebuild_after_days")]
    pub rebuild_after_days: u32,
    /// The limits of `rule: pin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// The names of the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// The newest base with the newest ZFS of the series, or nothing.
    Newest,
    /// The newest base that has kmods.
    #[default]
    Hold,
    /// The same, within limits that a person set for a while.
    Pin,
}

/// Limits, why they are there, and until when. At least one of the first four.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pin {
    /// This base and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub base: Option<FcosVersion>,
    /// No newer kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub kernel_ceiling: Option<KernelCeiling>,
    /// This ZFS version and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub zfs: Option<ZfsVersion>,
    /// This kmods image and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub kmods_digest: Option<Digest>,
    /// Why, for whoever reads it later.
    pub reason: Reason,
    /// The last day on which it holds.
    #[serde(deserialize_with = "date")]
    #[schemars(with = "String")]
    pub expires: Date,
}

fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        let form = "YEAR-MONTH-DAY such as `2026-08-31`";
        serde::de::Error::custom(version_discovery::Error::malformed("a date", &text, form))
    })
}

fn hold_days() -> u32 {
    DEFAULT_HOLD_DAYS
}

fn rebuild_after_days() -> u32 {
    7
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rule: RuleName::default(),
            hold_days: hold_days(),
            rebuild_after_days: rebuild_after_days(),
            pin: None,
        }
    }
}

impl Policy {
    /// The policy in the form that the choice of versions uses.
    pub fn of(&self, series: Series) -> version_discovery::Policy {
        let hold = Rule::Hold {
            max_days: self.hold_days,
        };
        let rule = match (self.rule, &self.pin) {
            (RuleName::Newest, _) => Rule::Newest,
            (RuleName::Pin, Some(pin)) => Rule::Pin(version_discovery::Pin {
                base: pin.base,
                kernel_ceiling: pin.kernel_ceiling,
                zfs: pin.zfs,
                kmods_digest: pin.kmods_digest.as_ref().map(ToString::to_string),
                reason: pin.reason.to_string(),
                expires: pin.expires,
            }),
            (RuleName::Hold | RuleName::Pin, _) => hold,
        };
        version_discovery::Policy { series, rule }
    }

    /// The kmods image that is pinned.
    pub fn kmods_digest(&self) -> Option<&Digest> {
        let pin = self.pin.as_ref().filter(|_| self.rule == RuleName::Pin);
        pin.and_then(|pin| pin.kmods_digest.as_ref())
    }

    /// Values that are each valid but contradict each other: the key at fault, and why.
    pub(super) fn contradiction(&self, series: Series) -> Option<(&'static str, String)> {
        let pin = "policy.pin";
        match (&self.pin, self.rule) {
            (None, RuleName::Pin) => Some((
                "policy.rule",
                "`rule: pin` needs the section `pin` below it".into(),
            )),
            // Limits without `rule: pin` would have no effect, although they look as if
            // they were in force.
            (Some(_), RuleName::Newest | RuleName::Hold) => {
                Some((pin, "policy.pin has no effect without `rule: pin`".into()))
            }
            (Some(limits), RuleName::Pin) => {
                let nothing = limits.base.is_none()
                    && limits.kernel_ceiling.is_none()
                    && limits.zfs.is_none()
                    && limits.kmods_digest.is_none();
                if nothing {
                    let any = "policy.pin limits nothing; it needs at least one of base, \
                               kernel-ceiling, zfs and kmods-digest";
                    return Some((pin, any.into()));
                }
                let other = limits.zfs.filter(|version| !series.contains(version))?;
                let words = format!("ZFS {other} is not of the series {series} (`zfs.series`)");
                Some(("policy.pin.zfs", words))
            }
            (None, RuleName::Newest | RuleName::Hold) => None,
        }
    }
}

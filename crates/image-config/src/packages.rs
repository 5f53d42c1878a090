//! The packages on top of the base.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{PackageName, Unique};

/// Packages on top of the base.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Packages {
    /// To install, with `dnf` or `rpm-ostree`.
    #[serde(default)]
    pub install: Unique<PackageName>,
    /// To remove where they are installed.
    #[serde(default)]
    pub remove: Unique<PackageName>,
    /// Whether the lock names every RPM that is installed beyond the base, with its
    /// checksum. The build then fetches exactly these and installs them without network.
    /// Otherwise the repositories are asked while the image is built. The base needs
    /// `dnf`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
}

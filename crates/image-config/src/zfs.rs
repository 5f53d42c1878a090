//! Which ZFS, and who makes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Series;

use crate::defaults;
use crate::input_signatures::{Fingerprint, Keyring, openzfs_keys};
use crate::types::{Name, Unique};

/// The ZFS line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Zfs {
    /// `X.Y`.
    #[schemars(with = "String")]
    pub series: Series,
    /// Repository on GitHub whose releases are read.
    #[serde(default = "defaults::zfs")]
    pub repository: Name,
    /// Who may sign the tarball of a release, by the whole fingerprint of the key.
    #[serde(default = "openzfs_keys")]
    pub keys: Unique<Fingerprint>,
    /// Where the public keys are; without it, each is asked for at `urls.key-server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Keyring>,
}

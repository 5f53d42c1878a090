//! `ignition` of `image.yaml`: the machine's configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Lint, Name, Reason, SshKey, Unique, Url};

/// The machine configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ignition {
    /// Folder of the Butane sources, relative to the checkout.
    #[serde(default = "sources")]
    pub sources: Name,
    /// Public keys that may log in as `core`.
    #[serde(default)]
    pub ssh_keys: Unique<SshKey>,
    /// The public half of the key that signs the image: a file, relative to
    /// the checkout. Without one, machines do not follow the image until the
    /// key is put on them by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<Name>,
    /// Where the page is published; GitHub Pages of the owner by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Findings of the lints that are intended.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// A finding that is intended, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Allow {
    /// The lint.
    pub lint: Lint,
    /// The source below the folder, such as `nas.bu`; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Name>,
    /// Why it is intended.
    pub reason: Reason,
}

#[expect(clippy::expect_used, reason = "a constant, held by a test")]
fn sources() -> Name {
    "ignition".parse().expect("a default is a valid value")
}

impl Default for Ignition {
    fn default() -> Self {
        Self {
            sources: sources(),
            ssh_keys: Unique::default(),
            public_key: None,
            url: None,
            allow: Vec::new(),
        }
    }
}

//! Where the services are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;
use crate::types::Url;

/// Addresses of the services that are used; they can be changed for mirrors and tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Urls {
    /// GitHub's REST API.
    #[serde(default = "defaults::github")]
    pub github_api: Url,
    /// GitHub's web pages, where the files of a release are.
    #[serde(default = "defaults::github_web")]
    pub github: Url,
    /// A key server (HKP), for the keys that sign OpenZFS's releases.
    #[serde(default = "defaults::key_server")]
    pub key_server: Url,
    /// Fedora CoreOS metadata: `prod/streams/…` and `updates/…` are below it.
    #[serde(default = "defaults::fcos")]
    pub fcos_builds: Url,
}

impl Default for Urls {
    fn default() -> Self {
        Self {
            github_api: defaults::github(),
            github: defaults::github_web(),
            key_server: defaults::key_server(),
            fcos_builds: defaults::fcos(),
        }
    }
}

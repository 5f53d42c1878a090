//! `ci` of `image.yaml`: the machines that build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::Name;
use crate::defaults::parsed;

/// Where CI builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ci {
    /// The label of a runner for each architecture. It must be one of that very
    /// architecture: nothing is emulated.
    #[serde(default)]
    pub runners: Runners,
}

/// In the schema, an architecture: its names are those of [`Arch`].
pub(crate) struct Architecture;

impl JsonSchema for Architecture {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Architecture".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = [Arch::X86_64, Arch::Aarch64].map(|arch| arch.to_string());
        schemars::json_schema!({"enum": names})
    }
}

/// Labels of runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runners {
    /// For `x86_64`.
    #[serde(default = "x86_64", rename = "x86_64")]
    pub x86_64: Name,
    /// For `aarch64`.
    #[serde(default = "aarch64")]
    pub aarch64: Name,
}

// Source: GitHub Actions, "GitHub-hosted runners reference".
fn x86_64() -> Name {
    parsed("ubuntu-24.04")
}
fn aarch64() -> Name {
    parsed("ubuntu-24.04-arm")
}

impl Default for Runners {
    fn default() -> Self {
        Self {
            x86_64: x86_64(),
            aarch64: aarch64(),
        }
    }
}

impl Runners {
    /// The label for an architecture.
    pub fn of(&self, arch: Arch) -> &Name {
        match arch {
            Arch::X86_64 => &self.x86_64,
            Arch::Aarch64 => &self.aarch64,
        }
    }
}

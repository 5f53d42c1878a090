//! `signing` in `image.yaml`: the key that signs, or why nothing is signed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Error;

use crate::Reason;

/// Where a secret comes from: `env:NAME` or `file:PATH`. Only the name is in
/// the configuration and in plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; relative to the checkout.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for SecretSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The text is not shown: it could be the secret itself.
        let wrong = || {
            Error::malformed(
                "the place of a secret",
                "…",
                "env:NAME of capitals, or file:PATH",
            )
        };
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        match kind {
            "env" if !rest.is_empty() && rest.chars().all(name) => Ok(Self::Env(rest.to_owned())),
            "file" if !rest.trim().is_empty() && !rest.contains(char::is_control) => {
                Ok(Self::File(Path::new(rest).to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

version_discovery::serde_as_text!(SecretSource);

/// How an input is treated that has no signature to check, only its digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unverified {
    /// It is used, and the plan says so.
    #[default]
    Allow,
    /// Nothing is built.
    Refuse,
}

/// The images that a build uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inputs {
    /// Whether one without a signature that was checked may be used.
    #[serde(default)]
    pub unverified: Unverified,
}

/// Who verifies an image as a host does, before a tag moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// The `skopeo` in the image, in a container from that image.
    #[default]
    Image,
    /// This program alone, from the image's files: without a second, independent check.
    Program,
}

/// How a publication is signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signing {
    /// Publish without a signature, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Reason>,
    /// The private key.
    #[serde(default = "private_key")]
    pub private_key: SecretSource,
    /// Its password. An empty or missing value means that there is no password.
    #[serde(default = "password")]
    pub password: SecretSource,
    /// Who verifies it as a host does.
    #[serde(default)]
    pub judge: Judge,
}

// The names of the environment variables that cosign reads.
fn private_key() -> SecretSource {
    SecretSource::Env("COSIGN_PRIVATE_KEY".to_owned())
}

fn password() -> SecretSource {
    SecretSource::Env("COSIGN_PASSWORD".to_owned())
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            unsigned: None,
            private_key: private_key(),
            password: password(),
            judge: Judge::Image,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn a_secret_is_never_written_where_its_name_belongs() {
        for good in [
            "env:COSIGN_PRIVATE_KEY",
            "file:keys/cosign.key",
            "file:/run/secrets/key",
        ] {
            assert_eq!(good.parse::<SecretSource>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "hunter2",
            "env:",
            "env:a b",
            "file:",
            "-----BEGIN PRIVATE KEY-----",
            "pass:x",
        ] {
            assert!(bad.parse::<SecretSource>().is_err(), "{bad}");
        }
    }
}

//! What a translation is asked for, and what it gives.

use crate::report::Report;

/// How to translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Indent the JSON by two blanks instead of writing it in one line.
    pub pretty: bool,
    /// Refuse what the reference accepts although it can only do harm; the list
    /// is in the documentation of the crate. On by default; the drop-in
    /// command leaves it off.
    pub safe: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            pretty: false,
            safe: true,
        }
    }
}

/// Why there is no config. The `Display` form is what the reference prints
/// after `Error translating config: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The text is no YAML, or not even variant and version can be read.
    #[error("Error unmarshaling yaml: {0}")]
    Unmarshal(String),
    /// `variant` is missing.
    #[error("error parsing variant; must be specified")]
    NoVariant,
    /// `version` is missing or no version.
    #[error("error parsing version; must be a valid semver")]
    BadVersion,
    /// The reference has no such variant or version either.
    #[error("No translator exists for variant {variant} with version {version}")]
    Unknown {
        /// The variant of the config.
        variant: String,
        /// Its version, normalized.
        version: String,
    },
    /// The reference has this variant, this crate has not.
    #[error(
        "variant {variant} with version {version} is not supported; this compiler knows variant fcos only"
    )]
    Unsupported {
        /// The variant of the config.
        variant: String,
        /// Its version, normalized.
        version: String,
    },
    /// A removed variant, which the reference refuses with a hint.
    #[error(
        "rhcos variant has been removed; use openshift variant instead: https://coreos.github.io/butane/upgrading-openshift/"
    )]
    Rhcos,
    /// A value has the wrong type.
    #[error("{0}")]
    Decode(String),
    /// The config breaks a rule of Butane; the report says which.
    #[error("source config is invalid")]
    Source,
    /// The generated config breaks a rule of Ignition; the report says which.
    #[error("config generated was invalid")]
    Generated,
}

/// What a translation gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The Ignition config as JSON text without a line break at the end, if
    /// there was no error.
    pub ignition: Option<String>,
    /// Warnings and errors, in the order of the reference.
    pub report: Report,
    /// Why there is no config.
    pub failure: Option<Failure>,
}

impl Translation {
    /// A translation without a result, for this reason.
    pub(crate) fn failed(failure: Failure) -> Self {
        Translation {
            ignition: None,
            report: Report::default(),
            failure: Some(failure),
        }
    }
}

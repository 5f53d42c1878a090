//! Butane configs translated to Ignition, answer for answer with the
//! reference compiler (coreos/butane 0.29.0).
//!
//! [`translate`] takes the text of a config and gives the text of the Ignition
//! config, with the same messages at the same places. All versions of the
//! variant `fcos` are known, 1.0.0 to 1.7.0 and 1.8.0-experimental; other
//! variants are refused with [`Failure::Unsupported`]. [`command`] is the
//! command line around it. Nothing is read but through [`Files`], and the same
//! input always gives the same answer.
//!
//! ```
//! use ignition_gen::{NoFiles, Options, translate};
//!
//! let config = "variant: fcos\nversion: 1.6.0\nunknown: 1\n";
//! let translation = translate(config, &NoFiles, Options::default());
//! assert_eq!(translation.ignition.as_deref(), Some(r#"{"ignition":{"version":"3.5.0"}}"#));
//! assert_eq!(translation.report.raw(), "warning at $.unknown, line 3 col 1: unused key unknown\n");
//! ```
//!
//! # What differs from the reference
//!
//! With [`Options::safe`], which is the default of the library and off in the
//! drop-in command, what the reference accepts although it can only hurt is an
//! error:
//!
//! * a tree whose root is a symbolic link: the reference turns it into a link
//!   at the root of the host;
//! * names of units, drop-ins and quadlets with slashes, by which a file is
//!   written outside its directory;
//! * local configs to merge or replace that are invalid: the reference checks
//!   inline ones only;
//! * local units that are not UTF-8: the reference embeds them with
//!   replacement characters;
//! * a tree's file over an entry that has a `compression` and no contents is
//!   embedded with the compression that it really has; the reference keeps the
//!   word and embeds the file as it is. This is no error.
//!
//! [`DirFiles::confined`] refuses links that lead out of the files directory,
//! which [`DirFiles::new`] follows like the reference.
//!
//! Everywhere:
//!
//! * unused keys of one mapping are reported in the order of the config, and of
//!   several colliding partition numbers the first is; the reference's order is
//!   random;
//! * messages are bounded where their number would be quadratic: repetitions of
//!   one key (a hundred, each with a hundred others, and a megabyte in all) and
//!   links above one path (ten); after 64 MiB of output messages lose
//!   their excerpts;
//! * merge keys can be nested a hundred deep, not without end;
//! * reading a pipe or a device as a local file is an error, where the
//!   reference waits or reads on forever, and so is a tree with a file name
//!   that is not UTF-8;
//! * lines of configs that are not UTF-8 (but UTF-16) are shown with
//!   replacement characters in the default form of messages;
//! * a value that a YAML type error cuts inside a character ends with a
//!   replacement character, not with half of it;
//! * a URL such as `http://][` is invalid, where the reference crashes;
//! * the text of the help is another one.

mod boot;
pub mod command;
mod contents;
mod context;
mod data_url;
mod decode;
mod device_rules;
mod emit;
mod files;
mod go_json;
pub mod gzip;
mod ignition_check;
mod ignition_rules;
mod inner;
mod lower;
mod merge;
mod modes;
mod mount;
mod partitions;
mod quadlets;
mod repeats;
mod report;
mod resource;
mod schema;
mod source_check;
mod storage_rules;
mod text;
mod tree;
mod trees;
mod unit;
mod unused;
mod url;
mod version;
mod yaml;

pub use files::{DirFiles, FileError, FileKind, Files, NoFiles};
pub use report::{Entry, Position, Report, Severity};

use context::Context;
use tree::{Name, Paths};
use yaml::Document;

/// How to translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Indent the JSON by two blanks instead of writing it in one line.
    pub pretty: bool,
    /// Refuse what the reference accepts although it can only hurt; the list
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
    /// The variant of old that the reference refuses with a hint.
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
    fn failed(failure: Failure) -> Self {
        Translation {
            ignition: None,
            report: Report::default(),
            failure: Some(failure),
        }
    }
}

/// Translates a Butane config.
///
/// Nothing but `files` is read and nothing is written: the same input always
/// gives the same answer. Errors are part of the [`Translation`].
pub fn translate(source: impl AsRef<[u8]>, files: &dyn Files, options: Options) -> Translation {
    let document = match Document::parse(source.as_ref()) {
        Ok(document) => document,
        Err(fault) => return Translation::failed(Failure::Unmarshal(fault.to_string())),
    };
    let minor = match version::find(document.as_ref()) {
        Ok(minor) => minor,
        Err(failure) => return Translation::failed(failure),
    };
    let mut context = Context::new(minor, document.as_ref(), files, options.safe);
    let root = match decode::decode(
        document.as_ref(),
        &schema::CONFIG,
        minor,
        &mut context.paths,
    ) {
        Ok(root) => root,
        Err(fault) => return Translation::failed(Failure::Decode(fault.to_string())),
    };
    unused::check(&mut context, &schema::CONFIG, &root);
    source_check::check(&mut context, &root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Source),
        };
    }
    let root = lower::lower(&mut context, root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Source),
        };
    }
    ignition_check::check(&mut context, &root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Generated),
        };
    }
    let ignition = emit::json(&schema::CONFIG, &root, minor, options.pretty);
    Translation {
        ignition: Some(ignition),
        report: context.report,
        failure: None,
    }
}

/// Variant and version, before the schema is known.
fn common(document: Option<&Document>) -> Result<(String, String), Failure> {
    let root = decode::decode(document, &schema::COMMON, 0, &mut Paths::new());
    let root = root.map_err(|fault| Failure::Unmarshal(fault.to_string()))?;
    Ok((
        root.str_or_empty(Name::Variant).into(),
        root.str_or_empty(Name::Version).into(),
    ))
}

/// Helpers for the tests of the modules.
#[cfg(test)]
mod testing {
    use super::*;

    /// The raw messages for `body` in version 1.`minor`.
    pub(crate) fn messages(minor: u8, body: &str) -> Vec<String> {
        run(minor, body)
            .report
            .entries
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The Ignition config for `body` in version 1.`minor`, without its version.
    pub(crate) fn ignition(minor: u8, body: &str) -> String {
        let translation = run(minor, body);
        let text = translation
            .ignition
            .unwrap_or_else(|| panic!("{}", translation.report.raw()));
        text.replacen(
            &format!(r#"{{"ignition":{{"version":"{}"}},"#, lower::spec(minor)),
            "{",
            1,
        )
    }

    fn run(minor: u8, body: &str) -> Translation {
        let suffix = if minor == schema::NEWEST {
            "-experimental"
        } else {
            ""
        };
        let config = format!("variant: fcos\nversion: 1.{minor}.0{suffix}\n{body}");
        translate(config, &NoFiles, Options::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_end_where_errors_are() {
        let failure = |config: &str| {
            translate(config, &NoFiles, Options::default())
                .failure
                .map(|failure| failure.to_string())
        };
        for (config, cause) in [
            ("", "error parsing variant; must be specified"),
            (
                "variant: fcos",
                "error parsing version; must be a valid semver",
            ),
            (
                "variant: fcos\nversion: 1.9.0",
                "No translator exists for variant fcos with version 1.9.0",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: []",
                "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!seq into v0_7.Storage",
            ),
            (
                "variant: [",
                "Error unmarshaling yaml: yaml: line 1: did not find expected node content",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: {trees: [{}]}",
                "source config is invalid",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: {files: [{}]}",
                "config generated was invalid",
            ),
        ] {
            assert_eq!(failure(config).as_deref(), Some(cause), "{config}");
        }
    }
}

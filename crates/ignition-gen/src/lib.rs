//! Translates Butane configs to Ignition, answer for answer like the reference
//! compiler (coreos/butane 0.29.0), with the same messages at the same places.
//!
//! Main items: [`translate`] makes a [`Translation`], with its [`Report`], of
//! the text of a config; [`Files`] gives it local files; [`command`] is the
//! command line around it. All versions of the variant `fcos` are known, 1.0.0
//! to 1.7.0 and 1.8.0-experimental; other variants are refused with
//! [`Failure::Unsupported`].
//!
//! Pure: nothing is read but through [`Files`], and the same input always gives
//! the same answer. Imports no other crate of this workspace.
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

mod boot_device;
pub mod command;
mod command_io;
mod contents;
mod context;
mod data_url;
mod decode;
mod device_rules;
mod embedded_config;
mod emit;
mod files;
mod go_json;
pub mod gzip;
mod ignition_check;
mod ignition_rules;
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
mod systemd;
mod text;
mod translate;
mod translation;
mod tree;
mod trees;
mod unit;
mod unused;
mod url;
mod version;
mod yaml;

pub use files::{DirFiles, FileError, FileKind, Files, NoFiles};
pub use report::{Entry, Position, Report, Severity};
pub use translate::translate;
pub use translation::{Failure, Options, Translation};

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
            &format!(
                r#"{{"ignition":{{"version":"{}"}},"#,
                version::ignition_version(minor)
            ),
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

//! `image.yaml`: all policy of an image, and the only file that a fork changes.
//!
//! [`Config::load`] reads the file into types that are valid by construction:
//! every value is parsed while the document is read, so that an error has the
//! line and the column of the value itself, and unknown keys are errors. Main
//! types: [`Config`], and below it one module for each part of the file; [`Images`] are
//! the configs of a file with several images.
//! [`Lint`] names the findings that the file may allow.
//!
//! May import: `host` (files, errors), `remote` (the budget of retries), `forge`, and the
//! named crates whose values stand in the file. It knows nothing of builds.

mod alarm;
mod any;
mod boot;
mod calendar;
mod ci;
mod config;
pub mod containerfile;
mod containerfile_images;
mod content;
mod content_files;
mod content_place;
mod contradictions;
mod defaults;
mod doubts;
mod error;
mod excerpt;
mod heal;
mod hints;
mod home;
mod ignition;
mod images;
mod input_signatures;
mod keys;
mod kmods;
mod lint;
mod load;
mod night;
mod packages;
mod policy;
mod problems;
mod retention;
mod retries;
mod schema;
mod section;
mod signing;
mod syntax;
mod tree;
mod tree_reader;
mod types;
mod urls;
mod words;
mod zfs;

pub use alarm::{Alarm, Github, Mail, Webhook};
pub use boot::{AllowedFailure, Boot, Gate};
pub use ci::{Ci, Runners};
pub use config::{Base, Config, HISTORY_TAG, Image, LOOKED_ANNOTATION, Layers, LintSkip, Units};
pub use containerfile_images::images_of;
pub use content::{
    Content, Copied, CopiedFile, FileContext, Owned, PackageRepository, Point, Script, Selinux,
    Source, file_name, stem,
};
pub use defaults::root;
pub use error::Error;
pub use excerpt::{Problem, is_private_key};
pub use heal::{Heal, Minutes};
pub use home::{Attestation, Forge};
pub use ignition::{Allow, Ignition};
pub use images::{Images, OneImage};
pub use input_signatures::{BaseSignature, Fingerprint, Keyring};
pub use kmods::{Kmods, Naming, OwnKmods};
pub use lint::Lint;
pub use night::{Calendar, Night};
pub use packages::Packages;
pub use policy::{Pin, Policy, RuleName};
pub use retention::{BackEnd, Package, Percent, Retention};
pub use retries::Retries;
pub use schema::{SCHEMA_FILE, schema};
pub use signing::{Inputs, Judge, SecretSource, Signing, Unverified};
pub use types::{
    Folder, ImageFile, ImageName, KernelArgument, Label, Name, Owner, PackageName, PathPattern,
    Project, Reason, RepositoryUrl, SelinuxType, SshKey, Unique, UnitName, Url, Word,
};
pub use urls::Urls;
pub use words::nearest;
pub use zfs::Zfs;

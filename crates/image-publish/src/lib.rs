//! From a lock to the tag that hosts follow: build, push, prove, promote.
//!
//! [`plan::plan`] turns a goal and a lock into a [`plan::Plan`]: steps, each a list of
//! [`Effect`]s, printed by a dry run and performed by a [`run::Run`]. Each step returns
//! a value that the next one requires, so that the types enforce the order: `Built` ->
//! [`Pushed`] -> `Tried` -> `Candidate` -> `Signed` -> `Proven` -> `Booted` -> `Named`
//! -> [`Promoted`]. [`publication`] is the second half, which may run on another
//! machine; [`lineage`] and [`history`] are what was published before.
//!
//! May import: `machine` for the boot gate, `image-build` and all below it, and
//! `retention` for the name of the history's artefact.

pub mod announce;
mod attach;
mod attach_step;
pub mod attestation;
mod boot_gate;
pub mod build;
pub mod build_inputs;
pub mod build_task;
mod candidate;
pub mod changes;
mod checks;
mod content;
mod content_steps;
mod contract_step;
mod durations;
mod effect;
mod error;
pub mod given_images;
pub mod history;
pub mod history_table;
mod host_look;
mod index;
mod input_signatures;
mod key;
mod layers;
pub mod lineage;
mod moving_tag;
mod names;
pub mod notes;
pub mod packages;
pub mod plan;
mod platform_image;
mod promote;
pub mod publication;
mod push;
pub mod rebuild;
mod record;
mod registry;
pub mod republish;
pub mod run;
pub mod sbom;
mod sign;
mod signature_lookup;
mod sigstore_bundle;
mod split;
mod step;
pub mod verification;

pub use attach::{LOCK, attach, attached};
pub use boot_gate::Booted;
pub use candidate::Candidate;
pub use checks::{Signature, checks, signature};
pub use contract_step::{PackagesFrom, arguments, contract, try_contract};
pub use effect::{Effect, PUSHED, RETRACTED, UNSIGNED};
pub use error::Error;
pub use host_look::{AUTH, Proven, Seen, host_copy};
pub use index::{Index, Parts, PlatformImage, arranged};
pub use key::{open_key, secret};
pub use moving_tag::MovingTags;
pub use names::free_name;
pub use platform_image::{Platform, platforms, read_part};
pub use promote::Promoted;
pub use push::{Pushed, read_back};
pub use record::read_history;
pub use registry::retracted_tag;
pub use sign::sign_digests;
pub use signature_lookup::is_signed;
pub use step::{Step, Steps};

//! Chooses what to build: which Fedora CoreOS release, with which OpenZFS, from
//! which source of kernel modules (kmods).
//!
//! Main items: [`FcosVersion`], [`KernelVersion`] and [`ZfsVersion`] are how
//! versions are written and compared; [`Upstream`] holds what is known of the
//! world, each part a [`Fact`]; [`choose`] makes a [`Choice`] of it and of a
//! [`Policy`], or names the [`Question`]s that have to be asked first;
//! [`forecast`] says what comes next. [`fcos_metadata`] and [`fcos_disk`] read
//! Fedora's documents.
//!
//! Pure: no network, process, environment, clock or terminal; the time is an
//! argument. Strings are parsed once, into the types below. Imports no other
//! crate of this workspace.

mod build;
mod builder;
mod choice;
mod choose;
mod context;
mod dates;
mod error;
mod fact;
mod fcos;
pub mod fcos_disk;
pub mod fcos_metadata;
mod forecast;
mod kernel;
mod linux;
mod outside;
mod policy;
mod release;
mod series;
mod text;
mod upstream;
mod verdict_text;
mod zfs;

pub use choice::{
    BaseCandidate, BaseVerdict, Choice, Held, KmodsToBuild, NotKnown, Obstacle, Offer, Outcome,
    Pick, PickTarget, Refusal, Waiting, Warning, ZfsCandidate, ZfsVerdict,
};
pub use choose::choose;
pub use error::Error;
pub use fact::{Fact, Gap, Question};
pub use fcos::{FcosVersion, Stream};
pub use forecast::{
    Arrival, Coming, DAYS_TO_STABLE, Forecast, KmodsAhead, OpenZfsAhead, StreamAhead, forecast,
};
pub use kernel::{Arch, KernelSource, KernelVersion};
pub use linux::LinuxRange;
pub use policy::{DEFAULT_HOLD_DAYS, KernelCeiling, PIN_GRACE_DAYS, Pin, PinState, Policy, Rule};
pub use release::{DigestRef, FcosRelease, ReleaseKernel, Rollout};
pub use series::Series;
pub use upstream::{Builder, FailedBuild, KmodsSource, Upstream};
pub use zfs::{ZfsRelease, ZfsVersion, newest_in_series};

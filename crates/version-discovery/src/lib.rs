//! Which versions there are: Fedora CoreOS releases, their kernels, OpenZFS
//! releases; how they are written, how they compare, and which one to take.
//!
//! Data in, data out: nothing here opens a socket, starts a process or reads a
//! clock. Strings are parsed once, at the border, into the types below, and are
//! never checked again.

mod build;
mod choice;
mod choose;
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
mod text;
mod upstream;
mod words;
mod zfs;

pub use choice::{
    BaseCandidate, BaseVerdict, Choice, Held, NotKnown, Obstacle, Offer, Outcome, Pick, PickTarget,
    Refusal, Waiting, Warning, ZfsCandidate, ZfsVerdict,
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
pub use upstream::{KmodsSource, Upstream};
pub use zfs::{Series, ZfsRelease, ZfsVersion, newest_in_series};

//! The clean-up, against a GitHub that remembers and against a real registry.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; they start the real binary and a registry"
)]

#[path = "../support/contract.rs"]
mod contract;
#[path = "../support/github/mod.rs"]
mod github;
#[path = "../support/ran.rs"]
mod ran;
#[path = "../support/reading.rs"]
mod reading;
#[path = "../skip/mod.rs"]
mod skip;

mod api;
mod layout;
mod limits;
mod measured;
mod plans;
mod referrers;
mod registry;
mod sandbox;

//! The real program, end to end, between fake tools and a fake world.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; they start the real binary and wait for it"
)]

#[path = "../support/mod.rs"]
mod support;

mod output;
mod publish;
mod resolution;
mod secrets;
mod signals;

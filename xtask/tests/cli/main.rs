//! The real program, end to end, between fake tools and a fake world.
#![expect(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

#[path = "../skip/mod.rs"]
mod missing;
#[path = "../support/mod.rs"]
mod support;

mod akmods;
mod buildah;
mod decide;
mod explain;
mod halves;
mod hold;
mod images;
mod inputs;
mod install;
mod kmods;
mod output;
mod publish;
mod resolution;
mod rounds;
mod secrets;
mod signals;
mod skip;
mod status;
mod usage;
mod verify;
mod vm;

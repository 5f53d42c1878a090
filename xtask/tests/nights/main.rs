//! What is told of the nights: starting and watching workflows, and the alarm,
//! against a GitHub that remembers.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/contract.rs"]
mod contract;
#[path = "../support/forges/mod.rs"]
mod fake;
#[path = "../support/github/mod.rs"]
mod github;
#[path = "../support/ran.rs"]
mod ran;
#[path = "../support/mod.rs"]
mod support;

mod alarm;
mod forges;
mod life;
mod outcome;
mod sandbox;
mod status;
mod workflow;

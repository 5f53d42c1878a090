//! CI itself, run here: the workflows' own lines, in their order, job by job, in
//! clean clones, with the environment that a runner gives.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests; they start what a runner starts, and say what they skip"
)]

mod act;
mod actions;
mod around;
mod cache;
#[path = "../support/contract.rs"]
mod contract;
#[path = "../support/expressions.rs"]
mod expressions;
mod fixture;
#[path = "../support/forges/mod.rs"]
mod forges;
#[path = "../support/github/mod.rs"]
mod github;
mod gitlab;
#[path = "../support/machine.rs"]
mod machine;
mod nights;
mod other_workflows;
#[path = "../publication/outcome.rs"]
mod outcome;
mod runner;
#[path = "../skip/mod.rs"]
mod skip;
#[path = "../support/mod.rs"]
mod support;
#[path = "../tools/mod.rs"]
mod tools;
mod typed;
mod ways;

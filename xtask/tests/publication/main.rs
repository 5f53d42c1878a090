//! Publishing against a real registry with a real engine, and every way in
//! which we know it to fail.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests; they start the real binary, and say what they skip"
)]

#[path = "../skip/mod.rs"]
mod skip;
#[path = "../support/mod.rs"]
mod support;

mod attested;
mod dnf;
mod faults;
mod full;
mod kills;
mod layers;
mod litter;
mod look;
#[path = "../support/machine.rs"]
mod machine;
mod night;
mod outcome;
mod packages;
mod power;
mod proxy;
mod races;
mod rebuild;
mod retries;
mod sandbox;
mod scripts;
mod several;
mod signals;
mod stage;
mod tags;
mod timer;

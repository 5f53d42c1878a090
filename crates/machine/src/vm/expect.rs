//! What a machine must be like, read from its Ignition config. Pure.
//!
//! `expectations(&config)` is one list for both boots; `probe::script` makes of
//! it what asks the guest, and `judge::judge` holds the answers against it. A
//! key that cannot be judged is an expectation, too: one that is never green.

mod disks;
mod expectation;
mod files;
mod keys;
mod people;
mod units;

use serde_json::Value;

use super::config::rendered;
pub use expectation::{Boot, Check, ClevisPins, Expectation, Question};
pub(crate) use expectation::{List, sha256, system};
pub(crate) use units::ENABLED;

/// Every expectation of a config, with the configs merged into it.
pub fn expectations(config: &Value) -> Vec<Expectation> {
    let rendered = rendered(config);
    let mut list = List::default();
    people::add(&rendered.config, &mut list);
    files::add(&rendered.config, &mut list);
    disks::add(&rendered.config, &mut list);
    units::add(&rendered.config, &mut list);
    list.add(&system(), "failed units", Check::None("failed"));
    list.at(Boot::First, &system(), "Ignition", Check::IgnitionRan);
    list.at(
        Boot::Second,
        &system(),
        "Ignition",
        Check::IgnitionDidNotRun,
    );
    for (path, why) in rendered.unread {
        list.not_judged(&path, &why);
    }
    keys::add(&rendered.config, &mut list);
    list.0
}

#[cfg(test)]
mod tests;

//! For tests that cannot run everywhere.
#![expect(
    clippy::disallowed_methods,
    reason = "a skipped test says so past the test harness, which shows no output of a test that passes"
)]

use std::io::Write as _;

/// Says that a test does not run here. Where everything must run (CI sets
/// `CUSTOM_COREOS_REQUIRE_ALL`) that is a failure.
#[track_caller]
pub fn skip(why: &str) {
    let all = std::env::var_os("CUSTOM_COREOS_REQUIRE_ALL").is_some();
    assert!(!all, "{why}; `cargo xtask doctor` says what brings it");
    say(why);
}

/// Says that a test does not run here, where nothing brings what it needs.
pub fn say(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

//! Replays four years of releases under every scenario, prints the table of
//! docs/zfs-lags.md, and how long a choice takes.
//!
//! `cargo bench -p version-discovery`

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads a clock and prints"
)]

#[path = "../tests/history/mod.rs"]
mod history;

use std::time::Instant;

use history::{History, Scenario, Tally, scenarios, table};
use version_discovery::Rule;

fn main() {
    let history = History::read();
    print!("{}", table(&history));
    let all = scenarios();
    let begin = Instant::now();
    let days: usize = all
        .iter()
        .map(|scenario| Tally::of(&history, scenario).days())
        .sum();
    let whole = begin.elapsed();
    let begin = Instant::now();
    Tally::of(&history, &Scenario::plain("", Rule::default()));
    let one = begin.elapsed();
    println!(
        "\n{} scenarios, {days} days: {:.2} s, of which making the world of each day is a part; \
         the plain one alone {:.0} ms; {:.0} µs a day",
        all.len(),
        whole.as_secs_f64(),
        one.as_secs_f64() * 1e3,
        whole.as_secs_f64() * 1e6 / days as f64,
    );
}

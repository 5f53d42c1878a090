//! Arbitrary bytes as a config.
#![no_main]

use ignition_gen::command::Invocation;
use ignition_gen::{NoFiles, Options, translate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &[u8]| {
    let safe = translate(source, &NoFiles, Options::default());
    assert_eq!(safe.ignition.is_none(), safe.failure.is_some());
    let outcome = Invocation::default().run(source, &NoFiles, true);
    assert!(outcome.messages.len() <= 4_000_000 + 2_000 * source.len());
});

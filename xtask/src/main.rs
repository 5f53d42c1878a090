//! `cargo xtask`.

use std::process::ExitCode;

fn main() -> ExitCode {
    custom_coreos::tasks().run()
}

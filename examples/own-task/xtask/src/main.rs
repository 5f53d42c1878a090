//! `cargo xtask` of this repository: all tasks of custom-coreos, and one more.

mod followed;

fn main() -> std::process::ExitCode {
    custom_coreos::tasks().with(followed::task()).run()
}

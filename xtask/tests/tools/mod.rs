//! Programs that tests of this repository start.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "shared by several test binaries, which do not use all of it"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program on `PATH`, or where `cargo xtask doctor --install` puts it.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::split_paths(&path)
        .chain(rehearsal::requirements::foreign::places(&root))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Cargo as a person types it. What cargo sets for a test is part of the fingerprint of
/// `ring`: with it, each repository would compile what the other has.
pub fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_a_test = [
            "MANIFEST_",
            "PKG_",
            "BIN_",
            "CRATE_",
            "PRIMARY_",
            "TARGET_TMP",
        ];
        let rest = name.strip_prefix("CARGO_").unwrap_or_default();
        if of_a_test.iter().any(|begin| rest.starts_with(begin)) {
            command.env_remove(name);
        }
    }
    command
}

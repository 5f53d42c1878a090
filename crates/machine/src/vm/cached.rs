//! The folder of guests, kernels and disks in the person's cache.

use std::path::{Path, PathBuf};

use host::process;
use host::process::Invocation;
use image_build::gather::World;
use xshell::Shell;

use crate::error::Error;

/// How many of one kind are kept: checkouts with other recipes share the cache.
const KEPT: usize = 3;

/// Its place.
pub fn folder(world: &World<'_>) -> PathBuf {
    let own = world.env.root.join("target");
    world.env.cache.clone().unwrap_or(own).join("vm-bases")
}

/// Removes the oldest of one kind, but for [`KEPT`]. A machine that runs has its
/// own copy.
pub fn prune(cache: &Path, prefix: &str) {
    let mut guests = Vec::new();
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let digest = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'));
        let made = entry.metadata().and_then(|meta| meta.modified());
        if let (Some(_), Ok(made)) = (digest, made) {
            guests.push((made, entry.path()));
        }
    }
    guests.sort();
    for (_, path) in guests.iter().rev().skip(KEPT) {
        // What stays is only in the way.
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Copies a file and keeps its holes sparse.
///
/// # Errors
/// If cp(1) fails.
pub fn copy(sh: &Shell, from: &Path, to: &Path) -> Result<(), Error> {
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let words = ["--reflink=auto", "--sparse=always", "--", &from, &to];
    process::read(sh, &Invocation::new("cp", words))?;
    Ok(())
}

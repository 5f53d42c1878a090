//! A copy of the checkout with a throw-away key pair, so that a rehearsal signs
//! and leaves no trace in the real one.

use std::path::{Path, PathBuf};

use crate::config::{Config, SecretSource, Signing};
use crate::error::Error;
use crate::gather::World;
use crate::process::{self, Invocation};

/// The variable that holds the password.
pub const PASSWORD: &str = "CUSTOM_COREOS_REHEARSAL_PASSWORD";
/// Protects nothing: the key is thrown away.
pub const THE_PASSWORD: &str = "rehearsal";

/// Signing as in production, with the key that [`make`] makes.
pub fn signing() -> Signing {
    Signing {
        unsigned: None,
        private_key: SecretSource::File(PathBuf::from("cosign.key")),
        password: SecretSource::Env(PASSWORD.to_owned()),
    }
}

/// Copies what a build needs, and types `cargo xtask keys new` in it. From then
/// on `sh` is there.
///
/// # Errors
/// If a file cannot be copied, or the pair not be made.
pub fn make(world: &World<'_>, sh: &xshell::Shell, scratch: &Path) -> Result<(), Error> {
    let root = &world.env.root;
    let copy = scratch.join("checkout");
    let sources = world.config.ignition.sources.as_str();
    for folder in ["containerfiles", sources] {
        tree(&root.join(folder), &copy.join(folder))?;
    }
    let config = Config {
        signing: signing(),
        ..world.config.clone()
    };
    let yaml = serde_yaml::to_string(&config).map_err(|e| Error::Usage(e.to_string()))?;
    super::write(&copy.join("image.yaml"), &yaml)?;
    sh.change_dir(&copy);
    // It is a copy, so it is no commit.
    sh.set_var("GIT_CEILING_DIRECTORIES", scratch);
    sh.set_var(PASSWORD, THE_PASSWORD);
    let exe = world.env.exe.display().to_string();
    let report = world.report;
    report.note("$ cargo xtask keys new --replace");
    let invocation = Invocation::new(&exe, ["keys", "new", "--replace"]);
    match process::status(sh, &invocation, &mut |line| report.foreign(line))? {
        Some(0) => Ok(()),
        code => Err(Error::Step {
            step: "keys new".to_owned(),
            detail: format!("it ended with {code:?}"),
        }),
    }
}

fn tree(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::File {
        verb: "read",
        path: from.to_owned(),
        source,
    };
    super::make_dir(to)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        let kind = std::fs::symlink_metadata(&path)
            .map_err(failed)?
            .file_type();
        if kind.is_dir() {
            tree(&path, &target)?;
        } else if kind.is_symlink() {
            let link = std::fs::read_link(&path).map_err(failed)?;
            std::os::unix::fs::symlink(link, &target).map_err(failed)?;
        } else {
            std::fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}

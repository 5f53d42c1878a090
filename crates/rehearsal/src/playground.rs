//! `rehearse --shell`: the world of a rehearsal, left up for a person who types.
//!
//! One night has gone well; then it is the night that was asked for. The shell stands
//! in the copy of the checkout, whose `image.yaml` names the stand-ins, and `cargo
//! xtask` is this very program there. A registry, Fedora's metadata and a GitHub with
//! issues and workflows answer on loopback. Its end takes everything away, and so does
//! the end of this program, however it comes: [`host::process::Guard`].

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use host::process::{self, Invocation};
use host::{Done, files};
use image_build::inputs::write;
use image_config::{BackEnd, Package, Unique};

use crate::checkout::tree;
use crate::error::Error;
use crate::github::Github;
use crate::scenarios::{ALL, GOOD, Scenario};
use crate::testbed::{Services, Testbed, write_config};

/// The night that a playground is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ScenarioName {
    /// All is well, and nothing has changed
    #[default]
    Well,
    /// The kernel moved, and the kmods lag: an older base is built
    Held,
    /// There are kmods for no base that could be built
    Missing,
    /// The registry does not answer
    Unreachable,
    /// The password does not open the signing key
    WrongKey,
    /// The kmods are for another kernel
    Broken,
}

impl ScenarioName {
    /// The night of the rehearsal that it is.
    fn night(self) -> &'static Scenario {
        let world = match self {
            Self::Well => "well",
            Self::Held => "moved",
            Self::Missing => "gone",
            Self::Unreachable => "silent",
            Self::WrongKey => "locked-out",
            Self::Broken => "broken",
        };
        ALL.iter()
            .find(|night| night.world == world)
            .unwrap_or(&ALL[0])
    }
}

/// Opens the shell, and waits for its end.
///
/// # Errors
/// If the stand-ins cannot be made, or the first night does not go well.
pub(crate) fn rehearse(testbed: &Testbed<'_>, scenario: ScenarioName) -> Result<Done, Error> {
    let (world, report) = (testbed.world, testbed.world.report);
    let project = format!("{}/{}", world.config.image.owner, world.config.image.name);
    let workflows = workflows(&world.env.root);
    let services =
        testbed.start_services_with(Some(Github::new(&project, &workflows, world.env.now)))?;
    report.status("Night", GOOD.title);
    let words = ["build", "--publish"];
    let code = testbed.run_in(&GOOD, &services.metadata(), &words, |_| {})?;
    if code != Some(0) {
        return Err(Error::Step {
            step: "the first night".to_owned(),
            detail: format!("it ended with {code:?}"),
        });
    }
    report.forget();
    let checkout = lay(testbed, &services, scenario.night(), &project)?;
    for line in [
        "",
        "This is a playground: a checkout whose image.yaml names stand-ins on this machine.",
        "Registry, Fedora and GitHub are made up; every task works. `exit` takes it all away.",
        "",
        &format!("  tonight: {}", scenario.night().title),
        "  try:     cargo xtask status, cargo xtask explain, cargo xtask build --publish",
        "",
    ] {
        report.note(line);
    }
    let _inside = testbed.sh.push_dir(&checkout);
    let shell = Invocation::new("bash", ["--rcfile", &rc_file(&testbed.scratch)?]);
    let code = process::interactive(&testbed.sh, &shell)?;
    // A person leaves after whatever went wrong last; a script wants to know.
    Ok(match code {
        Some(code) if code != 0 && !world.env.terminal.there => {
            Done::Code(u8::try_from(code).unwrap_or(1))
        }
        _ => Done::Success,
    })
}

/// The files of this repository's workflows.
fn workflows(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(".github/workflows"));
    let entries = entries.into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort_unstable();
    names
}

/// Makes the checkout and the environment those of the night; where it lies.
fn lay(
    testbed: &Testbed<'_>,
    services: &Services,
    night: &Scenario,
    project: &str,
) -> Result<PathBuf, Error> {
    let root = &testbed.world.env.root;
    let checkout = testbed.scratch.join("checkout");
    for folder in [".github/workflows", "docs"] {
        if root.join(folder).is_dir() {
            tree(&root.join(folder), &checkout.join(folder))?;
        }
    }
    if night.broken_kmods {
        testbed.push(&testbed.images.broken_kmods, &services.kmods)?;
    }
    let mut config = testbed.config_of(night, &services.metadata())?;
    config.github.repository = Some(project.parse()?);
    // The stand-in for ghcr.io has no packages API.
    config.retention.packages = Unique::one(Package {
        image: config.repository()?,
        back_end: Some(BackEnd::Registry),
    });
    write_config(&checkout.join("image.yaml"), &config)?;
    let folder = testbed.scratch.join("tonight");
    files::make_dir(&folder)?;
    testbed.set_variables(night, &folder)?;
    testbed
        .sh
        .set_var(forge::github::TOKENS[0], "the-playground-s");
    let login = testbed.scratch.join("auth.json");
    // Podman reads it, whether anybody has logged in or not.
    write(&login, "{}")?;
    testbed.sh.set_var("REGISTRY_AUTH_FILE", login);
    testbed.sh.set_var("HISTFILE", "");
    cargo(testbed)?;
    Ok(checkout)
}

/// Puts a `cargo` in front of the person's: `cargo xtask` is this program, so that what
/// is typed here is what is typed everywhere.
fn cargo(testbed: &Testbed<'_>) -> Result<(), Error> {
    let folder = testbed.scratch.join("bin");
    files::make_dir(&folder)?;
    let place = folder.join("cargo");
    let exe = testbed.world.env.exe.display();
    write(
        &place,
        &format!(
            "#!/bin/sh\nif [ \"$1\" = xtask ]; then\n    shift\n    exec '{exe}' \"$@\"\nfi\n\
             PATH=${{PATH#*:}} exec cargo \"$@\"\n"
        ),
    )?;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&place, mode).map_err(host::Error::write(&place))?;
    let path = [folder]
        .into_iter()
        .chain(testbed.world.env.path.iter().cloned());
    if let Ok(path) = std::env::join_paths(path) {
        testbed.sh.set_var("PATH", path);
    }
    Ok(())
}

/// What bash reads where a person types: their own file first, which may set the path
/// anew, and a prompt that says where one is.
fn rc_file(scratch: &Path) -> Result<String, Error> {
    let place = scratch.join("bashrc");
    write(
        &place,
        &format!(
            "[ -f ~/.bashrc ] && . ~/.bashrc\nunset HISTFILE\n\
             PATH={}/bin:$PATH\nPS1='playground \\$ '\n\
             source <(cargo xtask completions bash)\n",
            scratch.display()
        ),
    )?;
    Ok(place.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_is_a_night_of_its_own() {
        let mut worlds: Vec<&str> = ScenarioName::value_variants()
            .iter()
            .map(|scenario| scenario.night().world)
            .collect();
        worlds.sort_unstable();
        worlds.dedup();
        assert_eq!(worlds.len(), ScenarioName::value_variants().len());
        assert_eq!(ScenarioName::default().night().title, GOOD.title);
    }
}

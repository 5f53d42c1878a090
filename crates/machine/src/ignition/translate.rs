//! The machines' configs, from source to file.

use std::path::{Path, PathBuf};

use host::{Done, files};
use image_build::gather::World;
use serde::Serialize;

use crate::error::Error;
use crate::ignition::{
    findings,
    sources::{Machine, Summary, translate_all},
};

/// Where the results go.
const RESULTS: &str = "target/ignition";

/// A machine's state on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// The source is wrong, or a lint found something.
    Wrong,
    /// Written now.
    Written,
    /// As it was.
    UpToDate,
    /// `--check`: the file says something else.
    Differs,
    /// `--check`: there is no file.
    Missing,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'a> {
    #[serde(flatten)]
    machine: Summary<'a>,
    file: &'a Path,
    state: State,
}

/// Translates configs, all without a name, and writes what changed; with `check`
/// nothing is written, and what would be is an answer.
///
/// # Errors
/// If files cannot be read or written, or a name has no source.
pub fn translate(world: &World<'_>, names: &[String], check: bool) -> Result<Done, Error> {
    let machines = translate_all(&world.env.root, world.config, names)?;
    let mut rows = Vec::new();
    let mut done = Done::Success;
    let files: Vec<PathBuf> = machines
        .iter()
        .map(|machine| Path::new(RESULTS).join(machine.file()))
        .collect();
    for (machine, file) in machines.iter().zip(&files) {
        findings::tell(world.report, machine);
        let state = settle(world, machine, file, check)?;
        match state {
            State::Written => world.report.status("Wrote", &file.display().to_string()),
            State::UpToDate => world
                .report
                .status("Unchanged", &file.display().to_string()),
            State::Wrong => {}
            State::Differs => {
                let text = format!(
                    "{} is not what {} says",
                    file.display(),
                    machine.source.display()
                );
                world.report.error(&text);
            }
            State::Missing => world
                .report
                .error(&format!("{} is not there", file.display())),
        }
        if matches!(state, State::Differs | State::Missing) {
            world.report.note("  `cargo xtask ignition` writes it");
        }
        if !matches!(state, State::Written | State::UpToDate) {
            done = Done::CheckFailed;
        } else {
            world.report.answer(&file.display().to_string());
        }
        rows.push(Row {
            machine: machine.summary(),
            file,
            state,
        });
    }
    unused_allowances(world, &machines, names.is_empty());
    world.report.document(&rows)?;
    Ok(done)
}

/// Writes a result, or compares it.
fn settle(world: &World<'_>, machine: &Machine, file: &Path, check: bool) -> Result<State, Error> {
    let Some(text) = machine.ignition.as_ref().filter(|_| machine.is_well()) else {
        return Ok(State::Wrong);
    };
    let path = world.env.root.join(file);
    let wrong = |verb: &'static str, source: std::io::Error| host::Error::File {
        verb,
        path: path.clone(),
        source,
    };
    match std::fs::read(&path) {
        Ok(old) if old == text.as_bytes() => return Ok(State::UpToDate),
        Ok(_) if check => return Ok(State::Differs),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if check {
                return Ok(State::Missing);
            }
        }
        Err(error) => return Err(wrong("read", error).into()),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| wrong("write", error))?;
    }
    files::write(&path, text.as_bytes()).map_err(|error| wrong("write", error))?;
    Ok(State::Written)
}

/// An allowance that allows nothing is a mistake, or a finding that is gone.
fn unused_allowances(world: &World<'_>, machines: &[Machine], all: bool) {
    if !all {
        return;
    }
    for allow in &world.config.ignition.allow {
        let used = machines.iter().any(|machine| {
            let file = format!("{}.bu", machine.name);
            let here = allow.file.as_ref().is_none_or(|name| name.as_str() == file);
            here && machine
                .findings
                .iter()
                .any(|finding| finding.lint == allow.lint)
        });
        if !used {
            let text = format!(
                "image.yaml: ignition.allow: `{}` allows nothing",
                allow.lint
            );
            world.report.warning(&text);
        }
    }
}

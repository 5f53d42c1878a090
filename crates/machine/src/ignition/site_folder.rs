//! `ignition site`: the folder to publish.

use std::collections::BTreeMap;
use std::path::Path;

use host::process::{Invocation, read, shell};
use host::{Done, files as disk};
use image_build::gather::World;

use crate::error::Error;
use crate::ignition::{
    site::{Commit, PAGE, Site, home},
    sources::translate_all,
};

/// Translates the sources of each image, and makes one site of them; `None` if a config is not well, which is
/// told.
///
/// # Errors
/// If files cannot be read, or there is nothing to publish.
pub fn site(worlds: &[World<'_>], url: &str) -> Result<Option<Site>, Error> {
    let world = first(worlds)?;
    let mut machines = Vec::new();
    for world in worlds {
        machines.extend(translate_all(&world.env.root, world.config, &[])?);
    }
    for (at, machine) in machines.iter().enumerate() {
        let file = machine.file();
        if machines[..at].iter().any(|before| before.file() == file) {
            return Err(Error::Usage(format!(
                "{file} would be made of two sources; rename one of them"
            )));
        }
    }
    let mut well = true;
    for machine in machines.iter().filter(|machine| !machine.is_example()) {
        super::findings::tell(world.report, machine);
        well &= machine.is_well();
    }
    if !well {
        return Ok(None);
    }
    let commit = commit(worlds);
    Site::new(world.config, &machines, url, commit).map(Some)
}

/// The image whose repository the site is of.
///
/// # Errors
/// If there is none.
pub(super) fn first<'a, 'b>(worlds: &'a [World<'b>]) -> Result<&'a World<'b>, Error> {
    let none = || Error::Usage("image.yaml has no image".to_owned());
    worlds.first().ok_or_else(none)
}

/// The last commit of what the configs are made of.
fn commit(worlds: &[World<'_>]) -> Option<Commit> {
    let sh = shell(&worlds.first()?.env.root).ok()?;
    let sources = worlds
        .iter()
        .map(|world| world.config.ignition.sources.as_str());
    let sources: Vec<&str> = sources.collect();
    let git = |args: &[&str]| {
        let args = [args, &["--"], &sources, &["image.yaml"]].concat();
        read(&sh, &Invocation::new("git", args)).ok()
    };
    let line = git(&["log", "--max-count=1", "--format=%H %cI"])?;
    let (id, date) = line.trim().split_once(' ')?;
    Some(Commit {
        id: id.to_owned(),
        date: date.to_owned(),
        changed: !git(&["status", "--porcelain"])?.trim().is_empty(),
    })
}

/// Writes the folder: exactly these files.
///
/// # Errors
/// [`Error::Refused`] if the folder holds anything else.
pub fn run(worlds: &[World<'_>], output: &Path) -> Result<Done, Error> {
    let world = first(worlds)?;
    let Some(site) = site(worlds, &home(world)?)? else {
        return Ok(Done::CheckFailed);
    };
    let folder = world.env.root.join(output);
    let files = crate::ignition::page::files(&site);
    write(&folder, &files)?;
    for name in files.keys() {
        let path = output.join(name).display().to_string();
        world.report.status("Wrote", &path);
        world.report.answer(&path);
    }
    world.report.document(&site)?;
    world
        .report
        .outputs(&[("site", output.display().to_string())])?;
    Ok(Done::Success)
}

fn write(folder: &Path, files: &BTreeMap<String, (&str, Vec<u8>)>) -> Result<(), Error> {
    let wrong = |verb: &'static str| {
        move |source| host::Error::File {
            verb,
            path: folder.to_owned(),
            source,
        }
    };
    std::fs::create_dir_all(folder).map_err(wrong("write"))?;
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong("read"))? {
        let entry = entry.map_err(wrong("read"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = entry.file_type().is_ok_and(|kind| kind.is_file());
        // Everything in the folder gets published, so nothing may be in it
        // that is not ours; and what is not ours is not ours to remove.
        if !plain || !(name.ends_with(".ign") || name == PAGE) {
            return Err(Error::Refused(format!(
                "{} is in the way: the folder must hold nothing but the site",
                entry.path().display()
            )));
        }
        if !files.contains_key(&name) {
            stale.push(entry.path());
        }
    }
    for path in stale {
        std::fs::remove_file(&path).map_err(|source| host::Error::File {
            verb: "remove",
            path: path.clone(),
            source,
        })?;
    }
    for (name, (_, bytes)) in files {
        let path = folder.join(name);
        disk::write(&path, bytes).map_err(|source| host::Error::File {
            verb: "write",
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

//! `boot`: an image booted by hand, and what is said about it.

use std::path::PathBuf;
use std::time::Duration;

use host::Done;
use host::env::Stopwatch;
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::transfer::transfer;
use registry_compat::{Answer, ImageRef};
use version_discovery::Arch;
use xshell::Shell;

use super::attempt::{Options, Outcome, run as boot};
use super::local_image::{is_here, promises, trust};
use super::questions::Promises;
use crate::error::Error;
use crate::vm::keep::way_in;
use crate::vm::wrong_boot::console;

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// A local image, or one in a registry; the one that `build` makes without it.
    pub image: Option<String>,
    /// The published image that the pool is made under: the followed tag without a
    /// name.
    pub with: Option<Option<String>>,
    /// The engine that has the images.
    pub engine: Option<Engine>,
    /// Show the console as it boots.
    pub serial: bool,
    /// Leave the machine running, with a way in.
    pub keep: bool,
    /// Emulate the processor even where KVM is usable.
    pub emulate: bool,
    /// Keep the logs of the consoles in this folder.
    pub logs: Option<PathBuf>,
    /// How long one stage of a boot may take.
    pub limit: Option<Duration>,
}

/// Boots it, and says what holds.
///
/// # Errors
/// If something that it takes is missing or cannot run. An image that does not
/// come up, or is not what it has promised, is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, request: &Request) -> Result<Done, Error> {
    let watch = Stopwatch::start();
    let engine = world.engine(request.engine)?;
    let arch: Arch = std::env::consts::ARCH.parse()?;
    let sh = host::process::shell(&world.env.root)?;
    let name = match &request.image {
        Some(name) => name.clone(),
        None => format!("localhost/{}:stable", world.config.image.name),
    };
    if request.image.is_none() && !is_here(&sh, engine, &name) {
        let program = engine.program();
        return Err(Error::Usage(format!(
            "{name} is not in {program}'s storage; make it with `cargo xtask build`, or name an \
             image"
        )));
    }
    let fetch = |name: &str| here(world, &sh, engine, arch, name);
    let image = fetch(&name)?;
    let own = Promises {
        trust: trust(&world.env.root)?,
        ..promises(&sh, engine, &image, arch, &world.config.boot)?
    };
    let published = match &request.with {
        None => None,
        Some(Some(name)) => Some(fetch(name)?),
        Some(None) => {
            let tag = world.config.image.tags.first().cloned();
            let tag = tag.ok_or_else(|| Error::Usage("image.yaml names no tag".to_owned()))?;
            Some(fetch(&world.config.repository()?.tagged(tag).to_string())?)
        }
    };
    let options = Options {
        engine,
        serial: request.serial,
        keep: request.keep,
        emulate: request.emulate,
        logs: request.logs.clone(),
        limit: request.limit,
    };
    let with = published.as_deref();
    let outcome = boot(world.env, world.report, &options, (&image, &own), with)?;
    tell(world, &image, with, &outcome)?;
    let seconds = watch.elapsed().as_secs_f64();
    world.report.status("Took", &format!("{seconds:.0} s"));
    Ok(if outcome.well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// The name of a local image; one that is not here is fetched, by digest.
fn here(
    world: &World<'_>,
    sh: &Shell,
    engine: Engine,
    arch: Arch,
    name: &str,
) -> Result<String, Error> {
    if is_here(sh, engine, name) {
        return Ok(name.to_owned());
    }
    let image: ImageRef = name.parse()?;
    let registries = world.registries()?;
    let digest = match registries.inspect(&image, arch) {
        Answer::Present(found) => found.digest,
        Answer::Absent => {
            return Err(Error::Step {
                step: "boot".to_owned(),
                detail: format!(
                    "{image} is neither in {}'s storage nor in its registry",
                    engine.program()
                ),
            });
        }
        Answer::Unknown(why) => return Err(image_build::Error::Unknown(why).into()),
    };
    let pinned = image.repository().at(digest).to_string();
    world.report.status("Fetching", &pinned);
    let pull = engine.pull(&pinned, false);
    transfer(sh, registries.agent().retries(), world.report, &pull)?;
    Ok(pinned)
}

fn tell(
    world: &World<'_>,
    image: &str,
    with: Option<&str>,
    outcome: &Outcome,
) -> Result<(), Error> {
    let report = world.report;
    for judgement in &outcome.boots {
        report.answer(&format!("{}: {}", judgement.boot, judgement.summary()));
        report.table(&judgement.table());
    }
    for early in &outcome.ended_early {
        report.error(&early.why);
        console(report, &early.console);
    }
    if let Some(why) = &outcome.candidate_not_booted {
        report.error(why);
    }
    if let (Some(seconds), Some(memory)) = (outcome.boot_seconds, outcome.memory_mib) {
        report.answer(&format!(
            "up after {seconds:.1} s, with {memory} MiB in use"
        ));
    }
    report.document(&serde_json::json!({
        "image": image,
        "with": with,
        "outcome": outcome,
    }))?;
    let green = if outcome.well { "yes" } else { "no" };
    report.outputs(&[("green", green.to_owned())])?;
    let boots: String = outcome
        .boots
        .iter()
        .map(|judgement| format!("- {}: {}\n", judgement.boot, judgement.summary()))
        .collect();
    report.summary(&format!("## Boot of {image}\n\n{boots}"))?;
    if let Some((pid, folder)) = &outcome.running {
        report.status("Running", "the machine stays up");
        for line in way_in(*pid, &folder.display().to_string()) {
            report.note(&line);
        }
    }
    Ok(())
}

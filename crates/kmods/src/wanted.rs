//! Which kernel modules are to be built, and on which machines.

use image_build::engine::Engine;
use image_build::facts::{Local, Upstream};
use image_build::gather::{Scope, World};
use image_build::kmods_recipe::{Recipe, Wanted};
use image_build::resolve::decide;
use image_config::Config;
use registry_compat::KmodTag;
use serde::Serialize;
use signatures::modules::Certificate;
use version_discovery::{Arch, Choice, Outcome};

use crate::error::Error;
use crate::plan::no_builder;

/// What was found out, and what follows from it.
#[derive(Debug)]
pub struct Found {
    /// Of what.
    pub upstream: Upstream,
    /// The choice of the image.
    pub choice: Choice,
    /// The modules that are to be built.
    pub wanted: Vec<Wanted>,
}

/// One job of a matrix, on a machine of its architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job<'a> {
    /// The architecture.
    pub arch: Arch,
    /// The runner's name.
    pub runner: &'a str,
}

/// Asks what is to be built, for all architectures.
///
/// # Errors
/// If `image.yaml` builds none, or what the choice depends on could not be found out.
pub fn find(world: &World<'_>) -> Result<Found, Error> {
    if world.config.own_kmods().is_none() {
        return Err(no_builder());
    }
    let upstream = world.upstream(Scope::default())?;
    let choice = decide(world.config, &upstream);
    if let Outcome::Unknown(unknown) = &choice.outcome {
        return Err(image_build::Error::Undecided(Box::new(unknown.clone())).into());
    }
    let wanted = choice.kmods_to_build().map(|kmods| {
        let one = |kernel: &version_discovery::KernelVersion| Wanted {
            kernel: kernel.clone(),
            zfs: kmods.pick.zfs,
        };
        kmods.kernels.iter().map(one).collect()
    });
    Ok(Found {
        upstream,
        choice,
        wanted: wanted.unwrap_or_default(),
    })
}

/// The jobs that build, in the order of `image.yaml`.
pub fn matrix<'a>(config: &'a Config, wanted: &[Wanted]) -> Vec<Job<'a>> {
    let needed = |arch: &&Arch| wanted.iter().any(|one| one.kernel.arch() == **arch);
    let job = |arch: &Arch| Job {
        arch: *arch,
        runner: config.ci.runners.of(*arch).as_str(),
    };
    config
        .architectures
        .iter()
        .filter(needed)
        .map(job)
        .collect()
}

/// Everything that a plan needs.
pub struct Ready {
    /// What is built of what.
    pub recipe: Recipe,
    /// The modules' signer.
    pub certificate: Option<Certificate>,
    /// This machine; its destination is that of the modules' image.
    pub local: Local,
}

/// Pins what modules are made of.
///
/// # Errors
/// If the image to compile in could not be asked for; [`image_build::Error::Refused`]
/// if there are patches for another release.
pub fn ready(world: &World<'_>, wanted: KmodTag, engine: Option<Engine>) -> Result<Ready, Error> {
    let (source, own) = world.config.own_kmods().ok_or_else(no_builder)?;
    let mut local = world.local(engine)?;
    let candidate = source.image.tagged(world.config.image.candidate.clone());
    let home = world.registries()?.home_of(&candidate)?;
    local.destination = home.image;
    local.insecure = home.insecure;
    let wanted = Wanted {
        kernel: wanted.kernel,
        zfs: wanted.zfs,
    };
    Ok(Ready {
        recipe: world.kmods_recipe(own, wanted)?,
        certificate: world.module_certificate()?,
        local,
    })
}

/// A pair, to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The kernel.
    pub kernel: &'a version_discovery::KernelVersion,
    /// The release.
    pub zfs: version_discovery::ZfsVersion,
}

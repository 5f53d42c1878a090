//! `keys new`: a key pair, and what makes hosts demand its signature.

use std::path::PathBuf;

use host::Done;
use image_build::gather::World;
use image_build::policy_key::rootfs;
use image_config::SecretSource;
use image_publish::secret;
use registry_compat::Repository;
use signatures::new_pair::{Paths, create, demand};

use crate::cli::{KeysArgs, KeysTask, NewKeyArgs};
use crate::error::Error;
use crate::selected::Selected;

/// `keys`.
///
/// # Errors
/// As the task below it.
pub fn run(on: &Selected<'_>, args: &KeysArgs) -> Result<Done, Error> {
    let world = &on.shared();
    match &args.task {
        KeysTask::New(args) if args.modules => modules(world, args),
        KeysTask::New(args) => new(world, &repositories(on)?, args),
        KeysTask::Policy => policy(world, &repositories(on)?),
    }
}

/// What one pair signs: every image of the repository, whichever is asked for.
fn repositories(on: &Selected<'_>) -> Result<Vec<Repository>, Error> {
    let all = on.images.iter().map(|image| image.config.repository());
    Ok(all.collect::<Result<_, _>>()?)
}

/// Where the private half is.
fn private_half(world: &World<'_>) -> PathBuf {
    match &world.config.signing.private_key {
        SecretSource::File(path) => world.env.root.join(path),
        SecretSource::Env(_) => world.env.root.join("cosign.key"),
    }
}

/// Makes a pair; the private half goes to one file that only its owner reads,
/// the public half, `policy.json` and `registries.d` into `rootfs/`.
///
/// # Errors
/// If there is no password, and as [`create`].
fn new(world: &World<'_>, of: &[Repository], args: &NewKeyArgs) -> Result<Done, Error> {
    let root = &world.env.root;
    let signing = &world.config.signing;
    let password = secret(root, &signing.password)?;
    if password.is_none() && !args.no_password {
        return Err(Error::Usage(format!(
            "no password in {}; set it, or say --no-password",
            signing.password
        )));
    }
    let private = args.private_key.clone();
    let private = private.unwrap_or_else(|| private_half(world));
    let paths = Paths::new(private, &root.join(rootfs()));
    let password = password.filter(|_| !args.no_password);
    create(&paths, of, password.as_ref(), args.replace)?;
    for path in paths.all() {
        world.report.status("Wrote", &path.display().to_string());
    }
    world.report.document(&paths)?;
    world.report.answer(&format!(
        "Next: commit the three files under {}; keep {} out of the repository and give it to CI \
         as {} (its password as {}); remove `signing.unsigned` from image.yaml.",
        rootfs().display(),
        paths.private_key.display(),
        signing.private_key,
        signing.password
    ));
    Ok(Done::Success)
}

/// Makes hosts demand the signature of the pair that is there, of every image.
///
/// # Errors
/// If there is no public half.
fn policy(world: &World<'_>, of: &[Repository]) -> Result<Done, Error> {
    let paths = Paths::new(private_half(world), &world.env.root.join(rootfs()));
    if !paths.public_key.is_file() {
        return Err(Error::Usage(format!(
            "{} is not there; make a pair with `cargo xtask keys new`",
            paths.public_key.display()
        )));
    }
    demand(&paths, of)?;
    for path in [&paths.policy, &paths.registries] {
        world.report.status("Wrote", &path.display().to_string());
    }
    world.report.document(&paths)?;
    for repository in of {
        world.report.answer(&repository.to_string());
    }
    Ok(Done::Success)
}

/// Makes a certificate that signs kernel modules, and its key.
///
/// # Errors
/// As [`::kmods::certificate::create`].
fn modules(world: &World<'_>, args: &NewKeyArgs) -> Result<Done, Error> {
    let made = ::kmods::certificate::create(world, args.private_key.as_deref(), args.replace)?;
    for path in made.files() {
        world.report.status("Wrote", &path.display().to_string());
    }
    world.report.document(&made)?;
    world.report.answer(&made.next());
    Ok(Done::Success)
}

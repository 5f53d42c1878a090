//! `keys new`: a key pair, and what makes hosts demand its signature.

use host::Done;
use image_build::gather::World;
use image_build::policy_key::rootfs;
use image_config::SecretSource;
use image_publish::secret;
use signatures::new_pair::{Paths, create};

use crate::cli::{KeysArgs, KeysTask, NewKeyArgs};
use crate::error::Error;

/// `keys`.
///
/// # Errors
/// As the task below it.
pub fn run(world: &World<'_>, args: &KeysArgs) -> Result<Done, Error> {
    match &args.task {
        KeysTask::New(args) if args.modules => modules(world, args),
        KeysTask::New(args) => new(world, args),
    }
}

/// Makes a pair; the private half goes to one file that only its owner reads,
/// the public half, `policy.json` and `registries.d` into `rootfs/`.
///
/// # Errors
/// If there is no password, and as [`create`].
fn new(world: &World<'_>, args: &NewKeyArgs) -> Result<Done, Error> {
    let root = &world.env.root;
    let signing = &world.config.signing;
    let password = secret(root, &signing.password)?;
    if password.is_none() && !args.no_password {
        return Err(Error::Usage(format!(
            "no password in {}; set it, or say --no-password",
            signing.password
        )));
    }
    let private = match (&args.private_key, &signing.private_key) {
        (Some(path), _) => path.clone(),
        (None, SecretSource::File(path)) => root.join(path),
        (None, SecretSource::Env(_)) => root.join("cosign.key"),
    };
    let paths = Paths::new(private, &root.join(rootfs()));
    let password = password.filter(|_| !args.no_password);
    let repository = world.config.repository()?;
    create(&paths, &repository, password.as_ref(), args.replace)?;
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

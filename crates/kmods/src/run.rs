//! Performs a plan.

use host::process;
use host::process::{Capture, Invocation};
use image_build::gather::World;
use image_publish::run::Run;
use image_publish::{open_key, read_back, secret, sign_digests};
use registry_compat::{Answer, Digest, Repository, Tag};
use signatures::signing::{MANIFEST, PrivateKey};

use crate::effect::Effect;
use crate::error::Error;
use crate::failure::{Reason, record};
use crate::fetch;
use crate::plan::{Plan, SHA256};

/// What a plan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The digest of the tarball, in hexadecimal digits.
    pub source: String,
    /// What was pushed; nothing where nothing was to be.
    pub digest: Option<Digest>,
}

/// What is found out on the way.
#[derive(Default)]
struct State {
    key: Option<PrivateKey>,
    source: Option<String>,
    pushed: Option<Digest>,
}

/// Takes this checkout's folder of modules, for as long as the file lives: two at once
/// would take the inputs and the images from under each other.
///
/// # Errors
/// [`image_build::Error::Refused`] if another build or look has it.
pub(crate) fn lock(world: &World<'_>) -> Result<std::fs::File, Error> {
    let place = world.env.root.join("target/kmods.lock");
    if let Some(folder) = place.parent() {
        host::files::make_dir(folder)?;
    }
    let lock = host::files::lock(&place).map_err(host::Error::write(&place))?;
    lock.ok_or_else(|| {
        image_build::Error::Refused(
            "kernel modules are being built or looked into in this checkout; wait for its end, \
             or use another checkout"
                .to_owned(),
        )
        .into()
    })
}

/// Performs every step; the first failure ends it, and what cleans up is performed in
/// any case. A failure of the build that would come again is left in the registry, so
/// that no later night tries the same.
///
/// # Errors
/// That failure; and as [`lock`].
pub fn perform(world: &World<'_>, run: &Run<'_>, plan: &Plan) -> Result<Made, Error> {
    let _lock = lock(world)?;
    let publishes = plan.steps.iter().any(|step| step.name == "modules push");
    let mut state = State::default();
    let mut performed = Ok(());
    for step in &plan.steps {
        performed = process::minding(|| {
            step.effects.iter().try_for_each(|effect| {
                if process::interrupted() {
                    return Err(host::Error::Interrupted.into());
                }
                world.report.answer(&shortened(effect));
                effect_of(world, run, plan, effect, &mut state)
            })
        });
        if let Err(error) = &performed {
            world.report.failed_step(step.name);
            if let (true, Error::Build { section, why, .. }) = (publishes, error) {
                remember(run, plan, section, why);
            }
            break;
        }
    }
    for effect in &plan.cleanup {
        if let Effect::Remove(call) = effect {
            // What is not there needs no removal.
            let quiet = &mut |_: &str| {};
            let removed =
                process::tidying(|| process::run(&run.sh, call, Capture::StdoutAnyStatus, quiet));
            drop(removed);
        }
    }
    performed?;
    Ok(Made {
        source: state.source.unwrap_or_default(),
        digest: state.pushed,
    })
}

/// Without the labels, which are long: a dry run shows them.
fn shortened(effect: &Effect) -> String {
    let line = effect.to_string();
    match effect {
        Effect::Build(_) => {
            let words = line.split(" --label").next().unwrap_or(&line);
            format!("{words} …")
        }
        _ => line,
    }
}

fn effect_of(
    world: &World<'_>,
    run: &Run<'_>,
    plan: &Plan,
    effect: &Effect,
    state: &mut State,
) -> Result<(), Error> {
    let root = &world.env.root;
    match effect {
        Effect::OpenKey {
            key,
            password,
            image,
        } => state.key = Some(open_key(run, key, password, image)?),
        Effect::Unsigned { reason } => run.report.warning(&format!(
            "the image of the modules will not be signed: {reason}"
        )),
        Effect::ModuleKey { key, .. } => {
            let certificate = world.module_certificate()?;
            let text = secret(root, key)?.ok_or_else(|| {
                Error::Step(format!(
                    "{key} is not there, and the certificate of the modules' signer is in the \
                     image; set it, or remove the certificate"
                ))
            })?;
            if let Some(certificate) = certificate {
                certificate.belongs_to(&text)?;
            }
        }
        Effect::ModulesUnsigned => run
            .report
            .warning("the modules will not be signed: Secure Boot refuses them"),
        Effect::Fetch { url, to } => fetch::fetch(world, url, &root.join(to))?,
        Effect::Verify {
            release,
            folder,
            keys,
            ..
        } => {
            let folder = root.join(folder);
            state.source = Some(fetch::verify(world, &run.sh, release, &folder, keys)?);
        }
        Effect::Supported {
            tarball,
            zfs,
            kernel,
            experimental,
        } => {
            let tarball = root.join(tarball);
            fetch::supported(&run.sh, &tarball, *zfs, kernel, experimental.is_some())?;
        }
        Effect::Transfer(call) => run.transfer(&run_with(call, state))?,
        Effect::LayOut {
            from,
            tarball,
            certificate,
            to,
        } => fetch::lay_out(root, from, tarball, certificate.as_deref(), to)?,
        Effect::Build(call) => build(run, plan, &run_with(call, state))?,
        Effect::ReadBack {
            candidate,
            local,
            engine,
        } => {
            let pushed = read_back(run, candidate, local, *engine)?;
            state.pushed = Some(pushed.digest().clone());
        }
        Effect::Check(call) => check(run, &run_with(call, state))?,
        Effect::Sign { repository } => {
            let key = state.key.as_ref().ok_or_else(|| missing("key"))?;
            let digest = state.pushed.as_ref().ok_or_else(|| missing("digest"))?;
            sign_digests(run, key, repository, std::iter::once(digest))?;
        }
        Effect::Name { repository, tag } => {
            let digest = state.pushed.as_ref().ok_or_else(|| missing("digest"))?;
            name(run, repository, tag, digest)?;
        }
        // At the end.
        Effect::Remove(_) => {}
    }
    Ok(())
}

fn missing(what: &str) -> Error {
    Error::Step(format!("the plan comes to this without a {what}"))
}

/// With what was found out in the place of its names in the plan.
fn run_with(call: &Invocation, state: &State) -> Invocation {
    let mut call = image_publish::run::filled(call, state.pushed.as_ref());
    if let Some(source) = &state.source {
        for arg in &mut call.args {
            if arg.contains(SHA256) {
                *arg = arg.replace(SHA256, source);
            }
        }
    }
    call
}

fn build(run: &Run<'_>, plan: &Plan, call: &Invocation) -> Result<(), Error> {
    let Err(error) = run.output(call, None, Capture::Show) else {
        return Ok(());
    };
    let tail = match &error {
        image_publish::Error::Build(image_build::Error::Host(host::Error::Command {
            tail,
            ..
        })) => tail.as_slice(),
        _ => &[],
    };
    let Some(Reason { section, why }) = Reason::of(tail) else {
        return Err(error.into());
    };
    let wanted = &plan.recipe.wanted;
    Err(Error::Build {
        zfs: wanted.zfs,
        kernel: wanted.kernel.clone(),
        section,
        why,
        source: Box::new(error),
    })
}

pub(crate) fn check(run: &Run<'_>, call: &Invocation) -> Result<(), Error> {
    run.output(call, None, Capture::Show)
        .map(drop)
        .map_err(|error| {
            let text = error.to_string();
            let said = text.lines().find_map(|line| line.split_once("check.sh: "));
            match said {
                Some((_, why)) => Error::Step(format!("what was pushed is not named: {why}")),
                None => error.into(),
            }
        })
}

/// Names a digest, and reads the name back.
fn name(run: &Run<'_>, repository: &Repository, tag: &Tag, digest: &Digest) -> Result<(), Error> {
    run.registries.retag(&repository.at(digest.clone()), tag)?;
    let image = repository.tagged(tag.clone());
    match run.registries.digest(&image) {
        Answer::Present(found) if found == *digest => {
            run.report.status("Named", &format!("{image} {digest}"));
            Ok(())
        }
        Answer::Present(found) => Err(Error::Step(format!(
            "{image} is {found} after it was named {digest}"
        ))),
        Answer::Absent => Err(Error::Step(format!(
            "{image} is not there after it was named"
        ))),
        Answer::Unknown(why) => Err(image_build::Error::Unknown(why).into()),
    }
}

/// Leaves a record, if the same inputs would fail again. That it cannot be left is no
/// other failure.
fn remember(run: &Run<'_>, plan: &Plan, section: &str, why: &str) {
    let reason = Reason {
        section: section.to_owned(),
        why: why.to_owned(),
    };
    if !reason.lasts() {
        return;
    }
    let put = || -> Result<(), Error> {
        let place = plan.image.repository().tagged(plan.recipe.failed_tag()?);
        let (manifest, blob) = record(&plan.recipe, &reason);
        run.registries.put(&place, MANIFEST, &manifest, &[blob])?;
        run.report.status("Remembered", &place.to_string());
        Ok(())
    };
    if let Err(error) = put() {
        run.report
            .warning(&format!("the failure could not be remembered: {error}"));
    }
}

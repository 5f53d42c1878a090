//! Checks the candidate as a host would: it is copied as `bootc` would copy it, with
//! the policy and the `skopeo` that are in the image, and the same policy must refuse
//! an unsigned image.

use host::process::{Capture, Invocation};
use host::{Secret, process};
use image_build::engine::Engine;
use image_build::policy_key::public_key;
use image_config::Judge;
use registry_compat::{Digest, Repository};
use signatures::control::{Control, control_image};
use signatures::signing::MANIFEST;
use signatures::trust::Trust;

use crate::candidate::Candidate;
use crate::effect::{Effect, PUSHED, UNSIGNED};
use crate::error::Error;
use crate::run::{Run, failed};
use crate::sign::{Signed, must_be_signed};
use crate::signature_lookup::is_signed;
use crate::step::Step;

/// The variable through which credentials reach `host.sh`.
pub const AUTH: &str = "CUSTOM_COREOS_AUTH";

/// A signed candidate that a host accepts. Only `look` and `taken_before` create it.
#[derive(Debug)]
pub struct Proven(Signed);

impl Proven {
    /// The candidate that a host accepts.
    pub fn candidate(&self) -> &Candidate {
        self.0.candidate()
    }
}

/// Checks a signed candidate as a host would. Without a step nothing is signed, so
/// hosts have no policy to check; `image.yaml` says why.
pub(crate) fn look(run: &Run<'_>, step: Option<&Step>, signed: Signed) -> Result<Proven, Error> {
    if let Some(step) = step {
        let digest = signed.candidate().digest();
        run.step(step, Some(digest), |effect| match effect {
            Effect::ReadTrust { script, repository } => {
                read_trust(run, script, repository, Some(digest))
            }
            Effect::HostAccepts { repository, copy } => {
                host_accepts(run, repository, digest, copy.as_ref())
            }
            Effect::HostRefuses {
                repository,
                copy,
                control,
            } => host_refuses(run, repository, digest, (copy.as_ref(), control.as_ref())),
            other => must_be_signed(run, step.name, other),
        })?;
    }
    Ok(Proven(signed))
}

/// For an image that was published before: hosts accepted it then, and its signature
/// was verified in this run.
pub(crate) fn taken_before(signed: Signed) -> Proven {
    Proven(signed)
}

/// An image in the engine's storage and in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The engine that runs it.
    pub engine: Engine,
    /// Its name there.
    pub image: &'a str,
    /// The name that hosts follow.
    pub repository: &'a Repository,
    /// The registry location of that name according to `registries.conf`.
    pub place: &'a Repository,
    /// Whether that registry may be asked over plain HTTP.
    pub insecure: bool,
}

/// The call of `host.sh` that copies a digest, with the policy or without.
pub fn host_copy(seen: Seen<'_>, digest: &str, policy: &str) -> Option<Invocation> {
    let variables = [
        ("IMAGE", format!("{}@{digest}", seen.repository)),
        ("NAME", seen.repository.to_string()),
        ("PLACE", seen.place.to_string()),
        ("INSECURE", seen.insecure.to_string()),
        ("POLICY", policy.to_owned()),
    ];
    let mut calls = seen
        .engine
        .reaching_script(seen.image, "host.sh", &variables, &[AUTH]);
    calls.pop()
}

/// The step that checks `PUSHED` as a host would, and an unsigned image in the same
/// repository.
pub(crate) fn host_step(seen: Seen<'_>, judge: Judge) -> Step {
    let Seen {
        engine,
        image,
        repository,
        ..
    } = seen;
    // Under buildah the first command creates the container, which all later ones use.
    let mut calls = engine.script(image, "trust.sh", &[]);
    let script = calls.pop().map(|script| Effect::ReadTrust {
        script,
        repository: repository.clone(),
    });
    let copy = |digest, policy| host_copy(seen, digest, policy).filter(|_| judge == Judge::Image);
    let looks = [
        Effect::HostAccepts {
            repository: repository.clone(),
            copy: copy(PUSHED, "own"),
        },
        Effect::HostRefuses {
            repository: repository.clone(),
            copy: copy(UNSIGNED, "own"),
            control: copy(UNSIGNED, "any"),
        },
    ];
    let looks = script.into_iter().chain(looks);
    let effects = calls.into_iter().map(Effect::Run).chain(looks);
    Step::new("host", effects).cleaned(engine.contract_cleanup())
}

fn read_trust(
    run: &Run<'_>,
    script: &Invocation,
    repository: &Repository,
    pushed: Option<&Digest>,
) -> Result<(), Error> {
    let done = run.output(script, pushed, Capture::Stdout)?;
    let trust = Trust::parse(&done.stdout)?;
    // Read from the image, not from the checkout: the base image may have added files.
    Ok(trust.requires(repository, &public_key(&run.root(), repository)?)?)
}

/// Runs `host.sh`: `None` if the copy succeeded, else its error message.
///
/// # Errors
/// If it could not be run, or its output does not tell whether it copied.
pub(crate) fn refusal(
    run: &Run<'_>,
    repository: &Repository,
    (digest, pushed): (&Digest, &Digest),
    copy: &Invocation,
) -> Result<Option<String>, Error> {
    let mut call = run.filled(copy, Some(pushed));
    for arg in &mut call.args {
        *arg = arg.replace(&format!("@{UNSIGNED}"), &format!("@{digest}"));
    }
    let image = repository.at(digest.clone());
    let auth = run.registries.auth_json(&image)?;
    run.sh
        .set_var(AUTH, auth.as_ref().map_or("", Secret::expose));
    let report = run.report;
    let mut show = |line: &str| report.foreign(line);
    let done = process::run(&run.sh, &call, Capture::Stdout, &mut show);
    run.sh.set_var(AUTH, "");
    let stdout = done?.stdout;
    match stdout.trim_end().split_once('\t') {
        None if stdout.trim_end() == "accepted" => Ok(None),
        Some(("refused", why)) => Ok(Some(host::one_line(why))),
        _ => Err(failed(
            "host",
            format!("host.sh said `{}`", host::one_line(&stdout)),
        )),
    }
}

fn signed_by_us(run: &Run<'_>, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
    let key = public_key(&run.root(), repository)?;
    is_signed(run.registries, &key, repository, digest)
}

fn host_accepts(
    run: &Run<'_>,
    repository: &Repository,
    digest: &Digest,
    copy: Option<&Invocation>,
) -> Result<(), Error> {
    // For an index, `skopeo` verifies the signature of the image that it copies.
    let refused = match copy {
        _ if !signed_by_us(run, repository, digest)? => {
            Some("there is no signature of the key in it".to_owned())
        }
        Some(copy) => refusal(run, repository, (digest, digest), copy)?,
        None => None,
    };
    if let Some(why) = refused {
        return Err(failed(
            "host",
            format!("a host that follows {repository} would not take {digest}: {why}"),
        ));
    }
    run.report.status(
        "Accepted",
        &format!("{repository}@{digest}, by the image's own policy"),
    );
    Ok(())
}

/// The same command for an image that nobody signed, and once more without the policy:
/// only if that copy succeeds did the policy refuse the image, and not, for instance, a
/// missing blob.
fn host_refuses(
    run: &Run<'_>,
    repository: &Repository,
    pushed: &Digest,
    (copy, control): (Option<&Invocation>, Option<&Invocation>),
) -> Result<(), Error> {
    let Control {
        digest,
        manifest,
        blobs,
    } = control_image(run.arch);
    run.registries
        .put(&repository.at(digest.clone()), MANIFEST, &manifest, &blobs)?;
    let refused = match copy {
        Some(copy) => refusal(run, repository, (&digest, pushed), copy)?,
        None if signed_by_us(run, repository, &digest)? => None,
        None => Some("there is no signature".to_owned()),
    };
    let Some(why) = refused else {
        return Err(failed(
            "host",
            format!(
                "the image's own policy takes an unsigned image of {repository}: \
                 it protects nobody"
            ),
        ));
    };
    let otherwise = match control {
        Some(control) => refusal(run, repository, (&digest, pushed), control)?,
        None => None,
    };
    if let Some(why) = otherwise {
        return Err(failed(
            "host",
            format!(
                "the unsigned image cannot be copied at all, so that it was refused proves nothing: {why}"
            ),
        ));
    }
    run.report.status(
        "Refused",
        &format!("an unsigned image, as it must be: {why}"),
    );
    Ok(())
}

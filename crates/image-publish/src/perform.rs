//! Performs the acts of a publication.

use std::path::Path;

use host::process::{Capture, Invocation};
use host::{Secret, process};
use image_config::SecretSource;
use registry_compat::{Answer, Digest, ImageRef, Repository};
use remote::Registries;
use serde_json::Value;
use signatures::signing;
use signatures::signing::{MANIFEST, PrivateKey, PublicKey};
use signatures::trust::Trust;

use super::attach::{LOCK, attach};
use super::inputs::{base_signed, input_signed};
use super::record::{measure, record};
use super::sigstore_bundle::hint;
use super::{
    AUTH, Act, Control, UNSIGNED, control_image, filled, free_name, index_push, not_overtaken,
    note, retracted_tag, rootfs,
};
use crate::apply::Live;
use crate::error::Error;
use crate::sbom;
use crate::sbom::SPDX;

pub(super) fn step(name: &str, detail: impl Into<String>) -> Error {
    Error::Step {
        step: name.to_owned(),
        detail: detail.into(),
    }
}

/// Performs one act.
///
/// # Errors
/// Whatever keeps it from being performed.
pub(crate) fn perform(live: &mut Live<'_>, act: &Act) -> Result<(), Error> {
    match act {
        Act::OpenKey {
            key,
            password,
            repository,
        } => open_key(live, key, password, repository),
        Act::Unsigned { reason } => {
            live.report
                .warning(&format!("the image will not be signed: {reason}"));
            Ok(())
        }
        // It is said by being printed.
        Act::Unverified { .. } | Act::Elsewhere { .. } => Ok(()),
        Act::InputSigned { image, key } => input_signed(live, image, key),
        Act::BaseSigned { image, signature } => base_signed(live, image, signature),
        Act::Note { image } => note(live, image),
        Act::NotOvertaken { followed, digest } => not_overtaken(live, followed, digest.as_ref()),
        Act::Take { image } => take(live, image),
        Act::Piece {
            repository,
            digest,
            arch,
            pushed,
            lock,
            ..
        } => index_push::take(live, repository, digest.as_ref(), (*arch, lock), *pushed),
        Act::Join { candidate, index } => index_push::join(live, candidate, index),
        Act::ReadIndex { candidate, digest } => index_push::read_index(live, candidate, digest),
        Act::Beside { image } => index_push::beside(live, image),
        Act::AttachLock { repository, lock } => index_push::attach_lock(live, repository, lock),
        Act::Sign { repository, images } => sign(live, repository, images),
        Act::ReadTrust { script, repository } => read_trust(live, script, repository),
        Act::HostAccepts { repository, copy } => host_accepts(live, repository, copy.as_ref()),
        Act::HostRefuses {
            repository,
            copy,
            control,
        } => host_refuses(live, repository, copy.as_ref(), control.as_ref()),
        Act::Attach {
            repository,
            packages,
            lock,
            day,
        } => {
            let report = live.report;
            let mut show = |line: &str| report.foreign(line);
            let packages = live.filled(packages);
            let done = process::run(&live.sh, &packages, Capture::Stdout, &mut show)?;
            let list = sbom::parse(&done.stdout)?;
            let digest = live.pushed()?;
            let document = sbom::document(repository, digest, day.as_deref(), &list);
            let lock = lock.clone().into_bytes();
            for (kind, document) in [(SPDX, document), (LOCK, lock)] {
                attach(live.registries, repository, digest, kind, document)?;
            }
            report.status(
                "Attached",
                &format!("{} packages, and the lock", list.len()),
            );
            Ok(())
        }
        Act::Name { repository, tag } => {
            let pushed = live.pushed()?.clone();
            let registries = live.registries;
            let names = |tag: &registry_compat::Tag| {
                known(registries.digest(&repository.tagged(tag.clone())))
            };
            let free = free_name(tag, &pushed, names)?;
            registries.retag(&repository.at(pushed.clone()), &free)?;
            if names(&free)?.as_ref() != Some(&pushed) {
                return Err(step(
                    "name",
                    format!("{repository}:{free} does not name {pushed} after it was written"),
                ));
            }
            live.report.status("Named", &format!("{repository}:{free}"));
            Ok(())
        }
        Act::Measure { repository } => {
            measure(live, repository);
            Ok(())
        }
        Act::Record {
            repository,
            image,
            fingerprint,
        } => {
            record(live, repository, image, fingerprint);
            Ok(())
        }
        Act::NotRetracted { image } => {
            let mark = image.repository().tagged(retracted_tag(digest_in(image)?)?);
            match known(live.registries.digest(&mark))? {
                None => Ok(()),
                Some(_) => Err(Error::Refused(format!(
                    "{image} is marked as bad by {mark}"
                ))),
            }
        }
        Act::Retract { image } => {
            let mark = retracted_tag(digest_in(image)?)?;
            live.registries.retag(image, &mark)?;
            let mark = image.repository().tagged(mark);
            if known(live.registries.digest(&mark))?.as_ref() != image.digest() {
                return Err(step("retract", format!("{mark} does not name {image}")));
            }
            live.report.status("Retracted", &mark.to_string());
            Ok(())
        }
        Act::Signed { image } => signed(live, image),
    }
}

fn signed(live: &Live<'_>, image: &ImageRef) -> Result<(), Error> {
    let repository = image.repository();
    let key = public_key(&live.root(), repository)?;
    for digest in family(live.registries, repository, digest_in(image)?)? {
        if !is_signed(live.registries, &key, repository, &digest)? {
            return Err(step(
                "signed",
                format!(
                    "{repository}@{digest} has no signature of the key in {}{}",
                    rootfs().display(),
                    hint(live.registries, repository, &digest)
                ),
            ));
        }
    }
    live.report.status("Signed", &image.to_string());
    Ok(())
}

pub(super) fn digest_in(image: &ImageRef) -> Result<&Digest, Error> {
    image
        .digest()
        .ok_or_else(|| Error::Usage(format!("{image} is no digest")))
}

/// An answer where "not there" is one of the answers that are wanted.
pub(super) fn known<T>(answer: Answer<T>) -> Result<Option<T>, Error> {
    match answer {
        Answer::Present(value) => Ok(Some(value)),
        Answer::Absent => Ok(None),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

/// The value of a secret; `None` if there is none.
///
/// # Errors
/// If its file cannot be read.
pub fn secret(root: &Path, source: &SecretSource) -> Result<Option<Secret>, Error> {
    match source {
        SecretSource::Env(name) => Ok(host::env::secret(name)),
        SecretSource::File(path) => {
            let path = root.join(path);
            match std::fs::read_to_string(&path) {
                // An editor's newline is no part of a password.
                Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(host::Error::File {
                    verb: "read",
                    path,
                    source,
                }
                .into()),
            }
        }
    }
}

fn open_key(
    live: &mut Live<'_>,
    key: &SecretSource,
    password: &SecretSource,
    repository: &Repository,
) -> Result<(), Error> {
    let root = live.root();
    let text = secret(&root, key)?.ok_or_else(|| {
        step(
            "signing key",
            format!(
                "{key} is not there; set it, make a pair with `cargo xtask keys new`, \
                 or say in image.yaml why not: `signing: {{unsigned: REASON}}`"
            ),
        )
    })?;
    let password = secret(&root, password)?;
    let opened = PrivateKey::open(&text, password.as_ref())?;
    let trust = Trust::of_rootfs(&root.join(rootfs()))?;
    trust.requires(repository, &opened.public())?;
    live.key = Some(opened);
    Ok(())
}

/// The public key that the checkout's policy names for a repository.
///
/// # Errors
/// If it names none.
pub fn public_key(root: &Path, repository: &Repository) -> Result<PublicKey, Error> {
    let trust = Trust::of_rootfs(&root.join(rootfs()))?;
    trust.key(repository)?.ok_or_else(|| {
        step(
            "signed",
            format!(
                "the policy in {} names no key for {repository}",
                rootfs().display()
            ),
        )
    })
}

fn take(live: &mut Live<'_>, image: &ImageRef) -> Result<(), Error> {
    match live.registries.inspect(image, live.arch) {
        Answer::Present(found) => {
            live.size = Some(found.size);
            live.pushed = Some(found.digest);
            Ok(())
        }
        Answer::Absent => Err(step("read", format!("{image} is not there"))),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

/// An image, and the images in it if it is an index.
pub(super) fn family(
    registries: &Registries,
    repository: &Repository,
    top: &Digest,
) -> Result<Vec<Digest>, Error> {
    let found = known(registries.artefact(&repository.at(top.clone())))?
        .ok_or_else(|| step("sign", format!("{repository}@{top} is gone")))?;
    let manifest: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    let children = manifest.get("manifests").and_then(Value::as_array);
    let mut all = vec![top.clone()];
    for child in children.into_iter().flatten() {
        let digest = child
            .get("digest")
            .and_then(Value::as_str)
            .unwrap_or_default();
        all.push(digest.parse()?);
    }
    Ok(all)
}

fn sign(live: &mut Live<'_>, repository: &Repository, images: &[Digest]) -> Result<(), Error> {
    for digest in images.iter().chain([live.pushed()?]) {
        let key = live
            .key
            .as_ref()
            .ok_or_else(|| step("sign", "no key was opened"))?;
        let registries = live.registries;
        if is_signed(registries, &key.public(), repository, digest)? {
            continue;
        }
        let image = repository.tagged(signing::signature_tag(digest)?);
        let existing = known(registries.artefact(&image))?;
        let existing = existing.as_ref().map(|found| found.manifest.as_slice());
        let signed = signing::sign(key, repository, digest, existing)?;
        registries.put(&image, MANIFEST, &signed.manifest, &signed.blobs)?;
        // What counts is what is there, not what was sent.
        if !is_signed(registries, &key.public(), repository, digest)? {
            return Err(step(
                "sign",
                format!("{image} does not hold the signature after it was written"),
            ));
        }
        live.report
            .status("Signed", &format!("{repository}@{digest}"));
    }
    Ok(())
}

/// Whether a signature of this key is where the container tools look for it.
///
/// # Errors
/// If that could not be found out.
pub(crate) fn is_signed(
    registries: &Registries,
    key: &PublicKey,
    repository: &Repository,
    digest: &Digest,
) -> Result<bool, Error> {
    let image = repository.tagged(signing::signature_tag(digest)?);
    let Some(found) = known(registries.artefact(&image))? else {
        return Ok(false);
    };
    signing::verify(key, repository, digest, &found.manifest, |blob| {
        known(registries.blob(&image, blob))
    })
}

fn read_trust(
    live: &mut Live<'_>,
    script: &Invocation,
    repository: &Repository,
) -> Result<(), Error> {
    let report = live.report;
    let mut show = |line: &str| report.foreign(line);
    let script = live.filled(script);
    let done = process::run(&live.sh, &script, Capture::Stdout, &mut show)?;
    let trust = Trust::parse(&done.stdout)?;
    // Of the image now, not of the checkout: the base may have brought more.
    Ok(trust.requires(repository, &public_key(&live.root(), repository)?)?)
}

/// Runs `host.sh`: `None` if the copy was made, else what was said.
///
/// # Errors
/// If it could not be run, or did not say.
pub(crate) fn refusal(
    live: &Live<'_>,
    repository: &Repository,
    digest: &Digest,
    copy: &Invocation,
) -> Result<Option<String>, Error> {
    let mut call = live.filled(&filled(copy, live.pushed.as_ref().or(Some(digest))));
    for arg in &mut call.args {
        *arg = arg.replace(&format!("@{UNSIGNED}"), &format!("@{digest}"));
    }
    let image = repository.at(digest.clone());
    let auth = live.registries.auth_json(&image)?;
    live.sh
        .set_var(AUTH, auth.as_ref().map_or("", Secret::expose));
    let report = live.report;
    let mut show = |line: &str| report.foreign(line);
    let done = process::run(&live.sh, &call, Capture::Stdout, &mut show);
    live.sh.set_var(AUTH, "");
    let stdout = done?.stdout;
    match stdout.trim_end().split_once('\t') {
        None if stdout.trim_end() == "accepted" => Ok(None),
        Some(("refused", why)) => Ok(Some(host::one_line(why))),
        _ => Err(step(
            "host",
            format!("host.sh said `{}`", host::one_line(&stdout)),
        )),
    }
}

fn signed_by_us(live: &Live<'_>, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
    let key = public_key(&live.root(), repository)?;
    is_signed(live.registries, &key, repository, digest)
}

fn host_accepts(
    live: &Live<'_>,
    repository: &Repository,
    copy: Option<&Invocation>,
) -> Result<(), Error> {
    let digest = live.pushed()?;
    // Of an index, `skopeo` looks at the image that it copies.
    let refused = match copy {
        _ if !signed_by_us(live, repository, digest)? => {
            Some("there is no signature of the key in it".to_owned())
        }
        Some(copy) => refusal(live, repository, digest, copy)?,
        None => None,
    };
    if let Some(why) = refused {
        return Err(step(
            "host",
            format!("a host that follows {repository} would not take {digest}: {why}"),
        ));
    }
    live.report.status(
        "Accepted",
        &format!("{repository}@{digest}, by the image's own policy"),
    );
    Ok(())
}

/// The same command for an image that nobody signed, and once more without the
/// policy: only if that one succeeds was it the policy that refused, and not a
/// missing blob.
fn host_refuses(
    live: &Live<'_>,
    repository: &Repository,
    copy: Option<&Invocation>,
    control: Option<&Invocation>,
) -> Result<(), Error> {
    let Control {
        digest,
        manifest,
        blobs,
    } = control_image(live.arch)?;
    live.registries
        .put(&repository.at(digest.clone()), MANIFEST, &manifest, &blobs)?;
    let refused = match copy {
        Some(copy) => refusal(live, repository, &digest, copy)?,
        None if signed_by_us(live, repository, &digest)? => None,
        None => Some("there is no signature".to_owned()),
    };
    let Some(why) = refused else {
        return Err(step(
            "host",
            format!(
                "the image's own policy takes an unsigned image of {repository}: \
                 it protects nobody"
            ),
        ));
    };
    let otherwise = match control {
        Some(control) => refusal(live, repository, &digest, control)?,
        None => None,
    };
    if let Some(why) = otherwise {
        return Err(step(
            "host",
            format!(
                "the unsigned image cannot be copied at all, so that it was refused proves nothing: {why}"
            ),
        ));
    }
    live.report.status(
        "Refused",
        &format!("an unsigned image, as it must be: {why}"),
    );
    Ok(())
}

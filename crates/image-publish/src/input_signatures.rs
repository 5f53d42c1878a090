//! Checks the signatures of the images that a build uses, before anything of them is
//! fetched or run.

use std::path::{Path, PathBuf};

use host::process;
use host::process::{Capture, Invocation};
use image_build::content::trusted_by;
use image_build::lock::{Lock, Target};
use image_config::{Base, BaseSignature, Config, Fingerprint, Keyring, Unverified};
use registry_compat::ImageRef;
use signatures::signing::PublicKey;
use signatures::simple_signing::{MOST, keyring, message, place, signer, speaks_of};

use crate::effect::Effect;
use crate::error::Error;
use crate::registry::digest_in;
use crate::run::{Run, failed, misplaced};
use crate::signature_lookup::is_signed;
use crate::sigstore_bundle::hint;
use crate::step::Step;

/// The step of the plan.
///
/// # Errors
/// [`Error::Refused`] if an input has no signature to check, only its digest, and
/// `image.yaml` does not allow that.
pub fn inputs(config: &Config, lock: &Lock, target: &Target) -> Result<Step, Error> {
    let mut effects = base(&config.base, lock.base_pinned(target));
    let image = target.kmods_pinned();
    let source = config
        .kmods
        .iter()
        .find(|source| source.image == *target.kmods.repository());
    effects.push(match source.and_then(|source| source.key.as_ref()) {
        Some(key) => Effect::InputSigned {
            image,
            key: PathBuf::from(key.as_str()),
        },
        None => Effect::DigestOnly {
            image,
            reason: "no `key` of this kmods source in image.yaml".to_owned(),
        },
    });
    for (named, image) in lock.other_images.iter().zip(lock.others_pinned()) {
        effects.push(match trusted_by(&lock.policy.content, named) {
            Ok(key) => Effect::InputSigned {
                image,
                key: PathBuf::from(key),
            },
            Err(reason) => Effect::DigestOnly { image, reason },
        });
    }
    if config.inputs.unverified == Unverified::Refuse {
        let bare = |effect: &&Effect| matches!(effect, Effect::DigestOnly { .. });
        let bare: Vec<String> = effects
            .iter()
            .filter(bare)
            .map(ToString::to_string)
            .collect();
        if !bare.is_empty() {
            return Err(Error::Refused(format!(
                "`inputs.unverified: refuse` in image.yaml, and pinned by digest only are:\n{}",
                bare.join("\n")
            )));
        }
    }
    Ok(Step::new("inputs", effects))
}

/// Every signer that `image.yaml` names for the base must have signed it.
fn base(base: &Base, image: ImageRef) -> Vec<Effect> {
    let mut effects = Vec::new();
    // A pin may name an image in another repository; its signature is checked too.
    if let Some(signature) = &base.signature {
        effects.push(Effect::BaseSigned {
            image: image.clone(),
            signature: signature.clone(),
        });
    }
    if let Some(key) = &base.key {
        effects.push(Effect::InputSigned {
            image: image.clone(),
            key: PathBuf::from(key.as_str()),
        });
    }
    if effects.is_empty() {
        effects.push(Effect::DigestOnly {
            image,
            reason: "no `base.signature` and no `base.key` in image.yaml".to_owned(),
        });
    }
    effects
}

/// Performs the step.
pub(crate) fn look(run: &Run<'_>, step: &Step) -> Result<(), Error> {
    run.step(step, None, |effect| match effect {
        // Nothing to do: this effect is only printed in the plan.
        Effect::DigestOnly { .. } => Ok(()),
        Effect::InputSigned { image, key } => input_signed(run, image, key),
        Effect::BaseSigned { image, signature } => base_signed(run, image, signature),
        other => Err(misplaced(step.name, other)),
    })
}

/// Looks for a cosign signature.
fn input_signed(run: &Run<'_>, image: &ImageRef, key: &Path) -> Result<(), Error> {
    let path = run.root().join(key);
    let text = std::fs::read_to_string(&path).map_err(|source| host::Error::File {
        verb: "read",
        path,
        source,
    })?;
    let public = PublicKey::parse(&text)?;
    let (registries, repository) = (run.registries, image.repository());
    if is_signed(registries, &public, repository, digest_in(image)?)? {
        run.report.status("Verified", &image.to_string());
        return Ok(());
    }
    Err(failed(
        "inputs",
        format!(
            "{image} has no signature of {}{}",
            key.display(),
            hint(registries, repository, digest_in(image)?)
        ),
    ))
}

/// Looks for a simple signature: one valid signature is enough, as it is for the
/// container tools.
fn base_signed(run: &Run<'_>, image: &ImageRef, signature: &BaseSignature) -> Result<(), Error> {
    let agent = run.registries.agent();
    let digest = digest_in(image)?;
    let mut reasons = Vec::new();
    let mut gpgv = None;
    for number in 1..=MOST {
        let url = place(&signature.lookaside, image.repository(), digest, number);
        let Some(file) = remote::fetch::bytes(agent, &url)? else {
            break;
        };
        let gpgv = match &gpgv {
            Some(made) => made,
            None => gpgv.insert(Gpgv::new(run, &signature.keyring)?),
        };
        match gpgv.verify(run, &file, image, &signature.keys)? {
            Ok((key, name)) => {
                let what = format!("{image}, signed as {name} by {key}");
                run.report.status("Verified", &what);
                return Ok(());
            }
            Err(why) => reasons.push(format!("{url}: {why}")),
        }
    }
    if reasons.is_empty() {
        let url = place(&signature.lookaside, image.repository(), digest, 1);
        return Err(failed(
            "inputs",
            format!(
                "{image} has no signature: {url} is not there. Fedora signs since September \
                 2025; who wants an older one has to take `base.signature` out of image.yaml"
            ),
        ));
    }
    let keyring = &signature.keyring;
    Err(failed(
        "inputs",
        format!(
            "{image} has no good signature: {}. Each Fedora has a key of its own: \
             `base.signature.keys` in image.yaml must name it, and {keyring} have it; \
             https://fedoraproject.org/security/ says which it is",
            reasons.join("; ")
        ),
    ))
}

/// `gpgv`, with its keys in a folder of its own.
struct Gpgv {
    folder: xshell::TempDir,
}

impl Gpgv {
    fn new(run: &Run<'_>, from: &Keyring) -> Result<Self, Error> {
        let bytes = match from {
            Keyring::Url(url) => remote::fetch::bytes(run.registries.agent(), url.as_str())?
                .ok_or_else(|| failed("inputs", format!("{url} is not there")))?,
            Keyring::File(path) => {
                let path = run.root().join(path.as_str());
                std::fs::read(&path).map_err(|source| host::Error::File {
                    verb: "read",
                    path,
                    source,
                })?
            }
        };
        let keys = keyring(&bytes).map_err(|why| failed("inputs", format!("{from}: {why}")))?;
        let folder = run.sh.create_temp_dir().map_err(|error| {
            // The message names the folder of temporary files and the cause.
            failed("inputs", host::one_line(&error.to_string()))
        })?;
        signatures::trust::write(&folder.path().join("keys"), &keys)?;
        Ok(Self { folder })
    }

    /// Who signed a file, and as what, or why it does not count.
    fn verify(
        &self,
        run: &Run<'_>,
        file: &[u8],
        image: &ImageRef,
        keys: &[Fingerprint],
    ) -> Result<Result<(Fingerprint, ImageRef), String>, Error> {
        let message = match message(file) {
            Ok(message) => message,
            Err(why) => return Ok(Err(why)),
        };
        let path = |name: &str| self.folder.path().join(name);
        let (input, output) = (path("signature"), path("text"));
        signatures::trust::write(&input, message)?;
        signatures::trust::write(&output, b"")?;
        // Only what `gpgv` writes out is signed, not the rest of the file. `gpgv` looks
        // for a path without a slash in its home folder, so this path has one.
        let option = |name: &str, path: PathBuf| format!("--{name}={}", path.display());
        let invocation = Invocation::new(
            "gpgv",
            [
                "--status-fd=1".to_owned(),
                "--weak-digest=SHA1".to_owned(),
                option("homedir", self.folder.path().to_owned()),
                option("keyring", path("keys")),
                option("output", output.clone()),
                input.display().to_string(),
            ],
        );
        // Its messages are in the language of the user's locale.
        let done = process::run(&run.sh, &invocation, Capture::StdoutAnyStatus, &mut |_| {})?;
        let judged = signer(&done.stdout, keys).and_then(|key| {
            if !done.success {
                return Err("gpgv does not take it".to_owned());
            }
            Ok(key)
        });
        let key = match judged {
            Ok(key) => key,
            Err(why) => return Ok(Err(why)),
        };
        let text = std::fs::read(&output).map_err(|source| host::Error::File {
            verb: "read",
            path: output,
            source,
        })?;
        Ok(speaks_of(&text, image).map(|name| (key, name)))
    }
}

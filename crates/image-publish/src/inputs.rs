//! What vouches for the images that a build is made of, before anything of them
//! is fetched or run.

use std::path::{Path, PathBuf};

use host::process;
use host::process::{Capture, Invocation};
use image_build::lock::{Lock, Target};
use image_config::{Base, BaseSignature, Config, Fingerprint, Keyring, Unverified};
use registry_compat::ImageRef;
use signatures::signing::PublicKey;
use signatures::simple_signing::{MOST, keyring, message, place, signer, speaks_of};

use super::perform::{digest_in, is_signed, step as wrong};
use super::sigstore_bundle::hint;
use super::{Act, step};
use crate::apply::Live;
use crate::error::Error;
use crate::plan::Step;

/// The step of the plan.
///
/// # Errors
/// [`Error::Refused`] if something has nothing but its digest, and `image.yaml`
/// does not allow that.
pub fn inputs(config: &Config, lock: &Lock, target: &Target) -> Result<Step, Error> {
    let mut acts = base(&config.base, lock.base_pinned(target));
    let image = target.kmods_pinned();
    let source = config
        .kmods
        .iter()
        .find(|source| source.image == *target.kmods.repository());
    acts.push(match source.and_then(|source| source.key.as_ref()) {
        Some(key) => Act::InputSigned {
            image,
            key: PathBuf::from(key.as_str()),
        },
        None => Act::Unverified {
            image,
            reason: "no `key` of this kmods source in image.yaml".to_owned(),
        },
    });
    if config.inputs.unverified == Unverified::Refuse {
        let bare = |act: &&Act| matches!(act, Act::Unverified { .. });
        let bare: Vec<String> = acts.iter().filter(bare).map(ToString::to_string).collect();
        if !bare.is_empty() {
            return Err(Error::Refused(format!(
                "`inputs.unverified: refuse` in image.yaml, and pinned by digest only are:\n{}",
                bare.join("\n")
            )));
        }
    }
    Ok(step("inputs", acts))
}

/// Whoever is named for the base must have signed it, each of them.
fn base(base: &Base, image: ImageRef) -> Vec<Act> {
    let mut acts = Vec::new();
    // A pin may name an image of elsewhere; it is asked for all the same.
    if let Some(signature) = &base.signature {
        acts.push(Act::BaseSigned {
            image: image.clone(),
            signature: signature.clone(),
        });
    }
    if let Some(key) = &base.key {
        acts.push(Act::InputSigned {
            image: image.clone(),
            key: PathBuf::from(key.as_str()),
        });
    }
    if acts.is_empty() {
        acts.push(Act::Unverified {
            image,
            reason: "no `base.signature` and no `base.key` in image.yaml".to_owned(),
        });
    }
    acts
}

/// Looks for a cosign signature.
pub(super) fn input_signed(live: &Live<'_>, image: &ImageRef, key: &Path) -> Result<(), Error> {
    let path = live.root().join(key);
    let text = std::fs::read_to_string(&path).map_err(|source| host::Error::File {
        verb: "read",
        path,
        source,
    })?;
    let public = PublicKey::parse(&text)?;
    let (registries, repository) = (live.registries, image.repository());
    if is_signed(registries, &public, repository, digest_in(image)?)? {
        live.report.status("Verified", &image.to_string());
        return Ok(());
    }
    Err(wrong(
        "inputs",
        format!(
            "{image} has no signature of {}{}",
            key.display(),
            hint(registries, repository, digest_in(image)?)
        ),
    ))
}

/// Looks for a simple signature: the first good one is enough, as to the
/// container tools.
pub(super) fn base_signed(
    live: &Live<'_>,
    image: &ImageRef,
    signature: &BaseSignature,
) -> Result<(), Error> {
    let agent = live.registries.agent();
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
            None => gpgv.insert(Gpgv::new(live, &signature.keyring)?),
        };
        match gpgv.verify(live, &file, image, &signature.keys)? {
            Ok((key, name)) => {
                let what = format!("{image}, signed as {name} by {key}");
                live.report.status("Verified", &what);
                return Ok(());
            }
            Err(why) => reasons.push(format!("{url}: {why}")),
        }
    }
    if reasons.is_empty() {
        let url = place(&signature.lookaside, image.repository(), digest, 1);
        return Err(wrong(
            "inputs",
            format!(
                "{image} has no signature: {url} is not there. Fedora signs since September \
                 2025; who wants an older one has to take `base.signature` out of image.yaml"
            ),
        ));
    }
    let keyring = &signature.keyring;
    Err(wrong(
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
    fn new(live: &Live<'_>, from: &Keyring) -> Result<Self, Error> {
        let bytes = match from {
            Keyring::Url(url) => remote::fetch::bytes(live.registries.agent(), url.as_str())?
                .ok_or_else(|| wrong("inputs", format!("{url} is not there")))?,
            Keyring::File(path) => {
                let path = live.root().join(path.as_str());
                std::fs::read(&path).map_err(|source| host::Error::File {
                    verb: "read",
                    path,
                    source,
                })?
            }
        };
        let keys = keyring(&bytes).map_err(|why| wrong("inputs", format!("{from}: {why}")))?;
        let folder = live.sh.create_temp_dir().map_err(|error| {
            // It names the folder of temporary files, and why.
            wrong("inputs", host::one_line(&error.to_string()))
        })?;
        signatures::trust::write(&folder.path().join("keys"), &keys)?;
        Ok(Self { folder })
    }

    /// Who signed a file, and as what, or why it does not count.
    fn verify(
        &self,
        live: &Live<'_>,
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
        // What is signed is what `gpgv` writes, and nothing else of the file.
        // A path with a slash is no name in a home folder.
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
        // Its prose is in the language of the person.
        let done = process::run(&live.sh, &invocation, Capture::StdoutAnyStatus, &mut |_| {})?;
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

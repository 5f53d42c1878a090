//! The private key that signs, and the public key that the checkout's policy requires.

use std::path::Path;

use host::Secret;
use image_build::policy_key::rootfs;
use image_config::{Config, SecretSource};
use registry_compat::Repository;
use signatures::signing::PrivateKey;
use signatures::trust::Trust;

use crate::effect::Effect;
use crate::error::Error;
use crate::moving_tag::{MovingTags, note_tags};
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// The key that a publication is signed with. Only [`open`] creates it.
pub struct SigningKey(Option<PrivateKey>);

impl SigningKey {
    /// The private key; `None` where `image.yaml` says that nothing is signed.
    pub(crate) fn private(&self) -> Option<&PrivateKey> {
        self.0.as_ref()
    }
}

/// The first step of every task that publishes: open the key, and record what the
/// moving tags name now. It comes first so that a missing key stops the run before the
/// long work.
///
/// # Errors
/// Never for a config that was parsed.
pub(crate) fn key_step(config: &Config) -> Result<Step, Error> {
    let signing = &config.signing;
    let key = match &signing.unsigned {
        Some(reason) => Effect::Unsigned {
            reason: reason.clone(),
        },
        None => Effect::OpenKey {
            key: signing.private_key.clone(),
            password: signing.password.clone(),
            repository: config.repository()?,
        },
    };
    let notes = note_tags(config)?;
    Ok(Step::new("key", std::iter::once(key).chain(notes)))
}

/// Performs [`key_step`]. For each tag, the first digest read in a run counts.
pub(crate) fn open(run: &Run<'_>, step: &Step, tags: &mut MovingTags) -> Result<SigningKey, Error> {
    let mut opened = None;
    run.step(step, None, |effect| {
        match effect {
            Effect::OpenKey {
                key,
                password,
                repository,
            } => opened = Some(SigningKey(Some(open_key(run, key, password, repository)?))),
            Effect::Unsigned { reason } => {
                run.report
                    .warning(&format!("the image will not be signed: {reason}"));
                opened = Some(SigningKey(None));
            }
            Effect::NoteTag { image } => tags.note(run, image)?,
            other => return Err(misplaced(step.name, other)),
        }
        Ok(())
    })?;
    opened.ok_or_else(|| {
        failed(
            "key",
            "the plan says neither a key nor that nothing is signed",
        )
    })
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
                // A newline that an editor added at the end is not part of the
                // password.
                Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(host::Error::read(&path)(error).into()),
            }
        }
    }
}

/// Opens the key that a publication is signed with; its public half must be the one
/// that the checkout's policy names for the repository.
///
/// # Errors
/// If there is none, it cannot be opened, or it is another.
pub fn open_key(
    run: &Run<'_>,
    key: &SecretSource,
    password: &SecretSource,
    repository: &Repository,
) -> Result<PrivateKey, Error> {
    let root = run.root();
    let text = secret(&root, key)?.ok_or_else(|| {
        failed(
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
    Ok(opened)
}

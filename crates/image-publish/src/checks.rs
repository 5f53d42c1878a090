//! The checks that `verify` makes of a published image's signature.

use std::path::Path;

use host::process;
use host::process::Capture;
use image_build::contract::Check;
use image_config::{Judge, Signing};
use registry_compat::{Digest, Repository};
use remote::Registries;
use serde::Serialize;
use signatures::signing::signature_tag;
use signatures::trust::Trust;

use crate::effect::PUSHED;
use crate::error::Error;
use crate::host_look::{Seen, host_copy, refusal};
use crate::registry::{family, known};
use crate::run::Run;
use crate::signature_lookup::is_signed;
use crate::sigstore_bundle::hint;
use image_build::policy_key::rootfs;

/// What is known about the signature of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "detail")]
pub enum Signature {
    /// There is one, made with the policy's key.
    Good,
    /// There is one, but not made with the policy's key.
    Foreign,
    /// There is one, but the checkout has no key to verify it with.
    Untried,
    /// None.
    Absent,
    /// None is required, for this reason.
    NotDemanded(String),
    /// It could not be found out, for this reason; or there is no image.
    Unknown(String),
}

/// The image's own policy, the signature, and the copy that a host would make,
/// as rows with what was expected and found. Where `image.yaml` says that nothing
/// is signed, one row says so.
///
/// # Errors
/// If one of them could not be checked: that is neither a pass nor a failure.
pub fn checks(
    run: &Run<'_>,
    seen: Seen<'_>,
    digest: &Digest,
    signing: &Signing,
) -> Result<Vec<Check>, Error> {
    if let Some(reason) = &signing.unsigned {
        let found = Ok(format!("unsigned: {reason}"));
        return Ok(vec![check("signature", "none", found)]);
    }
    let mut calls = seen.engine.script(seen.image, "trust.sh", &[]);
    let mut printed = String::new();
    // Under buildah the first call makes the container.
    let last = calls.pop();
    for call in &calls {
        run.output(call, None, Capture::Show)?;
    }
    if let Some(script) = &last {
        printed = run.output(script, None, Capture::Stdout)?.stdout;
    }
    let trust = Trust::parse(&printed)?;
    let outcome = judge(run, seen, digest, signing, &trust);
    if let Some(call) = seen.engine.contract_cleanup() {
        process::tidying(|| run.output(&call, None, Capture::Show))?;
    }
    outcome
}

/// Whether hosts find a signature of a digest, by the policy in the checkout.
///
/// # Errors
/// If that could not be found out.
pub fn signature(
    root: &Path,
    registries: &Registries,
    repository: &Repository,
    digest: &Digest,
) -> Result<Signature, Error> {
    // A host verifies the index, and the image that it selects from it.
    let family = family(registries, repository, digest)?;
    for digest in &family {
        let tag = repository.tagged(signature_tag(digest)?);
        if known(registries.artefact(&tag))?.is_none() {
            return Ok(Signature::Absent);
        }
    }
    let trust = Trust::of_rootfs(&root.join(rootfs()));
    let Ok(Some(key)) = trust.and_then(|trust| trust.key(repository)) else {
        return Ok(Signature::Untried);
    };
    for digest in &family {
        if !is_signed(registries, &key, repository, digest)? {
            return Ok(Signature::Foreign);
        }
    }
    Ok(Signature::Good)
}

fn check(name: &str, expected: &str, found: Result<String, String>) -> Check {
    Check {
        ok: found.is_ok(),
        name: name.to_owned(),
        expected: expected.to_owned(),
        found: match found {
            Ok(text) | Err(text) => text,
        },
    }
}

fn judge(
    run: &Run<'_>,
    seen: Seen<'_>,
    digest: &Digest,
    signing: &Signing,
    trust: &Trust,
) -> Result<Vec<Check>, Error> {
    let repository = seen.repository;
    let key = match trust.key(repository) {
        Ok(Some(key)) => key,
        Ok(None) => {
            let found = Err(format!("none for {repository}"));
            return Ok(vec![check("policy:key", "a key", found)]);
        }
        Err(error) => {
            return Ok(vec![check("policy:key", "a key", Err(error.to_string()))]);
        }
    };
    let demands = trust.requires(repository, &key);
    let mut all = vec![check(
        "policy:demands",
        "a signature",
        demands
            .map(|()| "a signature".to_owned())
            .map_err(|error| error.to_string()),
    )];
    // For an index, each image too: a host verifies the one that it selects.
    for image in family(run.registries, repository, digest)? {
        let name = match image == *digest {
            true => "signature".to_owned(),
            false => format!("signature {}", image.short()),
        };
        let expected = "of the policy's key";
        let signed = is_signed(run.registries, &key, repository, &image)?;
        let found = match signed {
            true => Ok(expected.to_owned()),
            false => {
                let hint = hint(run.registries, repository, &image);
                Err(format!("none under sha256-{}….sig{hint}", image.short()))
            }
        };
        all.push(check(&name, expected, found));
    }
    let copy = host_copy(seen, PUSHED, "own");
    if let Some(copy) = copy.filter(|_| signing.judge == Judge::Image) {
        let refused = refusal(run, repository, (digest, digest), &copy)?;
        let found = refused.map_or_else(|| Ok("accepted".to_owned()), Err);
        all.push(check("host:copy", "accepted", found));
    }
    Ok(all)
}

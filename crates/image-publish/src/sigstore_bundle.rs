//! Signatures in a form that no host reads: since version 3 cosign writes a bundle as
//! an OCI referrer, and nothing under the tag `sha256-….sig`. The program looks for a
//! bundle only if there is no signature, to explain in the message why hosts find none.
//!
//! Sources: <https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md> (kinds
//! and annotations); <https://github.com/projectbluefin/common/issues/977> and
//! <https://github.com/coreos/rpm-ostree/issues/5509> (problems that this caused).

use registry_compat::{Answer, Digest, Repository};
use remote::Registries;
use serde_json::Value;

use crate::attach::listed;

/// Prefix of the artefact type, the same for all versions.
const KIND: &str = "application/vnd.dev.sigstore.bundle";
const CONTENT: &str = "dev.sigstore.bundle.content";
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";
/// The predicate type of a bundle from `cosign sign`; others are attestations.
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// The text that is added to "there is no signature"; empty if there is no bundle.
pub(super) fn hint(registries: &Registries, repository: &Repository, digest: &Digest) -> String {
    if !listed(registries, repository, digest)
        .iter()
        .any(|entry| signs(registries, repository, entry))
    {
        return String::new();
    }
    "; there is one in the new bundle of cosign 3, with which `cosign verify` is content, and \
     which podman, skopeo and bootc do not read: sign with this program, or with `cosign sign \
     --new-bundle-format=false --use-signing-config=false`"
        .to_owned()
}

fn signs(registries: &Registries, repository: &Repository, entry: &Value) -> bool {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = text(entry, "artifactType").unwrap_or_default();
    if !kind.starts_with(KIND) {
        return false;
    }
    let judge = |annotations: &Value| {
        text(annotations, PREDICATE).as_deref() == Some(SIGN)
            || text(annotations, CONTENT).as_deref() == Some("message-signature")
    };
    if let Some(annotations) = entry.get("annotations") {
        return judge(annotations);
    }
    // Not every client copies the annotations into the index.
    let Some(Ok(digest)) = text(entry, "digest").map(|text| text.parse()) else {
        return false;
    };
    let Answer::Present(found) = registries.artefact(&repository.at(digest)) else {
        return false;
    };
    let manifest: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    manifest.get("annotations").is_some_and(judge)
}

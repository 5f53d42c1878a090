//! Signatures in the form that `podman`, `skopeo` and `bootc` read: a
//! cosign-compatible key pair, the "simple signing" payload, and the manifest
//! under the tag `sha256-HEX.sig`. Pure, but for the random numbers of the
//! system.
//!
//! cosign 3's new bundle, an OCI referrer, is not written: the container tools
//! do not look for it (containers/container-libs#388), so that a green `cosign
//! verify` would say nothing about a host.
//!
//! Sources: cosign `specs/SIGNATURE_SPEC.md`;
//! `containers/image/docs/containers-signature.5.md` and `docker_image_src.go`; cosign
//! `pkg/cosign/keys.go` and go-securesystemslib `encrypted` for the private
//! key: scrypt, then NaCl's secretbox, in JSON, in PEM.

mod sealed;
mod unusable;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use host::Secret;
use registry_compat::{Digest, Repository, Tag};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use unusable::unusable;

/// What cosign writes before version 2 and reads ever since; podman 4 knows no
/// other.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// What cosign writes since version 2.
const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// PKCS#8 without a password.
const PLAIN: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// The head of a `SubjectPublicKeyInfo` for an uncompressed point of P-256; the
/// 65 bytes of the point follow. Source: RFC 5480, section 2.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of the signed payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Annotation of the payload's layer that holds the signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// A private key that was opened. It shows nothing of itself.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl PrivateKey {
    /// Makes a new key: the text of its file, sealed if there is a password.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate(password: Option<&Secret>) -> Result<(Secret, Self), Error> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| unusable("the system gives no random numbers"))?;
        let text = match password {
            Some(password) => to_pem(COSIGN, &sealed::seal(document.as_ref(), password, &random)?),
            None => to_pem(PLAIN, document.as_ref()),
        };
        let text = Secret::new(text);
        let key = Self::open(&text, password)?;
        Ok((text, key))
    }

    /// Reads a key of cosign's form, or PKCS#8.
    ///
    /// # Errors
    /// With what is wrong, and nothing of the key.
    pub fn open(text: &Secret, password: Option<&Secret>) -> Result<Self, Error> {
        let (label, bytes) = from_pem(text.expose()).ok_or_else(|| unusable("it is not PEM"))?;
        let plain = match label.as_str() {
            COSIGN | SIGSTORE => {
                // cosign seals with an empty password where none was given.
                let empty = Secret::new("");
                sealed::open(&bytes, password.unwrap_or(&empty)).map_err(|error| {
                    match (&error, password) {
                        (Error::Step { .. }, None) => {
                            unusable("it has a password, and none was given")
                        }
                        _ => error,
                    }
                })?
            }
            PLAIN => bytes,
            other => {
                return Err(unusable(format!(
                    "`{}` is neither `{SIGSTORE}`, `{COSIGN}` nor PKCS#8 (`{PLAIN}`)",
                    host::one_line(other)
                )));
            }
        };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &plain, &random)
            .map_err(|error| unusable(format!("it is no ECDSA key on P-256 ({error})")))?;
        Ok(Self { pair, random })
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.pair.public_key().as_ref().to_vec())
    }

    fn sign(&self, payload: &[u8]) -> Result<String, Error> {
        let signature = self
            .pair
            .sign(&self.random, payload)
            .map_err(|_| unusable("it cannot sign"))?;
        Ok(BASE64.encode(signature.as_ref()))
    }
}

/// A public key: an uncompressed point of P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads `cosign.pub`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || unusable("the public half is no ECDSA key on P-256 in PEM");
        let (label, bytes) = from_pem(text).ok_or_else(wrong)?;
        match bytes.strip_prefix(&SPKI) {
            Some(point) if label == PUBLIC && point.len() == 65 => Ok(Self(point.to_vec())),
            _ => Err(wrong()),
        }
    }

    /// As `cosign.pub` has it.
    pub fn pem(&self) -> String {
        to_pem(PUBLIC, &[&SPKI[..], &self.0].concat())
    }

    fn accepts(&self, payload: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0)
            .verify(payload, &signature)
            .is_ok()
    }
}

/// The tag under which the signatures of a digest are found.
///
/// # Errors
/// Never: the form is right by construction.
pub fn signature_tag(digest: &Digest) -> Result<Tag, Error> {
    Ok(format!("sha256-{}.sig", digest.hex()).parse()?)
}

/// What is signed: this digest, published under this name. The name is the
/// logical one, whatever `registries.conf` makes of it; no tag, because
/// `matchRepository` compares none and the tags come later.
fn payload(repository: &Repository, digest: &Digest) -> String {
    // In this order, without white space, as cosign has it.
    format!(
        "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"{repository}\"}},\
         \"image\":{{\"docker-manifest-digest\":\"{digest}\"}},\
         \"type\":\"cosign container image signature\"}},\"optional\":null}}"
    )
}

/// A manifest with the blobs that it needs and that may not be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Its config and the new payload.
    pub blobs: Vec<Vec<u8>>,
}

/// The parts of a signature manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

fn layers(manifest: &[u8]) -> Option<Vec<Layer>> {
    let value: Value = serde_json::from_slice(manifest).ok()?;
    serde_json::from_value(value.get("layers")?.clone()).ok()
}

/// Signs a digest. The signatures of others in `existing` stay.
///
/// # Errors
/// If the key cannot sign, or `existing` is no signature manifest: what
/// somebody else wrote is not overwritten unread.
pub fn sign(
    key: &PrivateKey,
    repository: &Repository,
    digest: &Digest,
    existing: Option<&[u8]>,
) -> Result<Signed, Error> {
    let mut all = match existing {
        Some(manifest) => layers(manifest).ok_or_else(|| Error::Step {
            step: "sign".to_owned(),
            detail: format!("the tag sha256-{}.sig names no signatures", digest.hex()),
        })?,
        None => Vec::new(),
    };
    let payload = payload(repository, digest).into_bytes();
    all.push(Layer {
        media_type: PAYLOAD.to_owned(),
        digest: Digest::of(&payload),
        size: payload.len() as u64,
        annotations: [(SIGNATURE.to_owned(), key.sign(&payload)?)].into(),
    });
    let ids: Vec<&Digest> = all.iter().map(|layer| &layer.digest).collect();
    let config = json!({
        "architecture": "",
        "config": {},
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": ids},
    })
    .to_string()
    .into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG,
            "size": config.len(),
            "digest": Digest::of(&config),
        },
        "layers": all,
    });
    Ok(Signed {
        manifest: manifest.to_string().into_bytes(),
        blobs: vec![config, payload],
    })
}

/// Whether one of the signatures in a manifest is of this key, for this digest
/// under this name. `blob` fetches a payload.
///
/// # Errors
/// Whatever keeps a payload from being read.
pub fn verify<E>(
    key: &PublicKey,
    repository: &Repository,
    digest: &Digest,
    manifest: &[u8],
    mut blob: impl FnMut(&Digest) -> Result<Option<Vec<u8>>, E>,
) -> Result<bool, E> {
    for layer in layers(manifest).unwrap_or_default() {
        let Some(signature) = layer.annotations.get(SIGNATURE) else {
            continue;
        };
        if layer.media_type != PAYLOAD {
            continue;
        }
        let Some(payload) = blob(&layer.digest)? else {
            continue;
        };
        if key.accepts(&payload, signature) && says(&payload, repository, digest) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The payload is about this image. As strict as containers/image: the type,
/// the digest, and `matchRepository` for the name.
fn says(payload: &[u8], repository: &Repository, digest: &Digest) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(payload) else {
        return false;
    };
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    let name = text("/critical/identity/docker-reference").map(without_tag);
    text("/critical/type") == Some("cosign container image signature")
        && text("/critical/image/docker-manifest-digest") == Some(digest.as_str())
        && name == Some(repository.to_string().as_str())
}

/// `host:port/path` of `host:port/path:tag` and `host:port/path@digest`.
fn without_tag(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((front, tag)) if !tag.contains('/') => front,
        _ => name,
    }
}

fn to_pem(label: &str, bytes: &[u8]) -> String {
    let body = BASE64.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// The first block of a PEM text.
pub(crate) fn from_pem(text: &str) -> Option<(String, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    Some((label.to_owned(), BASE64.decode(body).ok()?))
}

#[cfg(test)]
#[path = "signing/tests.rs"]
mod tests;

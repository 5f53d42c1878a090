//! Simple signing, with which Fedora signs the images of CoreOS: a statement
//! about an image as JSON, signed with OpenPGP, on a web server beside the
//! registry (a "lookaside"). Pure; `gpgv` does the arithmetic.
//!
//! What Fedora publishes, and since when: each release is signed with the key of
//! its Fedora since September 2025, for each architecture's digest and for the
//! index, once for each tag that it was pushed as.
//! Sources: <https://github.com/coreos/fedora-coreos-pipeline/pull/1211>,
//! <https://github.com/coreos/coreos-assembler/pull/4301> (`src/cmd-sign`, which
//! makes them, as cleartext messages), and `overlay.d/17fcos-container-signing`
//! of <https://github.com/coreos/fedora-coreos-config>, the policy with which
//! CoreOS itself takes its updates. The form: containers-signature(5); where a
//! signature lies: containers-registries.d(5).
//!
//! There is no cosign signature of these images, and the release index itself,
//! which names the digests, is not signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image_config::{Fingerprint, Url};
use registry_compat::{Digest, ImageRef, Repository};
use serde::Deserialize;

/// How many signatures of one image are looked at. Source: `maxLookasideSignatures`
/// in `docker/docker_image_src.go` of containers/image.
pub const MOST: u32 = 128;

/// Where the nth signature of an image is, from 1.
pub fn place(lookaside: &Url, repository: &Repository, digest: &Digest, number: u32) -> String {
    let (path, hex) = (repository.path(), digest.hex());
    format!("{lookaside}/{path}@sha256={hex}/signature-{number}")
}

/// The OpenPGP message in a file: newer ones say in front what kind they are.
/// Source: `internal/signature/signature.go` of containers/image.
///
/// # Errors
/// If it is of another kind.
pub fn message(file: &[u8]) -> Result<&[u8], String> {
    if file.first() != Some(&0) {
        return Ok(file);
    }
    file.strip_prefix(b"\0simple-signing\n")
        .ok_or_else(|| "it is no simple signature".to_owned())
}

/// Public keys as `gpgv` reads them: without the armour of text files.
///
/// # Errors
/// If it is neither.
pub fn keyring(file: &[u8]) -> Result<Vec<u8>, String> {
    const HEAD: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const FOOT: &str = "-----END PGP PUBLIC KEY BLOCK-----";
    // Every packet of OpenPGP begins with this bit. Source: RFC 9580, 4.2.
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(file.to_vec());
    }
    let text = String::from_utf8_lossy(file);
    let mut keys = Vec::new();
    for block in text.split(HEAD).skip(1) {
        let (block, _) = block.split_once(FOOT).ok_or("a key in it is cut off")?;
        // Headers end at an empty line; the sum at the end begins with `=`.
        let lines = block.lines().skip(1).map(str::trim);
        let body: String = lines
            .skip_while(|line| line.contains(':'))
            .take_while(|line| !line.starts_with('='))
            .collect();
        let bytes = BASE64.decode(body);
        keys.extend(bytes.map_err(|error| format!("a key in it is damaged: {error}"))?);
    }
    if keys.is_empty() {
        return Err("there are no OpenPGP keys in it".to_owned());
    }
    Ok(keys)
}

/// Who signed, as `gpgv --status-fd` tells: exactly one good signature, of a
/// strong hash, by one of these keys. Source: `doc/DETAILS` of GnuPG.
///
/// # Errors
/// Why it is not so.
pub fn signer(status: &str, keys: &[Fingerprint]) -> Result<Fingerprint, String> {
    let lines = || status.lines().filter_map(|l| l.strip_prefix("[GNUPG:] "));
    let all = |word: &str| {
        let named = |line: &str| line.split(' ').next() == Some(word);
        lines().filter(|line| named(line)).collect::<Vec<_>>()
    };
    for (word, what) in [
        ("BADSIG", "it is not of this text"),
        ("EXPSIG", "it has expired"),
        ("EXPKEYSIG", "its key has expired"),
        ("REVKEYSIG", "its key was revoked"),
    ] {
        if !all(word).is_empty() {
            return Err(what.to_owned());
        }
    }
    if let Some(missing) = all("NO_PUBKEY").first() {
        let id = missing.split(' ').nth(1).unwrap_or_default();
        return Err(format!("its key {id} is not in the keyring"));
    }
    let valid = all("VALIDSIG");
    let ([valid], 1, 1) = (&valid[..], all("NEWSIG").len(), all("GOODSIG").len()) else {
        return Err("it holds not exactly one good signature".to_owned());
    };
    // Fingerprint, day, time, expiry, version, reserved, algorithm, hash, class,
    // fingerprint of the primary key.
    let fields: Vec<&str> = valid.split(' ').skip(1).collect();
    let (Some(hash), Some(primary)) = (fields.get(7), fields.get(9)) else {
        return Err("gpgv does not say who signed".to_owned());
    };
    // SHA-256, SHA-384, SHA-512. Source: RFC 9580, 9.5.
    if !["8", "9", "10"].contains(hash) {
        return Err(format!("its hash (number {hash} of OpenPGP) is a weak one"));
    }
    let primary: Fingerprint = primary.parse().map_err(|_| "no fingerprint".to_owned())?;
    if keys.contains(&primary) {
        return Ok(primary);
    }
    Err(format!(
        "it is of the key {primary}, which `base.signature.keys` does not name"
    ))
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

/// Whatever is critical and not understood makes it invalid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    docker_reference: ImageRef,
}

/// Whether the signed text speaks of this image. The tag that it was signed as
/// is returned: it is said, and no condition, since a digest is what is built on.
///
/// # Errors
/// What it says instead.
pub fn speaks_of(text: &[u8], image: &ImageRef) -> Result<ImageRef, String> {
    let payload: Payload =
        serde_json::from_slice(text).map_err(|error| format!("not the text of one: {error}"))?;
    let Critical {
        kind,
        image: signed,
        identity,
    } = payload.critical;
    if kind != "atomic container signature" {
        return Err(format!("it is a `{}`", host::one_line(&kind)));
    }
    if Some(&signed.docker_manifest_digest) != image.digest() {
        return Err(format!("it is of {}", signed.docker_manifest_digest));
    }
    let name = identity.docker_reference;
    if name.repository() != image.repository() {
        return Err(format!("it is of {name}"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6";
    const OTHER: &str = "C6E7F081CF80E13146676E88829B606631645531";

    fn keys() -> Vec<Fingerprint> {
        vec![KEY.parse().unwrap()]
    }

    fn good(key: &str, hash: u32) -> String {
        format!(
            "[GNUPG:] NEWSIG\n[GNUPG:] KEY_CONSIDERED {key} 0\n[GNUPG:] SIG_ID x 2026-07-20 1\n\
             [GNUPG:] GOODSIG DBFCF71C6D9F90A6 Fedora (44)\n\
             [GNUPG:] VALIDSIG {key} 2026-07-20 1784500000 0 4 0 1 {hash} 01 {key}\n"
        )
    }

    #[test]
    fn one_good_signature_of_a_named_key() {
        let said = |status: &str| signer(status, &keys()).map(|key| key.to_string());
        assert_eq!(said(&good(KEY, 8)).unwrap(), KEY);
        for (status, why) in [
            (String::new(), "not exactly one"),
            (good(OTHER, 8), "does not name"),
            (good(KEY, 2), "weak"),
            (good(KEY, 8) + &good(KEY, 8), "not exactly one"),
            (good(KEY, 8) + "[GNUPG:] NEWSIG\n", "not exactly one"),
            (good(KEY, 8) + "[GNUPG:] BADSIG X Y\n", "not of this text"),
            (
                good(KEY, 8).replace("GOODSIG", "EXPKEYSIG"),
                "its key has expired",
            ),
            (good(KEY, 8).replace("GOODSIG", "REVKEYSIG"), "revoked"),
            (
                "[GNUPG:] NEWSIG\n[GNUPG:] NO_PUBKEY AB12\n".to_owned(),
                "AB12 is not in",
            ),
            // A name of a key that looks like a status.
            (
                format!("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG X VALIDSIG {KEY}\n"),
                "not exactly one",
            ),
        ] {
            let error = said(&status).unwrap_err();
            assert!(error.contains(why), "{status}: {error}");
        }
    }

    #[test]
    fn it_must_speak_of_this_image() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image: ImageRef = format!("quay.io/fedora/fedora-coreos@{digest}")
            .parse()
            .unwrap();
        let text = |name: &str, digest: &str, kind: &str, more: &str| {
            format!(
                "{{\"critical\": {{\"identity\": {{\"docker-reference\": \"{name}\"}}, \
                 \"image\": {{\"docker-manifest-digest\": \"{digest}\"}}, \"type\": \"{kind}\"{more}}}, \
                 \"optional\": {{\"creator\": \"coreos-assembler\", \"timestamp\": 1}}}}\n"
            )
        };
        let kind = "atomic container signature";
        let name = "quay.io/fedora/fedora-coreos:stable";
        let said = |text: String| speaks_of(text.as_bytes(), &image).map(|name| name.to_string());
        assert_eq!(said(text(name, &digest, kind, "")).unwrap(), name);
        let other = format!("sha256:{}", "b".repeat(64));
        for (text, why) in [
            (text(name, &other, kind, ""), "it is of sha256:bbb"),
            (
                text("quay.io/fedora/fedora-bootc:44", &digest, kind, ""),
                "bootc",
            ),
            (
                text("evil.io/fedora/fedora-coreos:stable", &digest, kind, ""),
                "evil",
            ),
            (
                text(name, &digest, "cosign container image signature", ""),
                "cosign",
            ),
            (
                text(name, &digest, kind, ", \"until\": 5"),
                "unknown field `until`",
            ),
            ("{}".to_owned(), "missing field"),
        ] {
            let error = said(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn where_it_lies() {
        let repository = "quay.io/fedora/fedora-coreos".parse().unwrap();
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let at = place(&"https://a.b/oci".parse().unwrap(), &repository, &digest, 2);
        let hex = "a".repeat(64);
        assert_eq!(
            at,
            format!("https://a.b/oci/fedora/fedora-coreos@sha256={hex}/signature-2")
        );
        assert_eq!(message(b"\0simple-signing\nx").unwrap(), b"x");
        assert_eq!(message(b"-----BEGIN").unwrap(), b"-----BEGIN");
        assert!(message(b"\0sigstore-json\n{}").is_err());
    }

    #[test]
    fn keys_with_and_without_armour() {
        assert_eq!(keyring(&[0x99, 1]).unwrap(), [0x99, 1]);
        let armour = |body: &str| {
            format!(
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: 1\n\n{body}\n=abcd\n\
                 -----END PGP PUBLIC KEY BLOCK-----\n"
            )
        };
        let two = armour("mQE=") + &armour("mQI=");
        assert_eq!(keyring(two.as_bytes()).unwrap(), [0x99, 1, 0x99, 2]);
        for bad in ["", "<html>", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQE="] {
            assert!(keyring(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(keyring(armour("m*").as_bytes()).is_err());
    }
}

//! A private key under a password, as cosign keeps it: scrypt, then NaCl's
//! secretbox (XSalsa20 and Poly1305), as JSON.
//!
//! Sources: go-securesystemslib `encrypted/encrypted.go`; "Cryptography in
//! NaCl", section 10, for the box; RFC 7914 for scrypt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use host::Secret;
use poly1305::universal_hash::KeyInit as _;
use poly1305::{Key, Poly1305};
use ring::rand::{SecureRandom as _, SystemRandom};
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use scrypt::Params;
use serde::{Deserialize, Serialize};

use super::unusable::unusable;
use crate::error::Error;

/// The oldest parameters of the format, which every reader accepts; newer ones
/// (2^16, 2^17) are unknown to podman 4.
const LOG_N: u8 = 15;
const R: u32 = 8;
const P: u32 = 1;
/// Beyond this a file asks for gigabytes before it is known to be genuine.
const MOST_N: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Document {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: KdfParams,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct KdfParams {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

fn derive(password: &Secret, salt: &[u8], log_n: u8, r: u32, p: u32) -> Result<[u8; 32], Error> {
    let params =
        Params::new(log_n, r, p).map_err(|_| unusable("its scrypt parameters are impossible"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password.expose().as_bytes(), salt, &params, &mut key)
        .map_err(|_| unusable("its scrypt parameters are impossible"))?;
    Ok(key)
}

/// Seals some bytes.
pub(super) fn seal(
    plain: &[u8],
    password: &Secret,
    random: &SystemRandom,
) -> Result<Vec<u8>, Error> {
    let fill = |bytes: &mut [u8]| {
        random
            .fill(bytes)
            .map_err(|_| unusable("the system gives no random numbers"))
    };
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    fill(&mut salt)?;
    fill(&mut nonce)?;
    let key = derive(password, &salt, LOG_N, R, P)?;
    let document = Document {
        kdf: Kdf {
            name: "scrypt".to_owned(),
            params: KdfParams {
                n: 1 << LOG_N,
                r: R,
                p: P,
            },
            salt: BASE64.encode(salt),
        },
        cipher: Cipher {
            name: "nacl/secretbox".to_owned(),
            nonce: BASE64.encode(nonce),
        },
        ciphertext: BASE64.encode(close_box(&key, &nonce, plain)),
    };
    serde_json::to_vec(&document).map_err(|error| unusable(error.to_string()))
}

/// Opens what [`seal`] or cosign made.
pub(super) fn open(sealed: &[u8], password: &Secret) -> Result<Vec<u8>, Error> {
    let document: Document = serde_json::from_slice(sealed)
        .map_err(|error| unusable(format!("it is not cosign's JSON: {error}")))?;
    let Document { kdf, cipher, .. } = &document;
    if kdf.name != "scrypt" || cipher.name != "nacl/secretbox" {
        return Err(unusable(format!(
            "it is sealed with `{}` and `{}`, which this program does not know",
            host::one_line(&kdf.name),
            host::one_line(&cipher.name)
        )));
    }
    let KdfParams { n, r, p } = kdf.params;
    if !n.is_power_of_two() || n > MOST_N || r > 32 || p > 16 {
        return Err(unusable("its scrypt parameters are beyond reason"));
    }
    let bytes = |text: &str| {
        BASE64
            .decode(text)
            .map_err(|_| unusable("a field of it is not base64"))
    };
    let nonce: [u8; 24] = bytes(&cipher.nonce)?
        .try_into()
        .map_err(|_| unusable("its nonce is not 24 bytes"))?;
    let log_n = u8::try_from(n.trailing_zeros()).unwrap_or_default();
    let key = derive(password, &bytes(&kdf.salt)?, log_n, r, p)?;
    open_box(&key, &nonce, &bytes(&document.ciphertext)?)
        .ok_or_else(|| unusable("the password is wrong, or the file is damaged"))
}

/// The key stream after its first 32 bytes, which are Poly1305's key.
fn stream(key: &[u8; 32], nonce: &[u8; 24]) -> (Poly1305, XSalsa20) {
    let mut cipher = XSalsa20::new(&(*key).into(), &(*nonce).into());
    let mut first = [0; 32];
    cipher.apply_keystream(&mut first);
    (Poly1305::new(&Key::from(first)), cipher)
}

/// NaCl's `crypto_secretbox`: the authenticator, then the ciphertext.
fn close_box(key: &[u8; 32], nonce: &[u8; 24], plain: &[u8]) -> Vec<u8> {
    let (mac, mut cipher) = stream(key, nonce);
    let mut text = plain.to_vec();
    cipher.apply_keystream(&mut text);
    let mut all = mac.compute_unpadded(&text).to_vec();
    all.extend(text);
    all
}

fn open_box(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Vec<u8>> {
    let (tag, text) = sealed.split_at_checked(16)?;
    let (mac, mut cipher) = stream(key, nonce);
    let expected = mac.compute_unpadded(text);
    // In constant time, though an attacker who holds the file needs no clock.
    let differs = expected
        .iter()
        .zip(tag)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    if differs != 0 {
        return None;
    }
    let mut plain = text.to_vec();
    cipher.apply_keystream(&mut plain);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: NaCl `tests/secretbox.c` and `secretbox.out`: key, nonce, the
    /// message's first bytes and the box's.
    #[test]
    fn the_box_is_that_of_nacl() {
        let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let message = hex(concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc",
            "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31",
            "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde",
            "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864",
            "5e0705"
        ));
        let boxed = hex(concat!(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce",
            "48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972",
            "71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae",
            "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b3",
            "7973f622a43d14a6599b1f654cb45a74e355a5"
        ));
        let (key, nonce) = (key.try_into().unwrap(), nonce.try_into().unwrap());
        assert_eq!(close_box(&key, &nonce, &message), boxed);
        assert_eq!(open_box(&key, &nonce, &boxed).unwrap(), message);
        for bit in [0, 16, boxed.len() - 1] {
            let mut other = boxed.clone();
            other[bit] ^= 1;
            assert_eq!(open_box(&key, &nonce, &other), None);
        }
        assert_eq!(open_box(&key, &nonce, b"short"), None);
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }
}

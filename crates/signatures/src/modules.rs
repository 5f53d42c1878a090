//! Who signs kernel modules, which Secure Boot demands: a certificate and its key. Pure.
//!
//! The kernel's own program signs a module (`scripts/sign-file`), and `openssl` checks
//! it in a container. Source: `Documentation/admin-guide/module-signing.rst`.

use host::Secret;
use registry_compat::Digest;
use ring::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

use crate::error::Error;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

fn wrong(detail: impl Into<String>) -> Error {
    Error::Step {
        step: "module key".to_owned(),
        detail: detail.into(),
    }
}

/// Who signs modules: an X.509 certificate, which a machine's owner enrols with
/// `mokutil --import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    name: String,
    serial: Vec<u8>,
    algorithm: ObjectIdentifier,
    public: Vec<u8>,
}

impl Certificate {
    /// Reads the DER form.
    ///
    /// # Errors
    /// If it is none, or has no common name.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        let read = x509_cert::Certificate::from_der(der)
            .map_err(|error| wrong(format!("no X.509 certificate in DER: {error}")))?;
        let of = &read.tbs_certificate;
        Ok(Self {
            der: der.to_vec(),
            name: common_name(&of.subject).ok_or_else(|| wrong("a certificate without a name"))?,
            serial: of.serial_number.as_bytes().to_vec(),
            algorithm: of.subject_public_key_info.algorithm.oid,
            public: of
                .subject_public_key_info
                .subject_public_key
                .raw_bytes()
                .to_vec(),
        })
    }

    /// As `modinfo` has it under `signer`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The serial number, as `modinfo` has it under `sig_key`: in lower case and
    /// without colons.
    pub fn id(&self) -> String {
        hex(&self.serial)
    }

    /// Of the whole certificate.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// The DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The private key must be the one that the certificate is for.
    ///
    /// # Errors
    /// If it is another, or none: with nothing of the key.
    pub fn belongs_to(&self, key: &Secret) -> Result<(), Error> {
        let (label, der) = crate::signing::from_pem(key.expose())
            .ok_or_else(|| wrong("the private key is not PEM"))?;
        if label != "PRIVATE KEY" {
            return Err(wrong(format!(
                "`{}` is not PKCS#8 without a password (`PRIVATE KEY`)",
                host::one_line(&label)
            )));
        }
        let none = |error| wrong(format!("the private key cannot be used: {error}"));
        let public = if self.algorithm == RSA {
            let pair = RsaKeyPair::from_pkcs8(&der).map_err(none)?;
            pair.public_key().as_ref().to_vec()
        } else {
            let random = ring::rand::SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &der, &random);
            pair.map_err(none)?.public_key().as_ref().to_vec()
        };
        if public == self.public {
            return Ok(());
        }
        Err(wrong(format!(
            "the private key is not the one of the certificate `{}` ({}); give the key that was \
             made with it, or make both again with `cargo xtask keys new --modules --replace`",
            self.name,
            self.id()
        )))
    }
}

fn common_name(name: &Name) -> Option<String> {
    let parts = name.0.iter().flat_map(|set| set.0.iter());
    let common = parts.rev().find(|part| part.oid == COMMON_NAME)?;
    let text = match common.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => common.value.value(),
        _ => return common.value.to_der().ok().map(|der| hex(&der)),
    };
    Some(String::from_utf8_lossy(text).into_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by `openssl req -x509`, as `keys new --modules` does, with small keys.
    const DER: &[u8] = include_bytes!("modules/certificate.der");
    const KEY: &str = include_str!("modules/key.pem");
    const OTHER: &str = include_str!("modules/other.pem");

    #[test]
    fn a_certificate_has_a_name_and_one_key() {
        let certificate = Certificate::parse(DER).unwrap();
        assert_eq!(certificate.name(), "Modules of a test");
        assert!(certificate.id().len() > 8);
        certificate.belongs_to(&Secret::new(KEY)).unwrap();
        let error = certificate.belongs_to(&Secret::new(OTHER)).unwrap_err();
        assert!(
            error.to_string().contains("not the one of the certificate"),
            "{error}"
        );
        for bad in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(certificate.belongs_to(&Secret::new(bad)).is_err(), "{bad}");
        }
        let sealed = KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let error = certificate.belongs_to(&Secret::new(sealed)).unwrap_err();
        assert!(
            error.to_string().contains("PKCS#8 without a password"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_certificate() {
        assert!(Certificate::parse(b"").is_err());
        assert!(Certificate::parse(&DER[..DER.len() - 1]).is_err());
        assert!(Certificate::parse(KEY.as_bytes()).is_err());
    }
}

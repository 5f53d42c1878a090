//! `base.signature` in `image.yaml`: who signs the base image, and where the signatures
//! are.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Error;

use crate::{Name, Unique, Url};

/// Signatures of the container tools' older kind: OpenPGP, on a web server
/// beside the registry. Fedora signs its CoreOS images so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BaseSignature {
    /// Where the signatures are; what `registries.d` calls `lookaside`.
    #[serde(default = "lookaside")]
    pub lookaside: Url,
    /// Where the public keys are. A key in this file is trusted only if its fingerprint
    /// is one of the trusted ones.
    #[serde(default)]
    pub keyring: Keyring,
    /// The keys that are trusted, by their whole fingerprint.
    pub keys: Unique<Fingerprint>,
}

/// Source: `overlay.d/17fcos-container-signing/etc/containers/registries.d/
/// fedora-coreos.yaml` of <https://github.com/coreos/fedora-coreos-config>.
fn lookaside() -> Url {
    crate::defaults::parsed("https://builds.coreos.fedoraproject.org/prod/signatures/oci")
}

/// Who signs OpenZFS's releases: Ned Bass, Tony Hutter, Brian Behlendorf. Source:
/// <https://openzfs.github.io/openzfs-docs/Project%20and%20Community/Signing%20Keys.html>.
pub(crate) fn openzfs_keys() -> Unique<Fingerprint> {
    let mut keys = Unique::default();
    for key in [
        "29D5610EAE2941E355A2FE8AB97467AAC77B9667",
        "4F3BA9AB6D1F8D683DC2DFB56AD860EED4598027",
        "C33DF142657ED1F7C328A2960AB9E991C6AF658B",
    ] {
        keys.push(crate::defaults::parsed(key));
    }
    keys
}

/// A file of public keys: of the web, or of the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyring {
    /// Fetched each time it is needed.
    Url(Url),
    /// A file of the checkout.
    File(Name),
}

impl Default for Keyring {
    /// Source: <https://fedoraproject.org/security/>.
    fn default() -> Self {
        Self::Url(crate::defaults::parsed(
            "https://fedoraproject.org/fedora.gpg",
        ))
    }
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.fmt(f),
        }
    }
}

impl FromStr for Keyring {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains("://") {
            text.parse().map(Self::Url)
        } else {
            text.parse().map(Self::File)
        }
    }
}

version_discovery::serde_as_text!(Keyring);

/// The fingerprint of an OpenPGP key, in capitals. A short key id is not accepted,
/// because keys with a chosen short id can be generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // 40 digits in version 4 of OpenPGP, 64 in version 6. The groups of four
        // in which Fedora shows them are good too.
        let digits = text.replace(' ', "").to_ascii_uppercase();
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex && matches!(digits.len(), 40 | 64) {
            Ok(Self(digits))
        } else {
            Err(Error::malformed(
                "a fingerprint",
                text,
                "all 40 hexadecimal digits of an OpenPGP key's fingerprint",
            ))
        }
    }
}

version_discovery::serde_as_text!(Fingerprint);

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn a_key_is_named_whole() {
        let whole = "36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6";
        let same = |text: &str| text.parse::<Fingerprint>().unwrap().to_string();
        assert_eq!(same(whole), whole);
        assert_eq!(same(&whole.to_ascii_lowercase()), whole);
        assert_eq!(
            same("36F6 12DC F27F 7D1A 48A8 35E4 DBFC F71C 6D9F 90A6"),
            whole
        );
        for bad in ["", "DBFCF71C6D9F90A6", "6D9F90A6", &whole.replace('3', "x")] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_come_from_the_web_or_the_checkout() {
        let keyring = |text: &str| text.parse::<Keyring>();
        assert!(matches!(keyring("https://a.b/c"), Ok(Keyring::Url(_))));
        assert!(matches!(keyring("keys/fedora.gpg"), Ok(Keyring::File(_))));
        for bad in ["", "/etc/keys", "../keys", "ftp://a.b/c", "file:///c"] {
            assert!(keyring(bad).is_err(), "{bad}");
        }
    }
}

//! The name of a version: as a rule the digest of its manifest.

use std::fmt;

use registry_compat::Digest;

/// The `name` of a container package version in GitHub's terms, the digest of a
/// manifest in those of OCI.
///
/// Nearly always a [`Digest`], and made of one. It is a type of its own for two
/// reasons. A registry may name a version by something else (`sha512:…` is
/// registered in the OCI image specification, "Registered algorithms"), and
/// such a version still gets a fate, so no name is an error. And a plan of a
/// hundred thousand images holds millions of names: 32 bytes in place are a
/// quarter of the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Form);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Sha256([u8; 32]),
    Other(Box<str>),
}

impl Name {
    /// The digest, if the name is one that [`Digest`] has.
    pub fn digest(&self) -> Option<Digest> {
        match &self.0 {
            Form::Sha256(_) => self.to_string().parse().ok(),
            Form::Other(_) => None,
        }
    }

    /// For people: the first twelve hexadecimal digits, or the whole of another
    /// name.
    pub fn short(&self) -> String {
        match &self.0 {
            Form::Sha256(bytes) => hex(&bytes[..6]),
            Form::Other(_) => self.to_string(),
        }
    }

    /// The digest that a tag `sha256-<64 hexadecimal digits>` speaks of, from
    /// the part after the dash. `None` for anything but lower case and 64 long.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(Form::Sha256(bytes)))
    }

    /// The first eight bytes, in the order of names: what a sort and a search
    /// compare first, without leaving their own array.
    pub(crate) fn prefix(&self) -> u64 {
        match &self.0 {
            Form::Sha256([a, b, c, d, e, f, g, h, ..]) => {
                u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            Form::Other(_) => u64::MAX,
        }
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<&str> for Name {
    /// Every text is a name.
    fn from(text: &str) -> Self {
        text.strip_prefix("sha256:")
            .and_then(Self::from_hex)
            .unwrap_or_else(|| Self(Form::Other(text.into())))
    }
}

impl From<&Digest> for Name {
    fn from(digest: &Digest) -> Self {
        digest.as_str().into()
    }
}

/// Safe to print: a name that is no digest is text from outside, and its
/// control characters are escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Sha256(bytes) => write!(f, "sha256:{}", hex(bytes)),
            Form::Other(text) => text.escape_debug().fmt(f),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Sha256(_) => serializer.collect_str(self),
            Form::Other(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Ok(text.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    #[test]
    fn digests_go_in_and_come_out() {
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let name = Name::from(&digest);
        assert_eq!(name.digest(), Some(digest));
        assert_eq!(name.to_string(), format!("sha256:{HEX}"));
        assert_eq!(name.short(), &HEX[..12]);
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
    }

    #[test]
    fn every_other_text_is_a_name_too_and_prints_safely() {
        for text in ["", "0.3.0", "sha512:00", "sha256:4605", "a\n::error::b"] {
            let name = Name::from(text);
            assert_eq!(name.digest(), None, "{text:?}");
            assert!(!name.to_string().contains('\n'));
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
        }
        assert_ne!(
            Name::from(format!("sha256:{}", HEX.to_uppercase()).as_str()),
            Name::from(format!("sha256:{HEX}").as_str())
        );
    }

    #[test]
    fn the_prefix_has_the_order_of_names() {
        let mut names: Vec<Name> = ["00", "7f", "80", "ff"]
            .iter()
            .map(|byte| Name::from(format!("sha256:{}", byte.repeat(32)).as_str()))
            .collect();
        names.push("other".into());
        assert!(names.is_sorted() && names.is_sorted_by_key(Name::prefix));
    }
}

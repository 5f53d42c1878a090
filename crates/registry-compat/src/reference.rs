//! Image references in the terms of the OCI distribution specification.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::Error;

/// A content digest, `sha256:` and 64 lower-case hexadecimal digits.
/// Source: OCI image specification, "Descriptors". `sha512` is registered there
/// too, but no registry of this field serves manifests by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_hashed(Sha256::new_with_prefix(bytes))
    }

    /// The digest of what was hashed piece by piece.
    pub fn of_hashed(hash: Sha256) -> Self {
        let mut text = "sha256:".to_owned();
        for byte in hash.finalize() {
            text.push_str(&format!("{byte:02x}"));
        }
        Self(text)
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == 64 && hex.bytes().all(lower_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed(
                "a digest",
                text,
                "`sha256:` and 64 hexadecimal digits",
            ))
        }
    }
}

version_discovery::serde_as_text!(Digest);

/// A tag: up to 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`.
/// Source: OCI distribution specification, "Pulling manifests".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let more = |b: u8| word(b) || b == b'.' || b == b'-';
        let good =
            text.len() <= 128 && text.bytes().next().is_some_and(word) && text.bytes().all(more);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed(
                "a tag",
                text,
                "up to 128 letters, digits, `_`, `.` and `-`",
            ))
        }
    }
}

version_discovery::serde_as_text!(Tag);

/// A repository: registry host (with port) and path, `quay.io/fedora/fedora-coreos`.
/// The host is always written out: no short names, no implied `docker.io`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// Host and port: `quay.io`, `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the host: `fedora/fedora-coreos`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first component of the path, which is the owner on ghcr.io and
    /// quay.io.
    pub fn owner(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// A reference by tag.
    pub fn tagged(&self, tag: Tag) -> ImageRef {
        ImageRef {
            repository: self.clone(),
            tag: Some(tag),
            digest: None,
        }
    }

    /// A reference by digest alone.
    pub fn at(&self, digest: Digest) -> ImageRef {
        ImageRef {
            repository: self.clone(),
            tag: None,
            digest: Some(digest),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl FromStr for Repository {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            // Of `host:port/name:tag` the last part.
            let name = text.rsplit('/').next().unwrap_or(text);
            let form = match text.contains('/') && name.contains([':', '@']) {
                true => "HOST/PATH without a tag and without a digest",
                false => "HOST/PATH in lower case, such as `ghcr.io/owner/name`",
            };
            Error::malformed("an image repository", text, form)
        };
        let (registry, path) = text.split_once('/').ok_or_else(wrong)?;
        if text.len() <= 255 && host(registry) && path.split('/').all(component) {
            Ok(Self {
                registry: registry.to_owned(),
                path: path.to_owned(),
            })
        } else {
            Err(wrong())
        }
    }
}

version_discovery::serde_as_text!(Repository);

/// A host is told from a path component by a dot, a port or being `localhost`
/// (the rule of `docker` and `podman`).
fn host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let port_good = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|n| n > 0));
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let bracketed = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .is_some_and(|n| n.parse::<std::net::Ipv6Addr>().is_ok());
    let named = name.split('.').all(label);
    let is_host = name.contains('.') || port.is_some() || name == "localhost" || bracketed;
    port_good && is_host && (named || bracketed)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, as the distribution specification has it.
fn component(text: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<u8>| b.is_some_and(alnum);
    let separators_good = text
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|s| s.is_empty() || s == "." || s == "_" || s == "__" || s.bytes().all(|b| b == b'-'));
    ends(text.bytes().next()) && ends(text.bytes().last()) && separators_good
}

/// A full image reference: repository, and a tag or a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// Host and path.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, if one is written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one is written. It wins over the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The part that a registry is asked for: the digest, else the tag.
    pub fn reference(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag.as_str(),
            (None, None) => "latest",
        }
    }

    /// The same image in another place, as `registries.conf` rewrites it.
    pub fn moved_to(&self, repository: Repository) -> Self {
        Self {
            repository,
            ..self.clone()
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageRef {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; before it, a port.
        let slash = rest.rfind('/').unwrap_or(0);
        let (name, tag) = match rest[slash..].find(':') {
            Some(at) => (&rest[..slash + at], Some(rest[slash + at + 1..].parse()?)),
            None => (rest, None),
        };
        let repository = name.parse().map_err(|error| match text.contains('/') {
            true => error,
            false => Error::malformed(
                "an image",
                text,
                "it with its registry, such as `ghcr.io/owner/name:stable`",
            ),
        })?;
        Ok(Self {
            repository,
            tag,
            digest,
        })
    }
}

version_discovery::serde_as_text!(ImageRef);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    #[test]
    fn references_round_trip() {
        for text in [
            "quay.io/fedora/fedora-coreos".to_owned(),
            "quay.io/fedora/fedora-coreos:stable".to_owned(),
            "127.0.0.1:5000/a/b-c__d.e:v1".to_owned(),
            "localhost/custom-coreos:stable".to_owned(),
            "[::1]:5000/x:y".to_owned(),
            format!("quay.io/fedora/fedora-coreos:stable@sha256:{HEX}"),
            format!("ghcr.io/o/n@sha256:{HEX}"),
        ] {
            assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn digests_are_sha256() {
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    }

    #[test]
    fn what_is_no_reference() {
        for bad in [
            "",
            "name",
            "owner/name",
            "ghcr.io/Owner/name",
            "ghcr.io/o//n",
            "ghcr.io/o/n:",
            "ghcr.io/o/n:a b",
            "ghcr.io/o/n:a\nb",
            "ghcr.io/o/n@sha256:abc",
            "ghcr.io/o/n:tag/evil",
            "ghcr.io:0/o/n",
            "https://ghcr.io/o/n",
            "ghcr.io/-o/n",
            "ghcr.io/o___x/n",
        ] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad:?}");
        }
        let upper = format!("sha256:{}", HEX.to_uppercase());
        assert!(upper.parse::<Digest>().is_err());
    }

    #[test]
    fn the_digest_wins_over_the_tag() {
        let image: ImageRef = format!("ghcr.io/o/n:t@sha256:{HEX}").parse().unwrap();
        assert_eq!(image.reference(), format!("sha256:{HEX}"));
        assert_eq!(image.repository().owner(), "o");
        assert_eq!(image.digest().unwrap().short(), &HEX[..12]);
    }
}

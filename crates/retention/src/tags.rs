//! What tags say: which of them speak of another manifest, and which are
//! protected.

use std::fmt;
use std::str::FromStr;

use registry_compat::Tag;

use crate::{Error, Name};

/// The suffixes that cosign appends to the tag of what it signs. Source: cosign
/// `specs/SIGNATURE_SPEC.md`, "Tag-based discovery", and `pkg/oci/remote`
/// (`SignatureTagSuffix`, `AttestationTagSuffix`, `SBOMTagSuffix`).
const COSIGN: [&str; 3] = [".sig", ".att", ".sbom"];

/// The manifest that an artefact tag speaks of: `sha256-<hex>.sig`, `.att` and
/// `.sbom` of cosign, and `sha256-<hex>`, the referrers fallback index (OCI
/// distribution specification, "Referrers Tag Schema"). `None` for an ordinary
/// tag. `sha256-` with anything but 64 lower-case hexadecimal digits, or with
/// another suffix, is an ordinary tag.
pub fn artefact_of(tag: &Tag) -> Option<Name> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let hex = COSIGN
        .iter()
        .find_map(|suffix| rest.strip_suffix(suffix))
        .unwrap_or(rest);
    Name::from_hex(hex)
}

/// A pattern of tags: `*` is any number of characters, none included, `?` is
/// exactly one, everything else is itself. It matches a whole tag, and case
/// counts, as in the registry.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    matcher: wildmatch::WildMatch,
}

impl Glob {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole tag is of this pattern.
    pub fn matches(&self, tag: &Tag) -> bool {
        self.matcher.matches(tag.as_str())
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Glob {
    type Err = Error;

    /// A pattern that no tag can have is an error and not a pattern that
    /// protects nothing: `stable ` and `v[0-9]` look as if they worked.
    fn from_str(text: &str) -> Result<Self, Error> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"_.-*?".contains(&b);
        if text.is_empty() || text.len() > 128 || !text.bytes().all(good) {
            return Err(Error::malformed(
                "a pattern of tags",
                text,
                "the characters of a tag, `*` and `?`",
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            matcher: wildmatch::WildMatch::new(text),
        })
    }
}

version_discovery::serde_as_text!(Glob);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn artefact_tags_name_their_image() {
        let image = Name::from(format!("sha256:{HEX}").as_str());
        for suffix in ["", ".sig", ".att", ".sbom"] {
            let text = format!("sha256-{HEX}{suffix}");
            assert_eq!(artefact_of(&tag(&text)), Some(image.clone()), "{text}");
        }
    }

    #[test]
    fn all_else_is_an_ordinary_tag() {
        let upper = HEX.to_uppercase();
        for text in [
            "stable".to_owned(),
            "sha256-".to_owned(),
            "sha256-abc.sig".to_owned(),
            format!("sha256-{HEX}0"),
            format!("sha256-{upper}.sig"),
            format!("sha256-{HEX}.sig.sig"),
            format!("sha256-{HEX}.SIG"),
            format!("sha256-{HEX}.other"),
            format!("sha512-{HEX}.sig"),
            format!("x-sha256-{HEX}"),
            HEX.to_owned(),
        ] {
            assert_eq!(artefact_of(&tag(&text)), None, "{text}");
        }
    }

    #[test]
    fn globs_match_whole_tags() {
        for (glob, yes, no) in [
            ("stable", "stable", "stable-1"),
            ("stable", "stable", "Stable"),
            ("v*", "v", "1v"),
            ("v?", "v1", "v"),
            ("v?", "v1", "v12"),
            ("*", "anything", ""),
            ("v1.*", "v1.2", "v12"),
            ("*-*-x", "a-b-c-x", "a-x"),
            ("*ab", "aab", "aba"),
        ] {
            let parsed: Glob = glob.parse().unwrap();
            assert!(parsed.matches(&tag(yes)), "{glob} {yes}");
            if !no.is_empty() {
                assert!(!parsed.matches(&tag(no)), "{glob} {no}");
            }
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        for bad in [
            "", " stable", "stable ", "v[0-9]", "a/b", "!x", "{a,b}", "ä",
        ] {
            assert!(bad.parse::<Glob>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(129).parse::<Glob>().is_err());
    }
}

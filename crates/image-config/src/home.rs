//! `forge` and `attestation` in `image.yaml`: where the repository is, and whether
//! a tag waits for an attestation.

use forge::Forge as Kind;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::{Name, Url};

/// The forge. In the file either its word alone (`forge: none`), or a mapping.
/// Without any it is found out from CI's variables or the remote `origin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Forge {
    /// Which one.
    pub kind: Kind,
    /// The root of its web pages, where that is not the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// `OWNER/NAME`; at GitLab there may be groups in groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Name>,
}

/// The words of [`Kind`], for the schema: that crate has no dependency on it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ForgeKind")]
pub(crate) enum Word {
    Github,
    Gitlab,
    Forgejo,
    None,
}

/// The mapping.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Whole {
    /// Which one.
    #[schemars(with = "Word")]
    kind: Kind,
    /// The root of its web pages, where that is not the usual one.
    #[serde(default)]
    url: Option<Url>,
    /// `OWNER/NAME`; at GitLab there may be groups in groups.
    #[serde(default)]
    repository: Option<Name>,
}

impl<'de> Deserialize<'de> for Forge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Forge;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`github`, `gitlab`, `forgejo` or `none`, or a mapping with `kind`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Forge, E> {
                Ok(Forge {
                    kind: Kind::deserialize(StrDeserializer::new(text))?,
                    url: None,
                    repository: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Forge, A::Error> {
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Forge {
                    kind: whole.kind,
                    url: whole.url,
                    repository: whole.repository,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Whether a tag waits for the attestation that CI makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Attestation {
    /// The forge is asked, where it keeps any, and its answer is told.
    #[default]
    Told,
    /// No tag moves unless the forge has an attestation of the image's digest.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_a_mapping() {
        let read =
            |text: &str| serde_yaml::from_str::<Forge>(text).map_err(|error| error.to_string());
        assert_eq!(read("none").unwrap().kind, Kind::None);
        let text = "{kind: gitlab, url: https://git.example.org, repository: a/b/c}";
        let forge = read(text).unwrap();
        assert_eq!(forge.repository.as_ref().map(Name::as_str), Some("a/b/c"));
        // The output of `config` must be readable as input.
        assert_eq!(
            read(&serde_yaml::to_string(&forge).unwrap()).unwrap(),
            forge
        );
        assert!(read("bitbucket").unwrap_err().contains("gitlab"));
        assert!(read("{kind: none, urls: x}").unwrap_err().contains("urls"));
    }
}

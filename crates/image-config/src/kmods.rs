//! Where kernel modules come from.

use std::fmt;

use registry_compat::{AkmodsFlavor, KmodTag, Repository, Tag, TagForm};
use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::{Folder, Name, Url, defaults};

/// A source of kernel modules.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kmods {
    /// Repository.
    pub image: Repository,
    /// The versions that its tags name.
    #[serde(flatten)]
    pub naming: Naming,
    /// The folder of the RPMs in its images.
    pub path: Folder,
    /// The page to look at when there are no kmods.
    pub project: Url,
    /// Public key of its cosign signatures, a file of the checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
}

/// The versions that the tags of a source name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// Both versions, in this form.
    Tag(TagForm),
    /// The kernel only, as in the tags of ublue's `akmods-zfs`; the ZFS version can
    /// only be read from the image.
    Flavor(AkmodsFlavor),
}

impl Kmods {
    /// The tag of the image for this pair.
    ///
    /// # Errors
    /// If no such tag is possible: the kernel is not one of Fedora's, or its version is
    /// too long.
    pub fn tag(&self, wanted: &KmodTag) -> Result<Tag, Error> {
        match &self.naming {
            Naming::Tag(form) => Ok(form.render(wanted)?),
            Naming::Flavor(flavor) => {
                let kernel = &wanted.kernel;
                let tag = flavor.tag_of(kernel).ok_or_else(|| Error::NoFedora {
                    image: Box::new(self.image.clone()),
                    kernel: kernel.to_string(),
                })?;
                Ok(tag.parse()?)
            }
        }
    }

    /// The flavor, if it is a source of that kind.
    pub fn flavor(&self) -> Option<&AkmodsFlavor> {
        match &self.naming {
            Naming::Flavor(flavor) => Some(flavor),
            Naming::Tag(_) => None,
        }
    }
}

/// A source of kernel modules.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Written {
    /// Repository.
    #[schemars(with = "String")]
    image: Repository,
    /// The form of its tags, with `{zfs}` and `{kernel}`. Not with `flavor`.
    #[schemars(with = "Option<String>")]
    tag: Option<TagForm>,
    /// For ublue's `akmods-zfs`, whose tags name the kernel only. Not with `tag`.
    #[schemars(with = "Option<String>")]
    flavor: Option<AkmodsFlavor>,
    /// The folder of the RPMs in its images.
    path: Option<Folder>,
    /// The page to look at when there are no kmods.
    project: Url,
    /// Public key of its cosign signatures, a file of the checkout.
    key: Option<Name>,
}

impl<'de> Deserialize<'de> for Kmods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Judged inside the visitor: only there does a deserializer still know
        // the line and column to put on the error.
        struct Source;
        impl<'de> Visitor<'de> for Source {
            type Value = Kmods;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source of kernel modules")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Kmods, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                let (naming, path) = match (written.tag, written.flavor) {
                    (Some(_), Some(_)) => {
                        return Err(A::Error::custom(
                            "`tag` and `flavor` exclude one another: tags say both versions, \
                             or the kernel only",
                        ));
                    }
                    (None, Some(flavor)) => (Naming::Flavor(flavor), defaults::akmods()),
                    (Some(form), None) => (Naming::Tag(form), defaults::root()),
                    (None, None) => (Naming::Tag(defaults::tag_form()), defaults::root()),
                };
                Ok(Kmods {
                    image: written.image,
                    naming,
                    path: written.path.unwrap_or(path),
                    project: written.project,
                    key: written.key,
                })
            }
        }
        deserializer.deserialize_map(Source)
    }
}

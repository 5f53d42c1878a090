//! Where kernel modules come from.

use std::fmt;

use registry_compat::{AkmodsFlavor, KmodTag, Repository, Tag, TagForm};
use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::{Folder, Name, Reason, SecretSource, Url, defaults};

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
    /// This project builds what the source lacks, and publishes it there.
    #[serde(flatten)]
    pub own: Option<OwnKmods>,
}

/// How this project builds kernel modules itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OwnKmods {
    /// The folder of the checkout with the Containerfile, its script and the patches.
    pub build: Name,
    /// The image that the modules are compiled in. Its tag is the number of the kernel's
    /// Fedora, and it is taken by digest.
    pub builder: Repository,
    /// Why kernels above the maximum that OpenZFS supports may be tried, if they may
    /// (`--enable-linux-experimental`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Reason>,
    /// The private key that signs the modules for Secure Boot. It is used if its
    /// certificate is in the image (`cargo xtask keys new --modules`).
    pub module_key: SecretSource,
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

    /// Whether this project builds what the source lacks.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
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
    /// The page to look at when there are no kmods; OpenZFS's own for a source with
    /// `build`.
    project: Option<Url>,
    /// Public key of its cosign signatures, a file of the checkout.
    key: Option<Name>,
    /// The folder of the checkout that builds what nobody has built.
    build: Option<Name>,
    /// The repository of the image that they are built in.
    #[schemars(with = "Option<String>")]
    builder: Option<Repository>,
    /// Why kernels beyond those that OpenZFS has tested are built for.
    experimental: Option<Reason>,
    /// Where the key that signs the modules is.
    module_key: Option<SecretSource>,
}

impl Written {
    /// The source's own page; OpenZFS's where we build.
    fn project(&mut self) -> Result<Url, &'static str> {
        match (self.project.take(), &self.build) {
            (Some(project), _) => Ok(project),
            (None, Some(_)) => Ok(defaults::openzfs()),
            (None, None) => Err("missing field `project`"),
        }
    }

    /// How it is built, if it is.
    fn own(&mut self) -> Result<Option<OwnKmods>, &'static str> {
        let builder = self.builder.take();
        let experimental = self.experimental.take();
        let module_key = self.module_key.take();
        let Some(build) = self.build.take() else {
            return match builder.is_none() && experimental.is_none() && module_key.is_none() {
                true => Ok(None),
                false => Err(
                    "`builder`, `experimental` and `module-key` are for a source \
                              with `build`",
                ),
            };
        };
        let elsewhere = self.path.as_ref().is_some_and(|path| !path.is_root());
        if self.flavor.is_some() || elsewhere {
            return Err(
                "what is built here says both versions in its tag, and its RPMs are at \
                        the root: `flavor` and `path` are not for a source with `build`",
            );
        }
        Ok(Some(OwnKmods {
            build,
            builder: builder.unwrap_or_else(defaults::builder),
            experimental,
            module_key: module_key.unwrap_or_else(|| defaults::parsed("env:MODULE_KEY")),
        }))
    }
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
                let mut written = Written::deserialize(MapAccessDeserializer::new(map))?;
                let project = written.project().map_err(A::Error::custom)?;
                let own = written.own().map_err(A::Error::custom)?;
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
                    project,
                    key: written.key,
                    own,
                })
            }
        }
        deserializer.deserialize_map(Source)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Config;
    use crate::config::tests::GOOD;

    const OWN: &str = "  - build: containerfiles/zfs-kmods\n    image: ghcr.io/someone/zfs-kmods\n";

    fn read(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("image.yaml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_source_may_be_built_here() {
        let config = read(&format!("{GOOD}{OWN}")).unwrap();
        let (source, own) = config.own_kmods().unwrap();
        assert_eq!(source.image.to_string(), "ghcr.io/someone/zfs-kmods");
        assert_eq!(own.builder.to_string(), "quay.io/fedora/fedora");
        assert!(own.experimental.is_none() && config.zfs.keys.len() == 3);
        let printed = serde_yaml::to_string(&config).unwrap();
        assert_eq!(read(&printed).unwrap(), config);
        assert!(read(GOOD).unwrap().own_kmods().is_none());
    }

    #[test]
    fn what_is_built_here_comes_last_and_nowhere_else() {
        let first = GOOD.replace("kmods:\n", &format!("kmods:\n{OWN}"));
        let wrong = |text: &str| read(text).unwrap_err();
        assert!(wrong(&first).contains("is the last one"));
        let ours = OWN.replace("zfs-kmods\n", "custom-coreos\n");
        let ours = ours.replace("containerfiles/custom-coreos", "containerfiles/zfs-kmods");
        assert!(wrong(&format!("{GOOD}{ours}")).contains("is where the image is published"));
        let flavor = format!("{GOOD}{OWN}    flavor: coreos-stable\n");
        assert!(wrong(&flavor).contains("not for a source with `build`"));
        let builder = format!("{GOOD}    builder: quay.io/fedora/fedora\n");
        assert!(wrong(&builder).contains("with `build`"));
        let empty = format!("{GOOD}{OWN}    experimental: \"\"\n");
        assert!(wrong(&empty).contains("one line"));
        let nobody = GOOD.replace("series: \"2.4\"", "series: \"2.4\"\n  keys: []");
        assert!(wrong(&format!("{nobody}{OWN}")).contains("zfs.keys"));
        let project = GOOD.replace("    project: https://example.org/kmods\n", "");
        assert!(wrong(&project).contains("project"));
    }
}

//! What kernel modules of our own are made of, and where their failures are kept. Pure.
//!
//! Two builds with the same recipe give the same modules, or fail alike: so a build
//! that failed is looked up by the fingerprint of its recipe, and not tried again.

use registry_compat::{Digest, ImageRef, KmodTag, Tag};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Label with the recipe, as one line of JSON.
pub const RECIPE_LABEL: &str = "custom-coreos.kmods.recipe";
/// Label with who signed the modules: the certificate's serial number, a space, its
/// name. Missing where they are not signed.
pub const SIGNER_LABEL: &str = "custom-coreos.kmods.signer";
/// Label with the Fedora that the packages are of, as fedora-zfs-kmods has it.
pub const FEDORA_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.fedora.version";
/// Annotation of a record of a failure: why, in one line.
pub const REASON: &str = "custom-coreos.kmods.reason";
/// What the tag of such a record begins with; twelve digits of the fingerprint follow.
pub const FAILED: &str = "failed-";

/// Everything that kernel modules are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// The kernel and the release of OpenZFS.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// The image that they are compiled in, by digest.
    pub builder: ImageRef,
    /// Digest over the folder of the Containerfile: the commands, and the patches.
    pub commands: Digest,
    /// The patches that are applied, each with its digest.
    pub patches: Vec<Patch>,
    /// Whether `configure` is told `--enable-linux-experimental`.
    pub experimental: bool,
    /// Digest of the certificate that signs; none where nothing is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Digest>,
}

/// The pair that modules are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wanted {
    /// The kernel.
    pub kernel: version_discovery::KernelVersion,
    /// The release.
    pub zfs: version_discovery::ZfsVersion,
}

/// A patch of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Patch {
    /// The file, below the folder of the release.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

impl Wanted {
    /// The pair as a tag has it.
    pub fn tag(&self) -> KmodTag {
        KmodTag {
            kernel: self.kernel.clone(),
            zfs: self.zfs,
        }
    }
}

impl Recipe {
    /// Of all of it.
    ///
    /// # Errors
    /// Never for this type.
    pub fn fingerprint(&self) -> Result<Digest, Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::Usage(e.to_string()))?;
        Ok(Digest::of(text.as_bytes()))
    }

    /// The tag of the record that it failed.
    ///
    /// # Errors
    /// Never: the form is right by construction.
    pub fn failed_tag(&self) -> Result<Tag, Error> {
        Ok(format!("{FAILED}{}", self.fingerprint()?.short()).parse()?)
    }
}

/// Who signed modules: the certificate's serial number in hexadecimal digits, a space,
/// and its name. Safe in a shell word, by its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleSigner(String);

impl ModuleSigner {
    /// The serial number, in lower case.
    pub fn id(&self) -> &str {
        self.0.split_once(' ').map_or("", |(id, _)| id)
    }
}

impl std::fmt::Display for ModuleSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ModuleSigner {
    type Err = version_discovery::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = |(id, name): &(&str, &str)| {
            let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let plain = |c: char| c.is_alphanumeric() || " .,:_@()-".contains(c);
            (2..=64).contains(&id.len())
                && id.bytes().all(digit)
                && (1..=100).contains(&name.len())
                && name.chars().all(plain)
        };
        match text.split_once(' ').filter(good) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(version_discovery::Error::malformed(
                "the signer of kernel modules",
                text,
                "a serial number in hexadecimal digits, a space, and a name",
            )),
        }
    }
}

version_discovery::serde_as_text!(ModuleSigner);

/// The number of the Fedora that a kernel is of: `44` of `7.1.4-200.fc44.x86_64`.
///
/// # Errors
/// [`Error::Usage`] if it is of none.
pub fn fedora_of(kernel: &version_discovery::KernelVersion) -> Result<u32, Error> {
    let text = kernel.to_string();
    let number = text
        .rsplit_once(".fc")
        .and_then(|(_, rest)| rest.split('.').next()?.parse().ok());
    number.ok_or_else(|| {
        Error::Usage(format!(
            "{kernel} is no kernel of Fedora, so there is no image to compile modules for it in"
        ))
    })
}

/// The patches of a release: the files of `patches/X.Y.Z`, in their order. `found` are
/// all paths below `patches`, with their content.
///
/// # Errors
/// [`Error::Refused`] if there is one for another release, or one for none.
pub fn patches_of(
    zfs: version_discovery::ZfsVersion,
    found: &[(String, Vec<u8>)],
) -> Result<Vec<Patch>, Error> {
    let mut patches = Vec::new();
    for (path, content) in found {
        if path == "README.md" {
            continue;
        }
        let refused = |why: String| {
            Err(Error::Refused(format!(
                "patches/{path} is {why}; a patch lies in the folder of the one release that it \
                 is for, `patches/{zfs}/NAME.patch`: move it there if this release still needs \
                 it, else remove it"
            )))
        };
        match path.split_once('/') {
            Some((folder, name)) if folder == zfs.to_string() && name.ends_with(".patch") => {
                patches.push(Patch {
                    name: name.to_owned(),
                    digest: Digest::of(content),
                });
            }
            Some((folder, _)) if folder == zfs.to_string() => {
                return refused("no patch".to_owned());
            }
            Some((folder, _)) => {
                return refused(format!("for ZFS {folder}, and {zfs} is to be built"));
            }
            None => return refused("for no release".to_owned()),
        }
    }
    patches.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(patches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            wanted: Wanted {
                kernel: "7.1.4-200.fc44.x86_64".parse().unwrap(),
                zfs: "2.4.4".parse().unwrap(),
            },
            builder: format!("quay.io/fedora/fedora@sha256:{}", "a".repeat(64))
                .parse()
                .unwrap(),
            commands: Digest::of(b"commands"),
            patches: Vec::new(),
            experimental: false,
            certificate: None,
        }
    }

    #[test]
    fn whatever_it_is_made_of_changes_its_fingerprint() {
        let same = recipe().fingerprint().unwrap();
        assert_eq!(recipe().fingerprint().unwrap(), same);
        let others = [
            Recipe {
                commands: Digest::of(b"others"),
                ..recipe()
            },
            Recipe {
                experimental: true,
                ..recipe()
            },
            Recipe {
                certificate: Some(Digest::of(b"certificate")),
                ..recipe()
            },
            Recipe {
                builder: format!("quay.io/fedora/fedora@sha256:{}", "b".repeat(64))
                    .parse()
                    .unwrap(),
                ..recipe()
            },
        ];
        for other in others {
            assert_ne!(other.fingerprint().unwrap(), same, "{other:?}");
        }
        let tag = recipe().failed_tag().unwrap();
        assert_eq!(tag.as_str(), format!("failed-{}", same.short()));
    }

    #[test]
    fn a_signer_is_a_number_and_a_name() {
        let signer: ModuleSigner = "0af3 Modules of someone".parse().unwrap();
        assert_eq!(signer.id(), "0af3");
        for bad in ["", "0af3", "0AF3 x", "xyz x", "0af3 $(x)", "0af3 a\nb"] {
            assert!(bad.parse::<ModuleSigner>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_fedora_is_in_the_name_of_its_kernel() {
        assert_eq!(fedora_of(&recipe().wanted.kernel).unwrap(), 44);
        assert!(fedora_of(&"7.1.4-1.el10.x86_64".parse().unwrap()).is_err());
    }

    #[test]
    fn a_patch_is_for_one_release_and_named_if_it_is_for_another() {
        let file = |path: &str| (path.to_owned(), path.as_bytes().to_vec());
        let zfs = "2.4.4".parse().unwrap();
        let of = |paths: &[&str]| {
            let found: Vec<_> = paths.iter().map(|path| file(path)).collect();
            patches_of(zfs, &found)
        };
        let two = of(&["README.md", "2.4.4/2.patch", "2.4.4/1.patch"]).unwrap();
        assert_eq!(two[0].name, "1.patch");
        assert_eq!(two[1].digest, Digest::of(b"2.4.4/2.patch"));
        for (path, why) in [
            ("2.4.3/1.patch", "for ZFS 2.4.3, and 2.4.4 is to be built"),
            ("1.patch", "for no release"),
            ("2.4.4/notes", "no patch"),
        ] {
            let error = of(&["2.4.4/1.patch", path]).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains(why), "{error}");
        }
    }
}

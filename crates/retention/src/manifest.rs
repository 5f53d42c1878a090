//! What was read of each manifest, distilled to what a plan needs.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::Name;

/// The `artifactType` of the measured history of a package's images, which this
/// project keeps in the package itself, under a tag. It stands for itself, as an
/// image does, and must never be counted as one.
pub const HISTORY: &str = "application/vnd.custom-coreos.history.v1+json";

/// What a manifest is, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One image, or an artefact in the form of one.
    Image,
    /// A list of manifests.
    Index,
    /// A [`HISTORY`]: it may go by its age and its tags, but it takes no place
    /// among the newest images, and is not what is left when all of them go.
    Record,
    /// Anything else. It is kept: what it needs cannot be known.
    Unknown,
}

impl Kind {
    /// By the media type, parameters after `;` ignored. Source: OCI image
    /// specification, "Media Types", and its compatibility matrix with Docker's
    /// image manifest version 2, schema 2. Docker's schema 1 and the artefact
    /// manifests that never became a standard are unknown.
    pub fn from_media_type(media_type: &str) -> Self {
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Self::Image,
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Self::Index,
            _ => Self::Unknown,
        }
    }
}

/// One manifest. Never changes for a digest, so that it may be cached for ever.
/// There is one for each version, hence the boxes: most have neither children
/// nor a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    kind: Kind,
    children: Box<[Name]>,
    subject: Option<Box<Name>>,
}

impl Manifest {
    /// `children` are the digests of `manifests[]`, in any order, those of other
    /// algorithms than `sha256` and those without a platform included; `subject`
    /// is the digest of `subject` (OCI image specification, "Image Manifest" and
    /// "Image Index").
    pub fn new(kind: Kind, children: Vec<Name>, subject: Option<Name>) -> Self {
        Self {
            kind,
            children: children.into(),
            subject: subject.map(Box::new),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it lists.
    pub fn children(&self) -> &[Name] {
        &self.children
    }

    /// What it is about.
    pub fn subject(&self) -> Option<&Name> {
        self.subject.as_deref()
    }
}

/// What came of reading one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManifestRead {
    /// It was read.
    Read(Manifest),
    /// The registry answered 404 for a version that it lists, as ghcr.io does
    /// now and then. Counts as an image without children that must be kept.
    NotFound,
    /// It was not read, for the reason given. Nothing is deleted then.
    Unreadable(String),
}

/// The manifests of a package, by name. Best inserted in the order of the list
/// of versions, or near it: they lie in memory as they came, and are used in that
/// order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifests(IndexMap<Name, ManifestRead>);

impl Manifests {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records what came of reading one manifest; a second record replaces the
    /// first.
    pub fn insert(&mut self, name: Name, read: ManifestRead) {
        self.0.insert(name, read);
    }

    /// What came of reading it; `None` if nobody tried, which a plan treats as
    /// unreadable.
    pub fn get(&self, name: &Name) -> Option<&ManifestRead> {
        self.0.get(name)
    }

    /// For a walk through all of them in the order of insertion, which then asks
    /// no hash map: as [`Manifests::get`], looking first where `next` says, and
    /// leaving there where to look next.
    pub(crate) fn get_next(&self, name: &Name, next: &mut usize) -> Option<&ManifestRead> {
        let (at, read) = match self.0.get_index(*next) {
            Some((there, read)) if there == name => (*next, read),
            _ => {
                let (at, _, read) = self.0.get_full(name)?;
                (at, read)
            }
        };
        *next = at + 1;
        Some(read)
    }

    /// How many are recorded.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Name, ManifestRead)> for Manifests {
    fn from_iter<I: IntoIterator<Item = (Name, ManifestRead)>>(reads: I) -> Self {
        Self(reads.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_what_a_search_finds() {
        let unread = |name: &&str| ManifestRead::Unreadable((*name).to_owned());
        let all = ["a", "b", "c", "d"];
        let manifests: Manifests = all.iter().map(|n| ((*n).into(), unread(n))).collect();
        let mut next = 0;
        for name in ["a", "b", "d", "x", "a", "c", "d", "a"] {
            let name = Name::from(name);
            assert_eq!(manifests.get_next(&name, &mut next), manifests.get(&name));
        }
    }

    #[test]
    fn media_types_are_known_by_name() {
        for (text, kind) in [
            ("application/vnd.oci.image.manifest.v1+json", Kind::Image),
            (
                "application/vnd.oci.image.index.v1+json; charset=utf-8",
                Kind::Index,
            ),
            (
                "application/vnd.docker.distribution.manifest.v2+json",
                Kind::Image,
            ),
            (
                "application/vnd.docker.distribution.manifest.list.v2+json",
                Kind::Index,
            ),
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                Kind::Unknown,
            ),
            (
                "application/vnd.oci.artifact.manifest.v1+json",
                Kind::Unknown,
            ),
            ("text/html", Kind::Unknown),
            ("", Kind::Unknown),
        ] {
            assert_eq!(Kind::from_media_type(text), kind, "{text}");
        }
    }
}

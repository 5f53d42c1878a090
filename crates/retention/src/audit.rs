//! What is broken in a registry already, whoever broke it.

use std::fmt;

use registry_compat::Tag;
use serde::Serialize;

use crate::graph::{Graph, Way};
use crate::{Manifest, ManifestRead, Manifests, Name, Version, artefact_of};

/// One thing that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// An index lists manifests that are not there, or are 404: for those
    /// platforms it cannot be pulled.
    MissingChildren {
        /// The index.
        name: Name,
        /// The listed manifests that are missing.
        missing: Vec<Name>,
    },
    /// The registry lists a version and answers 404 for its manifest.
    NotFound {
        /// The version.
        name: Name,
    },
    /// Tags under which something is missing: they cannot be pulled, or not for
    /// every platform.
    BrokenTags {
        /// The version that has them.
        name: Name,
        /// Its tags.
        tags: Vec<Tag>,
        /// What is 404, or lists what is missing: the version itself, or one
        /// that it lists.
        broken: Name,
    },
    /// An artefact, and nothing that it is attached to is listed: a signature
    /// without image.
    ArtefactWithoutImage {
        /// The artefact.
        name: Name,
        /// Its tags.
        tags: Vec<Tag>,
        /// What it is attached to.
        images: Vec<Name>,
    },
    /// Nothing is known about a manifest: it was not read.
    Unreadable {
        /// The version.
        name: Name,
        /// The reason.
        why: String,
    },
}

/// Names what is broken among the versions of a package: indexes with missing
/// children, artefacts without image, tags that cannot be pulled (issue 4, item
/// 5), versions that are 404, and what could not be found out. In the order of
/// names. Empty is a clean bill only for a complete list: what is missing from
/// the list itself looks as if it were missing from the registry.
pub fn audit(versions: &[Version], manifests: &Manifests) -> Vec<Finding> {
    let graph = Graph::new(versions, manifests);
    let mut findings = Vec::new();
    let mut broken: Vec<Option<usize>> = vec![None; graph.len()];
    for (node, broken) in broken.iter_mut().enumerate() {
        let name = graph.name(node).clone();
        match graph.read(node) {
            Some(ManifestRead::Read(_)) => {
                let missing = missing_children(&graph, node);
                if !missing.is_empty() {
                    *broken = Some(node);
                    findings.push(Finding::MissingChildren { name, missing });
                }
            }
            Some(ManifestRead::NotFound) => {
                *broken = Some(node);
                findings.push(Finding::NotFound { name });
            }
            Some(ManifestRead::Unreadable(why)) => findings.push(Finding::Unreadable {
                name,
                why: why.clone(),
            }),
            None => findings.push(Finding::Unreadable {
                name,
                why: "not read".to_owned(),
            }),
        }
    }
    let begin = (0..graph.len()).filter(|&n| broken[n].is_some()).collect();
    graph.walk(Way::Up, begin, |lister, child| {
        let first = broken[lister].is_none();
        broken[lister] = broken[lister].or(broken[child]);
        first
    });
    for (node, broken) in broken.into_iter().enumerate() {
        let (name, tags) = (graph.name(node), graph.version(node).known_tags());
        if let Some(broken) = broken.filter(|_| !tags.is_empty()) {
            findings.push(Finding::BrokenTags {
                name: name.clone(),
                tags: tags.to_vec(),
                broken: graph.name(broken).clone(),
            });
        }
        if graph.is_attached(node) && !graph.has_image(node) {
            findings.push(Finding::ArtefactWithoutImage {
                name: name.clone(),
                tags: tags.to_vec(),
                images: images(&graph, node),
            });
        }
    }
    findings.sort_by(|a, b| a.name().cmp(b.name()));
    findings
}

/// What a manifest lists and the registry has not.
fn missing_children(graph: &Graph<'_>, node: usize) -> Vec<Name> {
    let children = graph.manifest(node).map(Manifest::children);
    let is_missing = |name: &&Name| {
        let read = graph.find(name).and_then(|child| graph.read(child));
        graph.find(name).is_none() || matches!(read, Some(ManifestRead::NotFound))
    };
    let mut missing: Vec<Name> = children
        .into_iter()
        .flatten()
        .filter(is_missing)
        .cloned()
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// What an artefact is attached to.
fn images(graph: &Graph<'_>, node: usize) -> Vec<Name> {
    let subject = graph.manifest(node).and_then(Manifest::subject).cloned();
    let tags = graph.version(node).known_tags().iter();
    let mut images: Vec<Name> = tags.filter_map(artefact_of).chain(subject).collect();
    images.retain(|image| image != graph.name(node));
    images.sort();
    images.dedup();
    images
}

impl Finding {
    /// The version that is broken.
    pub fn name(&self) -> &Name {
        match self {
            Self::MissingChildren { name, .. }
            | Self::NotFound { name }
            | Self::BrokenTags { name, .. }
            | Self::ArtefactWithoutImage { name, .. }
            | Self::Unreadable { name, .. } => name,
        }
    }
}

/// Names separated by commas.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingChildren { name, missing } => {
                write!(f, "index {name} lists what is missing: {}", List(missing))
            }
            Self::NotFound { name } => write!(f, "{name} is listed, but its manifest is 404"),
            Self::BrokenTags { name, tags, broken } if name == broken => {
                write!(f, "cannot be pulled in full: {} ({name})", List(tags))
            }
            Self::BrokenTags { name, tags, broken } => write!(
                f,
                "cannot be pulled in full: {} ({name}), because of {broken}",
                List(tags)
            ),
            Self::ArtefactWithoutImage { name, images, .. } => {
                write!(f, "artefact {name} of what is not there: {}", List(images))
            }
            Self::Unreadable { name, why } => write!(f, "{name} could not be read: {why}"),
        }
    }
}

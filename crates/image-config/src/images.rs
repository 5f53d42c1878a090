//! Several images in one `image.yaml`: the section `images`.
//!
//! Each entry is a name, and what is other for that image than what the rest of the file
//! says. Mappings are merged, key by key, however deep; a list or a value of the entry
//! stands in the place of the shared one. What comes out is one whole [`Config`] for each
//! image, read and judged as that of a file of its own would be; so whoever works on one
//! image knows nothing of others.

use std::path::Path;

use registry_compat::Repository;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::config::Config;
use crate::error::Error;
use crate::excerpt::{Problem, Shown};
use crate::load::{judge, text_of, without_mark};
use crate::problems;
use crate::section::{SECTION, SHARED, section};
use crate::tree::{Entry, Kind, Node, Span, Step};
use crate::types::ImageName;
use crate::words::nearest;

/// All images of an `image.yaml`, in its order; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Whether the file has the section `images`.
    named: bool,
    all: Vec<OneImage>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct OneImage {
    /// What `--image` calls it: its key below `images`; without that section,
    /// [`Config::one_word`].
    pub name: String,
    /// All policy of this image.
    pub config: Config,
}

impl Images {
    /// Reads and validates a file, and the files that `content` names below `root`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load_in(path: &Path, root: &Path) -> Result<Self, Error> {
        Self::judged(&text_of(path)?, path, Some(root))
    }

    /// Reads and validates a file alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::judged(&text_of(path)?, path, None)
    }

    /// Validates a text; `path` is for the message.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong, each with line and column where there
    /// are any.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        Self::judged(text, path, None)
    }

    fn judged(text: &str, path: &Path, root: Option<&Path>) -> Result<Self, Error> {
        let text = without_mark(text);
        match section(text) {
            None => Ok(Self::from(judge(text, path, root)?)),
            Some(tree) => several(text, tree, root).map_err(|problems| Error::Invalid {
                path: path.to_owned(),
                problems,
            }),
        }
    }

    /// Whether the file names its images, in a section of their own. Documents then say
    /// of which image they are.
    pub fn are_named(&self) -> bool {
        self.named
    }

    /// All, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &OneImage> {
        self.all.iter()
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().map(|image| image.name.as_str()).collect()
    }

    /// The first: what the whole repository shares is the same in all.
    pub fn first(&self) -> &OneImage {
        &self.all[0]
    }

    /// The image that is published to a repository.
    pub fn of_repository(&self, repository: &Repository) -> Option<&OneImage> {
        let is_it = |image: &&OneImage| image.config.repository().is_ok_and(|of| of == *repository);
        self.all.iter().find(is_it)
    }

    /// Those of these names, in the order of the file; all where no name is given.
    ///
    /// # Errors
    /// [`Error::NoImage`] for a name that none has.
    pub fn select(&self, names: &[String]) -> Result<Vec<&OneImage>, Error> {
        let is_called = |image: &OneImage, name: &String| {
            image.name == *name || (!self.named && image.config.image.name.as_str() == name)
        };
        for name in names {
            if !self.all.iter().any(|image| is_called(image, name)) {
                let known = self.names();
                return Err(Error::NoImage {
                    name: host::one_line(name),
                    meant: nearest(name, known.iter().copied()).map(str::to_owned),
                    known: known.join(", "),
                });
            }
        }
        let wanted =
            |image: &&OneImage| names.is_empty() || names.iter().any(|name| is_called(image, name));
        Ok(self.all.iter().filter(wanted).collect())
    }
}

impl From<Config> for Images {
    fn from(config: Config) -> Self {
        Self {
            named: false,
            all: vec![OneImage {
                name: config.one_word(),
                config,
            }],
        }
    }
}

impl Serialize for Images {
    /// As a person may see it ([`Config::shown`]) and write it again: the one image, or the section with each image's whole
    /// policy.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Section<'a>(&'a [OneImage]);
        impl Serialize for Section<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for image in self.0 {
                    let mut own = keys(&image.config)?;
                    own.retain(|key, _| !key.as_str().is_some_and(|key| SHARED.contains(&key)));
                    map.serialize_entry(&image.name, &own)?;
                }
                map.end()
            }
        }
        if !self.named {
            let shown = self.first().config.shown();
            return shown
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer);
        }
        let shared = keys(&self.first().config)?;
        let mut map = serializer.serialize_map(None)?;
        for key in SHARED {
            if let Some(value) = shared.get(key) {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry(SECTION, &Section(&self.all))?;
        map.end()
    }
}

/// The sections of a config.
fn keys<E: serde::ser::Error>(config: &Config) -> Result<serde_yaml::Mapping, E> {
    match config.shown().map_err(E::custom)? {
        serde_yaml::Value::Mapping(keys) => Ok(keys),
        _ => Err(E::custom("a config is a mapping")),
    }
}

/// An entry of the section, while it is read.
struct Written {
    name: String,
    /// From its key to the end of its last value.
    range: Option<(Place, Place)>,
    /// What the file says of this image, each value with its place.
    merged: Node,
    config: Option<Config>,
    problems: Vec<Problem>,
}

type Place = (usize, usize);

fn several(text: &str, mut tree: Node, root: Option<&Path>) -> Result<Images, Vec<Problem>> {
    let mut all = problems::of_form(text, &mut tree);
    let Some(Entry { key, value, .. }) = tree.entry(SECTION).cloned() else {
        return Err(all);
    };
    tree.take(&[Step::Key(SECTION.to_owned())]);
    let entries = match value.kind {
        Kind::Map(entries) if !entries.is_empty() => entries,
        _ => {
            let detail = "images: a mapping is wanted, of at least one name to what is other for \
                          that image, such as `nas: {packages: {install: [htop]}}`";
            all.push(Problem::new(text, key.span, Shown::Line, detail));
            return Err(all);
        }
    };
    let mut images = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.gone) {
        let name = entry.key.scalar().unwrap_or_default();
        match own_part(text, name, entry) {
            Ok(own) => images.push(written(text, root, &tree, (name, entry, &own))),
            Err(problems) => all.extend(problems),
        }
    }
    for image in &images {
        let in_all = |problem: &Problem| images.iter().all(|it| it.problems.contains(problem));
        for problem in &image.problems {
            let own = match (problem.place, image.range) {
                (Some(place), Some((first, last))) => (first..=last).contains(&place),
                _ => !in_all(problem),
            };
            let problem = match own {
                true => problem.inside(&format!("{SECTION}.{}", image.name)),
                false => problem.clone(),
            };
            if !all.contains(&problem) {
                all.push(problem);
            }
        }
    }
    if all.is_empty() {
        all = told_apart(text, &images);
    }
    if !all.is_empty() {
        all.sort_by_key(|problem| (problem.place.is_none(), problem.place));
        all.truncate(problems::MOST);
        return Err(all);
    }
    let whole = |image: Written| {
        Some(OneImage {
            name: image.name,
            config: image.config?,
        })
    };
    Ok(Images {
        named: true,
        all: images.into_iter().filter_map(whole).collect(),
    })
}

/// What an entry says, without its form's mistakes.
fn own_part(text: &str, name: &str, entry: &Entry) -> Result<Node, Vec<Problem>> {
    let problem = |span, detail: &str| {
        vec![Problem::new(
            text,
            span,
            Shown::Line,
            &format!("images: {detail}"),
        )]
    };
    if let Err(error) = name.parse::<ImageName>() {
        return Err(problem(entry.key.span, &error.to_string()));
    }
    let entries = match &entry.value.kind {
        Kind::Map(entries) => entries,
        _ if entry.value.is_nothing() => &Vec::new(),
        _ => {
            let detail = format!("`{name}`: a mapping of sections is wanted");
            return Err(problem(entry.value.span, &detail));
        }
    };
    let mut wrong = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.gone) {
        let key = entry.key.scalar().unwrap_or_default();
        if SHARED.contains(&key) {
            let detail = format!(
                "`{name}`: `{key}` is the whole repository's; write it at the top of the file, \
                 outside of `images`"
            );
            wrong.extend(problem(entry.key.span, &detail));
        }
    }
    match wrong.is_empty() {
        true => Ok(Node {
            kind: Kind::Map(entries.clone()),
            ..entry.value.clone()
        }),
        false => Err(wrong),
    }
}

/// Reads one image: what is shared, with what is its own in the place of it.
fn written(
    text: &str,
    root: Option<&Path>,
    shared: &Node,
    (name, entry, own): (&str, &Entry, &Node),
) -> Written {
    let mut merged = merge(shared, own);
    if let Some(Node {
        kind: Kind::Map(entries),
        ..
    }) = merged.at_mut(&[Step::Key("image".to_owned())])
        && !entries
            .iter()
            .any(|entry| !entry.gone && entry.key.scalar() == Some("name"))
    {
        let word = |text: &str| Node {
            span: entry.key.span,
            tag: None,
            kind: Kind::Scalar(text.to_owned(), false),
        };
        entries.push(Entry {
            key: word("name"),
            value: word(name),
            gone: false,
        });
    }
    let start = entry.key.span.map(place_of);
    let range = start.map(|start| (start, last_place(&entry.value).max(start)));
    let lines = range.map(|((first, _), (last, _))| (first, last));
    let (config, problems) = problems::read_tree::<Config>(text, merged.clone(), lines);
    let (config, problems) = crate::load::contradicted(config, problems, text, root);
    Written {
        name: name.to_owned(),
        range,
        merged,
        config,
        problems,
    }
}

fn place_of(span: Span) -> Place {
    (span.line, span.column)
}

/// Where the last value begins that is inside.
fn last_place(node: &Node) -> Place {
    let own = node.span.map_or((0, 0), place_of);
    let inner = match &node.kind {
        Kind::Scalar(..) => None,
        Kind::List(items) => items.iter().map(|item| last_place(&item.node)).max(),
        Kind::Map(entries) => entries
            .iter()
            .map(|entry| last_place(&entry.key).max(last_place(&entry.value)))
            .max(),
    };
    inner.map_or(own, |inner| inner.max(own))
}

/// What is shared, with what is an image's own in the place of it: mappings are merged,
/// all else is taken whole.
fn merge(shared: &Node, own: &Node) -> Node {
    let (Kind::Map(below), Kind::Map(above)) = (&shared.kind, &own.kind) else {
        return own.clone();
    };
    let there = |entries: &[Entry], name: Option<&str>| {
        let mut found = entries.iter().filter(|entry| !entry.gone);
        let is_it = |entry: &&Entry| name.is_some() && entry.key.scalar() == name;
        found.find(is_it).cloned()
    };
    let mut entries = Vec::new();
    for entry in below.iter().filter(|entry| !entry.gone) {
        entries.push(match there(above, entry.key.scalar()) {
            // The key of the image's own is what a mistake is marked at.
            Some(over) => Entry {
                value: merge(&entry.value, &over.value),
                ..over
            },
            None => entry.clone(),
        });
    }
    let new = above.iter().filter(|entry| !entry.gone);
    entries.extend(
        new.filter(|entry| there(below, entry.key.scalar()).is_none())
            .cloned(),
    );
    Node {
        kind: Kind::Map(entries),
        ..own.clone()
    }
}

/// Each image is a package of its own: its history, its candidate and its clean-up are
/// that package's.
fn told_apart(text: &str, images: &[Written]) -> Vec<Problem> {
    let mut all = Vec::new();
    let path = ["image", "name"].map(|key| Step::Key(key.to_owned()));
    let span = |image: &Written| image.merged.key_at(&path);
    let line = |image: &Written| span(image).map_or(0, |span| span.line);
    let both = || images.iter().enumerate();
    let pairs =
        both().flat_map(|(at, image)| images[..at].iter().map(move |before| (before, image)));
    for (before, image) in pairs {
        let (Some(one), Some(two)) = (&before.config, &image.config) else {
            continue;
        };
        if one.image.name == two.image.name {
            let lines = match (line(before), line(image)) {
                (one, two) if one == two => format!("line {one}"),
                (one, two) => format!("lines {one} and {two}"),
            };
            let detail = format!(
                "images.{} and images.{} are both published as `{}` ({lines}), so their tags \
                 would be the same; give one of them another `image.name`",
                before.name, image.name, two.image.name
            );
            all.push(Problem::new(text, span(image), Shown::Line, &detail));
        }
    }
    for (at, image) in both() {
        let Some((source, _)) = image.config.as_ref().and_then(Config::own_kmods) else {
            continue;
        };
        let published = |other: &&Written| {
            let of = other
                .config
                .as_ref()
                .and_then(|config| config.repository().ok());
            other.name != image.name && of.as_ref() == Some(&source.image)
        };
        if let Some(other) = images.iter().find(published) {
            let span = images[at].merged.key_at(&[Step::Key("kmods".to_owned())]);
            let detail = format!(
                "images.{}: kmods: `{}` is where images.{} is published",
                image.name, source.image, other.name
            );
            all.push(Problem::new(text, span, Shown::Line, &detail));
        }
    }
    all
}

#[cfg(test)]
mod tests;

//! Paths of keys and items in a document, as they are told.

use crate::excerpt::clipped;
use crate::tree::{Node, Span, Step, written};

/// Sections and keys whose values are not shown: secrets are written there by mistake.
pub(super) const SECRET: [&str; 2] = ["signing", "webhook"];

/// The message with the path before it.
pub(super) fn told(path: &[Step], words: &str) -> String {
    match written(path).as_str() {
        "" => words.to_owned(),
        path => format!("{}: {words}", clipped(path)),
    }
}

/// A path without the numbers of items.
pub(super) fn kind_of(path: &[Step]) -> String {
    let keys = path.iter().filter(|step| matches!(step, Step::Key(_)));
    written(&keys.cloned().collect::<Vec<_>>())
}

pub(super) fn is_secret(path: &[Step]) -> bool {
    path.iter()
        .any(|step| matches!(step, Step::Key(key) if SECRET.contains(&key.as_str())))
}

/// The place of the last key of a path.
pub(super) fn last_key(tree: &Node, path: &[Step]) -> Option<Span> {
    let length = path.iter().rposition(|step| matches!(step, Step::Key(_)))?;
    tree.key_at(&path[..=length])
}

/// The steps of a path of keys.
pub(super) fn steps(path: &str) -> Vec<Step> {
    path.split('.')
        .map(|key| Step::Key(key.to_owned()))
        .collect()
}

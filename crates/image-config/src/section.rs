//! The section `images` of a document, before it is read.

use crate::tree::Node;

/// The section.
pub(crate) const SECTION: &str = "images";

/// Sections that are the whole repository's: its key pair, its forge, its machines, and
/// how the program asks. An image cannot have another.
pub(crate) const SHARED: [&str; 8] = [
    "alarm", "ci", "forge", "github", "night", "retries", "signing", "urls",
];

/// The document, if it is one and has the section.
pub(crate) fn section(text: &str) -> Option<Node> {
    // A document that `serde_yaml` does not take has one mistake, which it knows best.
    let tree = Node::read(text).filter(|_| text.contains(SECTION))?;
    tree.entry(SECTION)?;
    serde_yaml::from_str::<serde::de::IgnoredAny>(text).ok()?;
    Some(tree)
}

//! Keys that a mapping has more than once.

use std::collections::HashMap;

use crate::yaml::{Content, Document, NodeId};

/// Repetitions of one key that are reported, each way: all pairs would be
/// quadratic.
const MAX_REPEATS: usize = 100;

/// Bytes of messages about repeated keys, more or less.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// Pairs of equal keys, in the order of the first and then of the second.
/// Keys that are collections count as equal.
pub(crate) fn pairs(document: &Document, items: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let mut seen: HashMap<(u8, &str), Vec<NodeId>> = HashMap::with_capacity(items.len() / 2);
    let mut twice = false;
    for key in items.iter().step_by(2) {
        let kind = match &document.node(*key).content {
            Content::Scalar(_) => 0,
            Content::Mapping(_) => 1,
            Content::Sequence(_) => 2,
            Content::Alias(_) => 3,
        };
        let known = seen.entry((kind, document.key(*key))).or_default();
        twice |= !known.is_empty();
        known.push(*key);
    }
    let mut pairs = Vec::new();
    if twice {
        for keys in seen.values() {
            for (at, first) in keys.iter().enumerate().take(MAX_REPEATS) {
                pairs.extend(
                    keys[at + 1..]
                        .iter()
                        .take(MAX_REPEATS)
                        .map(|later| (*first, *later)),
                );
            }
        }
        pairs.sort_unstable();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_in_order_and_bounded() {
        let pairs = |text: &str| {
            let document = Document::parse(text.as_bytes())
                .expect("valid YAML")
                .expect("a document");
            let Content::Mapping(items) = &document.node(0).content else {
                panic!("no mapping");
            };
            let line = |id| document.node(id).line;
            pairs(&document, items)
                .into_iter()
                .map(|(first, later)| (line(first), line(later)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            pairs("a: 1\nb: 1\nb: 1\n\"a\": 1\na: 1\n"),
            [(1, 4), (1, 5), (2, 3), (4, 5)]
        );
        assert_eq!(pairs("a: 1\nb: 1\n"), []);
        assert!(pairs(&"a: 1\n".repeat(10_000)).len() <= 10_000);
    }
}

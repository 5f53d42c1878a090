//! YAML as the reference reads it: a marked tree of the first document.
//!
//! The dialect is YAML 1.1 as spoken by libyaml and its descendants; its
//! complaints, their order and their line numbers are part of the interface
//! of the command, hence a scanner of our own instead of a ready-made parser.
//! Everything here is linear in the input, in time and in memory, and depth
//! is bounded (10,000), so hostile input cannot do harm.

mod fault;
mod fetch;
mod node;
mod parse;
mod parse_flow;
mod reader;
pub(crate) mod resolve;
mod scan;
mod scan_names;
mod scan_scalars;

pub(crate) use fault::Fault;
pub(crate) use node::{Content, Document, NodeId, Tag};
pub(crate) use resolve::Resolved;

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line: lists, maps, `tag:text` for scalars, `*` for aliases.
    fn show(document: &Document, id: NodeId) -> String {
        let join = |items: &[NodeId]| {
            items
                .iter()
                .map(|item| show(document, *item))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let node = document.node(id);
        match &node.content {
            Content::Scalar(value) => {
                format!("{}:{}", node.tag.short().trim_start_matches('!'), value)
            }
            Content::Sequence(items) => format!("[{}]", join(items)),
            Content::Mapping(items) => format!("{{{}}}", join(items)),
            Content::Alias(_) => "*".into(),
        }
    }

    fn parsed(text: &str) -> String {
        match Document::parse(text.as_bytes()) {
            Ok(Some(document)) => show(&document, 0),
            Ok(None) => "nothing".into(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn trees() {
        for (text, tree) in [
            ("", "nothing"),
            ("# only a comment\n", "nothing"),
            (
                "a: b\nc:\n- 1\n- 0x2\n",
                "{str:a str:b str:c [int:1 int:0x2]}",
            ),
            (
                "a:\n  - b: 1\n    c: ~\n  -\n",
                "{str:a [{str:b int:1 str:c null:~} null:]}",
            ),
            (
                "a: [1, {b: c}, d: e]\n",
                "{str:a [int:1 {str:b str:c} {str:d str:e}]}",
            ),
            ("a: |\n  x\n   y\n\n", "{str:a str:x\n y\n}"),
            ("a: >-\n  x\n  y\n\n  z\n", "{str:a str:x y\nz}"),
            ("a: &x 1\nb: *x\n", "{str:a int:1 str:b *}"),
            ("? a\n: b\n", "{str:a str:b}"),
            ("'<<': 1\n<<: {}\n", "{str:<< int:1 merge:<< {}}"),
            ("a: \"x\\\n  y\\tz\"\n", "{str:a str:xy\tz}"),
            (
                "a\n  b: c",
                "yaml: line 2: mapping values are not allowed in this context",
            ),
            ("--- a\n--- b\n", "str:a"),
            ("...\na: b\n", "yaml: did not find expected node content"),
            (
                "a: b\n...\n\u{1}",
                "yaml: control characters are not allowed",
            ),
            ("%TAG !e! tag:e,2000:\n---\n!e!x {}", "{}"),
        ] {
            assert_eq!(parsed(text), tree, "{text:?}");
        }
    }

    #[test]
    fn places() {
        let document = Document::parse("a:\n  - é: [x]\n    b:\n".as_bytes())
            .unwrap()
            .unwrap();
        let places: Vec<_> = document
            .nodes
            .iter()
            .map(|node| (node.line, node.column))
            .collect();
        assert_eq!(
            places,
            [
                (1, 1),
                (1, 1),
                (2, 3),
                (2, 5),
                (2, 5),
                (2, 8),
                (2, 9),
                (3, 5),
                (3, 7)
            ]
        );
    }

    #[test]
    fn faults() {
        for (text, fault) in [
            ("a: [\n", "yaml: line 1: did not find expected node content"),
            (
                "a: b: c\n",
                "yaml: mapping values are not allowed in this context",
            ),
            (
                "x: 1\na: 'b\n",
                "yaml: line 2: found unexpected end of stream",
            ),
            ("a: *x\n", "yaml: unknown anchor 'x' referenced"),
            (
                "x:\n a: 1\n\tb: 2\n",
                "yaml: line 2: found a tab character that violates indentation",
            ),
            ("%YAML 1.2\n---\n", "yaml: found incompatible YAML document"),
        ] {
            assert_eq!(parsed(text), fault, "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        for open in ["[", "{", "- "] {
            let deep = parsed(&open.repeat(20_000));
            assert!(
                deep.ends_with("exceeded max depth of 10000"),
                "{open}: {}",
                &deep[..deep.len().min(80)]
            );
        }
    }
}

//! YAML as the reference reads it: a marked tree of the first document.
//!
//! The dialect is YAML 1.1 as spoken by libyaml and its descendants; its
//! complaints, their order and their line numbers are part of the interface
//! of the command, hence a scanner of our own instead of a ready-made parser.
//! Everything here is linear in the input, in time and in memory, and depth
//! is bounded (10,000), so hostile input cannot do harm.

mod fetch;
mod parse;
mod parse_flow;
mod reader;
pub(crate) mod resolve;
mod scan;
mod scan_names;
mod scan_scalars;

use std::rc::Rc;

pub(crate) use resolve::Resolved;

/// Index of a node in its [`Document`].
pub(crate) type NodeId = u32;

/// A position: characters since the start, line and column, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    index: usize,
    line: usize,
    column: usize,
}

/// Why the text is no YAML: the reference's message with its line number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("yaml: {0}")]
pub(crate) struct Fault(String);

impl Fault {
    /// A fault without a line.
    pub(crate) fn plain(problem: impl Into<String>) -> Self {
        Fault(problem.into())
    }

    fn internal() -> Self {
        Fault::plain("unknown problem parsing YAML content")
    }

    fn reader(problem: &str) -> Self {
        Fault::plain(problem)
    }

    /// The line counts from zero in the grammar and from one in the scanner;
    /// line zero counts as unknown.
    fn located(context: Mark, problem_mark: Mark, problem: &str, add: usize) -> Self {
        let line = if context.line != 0 {
            context.line
        } else {
            problem_mark.line
        };
        match line {
            0 => Fault::plain(problem),
            line => Fault(format!("line {}: {problem}", line + add)),
        }
    }

    fn scanner(context: Mark, at: Mark, problem: impl Into<String>) -> Self {
        Fault::located(context, at, &problem.into(), 1)
    }

    fn parser(context: Mark, at: Mark, problem: &str) -> Self {
        Fault::located(context, at, problem, 0)
    }
}

/// The type that a node says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    /// `!`: no resolution wanted; treated like none.
    NonSpecific,
    Null,
    Bool,
    Str,
    Int,
    Float,
    Timestamp,
    Binary,
    Merge,
    Seq,
    Map,
    /// Anything else, in its short form.
    Other(Rc<str>),
}

impl Tag {
    fn from_long(tag: &str) -> Self {
        match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("null") => Tag::Null,
            Some("bool") => Tag::Bool,
            Some("str") => Tag::Str,
            Some("int") => Tag::Int,
            Some("float") => Tag::Float,
            Some("timestamp") => Tag::Timestamp,
            Some("binary") => Tag::Binary,
            Some("merge") => Tag::Merge,
            Some("seq") => Tag::Seq,
            Some("map") => Tag::Map,
            Some(other) => Tag::Other(format!("!!{other}").into()),
            None if tag.is_empty() => Tag::None,
            None if tag == "!" => Tag::NonSpecific,
            None => Tag::Other(tag.into()),
        }
    }

    /// The tag as messages show it.
    pub(crate) fn short(&self) -> &str {
        match self {
            Tag::None => "",
            Tag::NonSpecific => "!",
            Tag::Null => "!!null",
            Tag::Bool => "!!bool",
            Tag::Str => "!!str",
            Tag::Int => "!!int",
            Tag::Float => "!!float",
            Tag::Timestamp => "!!timestamp",
            Tag::Binary => "!!binary",
            Tag::Merge => "!!merge",
            Tag::Seq => "!!seq",
            Tag::Map => "!!map",
            Tag::Other(tag) => tag,
        }
    }
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Rc<str>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
    Sequence(Vec<NodeId>),
    Alias(NodeId),
}

/// A node with its place, counted from one.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub content: Content,
    pub tag: Tag,
    pub line: u32,
    pub column: u32,
}

/// A parsed document; node 0 is its root.
#[derive(Debug)]
pub(crate) struct Document {
    nodes: Vec<Node>,
    /// Names of the anchored nodes.
    anchors: Vec<(NodeId, Box<str>)>,
}

impl Document {
    /// Parses the first document of `input`; `None` if there is none.
    ///
    /// # Errors
    /// A [`Fault`] with the reference's words.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<Self>, Fault> {
        parse::parse(input)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The text of a scalar, `None` for anything else.
    pub(crate) fn scalar(&self, id: NodeId) -> Option<&Rc<str>> {
        match &self.node(id).content {
            Content::Scalar(value) => Some(value),
            _ => None,
        }
    }

    /// What a key is called: aliases go by their own names here.
    pub(crate) fn key(&self, id: NodeId) -> &str {
        match &self.node(id).content {
            Content::Scalar(value) => value,
            Content::Alias(target) => self.anchor(*target),
            _ => "",
        }
    }

    /// Where an alias leads; any other node is itself.
    pub(crate) fn target(&self, id: NodeId) -> NodeId {
        match self.node(id).content {
            Content::Alias(target) => target,
            _ => id,
        }
    }

    /// The name by which aliases know a node.
    pub(crate) fn anchor(&self, id: NodeId) -> &str {
        let at = self.anchors.binary_search_by_key(&id, |(node, _)| *node);
        at.map_or("", |at| &self.anchors[at].1)
    }

    pub(crate) fn is_null(&self, id: NodeId) -> bool {
        let node = self.node(id);
        matches!((&node.content, &node.tag), (Content::Scalar(_), Tag::Null))
    }

    /// Whether a mapping's key asks for a merge: `<<`, and not quoted.
    pub(crate) fn is_merge(&self, id: NodeId) -> bool {
        let node = self.node(id);
        matches!(node.tag, Tag::Merge) && self.scalar(id).is_some_and(|value| &**value == "<<")
    }
}

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

//! The tree of a document: nodes, their tags, and the names of anchors.

use std::rc::Rc;

/// Index of a node in its [`Document`].
pub(crate) type NodeId = u32;

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
    pub(super) fn from_long(tag: &str) -> Self {
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
    pub(super) nodes: Vec<Node>,
    /// Names of the anchored nodes.
    pub(super) anchors: Vec<(NodeId, Box<str>)>,
}

impl Document {
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

    /// Whether it is a scalar that the scanner tagged null; its text may say otherwise.
    pub(crate) fn has_null_tag(&self, id: NodeId) -> bool {
        let node = self.node(id);
        matches!((&node.content, &node.tag), (Content::Scalar(_), Tag::Null))
    }

    /// Whether a mapping's key asks for a merge: `<<`, and not quoted.
    pub(crate) fn is_merge(&self, id: NodeId) -> bool {
        let node = self.node(id);
        matches!(node.tag, Tag::Merge) && self.scalar(id).is_some_and(|value| &**value == "<<")
    }
}

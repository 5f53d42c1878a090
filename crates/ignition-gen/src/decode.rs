//! The marked YAML tree to typed values, with the conversions, the merge keys
//! and the complaints of the reference's decoder.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use base64::Engine as _;

use crate::schema::{Def, Kind};
use crate::text::{cut, quoted};
use crate::tree::{Name, Node, PathId, Paths, Value};
use crate::yaml::{Content, Document, Fault, NodeId, Resolved, Tag, resolve};

/// What is decoded, for one version of the schema.
struct Decoder<'a> {
    document: &'a Document,
    minor: u8,
    paths: &'a mut Paths,
    /// Type errors; they are collected and reported together.
    errors: Vec<String>,
    /// Names that a mapping with a merge key has set already.
    merged: Option<HashSet<Rc<str>>>,
    /// Aliases being followed.
    following: Vec<NodeId>,
    decoded: u64,
    through_alias: u64,
}

/// Decodes the document into the struct `def`.
///
/// # Errors
/// A [`Fault`]: either the first fatal one or all type errors in one message.
pub(crate) fn decode(
    document: Option<&Document>,
    def: &'static Def,
    minor: u8,
    paths: &mut Paths,
) -> Result<Node, Fault> {
    let mut root = Node::fields(Vec::new(), PathId::ROOT);
    let Some(document) = document else {
        return Ok(root);
    };
    let mut decoder = Decoder {
        document,
        minor,
        paths,
        errors: Vec::new(),
        merged: None,
        following: Vec::new(),
        decoded: 0,
        through_alias: 0,
    };
    decoder.structure(0, def, &mut root)?;
    if decoder.errors.is_empty() {
        return Ok(root);
    }
    Err(Fault::plain(format!(
        "unmarshal errors:\n  {}",
        decoder.errors.join("\n  ")
    )))
}

/// Share of decoded values that may come from aliases: generous for small
/// documents, a tenth for large ones.
fn alias_share(decoded: u64) -> f64 {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    match decoded {
        ..=LOW => 0.99,
        HIGH.. => 0.10,
        _ => 0.99 - 0.89 * ((decoded - LOW) as f64 / (HIGH - LOW) as f64),
    }
}

impl Decoder<'_> {
    fn count(&mut self) -> Result<(), Fault> {
        self.decoded += 1;
        if !self.following.is_empty() {
            self.through_alias += 1;
        }
        if self.through_alias > 100
            && self.decoded > 1000
            && self.through_alias as f64 / self.decoded as f64 > alias_share(self.decoded)
        {
            return Err(Fault::plain("document contains excessive aliasing"));
        }
        Ok(())
    }

    /// Follows an alias; `Err` if it leads into itself.
    fn follow<T>(
        &mut self,
        id: NodeId,
        then: impl FnOnce(&mut Self, NodeId) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Content::Alias(target) = self.document.node(id).content else {
            return then(self, id);
        };
        if self.following.contains(&target) {
            let name = self.document.anchor(target);
            return Err(Fault::plain(format!(
                "anchor '{name}' value contains itself"
            )));
        }
        self.following.push(target);
        self.count()?;
        let result = then(self, target);
        self.following.pop();
        result
    }

    fn type_error(&mut self, id: NodeId, tag: &Tag, wanted: &str) {
        let node = self.document.node(id);
        let tag = if matches!(node.tag, Tag::None | Tag::NonSpecific) {
            tag
        } else {
            &node.tag
        };
        let value = match &node.content {
            Content::Scalar(value) if value.len() > 10 => format!(" `{}...`", cut(value, 7)),
            Content::Scalar(value) => format!(" `{value}`"),
            _ => String::new(),
        };
        self.errors.push(format!(
            "line {}: cannot unmarshal {}{value} into {wanted}",
            node.line,
            tag.short()
        ));
    }

    /// A struct from a mapping. `false` if there is nothing to keep.
    fn structure(&mut self, id: NodeId, def: &'static Def, into: &mut Node) -> Result<bool, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.document.is_null(id) && this.null(id)? {
                return Ok(false);
            }
            let document = this.document;
            match &document.node(id).content {
                Content::Mapping(items) => this.mapping(items, def, into),
                Content::Sequence(_) => {
                    this.type_error(id, &Tag::Seq, &def.go_type(this.minor));
                    Ok(false)
                }
                _ => {
                    this.scalar_error(id, &def.go_type(this.minor))?;
                    Ok(false)
                }
            }
        })
    }

    /// Whether a scalar tagged null is null; its text may contradict the tag.
    fn null(&self, id: NodeId) -> Result<bool, Fault> {
        let node = self.document.node(id);
        match self.document.scalar(id) {
            Some(text) => Ok(resolve::tagged(&node.tag, text)? == Resolved::Null),
            None => Ok(false),
        }
    }

    fn scalar_error(&mut self, id: NodeId, wanted: &str) -> Result<(), Fault> {
        let (tag, ..) = self.scalar(id)?;
        self.type_error(id, &tag, wanted);
        Ok(())
    }

    /// Tag, meaning and text of a scalar.
    fn scalar(&self, id: NodeId) -> Result<(Tag, Resolved, Value), Fault> {
        let node = self.document.node(id);
        let text = self
            .document
            .scalar(id)
            .cloned()
            .unwrap_or_else(|| Rc::from(""));
        let resolved = resolve::tagged(&node.tag, &text)?;
        if node.tag == Tag::Binary {
            // Line breaks are part of the encoding, other blanks are not.
            let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(packed) else {
                return Err(Fault::plain("!!binary value contains invalid base64 data"));
            };
            return Ok((Tag::Binary, resolved, Value::from_bytes(bytes)));
        }
        Ok((node.tag.clone(), resolved, Value::Text(text)))
    }

    fn mapping(
        &mut self,
        items: &[NodeId],
        def: &'static Def,
        into: &mut Node,
    ) -> Result<bool, Fault> {
        if self.duplicates(items) {
            return Ok(false);
        }
        let document = self.document;
        let inherited = self.merged.take();
        let mut known = inherited;
        let mut merge = None;
        for pair in items.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            if document.is_merge(key) {
                merge = Some(value);
                continue;
            }
            let Some(Value::Text(name)) = self.text(key)? else {
                continue;
            };
            if let Some(known) = &mut known
                && !known.insert(name.clone())
            {
                continue;
            }
            let minor = self.minor;
            let field = def
                .fields
                .iter()
                .find(|field| field.in_butane(minor) && field.name.yaml() == &*name);
            if let Some(field) = field {
                self.field(value, field.name, field.kind, into)?;
            }
        }
        self.merged = known;
        if let Some(merge) = merge {
            self.merge(items, merge, def, into)?;
        }
        Ok(true)
    }

    /// Reports keys that a mapping has twice, in the order of their first.
    fn duplicates(&mut self, items: &[NodeId]) -> bool {
        let document = self.document;
        let mut seen: HashMap<(u8, &str), Vec<NodeId>> = HashMap::with_capacity(items.len() / 2);
        let mut twice = false;
        for key in items.iter().step_by(2) {
            let id = match &document.node(*key).content {
                Content::Scalar(value) => (0, &**value),
                Content::Mapping(_) => (1, ""),
                Content::Sequence(_) => (2, ""),
                Content::Alias(target) => (3, document.anchor(*target)),
            };
            let known = seen.entry(id).or_default();
            twice |= !known.is_empty();
            known.push(*key);
        }
        if !twice {
            return false;
        }
        let mut groups: Vec<_> = seen
            .into_iter()
            .filter(|(_, keys)| keys.len() > 1)
            .collect();
        groups.sort_by_key(|(_, keys)| keys[0]);
        // Every pair is named by the reference; that would be quadratic here.
        let mut errors = Vec::new();
        for ((_, name), keys) in groups {
            for (at, first) in keys.iter().enumerate().take(MAX_REPEATS) {
                for later in keys[at + 1..].iter().take(MAX_REPEATS) {
                    let lines = (document.node(*later).line, document.node(*first).line);
                    errors.push((
                        *first,
                        format!(
                            "line {}: mapping key {} already defined at line {}",
                            lines.0,
                            quoted(name),
                            lines.1
                        ),
                    ));
                }
            }
        }
        errors.sort_by_key(|(first, _)| *first);
        self.errors
            .extend(errors.into_iter().map(|(_, error)| error));
        true
    }

    fn merge(
        &mut self,
        parent: &[NodeId],
        merge: NodeId,
        def: &'static Def,
        into: &mut Node,
    ) -> Result<(), Fault> {
        let document = self.document;
        let outermost = self.merged.is_none();
        if outermost {
            let mut names = HashSet::new();
            for key in parent.iter().step_by(2) {
                if let Some(name) = document.scalar(document.target(*key)) {
                    names.insert(name.clone());
                }
            }
            self.merged = Some(names);
        }
        let is_mapping = |id: NodeId| {
            matches!(
                document.node(document.target(id)).content,
                Content::Mapping(_)
            )
        };
        let wrong = || Fault::plain("map merge requires map or sequence of maps as the value");
        match &document.node(merge).content {
            Content::Mapping(_) => {
                self.structure(merge, def, into)?;
            }
            Content::Alias(_) if is_mapping(merge) => {
                self.structure(merge, def, into)?;
            }
            Content::Sequence(items) => {
                for item in items {
                    if !is_mapping(*item) {
                        return Err(wrong());
                    }
                    self.structure(*item, def, into)?;
                }
            }
            _ => return Err(wrong()),
        }
        if outermost {
            self.merged = None;
        }
        Ok(())
    }

    fn field(&mut self, id: NodeId, name: Name, kind: Kind, into: &mut Node) -> Result<(), Fault> {
        let from = self.paths.child(into.from, name);
        // The names set by a merge are those of the outer mapping only.
        let merged = self.merged.take();
        let node = self.value(id, kind, from)?;
        self.merged = merged;
        if let Some(node) = node {
            into.set(name, node);
        }
        Ok(())
    }

    fn value(&mut self, id: NodeId, kind: Kind, from: PathId) -> Result<Option<Node>, Fault> {
        match kind {
            Kind::Required | Kind::Filled | Kind::Text | Kind::Nullable => {
                Ok(self.text(id)?.map(|text| Node::new(text, from)))
            }
            Kind::Int | Kind::Count => Ok(self.int(id)?.map(|value| Node::int(value, from))),
            Kind::Bool => Ok(self.bool(id)?.map(|value| Node::bool(value, from))),
            Kind::Sub(def) | Kind::Optional(def) => {
                let mut node = Node::fields(Vec::new(), from);
                Ok(self.structure(id, def, &mut node)?.then_some(node))
            }
            Kind::List(def) => {
                let go = format!("[]{}", def.go_type(self.minor));
                self.list(id, &go, from, |this, item, from| {
                    let mut node = Node::fields(Vec::new(), from);
                    Ok(this.structure(item, def, &mut node)?.then_some(node))
                })
            }
            Kind::Texts(go) => {
                let def = Def {
                    go,
                    key: crate::schema::Key::None,
                    fields: &[],
                };
                let go = if go == "string" {
                    "[]string".into()
                } else {
                    format!("[]{}", def.go_type(self.minor))
                };
                self.list(id, &go, from, |this, item, from| {
                    Ok(this.text(item)?.map(|text| Node::new(text, from)))
                })
            }
        }
    }

    fn list(
        &mut self,
        id: NodeId,
        go: &str,
        from: PathId,
        mut item: impl FnMut(&mut Self, NodeId, PathId) -> Result<Option<Node>, Fault>,
    ) -> Result<Option<Node>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.document.is_null(id) && this.null(id)? {
                return Ok(None);
            }
            let document = this.document;
            match &document.node(id).content {
                Content::Sequence(items) => {
                    let mut nodes = Vec::with_capacity(items.len());
                    for entry in items {
                        // An item that is null does not count, so later ones move up.
                        let from = this.paths.child(from, nodes.len());
                        nodes.extend(item(this, *entry, from)?);
                    }
                    Ok(Some(Node::list(nodes, from)))
                }
                Content::Mapping(items) => {
                    if !this.duplicates(items) {
                        this.type_error(id, &Tag::Map, go);
                    }
                    Ok(None)
                }
                _ => {
                    this.scalar_error(id, go)?;
                    Ok(None)
                }
            }
        })
    }

    /// Collections are no scalars.
    fn collection_error(&mut self, id: NodeId, go: &str) -> bool {
        let document = self.document;
        match &document.node(id).content {
            Content::Sequence(_) => self.type_error(id, &Tag::Seq, go),
            Content::Mapping(items) => {
                if !self.duplicates(items) {
                    self.type_error(id, &Tag::Map, go);
                }
            }
            _ => return false,
        }
        true
    }

    fn text(&mut self, id: NodeId) -> Result<Option<Value>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, "string") {
                return Ok(None);
            }
            let (_, resolved, text) = this.scalar(id)?;
            Ok((resolved != Resolved::Null).then_some(text))
        })
    }

    fn int(&mut self, id: NodeId) -> Result<Option<i64>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, "int") {
                return Ok(None);
            }
            let (tag, resolved, _) = this.scalar(id)?;
            match resolved {
                Resolved::Null => Ok(None),
                Resolved::Int(value) => Ok(Some(value)),
                // What is out of range ends as the least number on the
                // processors that the reference runs on.
                Resolved::Float(value) if value < -I64_LIMIT || value == I64_LIMIT => {
                    Ok(Some(i64::MIN))
                }
                Resolved::Float(value) if value < I64_LIMIT => Ok(Some(value as i64)),
                _ => {
                    this.type_error(id, &tag, "int");
                    Ok(None)
                }
            }
        })
    }

    fn bool(&mut self, id: NodeId) -> Result<Option<bool>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, "bool") {
                return Ok(None);
            }
            let (tag, resolved, text) = this.scalar(id)?;
            let text = if let Value::Text(text) = &text {
                text
            } else {
                ""
            };
            match (&resolved, text) {
                (Resolved::Null, _) => Ok(None),
                (Resolved::Bool(value), _) => Ok(Some(*value)),
                (Resolved::Str, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON") => {
                    Ok(Some(true))
                }
                (Resolved::Str, "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF") => {
                    Ok(Some(false))
                }
                _ => {
                    this.type_error(id, &tag, "bool");
                    Ok(None)
                }
            }
        })
    }
}

/// 2^63: floats from here on are out of range.
const I64_LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Repetitions of one key that are reported, each way.
const MAX_REPEATS: usize = 100;

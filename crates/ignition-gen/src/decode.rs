//! The YAML tree with its positions to typed values, with the merge keys and the error
//! messages of the reference's decoder. Scalars are converted in `scalars`.

mod scalars;

use std::collections::HashSet;
use std::rc::Rc;

use crate::repeats;
use crate::schema::{Def, Kind};
use crate::text::{cut, quoted};
use crate::tree::{Name, Node, PathId, Paths, Value};
use crate::yaml::{Content, Document, Fault, NodeId, Resolved, Tag, resolve};

/// What is decoded, for one version of the schema.
pub(super) struct Decoder<'a> {
    pub(super) document: &'a Document,
    minor: u8,
    paths: &'a mut Paths,
    /// Type errors; they are collected and reported together.
    errors: Vec<String>,
    /// Bytes of the messages about duplicate keys among them.
    duplicate_bytes: usize,
    /// Names that a mapping with a merge key has set already.
    merged: Option<HashSet<Rc<str>>>,
    /// Structs being decoded, one in another or merged into it.
    depth: usize,
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
        duplicate_bytes: 0,
        merged: None,
        depth: 0,
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

/// How deep structs can be nested. The schema needs less than ten; merges of
/// merges can go on, which costs call frames and has no use.
const MAX_DEPTH: usize = 100;

/// Share of decoded values that may come from aliases: generous for small
/// documents, a tenth for large ones. The limits here and in `count` are those of
/// go-yaml (`decode.go`), which Butane reads its configs with.
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
    pub(super) fn count(&mut self) -> Result<(), Fault> {
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
    pub(super) fn follow<T>(
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

    pub(super) fn type_error(&mut self, id: NodeId, tag: &Tag, wanted: &str) {
        let node = self.document.node(id);
        let tag = if matches!(node.tag, Tag::None | Tag::NonSpecific) {
            tag
        } else {
            &node.tag
        };
        // A collection with a tag of its own has a value, too: an empty one.
        let value = match &node.content {
            _ if matches!(tag, Tag::Seq | Tag::Map) => String::new(),
            Content::Scalar(value) if value.len() > 10 => format!(" `{}...`", cut(value, 7)),
            Content::Scalar(value) => format!(" `{value}`"),
            _ => " ``".into(),
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
        if self.depth > MAX_DEPTH {
            return Err(Fault::plain(format!("exceeded max depth of {MAX_DEPTH}")));
        }
        self.depth += 1;
        let result = self.structure_at(id, def, into);
        self.depth -= 1;
        result
    }

    fn structure_at(
        &mut self,
        id: NodeId,
        def: &'static Def,
        into: &mut Node,
    ) -> Result<bool, Fault> {
        self.follow(id, |this, id| {
            if this.document.has_null_tag(id) && this.resolves_to_null(id)? {
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
    fn resolves_to_null(&self, id: NodeId) -> Result<bool, Fault> {
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
        let mut done = Vec::new();
        for pair in items.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            if document.is_merge(key) {
                merge = Some(value);
                continue;
            }
            let Some(Value::Text(name)) = self.text(key, "string")? else {
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
                // Two keys can only have one name if one is an alias.
                if done.contains(&field.name) {
                    let line = document.node(key).line;
                    let go = def.go_type(minor);
                    self.errors.push(format!(
                        "line {line}: field {name} already set in type {go}"
                    ));
                    continue;
                }
                done.push(field.name);
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
    pub(super) fn duplicates(&mut self, items: &[NodeId]) -> bool {
        let document = self.document;
        let pairs = repeats::pairs(document, items);
        for (first, later) in &pairs {
            // One is always reported, however long it is.
            if self.duplicate_bytes > repeats::MAX_TEXT {
                break;
            }
            let name = quoted(document.key(*first));
            let lines = (document.node(*later).line, document.node(*first).line);
            let error = format!(
                "line {}: mapping key {name} already defined at line {}",
                lines.0, lines.1
            );
            self.duplicate_bytes += error.len();
            self.errors.push(error);
        }
        !pairs.is_empty()
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
            Kind::Required | Kind::OmitEmptyText | Kind::Text | Kind::Nullable => {
                Ok(self.text(id, "string")?.map(|text| Node::new(text, from)))
            }
            Kind::Int | Kind::OmitZeroInt => Ok(self.int(id)?.map(|value| Node::int(value, from))),
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
                let go = def.go_type(self.minor);
                self.list(id, &format!("[]{go}"), from, |this, item, from| {
                    Ok(this.text(item, &go)?.map(|text| Node::new(text, from)))
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
            if this.document.has_null_tag(id) && this.resolves_to_null(id)? {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::CONFIG;

    fn decoded(body: &str) -> Result<Node, String> {
        let document = Document::parse(body.as_bytes()).expect("valid YAML");
        decode(document.as_ref(), &CONFIG, 7, &mut Paths::new()).map_err(|fault| fault.to_string())
    }

    fn error(body: &str) -> String {
        match decoded(body) {
            // Not the value: it may be large.
            Ok(_) => panic!("no fault"),
            Err(fault) => fault,
        }
    }

    #[test]
    fn conversions() {
        let root = decoded(
            "storage: {files: [{path: 5, mode: 0644, overwrite: 'yes'}, ~, {path: !!binary L2E=}]}",
        );
        let root = root.expect("a config");
        let files = root
            .get(Name::Storage)
            .expect("a section")
            .items(Name::Files);
        assert_eq!(files.len(), 2);
        assert_eq!(
            (files[0].str(Name::Path), files[0].int_of(Name::Mode)),
            (Some("5"), Some(0o644))
        );
        assert!(files[0].is_true(Name::Overwrite));
        assert_eq!(files[1].str(Name::Path), Some("/a"));
    }

    #[test]
    fn type_errors_are_collected() {
        assert_eq!(
            error("storage:\n  files: hello\n  links: [{hard: maybe, path: [a]}]"),
            "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!str `hello` into []v0_7.File\n  \
             line 3: cannot unmarshal !!str `maybe` into bool\n  line 3: cannot unmarshal !!seq into string"
        );
        assert!(error("storage: !x []").ends_with("cannot unmarshal !x `` into v0_7.Storage"));
        assert!(
            error("passwd: {users: [{ssh_authorized_keys: [[a]]}]}")
                .ends_with("cannot unmarshal !!seq into v0_7.SSHAuthorizedKey")
        );
        assert!(error("storage: {filesystems: [{options: a}]}").ends_with("into []string"));
        assert_eq!(
            error("storage: {files: [{mode: !!bool 1}]}"),
            "yaml: cannot decode !!int `1` as a !!bool"
        );
    }

    #[test]
    fn merges_fill_what_is_not_set() {
        let root = decoded(
            "a: &a {path: /a, mode: 1}\nstorage: {files: [{<<: *a, mode: 2}, {<<: [{mode: 3}, *a]}]}",
        );
        let root = root.expect("a config");
        let files = root
            .get(Name::Storage)
            .expect("a section")
            .items(Name::Files);
        let modes: Vec<_> = files
            .iter()
            .map(|file| (file.str_or_empty(Name::Path), file.int_of(Name::Mode)))
            .collect();
        assert_eq!(modes, [("/a", Some(2)), ("/a", Some(3))]);
        assert!(error("storage: {<<: 5}").contains("map merge requires map or sequence of maps"));
    }

    #[test]
    fn aliases_are_bounded() {
        let itself = "storage: {files: &f [{append: [{<<: &a {source: x, <<: *a}}]}]}";
        assert_eq!(error(itself), "yaml: anchor 'a' value contains itself");
        let one = "a: &a {path: /x, mode: 1, overwrite: true}";
        let deep: String = (1..500)
            .map(|at| format!("m{at}: &m{at} {{<<: *m{}}}\n", at - 1))
            .collect();
        assert_eq!(
            error(&format!("m0: &m0 {{files: []}}\n{deep}storage: *m499")),
            "yaml: exceeded max depth of 100"
        );
        assert_eq!(
            error("x: &k storage\n*k : {}\nstorage: {}"),
            "yaml: unmarshal errors:\n  line 3: field storage already set in type v1_7.Config"
        );
        let bomb = format!(
            "{one}\nstorage: {{files: [{}]}}",
            vec!["*a"; 300_000].join(", ")
        );
        assert_eq!(error(&bomb), "yaml: document contains excessive aliasing");
    }
}

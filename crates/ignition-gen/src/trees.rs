//! Whole directories of local files.

use std::collections::HashMap;

use crate::context::Context;
use crate::files::{FileKind, clean};
use crate::resource;
use crate::tree::{Name, Node, PathId, Value};

const CONFLICT: &str = "matching filesystem node has existing contents or different type";

/// What the config already has at a path.
pub(crate) struct Nodes {
    by_path: HashMap<String, (Name, usize)>,
}

impl Nodes {
    pub(crate) fn new(storage: &Node) -> Self {
        let mut by_path = HashMap::new();
        for list in [Name::Directories, Name::Files, Name::Links] {
            for (index, node) in storage.items(list).iter().enumerate() {
                by_path.insert(node.str_or_empty(Name::Path).to_string(), (list, index));
            }
        }
        Nodes { by_path }
    }

    /// The entry at a path: an old one of the same kind, or a new one.
    pub(crate) fn entry<'a>(
        &mut self,
        storage: &'a mut Node,
        list: Name,
        path: &str,
        new: Node,
    ) -> Option<&'a mut Node> {
        let from = new.from;
        if storage.get(list).is_none() {
            storage.set(list, Node::list(Vec::new(), from));
        }
        let Some(Node {
            value: Value::List(items),
            ..
        }) = storage.get_mut(list)
        else {
            return None;
        };
        match self.by_path.get(path) {
            Some((kind, index)) if *kind == list => items.get_mut(*index),
            Some(_) => None,
            None => {
                self.by_path.insert(path.to_string(), (list, items.len()));
                items.push(new);
                items.last_mut()
            }
        }
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }
}

/// The storage section, made if there is none.
pub(crate) fn storage(root: &mut Node) -> Node {
    root.take(Name::Storage)
        .unwrap_or_else(|| Node::fields(Vec::new(), PathId::NONE))
}

/// Adds the files of every tree to the config.
pub(crate) fn add(context: &mut Context, root: &mut Node, list: &Node) {
    if list.entries().is_empty() {
        return;
    }
    let mut storage = storage(root);
    let mut nodes = Nodes::new(&storage);
    for tree in list.entries() {
        if context.files.name().is_none() {
            context.error(tree.from, &[], resource::NO_FILES_DIR);
            break;
        }
        let (inside, shown) = match resource::resolve(context, tree.str_or_empty(Name::Local)) {
            Ok(found) => found,
            Err(message) => {
                context.error(tree.from, &[], message);
                continue;
            }
        };
        match context.files.kind(&inside, true) {
            Err(error) => {
                context.error(tree.from, &[], format!("stat {shown}: {error}"));
                continue;
            }
            Ok(FileKind::Directory) => {}
            Ok(_) => {
                context.error(tree.from, &[], "root of tree must be a directory");
                continue;
            }
        }
        let path = tree.str_or_empty(Name::Path);
        let target = if path.is_empty() { "/" } else { path };
        let mut walk = Walk {
            context: &mut *context,
            storage: &mut storage,
            nodes: &mut nodes,
            tree,
        };
        walk.visit(Place {
            inside,
            shown,
            target: clean(target),
        });
    }
    root.set(Name::Storage, storage);
}

/// Where a file is: in the files directory, in messages, and on the host.
struct Place {
    inside: String,
    shown: String,
    target: String,
}

impl Place {
    fn below(&self, name: &str) -> Place {
        let join = |base: &str| match base {
            "" | "." => name.to_string(),
            "/" => format!("/{name}"),
            base => format!("{base}/{name}"),
        };
        Place {
            inside: join(&self.inside),
            shown: join(&self.shown),
            target: join(&self.target),
        }
    }
}

struct Walk<'a, 'b> {
    context: &'a mut Context<'b>,
    storage: &'a mut Node,
    nodes: &'a mut Nodes,
    tree: &'a Node,
}

impl Walk<'_, '_> {
    fn error(&mut self, message: impl Into<String>) {
        self.context.error(self.tree.from, &[], message);
    }

    /// A node with the owner that the tree gives.
    fn node(&self, path: &str) -> Node {
        let from = self.tree.from;
        let mut node = Node::fields(vec![(Name::Path, Node::text(path, from))], from);
        for name in [Name::Group, Name::User] {
            if let Some(owner) = self.tree.get(name) {
                node.set(name, owner.clone());
            }
        }
        node
    }

    /// Visits a directory and all below it, parents before children, in the
    /// order of the names. The stack is on the heap, since directories may be
    /// nested to any depth.
    fn visit(&mut self, root: Place) {
        let mut left = vec![(root, true)];
        while let Some((place, root)) = left.pop() {
            match self.context.files.kind(&place.inside, false) {
                Err(error) => self.error(format!("lstat {}: {error}", place.shown)),
                Ok(FileKind::Directory) => {
                    let below = self.directory(&place);
                    left.extend(below.into_iter().rev().map(|place| (place, false)));
                }
                Ok(FileKind::File { executable }) => self.file(&place, executable),
                Ok(FileKind::Link) if root && self.context.safe => {
                    self.error("root of tree must be a directory");
                }
                Ok(FileKind::Link) => self.link(&place),
                Ok(FileKind::Other) => {
                    self.error("trees may only contain files, directories, and symlinks");
                }
            }
        }
    }

    /// What is in the directory; adds the directory itself if it has an owner
    /// or a mode.
    fn directory(&mut self, place: &Place) -> Vec<Place> {
        let target = place.target.as_str();
        let mut names = match self.context.files.list(&place.inside) {
            Ok(names) => names,
            Err(error) => {
                self.error(format!("open {}: {error}", place.shown));
                return Vec::new();
            }
        };
        names.sort_unstable();
        let owned = |name| {
            self.tree.get(name).is_some_and(
                |node| matches!(&node.value, Value::Fields(fields) if !fields.is_empty()),
            )
        };
        let mode = self.tree.int_of(Name::DirMode);
        if owned(Name::User) || owned(Name::Group) || mode.is_some() {
            if self.nodes.has(target) {
                self.error(CONFLICT);
            } else {
                let from = self.tree.from;
                let mut node = self.node(target);
                node.set(Name::Mode, Node::int(mode.unwrap_or(0o755), from));
                self.nodes
                    .entry(self.storage, Name::Directories, target, node);
            }
        }
        names.iter().map(|name| place.below(name)).collect()
    }

    fn file(&mut self, place: &Place, executable: bool) {
        let Place {
            inside,
            shown,
            target,
        } = place;
        let from = self.tree.from;
        let new = self.node(target);
        let Some(file) = self.nodes.entry(self.storage, Name::Files, target, new) else {
            return self.error(CONFLICT);
        };
        if file
            .get(Name::Contents)
            .is_some_and(|contents| !contents.str_or_empty(Name::Source).is_empty())
        {
            return self.error(CONFLICT);
        }
        let contents = match self.context.files.read(inside) {
            Ok(contents) => contents,
            Err(error) => return self.error(format!("open {shown}: {error}")),
        };
        let mut resource = file
            .take(Name::Contents)
            .unwrap_or_else(|| Node::fields(Vec::new(), from));
        let mut compression = resource.str_or_empty(Name::Compression).to_string();
        if self.context.safe {
            // The reference would keep `compression` and embed the file uncompressed.
            compression.clear();
            resource.take(Name::Compression);
        }
        resource::set_contents(self.context, &mut resource, &contents, &compression, from);
        resource.from = from;
        file.set(Name::Contents, resource);
        if file.get(Name::Mode).is_none() {
            let mode =
                self.tree
                    .int_of(Name::FileMode)
                    .unwrap_or(if executable { 0o755 } else { 0o644 });
            file.set(Name::Mode, Node::int(mode, from));
        }
    }

    fn link(&mut self, place: &Place) {
        let Place {
            inside,
            shown,
            target,
        } = place;
        let from = self.tree.from;
        let new = self.node(target);
        let Some(link) = self.nodes.entry(self.storage, Name::Links, target, new) else {
            return self.error(CONFLICT);
        };
        if !link.str_or_empty(Name::Target).is_empty() {
            return self.error(CONFLICT);
        }
        match self.context.files.link(inside) {
            Ok(text) => link.set(Name::Target, Node::text(text, from)),
            Err(error) => self.error(format!("readlink {shown}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let root = Place {
            inside: String::new(),
            shown: ".".into(),
            target: "/".into(),
        };
        let file = root.below("a").below("b");
        assert_eq!(
            (
                file.inside.as_str(),
                file.shown.as_str(),
                file.target.as_str()
            ),
            ("a/b", "a/b", "/a/b")
        );
    }

    #[test]
    fn entries_are_of_one_kind() {
        let file = |path: &str| {
            Node::fields(
                vec![(Name::Path, Node::text(path, PathId::NONE))],
                PathId::NONE,
            )
        };
        let mut storage = Node::fields(
            vec![(Name::Files, Node::list(vec![file("/a")], PathId::NONE))],
            PathId::NONE,
        );
        let mut nodes = Nodes::new(&storage);
        assert!(
            nodes
                .entry(&mut storage, Name::Links, "/a", file("/a"))
                .is_none()
        );
        assert!(
            nodes
                .entry(&mut storage, Name::Files, "/a", file("/a"))
                .is_some()
        );
        assert!(
            nodes
                .entry(&mut storage, Name::Files, "/b", file("/b"))
                .is_some()
        );
        assert_eq!(storage.items(Name::Files).len(), 2);
        assert!(nodes.has("/b") && !nodes.has("/c"));
    }
}

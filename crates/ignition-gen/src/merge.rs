//! Two configs to one, by the rules by which Ignition merges configs: the
//! parent's order, the child's values.

use std::collections::HashMap;
use std::rc::Rc;

use crate::schema::{Def, Field, Key, Kind};
use crate::tree::{Name, Node, Value};

/// The lists whose items are one namespace: a path is one kind of node only.
const NODE_LISTS: [Name; 3] = [Name::Directories, Name::Files, Name::Links];

/// What makes an item of the list unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ItemKey {
    Text(Rc<str>),
    Number(i64),
}

/// The key of an item in a list of structs.
pub(crate) fn struct_key(def: &Def, item: &Node) -> Option<ItemKey> {
    let text = |name| item.get(name).and_then(Node::as_text).cloned().unwrap_or_else(|| "".into());
    match def.key {
        Key::None => None,
        Key::Field(name) => Some(ItemKey::Text(text(name))),
        Key::Partition => Some(match item.int_of(Name::Number).unwrap_or(0) {
            0 => ItemKey::Text(text(Name::Label)),
            number => ItemKey::Number(number),
        }),
    }
}

/// Whether a list is just joined: repetition in it has a meaning.
pub(crate) fn repeats(name: Name) -> bool {
    matches!(name, Name::Append | Name::Options | Name::MountOptions | Name::OpenOptions)
}

/// The key of an item of a list of any kind.
pub(crate) fn item_key(field: &Field, item: &Node) -> Option<ItemKey> {
    if repeats(field.name) {
        return None;
    }
    match field.kind {
        Kind::List(def) => struct_key(def, item),
        _ => item.as_text().map(|text| ItemKey::Text(text.clone())),
    }
}

/// Merges two structs.
pub(crate) fn merge(def: &'static Def, parent: Node, child: Node, minor: u8) -> Node {
    let (mut parent, child_from) = (parent, child.from);
    let Value::Fields(child_fields) = child.value else {
        return parent;
    };
    let from = if child_from.is_some() { child_from } else { parent.from };
    let mut child = Node::fields(child_fields, child_from);
    for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
        let Some(old) = parent.take(field.name) else {
            continue;
        };
        let merged = match (child.take(field.name), field.kind) {
            (None, _) => old,
            (Some(new), Kind::Sub(def) | Kind::Optional(def)) => merge(def, old, new, minor),
            (Some(new), Kind::List(_) | Kind::Texts(_)) => merge_lists(field, old, new, &child, minor),
            // An empty text that cannot be unset counts as unset.
            (Some(new), Kind::Required | Kind::Filled) if new.as_text().is_some_and(|text| text.is_empty()) => old,
            (Some(new), _) => new,
        };
        child.set(field.name, merged);
    }
    child.from = from;
    child
}

fn merge_lists(field: &Field, parent: Node, child: Node, siblings: &Node, minor: u8) -> Node {
    let from = if child.from.is_some() { child.from } else { parent.from };
    let (Value::List(old), Value::List(new)) = (parent.value, child.value) else {
        return Node::list(Vec::new(), from);
    };
    let mut index: HashMap<ItemKey, usize> = HashMap::new();
    for (at, item) in new.iter().enumerate() {
        if let Some(key) = item_key(field, item) {
            index.entry(key).or_insert(at);
        }
    }
    let mut new: Vec<Option<Node>> = new.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(old.len() + new.len());
    for item in old {
        let key = item_key(field, &item);
        let same = key.as_ref().and_then(|key| index.get(key)).and_then(|at| new[*at].take());
        match (same, field.kind) {
            (Some(same), Kind::List(def)) => merged.push(merge(def, item, same, minor)),
            (Some(same), _) => merged.push(same),
            (None, _) if elsewhere(field.name, key.as_ref(), siblings) => {}
            (None, _) => merged.push(item),
        }
    }
    merged.extend(new.into_iter().flatten());
    Node::list(merged, from)
}

/// Whether the child has the same path as another kind of node.
fn elsewhere(list: Name, key: Option<&ItemKey>, siblings: &Node) -> bool {
    let Some(ItemKey::Text(path)) = key.filter(|_| NODE_LISTS.contains(&list)) else {
        return false;
    };
    let others = NODE_LISTS.iter().filter(|other| **other != list);
    others.flat_map(|other| siblings.items(*other)).any(|node| node.str_or_empty(Name::Path) == &**path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SYSTEMD;
    use crate::tree::PathId;

    fn unit(name: &str, contents: Option<&str>, enabled: Option<bool>) -> Node {
        let none = PathId::NONE;
        let mut node = Node::fields(vec![(Name::NameOf, Node::text(name, none))], none);
        if let Some(contents) = contents {
            node.set(Name::Contents, Node::text(contents, none));
        }
        if let Some(enabled) = enabled {
            node.set(Name::Enabled, Node::bool(enabled, none));
        }
        node
    }

    fn units(items: Vec<Node>) -> Node {
        Node::fields(vec![(Name::Units, Node::list(items, PathId::NONE))], PathId::NONE)
    }

    #[test]
    fn the_childs_fields_win_in_the_parents_order() {
        let parent = units(vec![unit("a", Some("old"), Some(true)), unit("b", None, None)]);
        let child = units(vec![unit("c", None, None), unit("a", None, Some(false))]);
        let merged = merge(&SYSTEMD, parent, child, 7);
        let names: Vec<_> = merged.items(Name::Units).iter().map(|unit| unit.str_or_empty(Name::NameOf)).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let first = &merged.items(Name::Units)[0];
        assert_eq!((first.str(Name::Contents), first.bool_of(Name::Enabled)), (Some("old"), Some(false)));
    }
}

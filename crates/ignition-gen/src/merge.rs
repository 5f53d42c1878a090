//! Two configs to one, by the rules by which Ignition merges configs: the
//! parent's order, the child's values.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::emit::empty;
use crate::schema::{Def, Field, Key, Kind};
use crate::tree::{Name, Node, PathId, Value};

/// The lists whose items are one namespace: a path is one kind of node only.
const NODE_LISTS: [Name; 3] = [Name::Directories, Name::Files, Name::Links];

/// What makes an item of the list unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ItemKey {
    Text(Rc<str>),
    Label(Rc<str>),
    Number(i64),
}

/// The key of an item in a list of structs.
pub(crate) fn struct_key(def: &Def, item: &Node) -> Option<ItemKey> {
    let text = |name| {
        item.get(name)
            .and_then(Node::as_text)
            .cloned()
            .unwrap_or_else(|| "".into())
    };
    match def.key {
        Key::None => None,
        Key::Field(name) => Some(ItemKey::Text(text(name))),
        Key::Partition => Some(
            match (
                item.int_of(Name::Number).unwrap_or(0),
                item.str(Name::Label),
            ) {
                (0, Some(label)) => ItemKey::Label(label.into()),
                (0, None) => ItemKey::Text("".into()),
                (number, _) => ItemKey::Number(number),
            },
        ),
    }
}

/// Whether two lists of this name are joined, because repeated items in them
/// have a meaning.
pub(crate) fn repeats(name: Name) -> bool {
    matches!(name, Name::Append | Name::Options | Name::MountOptions)
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

/// Merges two structs. The result forgets where empty values come from, as
/// the reference does.
pub(crate) fn merge(def: &'static Def, parent: Node, child: Node, minor: u8) -> Node {
    let from = if child.from.is_some() {
        child.from
    } else {
        parent.from
    };
    let (mut parent, mut child) = (parent, child);
    for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
        let merged = match (parent.take(field.name), child.take(field.name), field.kind) {
            (None, None, _) => continue,
            // A field that cannot be unset is always the child's, even if empty.
            (_, new, Kind::Required | Kind::OmitEmptyText | Kind::OmitZeroInt) => {
                new.map(|node| settled(field, node, minor))
            }
            (Some(old), Some(new), Kind::Optional(def)) => Some(merge(def, old, new, minor)),
            (Some(old), Some(new), Kind::Sub(_)) if empty(field.kind, Some(&new), minor) => {
                drop(new);
                Some(settled(field, old, minor))
            }
            (Some(old), Some(new), Kind::Sub(_)) if empty(field.kind, Some(&old), minor) => {
                drop(old);
                Some(settled(field, new, minor))
            }
            (Some(old), Some(new), Kind::Sub(def)) => Some(merge(def, old, new, minor)),
            (Some(old), Some(new), Kind::List(_) | Kind::Texts(_)) => {
                Some(merge_lists(field, old, new, &child, minor))
            }
            (_, Some(new), _) => Some(settled(field, new, minor)),
            (Some(old), None, Kind::List(_)) => {
                let none = Node::list(Vec::new(), PathId::NONE);
                Some(merge_lists(field, old, none, &child, minor))
            }
            (Some(old), None, _) => Some(settled(field, old, minor)),
        };
        if let Some(merged) = merged {
            child.set(field.name, merged);
        }
    }
    child.from = from;
    child
}

/// A value taken over as a whole.
fn settled(field: &Field, mut node: Node, minor: u8) -> Node {
    settle(field.kind, &mut node, minor);
    node
}

/// Forgets the origin of empty values. Returns whether the value is not empty.
fn settle(kind: Kind, node: &mut Node, minor: u8) -> bool {
    let filled = match (kind, &mut node.value) {
        (Kind::Required | Kind::OmitEmptyText | Kind::Texts(_), Value::Text(text)) => {
            !text.is_empty()
        }
        (Kind::OmitZeroInt, Value::Int(value)) => *value != 0,
        (Kind::Sub(def) | Kind::Optional(def) | Kind::List(def), Value::Fields(fields)) => {
            let mut filled = false;
            for (name, value) in fields {
                if let Some(field) = def.field(*name, minor, true) {
                    filled |= settle(field.kind, value, minor);
                }
            }
            filled
        }
        (kind, Value::List(items)) => items
            .iter_mut()
            .fold(false, |filled, item| settle(kind, item, minor) | filled),
        _ => true,
    };
    if !filled {
        node.from = PathId::NONE;
    }
    filled
}

fn merge_lists(field: &Field, parent: Node, child: Node, siblings: &Node, minor: u8) -> Node {
    let (Value::List(old), Value::List(mut new)) = (parent.value, child.value) else {
        return Node::list(Vec::new(), PathId::NONE);
    };
    let mut from = if new.is_empty() || !child.from.is_some() {
        parent.from
    } else {
        child.from
    };
    // Of several items with one key the last one counts.
    let mut index: HashMap<ItemKey, usize> = HashMap::new();
    for (at, item) in new.iter().enumerate() {
        if let Some(key) = item_key(field, item) {
            index.insert(key, at);
        }
    }
    let mut taken: HashSet<ItemKey> = HashSet::new();
    let mut merged = Vec::with_capacity(old.len() + new.len());
    for item in old {
        let key = item_key(field, &item);
        let own = key.as_ref().and_then(|key| index.get(key));
        let elsewhere = elsewhere(field.name, key.as_ref(), own.is_some(), siblings);
        match (own, field.kind) {
            _ if elsewhere => {}
            (Some(at), Kind::List(def)) => merged.push(merge(def, item, new[*at].clone(), minor)),
            (Some(at), _) => merged.push(settled(field, new[*at].clone(), minor)),
            (None, _) => merged.push(settled(field, item, minor)),
        }
        taken.extend(key);
    }
    new.retain(|item| item_key(field, item).is_none_or(|key| !taken.contains(&key)));
    merged.extend(new.into_iter().map(|item| settled(field, item, minor)));
    if merged.is_empty() {
        from = PathId::NONE;
    }
    Node::list(merged, from)
}

/// Whether the child has the same path as another kind of node. If it has it
/// as this kind too, the last kind counts.
fn elsewhere(list: Name, key: Option<&ItemKey>, own: bool, siblings: &Node) -> bool {
    let Some(ItemKey::Text(path)) = key else {
        return false;
    };
    let Some(at) = NODE_LISTS.iter().position(|other| *other == list) else {
        return false;
    };
    let mut others = NODE_LISTS
        .iter()
        .enumerate()
        .filter(|(other, _)| *other > at || *other < at && !own);
    others.any(|(_, other)| {
        siblings
            .items(*other)
            .iter()
            .any(|node| node.str_or_empty(Name::Path) == &**path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{STORAGE, SYSTEMD};

    fn unit(name: &str, contents: Option<&str>, enabled: Option<bool>) -> Node {
        let none = PathId::NONE;
        let mut node = Node::fields(vec![(Name::Name, Node::text(name, none))], none);
        if let Some(contents) = contents {
            node.set(Name::Contents, Node::text(contents, none));
        }
        if let Some(enabled) = enabled {
            node.set(Name::Enabled, Node::bool(enabled, none));
        }
        node
    }

    fn units(items: Vec<Node>) -> Node {
        Node::fields(
            vec![(Name::Units, Node::list(items, PathId::NONE))],
            PathId::NONE,
        )
    }

    #[test]
    fn a_path_is_one_kind_of_node() {
        let none = PathId::NONE;
        let nodes = |lists: &[Name]| {
            let node = || Node::fields(vec![(Name::Path, Node::text("/a", none))], none);
            Node::fields(
                lists
                    .iter()
                    .map(|list| (*list, Node::list(vec![node()], none)))
                    .collect(),
                none,
            )
        };
        let counts = |child: &[Name]| {
            let merged = merge(&STORAGE, nodes(&[Name::Files]), nodes(child), 7);
            NODE_LISTS.map(|list| merged.items(list).len())
        };
        assert_eq!(counts(&[]), [0, 1, 0]);
        assert_eq!(counts(&[Name::Files]), [0, 1, 0]);
        assert_eq!(counts(&[Name::Links]), [0, 0, 1]);
        assert_eq!(counts(&[Name::Directories, Name::Files]), [1, 1, 0]);
        assert_eq!(counts(&[Name::Files, Name::Links]), [0, 0, 1]);
    }

    #[test]
    fn the_childs_fields_win_in_the_parents_order() {
        let parent = units(vec![
            unit("a", Some("old"), Some(true)),
            unit("b", None, None),
        ]);
        let child = units(vec![unit("c", None, None), unit("a", None, Some(false))]);
        let merged = merge(&SYSTEMD, parent, child, 7);
        let names: Vec<_> = merged
            .items(Name::Units)
            .iter()
            .map(|unit| unit.str_or_empty(Name::Name))
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        let first = &merged.items(Name::Units)[0];
        assert_eq!(
            (first.str(Name::Contents), first.bool_of(Name::Enabled)),
            (Some("old"), Some(false))
        );
    }
}

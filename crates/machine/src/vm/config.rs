//! The config that Ignition acts on: the configs inside it merged or put in its
//! place, as Ignition's own engine does (`internal/exec/engine.go`, and the keys
//! of `config/v3_*/types`). Pure.

use serde_json::{Map, Value};

use crate::ignition::view::{Contents, decode, list};

/// How many configs may be nested before the rest is not looked at.
const DEPTH: usize = 8;

/// A config as the machine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// All configs in one.
    pub config: Value,
    /// Configs that could not be followed: where, and why.
    pub unread: Vec<(String, String)>,
}

/// Follows `ignition.config.replace` and `ignition.config.merge` as far as the
/// configs are in data URLs.
pub fn rendered(config: &Value) -> Rendered {
    let mut unread = Vec::new();
    let config = follow("$", config, DEPTH, &mut unread);
    Rendered { config, unread }
}

fn follow(path: &str, config: &Value, depth: usize, unread: &mut Vec<(String, String)>) -> Value {
    let inner = &config["ignition"]["config"];
    let mut own = config.clone();
    if let Some(ignition) = own.get_mut("ignition").and_then(Value::as_object_mut) {
        ignition.remove("config");
    }
    let replace = &inner["replace"];
    if replace["source"].is_string() {
        let path = format!("{path}.ignition.config.replace");
        // Nothing of this config counts if it is replaced, known or not.
        return inside(&path, replace, depth, unread).unwrap_or(Value::Null);
    }
    for (at, resource) in list(&inner["merge"]).enumerate() {
        let path = format!("{path}.ignition.config.merge.{at}");
        if let Some(child) = inside(&path, resource, depth, unread) {
            own = merge("", own, child);
        }
    }
    own
}

fn inside(
    path: &str,
    resource: &Value,
    depth: usize,
    unread: &mut Vec<(String, String)>,
) -> Option<Value> {
    let why = match decode(resource) {
        Contents::Here(_) if depth == 0 => "nested too deep".to_owned(),
        Contents::Here(bytes) => match serde_json::from_slice(&bytes) {
            Ok(child) => return Some(follow(path, &child, depth - 1, unread)),
            Err(error) => format!("no JSON: {error}"),
        },
        Contents::Remote { url, .. } => format!("the machine fetches it from {url}"),
        Contents::Nothing => return None,
        Contents::Unreadable => "a data URL that cannot be read".to_owned(),
    };
    unread.push((path.to_owned(), why));
    None
}

/// What makes an item of a list of structs the same as another.
fn key_of(list: &str, item: &Value) -> Option<String> {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    match list {
        "users" | "groups" | "raid" | "luks" | "units" | "dropins" => Some(text("name")),
        "disks" | "filesystems" => Some(text("device")),
        "files" | "directories" | "links" => Some(text("path")),
        "tang" => Some(text("url")),
        "partitions" => Some(match item["number"].as_u64().unwrap_or(0) {
            0 => format!("label {}", text("label")),
            number => format!("number {number}"),
        }),
        _ => None,
    }
}

/// The parent's order, the child's values. `name` is the key under which both
/// stand.
fn merge(name: &str, parent: Value, child: Value) -> Value {
    match (parent, child) {
        (parent, Value::Null) => parent,
        (Value::Object(mut parent), Value::Object(child)) => {
            if name == "storage" {
                yield_paths(&mut parent, &child);
            }
            for (key, value) in child {
                let old = parent.remove(&key).unwrap_or(Value::Null);
                let merged = match (&old, key.as_str()) {
                    // A resource is one thing: its hash is not another's.
                    (Value::Object(_), "contents" | "keyFile") if value.is_object() => {
                        resource(old, value)
                    }
                    _ => merge(&key, old, value),
                };
                parent.insert(key, merged);
            }
            Value::Object(parent)
        }
        (Value::Array(parent), Value::Array(child)) => Value::Array(lists(name, parent, child)),
        (_, child) => child,
    }
}

/// Contents with a new source are new; without one, the old source stays.
fn resource(old: Value, new: Value) -> Value {
    if new["source"].is_string() {
        return new;
    }
    merge("", old, new)
}

fn lists(name: &str, mut parent: Vec<Value>, child: Vec<Value>) -> Vec<Value> {
    // In these, repetition has a meaning: the lists are joined.
    let joined = matches!(name, "append" | "options" | "mountOptions");
    for item in child {
        let same = |old: &Value| match key_of(name, &item) {
            Some(key) if item.is_object() => key_of(name, old) == Some(key),
            _ => *old == item,
        };
        match parent.iter().position(same) {
            Some(at) if !joined => {
                let old = std::mem::take(&mut parent[at]);
                parent[at] = merge("", old, item);
            }
            _ => parent.push(item),
        }
    }
    parent
}

/// A path is one kind of node only: where the child has it as another kind, the
/// parent's goes.
fn yield_paths(parent: &mut Map<String, Value>, child: &Map<String, Value>) {
    const KINDS: [&str; 3] = ["directories", "files", "links"];
    for kind in KINDS {
        let others = KINDS.iter().filter(|other| **other != kind);
        let taken: Vec<&Value> = others
            .filter_map(|other| child.get(*other)?.as_array())
            .flatten()
            .map(|node| &node["path"])
            .collect();
        if let Some(Value::Array(nodes)) = parent.get_mut(kind) {
            nodes.retain(|node| !taken.contains(&&node["path"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn data(config: &Value) -> Value {
        let text = STANDARD.encode(config.to_string());
        json!({ "source": format!("data:;base64,{text}") })
    }

    #[test]
    fn the_childs_values_and_the_parents_order() {
        let child = json!({
            "storage": {
                "files": [{ "path": "/b", "mode": 384 }, { "path": "/c" }],
                "links": [{ "path": "/a", "target": "/x" }],
                "filesystems": [{ "device": "/dev/x", "mountOptions": ["b"] }],
            },
            "passwd": { "users": [{ "name": "core", "groups": ["two"] }] },
        });
        let parent = json!({
            "ignition": { "version": "3.4.0", "config": { "merge": [data(&child)] } },
            "storage": {
                "files": [
                    { "path": "/a" },
                    { "path": "/b", "mode": 420, "contents": { "source": "data:,b" } },
                ],
                "filesystems": [{ "device": "/dev/x", "format": "ext4", "mountOptions": ["b"] }],
            },
            "passwd": { "users": [{ "name": "core", "groups": ["one", "two"] }] },
        });
        let rendered = rendered(&parent);
        assert_eq!(rendered.unread, []);
        assert_eq!(
            rendered.config,
            json!({
                "ignition": { "version": "3.4.0" },
                "storage": {
                    "files": [
                        { "path": "/b", "mode": 384, "contents": { "source": "data:,b" } },
                        { "path": "/c" },
                    ],
                    "links": [{ "path": "/a", "target": "/x" }],
                    "filesystems":
                        [{ "device": "/dev/x", "format": "ext4", "mountOptions": ["b", "b"] }],
                },
                "passwd": { "users": [{ "name": "core", "groups": ["one", "two"] }] },
            })
        );
    }

    #[test]
    fn partitions_are_the_same_by_number_or_else_by_label() {
        let disk = |partitions: Value| json!({ "storage": { "disks": [{ "device": "/dev/x", "partitions": partitions }] } });
        let mut parent = disk(json!([{ "number": 1, "label": "a" }, { "label": "b" }]));
        let child = disk(json!([{ "number": 1, "label": "c" }, { "label": "b", "sizeMiB": 1 }]));
        parent["ignition"] = json!({ "config": { "merge": [data(&child)] } });
        assert_eq!(
            rendered(&parent).config["storage"]["disks"][0]["partitions"],
            json!([{ "number": 1, "label": "c" }, { "label": "b", "sizeMiB": 1 }])
        );
    }

    #[test]
    fn a_replacement_leaves_nothing_of_the_first() {
        let child = json!({ "storage": { "files": [{ "path": "/b" }] } });
        let parent = json!({
            "ignition": { "config": { "replace": data(&child), "merge": [data(&child)] } },
            "storage": { "files": [{ "path": "/a" }] },
        });
        assert_eq!(rendered(&parent).config, child);
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let parent = json!({
            "ignition": { "config": { "merge": [
                { "source": "https://example.org/a.ign" },
                { "source": "data:,{" },
                { "source": "data:;base64,?" },
            ] } },
            "storage": { "files": [{ "path": "/a" }] },
        });
        let rendered = rendered(&parent);
        assert_eq!(rendered.config["storage"], parent["storage"]);
        let paths: Vec<_> = rendered.unread.iter().map(|(path, _)| &path[..]).collect();
        assert_eq!(
            paths,
            [
                "$.ignition.config.merge.0",
                "$.ignition.config.merge.1",
                "$.ignition.config.merge.2"
            ]
        );
        assert!(rendered.unread[0].1.contains("https://example.org/a.ign"));
    }
}

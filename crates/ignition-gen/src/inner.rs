//! Configs that a config embeds: checked by the rules of this config's own
//! Ignition version, and by no other.

use crate::context::Context;
use crate::go_json::{self, Json, JsonError};
use crate::ignition_check;
use crate::lower::spec;
use crate::report::{Entry, Severity};
use crate::schema::{CONFIG, Def, Kind};
use crate::tree::Name::{Ignition, Version};
use crate::tree::{Node, PathId, Step, path_text};

const NONE: PathId = PathId::NONE;

/// Checks the embedded config `contents`, which is a resource's `inline`.
pub(crate) fn check(context: &mut Context, resource: &Node, field: PathId, contents: &[u8]) {
    let parsed = go_json::parse(contents).and_then(|json| {
        let mut unknown = Vec::new();
        let mut decoder = Decoder { minor: context.minor, path: Vec::new(), unknown: &mut unknown, error: None };
        let root = decoder.structure(&json, &CONFIG, "Config").unwrap_or_else(|| Node::fields(Vec::new(), NONE));
        match decoder.error {
            Some(error) => Err(error),
            None => Ok((root, unknown)),
        }
    });
    let (root, unknown) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            context.add(Severity::Error, &[], error.to_string());
            context.error(field, &[], "config is not valid");
            return;
        }
    };
    let version = root.get(Ignition).map_or("", |ignition| ignition.str_or_empty(Version));
    match is_semver(version) {
        true if version != spec(context.minor) => {
            context.warn(
                resource.from,
                &[Version],
                "skipping validation for the merge/replace ignition config due to an unkown version",
            );
            return;
        }
        true => {}
        false => {
            let steps = [Step::Key("ignition".into()), Step::Key("version".into())];
            let position = context.position_of_values(&steps);
            context.report.entries.push(Entry {
                severity: Severity::Error,
                path: path_text(&steps, true),
                position,
                message: "invalid config version (couldn't parse)".into(),
            });
        }
    }
    ignition_check::check_inner(context, &root);
    for steps in unknown {
        let position = context.position_of_values(&steps);
        let key = if let Some(Step::Key(key)) = steps.last() { key.to_string() } else { String::new() };
        context.report.entries.push(Entry {
            severity: Severity::Warning,
            path: path_text(&steps, true),
            position,
            message: format!("unused key {key}"),
        });
    }
}

/// Three numbers, and perhaps a suffix after `-` or `+`.
pub(crate) fn is_semver(version: &str) -> bool {
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let version = version.split_once('-').map_or(version, |(version, _)| version);
    let numbers: Vec<&str> = version.split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<i64>().is_ok())
}

struct Decoder<'a> {
    minor: u8,
    path: Vec<Step>,
    /// Paths of keys that no field has.
    unknown: &'a mut Vec<Vec<Step>>,
    /// The first value of a wrong type; decoding goes on after it.
    error: Option<JsonError>,
}

impl Decoder<'_> {
    fn mismatch(&mut self, json: &Json, owner: &str, wanted: &str) {
        if self.error.is_none() {
            let names: Vec<&str> =
                self.path.iter().filter_map(|step| if let Step::Key(key) = step { Some(&**key) } else { None }).collect();
            let value = match json {
                Json::Number(number) if wanted == "int" => format!("number {number}"),
                json => json.kind(),
            };
            let field = if names.is_empty() { "value".into() } else { format!("struct field {owner}.{}", names.join(".")) };
            self.error = Some(JsonError(format!("json: cannot unmarshal {value} into Go {field} of type {wanted}")));
        }
    }

    fn structure(&mut self, json: &Json, def: &'static Def, owner: &str) -> Option<Node> {
        let fields = match json {
            Json::Object(fields) => fields,
            Json::Null => return None,
            json => {
                self.mismatch(json, owner, &format!("types.{}", go_name(def)));
                return None;
            }
        };
        let mut node = Node::fields(Vec::new(), NONE);
        for (key, value) in fields {
            let known = |exact: bool| {
                def.fields.iter().filter(|field| field.in_ignition(self.minor)).find(|field| {
                    let name = field.name.json();
                    if exact { name == key } else { name.eq_ignore_ascii_case(key) }
                })
            };
            let field = known(true).or_else(|| known(false));
            // Keys are matched without regard to case, and still count as unknown.
            let name = field.map_or(key.as_str(), |field| field.name.json());
            self.path.push(Step::Key(name.into()));
            if field.is_none_or(|field| field.name.json() != key) {
                let mut steps = self.path.clone();
                steps.pop();
                steps.push(Step::Key(key.as_str().into()));
                self.unknown.push(steps);
            }
            if let Some(field) = field {
                if let Some(value) = self.value(value, field.kind, go_name(def)) {
                    node.set(field.name, value);
                }
            }
            self.path.pop();
        }
        Some(node)
    }

    fn value(&mut self, json: &Json, kind: Kind, owner: &str) -> Option<Node> {
        match (kind, json) {
            (_, Json::Null) => None,
            (Kind::Required | Kind::Filled | Kind::Text | Kind::Nullable, Json::Text(text)) => Some(Node::text(text.as_str(), NONE)),
            (Kind::Bool, Json::Bool(value)) => Some(Node::bool(*value, NONE)),
            (Kind::Int | Kind::Count, Json::Number(number)) => match number.parse() {
                Ok(value) => Some(Node::int(value, NONE)),
                Err(_) => {
                    self.mismatch(json, owner, "int");
                    None
                }
            },
            (Kind::Sub(def) | Kind::Optional(def), json) => self.structure(json, def, owner),
            (Kind::List(def), Json::List(items)) => {
                let item = |this: &mut Self, item: &Json| {
                    Some(this.structure(item, def, owner).unwrap_or_else(|| Node::fields(Vec::new(), NONE)))
                };
                self.list(items, item)
            }
            (Kind::Texts(_), Json::List(items)) => {
                let item = |this: &mut Self, item: &Json| match item {
                    Json::Null => Some(Node::text("", NONE)),
                    item => this.value(item, Kind::Text, owner),
                };
                self.list(items, item)
            }
            (kind, json) => {
                let wanted = match kind {
                    Kind::Int | Kind::Count => "int".into(),
                    Kind::Bool => "bool".into(),
                    Kind::List(def) => format!("[]types.{}", go_name(def)),
                    Kind::Texts("string") => "[]string".into(),
                    Kind::Texts(name) => format!("[]types.{}", name.split('|').next_back().unwrap_or(name)),
                    _ => "string".into(),
                };
                self.mismatch(json, owner, &wanted);
                None
            }
        }
    }

    fn list(&mut self, items: &[Json], mut item: impl FnMut(&mut Self, &Json) -> Option<Node>) -> Option<Node> {
        let mut nodes = Vec::new();
        for (index, value) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            nodes.extend(item(self, value));
            self.path.pop();
        }
        Some(Node::list(nodes, NONE))
    }
}

/// The name of the struct without its package.
fn go_name(def: &Def) -> &'static str {
    let name = def.go.split_once('|').map_or(def.go, |(_, later)| later);
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for version in ["3.5.0", "3.7.0-experimental", "10.0.0", "3.1.0+x"] {
            assert!(is_semver(version), "{version}");
        }
        for version in ["", "x", "3.5", "3.5.0.0", "v3.5.0", "3.5.x"] {
            assert!(!is_semver(version), "{version}");
        }
    }
}

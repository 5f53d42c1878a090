//! Ignition configs that a config embeds, to merge or to replace: checked by the
//! rules of the outer config's Ignition version, and of no other version.

use crate::context::Context;
use crate::go_json::{self, Json, JsonError};
use crate::ignition_check;
use crate::report::{Entry, Severity};
use crate::schema::{CONFIG, Def, Kind};
use crate::tree::{Name, Node, PathId, Step, path_text};
use crate::version;

const NONE: PathId = PathId::NONE;

/// Checks the embedded config `contents`, which is a resource's `inline`.
pub(crate) fn check(context: &mut Context, resource: &Node, field: PathId, contents: &[u8]) {
    let parsed = go_json::parse(contents).and_then(|json| {
        let mut decoder = Decoder {
            minor: context.minor,
            path: Vec::new(),
            error: None,
        };
        let root = decoder
            .structure(&json, &CONFIG, "Config")
            .unwrap_or_else(|| Node::fields(Vec::new(), NONE));
        match decoder.error {
            Some(error) => Err(error),
            None => Ok((root, json)),
        }
    });
    let (root, json) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            context.add(Severity::Error, &[], error.to_string());
            context.error(field, &[], "config is not valid");
            return;
        }
    };
    let version = root
        .get(Name::Ignition)
        .map_or("", |ignition| ignition.str_or_empty(Name::Version));
    if version::normalize(version)
        .is_some_and(|version| version != version::ignition_version(context.minor))
    {
        // The spelling is the reference's.
        context.warn(
            resource.from,
            &[Name::Version],
            "skipping validation for the merge/replace ignition config due to an unkown version",
        );
        return;
    }
    ignition_check::check_embedded(context, &root);
    unknown_keys(context, &json, &CONFIG, &mut Vec::new());
}

/// Warns of keys that the struct does not have; their case matters here, other than
/// where values are decoded.
fn unknown_keys(context: &mut Context, json: &Json, def: &'static Def, path: &mut Vec<Step>) {
    let fields = match json {
        Json::Object(fields) => fields,
        _ => {
            let shown = path_text(path, true);
            let message = format!(
                "context tree does not match content tree at {shown}. Line and column reporting may be inconsistent. \
                 Unused keys may not be reported"
            );
            return warn(context, path, message);
        }
    };
    let minor = context.minor;
    let known = |name: &str| {
        def.fields
            .iter()
            .find(|field| field.in_ignition(minor) && field.name.json() == name)
    };
    for (key, _) in fields.iter().filter(|(key, _)| known(key).is_none()) {
        path.push(Step::Key(key.as_str().into()));
        warn(context, path, format!("unused key {key}"));
        path.pop();
    }
    for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
        let Some((_, value)) = fields.iter().rfind(|(key, _)| key == field.name.json()) else {
            continue;
        };
        path.push(Step::Key(field.name.json().into()));
        match (field.kind, value) {
            (Kind::Optional(_), Json::Null) => {}
            (Kind::Sub(def) | Kind::Optional(def), value) => {
                unknown_keys(context, value, def, path);
            }
            (Kind::List(def), Json::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    unknown_keys(context, item, def, path);
                    path.pop();
                }
            }
            _ => {}
        }
        path.pop();
    }
}

fn warn(context: &mut Context, path: &[Step], message: String) {
    let position = context.position_of_values(path);
    context.report.entries.push(Entry {
        severity: Severity::Warning,
        path: path_text(path, true),
        position,
        message,
    });
}

struct Decoder {
    minor: u8,
    path: Vec<Step>,
    /// The first value of a wrong type; decoding goes on after it.
    error: Option<JsonError>,
}

impl Decoder {
    fn mismatch(&mut self, json: &Json, owner: &str, wanted: &str) {
        if self.error.is_none() {
            let names: Vec<&str> = self
                .path
                .iter()
                .filter_map(|step| {
                    if let Step::Key(key) = step {
                        Some(&**key)
                    } else {
                        None
                    }
                })
                .collect();
            let value = match json {
                Json::Number(number) if wanted == "int" => format!("number {number}"),
                json => json.kind(),
            };
            let field = if names.is_empty() {
                "value".into()
            } else {
                format!("struct field {owner}.{}", names.join("."))
            };
            self.error = Some(JsonError(format!(
                "json: cannot unmarshal {value} into Go {field} of type {wanted}"
            )));
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
                def.fields
                    .iter()
                    .filter(|field| field.in_ignition(self.minor))
                    .find(|field| {
                        let name = field.name.json();
                        if exact {
                            name == key
                        } else {
                            name.eq_ignore_ascii_case(key)
                        }
                    })
            };
            let field = known(true).or_else(|| known(false));
            // Keys are matched without regard to case.
            let name = field.map_or(key.as_str(), |field| field.name.json());
            self.path.push(Step::Key(name.into()));
            if let Some(field) = field
                && let Some(value) = self.value(value, field.kind, go_name(def))
            {
                node.set(field.name, value);
            }
            self.path.pop();
        }
        Some(node)
    }

    fn value(&mut self, json: &Json, kind: Kind, owner: &str) -> Option<Node> {
        match (kind, json) {
            (_, Json::Null) => None,
            (
                Kind::Required | Kind::OmitEmptyText | Kind::Text | Kind::Nullable,
                Json::Text(text),
            ) => Some(Node::text(text.as_str(), NONE)),
            (Kind::Bool, Json::Bool(value)) => Some(Node::bool(*value, NONE)),
            (Kind::Int | Kind::OmitZeroInt, Json::Number(number)) => match number.parse() {
                Ok(value) => Some(Node::int(value, NONE)),
                Err(_) => {
                    self.mismatch(json, owner, "int");
                    None
                }
            },
            (Kind::Sub(def) | Kind::Optional(def), json) => self.structure(json, def, owner),
            (Kind::List(def), Json::List(items)) => {
                let item = |this: &mut Self, item: &Json| {
                    Some(
                        this.structure(item, def, owner)
                            .unwrap_or_else(|| Node::fields(Vec::new(), NONE)),
                    )
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
                    Kind::Int | Kind::OmitZeroInt => "int".into(),
                    Kind::Bool => "bool".into(),
                    Kind::List(def) => format!("[]types.{}", go_name(def)),
                    Kind::Texts("string") => "[]string".into(),
                    Kind::Texts(name) => {
                        format!("[]types.{}", name.split('|').next_back().unwrap_or(name))
                    }
                    _ => "string".into(),
                };
                self.mismatch(json, owner, &wanted);
                None
            }
        }
    }

    fn list(
        &mut self,
        items: &[Json],
        mut item: impl FnMut(&mut Self, &Json) -> Option<Node>,
    ) -> Option<Node> {
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
    use crate::NoFiles;

    fn messages(config: &str) -> Vec<String> {
        let mut context = Context::new(7, None, &NoFiles, false);
        let resource = Node::fields(Vec::new(), NONE);
        check(&mut context, &resource, NONE, config.as_bytes());
        context
            .report
            .entries
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn types_are_those_of_go() {
        let config = r#"{"ignition": {"version": 5}}"#;
        let error = "error: json: cannot unmarshal number into Go struct field Ignition.ignition.version of type string";
        assert_eq!(messages(config), [error, "error: config is not valid"]);
    }

    #[test]
    fn only_the_own_version_is_checked() {
        let config = |version: &str| {
            format!(
                r#"{{"ignition": {{"version": "{version}"}}, "Storage": {{"files": [{{"path": "x"}}]}}}}"#
            )
        };
        let relative = "error at $.storage.files.0.path: path not absolute";
        let unused = "warning at $.Storage: unused key Storage";
        assert_eq!(messages(&config("3.6.0")), [relative, unused]);
        assert_eq!(messages(&config("3.5.0")).len(), 1);
        let version = "error at $.ignition.version: invalid config version (couldn't parse)";
        assert_eq!(messages(&config("x")), [version, relative, unused]);
    }
}

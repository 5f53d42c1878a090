//! A forge's own API description, as a judge of what is asked and answered.
//!
//! `openapi/slice.mjs` and `slice-forgejo.mjs` make the slices that are used.
#![allow(dead_code, reason = "test support: each test program uses a part")]

use jsonschema::Validator;
use remote::loopback::Request;
use serde_json::{Value, json};

/// The description.
pub struct Contract {
    document: Value,
    /// Headers that each request has, and how they begin.
    wants: &'static [(&'static str, &'static str)],
    /// The schema of an error that is not documented.
    error: &'static str,
}

/// One endpoint with one method, as asked.
struct Operation<'a> {
    template: &'a str,
    description: &'a Value,
    /// The values in the path.
    values: Vec<(&'a str, String)>,
}

/// What the description does not say, and is so: this endpoint pages like the
/// others.
const UNDOCUMENTED: &str = "/users/{username}/packages/{package_type}/{package_name}/versions";

impl Contract {
    pub fn load() -> Self {
        let mut document: Value =
            serde_json::from_str(include_str!("../openapi/github.json")).unwrap();
        nullable(&mut document);
        Self {
            document,
            wants: &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
                ("authorization", "Bearer "),
                ("user-agent", "custom-coreos/"),
            ],
            error: "basic-error",
        }
    }

    /// Forgejo's.
    pub fn forgejo() -> Self {
        let document = include_str!("../openapi/forgejo.json");
        Self {
            document: serde_json::from_str(document).unwrap(),
            wants: &[
                ("accept", "application/json"),
                ("authorization", "Bearer "),
                ("user-agent", "custom-coreos/"),
            ],
            error: "APIError",
        }
    }

    /// What is wrong with a request.
    pub fn request(&self, request: &Request) -> Vec<String> {
        let Some(operation) = self.operation(request) else {
            return vec![format!(
                "no such endpoint: {} {}",
                request.method, request.path
            )];
        };
        let mut wrong = Vec::new();
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let mut asked: Vec<(&str, &str, String)> = operation
            .values
            .iter()
            .map(|(name, value)| ("path", *name, value.clone()))
            .collect();
        asked.extend(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    ("query", name, value.to_owned())
                }),
        );
        let known: Vec<&Value> = self.parameters(&operation);
        for (place, name, text) in &asked {
            let parameter = known
                .iter()
                .find(|p| p["in"] == **place && p["name"] == **name);
            let paging = ["page", "per_page"].contains(name);
            match parameter {
                Some(parameter) => {
                    let number = text.parse::<i64>().ok();
                    let number = number.filter(|_| parameter["schema"]["type"] != "string");
                    let value = number.map_or_else(|| json!(text), |number| json!(number));
                    // Several values would be the parameter several times.
                    let value = match parameter["schema"]["type"] == "array" {
                        true => json!([value]),
                        false => value,
                    };
                    let what = format!("{} {}: {name}", request.method, request.path);
                    wrong.extend(self.violations(&what, &parameter["schema"], &value));
                }
                None if operation.template == UNDOCUMENTED && paging => {}
                None => wrong.push(format!("{}: no parameter `{name}`", request.path)),
            }
        }
        let has =
            |name: &str, value: &str| request.header(name).is_some_and(|v| v.starts_with(value));
        for (name, value) in self.wants {
            if !has(name, value) {
                wrong.push(format!("{}: `{name}` is not `{value}…`", request.path));
            }
        }
        wrong.extend(self.sent(&operation, request));
        wrong
    }

    /// What is wrong with the body of a request. The description lets any
    /// property pass that it does not know; GitHub drops it, which is worse.
    fn sent(&self, operation: &Operation<'_>, request: &Request) -> Vec<String> {
        let what = format!("{} {}", request.method, request.path);
        let body = operation.description.get("requestBody");
        let schema = body.map(|body| &body["content"]["application/json"]["schema"]);
        let Some(schema) = schema.map(|schema| self.resolve(schema)) else {
            return match request.body.is_empty() {
                true => Vec::new(),
                false => vec![format!("{what}: a body where there is none")],
            };
        };
        let value: Value = match serde_json::from_slice(&request.body) {
            Ok(value) => value,
            Err(error) => return vec![format!("{what}: {error}")],
        };
        let mut wrong = self.violations(&what, schema, &value);
        let known = |name: &String| schema["properties"].get(name).is_some();
        let sent = value
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys());
        let unknown = sent.filter(|name| !known(name));
        wrong.extend(unknown.map(|name| format!("{what}: no property `{name}`")));
        let kind = request.header("content-type").unwrap_or_default();
        if kind != "application/json" {
            wrong.push(format!("{what}: `content-type` is `{kind}`"));
        }
        wrong
    }

    /// The least that is valid for a schema of the description.
    pub fn sample(&self, name: &str) -> Value {
        self.least(&json!({"$ref": format!("#/components/schemas/{name}")}))
    }

    fn least(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        for any in ["anyOf", "oneOf", "allOf"] {
            if let Some(list) = schema[any].as_array() {
                let null = json!({"type": "null"});
                return match list.contains(&null) {
                    true => Value::Null,
                    false => self.least(&list[0]),
                };
            }
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        match schema["type"].as_str() {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            Some("string") => match schema["format"].as_str() {
                Some("date-time") => json!("2026-01-01T00:00:00Z"),
                Some("uri") => json!("https://api.github.com/x"),
                _ => json!("x"),
            },
            _ => {
                let names = schema["required"].as_array().into_iter().flatten();
                let names = names.filter_map(Value::as_str);
                let least = |name: &str| self.least(&schema["properties"][name]);
                names.map(|name| (name.to_owned(), least(name))).collect()
            }
        }
    }

    /// What is wrong with an answer. Statuses that GitHub sends and does not
    /// document must have its error document.
    pub fn reply(&self, request: &Request, status: u16, body: &[u8]) -> Vec<String> {
        let Some(operation) = self.operation(request) else {
            return Vec::new();
        };
        let what = format!("{} {}: {status}", request.method, request.path);
        let documented = operation.description["responses"].get(status.to_string());
        let content = documented.map(|reply| {
            let reply = self.resolve(reply);
            reply["content"]["application/json"]["schema"].clone()
        });
        let schema = match content {
            Some(Value::Null) if body.is_empty() => return Vec::new(),
            Some(Value::Null) => return vec![format!("{what}: a body where there is none")],
            Some(schema) => schema,
            None if status >= 400 => {
                json!({"$ref": format!("#/components/schemas/{}", self.error)})
            }
            None => return vec![format!("{what}: not documented")],
        };
        match serde_json::from_slice(body) {
            Ok(value) => self.violations(&what, &schema, &value),
            Err(error) => vec![format!("{what}: {error}")],
        }
    }

    fn violations(&self, what: &str, schema: &Value, value: &Value) -> Vec<String> {
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let validator: Validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        validator
            .iter_errors(value)
            .map(|error| format!("{what}: {}: {error}", error.instance_path()))
            .collect()
    }

    fn parameters<'a>(&'a self, operation: &Operation<'a>) -> Vec<&'a Value> {
        let list = operation.description["parameters"].as_array();
        list.into_iter()
            .flatten()
            .map(|p| self.resolve(p))
            .collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(target) => self.document.pointer(&target[1..]).unwrap(),
            None => value,
        }
    }

    fn operation(&self, request: &Request) -> Option<Operation<'_>> {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let method = request.method.to_lowercase();
        self.document["paths"]
            .as_object()?
            .iter()
            .find_map(|(template, item)| {
                let names: Vec<&str> = template.split('/').collect();
                if names.len() != parts.len() {
                    return None;
                }
                let mut values = Vec::new();
                for (name, part) in names.iter().zip(&parts) {
                    match name.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
                        Some(name) if !part.is_empty() => values.push((name, (*part).to_owned())),
                        None if name == part => {}
                        _ => return None,
                    }
                }
                Some(Operation {
                    template,
                    description: item.get(&method)?,
                    values,
                })
            })
    }
}

/// OpenAPI 3.0 has `nullable` where JSON Schema has a type `null`.
fn nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(nullable),
        Value::Object(map) => {
            map.values_mut().for_each(nullable);
            if map.remove("nullable") == Some(Value::Bool(true)) {
                let inner = Value::Object(std::mem::take(map));
                map.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
            }
        }
        _ => {}
    }
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let contract = Contract::load();
    let ask = |method: &str, path: &str| Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: [
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
            ("authorization", "Bearer x"),
            ("user-agent", "custom-coreos/1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        body: Vec::new(),
    };
    let list = "/orgs/o/packages/container/nas%2Fbootc/versions";
    let good = ask("GET", &format!("{list}?per_page=100&state=active"));
    assert_eq!(contract.request(&good), [""; 0]);
    let issue = |body: &[u8]| {
        let mut request = ask("POST", "/repos/o/r/issues");
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        request.headers.push(kind);
        request.body = body.to_vec();
        request
    };
    let good_issue = issue(br#"{"title": "x", "labels": ["alarm"]}"#);
    assert_eq!(contract.request(&good_issue), [""; 0]);
    for bad in [
        ask("GET", &format!("{list}?state=weird")),
        ask("GET", &format!("{list}?per_page=x")),
        ask("GET", &format!("{list}?per-page=1")),
        ask("DELETE", list),
        ask("DELETE", &format!("{list}/x")),
        ask("GET", "/orgs/o/packages/containers/x"),
        ask("GET", "/orgs/o/packages/container/nas/bootc"),
        Request {
            headers: Vec::new(),
            ..good.clone()
        },
        issue(b""),
        issue(b"[]"),
        issue(br#"{"body": "a title is missing"}"#),
        issue(br#"{"title": "x", "label": "alarm"}"#),
        Request {
            headers: good.headers.clone(),
            ..issue(br#"{"title": "x"}"#)
        },
    ] {
        assert_ne!(
            contract.request(&bad),
            [""; 0],
            "{} {}",
            bad.method,
            bad.path
        );
    }
    let version = json!({
        "id": 1, "name": "sha256:x", "url": "u", "package_html_url": "u",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    let answer =
        |version: &Value| contract.reply(&good, 200, json!([version]).to_string().as_bytes());
    assert_eq!(answer(&version), [""; 0]);
    for (key, value) in [
        ("id", json!("1")),
        ("created_at", json!("yesterday")),
        ("name", Value::Null),
        ("metadata", json!({"package_type": "oci"})),
        (
            "metadata",
            json!({"package_type": "container", "container": {}}),
        ),
    ] {
        let mut wrong = version.clone();
        wrong[key] = value;
        assert_ne!(answer(&wrong), [""; 0], "{key}");
    }
    assert_ne!(contract.reply(&good, 201, b"[]"), [""; 0]);
    assert_eq!(contract.reply(&good, 502, b"{\"message\": \"x\"}"), [""; 0]);
    assert_ne!(contract.reply(&good, 502, b"<html>"), [""; 0]);
}

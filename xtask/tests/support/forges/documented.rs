//! GitLab's documentation, as far as it is spoken to: no package carries its API
//! description, so each endpoint has the fields that its page names.
//!
//! Pages of docs.gitlab.com/api: "users", "projects", "issues", "notes", "members",
//! "pipelines", "container_registry", "pages", and "rest" for paging.

use remote::loopback::Request;
use serde_json::Value;

/// Method, the path's parts (`*` is any), the parameters of the query, and the
/// fields of the body: those that must be there are marked.
type Endpoint = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const ENDPOINTS: [Endpoint; 14] = [
    ("GET", "projects/*/pages", &[], &[]),
    ("GET", "user", &[], &[]),
    (
        "GET",
        "projects/*",
        &["license", "statistics", "with_custom_attributes"],
        &[],
    ),
    (
        "GET",
        "projects/*/issues",
        &["labels", "state", "scope", "per_page", "page"],
        &[],
    ),
    (
        "POST",
        "projects/*/issues",
        &[],
        &[
            "title!",
            "description",
            "labels",
            "confidential",
            "issue_type",
        ],
    ),
    (
        "PUT",
        "projects/*/issues/*",
        &[],
        &["title", "description", "labels", "state_event"],
    ),
    ("POST", "projects/*/issues/*/notes", &[], &["body!"]),
    ("GET", "projects/*/members/all/*", &[], &[]),
    (
        "GET",
        "projects/*/pipelines",
        &[
            "name", "source", "ref", "status", "username", "per_page", "page",
        ],
        &[],
    ),
    ("GET", "projects/*/pipelines/*", &[], &[]),
    (
        "POST",
        "projects/*/pipeline",
        &[],
        &["ref!", "variables", "inputs"],
    ),
    (
        "GET",
        "projects/*/registry/repositories",
        &["tags", "tags_count", "per_page", "page"],
        &[],
    ),
    (
        "DELETE",
        "projects/*/registry/repositories/*/tags/*",
        &[],
        &[],
    ),
    (
        "GET",
        "projects/*/registry/repositories/*/tags",
        &["per_page", "page"],
        &[],
    ),
];

/// What is wrong with a request.
pub fn request(request: &Request, sent: &Value) -> Vec<String> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let fits = |template: &str| {
        let names: Vec<&str> = template.split('/').collect();
        let pairs = names.iter().zip(&parts);
        names.len() == parts.len()
            && pairs
                .clone()
                .all(|(name, part)| *name == "*" && !part.is_empty() || name == part)
    };
    let found = ENDPOINTS
        .iter()
        .find(|(method, template, ..)| *method == request.method && fits(template));
    let what = format!("{} {}", request.method, request.path);
    let Some((_, _, parameters, fields)) = found else {
        return vec![format!("no such endpoint: {what}")];
    };
    let mut wrong = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if !parameters.contains(&name) {
            wrong.push(format!("{what}: no parameter `{name}`"));
        }
    }
    let named = |name: &str| {
        fields
            .iter()
            .any(|field| field.trim_end_matches('!') == name)
    };
    for name in sent
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
    {
        if !named(name) {
            wrong.push(format!("{what}: no field `{name}`"));
        }
    }
    for must in fields.iter().filter_map(|field| field.strip_suffix('!')) {
        if sent[must].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{what}: `{must}` is missing"));
        }
    }
    if let Some(event) = sent["state_event"].as_str()
        && !["close", "reopen"].contains(&event)
    {
        wrong.push(format!("{what}: state_event `{event}`"));
    }
    let bearer = request.header("authorization");
    if !bearer.is_some_and(|value| value.starts_with("Bearer ")) {
        wrong.push(format!("{what}: no `Authorization: Bearer`"));
    }
    wrong
}

#[test]
fn what_is_not_documented_is_seen() {
    let ask = |method: &str, path: &str| Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: vec![("authorization".to_owned(), "Bearer x".to_owned())],
        body: Vec::new(),
    };
    let project = "/projects/g%2Fn";
    assert_eq!(request(&ask("GET", project), &Value::Null), [""; 0]);
    for (method, path, sent) in [
        ("GET", "/projects/g/n".to_owned(), Value::Null),
        ("GET", format!("{project}/issues?label=x"), Value::Null),
        ("PATCH", format!("{project}/issues/1"), Value::Null),
        (
            "POST",
            format!("{project}/issues"),
            serde_json::json!({"body": "x"}),
        ),
        (
            "POST",
            format!("{project}/issues"),
            serde_json::json!({"description": "x"}),
        ),
    ] {
        assert_ne!(
            request(&ask(method, &path), &sent),
            [""; 0],
            "{method} {path}"
        );
    }
}

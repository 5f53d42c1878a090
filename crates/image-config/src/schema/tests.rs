use std::path::Path;

use serde_json::Value;

use super::*;

/// What is wrong with a document by the words that our schema uses; empty if nothing.
fn wrong(root: &Value, schema: &Value, found: &Value, place: &str) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        all.extend(wrong(root, &root["$defs"][name], found, place));
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        let fits = |form: &Value| wrong(root, form, found, place).is_empty();
        if !forms.iter().any(fits) {
            all.push(format!("{place}: none of the forms"));
        }
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        let fits = |form: &&Value| wrong(root, form, found, place).is_empty();
        if forms.iter().filter(fits).count() != 1 {
            all.push(format!("{place}: not one of the forms"));
        }
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(found)
    {
        all.push(format!("{place}: {found} is not in {values:?}"));
    }
    if schema.get("const").is_some_and(|only| only != found) {
        all.push(format!("{place}: {found}"));
    }
    if !schema["if"].is_null() {
        let branch = match wrong(root, &schema["if"], found, place).is_empty() {
            true => &schema["then"],
            false => &schema["else"],
        };
        all.extend(wrong(root, branch, found, place));
    }
    let kind = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if !kinds.is_empty() && !kinds.iter().any(|one| one == kind) {
        all.push(format!("{place}: a {kind}, wanted {kinds:?}"));
    }
    let number = found.as_u64();
    if number.is_some_and(|n| schema["minimum"].as_u64().is_some_and(|least| n < least)) {
        all.push(format!("{place}: {found} is too small"));
    }
    if number.is_some_and(|n| schema["maximum"].as_u64().is_some_and(|most| n > most)) {
        all.push(format!("{place}: {found} is too large"));
    }
    for (at, item) in found.as_array().into_iter().flatten().enumerate() {
        all.extend(wrong(
            root,
            &schema["items"],
            item,
            &format!("{place}[{at}]"),
        ));
    }
    let none = serde_json::Map::new();
    let keys = schema["properties"].as_object().or(Some(&none));
    if let (Some(keys), Some(entries)) = (keys, found.as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !entries.contains_key(name.as_str().unwrap_or_default()) {
                all.push(format!("{place}: {name} is missing"));
            }
        }
        for (key, value) in entries {
            match keys.get(key) {
                Some(schema) => all.extend(wrong(root, schema, value, &format!("{place}.{key}"))),
                None if schema["additionalProperties"] == false => {
                    all.push(format!("{place}: unknown {key}"));
                }
                None if schema["additionalProperties"].is_object() => {
                    let of = &schema["additionalProperties"];
                    all.extend(wrong(root, of, value, &format!("{place}.{key}")));
                }
                None => {}
            }
        }
    }
    all
}

fn judged(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let found: Value = serde_yaml::from_str(text).unwrap();
    wrong(&schema, &schema, &found, "")
}

fn at_the_root(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the variable that brings snapshots up to date"
)]
fn the_committed_schema_is_that_of_the_types() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(SCHEMA_FILE);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&place, schema()).unwrap();
    }
    assert!(
        at_the_root(SCHEMA_FILE) == schema(),
        "{} is another; `cargo xtask config --schema > {SCHEMA_FILE}`",
        place.display()
    );
    let first = format!("# yaml-language-server: $schema={SCHEMA_FILE}\n");
    assert!(at_the_root("image.yaml").starts_with(&first));
}

#[test]
fn what_the_parser_takes_fits_the_schema() {
    for name in ["image.yaml", "examples/own-task/image.yaml"] {
        let text = at_the_root(name);
        assert_eq!(judged(&text), Vec::<String>::new(), "{name}");
        // And with every default filled in, as `config` prints it.
        let config = Config::parse(&text, Path::new(name)).unwrap();
        let full = serde_yaml::to_string(&config).unwrap();
        assert_eq!(judged(&full), Vec::<String>::new(), "{name} as understood");
    }
}

#[test]
fn a_key_with_nothing_behind_it_is_empty() {
    let start = "image: {owner: a, name: a, title: a, description: a}\nzfs: {series: \"2.4\"}\n\
                 kmods: [{image: localhost/a, project: \"https://localhost/a\"}]\n\
                 signing: {unsigned: a test}\n";
    for (empty, good) in [
        ("content:\n", true),
        ("content:\n  overlays:\n", true),
        ("packages:\n", true),
        ("retention:\n  packages:\n", true),
        ("boot:\n", false),
        ("policy: {pin: }\n", true),
    ] {
        let text = format!("{start}{empty}");
        let parsed = Config::parse(&text, Path::new("x"));
        assert_eq!(parsed.is_ok(), good, "{empty}: {parsed:?}");
        assert_eq!(judged(&text).is_empty(), good, "{empty}");
    }
}

#[test]
fn an_editor_sees_what_the_parser_refuses() {
    let good = at_the_root("image.yaml");
    for (from, to) in [
        ("packages:\n  install", "pakages:\n  install"),
        ("rule: hold", "rule: latest"),
        ("minutes: 10", "minutes: 121"),
        ("most-share: 50", "most-share: 0"),
        ("architectures: [x86_64]", "architectures: [riscv64]"),
        ("boot: if-kvm", "boot: {gates: never}"),
        ("  owner: custom-coreos\n", ""),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        assert!(Config::parse(&bad, Path::new("x")).is_err(), "{to}");
        assert!(!judged(&bad).is_empty(), "{to}");
    }
}

#[test]
fn several_images_are_judged_each() {
    let good = at_the_root("image.yaml").replace("  name: custom-coreos\n", "");
    let section =
        "images:\n  nas: {packages: {install: [htop]}, policy: {pin: {zfs: 2.4.3}}}\n  desk:\n";
    assert_eq!(judged(&format!("{good}{section}")), Vec::<String>::new());
    // Without images, all must be there.
    assert_eq!(judged(&good), [".image: \"name\" is missing"]);
    for bad in [
        "images: {nas: {pakages: {}}}\n",
        "images: {nas: {signing: {}}}\n",
        "images: {nas: {boot: {gate: nevr}}}\n",
        "images: {nas: {heal: {minutes: 0}}}\n",
        "images: [nas]\n",
    ] {
        assert!(!judged(&format!("{good}{bad}")).is_empty(), "{bad}");
    }
}

#[test]
fn every_key_is_described() {
    fn walk(schema: &Value, place: &str, bare: &mut Vec<String>) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{place}.{key}");
            if value["description"].as_str().is_none_or(str::is_empty) {
                bare.push(place.clone());
            }
            walk(value, &place, bare);
        }
        for (name, value) in schema["$defs"].as_object().into_iter().flatten() {
            walk(value, name, bare);
        }
        for form in schema["anyOf"].as_array().into_iter().flatten() {
            walk(form, place, bare);
        }
    }
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let mut bare = Vec::new();
    walk(&schema, "", &mut bare);
    assert_eq!(bare, Vec::<String>::new());
}

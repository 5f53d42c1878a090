//! The section `images` in the schema: what an image may say is all that the file may
//! say, but nothing of it must be there.

use serde_json::{Map, Value, json};

use crate::section::{SECTION, SHARED};

/// The definition of a file with one image.
const WHOLE: &str = "Config";

/// The schema of a file: of one image, or with the section `images`.
pub(super) fn with_images(mut root: Value) -> Value {
    let Some(mut defs) = root["$defs"].as_object().cloned() else {
        return root;
    };
    let mut whole = Map::new();
    for key in ["type", "properties", "required", "additionalProperties"] {
        whole.insert(key.to_owned(), root[key].clone());
    }
    let mut part = partial(&Value::Object(whole.clone()), &mut defs);
    // What is told of the sections stands at the top already.
    let shared = part["properties"].clone();
    if let Some(properties) = part["properties"].as_object_mut() {
        properties.retain(|key, _| !SHARED.contains(&key.as_str()));
    }
    part["type"] = json!(["object", "null"]);
    defs.insert(WHOLE.to_owned(), Value::Object(whole));
    defs.insert(part_of(WHOLE), part);
    root["properties"] = shared;
    root["properties"][SECTION] = json!({
        "description": "Several images of this repository: a name for each, and what is other \
                        for it than what the rest of the file says. Mappings are merged; a list \
                        takes the place of the shared one.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"},
        "additionalProperties": reference(&part_of(WHOLE)),
    });
    if let Some(root) = root.as_object_mut() {
        root.remove("required");
    }
    root["if"] = json!({"required": [SECTION]});
    root["then"] = json!({});
    root["else"] = reference(WHOLE);
    root["$defs"] = Value::Object(defs);
    root
}

fn part_of(name: &str) -> String {
    format!("PartOf{name}")
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// The same with no key that must be there, but for those in the items of a list, which
/// are taken whole.
fn partial(schema: &Value, defs: &mut Map<String, Value>) -> Value {
    let mut part = schema.clone();
    let Some(keys) = part.as_object_mut() else {
        return part;
    };
    keys.remove("required");
    for (_, value) in keys
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        *value = partial(value, defs);
    }
    for kind in ["anyOf", "allOf", "oneOf"] {
        let forms = keys.get_mut(kind).and_then(Value::as_array_mut);
        for form in forms.into_iter().flatten() {
            *form = partial(form, defs);
        }
    }
    let of = keys.get("$ref").and_then(Value::as_str).unwrap_or_default();
    let name = of.trim_start_matches("#/$defs/").to_owned();
    if let Some(whole) = defs.get(&name).cloned() {
        let found = partial(&whole, defs);
        if found != whole {
            keys.insert(
                "$ref".to_owned(),
                reference(&part_of(&name))["$ref"].clone(),
            );
            defs.insert(part_of(&name), found);
        }
    }
    part
}

//! The JSON Schema of `image.yaml`, for editors: made from the types that read the
//! file, with their docstrings as descriptions. What only the parser of a value knows
//! (a digest's length, a version's form) is a plain text here; the file is judged by
//! [`Config::load`], and not by this.
//!
//! Source: <https://json-schema.org/draft/2020-12>.

mod several;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::alarm::{Mail, Webhook};
use crate::config::Config;
use crate::heal::Minutes;
use crate::input_signatures::{Fingerprint, Keyring};
use crate::lint::Lint;
use crate::night::Calendar;
use crate::retention::Percent;
use crate::signing::SecretSource;
use crate::types::Unique;
use crate::{boot, home, kmods};

/// The file's name at the root of the checkout. The first line of `image.yaml` names it.
pub const SCHEMA_FILE: &str = "image.schema.json";

/// The schema as a JSON document, with a line feed at its end.
pub fn schema() -> String {
    let schema = SchemaGenerator::default().into_root_schema_for::<Config>();
    let mut schema = several::with_images(schema.to_value());
    may_be_empty(&mut schema, true);
    schema["title"] = "image.yaml".into();
    // `to_string` of the alternate form is JSON with line breaks.
    format!("{schema:#}\n")
}

/// A key with nothing behind it is an empty list, or a section of which nothing must be
/// said: so the parser takes it. `is_one_form`: this one is written in another way, too,
/// and a key of several forms needs one of them.
fn may_be_empty(schema: &mut serde_json::Value, is_one_form: bool) {
    use serde_json::Value;
    match schema {
        Value::Object(keys) => {
            let kind = keys.get("type").and_then(Value::as_str).map(str::to_owned);
            let empty = match kind.as_deref() {
                Some("array") => true,
                Some("object") => keys.contains_key("properties") && !keys.contains_key("required"),
                _ => false,
            };
            if let (Some(kind), true, false) = (kind, empty, is_one_form) {
                keys.insert("type".to_owned(), serde_json::json!([kind, "null"]));
            }
            for (key, value) in keys.iter_mut() {
                let forms = ["anyOf", "oneOf"].contains(&key.as_str());
                match value {
                    Value::Array(all) if forms => {
                        all.iter_mut().for_each(|form| may_be_empty(form, true));
                    }
                    value => may_be_empty(value, false),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|item| may_be_empty(item, false)),
        _ => {}
    }
}

/// Types whose schema is written where they are used.
macro_rules! inline {
    ($($type:ty => $name:literal $schema:tt;)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

// Texts that their `FromStr` judges, and whole numbers within bounds.
inline! {
    SecretSource => "SecretSource" {"type": "string"};
    Keyring => "Keyring" {"type": "string"};
    Fingerprint => "Fingerprint" {"type": "string"};
    Webhook => "Webhook" {"type": "string"};
    Mail => "Mail" {"type": "string"};
    Calendar => "Calendar" {"type": "string"};
    Minutes => "Minutes" {"type": "integer", "minimum": 1, "maximum": 120};
    Percent => "Percent" {"type": "integer", "minimum": 1, "maximum": 100};
}

impl JsonSchema for Lint {
    fn schema_name() -> Cow<'static, str> {
        "Lint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::names().collect();
        json_schema!({"enum": names})
    }
}

impl<T: JsonSchema> JsonSchema for Unique<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({"type": "array", "items": item, "uniqueItems": true})
    }
}

impl JsonSchema for kmods::Kmods {
    fn schema_name() -> Cow<'static, str> {
        "Kmods".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        kmods::Written::json_schema(generator)
    }
}

impl JsonSchema for boot::Boot {
    fn schema_name() -> Cow<'static, str> {
        "Boot".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let gate = generator.subschema_for::<boot::Gate>();
        let whole = boot::Whole::json_schema(generator);
        json_schema!({"anyOf": [gate, whole]})
    }
}

impl JsonSchema for home::Forge {
    fn schema_name() -> Cow<'static, str> {
        "Forge".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<home::Word>();
        let whole = home::Whole::json_schema(generator);
        json_schema!({"anyOf": [word, whole]})
    }
}

#[cfg(test)]
mod tests;

//! The keys of a document, as the schema of its type has them: to say where an unknown
//! key belongs.

use schemars::{JsonSchema, SchemaGenerator};

/// The path of each key, without numbers of items, and whether it must be there.
pub(crate) struct Keys(Vec<(String, bool)>);

impl Keys {
    /// Those of a type.
    pub fn of<T: JsonSchema>() -> Self {
        let root = SchemaGenerator::default().into_root_schema_for::<T>();
        let root = root.to_value();
        let mut all = Vec::new();
        let mut waiting = vec![(String::new(), &root)];
        while let Some((path, schema)) = waiting.pop() {
            let named = schema.get("$ref").and_then(|name| name.as_str());
            let named = named.and_then(|name| root.pointer(name.trim_start_matches('#')));
            waiting.extend(named.map(|schema| (path.clone(), schema)));
            waiting.extend(schema.get("items").map(|items| (path.clone(), items)));
            for kind in ["anyOf", "allOf", "oneOf"] {
                let of = schema.get(kind).and_then(|of| of.as_array());
                let of = of.into_iter().flatten();
                waiting.extend(of.map(|schema| (path.clone(), schema)));
            }
            let required = schema.get("required").and_then(|names| names.as_array());
            let properties = schema.get("properties").and_then(|names| names.as_object());
            for (name, schema) in properties.into_iter().flatten() {
                let path = match path.as_str() {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                let needed =
                    required.is_some_and(|names| names.iter().any(|it| *it == name.as_str()));
                all.push((path.clone(), needed));
                waiting.push((path, schema));
            }
        }
        all.sort();
        all.dedup();
        Self(all)
    }

    /// Whether any mapping has a key of this name.
    pub fn has(&self, name: &str) -> bool {
        let last = |path: &str| path.rsplit('.').next() == Some(name);
        self.0.iter().any(|(path, _)| last(path))
    }

    /// The keys of a section.
    pub fn of_section(&self, section: &str) -> Vec<&str> {
        let names = self.0.iter().filter_map(|(path, _)| {
            let rest = path.strip_prefix(section)?.strip_prefix('.')?;
            (!rest.contains('.')).then_some(rest)
        });
        names.collect()
    }

    /// The sections that have this key directly; none if the top level has it itself.
    pub fn sections_of(&self, name: &str) -> Vec<&str> {
        if self.0.iter().any(|(path, _)| path == name) {
            return Vec::new();
        }
        let direct = self.0.iter().filter_map(|(path, _)| {
            let (section, key) = path.split_once('.')?;
            (key == name).then_some(section)
        });
        direct.collect()
    }

    /// The paths of those that must be there where their mapping is.
    #[cfg(test)]
    pub fn required(&self) -> impl Iterator<Item = &str> {
        let needed = self.0.iter().filter(|(_, required)| *required);
        needed.map(|(path, _)| path.as_str())
    }
}

/// The value at a path of keys.
pub(crate) fn value_at<'a>(
    value: &'a mut serde_yaml::Value,
    path: &[&str],
) -> Option<&'a mut serde_yaml::Value> {
    path.iter()
        .try_fold(value, |value, key| value.get_mut(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_type() {
        let keys = Keys::of::<crate::Config>();
        assert!(keys.has("kernel-ceiling") && !keys.has("kernel"));
        assert_eq!(keys.sections_of("hold-days"), ["policy"]);
        assert!(keys.sections_of("image").is_empty());
        let required: Vec<&str> = keys.required().collect();
        assert!(required.contains(&"policy.pin.expires"), "{required:?}");
        assert!(!required.contains(&"policy"), "{required:?}");
    }
}

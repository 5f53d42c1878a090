//! What differs between two Ignition configs, in what they mean.

use serde_json::{Map, Value, json};

use super::view::{Contents, decode};

/// What the entries of Ignition's lists are known by.
const KEYS: [&str; 4] = ["path", "name", "device", "label"];

/// The longest value that is shown of each side.
const SHOWN: usize = 60;

/// One line for each difference; none if the two configure the same. The order
/// of entries and the encoding of contents mean nothing.
///
/// # Errors
/// If one of the two is no JSON.
pub fn differences(ours: &str, theirs: &str) -> Result<Vec<String>, serde_json::Error> {
    let (ours, theirs) = (serde_json::from_str(ours)?, serde_json::from_str(theirs)?);
    let mut lines = Vec::new();
    compare("", &plain(&ours), &plain(&theirs), &mut lines);
    Ok(lines)
}

/// The config with contents decoded and lists as maps by what their entries are
/// known by.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut result: Map<String, Value> = map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect();
            if let Contents::Here(bytes) = decode(value) {
                result.remove("compression");
                result.insert("source".to_owned(), json!(String::from_utf8_lossy(&bytes)));
            }
            Value::Object(result)
        }
        Value::Array(items) => {
            known(items).unwrap_or_else(|| Value::Array(items.iter().map(plain).collect()))
        }
        other => other.clone(),
    }
}

fn known(items: &[Value]) -> Option<Value> {
    let mut result = Map::new();
    for item in items {
        let name = KEYS.iter().find_map(|key| item[*key].as_str())?;
        if result.insert(format!("[{name}]"), plain(item)).is_some() {
            return None;
        }
    }
    (!result.is_empty()).then_some(Value::Object(result))
}

fn compare(path: &str, ours: &Value, theirs: &Value, lines: &mut Vec<String>) {
    let (Value::Object(left), Value::Object(right)) = (ours, theirs) else {
        if ours != theirs {
            let (here, there) = shown(ours, theirs);
            lines.push(format!("{path}: here {here}, there {there}"));
        }
        return;
    };
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for name in names {
        let dot = if path.is_empty() || name.starts_with('[') {
            ""
        } else {
            "."
        };
        let path = format!("{path}{dot}{name}");
        match (left.get(name), right.get(name)) {
            (Some(left), Some(right)) => compare(&path, left, right, lines),
            (Some(_), None) => lines.push(format!("{path}: here only")),
            _ => lines.push(format!("{path}: there only")),
        }
    }
}

/// Both values, long texts by their first line that differs.
fn shown(ours: &Value, theirs: &Value) -> (String, String) {
    let (Value::String(left), Value::String(right)) = (ours, theirs) else {
        return (short(&ours.to_string()), short(&theirs.to_string()));
    };
    let (mut here, mut there) = (left.lines(), right.lines());
    loop {
        match (here.next(), there.next()) {
            (Some(left), Some(right)) if left == right => {}
            // Only the end of the last line differs.
            (None, None) => return (short(&format!("{left:?}")), short(&format!("{right:?}"))),
            (left, right) => {
                let show = |line: Option<&str>| {
                    line.map_or_else(
                        || "nothing more".to_owned(),
                        |line| short(&format!("{line:?}")),
                    )
                };
                return (show(left), show(right));
            }
        }
    }
}

fn short(text: &str) -> String {
    let text = host::one_line(text);
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_encoding_mean_nothing() {
        let ours = r#"{"storage":{"files":[
            {"path":"/a","contents":{"source":"data:,x%20y","compression":""}},
            {"path":"/b","mode":420}]}}"#;
        let theirs = r#"{"storage":{"files":[
            {"path":"/b","mode":420,"user":null},
            {"path":"/a","contents":{"source":"data:;base64,eCB5"}}]}}"#;
        assert_eq!(differences(ours, theirs).unwrap(), [""; 0]);
    }

    #[test]
    fn each_difference_is_a_line() {
        let ours = r#"{"ignition":{"version":"3.5.0"},"storage":{"files":[
            {"path":"/a","contents":{"source":"data:,x%0Ay%0A"}},
            {"path":"/b","mode":420}]},"passwd":{"users":[{"name":"core","sshAuthorizedKeys":["k"]}]}}"#;
        let theirs = r#"{"ignition":{"version":"3.4.0"},"storage":{"files":[
            {"path":"/a","contents":{"source":"data:,x%0Az%0A"}},
            {"path":"/c"}]},"passwd":{"users":[{"name":"core","sshAuthorizedKeys":["k","l"]}]}}"#;
        assert_eq!(
            differences(ours, theirs).unwrap(),
            [
                "ignition.version: here \"3.5.0\", there \"3.4.0\"",
                "passwd.users[core].sshAuthorizedKeys: here [\"k\"], there [\"k\",\"l\"]",
                "storage.files[/a].contents.source: here \"y\", there \"z\"",
                "storage.files[/b]: here only",
                "storage.files[/c]: there only",
            ]
        );
        assert!(differences("{}", "<html>").is_err());
    }
}

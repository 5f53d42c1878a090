//! Rewrites a config to an older version of the Ignition specification. Pure.

use serde_json::Value;

/// Keys below `storage.luks[]` that came after 3.3, with their version.
/// Source: Ignition's "Migrating Between Configuration Versions".
const OF_LUKS: [(&str, (u64, u64)); 3] = [
    ("discard", (3, 4)),
    ("openOptions", (3, 4)),
    ("cex", (3, 5)),
];

/// The newest specification whose changes are known here.
const KNOWN: (u64, u64) = (3, 6);

/// What became of a config's version.
#[derive(Debug, PartialEq, Eq)]
pub enum Fit {
    /// It was old enough.
    AsItIs,
    /// It uses nothing newer, so its version was lowered. The version it had.
    Lowered(String),
}

/// Makes the config say that it is of `newest` at the most.
///
/// # Errors
/// A message that names what Ignition of that version would not understand.
pub fn fit(config: &mut Value, newest: (u64, u64)) -> Result<Fit, String> {
    let text = config["ignition"]["version"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let version = parse(&text).ok_or_else(|| format!("`{text}` is no version of Ignition's"))?;
    if version <= newest {
        return Ok(Fit::AsItIs);
    }
    let mut news = Vec::new();
    if version > KNOWN {
        news.push(format!("whatever {text} brought: it is not known here"));
    }
    let luks = config["storage"]["luks"].as_array();
    for volume in luks.into_iter().flatten() {
        let name = volume["name"].as_str().unwrap_or("?");
        for (key, since) in OF_LUKS {
            if since > newest && is_said(&volume[key]) {
                news.push(since_text(&format!("`{key}` of the volume {name}"), since));
            }
        }
        for server in volume["clevis"]["tang"].as_array().into_iter().flatten() {
            if (3, 4) > newest && is_said(&server["advertisement"]) {
                news.push(since_text(&format!("`advertisement` of {name}"), (3, 4)));
            }
        }
    }
    for kind in ["files", "directories"] {
        for node in config["storage"][kind].as_array().into_iter().flatten() {
            let special = node["mode"].as_u64().is_some_and(|mode| mode > 0o777);
            if special && (3, 6) > newest {
                let path = node["path"].as_str().unwrap_or("?");
                news.push(since_text(
                    &format!("the special mode bits of {path}"),
                    (3, 6),
                ));
            }
        }
    }
    if !news.is_empty() {
        return Err(format!(
            "the config is of {text}, this base reads up to {}.{}.0, and it uses {}",
            newest.0,
            newest.1,
            news.join(", ")
        ));
    }
    config["ignition"]["version"] = format!("{}.{}.0", newest.0, newest.1).into();
    Ok(Fit::Lowered(text))
}

fn parse(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.');
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    // An experimental version such as `3.6.0-experimental` is not stable.
    (parts.next() == Some("0") && parts.next().is_none()).then_some(version)
}

fn is_said(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(said) => *said,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => map.values().any(is_said),
        Value::String(text) => !text.is_empty(),
        Value::Number(_) => true,
    }
}

fn since_text(what: &str, since: (u64, u64)) -> String {
    format!("{what} (since {}.{}.0)", since.0, since.1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DEBIAN: (u64, u64) = (3, 3);

    fn config(version: &str, storage: &Value) -> Value {
        json!({ "ignition": { "version": version }, "storage": storage })
    }

    #[test]
    fn a_version_is_lowered_if_nothing_newer_is_used() {
        let luks = json!({ "luks": [{ "name": "root", "discard": false, "cex": {} }] });
        let mut newer = config("3.5.0", &luks);
        assert_eq!(
            fit(&mut newer, DEBIAN),
            Ok(Fit::Lowered("3.5.0".to_owned()))
        );
        assert_eq!(newer["ignition"]["version"], "3.3.0");
        let mut old = config("3.2.0", &json!({}));
        assert_eq!(fit(&mut old, DEBIAN), Ok(Fit::AsItIs));
        assert_eq!(old["ignition"]["version"], "3.2.0");
    }

    #[test]
    fn what_is_newer_is_named() {
        for (version, storage, said) in [
            (
                "3.4.0",
                json!({ "luks": [{ "name": "a", "discard": true }] }),
                "`discard`",
            ),
            (
                "3.4.0",
                json!({ "luks": [{ "name": "a", "openOptions": ["x"] }] }),
                "`openOptions`",
            ),
            (
                "3.5.0",
                json!({ "luks": [{ "name": "a", "cex": { "enabled": true } }] }),
                "`cex` of the volume a (since 3.5.0)",
            ),
            (
                "3.4.0",
                json!({ "luks": [{ "clevis": { "tang": [{ "advertisement": "{}" }] } }] }),
                "`advertisement`",
            ),
            (
                "3.6.0",
                json!({ "files": [{ "path": "/x", "mode": 0o4755 }] }),
                "/x",
            ),
            ("3.9.0", json!({}), "3.9.0"),
            ("3.6.0-experimental", json!({}), "is no version"),
        ] {
            let mut config = config(version, &storage);
            let before = config.clone();
            let error = fit(&mut config, DEBIAN).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert_eq!(config, before);
        }
    }
}

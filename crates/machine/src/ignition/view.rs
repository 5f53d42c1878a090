//! An Ignition config as lints, the page and comparisons look at it: the JSON,
//! the configs that it carries inside, and contents decoded.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How many configs may be nested before the rest is not looked at.
const DEPTH: usize = 4;

/// The largest contents that are unpacked; a compressed zero is cheap to send.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A config and those inside it.
#[derive(Debug, Clone)]
pub struct View {
    /// The config itself first.
    pub parts: Vec<Part>,
}

/// One config.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it is in the whole, `$` for the config itself.
    pub path: String,
    /// What it says.
    pub json: Value,
}

/// What a resource holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// In the config itself, unpacked.
    Here(Vec<u8>),
    /// To be fetched by the machine.
    Remote {
        /// From where.
        url: String,
        /// Whether the config says what it must be.
        verified: bool,
    },
    /// There is none.
    Nothing,
    /// A data URL or a compression that cannot be read.
    Unreadable,
}

impl Contents {
    /// The contents as text, if they are in the config.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Here(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

/// A file, or one piece appended to it.
#[derive(Debug, Clone)]
pub struct Laid<'a> {
    /// Where it is in the config.
    pub path: String,
    /// Where it will be on the machine.
    pub target: &'a str,
    /// What it holds.
    pub contents: Contents,
    /// It is put after what the machine has there.
    pub appended: bool,
}

/// A unit, a drop-in of one, or a quadlet.
#[derive(Debug, Clone)]
pub struct UnitText<'a> {
    /// Where it is in the config.
    pub path: String,
    /// Its name.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl View {
    /// Reads a config.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut view = Self { parts: Vec::new() };
        view.add("$".to_owned(), serde_json::from_str(text)?, DEPTH);
        Ok(view)
    }

    fn add(&mut self, path: String, json: Value, depth: usize) {
        let mut inner = Vec::new();
        let config = &json["ignition"]["config"];
        for (at, resource) in list(&config["merge"]).enumerate() {
            inner.push((format!("{path}.ignition.config.merge.{at}"), resource));
        }
        if config["replace"].is_object() {
            inner.push((
                format!("{path}.ignition.config.replace"),
                &config["replace"],
            ));
        }
        let inner: Vec<(String, Value)> = inner
            .into_iter()
            .filter_map(|(path, resource)| {
                let text = decode(resource).text()?;
                Some((path, serde_json::from_str(&text).ok()?))
            })
            .collect();
        self.parts.push(Part { path, json });
        if depth > 0 {
            for (path, json) in inner {
                self.add(path, json, depth - 1);
            }
        }
    }

    /// The entries of one list in every part, each with its path.
    pub fn entries<'a>(
        &'a self,
        section: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = (String, &'a Value)> {
        self.parts.iter().flat_map(move |part| {
            list(&part.json[section][name])
                .enumerate()
                .map(move |(at, value)| (format!("{}.{section}.{name}.{at}", part.path), value))
        })
    }

    /// Every file, and every piece appended to one.
    pub fn files(&self) -> Vec<Laid<'_>> {
        let mut files = Vec::new();
        for (path, file) in self.entries("storage", "files") {
            let target = file["path"].as_str().unwrap_or_default();
            let pieces = list(&file["append"]);
            let contents = decode(&file["contents"]);
            // Without contents of its own it is what is appended.
            if contents != Contents::Nothing || pieces.len() == 0 {
                files.push(Laid {
                    path: format!("{path}.contents"),
                    target,
                    contents,
                    appended: false,
                });
            }
            for (at, piece) in pieces.enumerate() {
                files.push(Laid {
                    path: format!("{path}.append.{at}"),
                    target,
                    contents: decode(piece),
                    appended: true,
                });
            }
        }
        files
    }

    /// Every text of a unit that the config holds.
    pub fn units(&self) -> Vec<UnitText<'_>> {
        let mut units = Vec::new();
        for (path, unit) in self.entries("systemd", "units") {
            let name = unit["name"].as_str().unwrap_or_default();
            if let Some(text) = unit["contents"].as_str() {
                units.push(UnitText {
                    path: format!("{path}.contents"),
                    name,
                    text,
                });
            }
            for (at, dropin) in list(&unit["dropins"]).enumerate() {
                if let Some(text) = dropin["contents"].as_str() {
                    units.push(UnitText {
                        path: format!("{path}.dropins.{at}.contents"),
                        name,
                        text,
                    });
                }
            }
        }
        units
    }
}

/// The items of a list; none of what is no list.
pub fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

/// What a resource of Ignition (`source`, `compression`, `verification`)
/// holds.
pub fn decode(resource: &Value) -> Contents {
    let Some(source) = resource["source"].as_str().filter(|s| !s.is_empty()) else {
        return Contents::Nothing;
    };
    let Some(data) = source.strip_prefix("data:") else {
        return Contents::Remote {
            url: source.to_owned(),
            verified: resource["verification"]["hash"].is_string(),
        };
    };
    let bytes = data.split_once(',').and_then(|(kind, body)| {
        if kind.ends_with(";base64") {
            STANDARD.decode(percent(body)?).ok()
        } else {
            percent(body)
        }
    });
    let unpacked = match resource["compression"].as_str() {
        Some("gzip") => bytes.and_then(|bytes| {
            let mut plain = Vec::new();
            let reader = flate2::read::MultiGzDecoder::new(bytes.as_slice());
            reader.take(LARGEST).read_to_end(&mut plain).ok()?;
            Some(plain)
        }),
        _ => bytes,
    };
    unpacked.map_or(Contents::Unreadable, Contents::Here)
}

/// Percent-encoding undone; `None` if it is cut.
fn percent(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contents_are_decoded() {
        let here = |source: &str, compression: &str| {
            decode(&json!({ "source": source, "compression": compression })).text()
        };
        assert_eq!(here("data:,a%20b", "").as_deref(), Some("a b"));
        assert_eq!(here("data:;base64,YSBi", "").as_deref(), Some("a b"));
        let mut packed = Vec::new();
        ignition_gen::gzip::Gzip::new().compress(b"a b", &mut packed);
        let packed = STANDARD.encode(packed);
        assert_eq!(
            here(&format!("data:;base64,{packed}"), "gzip").as_deref(),
            Some("a b")
        );
        assert_eq!(decode(&json!({})), Contents::Nothing);
        for broken in ["data:,%4", "data:;base64,?", "data:x"] {
            assert_eq!(decode(&json!({ "source": broken })), Contents::Unreadable);
        }
        let remote = json!({ "source": "https://x/y", "verification": { "hash": "sha256-0" } });
        assert!(matches!(
            decode(&remote),
            Contents::Remote { verified: true, .. }
        ));
    }

    #[test]
    fn configs_inside_are_parts() {
        let inner = r#"{"storage":{"files":[{"path":"/in","contents":{"source":"data:,x"}}]}}"#;
        let outer = json!({
            "ignition": { "config": { "merge": [
                { "source": format!("data:;base64,{}", STANDARD.encode(inner)) },
                { "source": "https://example.org/other.ign" },
            ] } },
            "storage": { "files": [{ "path": "/out", "append": [{ "source": "data:,y" }] }] },
        });
        let view = View::parse(&outer.to_string()).unwrap();
        let found: Vec<_> = view
            .files()
            .into_iter()
            .map(|f| (f.path, f.target.to_owned()))
            .collect();
        assert_eq!(
            found[0],
            ("$.storage.files.0.append.0".to_owned(), "/out".to_owned())
        );
        assert_eq!(
            found[1],
            (
                "$.ignition.config.merge.0.storage.files.0.contents".to_owned(),
                "/in".to_owned()
            )
        );
        assert!(View::parse("{").is_err());
    }
}

//! Trees from a description or from a tar archive.

use base64::Engine as _;
use serde_json::Value;

use super::support::{Item, Tree};

/// Bytes of a JSON value: a text, or `{"base64": …}`, or `{"repeat": [text, times]}`.
pub fn bytes(value: &Value) -> Vec<u8> {
    if let Some(encoded) = value.get("base64").and_then(Value::as_str) {
        return base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .expect("valid base64");
    }
    if let Some([text, times]) = value
        .get("repeat")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        let times = usize::try_from(times.as_u64().expect("a number")).expect("a small number");
        return text.as_str().expect("a text").repeat(times).into_bytes();
    }
    value.as_str().unwrap_or_default().as_bytes().to_vec()
}

/// The tree of a JSON description.
pub fn described(text: &str) -> Tree {
    let mut tree = Tree::from([("files-dir".to_string(), Item::Directory)]);
    let Value::Object(entries) = serde_json::from_str(text).expect("valid JSON") else {
        panic!("not an object");
    };
    for (path, entry) in entries {
        let item = if let Some(target) = entry.get("link").and_then(Value::as_str) {
            Item::Link(target.into())
        } else if let Some(contents) = entry.get("text") {
            Item::File {
                contents: bytes(contents),
                executable: entry.get("executable").is_some(),
            }
        } else if entry.get("directory").is_some() {
            Item::Directory
        } else {
            Item::Other
        };
        tree.insert(path, item);
    }
    tree
}

/// The tree of an uncompressed tar archive: files, links and directories with
/// short names, and pipes.
pub fn unpacked(archive: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let text = |field: &[u8]| {
        String::from_utf8_lossy(field)
            .trim_end_matches('\0')
            .to_string()
    };
    let octal =
        |field: &[u8]| usize::from_str_radix(text(field).trim_matches([' ', '\0']), 8).unwrap_or(0);
    let mut at = 0;
    let mut long_name = None;
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let size = octal(&header[124..136]);
        let body = &archive[at + 512..at + 512 + size];
        at += 512 + size.div_ceil(512) * 512;
        let prefix = text(&header[345..500]);
        let short = text(&header[..100]);
        let name = if prefix.is_empty() {
            short
        } else {
            format!("{prefix}/{short}")
        };
        let name = long_name
            .take()
            .unwrap_or(name)
            .trim_end_matches('/')
            .to_string();
        let item = match header[156] {
            b'L' => {
                long_name = Some(text(body));
                continue;
            }
            b'0' | 0 => Item::File {
                contents: body.to_vec(),
                executable: octal(&header[100..108]) & 0o111 != 0,
            },
            b'2' => Item::Link(text(&header[157..257])),
            b'5' => Item::Directory,
            _ => Item::Other,
        };
        tree.insert(name, item);
    }
    tree
}

//! Files in memory, from a description or from a tar archive.

use std::collections::BTreeMap;

use base64::Engine as _;
use ignition_gen::{FileError, FileKind, Files};
use serde_json::Value;

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Item {
    File { contents: Vec<u8>, executable: bool },
    Link(String),
    Directory,
    Other,
}

/// Paths and what is there, directories included.
pub type Tree = BTreeMap<String, Item>;

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

/// The files below one directory of a tree.
#[derive(Debug)]
pub struct MemFiles<'a> {
    pub tree: &'a Tree,
    pub name: Option<String>,
}

impl MemFiles<'_> {
    /// Follows links in directories, and in the last step if `last`.
    fn find(&self, path: &str, last: bool) -> Result<(String, &Item), FileError> {
        let mut steps: Vec<String> = Vec::new();
        let mut left: Vec<String> = format!("{}/{path}", self.name.as_deref().unwrap_or_default())
            .split('/')
            .rev()
            .filter(|step| !step.is_empty())
            .map(str::to_string)
            .collect();
        let mut links = 0;
        while let Some(step) = left.pop() {
            match step.as_str() {
                "." => continue,
                ".." => {
                    steps.pop();
                    continue;
                }
                _ => steps.push(step),
            }
            match self.tree.get(&steps.join("/")) {
                None => return Err(FileError::NotFound),
                Some(Item::Link(target)) if last || !left.is_empty() => {
                    links += 1;
                    assert!(links < 40, "a loop of links");
                    steps.pop();
                    left.extend(
                        target
                            .split('/')
                            .rev()
                            .filter(|step| !step.is_empty())
                            .map(str::to_string),
                    );
                }
                Some(Item::Directory) => {}
                Some(_) if !left.is_empty() => return Err(FileError::NotADirectory),
                Some(_) => {}
            }
        }
        let path = steps.join("/");
        let item = self.tree.get(&path).ok_or(FileError::NotFound)?;
        Ok((path, item))
    }
}

impl Files for MemFiles<'_> {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match self.find(path, true)?.1 {
            Item::File { contents, .. } => Ok(contents.clone()),
            Item::Directory => Err(FileError::IsADirectory),
            _ => Err(FileError::Other("no such device or address".into())),
        }
    }

    fn kind(&self, path: &str, follow: bool) -> Result<FileKind, FileError> {
        Ok(match self.find(path, follow)?.1 {
            Item::File { executable, .. } => FileKind::File {
                executable: *executable,
            },
            Item::Link(_) => FileKind::Link,
            Item::Directory => FileKind::Directory,
            Item::Other => FileKind::Other,
        })
    }

    fn link(&self, path: &str) -> Result<String, FileError> {
        match self.find(path, false)?.1 {
            Item::Link(target) => Ok(target.clone()),
            _ => Err(FileError::Other("invalid argument".into())),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let (path, item) = self.find(path, true)?;
        if !matches!(item, Item::Directory) {
            return Err(FileError::NotADirectory);
        }
        let inside = format!("{path}/");
        let below = self
            .tree
            .range(inside.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&inside));
        Ok(below
            .map(|path| path[inside.len()..].to_string())
            .filter(|name| !name.contains('/'))
            .collect())
    }
}

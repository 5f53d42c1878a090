//! Files in memory.

use std::collections::BTreeMap;

use ignition_gen::{FileError, FileKind, Files};

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

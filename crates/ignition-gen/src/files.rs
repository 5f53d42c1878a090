//! Local files: the only door through which a translation sees more than its
//! config.

use std::fs;
use std::io;
use std::path::PathBuf;

/// What a path leads to, without following a link in its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file, and whether anyone may execute it.
    File {
        /// Any of the three executable bits.
        executable: bool,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a socket or a pipe.
    Other,
}

/// Why a file cannot be had. The `Display` form is the one the reference
/// prints after the operation and the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing there.
    #[error("no such file or directory")]
    NotFound,
    /// A directory where a file was wanted.
    #[error("is a directory")]
    IsADirectory,
    /// A file where a directory was wanted.
    #[error("not a directory")]
    NotADirectory,
    /// No permission.
    #[error("permission denied")]
    PermissionDenied,
    /// A link out of the directory, where that is refused.
    #[error("link leads outside the files directory")]
    Outside,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => FileError::NotFound,
            io::ErrorKind::IsADirectory => FileError::IsADirectory,
            io::ErrorKind::NotADirectory => FileError::NotADirectory,
            io::ErrorKind::PermissionDenied => FileError::PermissionDenied,
            _ => {
                let text = error.to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                // The reference prints the same words without a capital.
                let mut rest = text.chars();
                FileError::Other(
                    rest.next()
                        .map(|first| first.to_lowercase().chain(rest).collect())
                        .unwrap_or_default(),
                )
            }
        }
    }
}

/// A directory of files that a config may embed.
///
/// Paths are relative, lexically clean, and never begin with `..`; `""` is
/// the directory itself. [`DirFiles`] is a real one.
pub trait Files {
    /// The directory as messages call it, without a slash at its end;
    /// `None` if there is none, and then every local file is refused.
    fn name(&self) -> Option<&str>;

    /// Reads a file, following links.
    ///
    /// # Errors
    /// A [`FileError`] for what cannot be read, with [`FileError::IsADirectory`]
    /// for directories.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// What is at a path. With `follow`, a link counts as what it leads to.
    ///
    /// # Errors
    /// A [`FileError`] if there is nothing or it cannot be looked at.
    fn kind(&self, path: &str, follow: bool) -> Result<FileKind, FileError>;

    /// The target of a link, as it is written in the link.
    ///
    /// # Errors
    /// A [`FileError`] if it cannot be read.
    fn link(&self, path: &str) -> Result<String, FileError>;

    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// A [`FileError`] if it cannot be listed.
    fn list(&self, path: &str) -> Result<Vec<String>, FileError>;
}

/// No files: every local file of a config is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoFiles;

impl Files for NoFiles {
    fn name(&self) -> Option<&str> {
        None
    }

    fn read(&self, _: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::NotFound)
    }

    fn kind(&self, _: &str, _: bool) -> Result<FileKind, FileError> {
        Err(FileError::NotFound)
    }

    fn link(&self, _: &str) -> Result<String, FileError> {
        Err(FileError::NotFound)
    }

    fn list(&self, _: &str) -> Result<Vec<String>, FileError> {
        Err(FileError::NotFound)
    }
}

/// The files below a real directory.
///
/// Links are followed wherever they lead, as the reference does;
/// [`DirFiles::confined`] refuses those that leave the directory. Anything
/// that is no regular file is refused: reading a pipe or a device might never
/// end.
#[derive(Clone, Debug)]
pub struct DirFiles {
    name: String,
    confined: bool,
}

impl DirFiles {
    /// The files below `directory`, which need not exist until one is wanted.
    #[must_use]
    pub fn new(directory: impl Into<String>) -> Self {
        DirFiles {
            name: directory.into(),
            confined: false,
        }
    }

    /// The files below `directory`; what links lead to outside of it is
    /// refused with [`FileError::Outside`].
    #[must_use]
    pub fn confined(directory: impl Into<String>) -> Self {
        DirFiles {
            confined: true,
            ..DirFiles::new(directory)
        }
    }

    /// The path of something that will be read.
    fn checked(&self, path: &str) -> Result<PathBuf, FileError> {
        let path = self.path(path);
        let outside = || {
            Ok::<_, FileError>(!fs::canonicalize(&path)?.starts_with(fs::canonicalize(&self.name)?))
        };
        if self.confined && outside()? {
            return Err(FileError::Outside);
        }
        Ok(path)
    }

    fn path(&self, path: &str) -> PathBuf {
        let base = PathBuf::from(&self.name);
        if path.is_empty() {
            base
        } else {
            base.join(path)
        }
    }
}

impl Files for DirFiles {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = self.checked(path)?;
        let kind = fs::metadata(&path)?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            return Err(FileError::Other("not a regular file".into()));
        }
        Ok(fs::read(path)?)
    }

    fn kind(&self, path: &str, follow: bool) -> Result<FileKind, FileError> {
        let metadata = if follow {
            fs::metadata(self.checked(path)?)?
        } else {
            fs::symlink_metadata(self.path(path))?
        };
        let kind = metadata.file_type();
        Ok(if kind.is_dir() {
            FileKind::Directory
        } else if kind.is_symlink() {
            FileKind::Link
        } else if kind.is_file() {
            FileKind::File {
                executable: executable(&metadata),
            }
        } else {
            FileKind::Other
        })
    }

    fn link(&self, path: &str) -> Result<String, FileError> {
        Ok(fs::read_link(self.path(path))?
            .to_string_lossy()
            .into_owned())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.checked(path)?)? {
            let name = entry?.file_name();
            let name = name.into_string().map_err(|name| {
                FileError::Other(format!("file name {} is not UTF-8", name.display()))
            })?;
            names.push(name);
        }
        Ok(names)
    }
}

#[cfg(unix)]
fn executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &fs::Metadata) -> bool {
    false
}

/// A slash-separated path without `.`, `..` and empty steps, as far as that
/// can be told from its text; `.` if nothing is left.
pub(crate) fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => match steps.last() {
                Some(&last) if last != ".." => {
                    steps.pop();
                }
                _ if absolute => {}
                _ => steps.push(".."),
            },
            step => steps.push(step),
        }
    }
    match (absolute, steps.is_empty()) {
        (true, _) => format!("/{}", steps.join("/")),
        (false, true) => ".".into(),
        (false, false) => steps.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_lexically() {
        for (path, cleaned) in [
            ("", "."),
            ("/", "/"),
            ("a//b/./c/", "a/b/c"),
            ("a/../../b", "../b"),
            ("/../a", "/a"),
            ("../..", "../.."),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn errors_read_like_the_system() {
        let files = DirFiles::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            files.read("nope").unwrap_err().to_string(),
            "no such file or directory"
        );
        assert_eq!(files.read("src").unwrap_err().to_string(), "is a directory");
        assert_eq!(files.kind("src", false), Ok(FileKind::Directory));
        assert_eq!(
            files.kind("src/lib.rs", false),
            Ok(FileKind::File { executable: false })
        );
        assert!(files.list("").unwrap().contains(&"Cargo.toml".to_string()));
    }
}

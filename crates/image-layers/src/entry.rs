//! The entries of a layer, read from its tar without the contents of the files.
//!
//! Source: OCI image specification, "Image Layer Filesystem Changeset"; POSIX.1-2024
//! `pax`, "pax Interchange Format"; GNU tar for long names. Extended attributes are
//! records `SCHILY.xattr.NAME`, as Go's `archive/tar` writes them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use tar::{Archive, EntryType};

use crate::error::Error;

/// The prefix of a record that holds an extended attribute.
pub(crate) const XATTR: &str = "SCHILY.xattr.";

/// The prefix of a file name that removes what lower layers have there.
pub(crate) const WHITEOUT: &[u8] = b".wh.";

/// Largest extended header that is read, in bytes. Extended attributes of one file are
/// limited to 64 KiB by the kernel, each.
const LARGEST_HEADER: u64 = 4 * 1024 * 1024;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file with contents; an empty one is a whiteout if its name says so.
    File,
    /// Another name of a file in the same layer.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Directory,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
}

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the root, without a slash at either end; no `.` and no `..` in it.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Bytes of contents.
    pub size: u64,
    /// Where they begin in the layer, in bytes.
    pub at: u64,
    /// Of a symbolic link what it says, of a hard link the path of the file.
    pub target: Vec<u8>,
    /// Of a device: major and minor number.
    pub device: (u32, u32),
    /// Extended attributes by name, `security.capability` among them.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// The last part of its path.
    pub(crate) fn name(&self) -> &[u8] {
        match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => &self.path[slash + 1..],
            None => &self.path,
        }
    }

    /// Whether it only removes something of the layers below.
    pub fn is_whiteout(&self) -> bool {
        self.kind == Kind::File && self.name().starts_with(WHITEOUT)
    }

    /// The path as text, for a message.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path)
            .escape_debug()
            .to_string()
    }
}

/// The folders above a path, the nearest first; not the root.
pub(crate) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev();
    slashes
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at])
}

/// What extended headers say about the entry that follows them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    xattrs: BTreeMap<String, Vec<u8>>,
}

/// Reads the entries of an uncompressed layer. The root folder's own entry is left out:
/// it belongs to the base.
///
/// # Errors
/// [`Error::File`]; [`Error::Layer`] if the layer has an entry of a kind that no image
/// has, the same path twice, or is cut off.
pub fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let wrong = |detail: String| Error::Layer {
        path: path.to_owned(),
        detail,
    };
    let file = File::open(path).map_err(Error::file("open", path))?;
    let mut archive = Archive::new(BufReader::new(file));
    let mut entries = Vec::new();
    let mut extended = Extended::default();
    let all = archive
        .entries_with_seek()
        .map_err(Error::file("read", path))?;
    for found in all.raw(true) {
        let mut found = found.map_err(Error::file("read", path))?;
        let header = found.header().clone();
        let size = header.entry_size().map_err(Error::file("read", path))?;
        let kind = header.entry_type();
        if is_extended(kind) {
            if size > LARGEST_HEADER {
                return Err(wrong(format!("an extended header of {size} bytes")));
            }
            let mut text = Vec::new();
            found
                .read_to_end(&mut text)
                .map_err(Error::file("read", path))?;
            extended.take(kind, text).map_err(wrong)?;
            continue;
        }
        let at = found.raw_file_position();
        let entry = entry(&header, at, std::mem::take(&mut extended)).map_err(wrong)?;
        if !entry.path.is_empty() {
            entries.push(entry);
        }
    }
    let mut paths: Vec<&[u8]> = entries.iter().map(|entry| entry.path.as_slice()).collect();
    paths.sort_unstable();
    if let Some(twice) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
        let twice = String::from_utf8_lossy(twice[0]);
        return Err(wrong(format!("`{}` is in it twice", twice.escape_debug())));
    }
    Ok(entries)
}

fn is_extended(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

impl Extended {
    fn take(&mut self, kind: EntryType, mut text: Vec<u8>) -> Result<(), String> {
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        if kind.is_pax_local_extensions() {
            return self.records(&text);
        }
        while text.last() == Some(&0) {
            text.pop();
        }
        if kind.is_gnu_longname() {
            self.path = Some(text);
        } else {
            self.target = Some(text);
        }
        Ok(())
    }

    /// Records `LENGTH KEY=VALUE\n`; the length counts all of it, and the value may have
    /// any byte.
    fn records(&mut self, mut text: &[u8]) -> Result<(), String> {
        let broken = || "an extended header with a broken record".to_owned();
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ');
            let space = space.ok_or_else(broken)?;
            let length: usize = number(&text[..space]).ok_or_else(broken)?;
            let record = text.get(space + 1..length).ok_or_else(broken)?;
            let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
            text = &text[length..];
            let equals = record.iter().position(|byte| *byte == b'=');
            let equals = equals.ok_or_else(broken)?;
            let key = std::str::from_utf8(&record[..equals]).map_err(|_| broken())?;
            let value = &record[equals + 1..];
            match key {
                "path" => self.path = Some(value.to_owned()),
                "linkpath" => self.target = Some(value.to_owned()),
                "size" => self.size = Some(number(value).ok_or_else(broken)?),
                "uid" => self.uid = Some(number(value).ok_or_else(broken)?),
                "gid" => self.gid = Some(number(value).ok_or_else(broken)?),
                // Times are not carried over as they are, and names of users mean
                // nothing on another machine.
                "mtime" | "atime" | "ctime" | "uname" | "gname" | "comment" => {}
                key => match key.strip_prefix(XATTR) {
                    Some(name) => {
                        self.xattrs.insert(name.to_owned(), value.to_owned());
                    }
                    None => return Err(format!("a record `{}`", key.escape_debug())),
                },
            }
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn entry(header: &tar::Header, at: u64, extended: Extended) -> Result<Entry, String> {
    let path = extended
        .path
        .unwrap_or_else(|| header.path_bytes().into_owned());
    let shown = String::from_utf8_lossy(&path).escape_debug().to_string();
    let broken = |error: std::io::Error| format!("`{shown}`: {error}");
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Link => Kind::HardLink,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Directory => Kind::Directory,
        EntryType::Char => Kind::CharacterDevice,
        EntryType::Block => Kind::BlockDevice,
        EntryType::Fifo => Kind::Fifo,
        other => {
            let kind = char::from(other.as_byte()).escape_debug();
            return Err(format!("`{shown}` is of the kind `{kind}`"));
        }
    };
    let size = header.entry_size().map_err(broken)?;
    if extended.size.is_some_and(|told| told != size) {
        return Err(format!("`{shown}` is of 8 GiB or more"));
    }
    let target = match kind {
        Kind::Symlink | Kind::HardLink => extended
            .target
            .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    let number = |of: Result<Option<u32>, std::io::Error>| of.map(Option::unwrap_or_default);
    let device = match kind {
        Kind::CharacterDevice | Kind::BlockDevice => (
            number(header.device_major()).map_err(broken)?,
            number(header.device_minor()).map_err(broken)?,
        ),
        _ => (0, 0),
    };
    Ok(Entry {
        path: clean(&path).ok_or_else(|| format!("`{shown}` leads out of the image"))?,
        target: match kind {
            Kind::HardLink => {
                clean(&target).ok_or_else(|| format!("`{shown}` links out of the image"))?
            }
            _ => target,
        },
        kind,
        mode: header.mode().map_err(broken)? & 0o7777,
        uid: extended
            .uid
            .map_or_else(|| header.uid(), Ok)
            .map_err(broken)?,
        gid: extended
            .gid
            .map_or_else(|| header.gid(), Ok)
            .map_err(broken)?,
        mtime: header.mtime().map_err(broken)?,
        size: if kind == Kind::File { size } else { 0 },
        at,
        device,
        xattrs: extended.xattrs,
    })
}

/// A path without `.`, and without slashes at its ends or several in a row. `None` if it
/// has a `..`.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
    let parts: Vec<&[u8]> = parts.collect();
    (!parts.contains(&&b".."[..])).then(|| parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_any_byte() {
        let mut found = Extended::default();
        let record = |key: &str, value: &[u8]| {
            let length = key.len() + value.len() + 5;
            let mut all = format!("{length} {key}=").into_bytes();
            all.extend_from_slice(value);
            all.push(b'\n');
            assert_eq!(all.len(), length);
            all
        };
        let mut text = record("SCHILY.xattr.security.capability", b"\x01\n\0=\n 7 \n");
        text.extend(record("SCHILY.xattr.user.x", b"12"));
        text.extend(record("linkpath", b"../with\nnewline"));
        found.records(&text).unwrap();
        assert_eq!(found.xattrs["security.capability"], b"\x01\n\0=\n 7 \n");
        assert_eq!(found.xattrs["user.x"], b"12");
        assert_eq!(found.target.unwrap(), b"../with\nnewline");
        for broken in [&b"9 a=b\n"[..], b"x", b"5 a=b", b"6 abc\n", b"0 a=b\n"] {
            assert!(Extended::default().records(broken).is_err(), "{broken:?}");
        }
        let unknown = Extended::default().records(b"25 GNU.sparse.realsize=1\n");
        assert_eq!(unknown.unwrap_err(), "a record `GNU.sparse.realsize`");
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(clean(b"./usr//bin/").unwrap(), b"usr/bin");
        assert_eq!(clean(b"/").unwrap(), b"");
        assert_eq!(clean(b"usr/../etc"), None);
        let above: Vec<&[u8]> = parents(b"usr/lib/x").collect();
        assert_eq!(above, [&b"usr/lib"[..], b"usr"]);
    }
}

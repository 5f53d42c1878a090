//! Which files differ between two layers, and in what.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::entry::{Entry, read};
use crate::error::Error;

/// A file that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// From the root; characters that are not printable are escaped.
    pub path: String,
    /// In what: `only in the first`, `contents`, `mode`, ….
    pub what: Vec<&'static str>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{} ({})", self.path, self.what.join(", "))
    }
}

/// Compares two uncompressed layers, file by file, in the order of the paths.
///
/// # Errors
/// As [`read`].
pub fn differences(first: &Path, second: &Path) -> Result<Vec<Difference>, Error> {
    let entries = |path: &Path| -> Result<BTreeMap<Vec<u8>, Entry>, Error> {
        let all = read(path)?.into_iter();
        Ok(all.map(|entry| (entry.path.clone(), entry)).collect())
    };
    let (ones, others) = (entries(first)?, entries(second)?);
    let open = |path: &Path| File::open(path).map_err(Error::file("open", path));
    let (one_file, other_file) = (open(first)?, open(second)?);
    let mut found = Vec::new();
    let mut add = |entry: &Entry, what: Vec<&'static str>| {
        if !what.is_empty() {
            let path = entry.shown();
            found.push(Difference { path, what });
        }
    };
    for (path, one) in &ones {
        let Some(other) = others.get(path) else {
            add(one, vec!["only in the first"]);
            continue;
        };
        let mut what = Vec::new();
        let pairs = [
            ("kind", one.kind != other.kind),
            ("mode", one.mode != other.mode),
            ("owner", (one.uid, one.gid) != (other.uid, other.gid)),
            ("time", one.mtime != other.mtime),
            ("target", one.target != other.target),
            ("device", one.device != other.device),
            ("extended attributes", one.xattrs != other.xattrs),
        ];
        what.extend(
            pairs
                .iter()
                .filter(|(_, differs)| *differs)
                .map(|(name, _)| *name),
        );
        let same = one.size == other.size
            && same_contents((&one_file, one.at), (&other_file, other.at), one.size)
                .map_err(Error::file("read", first))?;
        if !same {
            what.push("contents");
        }
        add(one, what);
    }
    for (path, other) in &others {
        if !ones.contains_key(path) {
            add(other, vec!["only in the second"]);
        }
    }
    Ok(found)
}

fn same_contents(
    (one, one_at): (&File, u64),
    (other, other_at): (&File, u64),
    size: u64,
) -> std::io::Result<bool> {
    let mut buffers = [vec![0; 64 * 1024], vec![0; 64 * 1024]];
    let mut done = 0;
    while done < size {
        let most = buffers[0].len() as u64;
        let piece = usize::try_from((size - done).min(most)).unwrap_or(buffers[0].len());
        let [first, second] = &mut buffers;
        one.read_exact_at(&mut first[..piece], one_at + done)?;
        other.read_exact_at(&mut second[..piece], other_at + done)?;
        if first[..piece] != second[..piece] {
            return Ok(false);
        }
        done += piece as u64;
    }
    Ok(true)
}

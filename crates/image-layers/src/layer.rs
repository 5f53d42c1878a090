//! Writes one part as a layer: the same entries always give the same bytes.
//!
//! The tar is in the POSIX pax format. Extended headers are written only where a value
//! has no room in the plain one. It has no names of users and no time but that of the
//! last change. The gzip header has neither a time nor a file name.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use registry_compat::Digest;
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use crate::entry::{Entry, Kind, XATTR};
use crate::error::Error;
use crate::split::Part;

/// A layer that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the compressed bytes: the blob's name in a registry.
    pub digest: Digest,
    /// Digest of the uncompressed bytes: its `diff_id` in the config.
    pub diff_id: Digest,
    /// Compressed bytes.
    pub size: u64,
}

/// A writer that computes the digest of what goes through it.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn finish(self) -> (Digest, u64, W) {
        (Digest::of_hashed(self.hash), self.size, self.to)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The `diff_id` of a part: it is known without compressing anything. `from` is the
/// layer that the part's entries were read from.
///
/// # Errors
/// [`Error::File`].
pub fn diff_id(part: &Part, from: &Path) -> Result<Digest, Error> {
    let source = File::open(from).map_err(Error::file("open", from))?;
    let to = Hashing::new(io::sink());
    let (found, ..) = tar(part, &source, to)
        .map_err(Error::file("read", from))?
        .finish();
    Ok(found)
}

/// Writes a part into a file.
///
/// # Errors
/// [`Error::File`]; a full disk is one of the causes.
pub fn write(part: &Part, from: &Path, to: &Path) -> Result<Layer, Error> {
    let source = File::open(from).map_err(Error::file("open", from))?;
    let failed = || Error::file("write", to);
    let file = File::create(to).map_err(failed())?;
    let compressed = Hashing::new(BufWriter::new(file));
    let encoder: GzEncoder<_> = GzBuilder::new().write(compressed, Compression::default());
    let plain = tar(part, &source, Hashing::new(encoder)).map_err(failed())?;
    let (diff_id, _, encoder) = plain.finish();
    let (digest, size, file) = encoder.finish().map_err(failed())?.finish();
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    // Not synced: it is sent and removed, and never read after a crash.
    file.map_err(failed())?;
    Ok(Layer {
        digest,
        diff_id,
        size,
    })
}

fn tar<W: Write>(part: &Part, source: &File, mut to: W) -> io::Result<W> {
    let mut buffer = vec![0; 256 * 1024];
    for entry in &part.entries {
        head(entry, &mut to)?;
        let mut contents = From {
            source,
            at: entry.at,
            left: entry.size,
        };
        loop {
            let read = contents.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            to.write_all(&buffer[..read])?;
        }
        pad(entry.size, &mut to)?;
    }
    // The end: two blocks of nothing.
    to.write_all(&[0; 1024])?;
    Ok(to)
}

/// The contents of one file in the layer that it comes from.
struct From<'a> {
    source: &'a File,
    at: u64,
    left: u64,
}

impl Read for From<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.source.read_at(&mut buffer[..most], self.at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

fn pad(size: u64, to: &mut impl Write) -> io::Result<()> {
    let over = usize::try_from(size % 512).unwrap_or_default();
    to.write_all(&[0; 512][..(512 - over) % 512])
}

fn head(entry: &Entry, to: &mut impl Write) -> io::Result<()> {
    let mut header = Header::new_ustar();
    let mut records = Vec::new();
    let mut path = entry.path.clone();
    if entry.kind == Kind::Directory {
        path.push(b'/');
    }
    if !fits(&path) {
        record("path", &path, &mut records);
    }
    if !fits(&entry.target) {
        record("linkpath", &entry.target, &mut records);
    }
    // Seven octal digits.
    let most = 0o7_777_777;
    if entry.uid > most {
        record("uid", entry.uid.to_string().as_bytes(), &mut records);
    }
    if entry.gid > most {
        record("gid", entry.gid.to_string().as_bytes(), &mut records);
    }
    for (name, value) in &entry.xattrs {
        record(&format!("{XATTR}{name}"), value, &mut records);
    }
    if !records.is_empty() {
        let mut extended = Header::new_ustar();
        extended.set_entry_type(EntryType::XHeader);
        extended.set_mode(0o644);
        extended.set_uid(0);
        extended.set_gid(0);
        extended.set_mtime(0);
        extended.set_size(records.len() as u64);
        extended.as_mut_bytes()[..10].copy_from_slice(b"PaxHeaders");
        extended.set_cksum();
        to.write_all(extended.as_bytes())?;
        to.write_all(&records)?;
        pad(records.len() as u64, to)?;
    }
    header.set_entry_type(match entry.kind {
        Kind::File => EntryType::Regular,
        Kind::HardLink => EntryType::Link,
        Kind::Symlink => EntryType::Symlink,
        Kind::Directory => EntryType::Directory,
        Kind::CharacterDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
        Kind::Fifo => EntryType::Fifo,
    });
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.min(most));
    header.set_gid(entry.gid.min(most));
    header.set_mtime(entry.mtime);
    header.set_size(entry.size);
    if matches!(entry.kind, Kind::CharacterDevice | Kind::BlockDevice) {
        header.set_device_major(entry.device.0)?;
        header.set_device_minor(entry.device.1)?;
    }
    // By hand: a path need not be UTF-8, and one that is too long is in its record.
    let plain = header.as_mut_bytes();
    let short = &path[..path.len().min(100)];
    plain[..short.len()].copy_from_slice(short);
    let short = &entry.target[..entry.target.len().min(100)];
    plain[157..157 + short.len()].copy_from_slice(short);
    header.set_cksum();
    to.write_all(header.as_bytes())
}

/// Whether a name has room in a plain header, which is ASCII in the pax format.
fn fits(name: &[u8]) -> bool {
    name.len() <= 100 && name.is_ascii()
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(key: &str, value: &[u8], to: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    to.extend_from_slice(format!("{length} {key}=").as_bytes());
    to.extend_from_slice(value);
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_digits() {
        for length in 0..1_100 {
            let mut text = Vec::new();
            record("path", &vec![b'x'; length], &mut text);
            let space = text.iter().position(|byte| *byte == b' ').unwrap();
            let told: usize = std::str::from_utf8(&text[..space])
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(told, text.len());
        }
    }
}

//! The names of the files in an image's one layer, without keeping the layer.
//!
//! ublue's kmods images say nowhere which ZFS they hold but in the names of
//! their RPMs. A layer is hundreds of megabytes of a stranger's: it is read as a
//! stream, in bounded memory, and nothing that was read counts before the digest
//! of all of it is right.

use std::collections::BTreeSet;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use registry_compat::{Answer, Digest, ImageRef, Trouble};
use sha2::Digest as _;

use crate::Error;
use crate::oci::{Failure, Registries, Target, garbled, parse_digest};

/// Largest layer that is read, and the most that may come out of it, in bytes.
/// RPMs are compressed already, so a layer of them does not unpack to much more.
const LARGEST_LAYER: u64 = 4 * 1024 * 1024 * 1024;

/// Longest name of a file; `PATH_MAX` of Linux.
const LONGEST_NAME: u64 = 4096;

/// Largest extended header, which holds a name and times.
const LARGEST_EXTENSION: u64 = 64 * 1024;

/// Most names that are kept; ublue's images have some dozens.
const MOST_NAMES: usize = 10_000;

/// The unit of tar.
const BLOCK: usize = 512;

impl Registries {
    /// The files below a folder of an image of one layer, relative to it. The
    /// image is one of an architecture, by digest; an index has no layers.
    pub fn file_names(&self, image: &ImageRef, below: &str) -> Answer<BTreeSet<String>> {
        self.ask(image, |target| self.file_names_at(target, below))
    }

    fn file_names_at(&self, target: &Target, below: &str) -> Result<BTreeSet<String>, Failure> {
        let found = self.manifest(target, target.endpoint.image.reference())?;
        let layers = found.wire.layers.unwrap_or_default();
        let [layer] = layers.as_slice() else {
            let count = layers.len();
            return Err(garbled(
                target,
                format!("expected an image of one layer, found {count}"),
            ));
        };
        // OCI's `…tar+gzip` and docker's `…tar.gzip`.
        if !layer.media_type.ends_with("gzip") {
            let kind = host::one_line(&layer.media_type);
            return Err(garbled(
                target,
                format!("expected a layer of gzip, found `{kind}`, which is not read here"),
            ));
        }
        if layer.size > LARGEST_LAYER {
            let size = layer.size;
            return Err(garbled(target, format!("a layer of {size} bytes")));
        }
        let digest = parse_digest(target, &layer.digest)?;
        let (url, body) = self.open_blob(target, &digest, layer.size)?;
        Ok(names_in(body, &url, &digest, below, LARGEST_LAYER)?)
    }
}

/// The names below a folder in a layer, if all of it has its digest.
fn names_in(
    body: impl Read,
    url: &str,
    digest: &Digest,
    below: &str,
    most: u64,
) -> Result<BTreeSet<String>, Error> {
    let mut tar = MultiGzDecoder::new(Watched::new(body, most)).take(most);
    let walked = walk(&mut tar, below);
    let unpacked_all = tar.limit() == 0;
    let mut watched = tar.into_inner().into_inner();
    // What follows the archive's end only counts for the digest. A layer that
    // unpacks to too much is not read further.
    if !unpacked_all {
        let _ = io::copy(&mut watched, &mut io::sink());
    }
    let wrong = |trouble, what: String| Err(Error::unknown(trouble, format!("{url}: {what}")));
    if let Some(why) = watched.broken {
        return wrong(Trouble::Unreachable, why);
    }
    if unpacked_all || watched.read > most {
        return wrong(
            Trouble::Garbled,
            format!("a layer of more than {most} bytes"),
        );
    }
    let found = Digest::of_hashed(watched.hash);
    if found != *digest {
        return wrong(Trouble::Garbled, format!("its digest is {found}"));
    }
    walked.or_else(|why| {
        wrong(
            Trouble::Garbled,
            format!("not a layer of gzip and tar: {why}"),
        )
    })
}

/// A body that is digested while it is read.
struct Watched<R> {
    body: R,
    hash: sha2::Sha256,
    read: u64,
    most: u64,
    /// Why the connection broke: no fault of the layer's.
    broken: Option<String>,
}

impl<R> Watched<R> {
    fn new(body: R, most: u64) -> Self {
        Self {
            body,
            hash: sha2::Sha256::new(),
            read: 0,
            most,
            broken: None,
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.most {
            return Ok(0);
        }
        let count = self.body.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.broken = Some(error.to_string());
            }
        })?;
        self.hash.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// The files below a folder in an archive of POSIX's form (`ustar`), with GNU's
/// and POSIX's long names. Source: `tar(5)`; POSIX, `pax`.
fn walk(tar: &mut impl Read, below: &str) -> io::Result<BTreeSet<String>> {
    let folder = below.trim_matches('/');
    let mut names = BTreeSet::new();
    let mut long_name: Option<Vec<u8>> = None;
    let mut long_size: Option<u64> = None;
    loop {
        let mut header = [0; BLOCK];
        tar.read_exact(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(names);
        }
        check(&header)?;
        let size = number(&header[124..136])?;
        match header[156] {
            b'L' => {
                let name = content(tar, size, LONGEST_NAME)?;
                long_name = Some(until_nul(&name).to_vec());
                continue;
            }
            b'x' => {
                let records = content(tar, size, LARGEST_EXTENSION)?;
                for (key, value) in records_of(&records)? {
                    match key {
                        b"path" => long_name = Some(value.to_vec()),
                        b"size" => long_size = Some(decimal(value)?),
                        _ => {}
                    }
                }
                continue;
            }
            // A long target of a link; an extended header for all that follow.
            b'K' | b'g' => {
                skip(tar, size)?;
                continue;
            }
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| short_name(&header));
        let size = long_size.take().unwrap_or(size);
        let kind = header[156];
        // Links, devices and folders have no content, whatever size they claim.
        if !(b'1'..=b'6').contains(&kind) {
            skip(tar, size)?;
        }
        if kind == b'5' || name.len() as u64 > LONGEST_NAME {
            continue;
        }
        let name = String::from_utf8_lossy(&name);
        let name = name.trim_start_matches("./").trim_start_matches('/');
        let inside = match folder {
            "" => Some(name),
            _ => name.strip_prefix(folder).and_then(|n| n.strip_prefix('/')),
        };
        if let Some(inside) = inside {
            names.insert(inside.to_owned());
        }
        if names.len() > MOST_NAMES {
            return Err(bad(format!("more than {MOST_NAMES} files")));
        }
    }
}

/// The header's checksum: the sum of its bytes, its own taken as spaces.
fn check(header: &[u8; BLOCK]) -> io::Result<()> {
    let own = 148..156;
    let byte = |(at, byte): (usize, &u8)| u64::from(if own.contains(&at) { b' ' } else { *byte });
    let sum: u64 = header.iter().enumerate().map(byte).sum();
    if number(&header[own.clone()])? == sum {
        Ok(())
    } else {
        Err(bad("a header with a wrong checksum"))
    }
}

/// A field of octal digits, or of GNU's binary form for what they cannot say.
fn number(field: &[u8]) -> io::Result<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let (high, low) = rest.split_at(rest.len().saturating_sub(8));
        if first & 0x7f != 0 || high.iter().any(|byte| *byte != 0) {
            return Err(bad("a number that is too large"));
        }
        return Ok(low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let text = String::from_utf8_lossy(until_nul(field));
    match text.trim() {
        "" => Ok(0),
        digits => u64::from_str_radix(digits, 8).map_err(|_| bad("a number that is none")),
    }
}

fn decimal(text: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| bad("a size that is no number"))
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn short_name(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    // GNU's own form has times where POSIX has the prefix.
    let posix = &header[257..263] == b"ustar\0";
    if posix && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

/// An entry's content, which is a name or little more.
fn content(tar: &mut impl Read, size: u64, most: u64) -> io::Result<Vec<u8>> {
    if size > most {
        return Err(bad(format!("a name of {size} bytes")));
    }
    let mut bytes = Vec::new();
    tar.by_ref().take(size).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    skip_exactly(tar, padding(size))?;
    Ok(bytes)
}

fn skip(tar: &mut impl Read, size: u64) -> io::Result<()> {
    skip_exactly(tar, size)?;
    skip_exactly(tar, padding(size))
}

fn skip_exactly(tar: &mut impl Read, size: u64) -> io::Result<()> {
    if io::copy(&mut tar.by_ref().take(size), &mut io::sink())? == size {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What fills up the last block of so many bytes.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// `LENGTH KEY=VALUE\n`, where the length is that of all of it.
fn records_of(mut rest: &[u8]) -> io::Result<Vec<(&[u8], &[u8])>> {
    let wrong = || bad("a record of an extended header that is none");
    let mut records = Vec::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').ok_or_else(wrong)?;
        let length = usize::try_from(decimal(&rest[..space])?).map_err(|_| wrong())?;
        let record = rest.get(space + 1..length).ok_or_else(wrong)?;
        let record = record.strip_suffix(b"\n").ok_or_else(wrong)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(wrong)?;
        records.push((&record[..equals], &record[equals + 1..]));
        rest = &rest[length..];
    }
    Ok(records)
}

#[cfg(test)]
mod tests;

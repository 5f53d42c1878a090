//! The disks that Fedora publishes of a release, from the metadata of its
//! streams.
//!
//! Source: `streams/<stream>.json`
//! (<https://builds.coreos.fedoraproject.org/streams/stable.json>), whose form
//! is `stream-metadata-go`'s. Fields that are not used are not looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::{Arch, Error, FcosVersion, Stream};

const STREAM: &str = "the stream metadata (streams/STREAM.json)";

/// The root of all addresses in Fedora's documents.
const FEDORA: &str = "https://builds.coreos.fedoraproject.org";

/// A SHA-256 in hex, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(String);

impl Sha256 {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Sha256 {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(digit) {
            return Ok(Self(text.to_owned()));
        }
        let form = "64 digits of `0-9a-f`";
        Err(Error::malformed("a SHA-256", text, form))
    }
}

/// A disk for QEMU, compressed with xz.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QemuDisk {
    /// The release that it is the disk of.
    pub release: FcosVersion,
    /// The architecture of the machines that it is for.
    pub arch: Arch,
    location: String,
    /// The sum of the file as it is published, compressed.
    pub sha256: Sha256,
    /// The sum of the unpacked disk.
    pub uncompressed: Sha256,
}

impl QemuDisk {
    /// Its address below a root: Fedora's own, or a mirror of it.
    pub fn url(&self, root: &str) -> String {
        match self.location.strip_prefix(FEDORA) {
            Some(path) => format!("{}{path}", root.trim_end_matches('/')),
            None => self.location.clone(),
        }
    }

    /// The name of the disk in it: `fedora-coreos-44.…-qemu.x86_64.qcow2`.
    pub fn name(&self) -> String {
        format!("fedora-coreos-{}-qemu.{}.qcow2", self.release, self.arch)
    }
}

#[derive(Deserialize)]
struct WireStream {
    stream: String,
    architectures: BTreeMap<String, WireArch>,
}

#[derive(Deserialize)]
struct WireArch {
    artifacts: BTreeMap<String, WireArtifact>,
}

#[derive(Deserialize)]
struct WireArtifact {
    release: String,
    formats: BTreeMap<String, WireFormat>,
}

#[derive(Deserialize)]
struct WireFormat {
    disk: Option<WireFile>,
}

#[derive(Deserialize)]
struct WireFile {
    location: String,
    sha256: String,
    #[serde(rename = "uncompressed-sha256")]
    uncompressed: Option<String>,
}

/// The disk for QEMU of a stream; `None` if there is none for the architecture.
///
/// # Errors
/// [`Error::Document`] if it is no such document, is of another stream, or names
/// no sum of what is in the file; [`Error::Malformed`] for a version or a sum
/// that is none, or for an address that is not one of HTTP.
pub fn qemu(bytes: &[u8], stream: &Stream, arch: Arch) -> Result<Option<QemuDisk>, Error> {
    let wire: WireStream = serde_json::from_slice(bytes)
        .map_err(|error| Error::document(STREAM, &error.to_string()))?;
    if wire.stream != stream.as_str() {
        let detail = format!("it is of stream {}, wanted {stream}", wire.stream);
        return Err(Error::document(STREAM, &detail));
    }
    let artifact = wire
        .architectures
        .get(&arch.to_string())
        .and_then(|arch| arch.artifacts.get("qemu"));
    let Some(artifact) = artifact else {
        return Ok(None);
    };
    let file = artifact
        .formats
        .get("qcow2.xz")
        .and_then(|format| format.disk.as_ref());
    let Some(file) = file else {
        return Ok(None);
    };
    let plain = |byte: u8| byte.is_ascii_graphic();
    if !file.location.starts_with("https://") || !file.location.bytes().all(plain) {
        return Err(Error::malformed(
            "an address",
            &file.location,
            "`https://…`",
        ));
    }
    let uncompressed = file
        .uncompressed
        .as_ref()
        .ok_or_else(|| Error::document(STREAM, "the disk has no `uncompressed-sha256`"))?;
    Ok(Some(QemuDisk {
        release: artifact.release.parse()?,
        arch,
        location: file.location.clone(),
        sha256: file.sha256.parse()?,
        uncompressed: uncompressed.parse()?,
    }))
}

//! The documents in which Fedora publishes its releases, from bytes to checked
//! values. Whatever the bytes are, the answer is a value or a typed error.
//!
//! Sources: `releases.json` (<https://builds.coreos.fedoraproject.org/prod/streams/stable/releases.json>,
//! `oci-images` since coreos-assembler #3919), `updates/<stream>.json`
//! (<https://builds.coreos.fedoraproject.org/updates/stable.json>, read as
//! fedora-coreos-cincinnati reads it), and `commitmeta.json` beside each build.
//! Fields that are not used are not looked at, since Fedora adds some.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::outside::shown;
use crate::text::number;
use crate::{Arch, DigestRef, Error, FcosRelease, FcosVersion, KernelVersion, Rollout, Stream};

const RELEASES: &str = "the release index (releases.json)";
const UPDATES: &str = "the update metadata (updates/STREAM.json)";
const COMMITMETA: &str = "the commit metadata (commitmeta.json)";

/// `releases.json` of a stream, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseIndex {
    /// `stream`.
    pub stream: Stream,
    /// `releases[]`, in the document's order, which is from old to new. Those
    /// from before December 2019, whose versions have three parts, are left
    /// out.
    pub releases: Vec<IndexEntry>,
}

/// One of `releases[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// `version`.
    pub version: FcosVersion,
    /// `commits[].architecture` and `oci-images[].architecture` with
    /// `oci-images[].digest-ref`. Architectures that this crate has no name for
    /// are left out.
    pub images: BTreeMap<Arch, Option<DigestRef>>,
}

/// `updates/<stream>.json`, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updates {
    /// `stream`.
    pub stream: Stream,
    /// `metadata.last-modified`.
    pub last_modified: Option<Timestamp>,
    /// `releases[]` by version.
    pub releases: BTreeMap<FcosVersion, UpdateEntry>,
}

/// `metadata` of one of `releases[]` in the update metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateEntry {
    /// `barrier.reason`, safe to print.
    pub barrier: Option<String>,
    /// `deadend.reason`, safe to print.
    pub dead_end: Option<String>,
    /// `rollout`. [`Rollout::NotScheduled`] if there is none: for that the other
    /// entries count as well, see [`join`].
    pub rollout: Rollout,
}

#[derive(Deserialize)]
struct WireIndex {
    stream: String,
    releases: Vec<WireRelease>,
}

#[derive(Deserialize)]
struct WireRelease {
    version: String,
    // Either list may be missing: old indexes have no images, future ones may
    // have no commits. `null` is how Go writes an empty list.
    commits: Option<Vec<WireCommit>>,
    #[serde(rename = "oci-images")]
    oci_images: Option<Vec<WireImage>>,
}

#[derive(Deserialize)]
struct WireCommit {
    architecture: String,
}

#[derive(Deserialize)]
struct WireImage {
    architecture: String,
    #[serde(rename = "digest-ref")]
    digest_ref: String,
}

#[derive(Deserialize)]
struct WireUpdates {
    stream: String,
    metadata: Option<WireModified>,
    releases: Vec<WireUpdate>,
}

#[derive(Deserialize)]
struct WireModified {
    #[serde(rename = "last-modified")]
    last_modified: Option<String>,
}

#[derive(Deserialize)]
struct WireUpdate {
    version: String,
    metadata: WireUpdateMetadata,
}

#[derive(Deserialize)]
struct WireUpdateMetadata {
    barrier: Option<WireReason>,
    deadend: Option<WireReason>,
    rollout: Option<WireRollout>,
}

#[derive(Deserialize)]
struct WireReason {
    reason: String,
}

#[derive(Deserialize)]
struct WireRollout {
    start_epoch: Option<i64>,
    start_percentage: Option<f64>,
    duration_minutes: Option<u64>,
}

#[derive(Deserialize)]
struct WireCommitMeta {
    #[serde(rename = "rpmostree.rpmdb.pkglist")]
    packages: Vec<WirePackage>,
}

/// `[name, epoch, version, release, arch]`.
#[derive(Deserialize)]
struct WirePackage(String, serde::de::IgnoredAny, String, String, String);

/// Reads `releases.json`.
///
/// # Errors
/// [`Error::Document`] if it is no such document, is of another stream than
/// `stream`, lists a release twice, or has a release without architecture;
/// [`Error::Malformed`] for a version or reference that is none.
pub fn parse_releases(bytes: &[u8], stream: &Stream) -> Result<ReleaseIndex, Error> {
    let wire: WireIndex = decode(RELEASES, bytes)?;
    let stream = same_stream(RELEASES, &wire.stream, stream)?;
    let mut releases = Vec::new();
    let mut seen = BTreeSet::new();
    for release in wire.releases {
        let Some(version) = version(&release.version)? else {
            continue;
        };
        once(RELEASES, &mut seen, version)?;
        let mut images: BTreeMap<Arch, Option<DigestRef>> = BTreeMap::new();
        let mut named = 0;
        for commit in release.commits.into_iter().flatten() {
            named += 1;
            if let Ok(arch) = commit.architecture.parse() {
                images.entry(arch).or_default();
            }
        }
        for image in release.oci_images.into_iter().flatten() {
            named += 1;
            let reference: DigestRef = image.digest_ref.parse()?;
            let Ok(arch) = image.architecture.parse::<Arch>() else {
                continue;
            };
            if let Some(other) = images.insert(arch, Some(reference.clone())).flatten()
                && other != reference
            {
                let detail = format!("{version} has two images for {arch}");
                return Err(Error::document(RELEASES, &detail));
            }
        }
        if named == 0 {
            let detail = format!("{version} has neither commits nor images");
            return Err(Error::document(RELEASES, &detail));
        }
        releases.push(IndexEntry { version, images });
    }
    Ok(ReleaseIndex { stream, releases })
}

/// Reads `updates/<stream>.json`.
///
/// # Errors
/// [`Error::Document`] if it is no such document, is of another stream than
/// `stream`, lists a release twice, or has a rollout whose numbers make no
/// sense; [`Error::Malformed`] for a version that is none.
pub fn parse_updates(bytes: &[u8], stream: &Stream) -> Result<Updates, Error> {
    let wire: WireUpdates = decode(UPDATES, bytes)?;
    let stream = same_stream(UPDATES, &wire.stream, stream)?;
    let last_modified = wire
        .metadata
        .and_then(|metadata| metadata.last_modified)
        .map(|text| {
            text.parse()
                .map_err(|_| Error::malformed("a time", &text, "RFC 3339"))
        })
        .transpose()?;
    let mut releases = BTreeMap::new();
    for release in wire.releases {
        let Some(version) = version(&release.version)? else {
            continue;
        };
        let reason = |reason: WireReason| shown(&reason.reason);
        let rollout = release.metadata.rollout.map(|wire| rollout(version, &wire));
        let entry = UpdateEntry {
            barrier: release.metadata.barrier.map(reason),
            dead_end: release.metadata.deadend.map(reason),
            rollout: rollout.transpose()?.unwrap_or(Rollout::NotScheduled),
        };
        if releases.insert(version, entry).is_some() {
            return Err(Error::document(
                UPDATES,
                &format!("{version} is listed twice"),
            ));
        }
    }
    Ok(Updates {
        stream,
        last_modified,
        releases,
    })
}

/// Puts the two documents together. No kernel is known from them.
///
/// A release without an entry was superseded if a newer one is a barrier or has
/// a rollout, and is not scheduled yet if not: the release checklist of
/// fedora-coreos-streams says of a release that is only in the index that
/// Cincinnati knows it "without edges pointing to it".
///
/// # Errors
/// [`Error::Document`] if they are of different streams.
pub fn join(index: &ReleaseIndex, updates: &Updates) -> Result<Vec<FcosRelease>, Error> {
    same_stream(UPDATES, updates.stream.as_str(), &index.stream)?;
    let reachable =
        |entry: &UpdateEntry| entry.barrier.is_some() || entry.rollout != Rollout::NotScheduled;
    let newest = updates
        .releases
        .iter()
        .rev()
        .find(|(_, entry)| reachable(entry))
        .map(|(version, _)| *version);
    let releases = index.releases.iter().map(|release| {
        let entry = updates.releases.get(&release.version);
        let rollout = match entry.map(|entry| &entry.rollout) {
            Some(Rollout::NotScheduled) | None if newest.is_some_and(|n| release.version <= n) => {
                Rollout::Past
            }
            Some(rollout) => rollout.clone(),
            None => Rollout::NotScheduled,
        };
        FcosRelease {
            version: release.version,
            images: release.images.clone(),
            kernels: BTreeMap::new(),
            barrier: entry.and_then(|entry| entry.barrier.clone()),
            dead_end: entry.and_then(|entry| entry.dead_end.clone()),
            rollout,
        }
    });
    Ok(releases.collect())
}

/// The kernel from `commitmeta.json`: the package `kernel-core`, which holds
/// the kernel itself, else `kernel`.
///
/// # Errors
/// [`Error::Document`] if it is no such document, or has not exactly one such
/// package, or one of another architecture than `arch`; [`Error::Malformed`] if
/// its version is none.
pub fn kernel_from_commitmeta(bytes: &[u8], arch: Arch) -> Result<KernelVersion, Error> {
    let wire: WireCommitMeta = decode(COMMITMETA, bytes)?;
    for name in ["kernel-core", "kernel"] {
        let found: Vec<_> = wire
            .packages
            .iter()
            .filter(|package| package.0 == name)
            .collect();
        match found.as_slice() {
            [] => {}
            [WirePackage(_, _, version, release, its_arch)] => {
                let kernel = KernelVersion::from_rpm(version, release, its_arch)?;
                if kernel.arch() == arch {
                    return Ok(kernel);
                }
                let detail = format!("its kernel is {kernel}, not one for {arch}");
                return Err(Error::document(COMMITMETA, &detail));
            }
            more => {
                let detail = format!("it has {} packages named {name}, wanted one", more.len());
                return Err(Error::document(COMMITMETA, &detail));
            }
        }
    }
    let detail = format!("none of its {} packages is a kernel", wire.packages.len());
    Err(Error::document(COMMITMETA, &detail))
}

fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // What comes in place of a document is most often the error page of a
        // proxy or of the file store.
        let page = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<');
        if page {
            Error::document(what, "it is a web page or XML, not JSON")
        } else {
            Error::document(what, &error.to_string())
        }
    })
}

fn same_stream(what: &'static str, found: &str, wanted: &Stream) -> Result<Stream, Error> {
    if found == wanted.as_str() {
        Ok(wanted.clone())
    } else {
        Err(Error::document(
            what,
            &format!("it is of stream {found}, wanted {wanted}"),
        ))
    }
}

fn once(
    what: &'static str,
    seen: &mut BTreeSet<FcosVersion>,
    version: FcosVersion,
) -> Result<(), Error> {
    if seen.insert(version) {
        Ok(())
    } else {
        Err(Error::document(what, &format!("{version} is listed twice")))
    }
}

/// A version of today's form; `None` for the three parts of before December
/// 2019 (`30.20190716.1`), which real documents still list.
fn version(text: &str) -> Result<Option<FcosVersion>, Error> {
    let parts: Option<Vec<u32>> = text.split('.').map(number).collect();
    match parts.as_deref() {
        Some(&[_, 20_180_101..=20_191_231, _]) => Ok(None),
        _ => text.parse().map(Some),
    }
}

fn rollout(version: FcosVersion, wire: &WireRollout) -> Result<Rollout, Error> {
    let wrong = |what: &str| Error::document(UPDATES, &format!("the rollout of {version} {what}"));
    let percentage = wire.start_percentage.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&percentage) {
        return Err(wrong("has a start_percentage that is not within 0 and 1"));
    }
    let stays = wire.duration_minutes.is_none();
    match wire.start_epoch {
        _ if stays && percentage == 0.0 => Ok(Rollout::Paused),
        // A rollout that begins at the epoch has no recorded beginning.
        None | Some(0) => Ok(Rollout::Past),
        Some(epoch) => Ok(Rollout::Window {
            start: Timestamp::from_second(epoch)
                .map_err(|_| wrong("has a start_epoch that is no time"))?,
            minutes: wire.duration_minutes,
        }),
    }
}

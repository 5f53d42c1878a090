//! Fedora CoreOS's own disk for QEMU: fetched once, held against both of
//! Fedora's sums, kept in the person's cache.
//!
//! What is fetched lies beside its place until both sums are right, so neither a
//! cut connection nor a wrong file costs what was there before; and a later run
//! goes on where the connection was cut.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use host::env::Env;
use host::process::interrupted;
use image_build::gather::World;
use lzma_rust2::XzReader;
use remote::download::Download;
use rustix::fs::{FlockOperation, flock};
use sha2::Digest as _;
use version_discovery::fcos_disk::QemuDisk;

use crate::error::Error;
use crate::fcos_disk::LARGEST;

/// The folder in the cache.
const FOLDER: &str = "fcos";

const PIECE: usize = 256 * 1024;

/// What is told while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The disk in the cache is whole.
    Cached,
    /// The disk in the cache is not what Fedora published.
    Spoilt,
    /// It is fetched, from this byte on of so many.
    Begins {
        /// What is there already.
        from: u64,
        /// All of it, if the server says.
        total: Option<u64>,
    },
    /// So many bytes are there.
    Fetched(u64),
    /// The sum of what was fetched is right; it is unpacked.
    Unpacks,
}

/// Whether a disk was fetched before, of whatever release.
pub fn is_here(env: &Env) -> bool {
    let folder = env.cache.as_ref().map(|cache| cache.join(FOLDER));
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    files.into_iter().flatten().flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.ends_with(".qcow2") && !name.starts_with('.')
    })
}

/// The disk of the configured stream, in the cache when this returns.
///
/// # Errors
/// If Fedora cannot be asked, or what it gives is not what it promises.
pub fn get(world: &World<'_>) -> Result<(QemuDisk, PathBuf), Error> {
    let disk = crate::fcos_disk::qemu_disk(world)?;
    let Some(cache) = &world.env.cache else {
        let text = "there is no cache to keep Fedora's disk in: set `HOME` or `XDG_CACHE_HOME`";
        return Err(Error::Usage(text.to_owned()));
    };
    let folder = cache.join(FOLDER);
    let (name, mut tenth) = (disk.name(), 0);
    let report = world.report;
    let mut size = None;
    let path = keep(
        &disk,
        &folder,
        &mut |from| {
            crate::fcos_disk::download(
                world,
                &disk.url(world.config.urls.fcos_builds.as_str()),
                from,
            )
        },
        &mut |told| match told {
            Told::Cached => report.status("Found", &format!("{name} in {}", folder.display())),
            Told::Spoilt => report.warning(&format!(
                "{name} in the cache is not what Fedora published; it is fetched again"
            )),
            Told::Begins { from, total } => {
                size = total;
                tenth = from * 10 / total.unwrap_or(1).max(1);
                let all = total.map_or("of unknown size".to_owned(), megabytes);
                let rest = match from {
                    0 => String::new(),
                    _ => format!(", {} of it are here", megabytes(from)),
                };
                report.status("Fetching", &format!("{name}.xz, {all}{rest}; once"));
            }
            Told::Fetched(bytes) => {
                // A line for each tenth: enough on a terminal and in a log.
                if let Some(total) = size.filter(|total| bytes * 10 / (*total).max(1) > tenth) {
                    tenth = bytes * 10 / total;
                    let text = format!("  {} of {}", megabytes(bytes), megabytes(total));
                    report.note(&text);
                }
            }
            Told::Unpacks => report.status("Unpacking", &format!("{name}; its sum is right")),
        },
    )?;
    Ok((disk, path))
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Finds the disk in a folder, or puts it there. `open` begins a download at a
/// byte; `None` says that there is nothing after it.
///
/// # Errors
/// As [`get`].
pub fn keep(
    disk: &QemuDisk,
    folder: &Path,
    open: &mut dyn FnMut(u64) -> Result<Option<Download>, Error>,
    tell: &mut dyn FnMut(Told),
) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(folder).map_err(|source| at("write", folder, source))?;
    let path = folder.join(disk.name());
    // Held until this returns.
    let _lock = Lock::take(folder)?;
    match File::open(&path) {
        Ok(mut file) => {
            if sum(&mut file, &path)? == disk.uncompressed.as_str() {
                tell(Told::Cached);
                return Ok(path);
            }
            tell(Told::Spoilt);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(at("read", &path, source)),
    }
    let packed = folder.join(format!(".{}.xz.part", disk.name()));
    fetch(disk, &packed, open, tell)?;
    tell(Told::Unpacks);
    let unpacked = folder.join(format!(".{}.part", disk.name()));
    let done = unpack(disk, &packed, &unpacked)
        .and_then(|()| std::fs::rename(&unpacked, &path).map_err(|e| at("write", &path, e)));
    if let Err(error) = done {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&unpacked);
        return Err(error);
    }
    let _ = std::fs::remove_file(&packed);
    forget_older(disk, folder);
    Ok(path)
}

/// A folder that no other run writes to. The lock's file stays: to remove it is a
/// race.
struct Lock(File);

impl Lock {
    fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(".lock");
        let file = File::create(&path).map_err(|source| at("write", &path, source))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let text = format!("another run has {}; let it end", folder.display());
            return Err(step(text));
        }
        Ok(Self(file))
    }
}

impl Drop for Lock {
    /// To close the file is not enough: a program that another thread starts has the
    /// file, too, from its fork to its exec, and with it the lock. Source: flock(2).
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// The file as it is published, with the right sum. What an earlier attempt left
/// is used; if the sum is wrong then, all of it is fetched anew, once.
fn fetch(
    disk: &QemuDisk,
    packed: &Path,
    open: &mut dyn FnMut(u64) -> Result<Option<Download>, Error>,
    tell: &mut dyn FnMut(Told),
) -> Result<(), Error> {
    let wrong = |source| at("write", packed, source);
    loop {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(packed)
            .map_err(wrong)?;
        let have = file.metadata().map_err(wrong)?.len();
        if let Some(mut body) = open(have)? {
            if body.from == 0 {
                file.set_len(0).map_err(wrong)?;
            }
            tell(Told::Begins {
                from: body.from,
                total: body.total,
            });
            copy(&mut body, &mut file, packed, tell)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(wrong)?;
        let found = sum(&mut file, packed)?;
        if found == disk.sha256.as_str() {
            return Ok(());
        }
        std::fs::remove_file(packed).map_err(|source| at("remove", packed, source))?;
        if have == 0 {
            return Err(other_sum("what was fetched", &found, disk.sha256.as_str()));
        }
    }
}

fn copy(
    body: &mut Download,
    file: &mut File,
    packed: &Path,
    tell: &mut dyn FnMut(Told),
) -> Result<(), Error> {
    let mut buffer = vec![0; PIECE];
    let mut have = body.from;
    loop {
        if interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        let count = body.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..count])
            .map_err(|source| at("write", packed, source))?;
        have += count as u64;
        tell(Told::Fetched(have));
    }
}

fn unpack(disk: &QemuDisk, packed: &Path, unpacked: &Path) -> Result<(), Error> {
    let from = File::open(packed).map_err(|source| at("read", packed, source))?;
    let mut xz = XzReader::new(io::BufReader::new(from), true);
    let mut to = File::create(unpacked).map_err(|source| at("write", unpacked, source))?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        if interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        let count = xz
            .read(&mut buffer)
            .map_err(|error| step(format!("what was fetched cannot be unpacked: {error}")))?;
        if count == 0 {
            break;
        }
        size += count as u64;
        if size > LARGEST {
            return Err(step(format!("it unpacks to more than {LARGEST} bytes")));
        }
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])
            .map_err(|source| at("write", unpacked, source))?;
    }
    let found = hex(&hash.finalize());
    if found != disk.uncompressed.as_str() {
        return Err(other_sum(
            "the unpacked disk",
            &found,
            disk.uncompressed.as_str(),
        ));
    }
    to.sync_all()
        .map_err(|source| at("write", unpacked, source))
}

/// Disks of older releases of the stream: the third number of a version names
/// it. A machine that runs on one keeps it open.
fn forget_older(disk: &QemuDisk, folder: &Path) {
    let name = disk.name();
    let parts = |name: &str| {
        let (version, end) = name.strip_prefix("fedora-coreos-")?.split_once("-qemu.")?;
        let stream = version.split('.').nth(2)?;
        Some((stream.to_owned(), end.to_owned()))
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name();
        let other = other.to_string_lossy();
        let plain = other.trim_start_matches('.');
        let plain = plain.trim_end_matches(".part").trim_end_matches(".xz");
        if plain != name && parts(plain).is_some() && parts(plain) == parts(&name) {
            // What stays is only in the way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn sum(file: &mut File, path: &Path) -> Result<String, Error> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; PIECE];
    loop {
        if interrupted() {
            return Err(host::Error::Interrupted.into());
        }
        match file.read(&mut buffer).map_err(|e| at("read", path, e))? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(verb: &'static str, path: &Path, source: io::Error) -> Error {
    host::Error::File {
        verb,
        path: path.to_owned(),
        source,
    }
    .into()
}

fn other_sum(what: &str, found: &str, promised: &str) -> Error {
    step(format!(
        "{what} has the SHA-256 {found}, Fedora's metadata promises {promised}; nothing of it is \
         used, and what was in the cache is still there"
    ))
}

fn step(detail: String) -> Error {
    Error::Step {
        step: "Fedora CoreOS's disk".to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests;

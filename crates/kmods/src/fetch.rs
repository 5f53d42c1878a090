//! Fetches a release's files, and judges them: `gpgv` and the sums.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use host::process;
use host::process::{Capture, Invocation};
use image_build::gather::World;
use image_config::{Fingerprint, Keyring};
use sha2::Digest as _;
use signatures::simple_signing::{keyring, signer};
use version_discovery::{KernelVersion, ZfsVersion};
use xshell::Shell;

use crate::error::Error;
use crate::source::{LARGEST, Release, key_url, sha256_in, supports};

/// Fetches a file whole, unless it is there.
pub(crate) fn fetch(world: &World<'_>, url: &str, to: &Path) -> Result<(), Error> {
    if to.is_file() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        host::files::make_dir(folder)?;
    }
    world.report.status("Fetching", url);
    let gone = || Error::Step(format!("{url} has nothing in it"));
    let mut download = remote::download::open(world.agent(), url, 0, LARGEST)?.ok_or_else(gone)?;
    let part = to.with_extension("part");
    let mut file = std::fs::File::create(&part).map_err(host::Error::write(&part))?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = download.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])
            .map_err(host::Error::write(&part))?;
    }
    file.sync_all().map_err(host::Error::write(&part))?;
    Ok(std::fs::rename(&part, to).map_err(host::Error::write(to))?)
}

/// The SHA-256 of a tarball whose signature, and whose place in the signed list, hold.
/// What does not hold is removed, so that the next run fetches it again.
pub(crate) fn verify(
    world: &World<'_>,
    sh: &Shell,
    release: &Release,
    folder: &Path,
    keys: &[Fingerprint],
) -> Result<String, Error> {
    let [tarball, signature, list] = release.files().map(|file| folder.join(file));
    let home = sh
        .create_temp_dir()
        .map_err(|error| Error::Step(error.to_string()))?;
    let trusted = home.path().join("keys");
    write(&trusted, &public_keys(world, keys)?)?;
    let judged = || -> Result<String, String> {
        let by = verified(sh, home.path(), &signature, Some(&tarball), keys)
            .map_err(|why| format!("the signature of {}: {why}", release.tarball()))?;
        let text = home.path().join("text");
        verified(sh, home.path(), &list, None, keys)
            .map_err(|why| format!("the signature of the list of SHA-256: {why}"))?;
        let text = std::fs::read_to_string(&text).map_err(|error| error.to_string())?;
        let wanted = sha256_in(&text, &release.tarball())?;
        let found = sha256_of(&tarball).map_err(|error| error.to_string())?;
        if wanted != found {
            return Err(format!(
                "the SHA-256 of {} is {found}, and the signed list says {wanted}",
                release.tarball()
            ));
        }
        world.report.status(
            "Verified",
            &format!("{}, signed by {by}", release.tarball()),
        );
        Ok(found)
    };
    judged().map_err(|why| {
        for file in [&tarball, &signature, &list] {
            let _ = std::fs::remove_file(file);
        }
        Error::Step(format!("{why}; nothing of it was used"))
    })
}

/// The public keys, without armour.
fn public_keys(world: &World<'_>, keys: &[Fingerprint]) -> Result<Vec<u8>, Error> {
    let config = world.config;
    let read = |bytes: &[u8], place: &str| {
        keyring(bytes).map_err(|why| Error::Step(format!("the public keys at {place}: {why}")))
    };
    let fetched = |url: &str| -> Result<Vec<u8>, Error> {
        world.report.status("Reading", url);
        let bytes = remote::fetch::bytes(world.agent(), url)?;
        bytes.map_or(Ok(Vec::new()), |bytes| read(&bytes, url))
    };
    let found = match &config.zfs.keyring {
        Some(Keyring::File(path)) => {
            let path = world.env.root.join(path.as_str());
            let bytes = std::fs::read(&path).map_err(host::Error::read(&path))?;
            read(&bytes, &path.display().to_string())?
        }
        Some(Keyring::Url(url)) => fetched(url.as_str())?,
        // One that the server has not may be one that has signed nothing for long.
        None => {
            let mut all = Vec::new();
            for key in keys {
                all.extend(fetched(&key_url(&config.urls.key_server, key))?);
            }
            all
        }
    };
    if found.is_empty() {
        return Err(Error::Step(
            "nobody has the public keys of `zfs.keys`; name a file of them in image.yaml: \
             `zfs.keyring`"
                .to_owned(),
        ));
    }
    Ok(found)
}

/// Who signed: a file beside, or what the message itself holds, which goes to `text`.
fn verified(
    sh: &Shell,
    home: &Path,
    signature: &Path,
    file: Option<&Path>,
    keys: &[Fingerprint],
) -> Result<Fingerprint, String> {
    let option = |name: &str, path: PathBuf| format!("--{name}={}", path.display());
    let mut words = vec![
        "--status-fd=1".to_owned(),
        "--weak-digest=SHA1".to_owned(),
        option("homedir", home.to_owned()),
        option("keyring", home.join("keys")),
    ];
    match file {
        Some(_) => {}
        None => words.push(option("output", home.join("text"))),
    }
    words.push(signature.display().to_string());
    words.extend(file.map(|file| file.display().to_string()));
    let call = Invocation::new("gpgv", words);
    let done = process::run(sh, &call, Capture::StdoutAnyStatus, &mut |_| {})
        .map_err(|error| error.to_string())?;
    let key = signer(&done.stdout, keys)?;
    done.success
        .then_some(key)
        .ok_or_else(|| "gpgv does not take it".to_owned())
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    let hash = sha2::Sha256::digest(&bytes);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(host::files::write(path, bytes).map_err(host::Error::write(path))?)
}

/// The tarball's own `META` must allow the kernel.
pub(crate) fn supported(
    sh: &Shell,
    tarball: &Path,
    zfs: ZfsVersion,
    kernel: &KernelVersion,
    experimental: bool,
) -> Result<(), Error> {
    let words = [
        "--extract".to_owned(),
        "--gzip".to_owned(),
        "--to-stdout".to_owned(),
        format!("--file={}", tarball.display()),
        format!("{}/META", zfs.tag()),
    ];
    let meta = process::read(sh, &Invocation::new("tar", words))?;
    supports(&meta, zfs, kernel, experimental)
        .map(drop)
        .map_err(Error::Step)
}

/// Lays the inputs out: whatever was in the folder before is gone.
pub(crate) fn lay_out(
    root: &Path,
    from: &Path,
    tarball: &Path,
    certificate: Option<&Path>,
    to: &Path,
) -> Result<(), Error> {
    let (from, to) = (root.join(from), root.join(to));
    if to.exists() {
        std::fs::remove_dir_all(&to).map_err(host::Error::write(&to))?;
    }
    copy_all(&from, &to)?;
    let copy = |file: &Path, name: &str| -> Result<(), Error> {
        let (source, target) = (root.join(file), to.join(name));
        std::fs::copy(&source, &target).map_err(host::Error::write(&target))?;
        Ok(())
    };
    let name = tarball.file_name().unwrap_or_default().to_string_lossy();
    copy(tarball, &name)?;
    match certificate {
        Some(certificate) => copy(certificate, "certificate.der"),
        None => Ok(()),
    }
}

/// Lays out what looks into an image: the scripts, and the certificate.
pub(crate) fn lay_out_check(
    root: &Path,
    from: &Path,
    certificate: Option<&Path>,
    to: &Path,
) -> Result<(), Error> {
    let to = root.join(to);
    if to.exists() {
        std::fs::remove_dir_all(&to).map_err(host::Error::write(&to))?;
    }
    copy_all(&root.join(from), &to)?;
    if let Some(certificate) = certificate {
        let target = to.join("certificate.der");
        std::fs::copy(root.join(certificate), &target).map_err(host::Error::write(&target))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Error> {
    host::files::make_dir(to)?;
    for entry in std::fs::read_dir(from).map_err(host::Error::read(from))? {
        let path = entry.map_err(host::Error::read(from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_all(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(host::Error::write(&target))?;
        }
    }
    Ok(())
}

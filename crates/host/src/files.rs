//! Whole files or none: written beside their place, then renamed.

use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};

/// Puts `contents` at `path`. Who reads the file sees the old contents or the
/// new, never a part, and a failure leaves the old ones.
///
/// A link stays a link, and what is no regular file (`/dev/stdout`, a pipe) is
/// written to, as there is nothing to rename over. The mode of an old file is
/// kept. The new contents are on the disk before they have the name: a machine that goes
/// down leaves the old file or the new one, too.
///
/// # Errors
/// Of the system, with nothing left behind.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return std::fs::write(path, contents);
    }
    let place = match &old {
        Some(_) => std::fs::canonicalize(path)?,
        None => path.to_owned(),
    };
    let beside = beside(&place)?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = match options.write(true).create_new(true).open(&beside) {
        Ok(file) => file,
        // Nothing may be created in the folder, but this file may be changed: write to it
        // directly, though a failure would then leave a part.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && old.is_some() => {
            return std::fs::write(path, contents);
        }
        Err(error) => return Err(error),
    };
    let done = file
        .write_all(contents)
        .and_then(|()| match &old {
            Some(old) => file.set_permissions(old.permissions()),
            None => Ok(()),
        })
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, &place));
    match (&done, place.parent()) {
        // The first error is the one to tell.
        (Err(_), _) => {
            let _ = std::fs::remove_file(&beside);
        }
        // So that the name is, too; not every file system syncs a folder.
        (Ok(()), Some(folder)) => {
            let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        }
        (Ok(()), None) => {}
    }
    done
}

/// Waits until all that programs have written so far is on the disks.
/// Source: sync(2), which waits on Linux.
pub fn settle() {
    rustix::fs::sync();
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn make_dir(path: &Path) -> std::result::Result<(), crate::error::Error> {
    std::fs::create_dir_all(path).map_err(|source| crate::error::Error::File {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

/// A lock of this name; `None` while another process holds it. The kernel lets it
/// go with the process that holds it, however that ends; the file stays. A program
/// that is started meanwhile does not inherit it.
///
/// # Errors
/// Of the system.
pub fn lock(path: &Path) -> Result<Option<std::fs::File>> {
    use rustix::fs::{FlockOperation, flock};
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A name in the same folder that no other run uses.
fn beside(path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::from(ErrorKind::IsADirectory))?;
    let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_files_are_replaced_whole_and_links_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        write(&file, b"one").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        write(Path::new("/dev/null"), b"x").unwrap();
        assert!(write(&dir.path().join("no/such"), b"x").is_err());
        assert!(write(dir.path(), b"x").is_err());
    }
}

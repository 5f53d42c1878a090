//! The programs of another architecture: those of Debian for `arm64`, which this machine
//! runs by qemu-user. They are taken from Debian's own packages once, and kept.

use std::path::{Path, PathBuf};

use xshell::Shell;

use super::scratch::{Error, copy, copy_tree, libraries, link, run, text};

/// The program that runs them.
const EMULATOR: &str = "qemu-aarch64-static";

/// What has the programs of the stand-in base.
const PACKAGES: &str = "bash,coreutils,findutils,grep,sed,rpm,kmod,systemd";

/// The loader, which finds the libraries.
const LOADER: &str = "lib/ld-linux-aarch64.so.1";

/// The root of a Debian for `arm64`, made once in the folder of the cache: its packages
/// are unpacked, and none of their scripts is run.
///
/// # Errors
/// If `mmdebstrap` is not there, or the packages cannot be had.
pub fn arm64(sh: &Shell, cache: &Path) -> Result<PathBuf, Error> {
    let root = cache.join("arm64-root");
    if root.join(LOADER).exists() {
        return Ok(root);
    }
    let making = cache.join("arm64-root.new");
    super::scratch::make_dir(cache)?;
    // Ubuntu has rpm among what it does not keep itself.
    let script = r#". /etc/os-release; components=main
        [ "$ID" != ubuntu ] || components=main,universe
        rm -rf "$1" && mmdebstrap --quiet --architectures=arm64 --variant=extract \
        --components="$components" --include="$2" "${VERSION_CODENAME:-stable}" "$1" &&
        rm -rf "$3" && mv "$1" "$3""#;
    let words = ["-c", script, "sh", text(&making)?, PACKAGES, text(&root)?];
    run(sh, "sh", &words)?;
    Ok(root)
}

/// Copies programs of a system, the libraries that its loader finds for them, and what
/// its rpm reads, into a root with a merged `/usr`.
pub(super) fn copy_programs(
    sh: &Shell,
    sysroot: &Path,
    root: &Path,
    programs: &[&str],
) -> Result<(), Error> {
    let loader = sysroot.join(LOADER);
    let mut wanted: Vec<PathBuf> = vec![PathBuf::from(LOADER)];
    for name in programs {
        let folders = ["usr/bin", "bin", "usr/sbin", "sbin"];
        let mut places = folders
            .into_iter()
            .map(|folder| Path::new(folder).join(name));
        let found = places.find(|place| sysroot.join(place).symlink_metadata().is_ok());
        wanted.push(found.ok_or_else(|| Error::Missing((*name).to_owned()))?);
    }
    let script = r#"for file; do "$EMULATOR" -L "$SYSROOT" "$LOADER" --list "$file"; done || true"#;
    let mut words = vec!["-c", script, "sh"];
    let files: Vec<PathBuf> = wanted.iter().map(|place| real(sysroot, place)).collect();
    for file in &files[1..] {
        words.push(text(file)?);
    }
    let _emulator = sh.push_env("EMULATOR", EMULATOR);
    let _sysroot = sh.push_env("SYSROOT", text(sysroot)?);
    let _loader = sh.push_env("LOADER", text(&loader)?);
    let listed = run(sh, "sh", &words)?;
    for library in libraries(&listed) {
        let library = library.strip_prefix(text(sysroot)?).unwrap_or(library);
        wanted.push(PathBuf::from(library.trim_start_matches('/')));
    }
    for place in &wanted {
        let file = real(sysroot, place);
        copy(&file, &root.join(merged(place)))?;
    }
    link("bash", &root.join("usr/bin/sh"))?;
    copy_tree(&sysroot.join("usr/lib/rpm"), &root.join("usr/lib/rpm"))
}

/// Where a file lies in a root with a merged `/usr`.
fn merged(place: &Path) -> PathBuf {
    match place.starts_with("usr") {
        true => place.to_owned(),
        false => Path::new("usr").join(place),
    }
}

/// The file that a place stands for: a link leads from the root of its own system.
fn real(sysroot: &Path, place: &Path) -> PathBuf {
    let mut place = place.to_owned();
    for _ in 0..8 {
        let Ok(target) = std::fs::read_link(sysroot.join(&place)) else {
            break;
        };
        place = match target.strip_prefix("/") {
            Ok(target) => target.to_owned(),
            Err(_) => place.parent().unwrap_or(Path::new("")).join(target),
        };
    }
    sysroot.join(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_below_usr_and_links_lead_inside() {
        assert_eq!(merged(Path::new("bin/ls")), Path::new("usr/bin/ls"));
        assert_eq!(merged(Path::new("usr/sbin/x")), Path::new("usr/sbin/x"));
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let root = dir.path();
        sh.create_dir(root.join("sbin")).unwrap();
        sh.write_file(root.join("bin/kmod"), "").unwrap();
        link("/bin/kmod", &root.join("sbin/depmod")).unwrap();
        link("depmod", &root.join("sbin/modinfo")).unwrap();
        assert_eq!(real(root, Path::new("sbin/modinfo")), root.join("bin/kmod"));
    }
}

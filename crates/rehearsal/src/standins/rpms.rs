//! The RPMs of the stand-ins, made by the real `rpmbuild` from two spec files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xshell::Shell;

use super::scratch::{Error, StandIn, copy, file_error, list, make_dir, run, text, write};

const BASE_SPEC: &str = include_str!("../assets/base.spec");
const KMODS_SPEC: &str = include_str!("../assets/kmods.spec");
const MODULE_SOURCE: &str = include_str!("../assets/module.c");
const DNF: &str = include_str!("../assets/dnf");
const BOOTC: &str = include_str!("../assets/bootc");
const TAILSCALED: &str = include_str!("../assets/tailscaled");

/// The packages of the base image, as files.
pub(super) struct BaseRpms {
    /// What is installed in it.
    pub installed: Vec<PathBuf>,
    /// What its stand-in for `dnf` can install.
    pub repository: Vec<PathBuf>,
}

/// The packages that the base has not, but its repository.
const IN_REPOSITORY: [&str; 2] = ["nfs-utils", "tailscale"];

/// Builds the packages of the base image.
pub(super) fn base(sh: &Shell, scratch: &Path, spec: &StandIn) -> Result<BaseRpms, Error> {
    let kernel = Kernel::parse(&spec.kernel)?;
    let assets = scratch.join("base-assets");
    write(&assets.join("dnf"), DNF.as_bytes())?;
    write(&assets.join("bootc"), BOOTC.as_bytes())?;
    write(&assets.join("tailscaled"), TAILSCALED.as_bytes())?;
    let mut defines = vec![
        format!("kernel {}", spec.kernel),
        format!("kernel_version {}", kernel.version),
        format!("kernel_release {}", kernel.release),
        format!("assets {}", text(&assets)?),
    ];
    if let Some(bootable) = &spec.bootable {
        let files = scratch.join("boot-files");
        make_dir(&files)?;
        copy(&bootable.vmlinuz(), &files.join("vmlinuz"))?;
        copy(&bootable.initramfs(), &files.join("initramfs.img"))?;
        let lists = bootable.kernel_tar();
        run(sh, "tar", &["-C", text(&files)?, "-xf", text(&lists)?])?;
        defines.push(format!("boot_files {}", text(&files)?));
    }
    let top = scratch.join("base-rpms");
    let mut text = BASE_SPEC.to_owned();
    for name in &spec.packages {
        text.push_str(&format!(
            "\n%package -n {name}\nSummary: Stand-in\nBuildArch: noarch\nAutoReqProv: no\n\
             %description -n {name}\nStand-in.\n%files -n {name}\n%defattr(-,root,root,-)\n"
        ));
    }
    let built = rpmbuild(sh, &top, &text, "base", kernel.arch, &defines, &["-bb"])?;
    let (repository, installed) = built.into_iter().partition(|path| {
        let name = name_of(path);
        IN_REPOSITORY.contains(&name) || spec.packages.iter().any(|one| one == name)
    });
    Ok(BaseRpms {
        installed,
        repository,
    })
}

/// Builds the packages of a kmods image, and lays them out as upstream does.
///
/// All of them say that they are for the kernel of `spec`; `vermagic` is the
/// kernel that the module itself names.
pub(super) fn kmods(
    sh: &Shell,
    scratch: &Path,
    spec: &StandIn,
    vermagic: &str,
    name: &str,
) -> Result<PathBuf, Error> {
    packages(sh, scratch, spec, vermagic, name, None)
}

/// The feature that the older ZFS does not know, and what it has in its place: a
/// name of the same length, as everything in a module has its place.
const FEATURE: [&str; 2] = ["vdev_zaps_v2", "vdev_zaps_v9"];

/// The same for a ZFS that calls itself the same and is older: it does not know
/// one feature, and makes pools without it.
pub(super) fn older_kmods(sh: &Shell, scratch: &Path, spec: &StandIn) -> Result<PathBuf, Error> {
    packages(
        sh,
        scratch,
        spec,
        &spec.kernel,
        "older-kmods",
        Some(FEATURE),
    )
}

fn packages(
    sh: &Shell,
    scratch: &Path,
    spec: &StandIn,
    vermagic: &str,
    name: &str,
    older: Option<[&str; 2]>,
) -> Result<PathBuf, Error> {
    let kernel = Kernel::parse(&spec.kernel)?;
    let top = scratch.join(format!("{name}-rpms"));
    let (module, more) = match &spec.bootable {
        None => (compile(sh, &top, vermagic, kernel.arch)?, Vec::new()),
        Some(bootable) => {
            let [zfs, spl] = bootable.modules();
            let mut zfs = patched(&zfs, [&spec.kernel, vermagic], &top.join("kernel/zfs.ko"))?;
            if let Some(names) = older {
                zfs = patched(&zfs, names, &top.join("older/zfs.ko"))?;
            }
            let tools = bootable.zfs_tools_tar();
            let more = vec![
                format!("spl_module {}", text(&spl)?),
                format!("zfs_tools {}", text(&tools)?),
            ];
            (zfs, more)
        }
    };
    // `200.fc44` is of Fedora 44, and so are the RPMs.
    let dist = kernel
        .release
        .split('.')
        .find(|part| part.starts_with("fc"))
        .unwrap_or("fc44");
    let mut defines = vec![
        format!("kernel {}", spec.kernel),
        format!("zfs_version {}", spec.zfs),
        format!("zfs_release 1.{dist}"),
        format!("module {}", text(&module)?),
    ];
    defines.extend(more);
    if let Some([old, new]) = older {
        defines.push(format!("older s/{old}/{new}/g"));
    }
    let built = rpmbuild(sh, &top, KMODS_SPEC, name, kernel.arch, &defines, &["-ba"])?;
    let root = scratch.join(format!("{name}-root"));
    for path in built {
        let directory = root.join(directory_of(name_of(&path), &path));
        make_dir(&directory)?;
        copy(&path, &directory.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(root)
}

/// A package with these capabilities and without files: what Fedora's packages would
/// have, where the libraries and programs themselves are there already.
pub(crate) fn libraries(
    sh: &Shell,
    scratch: &Path,
    capabilities: &BTreeSet<String>,
) -> Result<PathBuf, Error> {
    let mut spec = "Name: libraries\nVersion: 1\nRelease: 1\nSummary: Stand-in\nLicense: MIT\n\
                    BuildArch: noarch\nAutoReqProv: no\n"
        .to_owned();
    for capability in capabilities {
        spec.push_str(&format!("Provides: {capability}\n"));
    }
    spec.push_str("%description\nStand-in.\n%files\n");
    let top = scratch.join("libraries");
    let built = rpmbuild(sh, &top, &spec, "libraries", "noarch", &[], &["-bb"])?;
    built
        .into_iter()
        .next()
        .ok_or_else(|| Error::Missing("libraries.rpm".to_owned()))
}

/// Where upstream's image has a package.
fn directory_of(name: &str, path: &Path) -> &'static str {
    if path.to_string_lossy().ends_with(".src.rpm") {
        "src"
    } else if name.contains("-debuginfo") {
        "debug"
    } else if name.contains("-devel") {
        "devel"
    } else if name == "zfs-dracut" || name == "zfs-test" {
        "other"
    } else {
        ""
    }
}

/// The name of the package in a file `NAME-VERSION-RELEASE.ARCH.rpm`. Neither
/// version nor release can have a dash, but a name can.
fn name_of(path: &Path) -> &str {
    let file = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    file.rsplitn(3, '-').nth(2).unwrap_or(file)
}

struct Kernel<'a> {
    version: &'a str,
    release: &'a str,
    arch: &'a str,
}

impl<'a> Kernel<'a> {
    fn parse(kernel: &'a str) -> Result<Self, Error> {
        kernel
            .rsplit_once('.')
            .and_then(|(rest, arch)| {
                let (version, release) = rest.split_once('-')?;
                Some(Self {
                    version,
                    release,
                    arch,
                })
            })
            .ok_or_else(|| Error::Kernel(kernel.to_owned()))
    }
}

/// A module with another text wherever it has one: of the same length, as
/// everything in it has its place.
fn patched(module: &Path, [old, new]: [&str; 2], path: &Path) -> Result<PathBuf, Error> {
    if old.len() != new.len() {
        return Err(Error::Kernel(new.to_owned()));
    }
    let mut bytes = std::fs::read(module).map_err(file_error(module))?;
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(old.len())
        .position(|part| part == old.as_bytes())
    {
        at += found;
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        at += new.len();
    }
    write(path, &bytes)?;
    Ok(path.to_owned())
}

/// A module whose `.modinfo` is for the kernel `vermagic`.
fn compile(sh: &Shell, top: &Path, vermagic: &str, arch: &str) -> Result<PathBuf, Error> {
    let source = top.join("module.c");
    write(&source, MODULE_SOURCE.as_bytes())?;
    let module = top.join("zfs.ko");
    let vermagic = format!("-DVERMAGIC=\"{vermagic} SMP preempt mod_unload \"");
    let arguments = [
        "-c",
        "-DNAME=\"zfs\"",
        &vermagic,
        "-o",
        text(&module)?,
        text(&source)?,
    ];
    let cross = format!("{arch}-linux-gnu-gcc");
    let compiler = if arch == std::env::consts::ARCH {
        "cc"
    } else {
        &cross
    };
    run(sh, compiler, &arguments)?;
    Ok(module)
}

/// Runs `rpmbuild` in its own tree; the answer is every RPM that it made.
fn rpmbuild(
    sh: &Shell,
    top: &Path,
    spec: &str,
    name: &str,
    arch: &str,
    defines: &[String],
    stages: &[&str],
) -> Result<Vec<PathBuf>, Error> {
    let file = top.join(format!("{name}.spec"));
    write(&file, spec.as_bytes())?;
    let output = top.join("out");
    make_dir(&output)?;
    let own = [
        format!("_topdir {}", text(top)?),
        format!("_rpmdir {}", text(&output)?),
        format!("_srcrpmdir {}", text(&output)?),
        // One flat directory, on any distribution. With one `%` these would be
        // macros of the spec file, and all packages of one name.
        "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned(),
        // Read by every rpm there is, and quick.
        "_binary_payload w1.gzdio".to_owned(),
        "_source_payload w1.gzdio".to_owned(),
        // The build must not look into this machine's own packages.
        format!("_dbpath {}", text(&top.join("no-database"))?),
    ];
    let mut arguments = stages.to_vec();
    arguments.extend(["--quiet", "--nodeps", "--target", arch]);
    for define in own.iter().chain(defines) {
        arguments.extend(["--define", define]);
    }
    arguments.push(text(&file)?);
    run(sh, "rpmbuild", &arguments)?;
    let build = top.join("BUILD");
    if build.exists() {
        std::fs::remove_dir_all(&build).map_err(file_error(&build))?;
    }
    list(&output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_split_at_its_first_dash_and_last_dot() {
        let kernel = Kernel::parse("7.1.4-200.fc44.x86_64").unwrap();
        assert_eq!(kernel.version, "7.1.4");
        assert_eq!(kernel.release, "200.fc44");
        assert_eq!(kernel.arch, "x86_64");
        assert!(Kernel::parse("7.1.4.x86_64").is_err());
        assert!(Kernel::parse("").is_err());
    }

    #[test]
    fn packages_lie_where_upstream_has_them() {
        let place = |file: &str| {
            let path = PathBuf::from(file);
            directory_of(name_of(&path), &path)
        };
        assert_eq!(place("zfs-2.4.4-1.fc44.x86_64.rpm"), "");
        assert_eq!(
            place("kmod-zfs-7.1.4-200.fc44.x86_64-2.4.4-1.fc44.x86_64.rpm"),
            ""
        );
        assert_eq!(
            place("kmod-zfs-devel-7.1.4-200.fc44.x86_64-2.4.4-1.fc44.x86_64.rpm"),
            "devel"
        );
        assert_eq!(place("zfs-debuginfo-2.4.4-1.fc44.x86_64.rpm"), "debug");
        assert_eq!(place("zfs-dracut-2.4.4-1.fc44.noarch.rpm"), "other");
        assert_eq!(place("zfs-2.4.4-1.fc44.src.rpm"), "src");
    }
}

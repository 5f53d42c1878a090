//! The root of the base image, out of this machine's own programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xshell::Shell;

use super::rpms::BaseRpms;
use super::scratch::{
    Error, StandIn, copy, copy_tree, file_error, libraries, link, make_dir, run, text, write,
};
use super::sysroot;

/// What `install.sh`, `contract.sh`, scriptlets and the two stand-in scripts
/// call, and a little for whoever looks around in the image.
const PROGRAMS: &[&str] = &[
    "bash",
    "base64",
    "basename",
    "cat",
    "chmod",
    "chown",
    "comm",
    "cp",
    "cut",
    "date",
    "depmod",
    "dirname",
    "env",
    "false",
    "find",
    "grep",
    "head",
    "id",
    "install",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "modinfo",
    "mv",
    "printf",
    "od",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "rpm",
    "rpmkeys",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "systemctl",
    "tail",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
];

/// Plays `semodule`.
const SEMODULE: &str = include_str!("../assets/semodule");

/// Directories that a distribution with a merged `/usr` has as symbolic links;
/// the image has them as this machine does, since its libraries name them.
const MAYBE_LINKS: [&str; 6] = ["bin", "sbin", "lib", "lib64", "usr/sbin", "usr/lib64"];

/// Where Fedora has its package database; ostree keeps `/usr` and `/etc` only.
const RPM_DATABASE: &str = "/usr/lib/sysimage/rpm";

/// Where the stand-in for `dnf` finds what it installs by name.
const REPOSITORY: &str = "/usr/share/stand-in-repo";

/// Where the packages lie that the image is to have from the start. They are
/// installed in a step of its build, by the rpm in it, and not from here with
/// `rpm --root`: that would need root on this machine.
const INSTALL_FROM: &str = "/usr/share/stand-in-base";

/// The step of the image's build that installs them.
pub(super) const INSTALL: &str =
    "RUN cd /usr/share/stand-in-base && rpm --install --nosignature *.rpm && rm *.rpm\n";

/// Lays out the root directory, with the packages in it that are to be installed.
pub(super) fn make_root(
    sh: &Shell,
    scratch: &Path,
    spec: &StandIn,
    rpms: &BaseRpms,
) -> Result<PathBuf, Error> {
    let root = scratch.join("base-root");
    if spec.bootable.is_some() {
        // The rest comes out of the root's own archive.
        write(
            &root.join("usr/lib/os-release"),
            os_release(spec).as_bytes(),
        )?;
        write(&root.join("etc/rpm/macros"), rpm_macros().as_bytes())?;
    } else {
        make_skeleton(&root, spec)?;
        match &spec.sysroot {
            Some(sysroot) => sysroot::copy_programs(sh, sysroot, &root, PROGRAMS)?,
            None => {
                copy_programs(sh, &root, spec.skopeo.as_deref())?;
                copy_rpm_configuration(sh, &root)?;
            }
        }
        write(&root.join("etc/rpm/macros"), rpm_macros().as_bytes())?;
    }
    for (paths, directory) in [
        (&rpms.installed, INSTALL_FROM),
        (&rpms.repository, REPOSITORY),
    ] {
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            copy(path, &root.join(&directory[1..]).join(name))?;
        }
    }
    // Whatever the umask of who rehearses: others than root use the image too.
    run(sh, "chmod", &["-R", "u+rwX,go+rX,go-w", text(&root)?])?;
    if spec.bootable.is_none() {
        let [tmp, var_tmp] = ["tmp", "var/tmp"].map(|name| root.join(name));
        run(sh, "chmod", &["1777", text(&tmp)?, text(&var_tmp)?])?;
    }
    for unit in &spec.units {
        let path = root.join("usr/lib/systemd/system").join(unit);
        write(&path, stand_in_unit(unit).as_bytes())?;
    }
    if spec.selinux {
        selinux(&root)?;
    }
    // Fedora CoreOS has it enabled; we are to disable it.
    link(
        "/usr/lib/systemd/system/zincati.service",
        &root.join("etc/systemd/system/multi-user.target.wants/zincati.service"),
    )?;
    Ok(root)
}

/// A unit that does nothing, of the type that its name says.
fn stand_in_unit(name: &str) -> String {
    let (section, target) = match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("timer") => ("[Timer]\nOnCalendar=daily\n", "timers.target"),
        Some("socket") => ("[Socket]\nListenStream=/run/stand-in\n", "sockets.target"),
        Some("service") => ("[Service]\nExecStart=/usr/bin/true\n", "multi-user.target"),
        _ => ("", "multi-user.target"),
    };
    format!("[Unit]\nDescription=Stand-in\n\n{section}\n[Install]\nWantedBy={target}\n")
}

/// A policy store where Fedora CoreOS has it, and what changes it.
fn selinux(root: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let tool = root.join("usr/bin/semodule");
    write(&tool, SEMODULE.as_bytes())?;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&tool, mode).map_err(file_error(&tool))?;
    let file = |path: &str, text: &str| write(&root.join(path), text.as_bytes());
    file("etc/selinux/semanage.conf", "store-root=/etc/selinux\n")?;
    let module = "etc/selinux/targeted/active/modules/100/base/cil";
    file(module, "(type stand_in_t)\n")?;
    let contexts = "etc/selinux/targeted/contexts/files/file_contexts";
    file(contexts, "/.*\tsystem_u:object_r:default_t:s0\n")
}

fn make_skeleton(root: &Path, spec: &StandIn) -> Result<(), Error> {
    // Of the other system the links are those of a merged `/usr`.
    if spec.sysroot.is_some() {
        for name in ["bin", "sbin", "lib"] {
            make_dir(&root.join("usr").join(name))?;
            link(&format!("usr/{name}"), &root.join(name))?;
        }
    }
    for name in MAYBE_LINKS.into_iter().filter(|_| spec.sysroot.is_none()) {
        let here = Path::new("/").join(name);
        match std::fs::read_link(&here) {
            Ok(target) => {
                // Where the link leads to must be there as well.
                let parent = here.parent().unwrap_or(Path::new("/"));
                let directory = parent.join(&target);
                make_dir(&root.join(directory.strip_prefix("/").unwrap_or(&directory)))?;
                link(text(&target)?, &root.join(name))?;
            }
            Err(_) if here.is_dir() => make_dir(&root.join(name))?,
            Err(_) => {}
        }
    }
    for name in [
        "boot",
        "dev",
        "etc",
        "proc",
        "run",
        "sys",
        "sysroot/ostree",
        "tmp",
        "usr/bin",
        "usr/lib/systemd/system",
        "var/tmp",
        "var/usrlocal",
    ] {
        make_dir(&root.join(name))?;
    }
    link("sysroot/ostree", &root.join("ostree"))?;
    // As on Fedora CoreOS: a file that an image puts there is lost in /var.
    link("../var/usrlocal", &root.join("usr/local"))?;
    write(
        &root.join("etc/passwd"),
        b"root:x:0:0:root:/root:/bin/bash\n",
    )?;
    write(&root.join("etc/group"), b"root:x:0:\n")?;
    write(
        &root.join("usr/lib/os-release"),
        os_release(spec).as_bytes(),
    )?;
    link("../usr/lib/os-release", &root.join("etc/os-release"))
}

fn os_release(spec: &StandIn) -> String {
    let release = spec.fcos.split('.').next().unwrap_or_default();
    format!(
        "NAME=\"Fedora Linux\"\nID=fedora\nVARIANT_ID=coreos\nVERSION_ID={release}\nOSTREE_VERSION='{}'\n",
        spec.fcos
    )
}

/// Copies the programs, and every library that the loader finds for them.
fn copy_programs(sh: &Shell, root: &Path, skopeo: Option<&Path>) -> Result<(), Error> {
    // One call for all: `type -P` is the shell's own look along a path.
    // Without /usr/local, since what a developer has there is nobody else's.
    let script = r#"PATH=/usr/bin:/usr/sbin:/bin:/sbin
        for name; do printf '%s=%s\n' "$name" "$(type -P "$name")"; done"#;
    let mut arguments = vec!["-c", script, "bash"];
    arguments.extend(PROGRAMS);
    let answer = run(sh, "bash", &arguments)?;
    let mut programs = BTreeSet::new();
    for line in answer.lines() {
        let (name, path) = line.split_once('=').unwrap_or((line, ""));
        if path.is_empty() {
            return Err(Error::Missing(name.to_owned()));
        }
        programs.insert(PathBuf::from(path));
        // Where coreutils is one program, `ls` can be a script for it.
        programs.extend(interpreter(Path::new(path))?);
    }
    let mut ldd = Vec::new();
    for path in &programs {
        copy(path, &inside(root, path)?)?;
        ldd.push(text(path)?);
    }
    if let Some(skopeo) = skopeo {
        copy(skopeo, &root.join("usr/bin/skopeo"))?;
        ldd.push(text(skopeo)?);
    }
    link("bash", &root.join("usr/bin/sh"))?;
    // It fails if one of them is a script, and answers for the others.
    let script = r#"ldd "$@" || true"#;
    let mut arguments = vec!["-c", script, "bash"];
    arguments.extend(ldd);
    for library in libraries(&run(sh, "bash", &arguments)?) {
        let library = Path::new(library);
        copy(library, &inside(root, library)?)?;
    }
    Ok(())
}

/// The place of a host's file in the image: its directory without symbolic
/// links, since the image has those too, and the name under which it is asked
/// for.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = std::fs::canonicalize(parent).map_err(file_error(parent))?;
    let parent = parent.strip_prefix("/").unwrap_or(&parent);
    Ok(root.join(parent).join(path.file_name().unwrap_or_default()))
}

/// The program in the first line of a script.
fn interpreter(path: &Path) -> Result<Option<PathBuf>, Error> {
    let contents = std::fs::read(path).map_err(file_error(path))?;
    let line = contents.split(|byte| *byte == b'\n').next();
    Ok(line
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(|line| line.strip_prefix("#!"))
        .and_then(|line| line.split_whitespace().next())
        .map(PathBuf::from))
}

/// What rpm reads at its start, and where its database is: Debian's default is
/// in the home directory.
fn copy_rpm_configuration(sh: &Shell, root: &Path) -> Result<(), Error> {
    let directory = run(sh, "rpm", &["--eval", "%{_rpmconfigdir}"])?;
    let directory = Path::new(directory.trim());
    copy_tree(directory, &inside(root, directory)?)
}

fn rpm_macros() -> String {
    format!(
        "%_dbpath {RPM_DATABASE}\n%_db_backend sqlite\n\
         # The stand-ins' packages are not signed.\n%_pkgverify_level none\n\
         # A container may not always make name spaces of its own.\n%__transaction_unshare %{{nil}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let ldd = "/usr/bin/rpm:\n\
                   \tlinux-vdso.so.1 (0x00007ffd)\n\
                   \tlibrpm.so.9 => /lib/x86_64-linux-gnu/librpm.so.9 (0x00007f)\n\
                   \tlibgone.so => not found\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\
                   /usr/bin/script:\n\
                   \tnot a dynamic executable\n";
        let found: Vec<&str> = libraries(ldd).into_iter().collect();
        assert_eq!(
            found,
            [
                "/lib/x86_64-linux-gnu/librpm.so.9",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
    }
}

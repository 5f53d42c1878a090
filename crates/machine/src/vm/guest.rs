//! The Debian guest: a small system with the real Ignition, clevis and
//! cryptsetup, made here of Debian's packages and kept in the person's cache
//! under the hash of its recipe.

use std::path::{Path, PathBuf};

use host::files::make_dir;
use host::process;
use host::process::{Background, Capture, Invocation};
use image_build::gather::World;
use image_build::inputs::write;
use registry_compat::Digest;
use xshell::Shell;

use super::apt;
use super::console::Console;
use super::machine::bound_to_us;
use super::run::Reader;
use crate::error::Error;

/// The release: the one whose Ignition, dracut and clevis are known to work
/// together, whatever this machine runs.
const SUITE: &str = "bookworm";

/// The newest specification that its Ignition (2.14) reads.
/// Source: `config/config.go` of that release.
pub const NEWEST_SPEC: (u64, u64) = (3, 3);

/// What is in it.
const PACKAGES: [&str; 26] = [
    "btrfs-progs",
    "clevis",
    "clevis-dracut",
    "clevis-luks",
    "clevis-systemd",
    "clevis-tpm2",
    "cryptsetup-bin",
    "dbus",
    "dosfstools",
    "dracut",
    "dracut-network",
    "e2fsprogs",
    "gdisk",
    "ignition",
    "iproute2",
    "kmod",
    "linux-image-cloud-amd64",
    "netbase",
    "openssh-server",
    "policycoreutils",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tpm2-tools",
    "udev",
    "xfsprogs",
];

/// Where Debian's and Ubuntu's package has the keys that Debian signs with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Makes a machine's disk of the packages, inside of the new system.
const FINISH: &str = include_str!("assets/debian/finish.sh");

/// Puts that system on the disk, from outside.
const DISK: &str = include_str!("assets/debian/disk.sh");

/// What a guest that lives for two boots does not need.
const EXCLUDED: [&str; 3] = [
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];

/// How many guests are kept: checkouts with other recipes share the cache.
const KEPT: usize = 3;

/// The files of a guest that was made.
#[derive(Debug, Clone)]
pub struct Guest {
    folder: PathBuf,
}

impl Guest {
    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The initramfs.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }

    /// The disk, to be copied for each machine.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn is_whole(&self) -> bool {
        let files = [self.kernel(), self.initrd(), self.disk()];
        files.iter().all(|file| file.is_file())
    }
}

/// The kernel's command line. The platform is how Ignition knows that its config
/// comes from QEMU; `firstboot` is what its generator looks for. Without
/// `no_timer_check` an emulated kernel on a busy machine takes a late tick for a
/// broken timer, and gives up.
pub fn arguments(first_boot: bool) -> String {
    let mut text = "root=LABEL=system rw console=ttyS0,115200 systemd.log_color=0 \
                    no_timer_check modprobe.blacklist=kvm_amd,kvm_intel"
        .to_owned();
    if first_boot {
        text.push_str(" ignition.firstboot=1 ignition.platform.id=qemu");
    }
    text
}

/// A digest of everything that a guest is made of, as its name.
///
/// # Errors
/// Never.
pub fn recipe() -> Result<String, Error> {
    let text = [
        SUITE,
        &PACKAGES.join(" "),
        &EXCLUDED.join(" "),
        FINISH,
        DISK,
    ]
    .join("\0");
    Ok(Digest::of(text.as_bytes()).hex()[..12].to_owned())
}

/// The guest of today's recipe: from the cache, or made.
///
/// # Errors
/// If it has to be made and cannot be.
pub fn get(world: &World<'_>, sh: &Shell, cache: &Path, scratch: &Path) -> Result<Guest, Error> {
    let name = format!("debian-{}", recipe()?);
    let guest = Guest {
        folder: cache.join(&name),
    };
    let shown = guest.folder.display();
    if guest.is_whole() {
        world
            .report
            .status("Found", &format!("the guest in {shown}"));
        return Ok(guest);
    }
    able(world)?;
    world.report.status(
        "Making",
        &format!("the guest: Debian {SUITE} with Ignition, in {shown}; two minutes, once"),
    );
    let made = scratch.join("guest");
    make_dir(&made)?;
    bootstrap(world, sh, &made)?;
    settle(sh, &made, cache, &name)?;
    Ok(guest)
}

/// What making one takes.
fn able(world: &World<'_>) -> Result<(), Error> {
    for program in ["mmdebstrap", "mke2fs"] {
        if world.env.program(program).is_none() {
            return Err(host::Error::Program {
                program: program.to_owned(),
                detail: "not installed, and the guest has to be made with it; \
                         `apt-get install mmdebstrap e2fsprogs`"
                    .to_owned(),
            }
            .into());
        }
    }
    if std::env::consts::ARCH != "x86_64" {
        return Err(Error::Usage(format!(
            "the Debian guest is made for x86_64, this machine is {}",
            std::env::consts::ARCH
        )));
    }
    if !world.env.root_user && world.env.program("sudo").is_none() {
        return Err(Error::Usage(
            "the guest is made by root, because its files belong to root, and there is no sudo \
             here; run this once as root with the same `HOME`: the guest is kept in the cache"
                .to_owned(),
        ));
    }
    Ok(())
}

/// As root, with these variables.
fn as_root(invocation: Invocation, root: bool, variables: &[String]) -> Invocation {
    let mut words = vec!["env".to_owned()];
    if !root {
        words.insert(0, "sudo".to_owned());
    }
    words.extend_from_slice(variables);
    words.push(invocation.program);
    words.extend(invocation.args);
    Invocation::new(&words[0], words[1..].iter().cloned())
}

/// mmdebstrap and its hooks; see mmdebstrap(1) for `upload` and `download`.
fn command(folder: &Path, options: &Path, sources: &[PathBuf]) -> Invocation {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut args = vec![
        "--variant=minbase".to_owned(),
        "--architectures=amd64".to_owned(),
        "--format=null".to_owned(),
        format!("--include={}", PACKAGES.join(",")),
        format!("--aptopt={}", options.display()),
    ];
    let excluded = EXCLUDED.iter();
    args.extend(excluded.map(|path| format!("--dpkgopt=path-exclude={path}")));
    // These are words for a shell; the folder's name needs no quoting, as it is ours.
    args.extend(
        [
            format!("upload '{}' /finish.sh", path("finish.sh")),
            "chroot \"$1\" sh /finish.sh && rm \"$1/finish.sh\"".to_owned(),
            format!("sh '{}' \"$1\"", path("disk.sh")),
            format!("download /out/vmlinuz '{}'", path("vmlinuz")),
            format!("download /out/initrd '{}'", path("initrd")),
            format!("download /out/disk '{}'", path("disk.whole")),
        ]
        .map(|hook| format!("--customize-hook={hook}")),
    );
    args.extend([SUITE.to_owned(), "-".to_owned()]);
    args.extend(sources.iter().map(|path| path.display().to_string()));
    Invocation::new("mmdebstrap", args)
}

fn bootstrap(world: &World<'_>, sh: &Shell, folder: &Path) -> Result<(), Error> {
    write(&folder.join("finish.sh"), FINISH)?;
    write(&folder.join("disk.sh"), DISK)?;
    let dump = Invocation::new("apt-config", ["dump"]);
    let options = folder.join("apt.conf");
    write(
        &options,
        &process::read(sh, &dump).map_or_else(|_| String::new(), |text| apt::fetching(&text)),
    )?;
    let sources = sources(folder, Path::new("/etc/apt"))?;
    if sources.is_empty() {
        let text = "  this machine's /etc/apt has no sources of it: mmdebstrap's own";
        world.report.note(text);
        if !Path::new(KEYRING).is_file() {
            return Err(Error::Usage(format!(
                "{KEYRING} is not there: packages of Debian could not be trusted; \
                 `apt-get install debian-archive-keyring`"
            )));
        }
    }
    let temporary = folder.join("tmp");
    make_dir(&temporary)?;
    let variables = [
        // An initramfs at each kernel's package would be thrown away.
        "INITRD=No".to_owned(),
        format!("TMPDIR={}", temporary.display()),
    ];
    let invocation = command(folder, &options, &sources);
    let invocation = as_root(invocation, world.env.root_user, &variables);
    make(world, sh, &invocation, &folder.join("log"))?;
    // `download` writes the holes of the disk out.
    let whole = folder.join("disk.whole");
    copy(sh, &whole, &folder.join("disk"))
}

/// Runs it to its end. As root in namespaces of its own: whatever ends this
/// program ends every process in there, and with the last one go the mounts.
fn make(world: &World<'_>, sh: &Shell, invocation: &Invocation, log: &Path) -> Result<(), Error> {
    let has = |program| world.env.program(program).is_some();
    if !world.env.root_user || !has("unshare") || !has("setpriv") {
        // `sudo` may ask at the terminal, and hears Ctrl-C there.
        process::run(sh, invocation, Capture::Show, &mut |line| {
            world.report.foreign(line);
        })?;
        return Ok(());
    }
    let apart = apart(invocation);
    let mut lines = Console::default();
    let mut reader = Reader::new(log);
    let mut service = Background::start_apart(sh, &bound_to_us(&apart), log)?;
    service.attend(|ended, _| {
        lines.feed(&reader.next(), &mut |line| world.report.foreign(line));
        ended.then_some(())
    })?;
    lines.feed(&reader.next(), &mut |line| world.report.foreign(line));
    match service.status() {
        Some(status) if status.success() => Ok(()),
        status => Err(host::Error::Command {
            command: "mmdebstrap".to_owned(),
            status: status.map_or_else(String::new, |status| status.to_string()),
            code: status.and_then(|status| status.code()),
            tail: lines.tail(20),
        }
        .into()),
    }
}

/// In a process and mount namespace of its own; unshare(1) is of util-linux.
fn apart(invocation: &Invocation) -> Invocation {
    let words = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
        invocation.program.as_str(),
    ];
    let words = words.into_iter().map(str::to_owned);
    Invocation::new("unshare", words.chain(invocation.args.iter().cloned()))
}

/// This machine's sources of the release, each kind in a file of its own.
fn sources(folder: &Path, apt: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = vec![apt.join("sources.list")];
    let more = std::fs::read_dir(apt.join("sources.list.d"));
    files.extend(
        more.into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path()),
    );
    files.sort();
    let mut found = Vec::new();
    for (kind, stanzas) in [("list", false), ("sources", true)] {
        let of_kind = files
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == kind));
        let text: String = of_kind
            // What is not there or not readable is not apt's either.
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .map(|text| apt::of_suite(&text, stanzas, SUITE))
            .collect();
        if !text.is_empty() {
            let place = folder.join(format!("guest.{kind}"));
            write(&place, &text)?;
            found.push(place);
        }
    }
    Ok(found)
}

/// Moves what was made into the cache, whole or not at all.
fn settle(sh: &Shell, made: &Path, cache: &Path, name: &str) -> Result<(), Error> {
    let beside = cache.join(format!(".{name}.{}", std::process::id()));
    make_dir(&beside)?;
    let moved = ["vmlinuz", "initrd", "disk"]
        .iter()
        // Another file system, perhaps.
        .try_for_each(|file| copy(sh, &made.join(file), &beside.join(file)))
        .and_then(|()| {
            Ok(
                std::fs::rename(&beside, cache.join(name)).or_else(|source| {
                    // Another run was quicker.
                    if cache.join(name).join("disk").is_file() {
                        return Ok(());
                    }
                    Err(host::Error::File {
                        verb: "write",
                        path: cache.join(name),
                        source,
                    })
                })?,
            )
        });
    let _ = std::fs::remove_dir_all(&beside);
    moved?;
    prune(cache);
    Ok(())
}

/// Removes the oldest guests, but for [`KEPT`]. A machine that runs has its own
/// copy.
fn prune(cache: &Path) {
    let mut guests = Vec::new();
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let is_guest = entry.file_name().to_string_lossy().starts_with("debian-");
        let made = entry.metadata().and_then(|meta| meta.modified());
        if let (true, Ok(made)) = (is_guest, made) {
            guests.push((made, entry.path()));
        }
    }
    guests.sort();
    for (_, path) in guests.iter().rev().skip(KEPT) {
        // What stays is only in the way.
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Copies a file and keeps its holes sparse.
///
/// # Errors
/// If cp(1) fails.
pub fn copy(sh: &Shell, from: &Path, to: &Path) -> Result<(), Error> {
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let words = ["--reflink=auto", "--sparse=always", "--", &from, &to];
    process::read(sh, &Invocation::new("cp", words))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_is_named_by_all_of_it() {
        let name = recipe().unwrap();
        assert_eq!(name.len(), 12);
        assert_eq!(name, recipe().unwrap());
        let mut sorted = PACKAGES;
        sorted.sort_unstable();
        assert_eq!(sorted, PACKAGES, "keep the list sorted");
    }

    #[test]
    fn root_is_asked_for_only_by_others() {
        let invocation = Invocation::new("mmdebstrap", ["x"]);
        let variables = ["A=b".to_owned()];
        let line = as_root(invocation.clone(), true, &variables).to_string();
        assert_eq!(line, "env 'A=b' mmdebstrap x".replace('\'', ""));
        let line = as_root(invocation, false, &variables).to_string();
        assert_eq!(line, "sudo env A=b mmdebstrap x");
    }

    #[test]
    fn first_and_later_boots_differ_for_ignition_only() {
        let first = arguments(true);
        let rest = first.strip_prefix(&arguments(false)).unwrap();
        assert_eq!(rest, " ignition.firstboot=1 ignition.platform.id=qemu");
    }

    #[test]
    fn sources_come_from_both_kinds_of_files() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (apt, out) = (dir.path().join("apt"), dir.path().join("out"));
        make_dir(&apt.join("sources.list.d")).unwrap();
        make_dir(&out).unwrap();
        assert!(sources(&out, &apt).unwrap().is_empty());
        let entry = "deb http://mirror.example/debian bookworm main\n";
        write(&apt.join("sources.list"), entry).unwrap();
        write(&apt.join("sources.list.d/off.list.disabled"), entry).unwrap();
        let stanza = "Types: deb\nURIs: x\nSuites: bookworm-security\nComponents: main\n";
        write(&apt.join("sources.list.d/debian.sources"), stanza).unwrap();
        let found = sources(&out, &apt).unwrap();
        assert_eq!(found, [out.join("guest.list"), out.join("guest.sources")]);
        assert_eq!(std::fs::read_to_string(&found[0]).unwrap(), entry);
    }

    #[test]
    fn a_guest_is_kept_whole_and_the_oldest_go() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (made, cache) = (dir.path().join("made"), dir.path().join("cache"));
        make_dir(&made).unwrap();
        make_dir(&cache.join("fcos")).unwrap();
        for (age, name) in ["debian-b", "debian-c", "debian-a"].iter().enumerate() {
            let path = cache.join(name);
            make_dir(&path).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            let file = std::fs::File::open(&path).unwrap();
            file.set_modified(time).unwrap();
        }
        write(&made.join("vmlinuz"), "k").unwrap();
        // The disk is missing: nothing is kept.
        assert!(settle(&sh, &made, &cache, "debian-new").is_err());
        assert_eq!(sh.read_dir(&cache).unwrap().len(), 4);
        write(&made.join("initrd"), "i").unwrap();
        write(&made.join("disk"), "d").unwrap();
        for _ in 0..2 {
            settle(&sh, &made, &cache, "debian-new").unwrap();
            let guest = Guest {
                folder: cache.join("debian-new"),
            };
            assert!(guest.is_whole());
            let left = sh.read_dir(&cache).unwrap();
            let names = ["debian-a", "debian-c", "debian-new", "fcos"];
            assert_eq!(left, names.map(|name| cache.join(name)));
        }
    }
}

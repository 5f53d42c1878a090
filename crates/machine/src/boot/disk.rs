//! The disk that an image boots from: its root as it is, and laid into it the
//! script that asks and the unit that runs it. Nothing is installed.
//!
//! An image's labels of SELinux are not in a root that is made so; the boot is
//! permissive (`enforcing=0`).

use std::path::{Path, PathBuf};

use host::files::make_dir;
use host::process;
use host::process::{Capture, Invocation};
use host::report::Report;
use image_build::engine::Engine;
use image_build::inputs::write;
use xshell::Shell;

use crate::error::Error;
use crate::vm::keep::LOGIN;
use crate::vm::machine::{Acceleration, Disk, Machine, Network, Start};
use crate::vm::probe;

const DISK: &str = include_str!("disk.sh");

/// The unit that reports; see [`lay`].
pub const UNIT: &str = "custom-coreos-boot.service";

/// The script that it runs.
const SCRIPT: &str = "/etc/custom-coreos-boot.sh";

/// Mebibytes of memory.
const MEMORY: u32 = 2048;

/// Where OpenZFS remembers the pools that it imports at the next boot. Source:
/// zpool(8), `cachefile`.
const CACHE: &str = "/etc/zfs/zpool.cache";

/// The parts of one image, as files.
#[derive(Debug, Clone)]
pub struct ImageDisk {
    folder: PathBuf,
}

impl ImageDisk {
    /// Makes them of a local image, in an empty folder.
    ///
    /// # Errors
    /// If the engine cannot show the image's files, it has not exactly one kernel
    /// with an initramfs, or the disk is full.
    pub fn make(
        sh: &Shell,
        report: &Report,
        engine: Engine,
        image: &str,
        folder: &Path,
        root_user: bool,
    ) -> Result<Self, Error> {
        if engine == Engine::Docker {
            return Err(Error::Usage(
                "docker shows nobody the files of an image; boot it with `--engine podman`"
                    .to_owned(),
            ));
        }
        make_dir(folder)?;
        let script = folder.join("disk.sh");
        write(&script, DISK)?;
        let path = |path: &Path| path.display().to_string();
        let mut words = vec![path(&script), engine.program().to_owned()];
        words.extend([image.to_owned(), path(folder)]);
        let invocation = match root_user {
            true => Invocation::new("sh", words),
            false => {
                let front = ["unshare", "sh"].map(str::to_owned);
                Invocation::new(engine.program(), front.into_iter().chain(words))
            }
        };
        process::run(sh, &invocation, Capture::Show, &mut |line| {
            report.foreign(line);
        })?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The initramfs.
    pub fn initramfs(&self) -> PathBuf {
        self.folder.join("initramfs.img")
    }

    /// The root.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.img")
    }

    /// A machine without a network that boots from it, with another disk besides:
    /// that one's name in the machine's folder. `words` end the kernel's command
    /// line; see `guest::arguments` for `no_timer_check`.
    pub fn machine(&self, acceleration: Acceleration, besides: &str, words: &str) -> Machine {
        let text = |path: PathBuf| path.display().to_string();
        let raw = |file: String| Disk {
            file,
            format: "raw",
        };
        // Fedora's kernel has no terminals of BSD's; of another one's 512, udev would
        // hear one by one.
        let arguments = format!(
            "root=/dev/vda rw console=ttyS0,115200 systemd.log_color=0 no_timer_check \
             pty.legacy_count=0 {words}"
        );
        Machine {
            acceleration,
            memory: MEMORY,
            disks: vec![raw(text(self.root())), raw(besides.to_owned())],
            start: Start::Kernel {
                kernel: text(self.kernel()),
                initrd: text(self.initramfs()),
                arguments: arguments.trim_end().to_owned(),
            },
            installed: false,
            clock: None,
            network: Network::None,
            ssh: None,
            reboots: false,
        }
    }

    /// Lays the script into it, and the unit that runs it at the end of each boot.
    /// After the report the machine powers itself off; unless it is to `stay`
    /// after its last boot, with root's shell on the console.
    ///
    /// # Errors
    /// If debugfs(8) cannot write to it.
    pub fn lay(&self, sh: &Shell, script: &str, stay: bool) -> Result<(), Error> {
        let off = match stay {
            // The parts of the boots have their names on the command line.
            true => {
                "if ! grep -q custom-coreos.stay /proc/cmdline; then systemctl --no-block poweroff; fi"
            }
            false => "systemctl --no-block poweroff",
        };
        let service = probe::reporting_service(SCRIPT, off);
        let unit = format!("[Unit]\nDescription=Report on this boot\n\n{service}");
        self.put(sh, SCRIPT, script)?;
        self.put(sh, &format!("/etc/systemd/system/{UNIT}"), &unit)?;
        let wants = "/etc/systemd/system/multi-user.target.wants";
        self.debugfs(
            sh,
            &[
                format!("mkdir {wants}"),
                format!("symlink {wants}/{UNIT} ../{UNIT}"),
            ],
        )?;
        if stay {
            let folder = "/etc/systemd/system/serial-getty@ttyS0.service.d";
            self.debugfs(sh, &[format!("mkdir {folder}")])?;
            self.put(sh, &format!("{folder}/boot.conf"), LOGIN)?;
        }
        Ok(())
    }

    /// Gives it the list of pools that another root has, as an update of a host
    /// leaves `/etc` alone. The other one must have been unmounted.
    ///
    /// # Errors
    /// If the other one has none, or debugfs(8) fails.
    pub fn take_pools(&self, sh: &Shell, from: &Self) -> Result<(), Error> {
        let copy = self.folder.join("zpool.cache");
        let _ = std::fs::remove_file(&copy);
        from.debugfs(sh, &[format!("dump {CACHE} {}", copy.display())])?;
        if !copy.is_file() {
            return Err(Error::Step {
                step: "boot".to_owned(),
                detail: format!("the published image has left no {CACHE}"),
            });
        }
        self.write_file(sh, &copy, CACHE)
    }

    /// A file of it, as text. It must have been unmounted.
    ///
    /// # Errors
    /// If there is none, or debugfs(8) fails.
    pub fn read(&self, sh: &Shell, path: &str) -> Result<String, Error> {
        let copy = self.folder.join("read");
        let _ = std::fs::remove_file(&copy);
        self.debugfs(sh, &[format!("dump {path} {}", copy.display())])?;
        Ok(std::fs::read_to_string(&copy).map_err(host::Error::read(&copy))?)
    }

    fn put(&self, sh: &Shell, path: &str, text: &str) -> Result<(), Error> {
        let copy = self.folder.join("laid");
        write(&copy, text)?;
        self.write_file(sh, &copy, path)
    }

    fn write_file(&self, sh: &Shell, from: &Path, path: &str) -> Result<(), Error> {
        let folder = path
            .rsplit_once('/')
            .map_or("/", |(folder, _)| folder)
            .to_owned();
        let size = std::fs::metadata(from)
            .map_err(host::Error::read(from))?
            .len();
        self.debugfs(
            sh,
            &[
                format!("mkdir {folder}"),
                format!("rm {path}"),
                format!("write {} {path}", from.display()),
                format!("sif {path} uid 0"),
                format!("sif {path} gid 0"),
                format!("sif {path} mode 0100644"),
            ],
        )?;
        // debugfs(8) ends with 0 whatever became of a command.
        let said = self.debugfs(sh, &[format!("stat {path}")])?;
        if said.contains(&format!("Size: {size}")) {
            return Ok(());
        }
        Err(Error::Step {
            step: "boot".to_owned(),
            detail: format!(
                "{path} could not be laid into {}: {}",
                self.root().display(),
                host::one_line(&said)
            ),
        })
    }

    /// Runs commands in the root, and returns what they said on standard output.
    fn debugfs(&self, sh: &Shell, commands: &[String]) -> Result<String, Error> {
        let file = self.folder.join("debugfs");
        write(&file, &(commands.join("\n") + "\n"))?;
        let words = [
            "-w".to_owned(),
            "-f".to_owned(),
            file.display().to_string(),
            self.root().display().to_string(),
        ];
        Ok(process::read(sh, &Invocation::new("debugfs", words))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_laid_into_a_root_and_pools_are_taken_along() {
        let sh = process::shell(Path::new("/")).unwrap();
        let has = |program: &str| {
            ["/usr/sbin", "/sbin", "/usr/bin"]
                .iter()
                .any(|dir| Path::new(dir).join(program).exists())
        };
        if !has("mke2fs") || !has("debugfs") {
            host::report::exactly_err(b"skipped: mke2fs and debugfs (package e2fsprogs)\n");
            return;
        }
        let dir = sh.create_temp_dir().unwrap();
        let disk = |name: &str| {
            let folder = dir.path().join(name);
            let root = folder.join("root");
            make_dir(&root.join("etc/systemd/system")).unwrap();
            let disk = ImageDisk { folder };
            let words = ["-q", "-t", "ext4", "-d"].map(str::to_owned);
            let more = [&root, &disk.root()].map(|path| path.display().to_string());
            let args = words.into_iter().chain(more).chain(["8M".to_owned()]);
            process::read(&sh, &Invocation::new("mke2fs", args)).unwrap();
            disk
        };
        let (one, two) = (disk("one"), disk("two"));
        one.lay(&sh, "true\n", true).unwrap();
        let said = one.debugfs(&sh, &[format!("cat {SCRIPT}")]).unwrap();
        assert!(said.contains("true"), "{said}");
        let wants = format!("stat /etc/systemd/system/multi-user.target.wants/{UNIT}");
        let said = one.debugfs(&sh, &[wants]).unwrap();
        assert!(said.contains(&format!("\"../{UNIT}\"")), "{said}");
        // Twice: the second script takes the place of the first one.
        one.lay(&sh, "false\n", false).unwrap();
        let said = one.debugfs(&sh, &[format!("cat {SCRIPT}")]).unwrap();
        assert!(said.contains("false"), "{said}");
        let error = two.take_pools(&sh, &one).unwrap_err().to_string();
        assert!(error.contains("zpool.cache"), "{error}");
        one.put(&sh, CACHE, "pools").unwrap();
        two.take_pools(&sh, &one).unwrap();
        let said = two.debugfs(&sh, &[format!("cat {CACHE}")]).unwrap();
        assert!(said.contains("pools"), "{said}");
    }

    /// In the place of mke2fs: leaves the number of the process that called it, and
    /// does not end by itself.
    const ENDLESS: &str = "#!/bin/sh\necho $PPID >\"$(dirname \"$0\")/pid\"\nexec sleep 86400\n";

    #[test]
    fn a_signal_leaves_neither_a_mount_nor_a_container() {
        use rustix::process::{Pid, Signal, kill_process};
        use std::os::unix::fs::PermissionsExt as _;
        let sh = process::shell(Path::new("/")).unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let place = |name: &str| dir.path().join(name);
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
            dir.path().display()
        );
        sh.write_file(place("storage.conf"), &storage).unwrap();
        sh.set_var("CONTAINERS_STORAGE_CONF", place("storage.conf"));
        let modules = "context/usr/lib/modules/6.1";
        sh.write_file(
            place("context/Containerfile"),
            "FROM scratch\nCOPY usr /usr\n",
        )
        .unwrap();
        for name in ["vmlinuz", "initramfs.img"] {
            sh.write_file(place(modules).join(name), "x").unwrap();
        }
        sh.write_file(place("bin/mke2fs"), ENDLESS).unwrap();
        std::fs::set_permissions(place("bin/mke2fs"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        sh.write_file(place("disk.sh"), DISK).unwrap();
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let text = |path: PathBuf| path.display().to_string();
        let read = |program: &str, words: &[&str]| {
            let words = words.iter().copied();
            process::read(&sh, &Invocation::new(program, words)).unwrap()
        };
        for (engine, signal) in [
            ("podman", Signal::TERM),
            ("buildah", Signal::INT),
            ("podman", Signal::HUP),
        ] {
            if !Path::new("/usr/bin").join(engine).exists() || !rustix::process::getuid().is_root()
            {
                host::report::exactly_err(b"skipped: it takes root, podman and buildah\n");
                continue;
            }
            let context = text(place("context"));
            read(
                engine,
                &["build", "--quiet", "--tag=localhost/booted", &context],
            );
            let words = [
                // Whoever runs the tests may have them ignored.
                "--default-signal=INT,HUP".to_owned(),
                format!("PATH={}:{path}", text(place("bin"))),
                "sh".to_owned(),
                text(place("disk.sh")),
                engine.to_owned(),
                "localhost/booted".to_owned(),
                text(dir.path().to_owned()),
            ];
            let log = place("log");
            let mut script =
                process::Background::start_apart(&sh, &Invocation::new("env", words), &log)
                    .unwrap();
            let pid = place("bin/pid");
            let number = script
                .poll(|ended, _| {
                    assert!(!ended, "{}", std::fs::read_to_string(&log).unwrap());
                    std::fs::read_to_string(&pid).ok()?.trim().parse().ok()
                })
                .unwrap();
            std::fs::remove_file(&pid).unwrap();
            kill_process(Pid::from_raw(number).unwrap(), signal).unwrap();
            script.poll(|ended, _| ended.then_some(())).unwrap();
            assert_eq!(script.status().unwrap().code(), Some(130), "{engine}");
            assert_eq!(read("podman", &["image", "mount"]).trim(), "", "{engine}");
            let containers = read("podman", &["ps", "--all", "--external", "--quiet"]);
            assert_eq!(containers.trim(), "", "{engine}");
            let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            let below = format!("{}/graph/", dir.path().display());
            let left: Vec<&str> = mounts
                .lines()
                .filter(|line| line.contains(&below))
                .collect();
            assert_eq!(left, [""; 0], "{engine}");
        }
    }
}

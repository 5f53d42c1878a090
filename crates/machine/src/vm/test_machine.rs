//! One machine: prepared, booted, judged.

use std::path::{Path, PathBuf};

use image_build::gather::World;
use serde_json::Value;
use xshell::Shell;

use super::config::rendered;
use super::expect::{Boot, Expectation};
use super::guest::Guest;
use super::judge::Judgement;
use super::machine::{Acceleration, CONFIG, Disk, Machine, Network, Start, TPM};
use super::report::{Findings, read};
use super::run::{Booted, Room, Watch, boot};
use super::{cached, guest, probe};
use crate::error::Error;
use crate::vm::capabilities;

/// The system that a config is tried on.
#[derive(Debug, Clone)]
pub enum System {
    /// Made here; QEMU lays its kernel into the memory.
    Debian(Guest),
    /// Fedora CoreOS's disk for QEMU, which has a boot loader.
    Fcos(PathBuf),
}

impl System {
    /// Its disk, to be copied for each machine.
    fn disk(&self) -> PathBuf {
        match self {
            Self::Debian(guest) => guest.disk(),
            Self::Fcos(disk) => disk.clone(),
        }
    }

    fn format(&self) -> &'static str {
        match self {
            Self::Debian(_) => "raw",
            Self::Fcos(_) => "qcow2",
        }
    }

    /// Mebibytes of memory. Fedora CoreOS holds its root there while Ignition
    /// encrypts the disk.
    fn memory(&self) -> u32 {
        match self {
            Self::Debian(_) => 2048,
            Self::Fcos(_) => 4096,
        }
    }
}

/// Copies in a machine's folder: UEFI's variables, which it changes, and what
/// another run could take out of the cache.
const VARIABLES: &str = "uefi.fd";
const KERNEL: &str = "vmlinuz";
const INITRD: &str = "initrd";

/// Mebibytes of the empty disk.
pub const DISK: u64 = 1024;

/// What a machine is made of.
pub struct Parts<'a> {
    /// For progress lines on standard error.
    pub world: &'a World<'a>,
    /// The system.
    pub system: System,
    /// What runs it.
    pub acceleration: Acceleration,
    /// The console is shown.
    pub serial: bool,
    /// Where the consoles' logs go, if anywhere.
    pub logs: Option<PathBuf>,
}

/// Whether a config names anything that is not in it: contents, other configs,
/// a Tang server.
fn fetches(config: &Value) -> bool {
    let whole = rendered(config);
    let text = whole.config.to_string();
    let schemes = ["https:", "http:", "s3:", "gs:", "tftp:"];
    !whole.unread.is_empty()
        || ["source", "url"].iter().any(|key| {
            schemes
                .iter()
                .any(|scheme| text.contains(&format!("\"{key}\":\"{scheme}")))
        })
}

/// A machine with its disks and its TPM.
pub struct TestMachine<'a> {
    parts: &'a Parts<'a>,
    room: Room,
    /// What is expected of it.
    pub expectations: Vec<Expectation>,
    ssh: Option<u16>,
    /// Ignition has something to fetch.
    fetches: bool,
}

impl<'a> TestMachine<'a> {
    /// A new machine: the system's disk, an empty one of so many mebibytes, a
    /// new TPM, and this config.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn new(
        parts: &'a Parts<'a>,
        config: &Value,
        expectations: Vec<Expectation>,
        mebibytes: u64,
    ) -> Result<Self, Error> {
        let room = Room::new(&parts.world.env.root)?;
        let made = Self {
            parts,
            room,
            expectations,
            ssh: None,
            fetches: fetches(config),
        };
        made.configure(config)?;
        made.renew_system()?;
        made.room.empty_disk("data.img", mebibytes)?;
        Ok(made)
    }

    /// The machine's folder.
    pub fn folder(&self) -> &Path {
        self.room.path()
    }

    /// Gives it another config, for its next first boot.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn configure(&self, config: &Value) -> Result<(), Error> {
        Ok(image_build::inputs::write(
            &self.folder().join(CONFIG),
            &config.to_string(),
        )?)
    }

    /// A port of this machine that leads to its SSH.
    pub fn with_ssh(&mut self, port: u16) {
        self.ssh = Some(port);
    }

    /// A new disk with the system, as before its first boot.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn renew_system(&self) -> Result<(), Error> {
        let sh = Shell::new().map_err(|error| Error::Usage(error.to_string()))?;
        cached::copy(
            &sh,
            &self.parts.system.disk(),
            &self.folder().join("system.img"),
        )?;
        match (&self.parts.system, capabilities::firmware()) {
            (System::Debian(guest), _) => {
                cached::copy(&sh, &guest.kernel(), &self.folder().join(KERNEL))?;
                cached::copy(&sh, &guest.initrd(), &self.folder().join(INITRD))
            }
            (System::Fcos(_), Some((_, variables))) => {
                cached::copy(&sh, Path::new(variables), &self.folder().join(VARIABLES))
            }
            (System::Fcos(_), None) => Ok(()),
        }
    }

    /// Takes the TPM's state away, as a new mainboard does.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn lose_tpm(&self) -> Result<(), Error> {
        let path = self.folder().join(TPM);
        Ok(
            std::fs::remove_dir_all(&path).map_err(|source| host::Error::File {
                verb: "remove",
                path,
                source,
            })?,
        )
    }

    /// That port.
    pub fn ssh(&self) -> Option<u16> {
        self.ssh
    }

    /// Boots it once.
    ///
    /// # Errors
    /// If it cannot be started. A boot that goes wrong is an answer.
    pub fn boot(&self, which: Boot, name: &str, stays: bool) -> Result<Booted, Error> {
        self.run(which, name, stays, false)
    }

    /// Boots it, and again whenever it reboots, until it is off.
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub fn boot_on(&self, name: &str) -> Result<Booted, Error> {
        self.run(Boot::Second, name, false, true)
    }

    fn run(&self, which: Boot, name: &str, stays: bool, reboots: bool) -> Result<Booted, Error> {
        let disk = |file: &str, format| Disk {
            file: file.to_owned(),
            format,
        };
        let system = &self.parts.system;
        let machine = Machine {
            acceleration: self.parts.acceleration,
            memory: system.memory(),
            disks: vec![disk("system.img", system.format()), disk("data.img", "raw")],
            start: match system {
                System::Debian(_) => Start::Kernel {
                    kernel: KERNEL.to_owned(),
                    initrd: INITRD.to_owned(),
                    arguments: guest::arguments(which == Boot::First),
                },
                System::Fcos(_) => Start::Disk {
                    uefi: capabilities::firmware()
                        .map(|(code, _)| (code.to_owned(), VARIABLES.to_owned())),
                },
            },
            // Debian's has nothing to fetch, and would wait for it. Fedora's could
            // update itself, or follow its image, in the midst of a judgement:
            // it reaches nothing before it is to, short of what Ignition fetches.
            installed: true,
            clock: None,
            network: match system {
                System::Debian(_) => Network::None,
                System::Fcos(_) if reboots || self.fetches => Network::Open,
                System::Fcos(_) => Network::Alone,
            },
            ssh: self.ssh,
            // Ignition reboots Fedora's for kernel arguments, in the midst of the
            // first boot. Debian's takes them from here.
            reboots: reboots || matches!(system, System::Fcos(_)),
        };
        let watch = Watch {
            env: self.parts.world.env,
            report: self.parts.world.report,
            serial: self.parts.serial,
            stays,
            name,
            limit: None,
        };
        let booted = boot(&watch, self.folder(), &machine)?;
        if let Some(folder) = &self.parts.logs {
            host::files::make_dir(folder)?;
            let file = (1..)
                .map(|number| folder.join(format!("{number:02}.log")))
                .find(|path| !path.exists())
                .unwrap_or_default();
            image_build::inputs::write(&file, booted.console.text())?;
        }
        Ok(booted)
    }

    /// Holds a boot against what is expected.
    pub fn judge(
        &self,
        which: Boot,
        booted: &Booted,
        earlier: Option<&Findings>,
    ) -> (Judgement, Option<Findings>) {
        let found = read(booted.console.text(), &probe::id(&self.expectations));
        let judgement = Judgement::of(which, &self.expectations, found.as_ref(), earlier);
        (judgement, found.ok())
    }

    /// Leaves the folder to a machine that runs on.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn stay(self, pid: u32) -> Result<PathBuf, Error> {
        self.room.stay(pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_in_the_config_is_not_fetched() {
        let file = |source: &str| json!({ "storage": { "files": [{ "path": "/a", "contents": { "source": source } }] } });
        for (source, expected) in [
            ("data:,https://x/y", false),
            ("https://x/y", true),
            ("s3://x/y", true),
        ] {
            let own = file(source);
            assert_eq!(fetches(&own), expected, "{source}");
            // Where the harness has it: inside.
            let whole = probe::joined(&own, &json!({ "ignition": { "version": "3.0.0" } }));
            assert_eq!(fetches(&whole), expected, "{source}");
        }
        let tang =
            json!({ "storage": { "luks": [{ "clevis": { "tang": [{ "url": "http://t" }] } }] } });
        assert!(fetches(&tang));
    }
}

//! The virtual machine: its parts, as the command lines of QEMU and swtpm. Pure.

use host::process::Invocation;

/// Names in the folder that the machine runs in.
pub const CONFIG: &str = "config.ign";
/// What the machine has said on its first serial line.
pub const CONSOLE: &str = "console.log";
/// The same line, to type into.
pub const CONSOLE_SOCKET: &str = "console.sock";
/// The folder of the TPM's state.
pub const TPM: &str = "tpm";
/// Where QEMU finds the TPM.
pub const TPM_SOCKET: &str = "tpm/sock";

/// What the guest's processor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceleration {
    /// KVM, through `/dev/kvm`.
    Kvm,
    /// A program.
    Emulation,
}

/// One disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its file.
    pub file: String,
    /// `raw` or `qcow2`.
    pub format: &'static str,
}

/// How it comes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// QEMU lays a kernel into its memory.
    Kernel {
        /// The kernel's file.
        kernel: String,
        /// The initramfs.
        initrd: String,
        /// The command line.
        arguments: String,
    },
    /// The firmware finds a boot loader on the first disk.
    Disk {
        /// UEFI: its code, and the file of its variables. Without it, a BIOS.
        uefi: Option<(String, String)>,
    },
}

/// What a machine reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It has no card.
    None,
    /// A network card and an address, but nothing that answers.
    Alone,
    /// What this machine reaches.
    Open,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What runs it.
    pub acceleration: Acceleration,
    /// Mebibytes.
    pub memory: u32,
    /// In their order: `/dev/vda`, `/dev/vdb`, …
    pub disks: Vec<Disk>,
    /// How it comes up.
    pub start: Start,
    /// It has a TPM, and an Ignition config, as a machine that is installed.
    pub installed: bool,
    /// What its clock says at the start, in UTC: `2026-01-01T10:00:00`; this
    /// machine's time without it.
    pub clock: Option<String>,
    /// What it reaches.
    pub network: Network,
    /// A port of this machine, on loopback, that leads to the guest's SSH.
    pub ssh: Option<u16>,
    /// A reboot comes up again; otherwise it ends the machine.
    pub reboots: bool,
}

/// What ends the command line of an emulated kernel: no address space is random. Before
/// version 8, QEMU finds what it has translated by its address, and would translate a
/// library anew for each process; this is a third of a boot's work. Source: `CF_PCREL`
/// of QEMU's `accel/tcg`.
const EMULATED: &str = " norandmaps";

/// A comma begins the next option of QEMU; two are one.
fn value(text: &str) -> String {
    text.replace(',', ",,")
}

impl Machine {
    /// QEMU, to be run in the folder of the machine.
    ///
    /// The options are those of qemu-system-x86_64(1); the config's name in
    /// `fw_cfg` is Ignition's (`internal/providers/qemu`).
    pub fn invocation(&self) -> Invocation {
        let mut args: Vec<String> = Vec::new();
        let mut option = |name: &str, value: String| args.extend([format!("-{name}"), value]);
        option("machine", "q35".to_owned());
        let (accel, processors) = match self.acceleration {
            Acceleration::Kvm => ("kvm", "2"),
            // A second one takes a third more work, and boots nothing sooner: each waits
            // for the other's locks.
            Acceleration::Emulation => ("tcg", "1"),
        };
        option("accel", accel.to_owned());
        option("cpu", "max".to_owned());
        option("smp", processors.to_owned());
        option("m", self.memory.to_string());
        option("display", "none".to_owned());
        option("monitor", "none".to_owned());
        option("vga", "none".to_owned());
        if !self.reboots {
            args.push("-no-reboot".to_owned());
        }
        let mut option = |name: &str, value: String| args.extend([format!("-{name}"), value]);
        match &self.start {
            Start::Kernel {
                kernel,
                initrd,
                arguments,
            } => {
                option("kernel", kernel.clone());
                option("initrd", initrd.clone());
                let more = match self.acceleration {
                    Acceleration::Kvm => "",
                    Acceleration::Emulation => EMULATED,
                };
                option("append", format!("{arguments}{more}"));
            }
            Start::Disk { uefi: None } => {}
            Start::Disk {
                uefi: Some((code, variables)),
            } => {
                let flash = "if=pflash,format=raw";
                let code = value(code);
                option("drive", format!("{flash},unit=0,readonly=on,file={code}"));
                let variables = value(variables);
                option("drive", format!("{flash},unit=1,file={variables}"));
            }
        }
        for (number, disk) in self.disks.iter().enumerate() {
            let (file, format) = (value(&disk.file), disk.format);
            // The disk is thrown away, so it need not survive a crash of this machine.
            option(
                "drive",
                format!("if=none,id=disk{number},file={file},format={format},cache=unsafe"),
            );
            option("device", format!("virtio-blk-pci,drive=disk{number}"));
        }
        if self.installed {
            option("chardev", format!("socket,id=tpm,path={TPM_SOCKET}"));
            option("tpmdev", "emulator,id=tpm0,chardev=tpm".to_owned());
            option("device", "tpm-tis,tpmdev=tpm0".to_owned());
            option(
                "fw_cfg",
                format!("name=opt/com.coreos/config,file={CONFIG}"),
            );
        }
        if let Some(clock) = &self.clock {
            option("rtc", format!("base={clock}"));
        }
        option("device", "virtio-rng-pci".to_owned());
        option(
            "chardev",
            format!("socket,id=console,path={CONSOLE_SOCKET},server=on,wait=off,logfile={CONSOLE}"),
        );
        option("serial", "chardev:console".to_owned());
        // Without one, QEMU would add a card of another kind.
        let mut card = "user,model=virtio-net-pci".to_owned();
        if self.network != Network::Open {
            card.push_str(",restrict=on");
        }
        option(
            "nic",
            match self.ssh {
                Some(port) => format!("{card},hostfwd=tcp:127.0.0.1:{port}-:22"),
                None if self.network == Network::None => "none".to_owned(),
                None => card,
            },
        );
        Invocation::new("qemu-system-x86_64", args)
    }
}

/// The TPM, to be run in the folder of the machine. It ends when QEMU lets go of
/// it.
pub fn tpm() -> Invocation {
    let state = format!("dir={TPM}");
    let control = format!("type=unixio,path={TPM_SOCKET}");
    Invocation::new(
        "swtpm",
        [
            "socket",
            "--tpm2",
            "--tpmstate",
            state.as_str(),
            "--ctrl",
            control.as_str(),
            "--terminate",
        ],
    )
}

/// The same program, killed by the kernel when this one is gone: not even a
/// `kill -9` leaves it behind. setpriv(1) is of util-linux.
pub fn bound_to_us(invocation: &Invocation) -> Invocation {
    let words = ["--pdeathsig", "KILL", "--", invocation.program.as_str()];
    let words = words.into_iter().map(str::to_owned);
    Invocation::new("setpriv", words.chain(invocation.args.iter().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            acceleration: Acceleration::Emulation,
            memory: 2048,
            disks: vec![
                Disk {
                    file: "a,b.img".to_owned(),
                    format: "raw",
                },
                Disk {
                    file: "data.img".to_owned(),
                    format: "qcow2",
                },
            ],
            start: Start::Kernel {
                kernel: "k".to_owned(),
                initrd: "i".to_owned(),
                arguments: "root=LABEL=system rw".to_owned(),
            },
            installed: true,
            clock: None,
            network: Network::None,
            ssh: None,
            reboots: false,
        }
    }

    #[test]
    fn a_machine_is_a_command_line() {
        let line = machine().invocation().to_string();
        for part in [
            "qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 1 ",
            " -m 2048 ",
            " -no-reboot ",
            " -kernel k -initrd i -append 'root=LABEL=system rw norandmaps' ",
            "id=disk0,file=a,,b.img,format=raw,cache=unsafe -device virtio-blk-pci,drive=disk0 ",
            "id=disk1,file=data.img,format=qcow2,",
            " -fw_cfg name=opt/com.coreos/config,file=config.ign ",
            " -nic none",
        ] {
            assert!(line.contains(part), "{part}\n{line}");
        }
        let host = Machine {
            acceleration: Acceleration::Kvm,
            ..machine()
        };
        let line = host.invocation().to_string();
        assert!(line.contains(" -append 'root=LABEL=system rw' "), "{line}");
        let other = Machine {
            acceleration: Acceleration::Kvm,
            start: Start::Disk {
                uefi: Some(("code.fd".to_owned(), "vars.fd".to_owned())),
            },
            ssh: Some(2222),
            reboots: true,
            ..machine()
        };
        let line = other.invocation().to_string();
        assert!(
            line.contains(" -accel kvm -cpu max -smp 2 ")
                && line.contains("hostfwd=tcp:127.0.0.1:2222-:22")
        );
        assert!(
            line.contains("virtio-net-pci,restrict=on,hostfwd="),
            "{line}"
        );
        let open = Machine {
            network: Network::Open,
            ..machine()
        };
        let open = open.invocation().to_string();
        assert!(open.ends_with("-nic user,model=virtio-net-pci"), "{open}");
        assert!(
            line.contains("unit=0,readonly=on,file=code.fd -drive if=pflash,format=raw,unit=1")
        );
        assert!(!line.contains("-kernel") && !line.contains("-no-reboot"));
        let image = Machine {
            installed: false,
            clock: Some("2026-01-01T10:00:00".to_owned()),
            ..machine()
        };
        let line = image.invocation().to_string();
        assert!(line.contains(" -rtc base=2026-01-01T10:00:00 "), "{line}");
        assert!(!line.contains("tpm") && !line.contains("fw_cfg"), "{line}");
    }

    #[test]
    fn what_is_bound_is_the_same_program() {
        let bound = bound_to_us(&tpm()).to_string();
        assert!(bound.starts_with("setpriv --pdeathsig KILL -- swtpm socket --tpm2 "));
    }
}

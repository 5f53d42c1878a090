//! What this machine offers for virtual machines: QEMU, KVM, firmware.

use std::path::Path;

use host::env::Env;

use super::machine::Acceleration;
use crate::error::Error;

/// Programs that a machine takes, with the packages of Debian.
pub const PROGRAMS: [(&str, &str); 2] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("swtpm", "swtpm"),
];

/// The firmware of a UEFI machine, code and variables, wherever distributions
/// lay them.
const FIRMWARE: [(&str, &str); 4] = [
    (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    (
        "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/OVMF/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
];

/// Whether KVM can be used, or why not.
///
/// A device that opens is not enough: inside of some virtual machines it is
/// there, and a guest comes as far as its firmware. The processor has to say
/// that it can.
///
/// # Errors
/// Why not, in a few words.
pub fn kvm() -> Result<(), String> {
    judge_kvm(
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .map(drop),
        &std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
    )
}

fn judge_kvm(opened: std::io::Result<()>, cpuinfo: &str) -> Result<(), String> {
    match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("there is no /dev/kvm".to_owned());
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err("/dev/kvm is not for you; join the group `kvm`".to_owned());
        }
        Err(error) => return Err(format!("/dev/kvm: {error}")),
        Ok(()) => {}
    }
    let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    let able = flags
        .flat_map(str::split_whitespace)
        .any(|flag| ["vmx", "svm"].contains(&flag));
    if able {
        Ok(())
    } else {
        Err("/dev/kvm is there, but this processor has neither vmx nor svm".to_owned())
    }
}

/// The acceleration that is used, and why it is not KVM.
pub fn acceleration(emulate: bool) -> (Acceleration, Option<String>) {
    if emulate {
        return (Acceleration::Emulation, Some("as asked".to_owned()));
    }
    match kvm() {
        Ok(()) => (Acceleration::Kvm, None),
        Err(why) => (Acceleration::Emulation, Some(why)),
    }
}

/// The firmware of a UEFI machine: its code, and its variables to be copied.
pub fn firmware() -> Option<(&'static str, &'static str)> {
    let there = |path: &str| Path::new(path).is_file();
    FIRMWARE
        .into_iter()
        .find(|(code, variables)| there(code) && there(variables))
}

/// That the programs are there.
///
/// # Errors
/// [`host::Error::Program`] with the package command.
pub fn able(env: &Env) -> Result<(), Error> {
    let missing: Vec<(&str, &str)> = PROGRAMS
        .into_iter()
        .filter(|(program, _)| env.program(program).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    Err(host::Error::Program {
        program: names.join("`, `"),
        detail: format!(
            "not installed; on Debian `apt-get install --no-install-recommends {}`",
            packages.join(" ")
        ),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_device_alone_is_not_kvm() {
        let able = "processor\t: 0\nflags\t\t: fpu svm sse\n";
        assert_eq!(judge_kvm(Ok(()), able), Ok(()));
        for (opened, cpuinfo, said) in [
            (Ok(()), "flags\t\t: fpu sse\nbugs: svm\n", "neither"),
            (Err(ErrorKind::NotFound), able, "no /dev/kvm"),
            (Err(ErrorKind::PermissionDenied), able, "group `kvm`"),
            (Err(ErrorKind::Other), able, "/dev/kvm: "),
        ] {
            let why = judge_kvm(opened.map_err(Error::from), cpuinfo).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}

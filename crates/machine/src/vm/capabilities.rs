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

/// The acceleration that is used, and why it is not KVM.
pub fn acceleration(emulate: bool) -> (Acceleration, Option<String>) {
    if emulate {
        return (Acceleration::Emulation, Some("as asked".to_owned()));
    }
    match host::kvm::usable() {
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

/// That QEMU is there, which is all that an image's own boot takes besides
/// `mke2fs` and `debugfs`.
///
/// # Errors
/// [`host::Error::Program`] with the package command.
pub fn qemu(env: &Env) -> Result<(), Error> {
    there(env, &host::kvm::BOOT)
}

/// That the programs of an installation are there.
///
/// # Errors
/// [`host::Error::Program`] with the package command.
pub fn able(env: &Env) -> Result<(), Error> {
    there(env, &PROGRAMS)
}

fn there(env: &Env, programs: &[(&str, &str)]) -> Result<(), Error> {
    let missing: Vec<(&str, &str)> = programs
        .iter()
        .copied()
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

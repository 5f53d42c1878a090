//! `--keep`: leaves the machine running, with a root console and SSH.

use host::process;
use host::process::Invocation;
use image_build::gather::World;
use serde_json::{Value, json};

use crate::error::Error;
use crate::vm::{machine::CONSOLE_SOCKET, run::Booted, test_machine::TestMachine};

/// The private half of the key for this one machine.
const KEY: &str = "key";

/// Root's shell on the console: a drop-in of `serial-getty@ttyS0.service`.
pub(crate) const LOGIN: &str = "[Service]\nExecStart=\n\
    ExecStart=-/sbin/agetty --autologin root --keep-baud 115200 - $TERM\n";

/// Logins for a person, as an Ignition config: root's shell on the console, and a key for
/// root's SSH.
///
/// # Errors
/// If no port is free, or the key cannot be made.
pub fn logins(world: &World<'_>, machine: &mut TestMachine<'_>) -> Result<Value, Error> {
    let mut logins = json!({
        "ignition": { "version": "3.0.0" },
        "systemd": { "units": [
            { "name": "serial-getty@ttyS0.service", "dropins": [{
                "name": "vm.conf",
                "contents": LOGIN,
            }] },
            // Fedora CoreOS has another one, which runs anyway.
            { "name": "systemd-networkd.service", "enabled": true },
        ] },
    });
    if world.env.program("ssh-keygen").is_none() {
        return Ok(logins);
    }
    let sh = process::shell(machine.folder())?;
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "vm", "-f", KEY];
    process::read(&sh, &Invocation::new("ssh-keygen", words))?;
    let path = machine.folder().join("key.pub");
    let public = std::fs::read_to_string(&path).map_err(|source| host::Error::File {
        verb: "read",
        path,
        source,
    })?;
    logins["passwd"] = json!({ "users": [{
        "name": "root",
        "sshAuthorizedKeys": [public.trim()],
    }] });
    machine.with_ssh(remote::loopback::nobody()?.port());
    Ok(logins)
}

/// Says how to go in and how to stop it.
///
/// # Errors
/// If the note for the next run cannot be written.
pub fn leave(
    world: &World<'_>,
    machine: TestMachine<'_>,
    booted: &mut Booted,
) -> Result<(), Error> {
    let Some(pid) = booted.leave() else {
        return Ok(());
    };
    let ssh = machine.ssh();
    let folder = machine.stay(pid)?;
    let folder = folder
        .strip_prefix(&world.env.root)
        .unwrap_or(&folder)
        .display();
    let report = world.report;
    report.status("Kept", &format!("the machine runs on, as process {pid}"));
    let [console, stop] = way_in(pid, &folder.to_string());
    report.note(&console);
    if let Some(port) = ssh {
        report.note(&format!(
            "  shell:   ssh -p {port} -i {folder}/{KEY} -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null root@127.0.0.1"
        ));
    }
    report.note(&stop);
    Ok(())
}

/// How a person comes to the console of a machine that was left running in a
/// folder, and stops it.
pub(crate) fn way_in(pid: u32, folder: &str) -> [String; 2] {
    [
        format!(
            "  console: socat -,rawer,escape=0x1d UNIX-CONNECT:{folder}/{CONSOLE_SOCKET}   (Ctrl-] leaves)"
        ),
        format!("  stop:    kill {pid} && rm -rf {folder}"),
    ]
}

//! `vm` around a machine that is none: how it starts, ends and tidies up. The
//! machine itself is tried by `cargo xtask vm` in `.ci/run`.

use std::path::Path;

use machine::vm::guest::recipe;
use rustix::process::{Pid, Signal, kill_process};

use super::support::{Sandbox, until};

const CONFIG: &str = "\
variant: fcos
version: 1.4.0
passwd:
  users:
    - name: core
      ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me]
";

/// The TPM: there at once, and never gone by itself.
const SWTPM: &str = "echo $$ >\"$here/tpm.pid\"; : >tpm/sock; exec sleep 1000";

/// The machine: says what is recorded, then does what follows.
fn machine(sandbox: &Sandbox, console: &str, then: &str) {
    sandbox.write("console", console);
    let script = format!(
        "pwd >\"$here/room\"; echo $$ >\"$here/qemu.pid\"\ncat \"$here/console\" >console.log\n{then}"
    );
    sandbox.on("-machine", &script);
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("ignition/try.bu", CONFIG);
    let guest = format!("home/.cache/custom-coreos/vm-bases/debian-{}", recipe());
    for file in ["vmlinuz", "initrd", "disk"] {
        sandbox.write(&format!("{guest}/{file}"), file);
    }
    sandbox.tool("qemu-system-x86_64");
    sandbox.tool("swtpm");
    for tool in ["cp", "setpriv"] {
        let real = Path::new("/usr/bin").join(tool);
        let real = if real.exists() {
            real
        } else {
            Path::new("/bin").join(tool)
        };
        std::os::unix::fs::symlink(real, sandbox.path(&format!("tools/{tool}"))).unwrap();
    }
    sandbox.on("socket", SWTPM);
    sandbox
}

fn alive(sandbox: &Sandbox, file: &str) -> bool {
    let pid = sandbox.read(file);
    let pid = pid.trim();
    assert!(!pid.is_empty(), "{file}: it has not run");
    // A process that has ended and that nobody has asked about is a zombie.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|text| !text.contains("State:\tZ"))
}

#[track_caller]
fn assert_nothing_left(sandbox: &Sandbox) {
    until("the TPM has ended", || !alive(sandbox, "tpm.pid"));
    until("the machine has ended", || !alive(sandbox, "qemu.pid"));
    assert!(!sandbox.exists("target/vm"), "a folder is left");
}

const KERNEL: &str = "[    0.000000] Linux version 6.1.0\n";

#[test]
fn a_machine_that_does_not_report_is_no_good_one() {
    let sandbox = sandbox();
    machine(&sandbox, KERNEL, "exit 0");
    let outcome = sandbox.run(&["vm", "try", "--json"]);
    let stderr = outcome.stderr.clone();
    let document: serde_json::Value = serde_json::from_str(&outcome.expect(1)).unwrap();
    assert_eq!(document["well"], false);
    let boots = document["boots"].as_array().unwrap();
    assert_eq!(boots.len(), 1, "there is nothing to boot again");
    assert!(
        boots[0]["no-report"]
            .as_str()
            .unwrap()
            .contains("did not report")
    );
    assert!(stderr.contains("Linux version 6.1.0"), "{stderr}");
    assert!(stderr.contains("Boot 1 kernel"), "{stderr}");
    assert_nothing_left(&sandbox);
}

#[test]
fn a_panic_ends_it_at_once_and_is_the_reason() {
    let sandbox = sandbox();
    let panic = "[    1.5] Kernel panic - not syncing: Attempted to kill init!\n";
    machine(&sandbox, &format!("{KERNEL}{panic}"), "exec sleep 1000");
    let outcome = sandbox.run(&["vm", "try"]);
    assert!(
        outcome.stderr.contains("the kernel gave up"),
        "{outcome:#?}"
    );
    outcome.expect(1);
    assert_nothing_left(&sandbox);
}

#[test]
fn nothing_survives_an_interruption() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = sandbox();
        machine(&sandbox, KERNEL, "exec sleep 1000");
        let mut child = sandbox.start(&["vm", "try"]);
        until("the machine runs", || {
            sandbox.exists("qemu.pid") && sandbox.exists("room")
        });
        until("it is seen", || {
            sandbox.read("stderr").contains("Boot 1 kernel")
        });
        assert!(alive(&sandbox, "qemu.pid") && alive(&sandbox, "tpm.pid"));
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(sandbox.read("stderr").contains("error: interrupted"));
        assert_nothing_left(&sandbox);
    }
}

/// Not even the one signal that nobody can catch leaves a machine behind; its
/// folder goes with the next run.
#[test]
fn a_killed_run_takes_its_machine_along() {
    let sandbox = sandbox();
    machine(&sandbox, KERNEL, "exec sleep 1000");
    let mut child = sandbox.start(&["vm", "try"]);
    until("the machine runs", || {
        sandbox.exists("qemu.pid") && sandbox.exists("room")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    until("the machine has ended", || !alive(&sandbox, "qemu.pid"));
    until("the TPM has ended", || !alive(&sandbox, "tpm.pid"));
    assert!(Path::new(sandbox.read("room").trim()).is_dir());
    machine(&sandbox, KERNEL, "exit 0");
    sandbox.run(&["vm", "try"]).expect(1);
    assert_nothing_left(&sandbox);
}

#[test]
fn programs_that_cannot_run_are_named() {
    let sandbox = sandbox();
    sandbox.on("-machine", "echo 'no such machine' >&2; exit 1");
    let outcome = sandbox.run(&["vm", "try"]);
    let stderr = outcome.stderr.clone();
    outcome.expect(1);
    assert!(stderr.contains("cannot run `qemu-system-x86_64`: it ended at once; no such machine"));
    sandbox.on("socket", "echo 'no entropy' >&2; exit 1");
    let outcome = sandbox.run(&["vm", "try"]);
    assert!(
        outcome
            .stderr
            .contains("cannot run `swtpm`: it ended at once; no entropy")
    );
    std::fs::remove_file(sandbox.path("tools/swtpm")).unwrap();
    let outcome = sandbox.run(&["vm", "try"]);
    let said = "cannot run `swtpm`: not installed; on Debian `apt-get install";
    assert!(outcome.stderr.contains(said), "{outcome:#?}");
    assert!(!sandbox.exists("target/vm"));
}

#[test]
fn a_source_that_is_too_new_for_the_base_says_so() {
    let sandbox = sandbox();
    let newer = CONFIG.replace("1.4.0", "1.6.0");
    sandbox.write("ignition/newer.bu", &newer);
    machine(&sandbox, KERNEL, "exit 0");
    let outcome = sandbox.run(&["vm", "newer"]);
    let lowered = "its version 3.5.0 is given as 3.3.0";
    assert!(outcome.stderr.contains(lowered), "{outcome:#?}");
    let volume = "storage:\n  luks:\n    - {name: a, device: /dev/vdb, clevis: {tpm2: true}, discard: true}\n";
    sandbox.write("ignition/newer.bu", &format!("{newer}{volume}"));
    let outcome = sandbox.run(&["vm", "newer"]);
    let said = "newer.bu: the config is of 3.5.0, this base reads up to 3.3.0, and it uses \
                `discard` of the volume a (since 3.4.0)";
    assert!(outcome.stderr.contains(said), "{outcome:#?}");
    outcome.expect(1);
    sandbox.run(&["vm", "nobody"]).expect(2);
}

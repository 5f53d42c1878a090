//! What `image.sh` says where programs are played, held against what is expected.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use host::process::{Capture, Invocation, run};
use image_config::{Boot as Policy, Units};
use registry_compat::KmodTag;
use xshell::{Shell, TempDir};

use super::attempt::LIBRARY;
use super::questions::{Promises, Use, expectations};
use crate::vm::expect::Boot;
use crate::vm::judge::{Row, Verdict, judge};
use crate::vm::probe;
use crate::vm::report::{Findings, read};

/// A folder of programs that the script finds first.
struct Guest(TempDir, Shell);

impl Guest {
    fn new(part: &str) -> Self {
        let sh = Shell::new().unwrap();
        let guest = Self(sh.create_temp_dir().unwrap(), sh);
        let folder = guest.0.path();
        let cmdline = format!("root=/dev/vda custom-coreos.boot={part}\n");
        guest
            .1
            .write_file(folder.join("proc/cmdline"), cmdline)
            .unwrap();
        let id = folder.join("proc/sys/kernel/random/boot_id");
        guest.1.write_file(id, "1b-2c\n").unwrap();
        for program in ["systemctl", "journalctl", "zpool", "zfs", "modprobe"] {
            guest.program(program, "");
        }
        guest
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.0.path().join("bin").join(name);
        self.1
            .write_file(&path, format!("#!/bin/sh\n{text}\n"))
            .unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What it says of itself.
    fn findings(&self) -> Findings {
        let wanted = wanted();
        let script = probe::script_with(&wanted, LIBRARY, 1).replace("settle 1\nquiet\n", "");
        let world = self.0.path().display();
        let head = format!("PATH={world}/bin:$PATH SYS={world}/sys PROC={world}/proc\n");
        let file = self.0.path().join("script.sh");
        self.1.write_file(&file, head + &script).unwrap();
        let invocation = Invocation::new("sh", [file.to_string_lossy()]);
        let said = run(&self.1, &invocation, Capture::StdoutAnyStatus, &mut |_| {});
        read(&said.unwrap().stdout, &probe::id(&wanted)).unwrap()
    }
}

fn wanted() -> Vec<crate::vm::expect::Expectation> {
    let units: Units = serde_json::from_value(serde_json::json!({ "enable": [] })).unwrap();
    let promises = Promises {
        versions: KmodTag {
            kernel: "6.12.1-200.fc44.x86_64".parse().unwrap(),
            zfs: "2.3.9".parse().unwrap(),
        },
        units,
        policy: Policy::default(),
        trust: None,
    };
    expectations(&promises, Use::Alone)
}

/// One row of the first or second boot.
fn row(guest: &Guest, earlier: Option<&Findings>, subject: &str, aspect: &str) -> Row {
    let boot = match earlier {
        None => Boot::First,
        Some(_) => Boot::Second,
    };
    let rows = judge(boot, &wanted(), &guest.findings(), earlier);
    rows.into_iter()
        .find(|row| row.subject == subject && row.aspect == aspect)
        .unwrap()
}

fn found(row: &Row) -> (Verdict, &str) {
    (row.verdict, row.found.as_str())
}

#[test]
fn a_host_without_sshd_is_not_well() {
    let guest = Guest::new("none");
    let sshd = |guest: &Guest| row(guest, None, "either sshd.service", "state");
    assert_eq!(found(&sshd(&guest)), (Verdict::Broken, "not there"));
    // Debian's name, and a socket that starts it.
    let of = |unit: &str, state: &str| {
        format!(
            "for last; do :; done\ncase \"$1 $last\" in 'show {unit}') echo loaded ;; \
             'is-active {unit}') echo {state} ;; esac"
        )
    };
    for unit in ["sshd.service", "ssh.service", "ssh.socket"] {
        guest.program("systemctl", &of(unit, "active"));
        assert_eq!(found(&sshd(&guest)), (Verdict::Holds, "active"), "{unit}");
    }
    guest.program("systemctl", &of("sshd.service", "failed"));
    assert_eq!(found(&sshd(&guest)), (Verdict::Broken, "failed"));
}

#[test]
fn a_host_without_bootc_is_not_well() {
    let guest = Guest::new("none");
    let bootc = |guest: &Guest| row(guest, None, "bootc", "status");
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"];
    if places
        .iter()
        .any(|place| Path::new(place).join("bootc").exists())
    {
        host::report::exactly_err(b"skipped: this machine has a bootc\n");
    } else {
        let row = bootc(&guest);
        assert_eq!(row.verdict, Verdict::Broken);
        assert!(row.found.starts_with("127: "), "{}", row.found);
    }
    guest.program("bootc", "echo status of a host");
    assert_eq!(found(&bootc(&guest)), (Verdict::Holds, "0"));
    guest.program("bootc", "echo 'error: no ostree' >&2; exit 1");
    assert_eq!(
        found(&bootc(&guest)),
        (Verdict::Broken, "1: error: no ostree")
    );
}

#[test]
fn a_feature_that_is_enabled_after_the_first_boot_is_seen() {
    let with = |names: &str| {
        format!(
            "case \"$1 $*\" in *' property,value all tank') for name in {names}; do \
             printf 'feature@%s\\tactive\\n' \"$name\"; done ;; esac"
        )
    };
    let first = Findings::parse("pool tank\tfeatures\tasync_destroy lz4_compress").unwrap();
    let guest = Guest::new("again");
    let features = |guest: &Guest| row(guest, Some(&first), "pool tank", "features");
    guest.program("zpool", &with("async_destroy lz4_compress"));
    assert_eq!(found(&features(&guest)), (Verdict::Holds, "2 as before"));
    guest.program("zpool", &with("async_destroy lz4_compress vdev_zaps_v2"));
    let late = features(&guest);
    assert_eq!(found(&late), (Verdict::Broken, "enabled vdev_zaps_v2"));
}

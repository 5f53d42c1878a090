use super::*;
use std::path::Path;

use host::process::{Capture, Invocation, run};
use xshell::Shell;

use crate::ignition::local::PUBLIC_KEY;
use crate::vm::judge::Verdict;

const COMMAND: &str = "bootc switch --enforce-container-sigpolicy";
const STOCK: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

fn switch() -> Switch {
    let control = format!("ghcr.io/me/custom-coreos@{}", digest("c"));
    Switch {
        image: "ghcr.io/me/custom-coreos:stable".parse().unwrap(),
        digests: vec![digest("a").parse().unwrap(), digest("b").parse().unwrap()],
        zfs: "2.4.4".to_owned(),
        control: Some(control.parse().unwrap()),
        key: Some("-----BEGIN PUBLIC KEY-----\n".to_owned()),
        mirror: Some("10.0.2.2:5000".to_owned()),
    }
}

/// Stand-ins for a machine's programs. What they print is made by hand after
/// each program's documentation; the log that comes of it was made by our own
/// script, but on no Fedora CoreOS.
const PROGRAMS: [(&str, &str); 10] = [
    (
        "bootc",
        r#"case "$*" in
        "status --format json")
            case $(cat booted 2>/dev/null) in
            image) cat image.json ;;
            *) cat stock.json ;;
            esac ;;
        "switch --enforce-container-sigpolicy "*@*)
            echo 'ERROR Switching: Pulling: failed to invoke method OpenImage: Source image rejected: A signature was required, but no signature exists'
            exit 1 ;;
        "switch --enforce-container-sigpolicy ghcr.io/me/custom-coreos:stable") echo image >next ;;
        rollback) echo stock >next ;;
        *) echo "unknown: $*"; exit 2 ;;
        esac"#,
    ),
    (
        "systemctl",
        r#"case "$*" in
        "--no-block reboot") echo reboot >end; cp next booted ;;
        "--no-block poweroff") echo poweroff >end ;;
        "is-active tailscaled.service") echo active ;;
        is-system-running*) echo running ;;
        esac"#,
    ),
    (
        "modprobe",
        "mkdir -p sys/module/zfs; echo 2.4.4-1 >sys/module/zfs/version",
    ),
    (
        "zpool",
        r#"case $1 in
        create) mkdir "$3"; echo "$5" >pooled ;;
        export) mv state/mnt state/away ;;
        import) mv state/away state/mnt ;;
        list) echo ONLINE ;;
        destroy) rm -r state/mnt ;;
        esac"#,
    ),
    (
        "tailscale",
        r#"echo '{ "Version": "1", "BackendState": "NeedsLogin" }'; exit 1"#,
    ),
    ("install", "exit 0"),
    ("journalctl", ""),
    ("dmesg", ""),
    ("kill", ""),
    ("uname", "echo 7.1.4-200.fc44.x86_64"),
];

fn status(image: Option<&str>, booted: &str, rollback: Option<&str>) -> String {
    let reference = |image: &str| json!({ "image": image, "transport": "registry", "signature": "containerPolicy" });
    let entry = |image: Option<&str>, checksum: &str| {
        let of = image.map(|image| {
            json!({ "image": reference(image), "version": "44", "imageDigest": digest("b"), "architecture": "amd64" })
        });
        json!({ "image": of, "incompatible": image.is_none(), "pinned": false,
            "ostree": { "stateroot": "fedora-coreos", "checksum": checksum, "deploySerial": 0 } })
    };
    json!({ "apiVersion": "org.containers.bootc/v1", "kind": "BootcHost", "metadata": { "name": "host" },
        "spec": { "image": image.map(reference), "bootOrder": "default" },
        "status": { "staged": null, "booted": entry(image, booted),
            "rollback": rollback.map(|checksum| {
                let image = (checksum != STOCK).then_some("ghcr.io/me/custom-coreos:stable");
                entry(image, checksum)
            }),
            "rollbackQueued": false, "type": "bootcHost" } })
    .to_string()
}

struct World(xshell::TempDir, Shell);

impl World {
    fn new() -> Self {
        let sh = Shell::new().unwrap();
        let world = Self(sh.create_temp_dir().unwrap(), sh);
        world.put("proc/cmdline", "quiet");
        for (name, text) in PROGRAMS {
            world.program(name, text);
        }
        world.put("stock.json", &status(None, STOCK, Some("22")));
        world.put(
            "image.json",
            &status(Some("ghcr.io/me/custom-coreos:stable"), "22", Some(STOCK)),
        );
        world
    }

    fn put(&self, name: &str, text: &str) {
        self.1.write_file(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.path().display();
        self.put(
            &format!("bin/{name}"),
            &format!("#!/bin/sh\ncd '{folder}'\n{text}\n"),
        );
        let path = self.path().join("bin").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn is(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.path().join(name)).unwrap_or_default();
        text.trim().to_owned()
    }

    /// The console of all boots, until the machine powers itself off.
    fn boots(&self, switch: &Switch) -> String {
        let script = script(switch).replace(&format!("settle {}\nquiet\n", probe::SETTLE), "");
        let at = self.path().display();
        let head = format!(
            "PATH={at}/bin:$PATH SYS={at}/sys PROC={at}/proc ETC={at}/etc STATE={at}/state KEYS={at}/keys\n"
        );
        self.put("script.sh", &(head + &script));
        let mut console = String::new();
        for boot in 1..=4 {
            self.put("proc/sys/kernel/random/boot_id", &format!("{boot}a-b\n"));
            self.put("end", "");
            let invocation = Invocation::new("sh", [format!("{at}/script.sh")]);
            let done = run(&self.1, &invocation, Capture::StdoutAnyStatus, &mut |_| {});
            console.push_str(&format!("[    0.0] Linux\r\n{}", done.unwrap().stdout));
            match self.is("end").as_str() {
                "reboot" => {}
                "poweroff" => return console,
                other => panic!("boot {boot} ended with `{other}`: {console}"),
            }
        }
        panic!("it goes round and round: {console}");
    }

    /// `BOOT SUBJECT: ASPECT` of what does not hold, and boots without report.
    fn broken(&self) -> Vec<String> {
        let switch = switch();
        let mut broken = Vec::new();
        for judgement in judge(&switch, &self.boots(&switch)) {
            let boot = name(judgement.boot);
            if judgement.no_report.is_some() {
                broken.push(format!("{boot} is silent"));
            }
            for row in judgement.with(Verdict::Broken) {
                broken.push(format!("{boot} {}: {}", row.subject, row.aspect));
            }
        }
        broken
    }
}

#[test]
fn there_and_back_is_green() {
    let world = World::new();
    let console = world.boots(&switch());
    let judgements = judge(&switch(), &console);
    for judgement in &judgements {
        assert!(judgement.is_green(), "{:#?}", judgement.table());
        assert_eq!(judgement.with(Verdict::NotJudged).count(), 0);
    }
    let rows: Vec<usize> = judgements.iter().map(|j| j.rows.len()).collect();
    assert_eq!(rows, [5, 17, 4]);
    assert_eq!(world.is("state/stage"), "done");
    assert_eq!(world.is("booted"), "stock");
    // The machine's own unit is not to do it again.
    assert!(world.path().join("custom-coreos/followed").exists());
    // Of another switch, none of it counts.
    let other = Switch {
        control: None,
        ..switch()
    };
    assert!(
        judge(&other, &console)
            .iter()
            .all(|j| j.no_report.is_some())
    );
}

/// Each thing that can go wrong on the way turns its own row red.
#[test]
fn each_failure_is_its_own_row() {
    let bootc = |from: &str, to: &str| {
        let text = PROGRAMS[0].1;
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let unsigned = "echo 'ERROR Switching: Pulling: failed to invoke method OpenImage: Source image rejected: A signature was required, but no signature exists'\n            exit 1";
    for (program, text, red) in [
        (
            "bootc",
            bootc(unsigned, "exit 0"),
            &["switch bootc switch (unsigned): refused"][..],
        ),
        (
            "bootc",
            bootc(unsigned, "echo no route to host; exit 1"),
            &["switch bootc switch (unsigned): refused"],
        ),
        (
            "bootc",
            bootc("echo image >next", "echo Source image rejected; exit 1"),
            &[
                "switch bootc switch: done",
                "image is silent",
                "back is silent",
            ],
        ),
        (
            "bootc",
            bootc("echo stock >next", "exit 1"),
            &["image bootc rollback: done", "back is silent"],
        ),
        (
            "bootc",
            bootc("rollback) echo stock >next", "rollback) :"),
            &[
                "back bootc status: booted deployment",
                "back bootc status: image to go back to",
            ],
        ),
        (
            "bootc",
            bootc(
                "cat image.json",
                "sed s/containerPolicy/insecure/g image.json",
            ),
            &["image bootc status: signature"],
        ),
        (
            "bootc",
            bootc("cat image.json", "sed s/bbbbbb/dddddd/g image.json"),
            &["image bootc status: booted digest"],
        ),
        (
            "bootc",
            bootc("cat image.json", "sed s/:stable/:other/g image.json"),
            &["image bootc status: booted image"],
        ),
        (
            "bootc",
            bootc("cat image.json", ":"),
            &[
                "image bootc status: booted image",
                "image bootc status: booted digest",
                "image bootc status: signature",
            ],
        ),
        (
            "modprobe",
            "exit 1".to_owned(),
            &["image modprobe zfs: done", "image module zfs: version"],
        ),
        (
            "modprobe",
            "mkdir -p sys/module/zfs; echo 2.4.40-1 >sys/module/zfs/version".to_owned(),
            &["image module zfs: version"],
        ),
        (
            "zpool",
            PROGRAMS[3].1.replace("ONLINE", "DEGRADED"),
            &["image zpool import: health"],
        ),
        (
            "zpool",
            PROGRAMS[3]
                .1
                .replace("mv state/away state/mnt", "mkdir state/mnt"),
            &["image zpool import: the file in it"],
        ),
        (
            "zpool",
            PROGRAMS[3]
                .1
                .replace("mv state/mnt state/away", "cp -r state/mnt state/away")
                .replace("mv state/away state/mnt", ":"),
            &["image zpool export: still mounted"],
        ),
        (
            "zpool",
            PROGRAMS[3].1.replace("destroy)", "destroy) exit 1;"),
            &["image zpool destroy: done"],
        ),
        (
            "zpool",
            "exit 1".to_owned(),
            &[
                "image zpool create: done",
                "image zpool export: done",
                "image zpool export: still mounted",
                "image zpool import: done",
                "image zpool import: the file in it",
                "image zpool import: health",
                "image zpool destroy: done",
            ],
        ),
        (
            "systemctl",
            PROGRAMS[1].1.replace("echo active", "echo failed; exit 3"),
            &["image unit tailscaled.service: active"],
        ),
        (
            "tailscale",
            "echo 'failed to connect to local tailscaled' >&2; exit 1".to_owned(),
            &["image tailscale: its daemon answers"],
        ),
        ("install", "exit 1".to_owned(), &["switch key: laid"]),
    ] {
        let world = World::new();
        world.program(program, &text);
        assert_eq!(world.broken(), red, "{program}: {text}");
    }
}

#[test]
fn a_boot_that_fails_units_or_ends_in_its_midst_is_not_green() {
    let world = World::new();
    let units = PROGRAMS[1].1.replace(
        "is-system-running*)",
        "list-units\\ --failed*) echo 'a.service loaded failed' ;;\n        is-system-running*)",
    );
    world.program("systemctl", &units);
    let failed = ["switch", "image", "back"].map(|boot| format!("{boot} system: failed units"));
    assert_eq!(world.broken(), failed);
    let world = World::new();
    let console = world.boots(&switch());
    let cut = &console[..console.len() * 9 / 10];
    let last = judge(&switch(), cut).pop().unwrap();
    // The first copy is whole; of half a copy nothing holds.
    assert!(last.is_green());
    let cut = &console[..console.rfind(" begin ").unwrap() - 200];
    let last = judge(&switch(), cut).pop().unwrap();
    assert!(!last.is_green() && last.rows.is_empty(), "{last:?}");
}

#[test]
fn its_command_is_the_one_of_the_machines_unit() {
    let unit = include_str!("../../../../../ignition/files/units/custom-coreos-follow.service");
    assert!(unit.contains(&format!("ExecStart=/usr/bin/{COMMAND} ${{IMAGE}}\n")));
    assert!(STAGES.contains(&format!("{COMMAND} \"$IMAGE\"\n")));
    // And the key goes where its policy and its path unit look for it.
    assert_eq!(PUBLIC_KEY, "/etc/pki/containers/custom-coreos.pub");
    assert!(
        STAGES.contains("KEYS:=/etc/pki/containers}") && STAGES.contains("$KEYS/custom-coreos.pub")
    );
    assert!(unit.contains("ConditionPathExists=!/var/lib/custom-coreos/followed"));
}

#[test]
fn the_harness_keeps_the_name_and_moves_the_place() {
    let harness = harness(&switch());
    let files = harness["storage"]["files"].as_array().unwrap();
    let text = |path: &str| {
        let file = files
            .iter()
            .find(|file| file["path"].as_str().unwrap().contains(path));
        crate::ignition::view::decode(&file.unwrap()["contents"])
            .text()
            .unwrap()
    };
    assert_eq!(
        text("registries.conf.d"),
        "[[registry]]\nprefix = \"ghcr.io/me/custom-coreos\"\nlocation = \"10.0.2.2:5000/me/custom-coreos\"\ninsecure = true\n"
    );
    assert!(text("registries.d/").contains("10.0.2.2:5000/me/custom-coreos:\n    use-sigstore"));
    assert_eq!(text("vm.pub"), switch().key.unwrap());
    assert_eq!(text("switch.sh"), script(&switch()));
    let plain = Switch {
        key: None,
        mirror: None,
        ..switch()
    };
    let plain = super::harness(&plain);
    assert_eq!(plain["storage"]["files"].as_array().unwrap().len(), 1);
}

//! The script by which a host judges itself, with programs that only say what they
//! are told. `rehearse --heal` does it with real ones.
#![expect(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

use xshell::{Shell, TempDir, cmd};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../containerfiles/custom-coreos/rootfs/usr/libexec/custom-coreos/health"
);

/// Answers by its own name out of files of the folder.
const FAKE: &str = r#"#!/usr/bin/env bash
cd "${0%/*}"
printf '%s %s\n' "${0##*/}" "$*" >>calls
case ${0##*/}\ $* in
    'bootc status --format=json') cat status ;;
    'bootc upgrade --check')
        case $(<offered) in
            offline) echo 'error: no route to host' >&2; exit 1 ;;
            nothing) echo 'No changes in: docker://ghcr.io/o/i:stable' ;;
            unnamed) echo 'Update available' ;;
            *) printf '  Digest: %s\n' "$(<offered)" ;;
        esac ;;
    'bootc rollback') [[ ! -e rollback-fails ]] || { echo 'error: no'; exit 1; } ;;
    'jq --raw-output .status.booted.image.imageDigest // empty') cat booted ;;
    'jq --raw-output .status.rollback.image.imageDigest // empty') cat rollback ;;
    'modinfo '*) echo 2.4.4-1 ;;
    'modprobe zfs') echo 'modprobe: ERROR: Exec format error'; exit 1 ;;
    'zpool list -H -o name') cat pools 2>/dev/null ;;
    'zpool list -H -o name -- '*) grep -qxF "${*: -1}" pools ;;
    'systemctl list-units '*) cat failed ;;
    'systemctl is-enabled '*) echo enabled ;;
    'systemctl is-active '*) cat active ;;
    'systemctl show '*'ConditionResult'*) echo yes ;;
    'systemctl show '*) echo simple ;;
    'ip '*) echo 'default via 192.0.2.1 dev eth0' ;;
    'ping '*) [[ ! -e no-network ]] ;;
    'timeout '*) ;;
esac
"#;

struct Host {
    sh: Shell,
    dir: TempDir,
}

impl Host {
    /// A host that is well, on an image that was found so.
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;

        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in [
            "bootc",
            "jq",
            "modinfo",
            "modprobe",
            "zpool",
            "systemctl",
            "ip",
            "ping",
            "timeout",
        ] {
            sh.write_file(at(name), FAKE).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (name, text) in [
            ("status", "{}"),
            ("booted", "sha256:old"),
            ("rollback", ""),
            ("pools", "tank\n"),
            ("failed", ""),
            ("active", "active"),
            ("calls", ""),
            ("offered", "sha256:new"),
            ("settings", "MINUTES=1\n"),
            (
                "preset",
                "enable tailscaled.service\nenable zfs-scrub@.timer tank\n",
            ),
            ("modules/zfs/version", "2.4.4-1\n"),
        ] {
            sh.write_file(at(name), text).unwrap();
        }
        let path = sh.var("PATH").unwrap();
        sh.set_var("PATH", format!("{}:{path}", dir.path().display()));
        sh.set_var("HEALTH_ONCE", "1");
        for (name, file) in [
            ("HEALTH_STATE", "state"),
            ("HEALTH_SETTINGS", "settings"),
            ("HEALTH_PRESET", "preset"),
            ("HEALTH_MODULES", "modules"),
        ] {
            sh.set_var(name, at(file));
        }
        let host = Self { sh, dir };
        let said = host.judge();
        assert!(said.contains("sha256:old is well."), "{said}");
        host
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        self.sh.write_file(self.at(name), text).unwrap();
    }

    fn run(&self, verb: &str) -> (String, bool) {
        let done = cmd!(self.sh, "bash {SCRIPT} {verb}")
            .quiet()
            .ignore_status()
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        (text, done.status.success())
    }

    fn judge(&self) -> String {
        self.run("judge").0
    }

    /// An update: the new image is booted, the old one is there to go back to.
    fn update(&self, digest: &str) {
        self.put("rollback", "sha256:old");
        self.put("booted", digest);
        self.put("calls", "");
    }

    fn rolled_back(&self) -> bool {
        let calls = self.sh.read_file(self.at("calls")).unwrap();
        assert_eq!(
            calls.contains("bootc rollback"),
            calls.contains("systemctl reboot"),
            "{calls}"
        );
        calls.contains("bootc rollback")
    }
}

#[test]
fn a_good_update_stays() {
    let host = Host::new();
    host.update("sha256:new");
    assert!(host.judge().contains("sha256:new is well."));
    assert!(!host.rolled_back());
}

/// What is spoilt, how, and what must be said.
type Wrong = (&'static str, fn(&Host), &'static str);

#[test]
fn each_thing_that_is_wrong_leads_back_and_is_said() {
    let wrongs: [Wrong; 6] = [
        (
            "no module",
            |host| std::fs::remove_file(host.at("modules/zfs/version")).unwrap(),
            "the ZFS module is not loaded: modprobe: ERROR: Exec format error",
        ),
        (
            "another module",
            |host| host.put("modules/zfs/version", "2.3.0-1\n"),
            "the ZFS module that runs is 2.3.0-1, the one of this kernel is 2.4.4-1",
        ),
        (
            "no pool",
            |host| host.put("pools", ""),
            "the pool tank was imported before and is not now",
        ),
        (
            "no daemon",
            |host| host.put("active", "inactive"),
            "tailscaled.service is inactive",
        ),
        (
            "a failed unit",
            |host| host.put("failed", "x.service loaded failed failed X\n"),
            "x.service has failed, and did not before",
        ),
        (
            "no network",
            |host| host.put("no-network", ""),
            "the gateway 192.0.2.1 answered before and does not now",
        ),
    ];
    for (title, spoil, said) in wrongs {
        let host = Host::new();
        host.update("sha256:new");
        spoil(&host);
        let text = host.judge();
        assert!(text.contains(said), "{title}: {text}");
        assert!(text.contains("Going back to sha256:old"), "{title}: {text}");
        assert!(host.rolled_back(), "{title}");
        // What was lost is not forgotten by the host that goes down with it.
        host.run("remember");
        assert_eq!(host.sh.read_file(host.at("state/pools")).unwrap(), "tank\n");
    }
}

#[test]
fn back_again_it_says_why_and_refuses_the_same_image_only() {
    let host = Host::new();
    host.update("sha256:new");
    host.put("active", "failed");
    host.judge();
    host.put("active", "active");
    host.put("booted", "sha256:old");
    host.put("rollback", "sha256:new");
    let text = host.judge();
    for said in [
        "This host went back from sha256:new to sha256:old, because:",
        "  tailscaled.service is failed",
        "sha256:old is well.",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let (text, may) = host.run("may-update");
    assert!(
        !may && text.contains("tailscaled.service is failed"),
        "{text}"
    );
    for (offered, may) in [
        ("sha256:newer", true),
        ("nothing", true),
        // It may be the image that was not well.
        ("offline", false),
        ("unnamed", false),
    ] {
        host.put("offered", offered);
        let (text, may_now) = host.run("may-update");
        assert_eq!(may_now, may, "{offered}: {text}");
        assert_eq!(text.is_empty(), may, "{offered}: {text}");
    }
    // Said once.
    assert!(!host.judge().contains("went back"));
}

/// Another router, a disk that died, a service that somebody broke: on an image that
/// was well before, that is how this host looks from now on.
#[test]
fn the_next_image_does_not_answer_for_what_changed_on_the_host() {
    for (name, text) in [
        ("no-network", ""),
        ("pools", ""),
        ("failed", "mine.service loaded failed failed Mine\n"),
    ] {
        let host = Host::new();
        host.put(name, text);
        let said = host.judge();
        assert!(
            said.contains("This image was well before"),
            "{name}: {said}"
        );
        host.update("sha256:new");
        let said = host.judge();
        assert!(said.contains("sha256:new is well."), "{name}: {said}");
        assert!(!host.rolled_back(), "{name}");
    }
}

#[test]
fn a_list_of_pools_that_cannot_be_read_is_no_empty_one() {
    let host = Host::new();
    std::fs::remove_file(host.at("pools")).unwrap();
    host.run("remember");
    host.put("pools", "");
    host.update("sha256:new");
    let said = host.judge();
    assert!(said.contains("the pool tank was imported before"), "{said}");
}

#[test]
fn it_never_goes_back_twice_nor_without_an_update_nor_without_a_way() {
    let bad = |prepare: fn(&Host), said: &str| {
        let host = Host::new();
        host.update("sha256:new");
        host.put("active", "failed");
        prepare(&host);
        host.put("calls", "");
        let (text, well) = host.run("judge");
        assert!(!well && text.contains(said), "{said}\n{text}");
        assert!(!host.rolled_back(), "{said}");
    };
    bad(
        |host| {
            host.judge();
        },
        "or has tried to; it does so once",
    );
    bad(
        |host| host.put("booted", "sha256:old"),
        "This image was well before",
    );
    bad(|host| host.put("rollback", ""), "bootc knows no image");
    bad(
        |host| std::fs::remove_dir_all(host.at("state")).unwrap(),
        "No image has been found well on this host yet",
    );
    bad(
        |host| {
            host.put("state/bad/sha256-old", "x is failed\n");
        },
        "The image before it, sha256:old, was not well either.",
    );
}

#[test]
fn a_rollback_that_fails_leaves_the_host_and_is_not_tried_again() {
    let host = Host::new();
    host.update("sha256:new");
    host.put("active", "failed");
    host.put("rollback-fails", "");
    let (text, well) = host.run("judge");
    assert!(!well && text.contains("bootc rollback failed"), "{text}");
    let calls = host.sh.read_file(host.at("calls")).unwrap();
    assert!(!calls.contains("systemctl reboot"), "{calls}");
    host.put("calls", "");
    assert!(host.judge().contains("it does so once"));
    assert!(!host.rolled_back());
}

#[test]
fn a_system_that_bootc_did_not_deploy_is_not_judged() {
    let host = Host::new();
    host.put("booted", "");
    host.put("active", "failed");
    let (text, well) = host.run("judge");
    assert!(well && text.contains("no update to judge"), "{text}");
}

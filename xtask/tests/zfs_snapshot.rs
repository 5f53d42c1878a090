//! The snapshot script of the image, run against a `zfs` that only remembers.
#![expect(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

use std::path::Path;

use xshell::{Shell, TempDir, cmd};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../containerfiles/custom-coreos/rootfs/usr/libexec/custom-coreos/zfs-snapshot"
);

/// The snapshots are lines of `state`; `fail` holds the verb that fails now.
const FAKE_ZFS: &str = r#"#!/usr/bin/env bash
set -euo pipefail
cd "${0%/*}"
printf '%s\n' "$*" >>calls
[[ $1 != "$(<fail)" ]] || { echo "zfs: $1 fails" >&2; exit 1; }
case $1 in
    snapshot) printf '%s\n' "$2" >>state ;;
    list) cat state ;;
    destroy)
        [[ $2 == *@* && $2 != "$(<held)" ]] || exit 1
        grep -vxF "$2" state >state.new || true
        mv state.new state
        ;;
    *) exit 2 ;;
esac
"#;

struct Fixture {
    sh: Shell,
    dir: TempDir,
}

impl Fixture {
    fn new(snapshots: &[&str]) -> Self {
        use std::os::unix::fs::PermissionsExt;

        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let at = |name: &str| dir.path().join(name);
        sh.write_file(at("zfs"), FAKE_ZFS).unwrap();
        std::fs::set_permissions(at("zfs"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let state: String = snapshots.iter().map(|name| format!("{name}\n")).collect();
        sh.write_file(at("state"), state).unwrap();
        for name in ["fail", "held", "calls"] {
            sh.write_file(at(name), "").unwrap();
        }
        let path = sh.var("PATH").unwrap();
        sh.set_var("PATH", format!("{}:{path}", dir.path().display()));
        Self { sh, dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, instance: &str) -> bool {
        cmd!(self.sh, "bash {SCRIPT} {instance}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .ignore_status()
            .output()
            .unwrap()
            .status
            .success()
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.sh.read_file(self.path().join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn has(&self, snapshot: &str) -> bool {
        self.lines("state").iter().any(|name| name == snapshot)
    }
}

fn own(day: u32) -> String {
    format!("tank/videos@custom-coreos-daily-202601{day:02}T000000Z")
}

fn with_own(days: std::ops::RangeInclusive<u32>) -> Vec<String> {
    days.map(own).collect()
}

fn fixture(names: &[String]) -> Fixture {
    Fixture::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_oldest_own_snapshots_go_and_nothing_else() {
    let mut names = with_own(1..=10);
    let others = [
        "tank/videos@before-the-move",
        "tank/videos@custom-coreos-hourly-20200101T000000Z",
        "tank/videos@custom-coreos-daily-20200101",
        "tank/videos@custom-coreos-daily-20200101T000000Z-keep",
        "tank/videos/deep@custom-coreos-daily-20200101T000000Z",
        "tank/videos2@custom-coreos-daily-20200101T000000Z",
    ];
    names.extend(others.map(str::to_owned));
    names.reverse();
    let fixture = fixture(&names);
    assert!(fixture.run("daily:tank/videos"));
    // 8 are kept, the new one among them.
    assert!((1..=3).all(|day| !fixture.has(&own(day))));
    assert!((4..=10).all(|day| fixture.has(&own(day))));
    assert!(others.iter().all(|name| fixture.has(name)));
    assert_eq!(fixture.lines("state").len(), 8 + others.len());
    assert!(fixture.lines("calls")[0].starts_with("snapshot tank/videos@custom-coreos-daily-2"));
}

#[test]
fn a_run_that_cannot_create_or_list_deletes_nothing() {
    for verb in ["snapshot", "list"] {
        let fixture = fixture(&with_own(1..=20));
        fixture
            .sh
            .write_file(fixture.path().join("fail"), verb)
            .unwrap();
        assert!(!fixture.run("daily:tank/videos"));
        assert!(
            (1..=20).all(|day| fixture.has(&own(day))),
            "{verb} failed, and a snapshot is gone"
        );
    }
}

#[test]
fn one_that_cannot_be_deleted_does_not_save_the_others() {
    let fixture = fixture(&with_own(1..=9));
    fixture
        .sh
        .write_file(fixture.path().join("held"), own(1))
        .unwrap();
    assert!(!fixture.run("daily:tank/videos"));
    assert!(fixture.has(&own(1)));
    assert!(!fixture.has(&own(2)));
    assert!(fixture.has(&own(3)));
}

#[test]
fn yearly_ones_are_kept_for_ever() {
    let fixture = Fixture::new(&["tank@custom-coreos-yearly-19990101T000000Z"]);
    assert!(fixture.run("yearly:tank"));
    assert_eq!(fixture.lines("calls").len(), 1);
    assert_eq!(fixture.lines("state").len(), 2);
}

#[test]
fn a_drop_in_changes_how_many_are_kept() {
    let fixture = fixture(&with_own(1..=9));
    fixture.sh.set_var("SNAPSHOT_KEEP", "2");
    assert!(fixture.run("daily:tank/videos"));
    assert_eq!(fixture.lines("state").len(), 2);
    fixture.sh.set_var("SNAPSHOT_KEEP", "-1");
    assert!(!fixture.run("daily:tank/videos"));
    assert_eq!(fixture.lines("state").len(), 2);
}

#[test]
fn what_is_no_instance_reaches_no_zfs() {
    let fixture = Fixture::new(&[]);
    for instance in [
        "",
        "daily",
        "daily:",
        ":tank",
        "often:tank",
        "daily:-r",
        "daily:tank@x",
        "daily:a b",
    ] {
        assert!(!fixture.run(instance), "{instance}");
    }
    assert!(fixture.lines("calls").is_empty());
}

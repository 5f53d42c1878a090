mod perfect;
mod special;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use perfect::{config, header, perfect};
use serde_json::{Value, json};

use crate::vm::expect::{ClevisPins, expectations, sha256};

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";

fn name(row: &Row) -> String {
    format!("{}: {}", row.subject, row.aspect)
}

fn broken(rows: &[Row]) -> Vec<String> {
    let broken = rows.iter().filter(|row| row.verdict == Verdict::Broken);
    broken.map(name).collect()
}

#[test]
fn a_machine_as_the_config_has_it_is_green() {
    let wanted = expectations(&config());
    let first = perfect(&wanted, FIRST);
    let rows = judge(Boot::First, &wanted, &first, None);
    assert_eq!(broken(&rows), [""; 0], "{rows:#?}");
    let second = perfect(&wanted, SECOND);
    let judgement = Judgement::of(Boot::Second, &wanted, Ok(&second), Some(&first));
    assert_eq!(broken(&judgement.rows), [""; 0]);
    assert!(judgement.is_green());
    // The one that nobody judges is there, and is not green.
    let open: Vec<_> = judgement.with(Verdict::NotJudged).map(name).collect();
    assert_eq!(open, ["config ignition.timeouts: "]);
    assert_eq!(
        judgement.summary(),
        format!("{} hold, 1 not judged", judgement.rows.len() - 1)
    );
}

/// Every field that a judgement rests on is changed in turn: the rows that it is
/// the ground of turn red, and no other.
#[test]
fn each_change_turns_exactly_its_rows_red() {
    let wanted = expectations(&config());
    let first = perfect(&wanted, FIRST);
    let second = perfect(&wanted, SECOND);
    let other = header(
        &ClevisPins {
            tang: vec!["http://t".to_owned()],
            ..ClevisPins::default()
        },
        &["1"],
    );
    for (subject, field, value, red) in [
        ("host", "name", "localhost", &["name"][..]),
        ("karg a=b", "exists", "no", &["exists"]),
        ("karg quiet", "exists", "yes", &["exists"]),
        ("user core", "exists", "no", &["exists"]),
        ("user core", "uid", "1001", &["id"]),
        ("user core", "home", "/", &["homeDir"]),
        ("user core", "shell", "/bin/sh", &["shell"]),
        ("user core", "gecos", "", &["gecos"]),
        ("user core", "group", "users", &["primaryGroup"]),
        ("user core", "groups", "wheel x", &["in sudo"]),
        (
            "user core",
            "keys",
            &sha256(b"ssh-ed25519 AAAA one"),
            &["key ssh-ed25519 two"],
        ),
        ("user core", "password", &sha256(b"!"), &["password"]),
        ("user gone", "exists", "yes", &["exists"]),
        ("group media", "exists", "no", &["exists"]),
        ("group media", "gid", "2001", &["id"]),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_NAME",
            "other",
            &["partition 1 label"],
        ),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_SIZE",
            "1",
            &["partition 1 size"],
        ),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_OFFSET",
            "34",
            &["partition 1 start"],
        ),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_TYPE",
            "0",
            &["partition 1 type"],
        ),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_UUID",
            "0",
            &["partition 1 GUID"],
        ),
        (
            "disk /dev/vdb",
            "2.PART_ENTRY_NAME",
            "x",
            &["partition rest label", "no others"],
        ),
        ("disk /dev/vdb", "partitions", "1 2 3", &["no others"]),
        (
            "disk /dev/vdb",
            "partitions",
            "1 2 9",
            &["partition 9 is", "no others"],
        ),
        ("raid md", "level", "raid0", &["level"]),
        ("raid md", "disks", "1", &["disks"]),
        ("raid md", "members", "2", &["disks and spares"]),
        ("luks data", "TYPE", "ext4", &["is"]),
        ("luks data", "VERSION", "1", &["version"]),
        ("luks data", "LABEL", "x", &["label"]),
        ("luks data", "UUID", "x", &["uuid"]),
        ("luks data", "flags", "", &["discard"]),
        (
            "luks data",
            "open-on",
            "nothing",
            &["open on its device", "opens by itself"],
        ),
        ("luks data", "header", &other, &["unlocked by"]),
        (
            "luks data",
            "header",
            "{",
            &["unlocked by", "opens by itself"],
        ),
        ("filesystem /dev/mapper/data", "TYPE", "ext4", &["format"]),
        ("filesystem /dev/mapper/data", "LABEL", "", &["label"]),
        ("filesystem /dev/mapper/data", "UUID", "", &["uuid"]),
        ("filesystem /dev/mapper/data", "canary", "gone", &["data"]),
        (
            "filesystem /dev/mapper/data",
            "canary",
            "not-mounted",
            &["data"],
        ),
        ("filesystem /dev/mapper/data", "canary", SECOND, &["data"]),
        ("mount /var/data", "from-it", "no", &["source"]),
        (
            "mount /var/data",
            "options",
            "rw,compress=zstd:3",
            &["options"],
        ),
        (
            "mount /var/data",
            "options",
            "rw,noatime",
            &["options of the file system"],
        ),
        ("file /etc/hostname", "type", "absent", &["is"]),
        ("file /etc/hostname", "mode", "600", &["mode"]),
        ("file /etc/hostname", "uid", "1", &["owner"]),
        ("file /etc/hostname", "gid", "1", &["group"]),
        ("file /etc/hostname", "sha256", &sha256(b"x"), &["content"]),
        ("file /a b", "user", "root", &["owner"]),
        ("file /a b", "gid", "0", &["group"]),
        ("file /a b", "tail", &sha256(b"y"), &["content at its end"]),
        ("file /var/d", "type", "file", &["is"]),
        ("file /var/d", "mode", "700", &["mode"]),
        ("file /etc/localtime", "type", "file", &["is"]),
        ("file /etc/localtime", "target", "x", &["target"]),
        ("hardlink /h", "same", "no", &["is /a b"]),
        (
            "file /etc/systemd/system/a.service",
            "sha256",
            &sha256(b"y"),
            &["content"],
        ),
        ("unit a.service", "enabled", "disabled", &["enabled"]),
        ("unit a.service", "ActiveState", "failed", &["active"]),
        (
            "unit a.service",
            "LoadState",
            "bad-setting",
            &["loaded", "active"],
        ),
        ("unit b.timer", "enabled", "enabled", &["enabled"]),
        ("unit c.service", "enabled", "disabled", &["masked"]),
        ("unit c.service", "ActiveState", "active", &["state"]),
        ("unit sshd.service", "DropInPaths", "/x", &["reads 1.conf"]),
        ("system", "failed", "a.service", &["failed units"]),
        ("system", "first", "yes", &["Ignition"]),
        ("system", "ignition-boot-id", SECOND, &["Ignition"]),
        ("system", "ignition-lines", "3", &["Ignition"]),
    ] {
        let mut changed = second.clone();
        changed.set(subject, field, value);
        assert_ne!(changed, second, "{subject} {field}: no change");
        let rows = judge(Boot::Second, &wanted, &changed, Some(&first));
        let red: Vec<_> = red
            .iter()
            .map(|aspect| format!("{subject}: {aspect}"))
            .collect();
        assert_eq!(broken(&rows), red, "{subject} {field} {value}");
    }
}

/// Whatever a guest leaves out, no row rests on it and is green.
#[test]
fn silence_is_never_green() {
    let wanted = expectations(&config());
    for (boot, earlier) in [
        (Boot::First, None),
        (Boot::Second, Some(Findings::default())),
    ] {
        let rows = judge(boot, &wanted, &Findings::default(), earlier.as_ref());
        let green = rows
            .iter()
            .filter(|row| row.verdict == Verdict::Holds)
            .map(name);
        assert_eq!(green.collect::<Vec<_>>(), [""; 0]);
    }
    let none = NoReport::Nothing;
    let judgement = Judgement::of(Boot::First, &wanted, Err(&none), None);
    assert!(!judgement.is_green());
    assert!(judgement.summary().starts_with("the guest did not report"));
    // Nor is a list of nothing.
    assert!(!Judgement::of(Boot::First, &[], Ok(&Findings::default()), None).is_green());
}

#[test]
fn the_first_boot_has_its_own_rows() {
    let wanted = expectations(&config());
    let first = perfect(&wanted, FIRST);
    for (field, value) in [("first", "no"), ("ignition-boot-id", SECOND)] {
        let mut changed = first.clone();
        changed.set("system", field, value);
        let rows = judge(Boot::First, &wanted, &changed, None);
        assert_eq!(broken(&rows), ["system: Ignition"], "{field}");
    }
    let mut changed = first.clone();
    changed.set("filesystem /dev/mapper/data", "canary", "read-only");
    let rows = judge(Boot::First, &wanted, &changed, None);
    assert_eq!(broken(&rows), ["filesystem /dev/mapper/data: data"]);
    // The same machine twice is no second boot.
    let rows = judge(Boot::Second, &wanted, &first, Some(&first));
    assert_eq!(broken(&rows).len(), 2, "{:?}", broken(&rows));
}

#[test]
fn shapes_of_table_and_json() {
    let wanted =
        expectations(&json!({ "storage": { "files": [{ "path": "/a", "mode": 384 }] }, "new": 1 }));
    let mut found = perfect(&wanted, FIRST);
    found.set("file /a", "mode", "644");
    let judgement = Judgement::of(Boot::First, &wanted, Ok(&found), None);
    assert_eq!(
        judgement.table()[..4],
        [
            ["", "WHAT", "EXPECTED", "FOUND"],
            ["ok", "file /a: is", "file", "file"],
            ["FAIL", "file /a: mode", "600", "644"],
            ["ok", "system: failed units", "none", "none"],
        ]
    );
    assert_eq!(
        judgement.table().last().unwrap()[..],
        [
            "?",
            "config $.new",
            "",
            "not judged: unknown to this program"
        ]
    );
    let json = serde_json::to_value(&judgement).unwrap();
    assert_eq!(json["boot"], "first");
    assert_eq!(
        json["rows"][1],
        json!({ "subject": "file /a", "aspect": "mode", "expected": "600", "found": "644", "verdict": "broken" })
    );
    let lost = Judgement::of(Boot::Second, &wanted, Err(&NoReport::Nothing), None);
    let json = serde_json::to_value(&lost).unwrap();
    assert!(
        json["no-report"]
            .as_str()
            .unwrap()
            .contains("did not report")
    );
    assert_eq!(json["rows"], json!([]));
}

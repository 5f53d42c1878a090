//! A config with something of each kind, and the machine that it asks for.

use super::*;

/// A config with something of each kind.
pub(super) fn config() -> Value {
    let mount = "[Mount]\nWhat=/dev/mapper/data\nWhere=/var/data\nOptions=noatime\n\n[Install]\nRequiredBy=local-fs.target\n";
    json!({
        "ignition": { "version": "3.3.0", "timeouts": { "httpTotal": 1 } },
        "kernelArguments": { "shouldExist": ["a=b"], "shouldNotExist": ["quiet"] },
        "passwd": {
            "users": [{ "name": "core", "uid": 1000, "groups": ["wheel", "sudo"], "homeDir": "/var/home/core",
                "shell": "/bin/bash", "gecos": "A B", "primaryGroup": "core", "passwordHash": "$y$x",
                "sshAuthorizedKeys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"] },
                { "name": "gone", "shouldExist": false }],
            "groups": [{ "name": "media", "gid": 2000 }],
        },
        "storage": {
            "disks": [{ "device": "/dev/vdb", "wipeTable": true, "partitions": [
                { "label": "data", "number": 1, "sizeMiB": 512, "startMiB": 1, "typeGuid": "CA7D7CCB-63ED-4C53-861C-1742536059CC", "guid": "8ED5B1D5-0000-4000-8000-000000000000" },
                { "label": "rest" }, { "number": 9, "shouldExist": false }] }],
            "raid": [{ "name": "md", "level": "raid1", "devices": ["/dev/a", "/dev/b", "/dev/c"], "spares": 1 }],
            "luks": [{ "name": "data", "device": "/dev/disk/by-partlabel/data", "label": "luks-data",
                "uuid": "1-2", "discard": true, "clevis": { "tpm2": true } }],
            "filesystems": [{ "device": "/dev/mapper/data", "format": "btrfs", "label": "data", "uuid": "3-4",
                "path": "/var/data", "mountOptions": ["compress=zstd"] }],
            "files": [
                { "path": "/etc/hostname", "contents": { "source": "data:,nas%0A" } },
                { "path": "/a b", "mode": 384, "user": { "name": "core" }, "group": { "id": 5 }, "append": [{ "source": "data:,x" }] },
            ],
            "directories": [{ "path": "/var/d", "mode": 493, "user": { "id": 3 } }],
            "links": [{ "path": "/etc/localtime", "target": "../usr/x" }, { "path": "/h", "target": "/a b", "hard": true }],
        },
        "systemd": { "units": [
            { "name": "a.service", "enabled": true, "contents": "[Service]\n" },
            { "name": "b.timer", "enabled": false },
            { "name": "c.service", "mask": true },
            { "name": "var-data.mount", "enabled": true, "contents": mount },
            { "name": "sshd.service", "dropins": [{ "name": "1.conf", "contents": "[Unit]\n" }] },
        ] },
    })
}

/// A JWE's header for pins, as `clevis luks bind … sss` leaves it.
pub(super) fn header(pins: &ClevisPins, slots: &[&str]) -> String {
    let protected = |clevis: Value| {
        URL_SAFE_NO_PAD.encode(json!({ "alg": "dir", "clevis": clevis }).to_string())
    };
    let mut shares = Vec::new();
    if pins.tpm2 {
        let pin = json!({ "pin": "tpm2", "tpm2": { "hash": "sha256", "key": "ecc" } });
        shares.push(format!("{}....", protected(pin)));
    }
    for url in &pins.tang {
        let pin = json!({ "pin": "tang", "tang": { "url": url } });
        shares.push(format!("{}....", protected(pin)));
    }
    let sss = json!({ "pin": "sss", "sss": { "t": pins.threshold, "jwe": shares } });
    let slots: serde_json::Map<String, Value> = slots
        .iter()
        .map(|slot| ((*slot).to_owned(), json!({ "type": "luks2" })))
        .collect();
    json!({
        "keyslots": slots,
        "tokens": { "0": { "type": "clevis", "keyslots": ["1"], "jwe": { "protected": protected(sss) } } },
    })
    .to_string()
}

/// What a machine says that is exactly as the config has it.
pub(super) fn perfect(expectations: &[Expectation], boot: &str) -> Findings {
    let mut found = Findings::default();
    found.set("system", "boot-id", boot);
    found.set("system", "first", if boot == FIRST { "yes" } else { "no" });
    found.set("system", "ignition-boot-id", FIRST);
    found.set(
        "system",
        "ignition-lines",
        if boot == FIRST { "80" } else { "0" },
    );
    found.set("system", "targets", "multi-user.target local-fs.target");
    for expectation in expectations {
        let subject = expectation.question.subject();
        let mut set = |field: &str, value: &str| found.set(&subject, field, value);
        match &expectation.check {
            Check::Is(field, value) | Check::Digest(field, value) => set(field, value),
            Check::OneOf(field, values) => set(field, values[0]),
            Check::Contains(field, word) => {
                let old = found.get(&subject, field).unwrap_or_default();
                let list = format!("{old} {word}");
                found.set(&subject, field, list.trim());
            }
            Check::None(field) => set(field, ""),
            Check::Partition { field: "", .. } => {}
            Check::Partition {
                number,
                field,
                value,
                ..
            } => {
                let number = if *number == 0 { 2 } else { *number };
                set(&format!("{number}.{field}"), value);
                set("partitions", "1 2");
            }
            Check::OnlyPartitions(_) => set("partitions", "1 2"),
            Check::BackedBy => {
                set("device", "/dev/vdb1");
                set("open-on", "/dev/vdb1");
            }
            Check::Clevis(pins) => set("header", &header(pins, &["1"])),
            Check::OpenedByClevis
            | Check::IgnitionRan
            | Check::IgnitionDidNotRun
            | Check::NotJudged(_) => {}
            Check::MountedFrom(_) => set("from-it", "yes"),
            Check::Options(_) => set("options", "rw,noatime,compress=zstd:3,subvol=/"),
            Check::Active => {
                for (field, value) in [
                    ("LoadState", "loaded"),
                    ("ActiveState", "active"),
                    ("SubState", "running"),
                    ("Result", "success"),
                ] {
                    set(field, value);
                }
            }
            Check::Canary(_) => set("canary", FIRST),
            // Those of `switch`, whose tests run its script.
            _ => unreachable!("no config asks for {:?}", expectation.check),
        }
    }
    found
}

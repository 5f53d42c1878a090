use super::*;
use serde_json::json;

/// `SUBJECT: ASPECT` of what is expected of a config.
fn names(config: &Value) -> Vec<String> {
    let names = expectations(config).into_iter();
    names
        .map(|e| format!("{}: {}", e.question.subject(), e.aspect))
        .collect()
}

fn check(config: &Value, name: &str) -> Check {
    let found = expectations(config).into_iter();
    let mut found = found.filter(|e| format!("{}: {}", e.question.subject(), e.aspect) == name);
    let check = found
        .next()
        .unwrap_or_else(|| panic!("{name}: {:#?}", names(config)));
    check.check
}

/// Why a path is not judged.
fn not_judged(config: &Value) -> Vec<String> {
    let all = expectations(config).into_iter();
    all.filter(|e| matches!(e.check, Check::NotJudged(_)))
        .map(|e| e.question.args.concat())
        .collect()
}

fn files(files: &Value) -> Value {
    json!({ "storage": { "files": files } })
}

#[test]
fn nothing_is_expected_of_nothing_but_a_clean_boot() {
    assert_eq!(
        names(&json!({ "ignition": { "version": "3.3.0" } })),
        [
            "system: failed units",
            "system: Ignition",
            "system: Ignition"
        ]
    );
}

#[test]
fn content_is_what_the_config_unpacks_to() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut packed = Vec::new();
    ignition_gen::gzip::Gzip::new().compress(b"hello\n", &mut packed);
    let source = format!("data:;base64,{}", STANDARD.encode(packed));
    let config = files(&json!([
        { "path": "/a", "contents": { "source": "data:,hello%0A" } },
        { "path": "/b", "contents": { "source": source, "compression": "gzip" },
          "append": [{ "source": "data:,more" }], "mode": 0o600,
          "user": { "name": "core" }, "group": { "id": 7 } },
        { "path": "/c", "append": [{ "source": "data:,one" }, { "source": "data:,two" }] },
        { "path": "/d", "contents": { "source": "" } },
        { "path": "/e", "overwrite": true },
    ]));
    let content = |path: &str| check(&config, &format!("file {path}: content"));
    assert_eq!(content("/a"), Check::Digest("sha256", sha256(b"hello\n")));
    assert_eq!(
        content("/b"),
        Check::Digest("sha256", sha256(b"hello\nmore"))
    );
    assert_eq!(content("/d"), Check::Digest("sha256", sha256(b"")));
    assert_eq!(
        check(&config, "file /c: content at its end"),
        Check::Digest("tail", sha256(b"onetwo"))
    );
    // Modes and owners that Ignition sets by itself are promises, too; those of
    // a file that was there are not.
    let is = |name: &str| match check(&config, name) {
        Check::Is(_, value) => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(is("file /a: mode"), "644");
    assert_eq!(is("file /a: owner"), "0");
    assert_eq!(is("file /b: mode"), "600");
    assert_eq!(is("file /b: owner"), "core");
    assert_eq!(is("file /b: group"), "7");
    let of_e = names(&config)
        .into_iter()
        .filter(|n| n.starts_with("file /e"));
    assert_eq!(of_e.collect::<Vec<_>>(), ["file /e: is"]);
    let asked = expectations(&config);
    let asked = asked.iter().find(|e| e.question.args[0] == "/c").unwrap();
    assert_eq!(asked.question.args, ["/c", "6"]);
}

#[test]
fn what_is_fetched_is_judged_by_its_hash_or_named() {
    let hex = sha256(b"x");
    let config = files(&json!([
        { "path": "/a", "contents": { "source": "https://x/a", "verification": { "hash": format!("sha256-{hex}") } } },
        { "path": "/b", "contents": { "source": "https://x/b" } },
        { "path": "/c", "contents": { "source": "https://x/c", "compression": "gzip", "verification": { "hash": format!("sha256-{hex}") } } },
        { "path": "/d", "append": [{ "source": "https://x/d" }] },
    ]));
    assert_eq!(
        check(&config, "file /a: content"),
        Check::Digest("sha256", hex)
    );
    assert_eq!(
        not_judged(&config),
        ["storage.files /b", "storage.files /c", "storage.files /d"]
    );
}

#[test]
fn the_host_name_is_the_kernels_too() {
    let config = files(&json!([
        { "path": "/etc/hostname", "contents": { "source": "data:,nas%0A" } },
    ]));
    assert_eq!(
        check(&config, "host: name"),
        Check::Is("name", "nas".to_owned())
    );
}

#[test]
fn units_are_active_only_where_they_are_enabled() {
    let config = json!({ "systemd": { "units": [
        { "name": "a.service", "enabled": true, "contents": "[Service]\n" },
        { "name": "b.service", "contents": "[Service]\n" },
        { "name": "c.service", "mask": true, "enabled": true },
        { "name": "d.timer", "enabled": false },
        { "name": "e@.service", "enabled": true },
        { "name": "f.service", "dropins": [{ "name": "1.conf", "contents": "[Unit]\n" }, { "name": "none.conf" }] },
    ] } });
    let names = names(&config);
    let active: Vec<_> = names.iter().filter(|n| n.ends_with(": active")).collect();
    assert_eq!(active, ["unit a.service: active"]);
    assert_eq!(
        check(&config, "unit c.service: masked"),
        Check::OneOf("enabled", &["masked"])
    );
    assert_eq!(
        check(&config, "unit d.timer: enabled"),
        Check::OneOf("enabled", units::NOT_ENABLED)
    );
    assert_eq!(
        check(&config, "unit e@.service: enabled"),
        Check::OneOf("enabled", ENABLED)
    );
    let path = "/etc/systemd/system/f.service.d/1.conf";
    assert_eq!(
        check(&config, "unit f.service: reads 1.conf"),
        Check::Contains("DropInPaths", path.to_owned())
    );
    assert!(names.contains(&format!("file {path}: content")));
    assert!(!names.iter().any(|name| name.contains("none.conf")));
}

#[test]
fn a_mount_unit_is_held_to_its_file_system() {
    let unit =
        "[Mount]\nWhat=/dev/mapper/data\nWhere=/var/data\nType=btrfs\nOptions=noatime,nofail\n";
    let mut config = json!({
        "storage": { "filesystems": [{
            "device": "/dev/mapper/data", "format": "btrfs", "label": "data",
            "mountOptions": ["compress=zstd"], "path": "/var/data", "wipeFilesystem": true,
        }] },
        "systemd": { "units": [{ "name": "var-data.mount", "enabled": true, "contents": unit }] },
    });
    assert_eq!(
        check(&config, "filesystem /dev/mapper/data: data"),
        Check::Canary(true)
    );
    assert_eq!(
        check(&config, "mount /var/data: options"),
        Check::Options(vec!["noatime".to_owned(), "nofail".to_owned()])
    );
    assert_eq!(
        check(&config, "mount /var/data: options of the file system"),
        Check::Options(vec!["compress=zstd".to_owned()])
    );
    assert_eq!(not_judged(&config), Vec::<String>::new());
    // No unit mounts this file system: the options are for Ignition's own mount.
    config["systemd"] = Value::Null;
    assert_eq!(
        check(&config, "filesystem /dev/mapper/data: data"),
        Check::Canary(false)
    );
    assert_eq!(
        not_judged(&config),
        ["storage.filesystems /dev/mapper/data.mountOptions"]
    );
}

#[test]
fn what_is_not_judged_is_named() {
    let config = json!({
        "ignition": { "version": "3.9.0", "timeouts": { "httpTotal": 5 }, "proxy": {},
            "config": { "merge": [{ "source": "https://x/y.ign" }] } },
        "passwd": { "users": [{ "name": "core", "system": true, "noUserGroup": false }] },
        "storage": {
            "disks": [{ "device": "/dev/x", "partitions": [{ "label": "a", "resize": true, "new": 1 }] }],
            "luks": [{ "name": "x", "device": "/dev/x", "options": ["--a"], "keyFile": { "source": "data:,k" },
                "clevis": { "custom": { "pin": "sss", "config": "{}" } } }],
            "filesystems": [{ "device": "/dev/y", "options": [], "format": "ext4" }],
        },
        "future": { "thing": 1 },
    });
    assert_eq!(
        not_judged(&config),
        [
            "storage.luks x.clevis.custom",
            "$.ignition.config.merge.0",
            "$.future",
            "ignition.timeouts",
            "passwd.users core.system",
            "storage.disks /dev/x.partitions a.new",
            "storage.luks x.keyFile",
            "storage.luks x.options",
        ]
    );
}

#[test]
fn names_that_cannot_be_asked_about_are_named_too() {
    let config = files(&json!([{ "path": "/a\nb", "mode": 0o600 }]));
    let found = not_judged(&config);
    assert_eq!(found, [r"file /a\nb"], "{:?}", names(&config));
}

//! Planted mistakes: configs that are wrong in one place, which the judge must
//! find. Pure.
//!
//! A machine that was installed from the right config is judged against the
//! wrong one. That is the same as the other way round, and takes no boot.

use serde_json::{Value, json};

use super::expect::expectations;
use super::probe::questions;

/// A config with one mistake.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// What was done to it.
    pub what: String,
    /// The config.
    pub config: Value,
}

/// Every mistake of ours that can be made in this config, and about which the
/// machine was asked.
pub fn planted(config: &Value) -> Vec<Mistake> {
    let asked = questions(&expectations(config));
    let answered = |mistake: &Mistake| {
        let questions = questions(&expectations(&mistake.config));
        mistake.config != *config && questions.iter().all(|question| asked.contains(question))
    };
    all(config).into_iter().filter(answered).collect()
}

fn all(config: &Value) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut plant = |what: String, change: &dyn Fn(&mut Value)| {
        let mut config = config.clone();
        change(&mut config);
        mistakes.push(Mistake { what, config });
    };
    for (at, file) in list(&config["storage"]["files"]) {
        let path = text(&file["path"]);
        if let Some(mode) = file["mode"].as_u64() {
            plant(format!("{path}: mode {:04o}", mode ^ 0o004), &|config| {
                config["storage"]["files"][at]["mode"] = json!(mode ^ 0o004);
            });
        }
        if file["contents"]["source"].is_string() {
            plant(format!("{path}: other contents"), &|config| {
                config["storage"]["files"][at]["contents"] = json!({ "source": "data:,other" });
            });
        }
    }
    for (at, user) in list(&config["passwd"]["users"]) {
        let name = text(&user["name"]);
        plant(format!("{name}: another SSH key"), &|config| {
            config["passwd"]["users"][at]["sshAuthorizedKeys"] = json!(["ssh-ed25519 other"]);
        });
    }
    for (at, disk) in list(&config["storage"]["disks"]) {
        for (number, partition) in list(&disk["partitions"]) {
            if let Some(size) = partition["sizeMiB"].as_u64().filter(|size| *size > 0) {
                let label = text(&partition["label"]);
                plant(format!("partition {label}: {} MiB", size + 1), &|config| {
                    let disk = &mut config["storage"]["disks"][at];
                    disk["partitions"][number]["sizeMiB"] = json!(size + 1);
                });
            }
        }
    }
    for (at, volume) in list(&config["storage"]["luks"]) {
        let name = text(&volume["name"]);
        if volume["clevis"]["tpm2"] == json!(true) {
            plant(format!("volume {name}: opened by a server"), &|config| {
                config["storage"]["luks"][at]["clevis"] =
                    json!({ "tang": [{ "url": "http://tang.example" }] });
            });
        }
    }
    for (at, filesystem) in list(&config["storage"]["filesystems"]) {
        let device = text(&filesystem["device"]);
        plant(format!("{device}: another label"), &|config| {
            config["storage"]["filesystems"][at]["label"] = json!("other");
        });
        // Ignition alone mounts it for its own files only.
        let line = format!("Where={}\n", text(&filesystem["path"]));
        let mounted = list(&config["systemd"]["units"])
            .any(|(_, unit)| text(&unit["contents"]).contains(&line));
        if mounted && filesystem["mountOptions"].is_array() {
            plant(format!("{device}: mounted nodev"), &|config| {
                config["storage"]["filesystems"][at]["mountOptions"] = json!(["nodev"]);
            });
        }
    }
    for (at, unit) in list(&config["systemd"]["units"]) {
        if unit["enabled"] == json!(true) {
            plant(format!("{}: not enabled", text(&unit["name"])), &|config| {
                config["systemd"]["units"][at]["enabled"] = json!(false);
            });
        }
    }
    mistakes
}

fn list(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    value.as_array().into_iter().flatten().enumerate()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({
            "ignition": { "version": "3.3.0" },
            "passwd": { "users": [{ "name": "core", "sshAuthorizedKeys": ["ssh-ed25519 A me"] }] },
            "storage": {
                "files": [{ "path": "/etc/x", "mode": 0o640, "contents": { "source": "data:,x" } }],
                "disks": [{
                    "device": "/dev/vdb",
                    "partitions": [{ "number": 1, "label": "a", "sizeMiB": 600 }],
                }],
                "luks": [{ "name": "a", "device": "/dev/vdb1", "clevis": { "tpm2": true } }],
                "filesystems": [{
                    "device": "/dev/mapper/a", "format": "btrfs", "path": "/var/a",
                    "mountOptions": ["noatime"],
                }],
            },
            "systemd": { "units": [
                { "name": "x.service", "enabled": true },
                {
                    "name": "var-a.mount",
                    "enabled": true,
                    "contents": "[Mount]\nWhere=/var/a\nWhat=/dev/mapper/a\nType=btrfs\n\
                                 Options=noatime\n\n[Install]\nRequiredBy=local-fs.target",
                },
            ] },
        })
    }

    #[test]
    fn each_kind_of_thing_can_be_wrong() {
        let config = config();
        let planted = planted(&config);
        let what: Vec<&str> = planted.iter().map(|mistake| &*mistake.what).collect();
        for said in [
            "/etc/x: mode 0644",
            "/etc/x: other contents",
            "core: another SSH key",
            "partition a: 601 MiB",
            "volume a: opened by a server",
            "/dev/mapper/a: another label",
            "x.service: not enabled",
        ] {
            assert!(what.contains(&said), "{said}: {what:?}");
        }
        for mistake in &planted {
            let wrong = expectations(&mistake.config);
            assert_ne!(wrong, expectations(&config), "{}", mistake.what);
        }
    }

    #[test]
    fn nobody_is_blamed_for_what_was_not_asked() {
        // Without a label there is no question about one.
        let asked = questions(&expectations(&config()));
        for mistake in planted(&config()) {
            for question in questions(&expectations(&mistake.config)) {
                assert!(asked.contains(&question), "{}: {question:?}", mistake.what);
            }
        }
        assert!(planted(&json!({ "ignition": { "version": "3.3.0" } })).is_empty());
    }
}

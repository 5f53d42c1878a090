//! Configs that are wrong in one place, to see whether the judge sees it. Pure.
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
        if filesystem["mountOptions"].is_array() {
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

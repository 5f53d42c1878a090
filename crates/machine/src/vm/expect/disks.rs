//! `storage.disks`, `raid`, `luks` and `filesystems`, and the kernel's
//! arguments.

use serde_json::Value;

use super::expectation::{Boot, Check, ClevisPins, List, Question, text};
use crate::ignition::{unit::settings, view::list};

/// Sectors of 512 bytes in a MiB; `blkid` counts in them whatever the disk does.
const SECTORS: u64 = 2048;

pub(super) fn add(config: &Value, out: &mut List) {
    for disk in list(&config["storage"]["disks"]) {
        add_disk(disk, out);
    }
    for raid in list(&config["storage"]["raid"]) {
        let question = Question::about("raid", &[text(raid, "name")]);
        let check = Check::Is("level", text(raid, "level").to_owned());
        out.add(&question, "level", check);
        let members = list(&raid["devices"]).count() as u64;
        let spares = raid["spares"].as_u64().unwrap_or(0);
        let check = Check::Is("disks", (members - spares.min(members)).to_string());
        out.add(&question, "disks", check);
        let check = Check::Is("members", members.to_string());
        out.add(&question, "disks and spares", check);
    }
    for luks in list(&config["storage"]["luks"]) {
        add_luks(luks, out);
    }
    for system in list(&config["storage"]["filesystems"]) {
        add_filesystem(config, system, out);
    }
    let arguments = &config["kernelArguments"];
    for (key, found) in [("shouldExist", "yes"), ("shouldNotExist", "no")] {
        for argument in list(&arguments[key]).filter_map(Value::as_str) {
            let question = Question::about("karg", &[argument]);
            out.add(&question, "exists", Check::Is("exists", found.to_owned()));
        }
    }
}

fn add_disk(disk: &Value, out: &mut List) {
    let question = Question::about("disk", &[text(disk, "device")]);
    let mut named = Vec::new();
    for partition in list(&disk["partitions"]) {
        let number = partition["number"].as_u64().unwrap_or(0);
        let label = text(partition, "label");
        let name = match (number, label) {
            (0, label) => format!("partition {label}"),
            (number, _) => format!("partition {number}"),
        };
        if partition["shouldExist"] == false {
            let check = Check::Partition {
                number,
                label: label.to_owned(),
                field: "",
                value: String::new(),
            };
            out.add(&question, &format!("{name} is"), check);
            continue;
        }
        named.push((number, label.to_owned()));
        let mut add = |aspect: &str, field: &'static str, value: String| {
            let check = Check::Partition {
                number,
                label: label.to_owned(),
                field,
                value,
            };
            out.add(&question, &format!("{name} {aspect}"), check);
        };
        // One that asks for nothing at least is there.
        if !label.is_empty() || number != 0 {
            add("label", "PART_ENTRY_NAME", label.to_owned());
        }
        for (aspect, key, field) in [
            ("size", "sizeMiB", "PART_ENTRY_SIZE"),
            ("start", "startMiB", "PART_ENTRY_OFFSET"),
        ] {
            // 0 is "as much as there is", "the first place".
            if let Some(mib) = partition[key].as_u64().filter(|mib| *mib > 0) {
                add(aspect, field, (mib * SECTORS).to_string());
            }
        }
        for (aspect, key, field) in [
            ("type", "typeGuid", "PART_ENTRY_TYPE"),
            ("GUID", "guid", "PART_ENTRY_UUID"),
        ] {
            let guid = text(partition, key);
            if !guid.is_empty() {
                add(aspect, field, guid.to_ascii_lowercase());
            }
        }
    }
    if disk["wipeTable"] == true {
        out.add(&question, "no others", Check::OnlyPartitions(named));
    }
}

fn add_luks(luks: &Value, out: &mut List) {
    let name = text(luks, "name");
    let question = Question::about("luks", &[name, text(luks, "device")]);
    out.add(&question, "is", Check::Is("TYPE", "crypto_LUKS".to_owned()));
    // Clevis writes its token into LUKS2 headers only.
    out.add(&question, "version", Check::Is("VERSION", "2".to_owned()));
    for (key, field) in [("label", "LABEL"), ("uuid", "UUID")] {
        let value = text(luks, key);
        if !value.is_empty() {
            out.add(&question, key, Check::Is(field, value.to_owned()));
        }
    }
    out.add(&question, "open on its device", Check::BackedBy);
    if luks["discard"] == true {
        let check = Check::Contains("flags", "discards".to_owned());
        out.add(&question, "discard", check);
    }
    let clevis = &luks["clevis"];
    if clevis["custom"]["pin"].is_string() {
        custom(&question, &clevis["custom"], out);
        return;
    }
    let pins = ClevisPins {
        tpm2: clevis["tpm2"] == true,
        tang: list(&clevis["tang"])
            .map(|tang| text(tang, "url").to_owned())
            .collect(),
        threshold: clevis["threshold"].as_u64().unwrap_or(1),
    };
    if pins.tpm2 || !pins.tang.is_empty() {
        bound(&question, pins, out);
    }
}

/// A pin of the person's own: one that is the TPM is judged as the others are.
fn custom(question: &Question, custom: &Value, out: &mut List) {
    let path = format!("storage.luks {}.clevis.custom", question.args[0]);
    let config: Value = serde_json::from_str(text(custom, "config")).unwrap_or(Value::Null);
    match text(custom, "pin") {
        "tpm2" => {
            let pins = ClevisPins {
                tpm2: true,
                threshold: 1,
                ..ClevisPins::default()
            };
            bound(question, pins, out);
            if config["pcr_ids"].is_string() || config["pcr_ids"].is_array() {
                out.not_judged(&path, "which PCRs it is bound to");
            }
        }
        other => out.not_judged(&path, &format!("the clevis pin `{other}`")),
    }
}

fn bound(question: &Question, pins: ClevisPins, out: &mut List) {
    out.add(question, "unlocked by", Check::Clevis(pins));
    out.at(
        Boot::Second,
        question,
        "opens by itself",
        Check::OpenedByClevis,
    );
}

fn add_filesystem(config: &Value, system: &Value, out: &mut List) {
    let device = text(system, "device");
    let format = text(system, "format");
    let unit = mount_unit(config, system);
    let question = Question::about("filesystem", &[device]);
    match format {
        "" => out.not_judged(
            &format!("storage.filesystems {device}"),
            "it says no format",
        ),
        "none" => {}
        format => out.add(&question, "format", Check::Is("TYPE", format.to_owned())),
    }
    for (key, field) in [("label", "LABEL"), ("uuid", "UUID")] {
        let value = text(system, key);
        if !value.is_empty() {
            out.add(&question, key, Check::Is(field, value.to_owned()));
        }
    }
    if !matches!(format, "" | "none" | "swap") {
        let mounted = unit.is_some();
        out.add(&question, "data", Check::Canary(mounted));
    }
    if let Some((what, place, of_unit)) = &unit {
        // A unit that mounts by label or UUID is asked about its device, too.
        let question = Question::about("mount", &[place, what]);
        let options = list(&system["mountOptions"]).filter_map(Value::as_str);
        // Butane writes them into the unit that it makes: judged there.
        let options = options.map(str::to_owned);
        let options: Vec<String> = options.filter(|o| !of_unit.contains(o)).collect();
        if !options.is_empty() {
            let check = Check::Options(options);
            out.add(&question, "options of the file system", check);
        }
    } else if list(&system["mountOptions"]).next().is_some() {
        out.not_judged(
            &format!("storage.filesystems {device}.mountOptions"),
            "Ignition alone mounts with them: no unit of the config does",
        );
    }
}

/// `What`, `Where` and `Options` of a mount unit's text.
pub(super) fn mount(contents: &str) -> Option<(String, String, Vec<String>)> {
    let settings = settings(contents);
    let of = |key: &str| {
        let mut found = settings.iter().filter(|s| s.section == "Mount");
        let found = found.rfind(|s| s.key == key)?;
        Some(found.value.clone())
    };
    let options = of("Options").unwrap_or_default();
    let options = options.split(',').map(str::trim).filter(|o| !o.is_empty());
    let options = options.map(str::to_owned).collect();
    Some((of("What")?, of("Where")?, options))
}

/// The enabled mount unit of the config that mounts a file system.
fn mount_unit(config: &Value, system: &Value) -> Option<(String, String, Vec<String>)> {
    let device = text(system, "device");
    let (label, uuid) = (text(system, "label"), text(system, "uuid"));
    list(&config["systemd"]["units"])
        .filter(|unit| unit["enabled"] == true && unit["mask"] != true)
        .filter(|unit| text(unit, "name").ends_with(".mount"))
        .filter_map(|unit| mount(text(unit, "contents")))
        .find(|(what, place, _)| {
            let named = |value: &str, by: &str, folder: &str| {
                let named = [
                    format!("{by}={value}"),
                    format!("/dev/disk/{folder}/{value}"),
                ];
                !value.is_empty() && named.contains(what)
            };
            what == device
                || named(label, "LABEL", "by-label")
                || named(uuid, "UUID", "by-uuid")
                // Butane names the device of a LUKS mapping by its id.
                || (!place.is_empty() && place == text(system, "path"))
        })
}

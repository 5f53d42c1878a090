//! What a config does to a machine, in words, read from the config itself.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::image_refs;
use super::local::PUBLIC_KEY;
use super::view::{Contents, View, list};

/// One thing that a config settles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is about.
    pub title: &'static str,
    /// What is settled, one line each.
    pub entries: Vec<String>,
    /// Long and of interest to few.
    #[serde(skip)]
    pub detail: bool,
}

/// Everything that a config settles, in the order in which a person asks.
pub fn facts(view: &View) -> Vec<Fact> {
    let all = [
        ("Host name", host_name(view), false),
        ("Follows", follows(view), false),
        ("Log in", users(view), false),
        ("Encryption", encryption(view), false),
        ("Mirrors", mirrors(view), false),
        ("File systems", filesystems(view), false),
        ("Disks", disks(view), false),
        ("Kernel arguments", arguments(view), false),
        ("Enabled units", units(view, true), false),
        ("Other units", units(view, false), true),
        ("Files", files(view), true),
        ("Specification", specification(view), true),
    ];
    all.into_iter()
        .filter(|(_, entries, _)| !entries.is_empty())
        .map(|(title, entries, detail)| Fact {
            title,
            entries,
            detail,
        })
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn host_name(view: &View) -> Vec<String> {
    let files = view.files();
    let names = files.iter().filter(|file| file.target == "/etc/hostname");
    names
        .filter_map(|file| file.contents.text())
        .map(|name| name.trim().to_owned())
        .collect()
}

/// The image that our own unit switches to, and what it takes.
fn follows(view: &View) -> Vec<String> {
    let files = view.files();
    let Some(image) = files
        .iter()
        .filter(|file| file.target == "/etc/custom-coreos/follow.env")
        .filter_map(|file| file.contents.text())
        .find_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("IMAGE="))?;
            Some(line.to_owned())
        })
    else {
        return Vec::new();
    };
    let signed = image_refs::policy(view).is_some_and(|policy| image_refs::holds(&policy, &image));
    let keyed = files.iter().any(|file| file.target == PUBLIC_KEY);
    let mut entries = vec![image];
    entries.push(match (signed, keyed) {
        (true, true) => "from the first boot on, only with its signature".to_owned(),
        (true, false) => format!("only with its signature, once its key is put at {PUBLIC_KEY}"),
        (false, _) => "without a look at its signature".to_owned(),
    });
    entries
}

fn users(view: &View) -> Vec<String> {
    let mut entries = Vec::new();
    for (_, user) in view.entries("passwd", "users") {
        let name = text(user, "name");
        let groups: Vec<&str> = list(&user["groups"]).filter_map(Value::as_str).collect();
        if !groups.is_empty() {
            entries.push(format!("{name} in {}", groups.join(", ")));
        }
        if !text(user, "passwordHash").is_empty() {
            entries.push(format!("{name} with a password"));
        }
        for key in list(&user["sshAuthorizedKeys"]).filter_map(Value::as_str) {
            entries.push(format!("{name} with {}", key_line(key)));
        }
    }
    for file in view.files() {
        let user = file.target.rsplit('/').next().unwrap_or_default();
        if file.target.contains("authorized_keys.d/") {
            let keys = file.contents.text().unwrap_or_default();
            let lines = keys.lines().filter(|line| line.contains("AAAA"));
            entries.extend(lines.map(|line| format!("{user} with {}", key_line(line))));
        }
    }
    entries
}

/// A key as `ssh-keygen -l` names it: nobody compares blobs.
fn key_line(line: &str) -> String {
    let mut words = line.split_whitespace();
    let kind = words.find(|word| {
        word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-")
    });
    let blob = words.next().and_then(|blob| STANDARD.decode(blob).ok());
    let (Some(kind), Some(blob)) = (kind, blob) else {
        return "an SSH key of an unknown form".to_owned();
    };
    let print = STANDARD_NO_PAD.encode(Sha256::digest(blob));
    let comment: Vec<&str> = words.collect();
    format!("{kind} SHA256:{print} {}", comment.join(" "))
        .trim_end()
        .to_owned()
}

fn encryption(view: &View) -> Vec<String> {
    let entry = |(_, luks): (String, &Value)| {
        let clevis = &luks["clevis"];
        let mut ways = Vec::new();
        if clevis["tpm2"] == true {
            ways.push("the TPM, bound to no PCR".to_owned());
        }
        for tang in list(&clevis["tang"]) {
            ways.push(format!("the Tang server {}", text(tang, "url")));
        }
        if clevis["custom"].is_object() {
            ways.push(format!(
                "clevis pin {} {}",
                text(&clevis["custom"], "pin"),
                text(&clevis["custom"], "config")
            ));
        }
        if luks["keyFile"]["source"].is_string() {
            ways.push("a key file".to_owned());
        }
        let way = match ways.len() {
            0 => "a key that is made on the machine".to_owned(),
            _ => ways.join(" and "),
        };
        format!(
            "{} on {}, unlocked by {way}",
            text(luks, "name"),
            text(luks, "device")
        )
    };
    view.entries("storage", "luks").map(entry).collect()
}

fn mirrors(view: &View) -> Vec<String> {
    let entry = |(_, raid): (String, &Value)| {
        let devices: Vec<&str> = list(&raid["devices"]).filter_map(Value::as_str).collect();
        format!(
            "{} ({}) of {}",
            text(raid, "name"),
            text(raid, "level"),
            devices.join(", ")
        )
    };
    view.entries("storage", "raid").map(entry).collect()
}

fn filesystems(view: &View) -> Vec<String> {
    let entry = |(_, system): (String, &Value)| {
        let mut line = format!("{} on {}", text(system, "format"), text(system, "device"));
        if let Some(path) = system["path"].as_str() {
            line.push_str(&format!(" for {path}"));
        }
        if let Some(label) = system["label"].as_str() {
            line.push_str(&format!(", label {label}"));
        }
        if system["wipeFilesystem"] == true {
            line.push_str(", made anew");
        }
        line
    };
    view.entries("storage", "filesystems").map(entry).collect()
}

fn disks(view: &View) -> Vec<String> {
    let entry = |(_, disk): (String, &Value)| {
        let labels: Vec<&str> = list(&disk["partitions"])
            .filter_map(|partition| partition["label"].as_str())
            .collect();
        let wiped = if disk["wipeTable"] == true {
            ", erased first"
        } else {
            ""
        };
        let partitions = match labels.len() {
            0 => String::new(),
            _ => format!(": partitions {}", labels.join(", ")),
        };
        format!("{}{wiped}{partitions}", text(disk, "device"))
    };
    view.entries("storage", "disks").map(entry).collect()
}

fn arguments(view: &View) -> Vec<String> {
    let mut entries = Vec::new();
    for part in &view.parts {
        let arguments = &part.json["kernelArguments"];
        let words = |key: &str| {
            list(&arguments[key])
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        entries.extend(words("shouldExist"));
        entries.extend(
            words("shouldNotExist")
                .into_iter()
                .map(|word| format!("without {word}")),
        );
    }
    entries
}

fn units(view: &View, enabled: bool) -> Vec<String> {
    let entry = |(_, unit): (String, &Value)| {
        if (unit["enabled"] == true) != enabled {
            return None;
        }
        let mut line = text(unit, "name").to_owned();
        if unit["mask"] == true {
            line.push_str(", masked");
        } else if unit["enabled"] == false {
            line.push_str(", disabled");
        }
        let dropins = list(&unit["dropins"]).count();
        if dropins > 0 {
            line.push_str(", changed by a drop-in");
        }
        Some(line)
    };
    view.entries("systemd", "units").filter_map(entry).collect()
}

fn files(view: &View) -> Vec<String> {
    let mut entries: Vec<String> = view
        .files()
        .iter()
        .map(|file| {
            let what = match &file.contents {
                Contents::Here(bytes) if file.appended => format!("{} more", size(bytes.len())),
                Contents::Here(bytes) => size(bytes.len()),
                Contents::Remote { url, .. } => format!("from {url}"),
                Contents::Nothing => "empty".to_owned(),
                Contents::Unreadable => "unreadable".to_owned(),
            };
            format!("{} ({what})", file.target)
        })
        .collect();
    let links = view.entries("storage", "links");
    entries.extend(
        links.map(|(_, link)| format!("{} -> {}", text(link, "path"), text(link, "target"))),
    );
    let folders = view.entries("storage", "directories");
    entries.extend(folders.map(|(_, folder)| format!("{}/", text(folder, "path"))));
    entries
}

fn specification(view: &View) -> Vec<String> {
    let version = view
        .parts
        .first()
        .and_then(|part| part.json["ignition"]["version"].as_str());
    version
        .map(|version| format!("Ignition {version}"))
        .into_iter()
        .collect()
}

/// A size for people: `987 bytes`, `4.1 kB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        _ => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str) -> Vec<(&'static str, Vec<String>)> {
        let facts = facts(&View::parse(config).unwrap());
        facts
            .into_iter()
            .map(|fact| (fact.title, fact.entries))
            .collect()
    }

    #[test]
    fn they_are_read_from_the_config() {
        let config = r#"{
            "ignition": {"version": "3.5.0"},
            "kernelArguments": {"shouldExist": ["a=b"], "shouldNotExist": ["quiet"]},
            "passwd": {"users": [{"name": "core", "groups": ["wheel"], "sshAuthorizedKeys": ["ssh-ed25519 AAAA me"]}]},
            "storage": {
                "disks": [{"device": "/dev/sda", "wipeTable": true, "partitions": [{"label": "root"}]}],
                "luks": [{"name": "root", "device": "/dev/sda4", "clevis": {"tpm2": true, "tang": [{"url": "http://t"}]}}],
                "raid": [{"name": "md", "level": "raid1", "devices": ["/dev/a", "/dev/b"]}],
                "filesystems": [{"device": "/dev/mapper/root", "format": "btrfs", "label": "root", "wipeFilesystem": true}],
                "files": [{"path": "/etc/hostname", "contents": {"source": "data:,nas%0A"}}],
                "links": [{"path": "/etc/localtime", "target": "../x"}]
            },
            "systemd": {"units": [{"name": "a.timer", "enabled": true}, {"name": "b.service", "mask": true}]}
        }"#;
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let facts = of(config);
        let about = |title: &str| {
            facts
                .iter()
                .find(|(found, _)| *found == title)
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(about("Host name"), words(&["nas"]));
        assert_eq!(about("Log in")[0], "core in wheel");
        assert!(
            about("Log in")[1].starts_with("core with ssh-ed25519 SHA256:"),
            "{facts:?}"
        );
        assert!(about("Log in")[1].ends_with(" me"), "{facts:?}");
        assert_eq!(
            about("Encryption"),
            words(&[
                "root on /dev/sda4, unlocked by the TPM, bound to no PCR and the Tang server http://t"
            ])
        );
        assert_eq!(about("Mirrors"), words(&["md (raid1) of /dev/a, /dev/b"]));
        assert_eq!(
            about("File systems"),
            words(&["btrfs on /dev/mapper/root, label root, made anew"])
        );
        assert_eq!(
            about("Disks"),
            words(&["/dev/sda, erased first: partitions root"])
        );
        assert_eq!(about("Kernel arguments"), words(&["a=b", "without quiet"]));
        assert_eq!(about("Enabled units"), words(&["a.timer"]));
        assert_eq!(about("Other units"), words(&["b.service, masked"]));
        assert_eq!(
            about("Files"),
            words(&["/etc/hostname (4 bytes)", "/etc/localtime -> ../x"])
        );
        assert_eq!(about("Specification"), words(&["Ignition 3.5.0"]));
        assert!(!facts.iter().any(|(title, _)| *title == "Follows"));
    }

    #[test]
    fn following_says_what_it_takes() {
        let file = |path: &str, text: &str| {
            format!(
                r#"{{"path": "{path}", "contents": {{"source": "data:;base64,{}"}}}}"#,
                STANDARD.encode(text)
            )
        };
        let config =
            |files: &[String]| format!(r#"{{"storage": {{"files": [{}]}}}}"#, files.join(","));
        let image = file(
            "/etc/custom-coreos/follow.env",
            "# x\nIMAGE=ghcr.io/a/b:stable\n",
        );
        let policy = file(
            "/etc/containers/policy.json",
            r#"{"default": [{"type": "reject"}]}"#,
        );
        let key = file(PUBLIC_KEY, "key");
        let says = |files: &[String]| of(&config(files))[0].1.join(" ");
        assert_eq!(
            says(std::slice::from_ref(&image)),
            "ghcr.io/a/b:stable without a look at its signature"
        );
        assert!(says(&[image.clone(), policy.clone()]).contains("once its key is put at"));
        assert!(
            says(&[image, policy, key])
                .ends_with("from the first boot on, only with its signature")
        );
    }
}

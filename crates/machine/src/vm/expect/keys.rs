//! Keys of the config that no expectation is made of. Those that only say how
//! Ignition comes to a state that is judged are passed over; the rest is named,
//! as is every key that is not known here, so that nothing newer looks judged.

use serde_json::Value;

use super::expectation::{List, text};
use crate::ignition::view::list;

/// Of one kind of struct: what is judged, what shows in what is judged, and what
/// is not judged, with the reason.
struct Known {
    judged: &'static [&'static str],
    not: &'static [(&'static str, &'static str)],
}

const BY_RESULT: &str = "an option of the program that made it; its result is judged";
const SYSTEM: &str = "no file of the system says how an account was made";

const USER: Known = Known {
    judged: &[
        "name",
        "gecos",
        "groups",
        "homeDir",
        "passwordHash",
        "primaryGroup",
        "shell",
        "shouldExist",
        "sshAuthorizedKeys",
        "uid",
    ],
    not: &[
        ("noCreateHome", SYSTEM),
        ("noLogInit", SYSTEM),
        ("noUserGroup", SYSTEM),
        ("system", SYSTEM),
    ],
};

const GROUP: Known = Known {
    judged: &["name", "gid", "shouldExist"],
    not: &[
        ("passwordHash", "the password of a group"),
        ("system", SYSTEM),
    ],
};

const NODE: Known = Known {
    judged: &[
        "append",
        "contents",
        "group",
        "hard",
        "mode",
        // How it got there.
        "overwrite",
        "path",
        "target",
        "user",
    ],
    not: &[],
};

const DISK: Known = Known {
    judged: &["device", "partitions", "wipeTable"],
    not: &[],
};

const PARTITION: Known = Known {
    judged: &[
        "guid",
        "label",
        "number",
        // How it got there.
        "resize",
        "shouldExist",
        "sizeMiB",
        "startMiB",
        "typeGuid",
        "wipePartitionEntry",
    ],
    not: &[],
};

const RAID: Known = Known {
    judged: &["devices", "level", "name", "spares"],
    not: &[("options", BY_RESULT)],
};

const LUKS: Known = Known {
    judged: &[
        "clevis",
        "device",
        "discard",
        "label",
        "name",
        "uuid",
        // How it got there.
        "wipeVolume",
    ],
    not: &[
        ("cex", "the crypto card of a mainframe"),
        (
            "keyFile",
            "to try the key, the guest would have to be told it",
        ),
        ("openOptions", BY_RESULT),
        ("options", BY_RESULT),
    ],
};

const CLEVIS: Known = Known {
    judged: &["custom", "tang", "threshold", "tpm2"],
    not: &[],
};

const FILESYSTEM: Known = Known {
    judged: &[
        "device",
        "format",
        "label",
        "mountOptions",
        // Where Ignition has it while it writes files; what mounts it later is a
        // unit.
        "path",
        "uuid",
        "wipeFilesystem",
    ],
    not: &[("options", BY_RESULT)],
};

const UNIT: Known = Known {
    judged: &["contents", "dropins", "enabled", "mask", "name"],
    not: &[],
};

const IGNITION: Known = Known {
    // The version is of the document; `config` is followed.
    judged: &["config", "version"],
    not: &[
        ("proxy", "how Ignition fetches"),
        ("security", "whom Ignition trusts while it fetches"),
        ("timeouts", "how long Ignition waits"),
    ],
};

const TOP: Known = Known {
    judged: &[
        "ignition",
        "kernelArguments",
        "passwd",
        "storage",
        "systemd",
    ],
    not: &[],
};

const fn sections(judged: &'static [&'static str]) -> Known {
    Known { judged, not: &[] }
}

pub(super) fn add(config: &Value, out: &mut List) {
    walk("$", config, &TOP, out);
    walk("ignition", &config["ignition"], &IGNITION, out);
    let arguments = sections(&["shouldExist", "shouldNotExist"]);
    walk(
        "kernelArguments",
        &config["kernelArguments"],
        &arguments,
        out,
    );
    walk(
        "passwd",
        &config["passwd"],
        &sections(&["groups", "users"]),
        out,
    );
    let storage = sections(&[
        "directories",
        "disks",
        "files",
        "filesystems",
        "links",
        "luks",
        "raid",
    ]);
    walk("storage", &config["storage"], &storage, out);
    walk("systemd", &config["systemd"], &sections(&["units"]), out);
    for (section, name, key, known) in [
        ("passwd", "users", "name", &USER),
        ("passwd", "groups", "name", &GROUP),
        ("storage", "files", "path", &NODE),
        ("storage", "directories", "path", &NODE),
        ("storage", "links", "path", &NODE),
        ("storage", "disks", "device", &DISK),
        ("storage", "raid", "name", &RAID),
        ("storage", "luks", "name", &LUKS),
        ("storage", "filesystems", "device", &FILESYSTEM),
        ("systemd", "units", "name", &UNIT),
    ] {
        for item in list(&config[section][name]) {
            let path = format!("{section}.{name} {}", text(item, key));
            walk(&path, item, known, out);
            for partition in list(&item["partitions"]) {
                let path = format!("{path}.partitions {}", text(partition, "label"));
                walk(&path, partition, &PARTITION, out);
            }
            walk(&format!("{path}.clevis"), &item["clevis"], &CLEVIS, out);
        }
    }
}

fn walk(path: &str, item: &Value, known: &Known, out: &mut List) {
    for (key, value) in item.as_object().into_iter().flatten() {
        if known.judged.contains(&key.as_str()) || is_nothing(value) {
            continue;
        }
        let why = known.not.iter().find(|(name, _)| name == key);
        let why = why.map_or("unknown to this program", |(_, why)| why);
        out.not_judged(&format!("{path}.{key}"), why);
    }
}

/// What is as good as not said.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

//! `boot_device` (mirrored, encrypted) and `grub`: short forms of Butane's that become
//! partitions, RAIDs, LUKS devices and files of Ignition. Types, sizes in MiB and numbers
//! of partitions are those of Fedora CoreOS's disks, as `translate.go` of
//! Butane's variant `fcos` has them.
//!
//! `from` is always the key of the Butane config that messages about a node point at.

use crate::context::Context;
use crate::tree::{Name, Node, PathId};

const BIOS_TYPE: &str = "21686148-6449-6E6F-744E-656564454649";
const ESP_TYPE: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const RESERVED_TYPE: &str = "8DA63339-0007-60C0-C436-083AC8230908";
const PREP_TYPE: &str = "9E1A2D38-C612-4316-AA26-8B49521E5A8B";

/// The first partitions of a boot disk: label, MiB, type.
fn leading_partitions(layout: &str) -> [(&'static str, i64, &'static str); 2] {
    match layout {
        "aarch64" => [("reserved", 1, RESERVED_TYPE), ("esp", 127, ESP_TYPE)],
        "ppc64le" => [("prep", 4, PREP_TYPE), ("reserved", 1, RESERVED_TYPE)],
        _ => [("bios", 1, BIOS_TYPE), ("esp", 127, ESP_TYPE)],
    }
}

fn texts(items: impl IntoIterator<Item = String>, from: PathId) -> Node {
    Node::list(
        items
            .into_iter()
            .map(|text| Node::text(text, from))
            .collect(),
        from,
    )
}

fn partition(label: String, size: Option<i64>, kind: Option<&str>, from: PathId) -> Node {
    let mut node = Node::fields(vec![(Name::Label, Node::text(label, from))], from);
    if let Some(size) = size {
        node.set(Name::SizeMib, Node::int(size, from));
    }
    if let Some(kind) = kind {
        node.set(Name::TypeGuid, Node::text(kind, from));
    }
    node
}

fn filesystem(device: &str, format: &str, label: &str, from: PathId) -> Node {
    Node::fields(
        vec![
            (Name::Device, Node::text(device, from)),
            (Name::Format, Node::text(format, from)),
            (Name::Label, Node::text(label, from)),
            (Name::WipeFilesystem, Node::bool(true, from)),
        ],
        from,
    )
}

fn array(name: &str, prefix: &str, disks: usize, options: &[&str], from: PathId) -> Node {
    let devices = (1..=disks).map(|disk| format!("/dev/disk/by-partlabel/{prefix}-{disk}"));
    let mut node = Node::fields(
        vec![
            (Name::Devices, texts(devices, from)),
            (Name::Level, Node::text("raid1", from)),
            (Name::Name, Node::text(name, from)),
        ],
        from,
    );
    if !options.is_empty() {
        node.set(
            Name::Options,
            texts(options.iter().map(|option| (*option).to_string()), from),
        );
    }
    node
}

/// The config that a boot device stands for; `None` if it asks for nothing.
pub(crate) fn config(context: &mut Context, node: &Node) -> Option<Node> {
    let layout = node.str_or_empty(Name::Layout);
    let luks = node.get(Name::Luks);
    let disks = node
        .get(Name::Mirror)
        .map_or(&[][..], |mirror| mirror.items(Name::Devices));
    let cex = luks
        .and_then(|luks| luks.get(Name::Cex))
        .is_some_and(|cex| cex.is_true(Name::Enabled));
    let encrypted =
        luks.filter(|luks| luks.is_true(Name::Tpm2) || !luks.items(Name::Tang).is_empty() || cex);
    let mirrored = !disks.is_empty();
    if encrypted.is_none() && !mirrored {
        return None;
    }
    let mut disk_list = Vec::new();
    let mut filesystems = Vec::new();
    let mut storage = Node::fields(Vec::new(), node.from);
    if mirrored {
        let from = context.from(node, Name::Mirror);
        for (index, disk) in disks.iter().enumerate() {
            mirror_disk(disk, index + 1, layout, &mut disk_list, &mut filesystems);
        }
        let arrays = vec![
            // The superblock at the end: firmware then sees a plain filesystem.
            array("md-boot", "boot", disks.len(), &["--metadata=1.0"], from),
            array("md-root", "root", disks.len(), &[], from),
        ];
        let devices = context.from(node.get(Name::Mirror).unwrap_or(node), Name::Devices);
        storage.set(Name::Disks, Node::list(disk_list, devices));
        storage.set(Name::Raid, Node::list(arrays, from));
        filesystems.push(filesystem("/dev/md/md-boot", "ext4", "boot", from));
    }
    if let Some(luks) = encrypted {
        let underlying = match layout {
            // On s390x the disk is named by the user, and root is its last partition.
            "s390x-eckd" => format!("{}2", luks.str_or_empty(Name::Device)),
            "s390x-zfcp" => format!("{}4", luks.str_or_empty(Name::Device)),
            _ if mirrored => "/dev/md/md-root".into(),
            _ => "/dev/disk/by-partlabel/root".into(),
        };
        storage.set(
            Name::Luks,
            Node::list(vec![root_luks(luks, underlying, cex)], luks.from),
        );
    }
    let root = if encrypted.is_some() {
        "/dev/mapper/root"
    } else {
        "/dev/md/md-root"
    };
    filesystems.push(filesystem(root, "xfs", "root", node.from));
    storage.set(Name::Filesystems, Node::list(filesystems, node.from));
    Some(Node::fields(vec![(Name::Storage, storage)], PathId::NONE))
}

fn mirror_disk(
    device: &Node,
    number: usize,
    layout: &str,
    disks: &mut Vec<Node>,
    filesystems: &mut Vec<Node>,
) {
    let from = device.from;
    let path = device.as_text().map_or("", |path| &**path);
    let mut partitions = Vec::new();
    for (label, size, kind) in leading_partitions(layout) {
        partitions.push(partition(
            format!("{label}-{number}"),
            Some(size),
            Some(kind),
            from,
        ));
        if label == "esp" {
            let label = format!("esp-{number}");
            filesystems.push(filesystem(
                &format!("/dev/disk/by-partlabel/{label}"),
                "vfat",
                &label,
                from,
            ));
        }
    }
    partitions.push(partition(format!("boot-{number}"), Some(384), None, from));
    partitions.push(partition(format!("root-{number}"), None, None, from));
    disks.push(Node::fields(
        vec![
            (Name::Device, Node::text(path, from)),
            (Name::Partitions, Node::list(partitions, from)),
            (Name::WipeTable, Node::bool(true, from)),
        ],
        from,
    ));
}

fn root_luks(luks: &Node, device: String, cex: bool) -> Node {
    let from = luks.from;
    let mut node = Node::fields(
        vec![
            (Name::Device, Node::text(device, from)),
            (Name::Label, Node::text("luks-root", from)),
            (Name::Name, Node::text("root", from)),
            (Name::WipeVolume, Node::bool(true, from)),
        ],
        from,
    );
    let copy = |target: &mut Node, name: Name| {
        if let Some(value) = luks.get(name) {
            target.set(name, value.clone());
        }
    };
    copy(&mut node, Name::Discard);
    if cex {
        copy(&mut node, Name::Cex);
    } else {
        let mut clevis = Node::fields(Vec::new(), from);
        for name in [Name::Tang, Name::Threshold, Name::Tpm2] {
            copy(&mut clevis, name);
        }
        node.set(Name::Clevis, clevis);
    }
    node
}

/// The config for the boot loader's users; `None` if there are none.
pub(crate) fn grub(context: &mut Context, node: &Node) -> Option<Node> {
    let users = node.items(Name::Users);
    if users.is_empty() {
        return None;
    }
    let from = context.from(node, Name::Users);
    let names: Vec<&str> = users
        .iter()
        .map(|user| user.str_or_empty(Name::Name))
        .collect();
    let mut contents = format!(
        "# Generated by Butane\n\nset superusers=\"{}\"\n",
        names.join(" ")
    );
    for user in users {
        contents.push_str(&format!(
            "password_pbkdf2 {} {}\n",
            user.str_or_empty(Name::Name),
            user.str_or_empty(Name::PasswordHash)
        ));
    }
    let mut append = Node::fields(Vec::new(), from);
    crate::resource::set_contents(context, &mut append, contents.as_bytes(), "", from);
    let file = Node::fields(
        vec![
            (Name::Path, Node::text("/boot/grub2/user.cfg", from)),
            (Name::Append, Node::list(vec![append], from)),
        ],
        from,
    );
    let boot = Node::fields(
        vec![
            (Name::Device, Node::text("/dev/disk/by-label/boot", from)),
            (Name::Format, Node::text("ext4", from)),
            (Name::Path, Node::text("/boot", from)),
        ],
        from,
    );
    let storage = Node::fields(
        vec![
            (Name::Files, Node::list(vec![file], from)),
            (Name::Filesystems, Node::list(vec![boot], from)),
        ],
        from,
    );
    Some(Node::fields(vec![(Name::Storage, storage)], PathId::NONE))
}

#[cfg(test)]
mod tests {
    use crate::testing::ignition;

    #[test]
    fn luks_root() {
        let ignition = ignition(7, "boot_device: {luks: {tpm2: true}}");
        assert_eq!(
            ignition,
            r#"{"storage":{"filesystems":[{"device":"/dev/mapper/root","format":"xfs","label":"root","wipeFilesystem":true}],"luks":[{"clevis":{"tpm2":true},"device":"/dev/disk/by-partlabel/root","label":"luks-root","name":"root","wipeVolume":true}]}}"#
        );
    }

    #[test]
    fn mirrors_have_the_partitions_of_their_layout() {
        let labels = |layout: &str| {
            let body =
                format!("boot_device: {{layout: {layout}, mirror: {{devices: [/dev/a, /dev/b]}}}}");
            let ignition = ignition(7, &body);
            let prefixes = ["bios", "esp", "prep", "reserved", "boot", "root"];
            prefixes.map(|prefix| ignition.contains(&format!(r#""label":"{prefix}-2""#)))
        };
        assert_eq!(labels("x86_64"), [true, true, false, false, true, true]);
        assert_eq!(labels("aarch64"), [false, true, false, true, true, true]);
        assert_eq!(labels("ppc64le"), [false, false, true, true, true, true]);
    }

    #[test]
    fn boot_loader_users() {
        let ignition = ignition(5, "grub: {users: [{name: root, password_hash: x}]}");
        assert!(
            ignition.contains(r#""path":"/boot/grub2/user.cfg""#),
            "{ignition}"
        );
        assert!(
            ignition
                .contains(r#"{"device":"/dev/disk/by-label/boot","format":"ext4","path":"/boot"}"#)
        );
    }
}

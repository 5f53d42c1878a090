//! The rules of Butane's own structs, checked before anything is translated.
//! Parents come before children and lists in order, as in the reference.

use crate::context::Context;
use crate::modes;
use crate::tree::{self, Name, Node};

const NOWHERE: &[Name] = &[];
const FEW_DISKS: &str = "mirroring requires at least two devices";
const LAYOUTS_OLD: &str = "layout must be one of: aarch64, ppc64le, x86_64";
const LAYOUTS: &str =
    "layout must be one of: aarch64, ppc64le, s390x-eckd, s390x-virt, s390x-zfcp, x86_64";
/// The name of the disk that a host booted from; its labels are known.
const BOOT_DISK: &str = "/dev/disk/by-id/coreos-boot-disk";

/// Checks the whole config.
pub(crate) fn check(context: &mut Context, root: &Node) {
    config(context, root);
    if let Some(config) = root.at(&[Name::Ignition, Name::Config]) {
        for merge in config
            .items(Name::Merge)
            .iter()
            .chain(config.get(Name::Replace))
        {
            let alone = resource(context, merge);
            if let Some(inline) = merge.get(Name::Inline).filter(|_| alone) {
                crate::embedded_config::check(
                    context,
                    merge,
                    inline.from,
                    inline.as_bytes().unwrap_or_default(),
                );
            }
        }
    }
    if let Some(tls) = root.at(&[Name::Ignition, Name::Security, Name::Tls]) {
        for authority in tls.items(Name::CertificateAuthorities) {
            resource(context, authority);
        }
    }
    if let Some(node) = root.get(Name::Storage) {
        storage(context, node);
    }
    if let Some(node) = root.get(Name::Systemd) {
        systemd(context, node);
    }
    if let Some(node) = root.get(Name::BootDevice) {
        boot_device(context, node);
    }
    if let Some(grub) = root.get(Name::Grub) {
        for user in grub.items(Name::Users) {
            if user.str_or_empty(Name::Name).is_empty() {
                context.error(user.from, &[Name::Name], "field \"name\" is required");
            }
            if user.str_or_empty(Name::PasswordHash).is_empty() {
                context.error(
                    user.from,
                    &[Name::PasswordHash],
                    "field \"password_hash\" is required",
                );
            }
        }
    }
}

/// Rules that need more than one part of the config; since 1.6.0.
fn config(context: &mut Context, root: &Node) {
    let Some(storage) = root.get(Name::Storage).filter(|_| context.minor >= 6) else {
        return;
    };
    // A mirror brings its own partitions, which are wiped.
    let mirror = root
        .at(&[Name::BootDevice, Name::Mirror])
        .map_or(&[][..], |mirror| mirror.items(Name::Devices));
    for disk in storage.items(Name::Disks) {
        let device = disk.str_or_empty(Name::Device);
        let mirrored = mirror
            .iter()
            .any(|other| other.as_text().is_some_and(|other| &**other == device));
        if device == BOOT_DISK || mirrored || disk.is_true(Name::WipeTable) {
            continue;
        }
        for partition in disk.items(Name::Partitions) {
            if partition.int_of(Name::Number).unwrap_or(0) == 0
                && partition.get(Name::Label).is_some()
            {
                context.warn(
                    partition.from,
                    &[Name::Number],
                    "partitions cannot be reused by label; number must be specified except on boot disk \
                     (/dev/disk/by-id/coreos-boot-disk) or when wipe_table is true",
                );
            }
        }
    }
    for filesystem in storage.items(Name::Filesystems) {
        let Some(path) = filesystem
            .str(Name::Path)
            .filter(|_| filesystem.is_true(Name::WithMountUnit))
        else {
            continue;
        };
        let below = |root: &str| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if !below("/etc") && !below("/var") {
            context.error(
                filesystem.from,
                &[Name::Path],
                "path must be under /etc or /var if with_mount_unit is true",
            );
        }
    }
}

/// Whether the resource has no more than one source.
fn resource(context: &mut Context, node: &Node) -> bool {
    let message = "only one of the following can be set: inline, local, source";
    if context.minor == 0 {
        if node.get(Name::Inline).is_some() && node.get(Name::Source).is_some() {
            context.error(node.from, &[Name::Inline], message);
            return false;
        }
        return true;
    }
    let mut set = [Name::Local, Name::Inline, Name::Source]
        .into_iter()
        .filter(|name| node.get(*name).is_some());
    let (first, second) = (set.next(), set.next());
    if let (Some(_), Some(second)) = (first, second) {
        let last = set.next().unwrap_or(second);
        context.error(node.from, &[last], message);
        return false;
    }
    true
}

fn mode(context: &mut Context, node: &Node, name: Name, directory: bool) {
    if node
        .int_of(name)
        .is_some_and(|mode| modes::looks_decimal(mode, directory))
    {
        context.warn(
            node.from,
            &[name],
            "unreasonable mode would be reasonable if specified in octal; remember to add a leading zero",
        );
    }
}

fn storage(context: &mut Context, storage: &Node) {
    for directory in storage.items(Name::Directories) {
        mode(context, directory, Name::Mode, true);
    }
    for file in storage.items(Name::Files) {
        mode(context, file, Name::Mode, false);
        for append in file.items(Name::Append) {
            resource(context, append);
        }
        if let Some(contents) = file.get(Name::Contents) {
            resource(context, contents);
        }
    }
    for filesystem in storage.items(Name::Filesystems) {
        if !filesystem.is_true(Name::WithMountUnit) {
            continue;
        }
        let format = filesystem.str_or_empty(Name::Format);
        let pathless = filesystem.str_or_empty(Name::Path).is_empty();
        // Swap came with 1.4.0, and with it another order of the two rules.
        let swaps = context.minor >= 4;
        if pathless && (!swaps || !format.is_empty() && format != "swap") {
            context.error(
                filesystem.from,
                &[Name::Path],
                "path is required if with_mount_unit is true and format is not swap",
            );
        }
        if format.is_empty() {
            context.error(
                filesystem.from,
                &[Name::Format],
                "format is required if with_mount_unit is true",
            );
        }
    }
    for luks in storage.items(Name::Luks) {
        if let Some(key) = luks.get(Name::KeyFile) {
            resource(context, key);
        }
    }
    for tree in storage.items(Name::Trees) {
        if tree.str_or_empty(Name::Local).is_empty() {
            context.error(tree.from, NOWHERE, "local is required");
        }
    }
}

fn one_source(context: &mut Context, node: &Node) {
    if node.get(Name::Contents).is_some() && node.get(Name::ContentsLocal).is_some() {
        context.error(
            node.from,
            &[Name::ContentsLocal],
            "only one of the following can be set: contents, contents_local",
        );
    }
}

fn systemd(context: &mut Context, systemd: &Node) {
    for unit in systemd.items(Name::Units) {
        one_source(context, unit);
        for dropin in unit.items(Name::Dropins) {
            one_source(context, dropin);
        }
    }
    for quadlet in systemd.items(Name::Quadlets) {
        crate::quadlets::check(context, quadlet);
        for dropin in quadlet.items(Name::Dropins) {
            one_source(context, dropin);
        }
    }
}

fn boot_device(context: &mut Context, node: &Node) {
    let at = node.from;
    let newer = context.minor >= 6;
    let layout = node.str(Name::Layout);
    let s390x = layout.is_some_and(|layout| layout.starts_with("s390x"));
    let luks = node.get(Name::Luks);
    let luks_device = luks.map_or("", |luks| luks.str_or_empty(Name::Device));
    let mirrored = node
        .get(Name::Mirror)
        .map_or(0, |mirror| mirror.items(Name::Devices).len());
    if layout.is_none() && mirrored > 0 {
        let message = "boot_device.layout should be specified when boot_device.mirror is specified";
        if context.minor >= 7 {
            context.error(at, &[Name::Mirror], message);
        } else {
            context.warn(at, &[Name::Mirror], message);
        }
    }
    if let Some(layout) = layout {
        match layout {
            "aarch64" | "ppc64le" | "x86_64" => {}
            "s390x-virt" if newer => {}
            "s390x-eckd" | "s390x-zfcp" if newer => {
                let prefix = if layout == "s390x-eckd" {
                    "/dev/dasd"
                } else {
                    "/dev/sd"
                };
                let letter = luks_device
                    .rsplit_once(prefix)
                    .map_or("", |(_, letter)| letter);
                if luks_device.is_empty() {
                    context.error(
                        at,
                        &[Name::Layout],
                        "device is required for layouts: s390x-eckd, s390x-zfcp",
                    );
                } else if letter.len() != 1 || !letter.bytes().all(|byte| byte.is_ascii_lowercase())
                {
                    context.error(
                        at,
                        &[Name::Layout],
                        "device name must start with /dev/dasd on s390x-eckd layout or /dev/sd on s390x-zfcp layout",
                    );
                }
            }
            _ => context.error(
                at,
                &[Name::Layout],
                if newer { LAYOUTS } else { LAYOUTS_OLD },
            ),
        }
        if newer && s390x && mirrored > 0 {
            context.error(
                at,
                &[Name::Layout],
                "mirroring not supported on layouts: s390x-eckd, s390x-zfcp, s390x-virt",
            );
        }
    }
    if let Some(luks) = luks.filter(|luks| {
        luks.get(Name::Cex)
            .is_some_and(|cex| cex.is_true(Name::Enabled))
    }) {
        if layout.is_none() {
            context.error(
                at,
                &[Name::Luks, Name::Cex],
                "when using cex the targeted architecture must match s390x",
            );
        } else if !s390x {
            context.error(
                at,
                &[Name::Layout],
                "when using cex the targeted architecture must match s390x",
            );
        }
        if !luks.items(Name::Tang).is_empty() || luks.is_true(Name::Tpm2) {
            context.error(at, &[Name::Luks], "cannot use cex with clevis");
        }
    }
    // The reference checks the mirror both with the device and on its own.
    if mirrored == 1 {
        context.error(at, &[Name::Mirror, Name::Devices], FEW_DISKS);
    }
    if context.minor >= 7 && !luks_device.is_empty() && !luks.is_some_and(has_method) {
        context.error(
            at,
            &[Name::Luks, Name::Luks],
            "no method specified for luks",
        );
    }
    if mirrored == 1 {
        context.error(at, &[Name::Mirror, Name::Devices], FEW_DISKS);
    }
}

/// Whether anything unlocks the volume; an empty server does not.
fn has_method(luks: &Node) -> bool {
    let filled =
        |tang: &Node| matches!(&tang.value, tree::Value::Fields(fields) if !fields.is_empty());
    luks.items(Name::Tang).iter().any(filled)
        || luks.is_true(Name::Tpm2)
        || luks
            .get(Name::Cex)
            .is_some_and(|cex| cex.is_true(Name::Enabled))
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn rules() {
        for (minor, body, message) in [
            (
                1,
                "storage: {files: [{path: /a, contents: {inline: x, source: 'data:,'}}]}",
                "error at $.storage.files.0.contents.source",
            ),
            (
                0,
                "storage: {files: [{path: /a, contents: {inline: x, source: 'data:,'}}]}",
                "error at $.storage.files.0.contents.inline",
            ),
            (
                7,
                "storage: {files: [{path: /a, mode: 644}]}",
                "warning at $.storage.files.0.mode",
            ),
            (
                6,
                "storage: {filesystems: [{device: /dev/a, path: /x, format: ext4, with_mount_unit: true}]}",
                "error at $.storage.filesystems.0.path",
            ),
            (
                4,
                "storage: {filesystems: [{device: /dev/a, with_mount_unit: true}]}",
                "error at $.storage.filesystems.0.format",
            ),
            (
                3,
                "storage: {filesystems: [{device: /dev/a, with_mount_unit: true}]}",
                "error at $.storage.filesystems.0.path",
            ),
            (
                6,
                "boot_device: {mirror: {devices: [a, b]}}",
                "warning at $.boot_device.mirror",
            ),
            (
                7,
                "boot_device: {mirror: {devices: [a, b]}}",
                "error at $.boot_device.mirror",
            ),
            (
                7,
                "boot_device: {luks: {device: /dev/a}}",
                "error at $.boot_device.luks.luks",
            ),
            (
                6,
                "boot_device: {layout: s390x-eckd, luks: {device: /dev/sda}}",
                "error at $.boot_device.layout",
            ),
            (
                5,
                "boot_device: {layout: s390x-virt}",
                "error at $.boot_device.layout",
            ),
            (
                5,
                "grub: {users: [{name: x}]}",
                "error at $.grub.users.0.password_hash",
            ),
        ] {
            let messages = messages(minor, body);
            assert!(
                messages
                    .first()
                    .is_some_and(|first| first.starts_with(message)),
                "{body}: {messages:?}"
            );
        }
    }

    #[test]
    fn a_lone_mirror_is_reported_twice() {
        let messages = messages(
            7,
            "boot_device: {layout: x86_64, mirror: {devices: [/dev/a]}}",
        );
        assert_eq!((messages.len(), &messages[0]), (2, &messages[1]));
    }
}

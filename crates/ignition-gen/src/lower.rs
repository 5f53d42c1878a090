//! Butane to Ignition: what each struct becomes. Most fields keep their
//! names, so the tree is changed in place and keeps its origins.

use crate::context::Context;
use crate::resource;
use crate::tree::{Name, Node, PathId, Value};
use crate::{boot_device, merge, mount, partitions, quadlets, schema, systemd, trees, version};

/// Translates the config. Errors are in the report.
pub(crate) fn lower(context: &mut Context, mut root: Node) -> Node {
    let variant = root.take(Name::Variant);
    let version = root.take(Name::Version);
    drop((variant, version));
    let boot_device = root.take(Name::BootDevice);
    let grub = root.take(Name::Grub);
    ignition(context, &mut root);
    passwd(context, &mut root);
    let mounts = mount::units(context, &root);
    let trees = root
        .get_mut(Name::Storage)
        .and_then(|node| node.take(Name::Trees));
    storage(context, &mut root);
    let quadlet_list = root
        .get_mut(Name::Systemd)
        .and_then(|node| node.take(Name::Quadlets));
    systemd::lower(context, &mut root);
    if let Some(units) = mounts {
        root = merge::merge(&schema::CONFIG, units, root, context.minor);
    }
    if let Some(list) = trees {
        trees::add(context, &mut root, &list);
    }
    if let Some(list) = quadlet_list {
        quadlets::add(context, &mut root, &list);
    }
    if context.report.is_fatal() {
        return root;
    }
    if let Some(node) = boot_device
        && let Some(rendered) = boot_device::config(context, &node)
    {
        root = merge::merge(&schema::CONFIG, rendered, root, context.minor);
    }
    partitions::check(context, &root);
    if let Some(rendered) = grub.and_then(|node| boot_device::grub(context, &node)) {
        root = merge::merge(&schema::CONFIG, rendered, root, context.minor);
    }
    root
}

fn ignition(context: &mut Context, root: &mut Node) {
    let mut node = root
        .take(Name::Ignition)
        .unwrap_or_else(|| Node::fields(Vec::new(), PathId::NONE));
    if let Some(config) = node.get_mut(Name::Config) {
        for merge in config.items_mut(Name::Merge) {
            resource::lower_config(context, merge);
        }
        if let Some(replace) = config.get_mut(Name::Replace) {
            resource::lower_config(context, replace);
        }
    }
    if let Some(tls) = node
        .get_mut(Name::Security)
        .and_then(|security| security.get_mut(Name::Tls))
    {
        for authority in tls.items_mut(Name::CertificateAuthorities) {
            resource::lower(context, authority);
        }
    }
    let from = context.paths.child(PathId::ROOT, Name::Version);
    node.set(
        Name::Version,
        Node::text(version::ignition_version(context.minor), from),
    );
    root.set(Name::Ignition, node);
}

fn passwd(context: &mut Context, root: &mut Node) {
    let Some(passwd) = root.get_mut(Name::Passwd) else {
        return;
    };
    for user in passwd.items_mut(Name::Users) {
        let Some(local) = user.take(Name::SshAuthorizedKeysLocal) else {
            continue;
        };
        if local.entries().is_empty() {
            continue;
        }
        if context.files.name().is_none() {
            context.error(local.from, &[], resource::NO_FILES_DIR);
            continue;
        }
        let mut keys = user
            .take(Name::SshAuthorizedKeys)
            .unwrap_or_else(|| Node::list(Vec::new(), local.from));
        for file in local.entries() {
            match resource::read(context, file.as_text().map_or("", |path| &**path)) {
                Ok(contents) => {
                    if let Value::List(items) = &mut keys.value {
                        items
                            .extend(key_lines(&contents).map(|line| {
                                Node::new(Value::from_bytes(line.to_vec()), file.from)
                            }));
                    }
                }
                Err(message) => context.error(file.from, &[], message),
            }
        }
        user.set(Name::SshAuthorizedKeys, keys);
    }
}

/// The lines of a key file that are not empty. A carriage return belongs to
/// the line break only if there is one.
fn key_lines(contents: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = contents.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    });
    lines.filter(|line| !line.is_empty())
}

fn storage(context: &mut Context, root: &mut Node) {
    let Some(storage) = root.get_mut(Name::Storage) else {
        return;
    };
    for file in storage.items_mut(Name::Files) {
        for append in file.items_mut(Name::Append) {
            resource::lower(context, append);
        }
        if let Some(contents) = file.get_mut(Name::Contents) {
            resource::lower(context, contents);
        }
    }
    for filesystem in storage.items_mut(Name::Filesystems) {
        filesystem.take(Name::WithMountUnit);
    }
    for luks in storage.items_mut(Name::Luks) {
        if let Some(key) = luks.get_mut(Name::KeyFile) {
            resource::lower(context, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_are_split_at_line_breaks() {
        let lines: Vec<_> = key_lines(b"a\r\n\n# c\nb\r").collect();
        assert_eq!(lines, [&b"a"[..], b"# c", b"b\r"]);
    }
}

//! Butane to Ignition: what each struct becomes. Most fields keep their
//! names, so the tree is changed in place and keeps its origins.

use crate::context::Context;
use crate::resource;
use crate::tree::Name::*;
use crate::tree::{Node, PathId, Value};
use crate::{boot, merge, mount, partitions, quadlets, schema, trees};

/// The Ignition version that each version of `fcos` becomes.
const SPECS: [&str; 9] = [
    "3.0.0",
    "3.1.0",
    "3.2.0",
    "3.2.0",
    "3.3.0",
    "3.4.0",
    "3.5.0",
    "3.6.0",
    "3.7.0-experimental",
];

/// The Ignition version of a minor version of `fcos`.
pub(crate) fn spec(minor: u8) -> &'static str {
    SPECS[usize::from(minor).min(SPECS.len() - 1)]
}

/// Translates the config. Errors are in the report.
pub(crate) fn lower(context: &mut Context, mut root: Node) -> Node {
    let variant = root.take(Variant);
    let version = root.take(Version);
    drop((variant, version));
    let boot_device = root.take(BootDevice);
    let grub = root.take(Grub);
    ignition(context, &mut root);
    passwd(context, &mut root);
    let mounts = mount::units(context, &root);
    let trees = root.get_mut(Storage).and_then(|node| node.take(Trees));
    storage(context, &mut root);
    let quadlet_list = root.get_mut(Systemd).and_then(|node| node.take(Quadlets));
    systemd(context, &mut root);
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
        && let Some(rendered) = boot::device(context, &node)
    {
        root = merge::merge(&schema::CONFIG, rendered, root, context.minor);
    }
    partitions::check(context, &root);
    if let Some(rendered) = grub.and_then(|node| boot::grub(context, &node)) {
        root = merge::merge(&schema::CONFIG, rendered, root, context.minor);
    }
    root
}

fn ignition(context: &mut Context, root: &mut Node) {
    let mut node = root
        .take(Ignition)
        .unwrap_or_else(|| Node::fields(Vec::new(), PathId::NONE));
    if let Some(config) = node.get_mut(Config) {
        for merge in config.items_mut(Merge) {
            resource::lower_config(context, merge);
        }
        if let Some(replace) = config.get_mut(Replace) {
            resource::lower_config(context, replace);
        }
    }
    if let Some(tls) = node
        .get_mut(Security)
        .and_then(|security| security.get_mut(Tls))
    {
        for authority in tls.items_mut(CertificateAuthorities) {
            resource::lower(context, authority);
        }
    }
    let from = context.paths.child(PathId::ROOT, Version);
    node.set(Version, Node::text(spec(context.minor), from));
    root.set(Ignition, node);
}

fn passwd(context: &mut Context, root: &mut Node) {
    let Some(passwd) = root.get_mut(Passwd) else {
        return;
    };
    for user in passwd.items_mut(Users) {
        let Some(local) = user.take(SshAuthorizedKeysLocal) else {
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
            .take(SshAuthorizedKeys)
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
        user.set(SshAuthorizedKeys, keys);
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
    let Some(storage) = root.get_mut(Storage) else {
        return;
    };
    for file in storage.items_mut(Files) {
        for append in file.items_mut(Append) {
            resource::lower(context, append);
        }
        if let Some(contents) = file.get_mut(Contents) {
            resource::lower(context, contents);
        }
    }
    for filesystem in storage.items_mut(Filesystems) {
        filesystem.take(WithMountUnit);
    }
    for luks in storage.items_mut(Luks) {
        if let Some(key) = luks.get_mut(KeyFile) {
            resource::lower(context, key);
        }
    }
}

fn systemd(context: &mut Context, root: &mut Node) {
    let Some(systemd) = root.get_mut(Systemd) else {
        return;
    };
    for unit in systemd.items_mut(Units) {
        plain_name(context, unit);
        for dropin in unit.items_mut(Dropins) {
            plain_name(context, dropin);
            local_contents(context, dropin);
        }
        local_contents(context, unit);
    }
}

/// Refuses names that lead out of the directory of units.
pub(crate) fn plain_name(context: &mut Context, node: &Node) {
    if context.safe && node.str_or_empty(Called).contains('/') {
        context.error(node.from, &[Called], "names cannot contain slashes");
    }
}

/// Replaces `contents_local` by the contents, as they are.
pub(crate) fn local_contents(context: &mut Context, node: &mut Node) {
    let Some(local) = node.take(ContentsLocal) else {
        return;
    };
    let path = local.as_text().map_or("", |path| &**path);
    // An empty path is none, unlike those of files.
    if path.is_empty() {
        return;
    }
    match resource::read(context, path) {
        Ok(contents) if context.safe && str::from_utf8(&contents).is_err() => {
            context.error(local.from, &[], "file is not valid UTF-8");
        }
        Ok(contents) => node.set(Contents, Node::new(Value::from_bytes(contents), local.from)),
        Err(message) => context.error(local.from, &[], message),
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

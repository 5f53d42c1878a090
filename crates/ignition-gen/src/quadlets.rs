//! Quadlets: container units that systemd generates from files, since
//! 1.8.0-experimental.

use crate::context::Context;
use crate::files::clean;
use crate::tree::{Name, Node};
use crate::trees::{Nodes, storage};
use crate::{resource, systemd};

const EXTENSIONS: [&str; 8] = [
    "container",
    "volume",
    "network",
    "kube",
    "image",
    "build",
    "pod",
    "artifact",
];
const CONFLICT: &str = "matching filesystem node has existing contents or different type";

/// The template of an instance: `foo@.container` for `foo@bar.container`.
fn template(name: &str) -> Option<String> {
    let (unit, rest) = name.split_once('@')?;
    let (instance, extension) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{unit}@.{extension}"))
}

/// The rules of a quadlet's own fields.
pub(crate) fn check(context: &mut Context, node: &Node) {
    let name = node.str_or_empty(Name::Name);
    let known = name
        .rsplit_once('.')
        .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension));
    if !known {
        return context.error(
            node.from,
            &[Name::Name],
            "unsupported file extension for quadlet: must be one of .container, .volume, .network, .kube, .image, \
             .build, .pod, or .artifact",
        );
    }
    if template(name).is_some() {
        for field in [Name::Contents, Name::ContentsLocal] {
            if node.get(field).is_some() {
                context.error(
                    node.from,
                    &[field],
                    "template instances cannot have contents or contents_local",
                );
            }
        }
    } else if node.get(Name::Contents).is_some() && node.get(Name::ContentsLocal).is_some() {
        context.error(
            node.from,
            &[Name::ContentsLocal],
            "only one of the following can be set: contents, contents_local",
        );
    }
}

/// Adds the files and links of every quadlet to the config.
pub(crate) fn add(context: &mut Context, root: &mut Node, list: &Node) {
    if list.entries().is_empty() {
        return;
    }
    let mut storage = storage(root);
    let mut nodes = Nodes::new(&storage);
    for quadlet in list.entries() {
        let name = quadlet.str_or_empty(Name::Name);
        systemd::plain_name(context, quadlet);
        let folder = if quadlet.is_true(Name::Rootful) {
            "/etc/containers/systemd"
        } else {
            "/etc/containers/systemd/users"
        };
        let path = clean(&format!("{folder}/{name}"));
        if let Some(template) = template(name) {
            let from = quadlet.from;
            if nodes.has(&path) {
                context.error(from, &[], CONFLICT);
                continue;
            }
            let name = context.from(quadlet, Name::Name);
            let link = Node::fields(
                vec![
                    (Name::Path, Node::text(path.as_str(), name)),
                    (Name::Target, Node::text(template, from)),
                ],
                from,
            );
            nodes.entry(&mut storage, Name::Links, &path, link);
        } else {
            file(context, &mut storage, &mut nodes, quadlet, &path);
        }
        for dropin in quadlet.items(Name::Dropins) {
            systemd::plain_name(context, dropin);
            let path = format!("{path}.d/{}", dropin.str_or_empty(Name::Name));
            file(context, &mut storage, &mut nodes, dropin, &path);
        }
    }
    root.set(Name::Storage, storage);
}

/// Adds one file with the contents of a quadlet or of one of its drop-ins.
fn file(context: &mut Context, storage: &mut Node, nodes: &mut Nodes, node: &Node, path: &str) {
    let from = node.from;
    if nodes.has(path) {
        return context.error(from, &[], CONFLICT);
    }
    let name = context.from(node, Name::Name);
    let new = Node::fields(
        vec![
            (Name::Path, Node::text(path, name)),
            (Name::Mode, Node::int(0o644, from)),
        ],
        from,
    );
    let Some(file) = nodes.entry(storage, Name::Files, path, new) else {
        return;
    };
    let local = node
        .get(Name::ContentsLocal)
        .and_then(Node::as_text)
        .filter(|path| !path.is_empty());
    let inline = node
        .get(Name::Contents)
        .and_then(Node::as_bytes)
        .filter(|text| !text.is_empty());
    let (text, origin) = match (inline, local) {
        (Some(text), _) => (text.to_vec(), context.from(node, Name::Contents)),
        (None, Some(local)) => match resource::read(context, local) {
            Ok(text) => (text, context.from(node, Name::ContentsLocal)),
            Err(message) => return context.error(from, &[Name::ContentsLocal], message),
        },
        (None, None) => (Vec::new(), from),
    };
    let mut contents = Node::fields(Vec::new(), origin);
    resource::set_contents(context, &mut contents, &text, "", origin);
    file.set(Name::Contents, contents);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_templates() {
        assert_eq!(
            template("foo@bar.container").as_deref(),
            Some("foo@.container")
        );
        assert_eq!(
            template("foo@bar.baz.container").as_deref(),
            Some("foo@.container")
        );
        assert_eq!(template("foo@.container"), None);
        assert_eq!(template("foo.container"), None);
    }
}

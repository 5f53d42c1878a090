//! Quadlets: container units that systemd generates from files, since
//! 1.8.0-experimental.

use crate::context::Context;
use crate::files::clean;
use crate::tree::Name::*;
use crate::tree::Node;
use crate::trees::{Nodes, storage};
use crate::{lower, resource};

const EXTENSIONS: [&str; 8] = ["container", "volume", "network", "kube", "image", "build", "pod", "artifact"];
const CONFLICT: &str = "matching filesystem node has existing contents or different type";

/// The template of an instance: `foo@.container` for `foo@bar.container`.
fn template(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let (unit, instance) = stem.split_once('@')?;
    (!unit.is_empty() && !instance.is_empty()).then(|| format!("{unit}@.{extension}"))
}

/// The rules of a quadlet's own fields.
pub(crate) fn check(context: &mut Context, node: &Node) {
    let name = node.str_or_empty(NameOf);
    let known = name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension));
    if !known {
        context.error(
            node.from,
            &[NameOf],
            "unsupported file extension for quadlet: must be one of .container, .volume, .network, .kube, .image, \
             .build, .pod, or .artifact",
        );
    }
    if template(name).is_some() {
        for field in [Contents, ContentsLocal] {
            if node.get(field).is_some() {
                context.error(node.from, &[field], "template instances cannot have contents or contents_local");
            }
        }
    } else if node.get(Contents).is_some() && node.get(ContentsLocal).is_some() {
        context.error(node.from, &[ContentsLocal], "only one of the following can be set: contents, contents_local");
    }
}

/// Adds the files and links of every quadlet to the config.
pub(crate) fn add(context: &mut Context, root: &mut Node, list: &Node, safe: bool) {
    if list.entries().is_empty() {
        return;
    }
    let mut storage = storage(root);
    let mut nodes = Nodes::new(&storage);
    for quadlet in list.entries() {
        let name = quadlet.str_or_empty(NameOf);
        let names = quadlet.items(Dropins).iter().map(|dropin| dropin.str_or_empty(NameOf)).chain([name]);
        // With a slash a name leads out of the directory of quadlets.
        if safe && names.into_iter().any(|name| name.contains('/')) {
            context.error(quadlet.from, &[NameOf], "quadlet names cannot contain slashes");
            continue;
        }
        let folder = if quadlet.is_true(Rootful) { "/etc/containers/systemd" } else { "/etc/containers/systemd/users" };
        let path = clean(&format!("{folder}/{name}"));
        if let Some(template) = template(name) {
            let from = quadlet.from;
            if nodes.has(&path) {
                context.error(from, &[], CONFLICT);
                continue;
            }
            let link = Node::fields(vec![(Path, Node::text(path.as_str(), from)), (Target, Node::text(template, from))], from);
            nodes.entry(&mut storage, Links, &path, link);
        } else {
            file(context, &mut storage, &mut nodes, quadlet, quadlet, &path);
        }
        for dropin in quadlet.items(Dropins) {
            let path = clean(&format!("{folder}/{name}.d/{}", dropin.str_or_empty(NameOf)));
            file(context, &mut storage, &mut nodes, quadlet, dropin, &path);
        }
    }
    root.set(Storage, storage);
}

fn file(context: &mut Context, storage: &mut Node, nodes: &mut Nodes, quadlet: &Node, node: &Node, path: &str) {
    let mut source = node.clone();
    let before = context.report.entries.len();
    lower::local_contents(context, &mut source);
    if context.report.entries.len() > before {
        return;
    }
    if nodes.has(path) {
        context.error(quadlet.from, &[], CONFLICT);
        return;
    }
    let from = node.from;
    let text = source.get(Contents);
    let mut contents = Node::fields(Vec::new(), from);
    let origin = text.map_or(from, |text| text.from);
    resource::set_contents(context, &mut contents, text.and_then(Node::as_bytes).unwrap_or_default(), "", origin);
    let file = Node::fields(
        vec![(Path, Node::text(path, from)), (Contents, contents), (Mode, Node::int(0o644, from))],
        from,
    );
    nodes.entry(storage, Files, path, file);
}

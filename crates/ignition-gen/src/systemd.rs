//! Units and their drop-ins: the rule for their names, and contents that are
//! read from local files.

use crate::context::Context;
use crate::resource;
use crate::tree::{Name, Node, Value};

/// Reads the local contents of all units and drop-ins.
pub(crate) fn lower(context: &mut Context, root: &mut Node) {
    let Some(systemd) = root.get_mut(Name::Systemd) else {
        return;
    };
    for unit in systemd.items_mut(Name::Units) {
        plain_name(context, unit);
        for dropin in unit.items_mut(Name::Dropins) {
            plain_name(context, dropin);
            local_contents(context, dropin);
        }
        local_contents(context, unit);
    }
}

/// Refuses names that lead out of the directory of units.
pub(crate) fn plain_name(context: &mut Context, node: &Node) {
    if context.safe && node.str_or_empty(Name::Name).contains('/') {
        context.error(node.from, &[Name::Name], "names cannot contain slashes");
    }
}

/// Replaces `contents_local` by the contents, as they are.
fn local_contents(context: &mut Context, node: &mut Node) {
    let Some(local) = node.take(Name::ContentsLocal) else {
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
        Ok(contents) => node.set(
            Name::Contents,
            Node::new(Value::from_bytes(contents), local.from),
        ),
        Err(message) => context.error(local.from, &[], message),
    }
}

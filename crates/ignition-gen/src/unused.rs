//! Keys of the config that the schema of its version does not have.

use crate::context::{Context, place};
use crate::report::{Entry, Severity};
use crate::schema::{Def, Kind};
use crate::tree::{Node, PathId, Step, path_text};
use crate::yaml::{Content, NodeId};

/// Warns of every unknown key, parents before children, in document order.
pub(crate) fn check(context: &mut Context, def: &'static Def, node: &Node) {
    structure(context, def, Some(node), node.from, Some(0));
}

/// `at` is the YAML node that the path leads to, if there is one.
fn structure(
    context: &mut Context,
    def: &'static Def,
    node: Option<&Node>,
    path: PathId,
    at: Option<NodeId>,
) {
    let (Some(document), Some(id)) = (context.document, at) else {
        return;
    };
    let Content::Mapping(items) = &document.node(id).content else {
        // An alias, or nothing at all where a struct belongs.
        let steps = context.paths.steps(path);
        let message = format!(
            "context tree does not match content tree at {}. Line and column reporting may be inconsistent. Unused keys may not be reported",
            path_text(&steps, false)
        );
        context.add(Severity::Warning, &steps, message);
        return;
    };
    let minor = context.minor;
    let known = |name: &str| {
        def.fields
            .iter()
            .find(|field| field.in_butane(minor) && field.name.yaml() == name)
    };
    for pair in items.chunks_exact(2) {
        let key: std::rc::Rc<str> = document.key(pair[0]).into();
        if known(&key).is_none() {
            let mut steps = context.paths.steps(path);
            steps.push(Step::Key(key.clone()));
            context.report.entries.push(Entry {
                severity: Severity::Warning,
                path: path_text(&steps, false),
                position: Some(place(document, pair[0])),
                message: format!("unused key {key}"),
            });
        }
    }
    for field in def.fields.iter().filter(|field| field.in_butane(minor)) {
        let Some((_, value)) = crate::context::find(document, items, field.name.yaml()) else {
            continue;
        };
        let child = node.and_then(|node| node.get(field.name));
        match field.kind {
            Kind::Sub(def) => {
                let path = context.paths.child(path, field.name);
                structure(context, def, child, path, Some(value));
            }
            // An absent pointer is not walked.
            Kind::Optional(def) => {
                if let Some(child) = child {
                    structure(context, def, Some(child), child.from, Some(value));
                }
            }
            Kind::List(def) => {
                let items: &[NodeId] = match &document.node(value).content {
                    Content::Sequence(items) => items,
                    _ => &[],
                };
                for (index, child) in child.map_or(&[][..], Node::entries).iter().enumerate() {
                    structure(
                        context,
                        def,
                        Some(child),
                        child.from,
                        items.get(index).copied(),
                    );
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn keys_of_other_versions_are_unknown() {
        let body = "storage: {trees: []}\nkernel_arguments: {}\nfoo: {bar: 1}";
        assert_eq!(
            messages(0, body),
            [
                "warning at $.kernel_arguments, line 4 col 1: unused key kernel_arguments",
                "warning at $.foo, line 5 col 1: unused key foo",
                "warning at $.storage.trees, line 3 col 11: unused key trees",
            ]
        );
    }

    #[test]
    fn structs_without_a_mapping() {
        let warning = "context tree does not match content tree at $.storage.";
        assert!(messages(7, "storage:")[0].contains(warning));
        assert!(
            messages(7, "x: &x {}\nstorage: *x")
                .iter()
                .any(|one| one.contains(warning))
        );
        assert!(messages(7, "storage: {files: }").is_empty());
    }
}

//! The rules of the generated config: no duplicates, then every struct's own
//! rules, parents before children. The rules themselves are in `ignition_rules`.

use std::collections::HashSet;

use crate::context::Context;
use crate::merge::{ItemKey, item_key};
use crate::report::{Entry, Severity};
use crate::schema::{CONFIG, Def, Kind};
use crate::tree::{Name, Node, PathId, Step, path_text};

/// Lists that share their keys: a path is one kind of node only, and an
/// argument is wanted or unwanted.
const SHARED: [&[Name]; 2] = [
    &[Name::Directories, Name::Files, Name::Links],
    &[Name::ShouldExist, Name::ShouldNotExist],
];

/// A walk through a generated config, or through one that a config embeds.
pub(crate) struct Checker<'c, 'a> {
    pub context: &'c mut Context<'a>,
    root: &'c Node,
    path: Vec<Step>,
    /// The config is an embedded one: paths are its own.
    embedded: bool,
}

/// Checks the generated config.
pub(crate) fn check(context: &mut Context, root: &Node) {
    let mut checker = Checker {
        context,
        root,
        path: Vec::new(),
        embedded: false,
    };
    checker.duplicates(&CONFIG, root);
    checker.structure(&CONFIG, root);
}

/// Checks a config that is embedded in this one. Its messages carry its own
/// paths, and the places that those have in this config.
pub(crate) fn check_embedded(context: &mut Context, root: &Node) {
    let mut checker = Checker {
        context,
        root,
        path: Vec::new(),
        embedded: true,
    };
    checker.structure(&CONFIG, root);
    checker.duplicates(&CONFIG, root);
}

impl Checker<'_, '_> {
    /// The minor number of the `fcos` version: 8 for 1.8.0.
    pub(crate) fn minor(&self) -> u8 {
        self.context.minor
    }

    pub(crate) fn error(&mut self, steps: &[Step], message: impl Into<String>) {
        self.add(Severity::Error, steps, message.into());
    }

    pub(crate) fn warn(&mut self, steps: &[Step], message: impl Into<String>) {
        self.add(Severity::Warning, steps, message.into());
    }

    fn add(&mut self, severity: Severity, steps: &[Step], message: String) {
        let mut full = self.path.clone();
        full.extend_from_slice(steps);
        if self.embedded {
            let path = path_text(&full, true);
            let named = |step: &Step| {
                if let Step::Field(name) = step {
                    Step::Key(name.json().into())
                } else {
                    step.clone()
                }
            };
            let steps: Vec<Step> = full.iter().map(named).collect();
            let position = self.context.position_of_values(&steps);
            self.context.report.entries.push(Entry {
                severity,
                path,
                position,
                message,
            });
            return;
        }
        let steps = self.origin(&full).unwrap_or(full);
        self.context.add(severity, &steps, message);
    }

    /// The Butane path that a value of the generated config comes from.
    fn origin(&self, steps: &[Step]) -> Option<Vec<Step>> {
        let mut from = PathId::NONE;
        let mut node = Some(self.root);
        let mut kind = Kind::Sub(&CONFIG);
        for step in steps {
            match step {
                Step::Field(name) => {
                    let (Kind::Sub(def) | Kind::Optional(def) | Kind::List(def)) = kind else {
                        return None;
                    };
                    kind = def.field(*name, self.context.minor, true)?.kind;
                    node = node.and_then(|node| node.get(*name));
                    // What is not set has no origin, even if its parent has one.
                    from = node?.from;
                }
                Step::Index(index) => {
                    node = Some(node?.entries().get(*index)?);
                    from = node?.from;
                }
                Step::Key(_) => return None,
            }
        }
        from.is_some().then(|| self.context.paths.steps(from))
    }

    fn duplicates(&mut self, def: &'static Def, node: &Node) {
        let minor = self.context.minor;
        let mut seen: [HashSet<ItemKey>; 2] = Default::default();
        for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
            if !matches!(field.kind, Kind::List(_) | Kind::Texts(_)) {
                continue;
            }
            let items = node.items(field.name);
            let shared = SHARED.iter().position(|names| names.contains(&field.name));
            let mut own = HashSet::new();
            let keys = match shared {
                // A partition or a user has a lone `should_exist`; it is no list.
                Some(shared) => &mut seen[shared],
                None => &mut own,
            };
            let mut twice = Vec::new();
            for (index, item) in items.iter().enumerate() {
                if item_key(field, item).is_some_and(|key| !keys.insert(key)) {
                    twice.push(index);
                }
            }
            for index in twice {
                self.error(
                    &[field.name.into(), index.into()],
                    "duplicate entry defined",
                );
            }
        }
        self.children(def, node, Checker::duplicates);
    }

    fn structure(&mut self, def: &'static Def, node: &Node) {
        self.rules(def, node);
        self.children(def, node, Checker::structure);
    }

    fn children(
        &mut self,
        def: &'static Def,
        node: &Node,
        visit: fn(&mut Self, &'static Def, &Node),
    ) {
        let minor = self.context.minor;
        let absent = Node::fields(Vec::new(), PathId::NONE);
        for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
            let depth = self.path.len();
            self.path.push(field.name.into());
            match field.kind {
                // Structs are checked even if they are empty.
                Kind::Sub(def) => visit(self, def, node.get(field.name).unwrap_or(&absent)),
                Kind::Optional(def) => {
                    if let Some(child) = node.get(field.name) {
                        visit(self, def, child);
                    }
                }
                Kind::List(def) => {
                    for (index, item) in node.items(field.name).iter().enumerate() {
                        self.path.push(index.into());
                        visit(self, def, item);
                        self.path.pop();
                    }
                }
                _ => {}
            }
            self.path.truncate(depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn duplicates_across_lists_of_nodes() {
        assert_eq!(
            messages(
                7,
                "storage: {files: [{path: /a}, {path: /b}], links: [{path: /a, target: b}]}"
            ),
            ["error at $.storage.links.0, line 3 col 52: duplicate entry defined"]
        );
        assert_eq!(
            messages(
                7,
                "kernel_arguments: {should_exist: [a], should_not_exist: [a]}"
            ),
            [
                "error at $.kernel_arguments.should_not_exist.0, line 3 col 58: duplicate entry defined"
            ]
        );
    }

    #[test]
    fn empty_values_have_no_origin_after_a_merge() {
        let body = "boot_device: {layout: x86_64, mirror: {devices: [/dev/a, /dev/b]}}\n\
                    storage: {raid: [{name: md-root, level: raid1, devices: ['']}]}";
        let messages = messages(7, body);
        assert!(
            messages[0].starts_with("error at $.storage.raid.1.devices.2, line 4 col 17:"),
            "{messages:?}"
        );
    }

    #[test]
    fn messages_lead_to_where_values_come_from() {
        let body = "storage:\n  filesystems: [{device: /dev/a, path: /var, format: ext4, with_mount_unit: true}]\nsystemd:\n  units: [{name: x}]";
        assert_eq!(
            messages(7, body),
            ["error at $.systemd.units.0.name, line 6 col 18: invalid systemd unit extension"]
        );
    }
}

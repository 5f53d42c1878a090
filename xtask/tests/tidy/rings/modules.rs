//! The modules of a crate, what each names, and where that is defined.

use std::collections::{BTreeMap, BTreeSet};

use super::Imports;
use super::tokens::{Token, tokens, without_tests};

/// The words before the name of an item.
const DEFINES: [&str; 8] = [
    "struct", "enum", "union", "trait", "type", "fn", "const", "static",
];

/// What a module names: a leaf of a `use` line, or a path in its code.
#[derive(Clone)]
struct Named {
    path: Vec<String>,
    /// The name that a `use` line gives it.
    bound: Option<String>,
    all: bool,
    public: bool,
    line: usize,
}

impl Named {
    fn shown(&self) -> String {
        let path = self.path.join("::");
        match (&self.bound, self.all) {
            (_, true) => format!("use {path}::*;"),
            (Some(_), _) => format!("use {path};"),
            (None, _) => path,
        }
    }
}

#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    named: Vec<Named>,
    defined: BTreeSet<String>,
    /// Words of the code that may be an item: not behind `::` or `.`.
    words: BTreeSet<String>,
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// An item of this module.
    Item(usize),
}

/// The modules of one crate; the first is its root.
#[derive(Default)]
pub(super) struct Crate {
    modules: Vec<Module>,
}

/// The leaves of the `use` tree at `at`, and where it ends.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &[String], leaves: &mut Vec<Named>) -> usize {
    let text = |at: usize| tokens.get(at).map_or(";", |token| token.text.as_str());
    let mut path = prefix.to_vec();
    while text(at) != "{" {
        let word = text(at);
        // `a::{self}` is `a`.
        if !["::", "*", "self"].contains(&word) || (word == "self" && path.is_empty()) {
            path.push(word.to_owned());
        }
        let line = tokens.get(at).map_or(0, |token| token.line);
        at += 1;
        if word != "::" && text(at) != "::" {
            let renamed = text(at) == "as";
            let bound = if renamed {
                text(at + 1)
            } else {
                path.last().map_or("", |name| name)
            };
            leaves.push(Named {
                bound: Some(bound.to_owned()),
                path: path.clone(),
                all: word == "*",
                public: false,
                line,
            });
            return at + if renamed { 2 } else { 0 };
        }
    }
    at += 1;
    while !["}", ";"].contains(&text(at)) {
        at = use_tree(tokens, at, &path, leaves);
        at += usize::from(text(at) == ",");
    }
    at + 1
}

impl Crate {
    /// Reads the module tree of `lib.rs`, or of `main.rs` where there is none.
    pub(super) fn read(files: &BTreeMap<String, String>) -> Crate {
        let mut tree = Crate::default();
        let root = ["lib.rs", "main.rs"]
            .into_iter()
            .find(|root| files.contains_key(*root));
        if let Some(root) = root {
            tree.add(files, root, None, "");
        }
        tree
    }

    fn module(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        self.modules.len() - 1
    }

    /// Adds the module of a whole file; its children lie in `folder`.
    fn add(
        &mut self,
        files: &BTreeMap<String, String>,
        file: &str,
        parent: Option<usize>,
        folder: &str,
    ) -> usize {
        let id = self.module(file, parent);
        let tokens = without_tests(&tokens(&files[file]));
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let mut depth = 0;
        // The modules around, each with the depth of its braces.
        let mut around = vec![(id, 0)];
        let mut at = 0;
        while at < tokens.len() {
            let (this, _) = around[around.len() - 1];
            let before = if at == 0 { "" } else { text(at - 1) };
            match (text(at), text(at + 1), text(at + 2)) {
                ("mod", name, ";") if this == id => {
                    let places = [
                        format!("{folder}{name}.rs"),
                        format!("{folder}{name}/mod.rs"),
                    ];
                    if let Some(place) = places.iter().find(|place| files.contains_key(*place)) {
                        let below = format!("{folder}{name}/");
                        let child = self.add(files, place, Some(this), &below);
                        self.modules[this].children.insert(name.to_owned(), child);
                    }
                    at += 2;
                }
                ("mod", name, "{") => {
                    let child = self.module(file, Some(this));
                    self.modules[this].children.insert(name.to_owned(), child);
                    depth += 1;
                    around.push((child, depth));
                    at += 2;
                }
                // Not the `use<'a>` of a type.
                ("use", next, _) if next != "<" => {
                    let mut leaves = Vec::new();
                    at = use_tree(&tokens, at + 1, &[], &mut leaves);
                    for leaf in &mut leaves {
                        leaf.public = ["pub", ")"].contains(&before);
                    }
                    self.modules[this].named.append(&mut leaves);
                    continue;
                }
                ("{", ..) => depth += 1,
                ("}", ..) => {
                    if around.len() > 1 && around[around.len() - 1].1 == depth {
                        around.pop();
                    }
                    depth -= 1;
                }
                (word, next, _) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                    let line = tokens[at].line;
                    if DEFINES.contains(&word) {
                        self.modules[this].defined.insert(next.to_owned());
                    } else if next == "::" && !["::", "."].contains(&before) {
                        let mut path = vec![word.to_owned()];
                        while text(at + 1) == "::" && text(at + 2) != "<" {
                            path.push(text(at + 2).to_owned());
                            at += 2;
                        }
                        let (bound, all, public) = (None, false, false);
                        self.modules[this].named.push(Named {
                            path,
                            bound,
                            all,
                            public,
                            line,
                        });
                    }
                    // Nor the name of a field.
                    if !["::", "."].contains(&before) && next != ":" {
                        self.modules[this].words.insert(word.to_owned());
                    }
                }
                _ => {}
            }
            at += 1;
        }
        id
    }

    /// What `name` is in a module: a child, or what a `use` line or, failing
    /// all else, a `use …::*` line brings.
    fn look_up(&self, module: usize, name: &str, depth: usize) -> Vec<Target> {
        let this = &self.modules[module];
        let mut found: Vec<Target> = this
            .children
            .get(name)
            .map(|id| Target::Module(*id))
            .into_iter()
            .collect();
        let lines = this.named.iter().filter(|named| named.bound.is_some());
        for line in lines
            .clone()
            .filter(|line| !line.all && line.bound.as_deref() == Some(name))
        {
            found.extend(self.resolve(module, &line.path, depth + 1));
        }
        if this.defined.contains(name) {
            found.push(Target::Item(module));
        }
        if found.is_empty() {
            for line in lines.filter(|line| line.all) {
                for target in self.resolve(module, &line.path, depth + 1) {
                    if let Target::Module(other) = target
                        && other != module
                    {
                        found.extend(self.look_up(other, name, depth + 1));
                    }
                }
            }
        }
        found
    }

    /// What a path that stands in a module leads to; nothing if that is
    /// another crate's, or a local name.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Vec<Target> {
        let mut at = Some(module);
        let mut steps = path.iter().peekable();
        let mut anchored = false;
        while let Some(step) =
            steps.next_if(|step| ["crate", "self", "super"].contains(&step.as_str()))
        {
            anchored = true;
            at = match step.as_str() {
                "crate" => Some(0),
                "self" => at,
                _ => at.and_then(|at| self.modules[at].parent),
            };
        }
        let Some(at) = at.filter(|_| depth < 32) else {
            return Vec::new();
        };
        let mut found = vec![Target::Module(at)];
        for step in steps {
            // A module and a function may share a name; a path goes through
            // the module.
            if found
                .iter()
                .any(|target| matches!(target, Target::Module(_)))
            {
                found.retain(|target| matches!(target, Target::Module(_)));
            }
            let mut next = Vec::new();
            for target in &found {
                match *target {
                    Target::Module(id) => {
                        let targets = self.look_up(id, step, depth + 1);
                        // What a macro makes is defined where it is looked for.
                        let made = targets.is_empty() && (anchored || id != module);
                        next.extend(if made {
                            vec![Target::Item(id)]
                        } else {
                            targets
                        });
                    }
                    // A variant, or something of a type.
                    item => next.push(item),
                }
            }
            found = next;
        }
        found
    }

    fn is_below(&self, below: usize, above: usize) -> bool {
        let mut at = Some(below);
        while let Some(id) = at {
            if id == above {
                return true;
            }
            at = self.modules[id].parent;
        }
        false
    }

    /// Which file imports which, and the first line of each that does.
    pub(super) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (id, module) in self.modules.iter().enumerate() {
            for named in &module.named {
                let mut targets = self.resolve(id, &named.path, 0);
                targets.retain(|target| named.all || matches!(target, Target::Item(_)));
                for target in targets {
                    let (Target::Item(to) | Target::Module(to)) = target;
                    let used = named
                        .bound
                        .as_ref()
                        .is_some_and(|name| module.words.contains(name));
                    let listed = named.public && !used && self.is_below(to, id);
                    let to = &self.modules[to].file;
                    if *to != module.file && !listed {
                        let line = format!("{}:{}: {}", module.file, named.line, named.shown());
                        let edges = imports.entry(module.file.clone()).or_default();
                        edges.entry(to.clone()).or_insert(line);
                    }
                }
            }
        }
        imports
    }
}

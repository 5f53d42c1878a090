//! Reports all errors of a document at once, each with its place, in plain words.
//!
//! serde stops at the first error. So the value that it stopped at is taken out of the
//! tree of the document, or a missing one is put in, and the tree is read again, until
//! there are no more errors. Errors that only these changes caused are not reported.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::any::any;
use crate::content_place::place;
use crate::excerpt::{Problem, Shown, has_user, is_private_key, of_unread};
use crate::hints::hint;
use crate::keys::Keys;
use crate::syntax::unreadable;
use crate::tree::{Entry, Kind, Node, Span, Step, written};
use crate::tree_reader::Wrong;
use crate::words::{meant, missing_key, plain, suggestion, unknown_key};

mod paths;

use paths::{SECRET, is_secret, kind_of, last_key, steps, told};

/// The largest number of errors that are reported: more than anybody corrects at once.
pub(crate) const MOST: usize = 50;

/// The problems of a document, as far as they are known.
pub(crate) struct Problems<'a> {
    text: &'a str,
    /// The document as it was written; nothing if it has not been read yet.
    tree: Option<Node>,
    all: Vec<Problem>,
    /// Paths of values that were taken out or put in.
    changed: Vec<Vec<Step>>,
    /// Mappings whose keys were listed once.
    listed: Vec<String>,
    /// Mappings with missing keys, these keys, and which of `all` tells them.
    missing: Vec<(Vec<Step>, Vec<String>, usize)>,
    keys: fn() -> Keys,
    /// The first and the last line of an image's own part, where there are several.
    lines: Option<(usize, usize)>,
}

/// Reads a document as far as possible: the value of what is left without the errors,
/// and the errors.
pub(crate) fn read<T: DeserializeOwned + JsonSchema>(text: &str) -> (Option<T>, Problems<'_>) {
    let mut problems = Problems::new::<T>(text);
    let first = serde_yaml::from_str::<T>(text);
    // Only a `!` makes a tag.
    if first.is_ok() && !text.contains('!') {
        return (first.ok(), problems);
    }
    let nothing = |line: &str| line.is_empty() || line.starts_with('#') || line == "---";
    if text.lines().map(str::trim).all(nothing) {
        let detail = "the file is empty; `image`, `zfs` and `kmods` are needed (`cargo xtask \
                      init` writes one)";
        problems
            .all
            .push(Problem::new("", None, Shown::Nothing, detail));
        return (None, problems);
    }
    // Whether it is YAML is asked first: a document that is not has one mistake.
    if let Err(error) = serde_yaml::from_str::<IgnoredAny>(text) {
        problems.unreadable(&error);
        return (None, problems);
    }
    problems.tree = Node::read(text);
    let value = match (problems.tree.clone(), first) {
        (Some(tree), first) => {
            let value = problems.correct(tree);
            if let (Err(error), []) = (&first, problems.all.as_slice()) {
                problems.unreadable(error);
            }
            value.or(first.ok())
        }
        (None, Ok(value)) => Some(value),
        (None, Err(error)) => {
            problems.unreadable(&error);
            None
        }
    };
    (value, problems)
}

/// The same of a tree that was put together of parts of the document.
pub(crate) fn read_tree<T: DeserializeOwned + JsonSchema>(
    text: &str,
    tree: Node,
    lines: Option<(usize, usize)>,
) -> (Option<T>, Problems<'_>) {
    let mut problems = Problems {
        tree: Some(tree.clone()),
        lines,
        ..Problems::new::<T>(text)
    };
    let value = problems.values(tree);
    (value, problems)
}

/// The errors of form of a whole document; what is wrong is marked in the tree.
pub(crate) fn of_form(text: &str, tree: &mut Node) -> Vec<Problem> {
    let mut problems = Problems::new::<crate::config::Config>(text);
    problems.form(tree, &mut Vec::new());
    problems.in_order()
}

impl<'a> Problems<'a> {
    fn new<T: JsonSchema>(text: &'a str) -> Self {
        Self {
            text,
            tree: None,
            all: Vec::new(),
            changed: Vec::new(),
            listed: Vec::new(),
            missing: Vec::new(),
            keys: Keys::of::<T>,
            lines: None,
        }
    }

    /// Line and column of a value of `content`.
    pub fn place_in_content(&self, value: &str) -> Option<(usize, usize)> {
        let of_image = |lines| place(self.text, value, Some(lines));
        let own = self.lines.and_then(of_image);
        own.or_else(|| place(self.text, value, None))
    }

    /// Whether the key of a path is written in an image's own part.
    pub fn is_own(&self, path: &str) -> bool {
        let span = self
            .tree
            .as_ref()
            .and_then(|tree| tree.key_at(&steps(path)));
        match (span, self.lines) {
            (Some(span), Some((first, last))) => (first..=last).contains(&span.line),
            _ => false,
        }
    }

    /// All, in the order of the document; those without a place are the last.
    pub fn in_order(mut self) -> Vec<Problem> {
        self.all
            .sort_by_key(|problem| (problem.place.is_none(), problem.place));
        self.all.dedup();
        if self.all.len() > MOST {
            self.all.truncate(MOST);
            let more = format!("and more; these are the first {MOST}");
            self.all.push(Problem::new("", None, Shown::Nothing, &more));
        }
        self.all
    }

    /// Whether a value was changed for the sake of another error, so that nothing can
    /// be said about it.
    pub fn is_changed(&self, path: &str) -> bool {
        let path = steps(path);
        let related = |changed: &Vec<Step>| changed.starts_with(&path) || path.starts_with(changed);
        self.changed.iter().any(related)
    }

    /// Adds a problem that was found elsewhere.
    pub fn add(&mut self, problem: Problem) {
        self.all.push(problem);
    }

    /// Adds a problem of the value at a path; of its item with this text, if there is
    /// one.
    pub fn add_at(&mut self, path: &str, item: Option<&str>, detail: &str) {
        let text = self.text;
        let tree = self.tree.get_or_insert_with(|| {
            Node::read(text).unwrap_or(Node {
                span: None,
                tag: None,
                kind: Kind::Map(Vec::new()),
            })
        });
        let mut path = steps(path);
        if let Some(Kind::List(items)) = tree.at(&path).map(|node| &node.kind) {
            let is_it = |node: &Node| item.is_some() && node.scalar() == item;
            if let Some(at) = items.iter().rposition(|item| is_it(&item.node)) {
                path.push(Step::Item(at));
            }
        }
        // The nearest that is written.
        let span = (1..=path.len())
            .rev()
            .find_map(|length| tree.key_at(&path[..length]));
        self.all.push(Problem::new(text, span, Shown::Line, detail));
    }

    /// An error of the YAML library.
    fn unreadable(&mut self, error: &serde_yaml::Error) {
        let place = error.location().map(|at| (at.line(), at.column()));
        let (span, detail) = unreadable(&error.to_string(), place, self.text);
        let keys = (self.keys)();
        let shown = span.map_or(Shown::Nothing, |span| {
            of_unread(self.text, span.line, &SECRET, |name| keys.has(name))
        });
        self.all.push(Problem::new(self.text, span, shown, &detail));
    }

    /// Takes errors out of the tree until it can be read, or nothing can be done.
    fn correct<T: DeserializeOwned>(&mut self, mut tree: Node) -> Option<T> {
        self.form(&mut tree, &mut Vec::new());
        self.values(tree)
    }

    fn values<T: DeserializeOwned>(&mut self, mut tree: Node) -> Option<T> {
        while self.all.len() <= MOST {
            let wrong = match T::deserialize(&tree) {
                Ok(value) => return Some(value),
                Err(wrong) => wrong,
            };
            if !self.mend(&mut tree, &wrong) {
                break;
            }
        }
        None
    }

    /// Reports an error, and changes the tree so that the next can be found.
    fn mend(&mut self, tree: &mut Node, wrong: &Wrong) -> bool {
        let mut path = wrong.path();
        if let Some(key) = missing_key(&wrong.message) {
            let mapping = path.clone();
            path.push(Step::Key(key.to_owned()));
            if !self
                .changed
                .iter()
                .any(|changed| changed.starts_with(&path))
            {
                let span = match mapping.last() {
                    // No line says that a section is missing.
                    None => None,
                    Some(_) => tree.key_at(&mapping),
                };
                self.missing(&mapping, span, key);
            }
            self.changed.push(path.clone());
            return put(tree, &mapping, key) || {
                self.changed.push(mapping.clone());
                tree.take(&mapping)
            };
        }
        if let Some(key) = unknown_key(&wrong.message) {
            let mapping = path.clone();
            path.push(Step::Key(key.to_owned()));
            let list = !self.listed.contains(&kind_of(&mapping));
            let (words, listed) = meant(&wrong.message, &(self.keys)(), list);
            if listed {
                self.listed.push(kind_of(&mapping));
            }
            let span = tree.key_at(&path);
            let detail = told(&mapping, &words);
            self.all
                .push(Problem::new(self.text, span, Shown::Key, &detail));
            // The key that was probably meant is not reported as missing, too.
            if let Some(meant) = suggestion(&wrong.message) {
                let mut meant_path = mapping;
                meant_path.push(Step::Key(meant.to_owned()));
                self.changed.push(meant_path);
            }
            self.changed.push(path.clone());
            return tree.take(&path);
        }
        // What two items are without their mistakes is not what was written.
        let twice = wrong.message.ends_with("is listed twice");
        let below = |changed: &Vec<Step>| changed.len() > path.len() && changed.starts_with(&path);
        if !(twice && self.changed.iter().any(below))
            && let Some(problem) = self.of_value(tree, &path, &wrong.message)
        {
            self.all.push(problem);
        }
        self.changed.push(path.clone());
        tree.take(&path)
    }

    /// Reports a missing key; those of one mapping together.
    fn missing(&mut self, mapping: &[Step], span: Option<Span>, key: &str) {
        let known = self.missing.iter().position(|(path, ..)| path == mapping);
        let number = known.unwrap_or_else(|| {
            let new = (mapping.to_vec(), Vec::new(), self.all.len());
            self.missing.push(new);
            self.missing.len() - 1
        });
        let Some((_, keys, at)) = self.missing.get_mut(number) else {
            return;
        };
        let at = *at;
        keys.push(format!("`{key}`"));
        let words = match keys.split_last() {
            Some((last, [])) => format!("the key {last} is missing"),
            Some((last, others)) => {
                format!("the keys {} and {last} are missing", others.join(", "))
            }
            None => return,
        };
        let problem = Problem::new(self.text, span, Shown::Line, &told(mapping, &words));
        match self.all.get_mut(at) {
            Some(before) => *before = problem,
            None => self.all.push(problem),
        }
    }

    /// What is wrong with a value; nothing if it is empty because of another error.
    fn of_value(&self, tree: &Node, path: &[Step], message: &str) -> Option<Problem> {
        let node = tree.at(path)?;
        let problem =
            |span, shown, detail: &str| Some(Problem::new(self.text, span, shown, detail));
        let name = written(path);
        let key = tree.key_at(path);
        if node.is_nothing() && !name.is_empty() {
            return problem(key, Shown::Line, &format!("{name} has no value"));
        }
        if let Some(tag) = &node.tag {
            let detail = format!("{name}: tags such as `{tag}` are not read here; remove it");
            return problem(node.span, Shown::Line, &detail);
        }
        let text = node.scalar().unwrap_or_default();
        if is_private_key(text) {
            let instead = match is_secret(path) {
                true => "write where it is kept, env:NAME or file:PATH",
                false => "write only the public half here",
            };
            let detail = format!(
                "{name}: this is a private key, which everybody can read now who reads this \
                 file; make another pair, use no longer what belongs to this one, and {instead}"
            );
            return Some(Problem::shown_at(
                self.text,
                node.span,
                last_key(tree, path),
                Shown::Key,
                &detail,
            ));
        }
        if is_secret(path) {
            let words = match text {
                "" => plain(message, Some(node)),
                text => plain(message, Some(node)).replace(text, "…"),
            };
            return Some(Problem::shown_at(
                self.text,
                node.span,
                last_key(tree, path),
                Shown::Key,
                &told(path, &words),
            ));
        }
        if has_user(text) {
            let detail = "an address here has no user name or password; wanted https://HOST/PATH";
            return problem(node.span, Shown::Line, &told(path, detail));
        }
        let listed_twice = message.ends_with("is listed twice");
        let path = match path.split_last() {
            Some((Step::Item(_), list)) if listed_twice => list,
            _ => path,
        };
        let mut words = plain(message, Some(node));
        words.extend(hint(&kind_of(path), node, message, &(self.keys)()));
        problem(node.span, Shown::Line, &told(path, &words))
    }

    /// Errors of form, for which no type is needed: what is wrong is marked.
    fn form(&mut self, node: &mut Node, path: &mut Vec<Step>) {
        let core = [
            "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map",
        ];
        if let Some(tag) = node.tag.take_if(|tag| !core.contains(&tag.as_str())) {
            let words = format!("tags such as `{tag}` are not read here; remove it");
            self.form_of(node.span, path, &words);
            self.changed.push(path.clone());
        }
        match &mut node.kind {
            Kind::Scalar(..) => {}
            Kind::List(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    path.push(Step::Item(at));
                    self.form(&mut item.node, path);
                    path.pop();
                }
            }
            Kind::Map(entries) => {
                self.keys(entries, path);
                for entry in entries.iter_mut().filter(|entry| !entry.gone) {
                    let name = entry.key.scalar().unwrap_or_default().to_owned();
                    path.push(Step::Key(name));
                    self.form(&mut entry.value, path);
                    path.pop();
                }
            }
        }
    }

    fn keys(&mut self, entries: &mut [Entry], path: &[Step]) {
        let mut seen: std::collections::HashMap<String, Option<Span>> =
            std::collections::HashMap::new();
        for entry in entries {
            let span = entry.key.span;
            let name = match &entry.key.kind {
                Kind::Scalar(name, _) => name.clone(),
                Kind::List(_) | Kind::Map(_) => {
                    let kind = match entry.key.kind {
                        Kind::List(_) => "a list",
                        _ => "a mapping",
                    };
                    self.form_of(span, path, &format!("a key must be a word, not {kind}"));
                    entry.gone = true;
                    continue;
                }
            };
            if name == "<<" {
                let words = "merge keys (`<<`) are not read here; write the keys out";
                self.form_of(span, path, words);
                entry.gone = true;
                continue;
            }
            match seen.get(&name) {
                None => {
                    seen.insert(name, span);
                }
                Some(first) => {
                    let line = |span: Option<Span>| span.map_or(0, |span| span.line);
                    let (one, two) = (line(*first), line(span));
                    let shown = crate::excerpt::clipped(&name);
                    let words = match one == two {
                        true => format!("`{shown}` is there twice, in line {one}"),
                        false => format!("`{shown}` is there twice, in lines {one} and {two}"),
                    };
                    self.form_of(span, path, &words);
                    entry.gone = true;
                    let mut path = path.to_vec();
                    path.push(Step::Key(name));
                    self.changed.push(path);
                }
            }
        }
    }

    fn form_of(&mut self, span: Option<Span>, path: &[Step], words: &str) {
        let detail = told(path, words);
        self.all
            .push(Problem::new(self.text, span, Shown::Key, &detail));
    }
}

/// Adds a missing entry to a mapping; `false` if no value is known for it.
fn put(tree: &mut Node, mapping: &[Step], key: &str) -> bool {
    let mut path = mapping.to_vec();
    path.push(Step::Key(key.to_owned()));
    let Some(mut value) = any(&kind_of(&path)).and_then(Node::read) else {
        return false;
    };
    value.span = None;
    let entry = Entry {
        key: Node {
            span: None,
            tag: None,
            kind: Kind::Scalar(key.to_owned(), true),
        },
        value,
        gone: false,
    };
    match tree.at_mut(mapping) {
        Some(Node {
            kind: Kind::Map(entries),
            ..
        }) => {
            entries.push(entry);
            true
        }
        // Nothing is written after the key of the mapping.
        Some(node) if node.is_nothing() => {
            node.kind = Kind::Map(vec![entry]);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! What all phases of a translation share: the version, the paths, the marked
//! tree for positions, the report, the files.

use crate::files::Files;
use crate::gzip::Gzip;
use crate::report::{Entry, Position, Report, Severity};
use crate::tree::{Name, Node, PathId, Paths, Step, path_text};
use crate::yaml::{Content, Document, NodeId};

/// The state of one translation.
pub(crate) struct Context<'a> {
    /// Minor number of the `fcos` version, 8 for the experimental one.
    pub minor: u8,
    pub document: Option<&'a Document>,
    pub paths: Paths,
    pub report: Report,
    pub files: &'a dyn Files,
    /// Reused for every file: setting one up costs more than a small file.
    pub gzip: Gzip,
    /// Refuse what can only do harm, see the documentation of the crate.
    pub safe: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        minor: u8,
        document: Option<&'a Document>,
        files: &'a dyn Files,
        safe: bool,
    ) -> Self {
        Context {
            minor,
            document,
            paths: Paths::new(),
            report: Report::default(),
            files,
            gzip: Gzip::new(),
            safe,
        }
    }

    /// An error at the path, or at a field below it.
    pub(crate) fn error(&mut self, parent: PathId, names: &[Name], message: impl Into<String>) {
        let steps = self.steps(parent, names);
        self.add(Severity::Error, &steps, message.into());
    }

    pub(crate) fn warn(&mut self, parent: PathId, names: &[Name], message: impl Into<String>) {
        let steps = self.steps(parent, names);
        self.add(Severity::Warning, &steps, message.into());
    }

    fn steps(&self, parent: PathId, names: &[Name]) -> Vec<Step> {
        let mut steps = self.paths.steps(parent);
        steps.extend(names.iter().map(|name| Step::Field(*name)));
        steps
    }

    /// Adds a message about a field of the Butane config.
    pub(crate) fn add(&mut self, severity: Severity, steps: &[Step], message: String) {
        let position = self.position(steps);
        let path = if steps.is_empty() {
            String::new()
        } else {
            path_text(steps, false)
        };
        self.report.entries.push(Entry {
            severity,
            path,
            position,
            message,
        });
    }

    /// The place of the deepest node that exists on the way.
    pub(crate) fn position(&self, steps: &[Step]) -> Option<Position> {
        let document = self.document?;
        let mut at: NodeId = 0;
        for step in steps {
            let next = match (step, &document.node(at).content) {
                (Step::Field(name), Content::Mapping(items)) => {
                    find(document, items, name.yaml()).map(|(_, value)| value)
                }
                (Step::Key(key), Content::Mapping(items)) => {
                    find(document, items, key).map(|(key, _)| key)
                }
                (Step::Index(index), Content::Sequence(items)) => items.get(*index).copied(),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(place(document, at))
    }

    /// Like [`Context::position`], but keys lead to their values.
    pub(crate) fn position_of_values(&self, steps: &[Step]) -> Option<Position> {
        let document = self.document?;
        let mut at: NodeId = 0;
        for step in steps {
            let next = match (step, &document.node(at).content) {
                (Step::Key(key), Content::Mapping(items)) => {
                    find(document, items, key).map(|(_, value)| value)
                }
                (Step::Index(index), Content::Sequence(items)) => items.get(*index).copied(),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(place(document, at))
    }

    /// The path of a field's value, whether or not it is set.
    pub(crate) fn from(&mut self, node: &Node, name: Name) -> PathId {
        match node.get(name) {
            Some(value) => value.from,
            None => self.paths.child(node.from, name),
        }
    }
}

pub(crate) fn place(document: &Document, id: NodeId) -> Position {
    let node = document.node(id);
    Position {
        line: node.line,
        column: node.column,
    }
}

/// Key and value of an entry; of equal keys (they are errors) the last one.
pub(crate) fn find(document: &Document, items: &[NodeId], name: &str) -> Option<(NodeId, NodeId)> {
    let named = |pair: &&[NodeId]| document.key(pair[0]) == name;
    items
        .rchunks_exact(2)
        .find(named)
        .map(|pair| (pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn places_are_those_of_the_deepest_node() {
        let place = |body: &str| messages(7, body)[0].clone();
        assert!(
            place("storage: {files: [{path: x}]}")
                .contains("$.storage.files.0.path, line 3 col 26:")
        );
        assert!(
            place("storage: {files: [{mode: 1}]}")
                .contains("$.storage.files.0.path, line 3 col 19:")
        );
    }
}

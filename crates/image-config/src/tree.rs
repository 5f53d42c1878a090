//! A YAML document as a tree in which every value has its place. It is read only to say
//! what is wrong: values come from `serde_yaml`.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};

/// The deepest nesting, as in `serde_yaml`.
const DEEPEST: usize = 127;

/// The most values of a document, aliases counted as what they stand for.
const MOST_VALUES: usize = 500_000;

/// Where a value is: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub line: usize,
    pub column: usize,
    /// The column after its last character, if it ends in the same line.
    pub end: Option<usize>,
}

impl Span {
    /// A place of unknown length.
    pub fn at(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            end: None,
        }
    }

    fn of(marks: &Marks) -> Self {
        let (start, end) = (&marks.start, &marks.end);
        Self {
            line: start.line(),
            column: start.col() + 1,
            end: (start.line() == end.line() && end.col() > start.col()).then(|| end.col() + 1),
        }
    }
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Nothing for a value that is not in the document.
    pub span: Option<Span>,
    /// `!name` or `!!name`.
    pub tag: Option<String>,
    pub kind: Kind,
}

/// What kind of value it is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A text, and whether it is without quotes.
    Scalar(String, bool),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// An item of a list. One that is wrong is marked and stays, so that the others keep
/// their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub node: Node,
    pub gone: bool,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Node,
    pub value: Node,
    pub gone: bool,
}

/// A step from a value to one inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

/// `kmods[0].tag`; empty for the whole document.
pub(crate) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Item(number) => text.push_str(&format!("[{number}]")),
        }
    }
    text
}

impl Node {
    /// The first document of a text; nothing if it is no YAML, is nested too deep, or
    /// has too many values.
    pub fn read(text: &str) -> Option<Self> {
        Reader::default().read(text)
    }

    /// The text, if it is one.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is written where a value belongs.
    pub fn is_nothing(&self) -> bool {
        match &self.kind {
            Kind::Scalar(text, true) => ["", "~", "null", "Null", "NULL"].contains(&text.as_str()),
            _ => false,
        }
    }

    /// The entry of a key.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        let is_it = |entry: &&Entry| !entry.gone && entry.key.scalar() == Some(name);
        entries.iter().find(is_it)
    }

    fn step(&self, step: &Step) -> Option<&Self> {
        match (step, &self.kind) {
            (Step::Key(name), _) => self.entry(name).map(|entry| &entry.value),
            (Step::Item(number), Kind::List(items)) => items.get(*number).map(|item| &item.node),
            (Step::Item(_), _) => None,
        }
    }

    /// The value at a path.
    pub fn at(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, Self::step)
    }

    /// The value at a path, to be changed.
    pub fn at_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, step| match step {
            Step::Key(name) => match &mut node.kind {
                Kind::Map(entries) => entries
                    .iter_mut()
                    .find(|entry| !entry.gone && entry.key.scalar() == Some(name))
                    .map(|entry| &mut entry.value),
                _ => None,
            },
            Step::Item(number) => match &mut node.kind {
                Kind::List(items) => items.get_mut(*number).map(|item| &mut item.node),
                _ => None,
            },
        })
    }

    /// Takes the value at a path out, with its key; `false` if there is none.
    pub fn take(&mut self, path: &[Step]) -> bool {
        let Some((last, above)) = path.split_last() else {
            return false;
        };
        let Some(node) = self.at_mut(above) else {
            return false;
        };
        let gone = match (last, &mut node.kind) {
            (Step::Key(name), Kind::Map(entries)) => entries
                .iter_mut()
                .find(|entry| !entry.gone && entry.key.scalar() == Some(name))
                .map(|entry| &mut entry.gone),
            (Step::Item(number), Kind::List(items)) => items
                .get_mut(*number)
                .map(|item| &mut item.gone)
                .filter(|gone| !**gone),
            _ => None,
        };
        gone.map(|gone| *gone = true).is_some()
    }

    /// The place of the last step of a path: of its key, or of the item.
    pub fn key_at(&self, path: &[Step]) -> Option<Span> {
        let (last, above) = path.split_last()?;
        let node = self.at(above)?;
        match last {
            Step::Key(name) => node.entry(name)?.key.span,
            Step::Item(_) => node.step(last)?.span,
        }
    }
}

/// Makes the tree of the parser's events.
#[derive(Default)]
struct Reader {
    /// The lists and mappings that are open, and the number of their anchor.
    open: Vec<(Node, usize)>,
    anchors: HashMap<usize, (Node, usize)>,
    /// Of each open list or mapping, a key that waits for its value.
    keys: Vec<Option<Node>>,
    values: usize,
    root: Option<Node>,
}

impl Reader {
    fn read(mut self, text: &str) -> Option<Node> {
        let mut parser = Parser::new_from_str(text);
        loop {
            let (event, marks) = parser.next_event()?.ok()?;
            let span = Some(Span::of(&marks));
            let node = |kind, tag: Option<std::borrow::Cow<'_, saphyr_parser::Tag>>| {
                let tag = tag.map(|tag| match tag.is_yaml_core_schema() {
                    true => format!("!!{}", tag.suffix),
                    false => format!("{}{}", tag.handle, tag.suffix),
                });
                Node { span, tag, kind }
            };
            match event {
                Event::Alias(anchor) => {
                    let (value, size) = self.anchors.get(&anchor)?.clone();
                    self.values += size;
                    self.put(value)?;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let value = node(Kind::Scalar(text.into_owned(), plain), tag);
                    self.named(anchor, &value, 1);
                    self.put(value)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.open(node(Kind::List(Vec::new()), tag), anchor)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.open(node(Kind::Map(Vec::new()), tag), anchor)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let (value, anchor) = self.open.pop()?;
                    self.keys.pop();
                    let before = self.values;
                    self.named(anchor, &value, before);
                    self.put(value)?;
                }
                Event::DocumentEnd | Event::StreamEnd => return self.root,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
            }
        }
    }

    /// Keeps a value for its aliases. `size` is at least the number of values in it.
    fn named(&mut self, anchor: usize, value: &Node, size: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.open.push((node, anchor));
        self.keys.push(None);
        (self.open.len() <= DEEPEST).then_some(())
    }

    fn put(&mut self, node: Node) -> Option<()> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return None;
        }
        let Some((parent, _)) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut parent.kind {
            Kind::List(items) => items.push(Item { node, gone: false }),
            Kind::Map(entries) => {
                let waiting = self.keys.last_mut()?;
                match waiting.take() {
                    None => *waiting = Some(node),
                    Some(key) => entries.push(Entry {
                        key,
                        value: node,
                        gone: false,
                    }),
                }
            }
            Kind::Scalar(..) => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn every_value_has_its_place() {
        let tree = Node::read("# first\na:\n  - {b: é, c: 'x y'} # more\nd: |\n  z\n").unwrap();
        let path = [key("a"), Step::Item(0), key("c")];
        let span = tree.at(&path).unwrap().span.unwrap();
        assert_eq!((span.line, span.column, span.end), (3, 15, Some(20)));
        assert_eq!(tree.key_at(&path).unwrap().column, 12);
        assert_eq!(written(&path), "a[0].c");
        assert_eq!(tree.at(&[key("d")]).unwrap().scalar(), Some("z\n"));
    }

    #[test]
    fn what_is_taken_out_is_not_found_and_the_rest_keeps_its_number() {
        let mut tree = Node::read("a: [x, y]\n").unwrap();
        assert!(tree.take(&[key("a"), Step::Item(0)]));
        assert!(!tree.take(&[key("a"), Step::Item(0)]));
        let rest = tree.at(&[key("a"), Step::Item(1)]).unwrap();
        assert_eq!(rest.scalar(), Some("y"));
        assert!(tree.take(&[key("a")]) && tree.at(&[key("a")]).is_none());
    }

    #[test]
    fn a_document_that_grows_or_nests_without_end_is_not_read() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g", "h"]
            .iter()
            .zip("abcdefg".chars())
        {
            let ten = vec![format!("*{of}"); 10].join(", ");
            bomb.push_str(&format!("{name}: &{name} [{ten}]\n"));
        }
        assert!(Node::read(&bomb).is_none());
        assert!(Node::read(&"[".repeat(10_000)).is_none());
        assert!(Node::read("a: *b\n").is_none());
    }
}

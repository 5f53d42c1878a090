//! Tokens to the node tree: YAML's grammar as a state machine, so that depth
//! costs heap and not stack. Only the first document is read.

use std::collections::HashMap;
use std::rc::Rc;

use super::fault::{Fault, Mark};
use super::node::{Content, Document, Node, NodeId, Tag};
use super::resolve;
use super::scan::{Scanner, Style, Token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    BlockNode,
    BlockSequenceEntry,
    IndentlessEntry,
    BlockKey,
    BlockValue,
    FlowSequenceEntry {
        first: bool,
    },
    /// A single pair inside `[ ]`: its key, its value, its end.
    PairKey,
    PairValue,
    PairEnd,
    FlowKey {
        first: bool,
    },
    FlowValue,
    FlowEmptyValue,
    DocumentEnd,
}

pub(super) struct Parser<'a> {
    pub(super) scanner: Scanner<'a>,
    pub(super) states: Vec<State>,
    marks: Vec<Mark>,
    tags: Vec<(String, String)>,
    nodes: Vec<Node>,
    anchors: HashMap<String, NodeId>,
    names: Vec<(NodeId, Box<str>)>,
    /// Collections that are still open, outermost first.
    pub(super) open: Vec<NodeId>,
}

impl Document {
    /// Parses the first document of `input`; `None` if there is none.
    ///
    /// # Errors
    /// The first [`Fault`] of the reader, the scanner or the grammar.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<Self>, Fault> {
        let mut parser = Parser {
            scanner: Scanner::new(input),
            states: Vec::new(),
            marks: Vec::new(),
            tags: Vec::new(),
            nodes: Vec::new(),
            anchors: HashMap::new(),
            names: Vec::new(),
            open: Vec::new(),
        };
        parser.scanner.take()?;
        if !parser.document_start()? {
            return Ok(None);
        }
        while let Some(state) = parser.states.pop() {
            parser.step(state)?;
        }
        Ok(Some(Document {
            nodes: parser.nodes,
            anchors: parser.names,
        }))
    }
}

impl Parser<'_> {
    pub(super) fn peek(&mut self) -> Result<(Token, Mark, Mark), Fault> {
        let spanned = self.scanner.peek()?;
        // Texts stay where they are; only their kind matters to the grammar.
        let token = match &spanned.token {
            Token::Alias(_) => Token::Alias(String::new()),
            Token::Anchor(_) => Token::Anchor(String::new()),
            Token::Tag(..) => Token::Tag(String::new(), String::new()),
            Token::TagDirective(..) => Token::TagDirective(String::new(), String::new()),
            Token::Scalar(_, style) => Token::Scalar(String::new(), *style),
            token => token.clone(),
        };
        Ok((token, spanned.start, spanned.end))
    }

    fn document_start(&mut self) -> Result<bool, Fault> {
        let (token, ..) = self.peek()?;
        let directives = matches!(token, Token::Version(..) | Token::TagDirective(..));
        if token == Token::StreamEnd {
            return Ok(false);
        }
        self.directives()?;
        let (token, start, _) = self.peek()?;
        if token == Token::DocumentStart {
            self.scanner.take()?;
            let (token, start, _) = self.peek()?;
            self.states.push(State::DocumentEnd);
            if matches!(
                token,
                Token::Version(..)
                    | Token::TagDirective(..)
                    | Token::DocumentStart
                    | Token::DocumentEnd
                    | Token::StreamEnd
            ) {
                self.empty(start)?;
                return Ok(true);
            }
        } else if directives {
            return Err(Fault::parser(
                Mark::default(),
                start,
                "did not find expected <document start>",
            ));
        } else {
            self.states.push(State::DocumentEnd);
        }
        self.states.push(State::BlockNode);
        Ok(true)
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut version = false;
        loop {
            match self.peek()? {
                (Token::Version(major, minor), start, _) => {
                    if version {
                        return Err(Fault::parser(
                            Mark::default(),
                            start,
                            "found duplicate %YAML directive",
                        ));
                    }
                    if (major, minor) != (1, 1) {
                        return Err(Fault::parser(
                            Mark::default(),
                            start,
                            "found incompatible YAML document",
                        ));
                    }
                    version = true;
                    self.scanner.take()?;
                }
                (Token::TagDirective(..), start, _) => {
                    if let Token::TagDirective(handle, prefix) = self.scanner.take()?.token {
                        if self.tags.iter().any(|(known, _)| *known == handle) {
                            return Err(Fault::parser(
                                Mark::default(),
                                start,
                                "found duplicate %TAG directive",
                            ));
                        }
                        self.tags.push((handle, prefix));
                    }
                }
                _ => break,
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.into(), prefix.into()));
            }
        }
        Ok(())
    }

    fn step(&mut self, state: State) -> Result<(), Fault> {
        match state {
            State::BlockNode => self.node(true, false),
            State::BlockSequenceEntry => self.block_sequence_entry(),
            State::IndentlessEntry => self.indentless_entry(),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowSequenceEntry { first } => self.flow_sequence_entry(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => {
                self.close();
                self.states.push(State::FlowSequenceEntry { first: false });
                Ok(())
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue | State::FlowEmptyValue => self.flow_value(state),
            State::DocumentEnd => {
                if self.peek()?.0 == Token::DocumentEnd {
                    self.scanner.take()?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn node(&mut self, block: bool, indentless: bool) -> Result<(), Fault> {
        let (mut token, mut start, _) = self.peek()?;
        if let Token::Alias(_) = token {
            if let Token::Alias(name) = self.scanner.take()?.token {
                let target = self.anchors.get(&name).copied();
                let target = target
                    .ok_or_else(|| Fault::plain(format!("unknown anchor '{name}' referenced")))?;
                self.add(Content::Alias(target), Tag::None, start)?;
            }
            return Ok(());
        }
        let node_start = start;
        let mut anchor = None;
        let mut tag: Option<(String, String, Mark)> = None;
        loop {
            match token {
                Token::Anchor(_) if anchor.is_none() => {
                    if let Token::Anchor(name) = self.scanner.take()?.token {
                        anchor = Some(name);
                    }
                }
                Token::Tag(..) if tag.is_none() => {
                    if let Token::Tag(handle, suffix) = self.scanner.take()?.token {
                        tag = Some((handle, suffix, start));
                    }
                }
                _ => break,
            }
            (token, start, _) = self.peek()?;
        }
        let had_properties = anchor.is_some() || tag.is_some();
        let tag = match tag {
            None => None,
            Some((handle, suffix, _)) if handle.is_empty() => Some(suffix),
            Some((handle, suffix, mark)) => {
                match self.tags.iter().find(|(known, _)| *known == handle) {
                    Some((_, prefix)) => Some(format!("{prefix}{suffix}")),
                    None => {
                        return Err(Fault::parser(
                            node_start,
                            mark,
                            "found undefined tag handle",
                        ));
                    }
                }
            }
        };
        let tag = tag.as_deref().map_or(Tag::None, Tag::from_long);
        let (content, tag, next) = match token {
            Token::BlockEntry if indentless => (
                Content::Sequence(Vec::new()),
                tag,
                Some(State::IndentlessEntry),
            ),
            Token::Scalar(_, style) => {
                let Token::Scalar(value, _) = self.scanner.take()?.token else {
                    return Err(Fault::internal());
                };
                let tag = scalar_tag(tag, &value, style);
                (Content::Scalar(Rc::from(value)), tag, None)
            }
            Token::FlowSequenceStart => (
                Content::Sequence(Vec::new()),
                tag,
                Some(State::FlowSequenceEntry { first: true }),
            ),
            Token::FlowMappingStart => (
                Content::Mapping(Vec::new()),
                tag,
                Some(State::FlowKey { first: true }),
            ),
            Token::BlockSequenceStart if block => (
                Content::Sequence(Vec::new()),
                tag,
                Some(State::BlockSequenceEntry),
            ),
            Token::BlockMappingStart if block => {
                (Content::Mapping(Vec::new()), tag, Some(State::BlockKey))
            }
            _ if had_properties => {
                let tag = scalar_tag(tag, "", Style::Plain);
                (Content::Scalar(Rc::from("")), tag, None)
            }
            _ => {
                return Err(Fault::parser(
                    node_start,
                    start,
                    "did not find expected node content",
                ));
            }
        };
        let id = self.add(content, tag, node_start)?;
        if let Some(anchor) = anchor {
            self.names.push((id, anchor.as_str().into()));
            self.anchors.insert(anchor, id);
        }
        if let Some(state) = next {
            self.open.push(id);
            if state != State::IndentlessEntry {
                // The collection's own token; faults inside it refer to it.
                let start = self.scanner.take()?.start;
                self.marks.push(start);
            }
            self.states.push(state);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, content: Content, tag: Tag, mark: Mark) -> Result<NodeId, Fault> {
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| Fault::internal())?;
        let (Ok(line), Ok(column)) = (u32::try_from(mark.line + 1), u32::try_from(mark.column + 1))
        else {
            return Err(Fault::internal());
        };
        self.nodes.push(Node {
            content,
            tag,
            line,
            column,
        });
        if let Some(parent) = self.open.last() {
            match &mut self.nodes[*parent as usize].content {
                Content::Mapping(items) | Content::Sequence(items) => items.push(id),
                _ => {}
            }
        }
        Ok(id)
    }

    pub(super) fn empty(&mut self, mark: Mark) -> Result<(), Fault> {
        self.add(Content::Scalar(Rc::from("")), Tag::Null, mark)?;
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    fn block_sequence_entry(&mut self) -> Result<(), Fault> {
        let (token, start, end) = self.peek()?;
        match token {
            Token::BlockEntry => {
                self.scanner.take()?;
                self.states.push(State::BlockSequenceEntry);
                match self.peek()?.0 {
                    Token::BlockEntry | Token::BlockEnd => self.empty(end),
                    _ => self.node(true, false),
                }
            }
            Token::BlockEnd => self.end_collection(),
            _ => Err(Fault::parser(
                self.context(),
                start,
                "did not find expected '-' indicator",
            )),
        }
    }

    pub(super) fn end_collection(&mut self) -> Result<(), Fault> {
        self.scanner.take()?;
        self.marks.pop();
        self.close();
        Ok(())
    }

    pub(super) fn context(&self) -> Mark {
        self.marks.last().copied().unwrap_or_default()
    }

    fn indentless_entry(&mut self) -> Result<(), Fault> {
        let (token, _, end) = self.peek()?;
        if token != Token::BlockEntry {
            self.close();
            return Ok(());
        }
        self.scanner.take()?;
        self.states.push(State::IndentlessEntry);
        match self.peek()?.0 {
            Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd => self.empty(end),
            _ => self.node(true, false),
        }
    }

    fn block_key(&mut self) -> Result<(), Fault> {
        let (token, start, end) = self.peek()?;
        match token {
            Token::Key => {
                self.scanner.take()?;
                self.states.push(State::BlockValue);
                match self.peek()?.0 {
                    Token::Key | Token::Value | Token::BlockEnd => self.empty(end),
                    _ => self.node(true, true),
                }
            }
            Token::BlockEnd => self.end_collection(),
            _ => Err(Fault::parser(
                self.context(),
                start,
                "did not find expected key",
            )),
        }
    }

    fn block_value(&mut self) -> Result<(), Fault> {
        self.states.push(State::BlockKey);
        let (token, start, end) = self.peek()?;
        if token != Token::Value {
            return self.empty(start);
        }
        self.scanner.take()?;
        match self.peek()?.0 {
            Token::Key | Token::Value | Token::BlockEnd => self.empty(end),
            _ => self.node(true, true),
        }
    }
}

/// The tag a scalar goes by: its own, `!!str` when it is not plain, or what
/// its text looks like.
fn scalar_tag(tag: Tag, value: &str, style: Style) -> Tag {
    match tag {
        Tag::None | Tag::NonSpecific if style != Style::Plain => Tag::Str,
        Tag::None | Tag::NonSpecific if value == "<<" => Tag::Merge,
        Tag::None | Tag::NonSpecific => resolve::implicit(value).tag(),
        tag => tag,
    }
}

//! Text to tokens: the indentation rules, simple keys and indicators of
//! YAML 1.1, with the look-ahead and the complaints of libyaml's family.
//!
//! `fetch` decides what comes next; `scan_names` and `scan_scalars` read the
//! tokens that carry text.

use std::collections::{HashMap, VecDeque};

use super::fault::{Fault, Mark};
use super::reader::{self, Decoded};

/// Nesting that the reference allows, in flow and in block style.
pub(super) const MAX_DEPTH: usize = 10_000;

/// Characters that an implicit key may be long.
const MAX_KEY: usize = 1024;

/// Bytes that the reference looks ahead for a comment.
const MAX_GAP: usize = 512;

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    Block,
}

/// A lexical element.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    StreamStart,
    StreamEnd,
    Version(u32, u32),
    TagDirective(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag(String, String),
    Scalar(String, Style),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub token: Token,
    pub start: Mark,
    pub end: Mark,
}

/// Something that turns out to be a key if a `:` follows.
#[derive(Clone, Copy, Default)]
pub(super) struct SimpleKey {
    pub possible: bool,
    pub required: bool,
    pub number: usize,
    pub mark: Mark,
}

/// The tokenizer.
pub(super) struct Scanner<'a> {
    pub(super) text: std::borrow::Cow<'a, str>,
    problem: Option<&'static str>,
    pub(super) pos: usize,
    pub(super) mark: Mark,
    /// Line breaks since the last character that is not blank.
    pub(super) newlines: usize,
    pub(super) flow: usize,
    pub(super) indent: isize,
    pub(super) indents: Vec<isize>,
    pub(super) key_allowed: bool,
    pub(super) keys: Vec<SimpleKey>,
    pub(super) keys_by_token: HashMap<usize, usize>,
    pub(super) tokens: VecDeque<Spanned>,
    pub(super) parsed: usize,
    pub(super) started: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        let Decoded { text, problem } = reader::decode(input);
        Scanner {
            text,
            problem,
            pos: 0,
            mark: Mark::default(),
            newlines: 0,
            flow: 0,
            indent: -1,
            indents: Vec::new(),
            key_allowed: false,
            keys: vec![SimpleKey::default()],
            keys_by_token: HashMap::new(),
            tokens: VecDeque::new(),
            parsed: 0,
            started: false,
        }
    }

    /// The next token, without taking it.
    pub(super) fn peek(&mut self) -> Result<&Spanned, Fault> {
        self.fill()?;
        match self.tokens.front() {
            Some(token) => Ok(token),
            None => Err(Fault::internal()),
        }
    }

    /// Takes the token that `peek` showed.
    pub(super) fn take(&mut self) -> Result<Spanned, Fault> {
        self.fill()?;
        self.parsed += 1;
        self.tokens.pop_front().ok_or_else(Fault::internal)
    }

    /// Reads ahead until the front token is settled. The reference keeps two
    /// more tokens in sight than it needs (for its comments), so faults of
    /// the scanner come before those of the parser.
    fn fill(&mut self) -> Result<(), Fault> {
        loop {
            if self.tokens.len() > 2 {
                match self.keys_by_token.get(&self.parsed).copied() {
                    None => return Ok(()),
                    Some(key) if !self.key_valid(key)? => return Ok(()),
                    Some(_) => {}
                }
            }
            self.fetch()?;
        }
    }

    pub(super) fn at(&self, offset: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.pos + offset)
            .copied()
            .unwrap_or(0)
    }

    /// Bytes of the line break at `offset`, 0 if there is none.
    pub(super) fn break_len(&self, offset: usize) -> usize {
        match self.at(offset) {
            b'\r' if self.at(offset + 1) == b'\n' => 2,
            b'\r' | b'\n' => 1,
            0xc2 if self.at(offset + 1) == 0x85 => 2,
            0xe2 if self.at(offset + 1) == 0x80 && matches!(self.at(offset + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_blank(&self, offset: usize) -> bool {
        matches!(self.at(offset), b' ' | b'\t')
    }

    /// End of text. A NUL cannot be met otherwise: the reader refuses it.
    pub(super) fn is_end(&self, offset: usize) -> bool {
        self.pos + offset >= self.text.len()
    }

    pub(super) fn is_break_or_end(&self, offset: usize) -> bool {
        self.is_end(offset) || self.break_len(offset) > 0
    }

    pub(super) fn is_blank_or_end(&self, offset: usize) -> bool {
        self.is_blank(offset) || self.is_break_or_end(offset)
    }

    /// Makes sure that `count` characters can be looked at.
    pub(super) fn need(&self, count: usize) -> Result<(), Fault> {
        match self.problem {
            Some(problem) if self.text[self.pos..].chars().take(count).count() < count => {
                Err(Fault::reader(problem))
            }
            _ => Ok(()),
        }
    }

    /// Bytes of the character at the current position.
    pub(super) fn width(&self) -> usize {
        match self.at(0) {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        }
    }

    pub(super) fn skip(&mut self) {
        if !self.is_blank(0) {
            self.newlines = 0;
        }
        self.pos = (self.pos + self.width()).min(self.text.len());
        self.mark.index += 1;
        self.mark.column += 1;
    }

    pub(super) fn skip_line(&mut self) {
        let width = self.break_len(0);
        if width > 0 {
            self.mark.index += if width == 2 && self.at(0) == b'\r' {
                2
            } else {
                1
            };
            self.mark.column = 0;
            self.mark.line += 1;
            self.newlines += 1;
            self.pos += width;
        }
    }

    pub(super) fn read(&mut self, into: &mut String) {
        let end = (self.pos + self.width()).min(self.text.len());
        into.push_str(&self.text[self.pos..end]);
        self.skip();
    }

    /// Reads a line break; all but the two Unicode separators become `\n`.
    pub(super) fn read_line(&mut self, into: &mut String) {
        match self.break_len(0) {
            0 => {}
            3 => into.push_str(&self.text[self.pos..self.pos + 3]),
            _ => into.push('\n'),
        }
        self.skip_line();
    }

    pub(super) fn fault(&self, context: Mark, problem: impl Into<String>) -> Fault {
        Fault::scanner(context, self.mark, problem)
    }

    /// Whether `---` or `...` stands alone at the start of the line.
    pub(super) fn document_indicator(&self) -> Option<Token> {
        if self.mark.column != 0 || !self.is_blank_or_end(3) {
            return None;
        }
        match [self.at(0), self.at(1), self.at(2)] {
            [b'-', b'-', b'-'] => Some(Token::DocumentStart),
            [b'.', b'.', b'.'] => Some(Token::DocumentEnd),
            _ => None,
        }
    }

    pub(super) fn push(&mut self, token: Token, start: Mark) {
        let end = self.mark;
        self.tokens.push_back(Spanned { token, start, end });
    }

    pub(super) fn indicator(&mut self, token: Token, width: usize) -> Result<(), Fault> {
        let start = self.mark;
        for _ in 0..width {
            self.skip();
        }
        self.push(token, start);
        Ok(())
    }

    pub(super) fn skip_to_token(&mut self) -> Result<(), Fault> {
        loop {
            self.need(1)?;
            // Tabs separate, but never where they could be taken for indentation.
            while self.at(0) == b' ' || self.at(0) == b'\t' && (self.flow > 0 || !self.key_allowed)
            {
                self.skip();
                self.need(1)?;
            }
            while self.at(0) == b'#' {
                self.skip_comment()?;
                self.skip_to_comment()?;
            }
            if self.break_len(0) == 0 {
                return Ok(());
            }
            self.need(2)?;
            self.skip_line();
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// After a comment, goes on to the next one if only blanks and breaks lie
    /// between: tabs before it do not count as indentation then.
    fn skip_to_comment(&mut self) -> Result<(), Fault> {
        let mut offset = 0;
        while offset < MAX_GAP && (self.is_blank(offset) || self.break_len(offset) > 0) {
            offset += self.break_len(offset).max(1);
        }
        if offset >= MAX_GAP || self.at(offset) != b'#' {
            return Ok(());
        }
        let comment = self.pos + offset;
        while self.pos < comment {
            if self.break_len(0) > 0 {
                self.skip_line();
            } else {
                self.skip();
            }
            self.need(1)?;
        }
        Ok(())
    }

    /// A comment behind a token belongs to its line, and ends with it.
    pub(super) fn line_comment(&mut self) -> Result<(), Fault> {
        let mut offset = 0;
        while offset < MAX_GAP && self.is_blank(offset) {
            offset += 1;
        }
        if self.newlines > 0 || offset >= MAX_GAP || self.at(offset) != b'#' {
            return Ok(());
        }
        for _ in 0..offset {
            self.skip();
        }
        self.skip_comment()
    }

    /// Whether the key is still possible: on this line, not too long ago.
    pub(super) fn key_valid(&mut self, index: usize) -> Result<bool, Fault> {
        let key = self.keys[index];
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < self.mark.line || key.mark.index + MAX_KEY < self.mark.index {
            if key.required {
                return Err(self.fault(key.mark, "could not find expected ':'"));
            }
            self.keys[index].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    pub(super) fn save_key(&mut self) -> Result<(), Fault> {
        if self.key_allowed {
            let key = SimpleKey {
                possible: true,
                required: self.flow == 0 && self.indent == self.mark.column as isize,
                number: self.parsed + self.tokens.len(),
                mark: self.mark,
            };
            self.remove_key()?;
            let last = self.keys.len() - 1;
            self.keys[last] = key;
            self.keys_by_token.insert(key.number, last);
        }
        Ok(())
    }

    pub(super) fn remove_key(&mut self) -> Result<(), Fault> {
        let last = self.keys.len() - 1;
        let key = self.keys[last];
        if key.possible {
            if key.required {
                return Err(self.fault(key.mark, "could not find expected ':'"));
            }
            self.keys[last].possible = false;
            self.keys_by_token.remove(&key.number);
        }
        Ok(())
    }

    /// Opens a block collection at `column` if it is deeper than the current.
    pub(super) fn roll(
        &mut self,
        column: usize,
        number: Option<usize>,
        token: Token,
        mark: Mark,
    ) -> Result<(), Fault> {
        if self.flow > 0 || self.indent >= column as isize {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column as isize;
        if self.indents.len() > MAX_DEPTH {
            let context = self.keys[self.keys.len() - 1].mark;
            return Err(self.fault(context, format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let spanned = Spanned {
            token,
            start: mark,
            end: mark,
        };
        match number {
            Some(number) => self
                .tokens
                .insert(number.saturating_sub(self.parsed), spanned),
            None => self.tokens.push_back(spanned),
        }
        Ok(())
    }

    pub(super) fn unroll(&mut self, column: isize) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            let mark = self.mark;
            self.push(Token::BlockEnd, mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}

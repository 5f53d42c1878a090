//! The grammar inside brackets and braces.

use super::fault::Fault;
use super::node::{Content, Tag};
use super::parse::{Parser, State};
use super::scan::Token;

impl Parser<'_> {
    pub(super) fn flow_sequence_entry(&mut self, first: bool) -> Result<(), Fault> {
        let (mut token, mut start, _) = self.peek()?;
        if token != Token::FlowSequenceEnd {
            if !first {
                if token != Token::FlowEntry {
                    return Err(Fault::parser(
                        self.context(),
                        start,
                        "did not find expected ',' or ']'",
                    ));
                }
                self.scanner.take()?;
                (token, start, _) = self.peek()?;
            }
            if token == Token::Key {
                let id = self.add(Content::Mapping(Vec::new()), Tag::None, start)?;
                self.open.push(id);
                self.scanner.take()?;
                self.states.push(State::PairKey);
                return Ok(());
            }
            if token != Token::FlowSequenceEnd {
                self.states.push(State::FlowSequenceEntry { first: false });
                return self.node(false, false);
            }
        }
        self.end_collection()
    }

    pub(super) fn flow_key(&mut self, first: bool) -> Result<(), Fault> {
        let (mut token, mut start, _) = self.peek()?;
        if token != Token::FlowMappingEnd {
            if !first {
                if token != Token::FlowEntry {
                    return Err(Fault::parser(
                        self.context(),
                        start,
                        "did not find expected ',' or '}'",
                    ));
                }
                self.scanner.take()?;
                (token, start, _) = self.peek()?;
            }
            if token == Token::Key {
                self.scanner.take()?;
                self.states.push(State::FlowValue);
                let (token, start, _) = self.peek()?;
                return match token {
                    Token::Value | Token::FlowEntry | Token::FlowMappingEnd => self.empty(start),
                    _ => self.node(false, false),
                };
            }
            if token != Token::FlowMappingEnd {
                self.states.push(State::FlowEmptyValue);
                return self.node(false, false);
            }
        }
        let _ = start;
        self.end_collection()
    }

    pub(super) fn pair_key(&mut self) -> Result<(), Fault> {
        let (token, _, end) = self.peek()?;
        self.states.push(State::PairValue);
        if matches!(
            token,
            Token::Value | Token::FlowEntry | Token::FlowSequenceEnd
        ) {
            // The reference steps over this token; only malformed pairs get here.
            self.scanner.take()?;
            return self.empty(end);
        }
        self.node(false, false)
    }

    pub(super) fn pair_value(&mut self) -> Result<(), Fault> {
        self.states.push(State::PairEnd);
        let (mut token, mut start, _) = self.peek()?;
        if token == Token::Value {
            self.scanner.take()?;
            (token, start, _) = self.peek()?;
            if !matches!(token, Token::FlowEntry | Token::FlowSequenceEnd) {
                return self.node(false, false);
            }
        }
        self.empty(start)
    }

    pub(super) fn flow_value(&mut self, state: State) -> Result<(), Fault> {
        self.states.push(State::FlowKey { first: false });
        let (mut token, mut start, _) = self.peek()?;
        if state == State::FlowValue && token == Token::Value {
            self.scanner.take()?;
            (token, start, _) = self.peek()?;
            if !matches!(token, Token::FlowEntry | Token::FlowMappingEnd) {
                return self.node(false, false);
            }
        }
        self.empty(start)
    }
}

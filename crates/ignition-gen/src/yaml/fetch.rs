//! Which token comes next, and what that does to keys and indentation.

use super::fault::Fault;
use super::scan::{MAX_DEPTH, Scanner, SimpleKey, Spanned, Token};

impl Scanner<'_> {
    pub(super) fn fetch(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        if !self.started {
            self.started = true;
            self.key_allowed = true;
            let mark = self.mark;
            self.push(Token::StreamStart, mark);
            return Ok(());
        }
        self.skip_to_token()?;
        self.unroll(self.mark.column as isize);
        self.need(4)?;
        if self.is_end(0) {
            return self.stream_end();
        }
        let directive = self.mark.column == 0 && self.at(0) == b'%';
        let document = self.document_indicator().is_some();
        self.fetch_here()?;
        // An entry's comment may belong to what follows.
        let entry = self
            .tokens
            .back()
            .is_some_and(|last| last.token == Token::BlockEntry);
        if directive || document || entry {
            Ok(())
        } else {
            self.line_comment()
        }
    }

    /// The token at the current position.
    fn fetch_here(&mut self) -> Result<(), Fault> {
        let start = self.mark;
        if self.mark.column == 0 && self.at(0) == b'%' {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            let token = self.scan_directive()?;
            self.push(token, start);
            return Ok(());
        }
        if let Some(token) = self.document_indicator() {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            return self.indicator(token, 3);
        }
        let flow = self.flow > 0;
        match self.at(0) {
            b'[' => self.flow_start(Token::FlowSequenceStart),
            b'{' => self.flow_start(Token::FlowMappingStart),
            b']' => self.flow_end(Token::FlowSequenceEnd),
            b'}' => self.flow_end(Token::FlowMappingEnd),
            b',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.indicator(Token::FlowEntry, 1)
            }
            b'-' if self.is_blank_or_end(1) => self.block_entry(),
            b'?' if flow || self.is_blank_or_end(1) => self.key(),
            b':' if flow || self.is_blank_or_end(1) => self.value(),
            sign @ (b'*' | b'&') => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.scan_anchor(sign == b'*')?;
                self.push(token, start);
                Ok(())
            }
            b'!' => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.scan_tag()?;
                self.push(token, start);
                Ok(())
            }
            sign @ (b'|' | b'>') if !flow => {
                self.remove_key()?;
                self.key_allowed = true;
                let (token, end) = self.scan_block_scalar(sign == b'|')?;
                self.tokens.push_back(Spanned { token, start, end });
                Ok(())
            }
            sign @ (b'\'' | b'"') => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.scan_flow_scalar(sign)?;
                self.push(token, start);
                Ok(())
            }
            first => {
                let special = matches!(
                    first,
                    b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`'
                );
                let plain = !(special || self.is_blank_or_end(0))
                    || first == b'-' && !self.is_blank(1)
                    || !flow && matches!(first, b'?' | b':') && !self.is_blank_or_end(1);
                if !plain {
                    return Err(
                        self.fault(self.mark, "found character that cannot start any token")
                    );
                }
                self.save_key()?;
                self.key_allowed = false;
                let (token, end) = self.scan_plain_scalar()?;
                self.tokens.push_back(Spanned { token, start, end });
                Ok(())
            }
        }
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let mark = self.mark;
        self.push(Token::StreamEnd, mark);
        Ok(())
    }

    fn flow_start(&mut self, token: Token) -> Result<(), Fault> {
        self.save_key()?;
        self.keys.push(SimpleKey {
            number: self.parsed + self.tokens.len(),
            mark: self.mark,
            ..SimpleKey::default()
        });
        self.flow += 1;
        if self.flow > MAX_DEPTH {
            return Err(self.fault(self.mark, format!("exceeded max depth of {MAX_DEPTH}")));
        }
        self.key_allowed = true;
        self.indicator(token, 1)
    }

    fn flow_end(&mut self, token: Token) -> Result<(), Fault> {
        self.remove_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(key) = self.keys.pop() {
                // Only an entry of this level: the number of a key that never was possible may be another's.
                if self.keys_by_token.get(&key.number) == Some(&self.keys.len()) {
                    self.keys_by_token.remove(&key.number);
                }
            }
        }
        self.key_allowed = false;
        self.indicator(token, 1)
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.fault(
                    self.mark,
                    "block sequence entries are not allowed in this context",
                ));
            }
            let mark = self.mark;
            self.roll(mark.column, None, Token::BlockSequenceStart, mark)?;
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.indicator(Token::BlockEntry, 1)
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.fault(self.mark, "mapping keys are not allowed in this context"));
            }
            let mark = self.mark;
            self.roll(mark.column, None, Token::BlockMappingStart, mark)?;
        }
        self.remove_key()?;
        self.key_allowed = self.flow == 0;
        self.indicator(Token::Key, 1)
    }

    fn value(&mut self) -> Result<(), Fault> {
        let last = self.keys.len() - 1;
        if self.key_valid(last)? {
            let key = self.keys[last];
            let token = Spanned {
                token: Token::Key,
                start: key.mark,
                end: key.mark,
            };
            self.tokens
                .insert(key.number.saturating_sub(self.parsed), token);
            self.roll(
                key.mark.column,
                Some(key.number),
                Token::BlockMappingStart,
                key.mark,
            )?;
            self.keys[last].possible = false;
            self.keys_by_token.remove(&key.number);
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return Err(
                        self.fault(self.mark, "mapping values are not allowed in this context")
                    );
                }
                let mark = self.mark;
                self.roll(mark.column, None, Token::BlockMappingStart, mark)?;
            }
            self.key_allowed = self.flow == 0;
        }
        self.indicator(Token::Value, 1)
    }
}

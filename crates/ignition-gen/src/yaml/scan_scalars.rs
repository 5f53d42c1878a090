//! Scalars: plain, quoted and block.

use super::fault::{Fault, Mark};
use super::scan::{Scanner, Style, Token};

impl Scanner<'_> {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<(Token, Mark), Fault> {
        let start = self.mark;
        self.skip();
        self.need(1)?;
        let mut keep = None;
        let mut increment = 0;
        // The two indicators come in either order, each at most once.
        for _ in 0..2 {
            match self.at(0) {
                sign @ (b'+' | b'-') if keep.is_none() => keep = Some(sign == b'+'),
                b'0' if increment == 0 => {
                    return Err(self.fault(start, "found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment == 0 => increment = isize::from(digit - b'0'),
                _ => break,
            }
            self.skip();
            self.need(1)?;
        }
        self.skip_blanks()?;
        self.skip_comment()?;
        if !self.is_break_or_end(0) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.need(2)?;
        self.skip_line();
        let mut end = self.mark;
        let mut indent = if increment > 0 {
            self.indent.max(0) + increment
        } else {
            0
        };
        let (mut text, mut lead, mut breaks) = (String::new(), String::new(), String::new());
        self.block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        self.need(1)?;
        let mut leading_blank = false;
        while self.mark.column as isize == indent && !self.is_end(0) {
            let trailing_blank = self.is_blank(0);
            if !literal && !leading_blank && !trailing_blank && lead.starts_with('\n') {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&lead);
            }
            lead.clear();
            text.push_str(&breaks);
            breaks.clear();
            leading_blank = self.is_blank(0);
            self.read_to_break(&mut text)?;
            self.need(2)?;
            self.read_line(&mut lead);
            self.block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        }
        if keep != Some(false) {
            text.push_str(&lead);
        }
        if keep == Some(true) {
            text.push_str(&breaks);
        }
        Ok((Token::Scalar(text, Style::Block), end))
    }

    /// Copies the rest of the line at once: block scalars are most of a config.
    fn read_to_break(&mut self, into: &mut String) -> Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.pos..];
        let mut length = 0;
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'\n' | b'\r' => break,
                0xc2 if rest.get(at + 1) == Some(&0x85) => break,
                0xe2 if matches!(rest.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => break,
                _ => length = at + 1,
            }
        }
        let line = &self.text[self.pos..self.pos + length];
        into.push_str(line);
        if line.bytes().any(|byte| !matches!(byte, b' ' | b'\t')) {
            self.newlines = 0;
        }
        let characters = line.chars().count();
        self.pos += length;
        self.mark.index += characters;
        self.mark.column += characters;
        self.need(1)
    }

    fn block_breaks(
        &mut self,
        indent: &mut isize,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Fault> {
        *end = self.mark;
        let mut deepest = 0;
        loop {
            self.need(1)?;
            while (*indent == 0 || (self.mark.column as isize) < *indent) && self.at(0) == b' ' {
                self.skip();
                self.need(1)?;
            }
            deepest = deepest.max(self.mark.column as isize);
            if (*indent == 0 || (self.mark.column as isize) < *indent) && self.at(0) == b'\t' {
                return Err(self.fault(
                    start,
                    "found a tab character where an indentation space is expected",
                ));
            }
            if self.break_len(0) == 0 {
                break;
            }
            self.need(2)?;
            self.read_line(breaks);
            *end = self.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    pub(super) fn scan_flow_scalar(&mut self, quote: u8) -> Result<Token, Fault> {
        let start = self.mark;
        let single = quote == b'\'';
        self.skip();
        let mut text = String::new();
        let (mut spaces, mut lead, mut breaks) = (String::new(), String::new(), String::new());
        loop {
            self.need(4)?;
            if self.document_indicator().is_some() {
                return Err(self.fault(start, "found unexpected document indicator"));
            }
            if self.is_end(0) {
                return Err(self.fault(start, "found unexpected end of stream"));
            }
            let mut folded = false;
            self.need(2)?;
            while !self.is_blank_or_end(0) {
                match self.at(0) {
                    b'\'' if single && self.at(1) == b'\'' => {
                        text.push('\'');
                        self.skip();
                        self.skip();
                    }
                    byte if byte == quote => break,
                    b'\\' if !single && self.break_len(1) > 0 => {
                        self.need(3)?;
                        self.skip();
                        self.skip_line();
                        folded = true;
                        break;
                    }
                    b'\\' if !single => self.escape(start, &mut text)?,
                    _ => self.read(&mut text),
                }
                self.need(2)?;
            }
            self.need(1)?;
            if self.at(0) == quote {
                self.skip();
                return Ok(Token::Scalar(text, Style::Quoted));
            }
            while self.is_blank(0) || self.break_len(0) > 0 {
                if self.is_blank(0) {
                    if folded {
                        self.skip();
                    } else {
                        self.read(&mut spaces);
                    }
                } else {
                    self.need(2)?;
                    if folded {
                        self.read_line(&mut breaks);
                    } else {
                        spaces.clear();
                        self.read_line(&mut lead);
                        folded = true;
                    }
                }
                self.need(1)?;
            }
            if folded {
                fold(&mut text, &mut lead, &mut breaks);
            } else {
                text.push_str(&spaces);
            }
            spaces.clear();
        }
    }

    fn escape(&mut self, start: Mark, text: &mut String) -> Result<(), Fault> {
        let digits = match self.at(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            plain => {
                text.push(match plain {
                    b'0' => '\0',
                    b'a' => '\x07',
                    b'b' => '\x08',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\x0b',
                    b'f' => '\x0c',
                    b'r' => '\r',
                    b'e' => '\x1b',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\'' => '\'',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{a0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => return Err(self.fault(start, "found unknown escape character")),
                });
                self.skip();
                self.skip();
                return Ok(());
            }
        };
        self.skip();
        self.skip();
        self.need(digits)?;
        let mut value: u32 = 0;
        for offset in 0..digits {
            match (self.at(offset) as char).to_digit(16) {
                Some(digit) => value = value << 4 | digit,
                None => return Err(self.fault(start, "did not find expected hexdecimal number")),
            }
        }
        match char::from_u32(value) {
            Some(c) => text.push(c),
            None => return Err(self.fault(start, "found invalid Unicode character escape code")),
        }
        for _ in 0..digits {
            self.skip();
        }
        Ok(())
    }

    pub(super) fn scan_plain_scalar(&mut self) -> Result<(Token, Mark), Fault> {
        let start = self.mark;
        let mut end = start;
        let mut text = String::new();
        let (mut spaces, mut lead, mut breaks) = (String::new(), String::new(), String::new());
        let mut folded = false;
        let indent = self.indent + 1;
        loop {
            self.need(4)?;
            if self.document_indicator().is_some() || self.at(0) == b'#' {
                break;
            }
            while !self.is_blank_or_end(0) {
                let flow =
                    self.flow > 0 && matches!(self.at(0), b',' | b'?' | b'[' | b']' | b'{' | b'}');
                if flow || self.at(0) == b':' && self.is_blank_or_end(1) {
                    break;
                }
                if folded {
                    fold(&mut text, &mut lead, &mut breaks);
                    folded = false;
                } else if !spaces.is_empty() {
                    text.push_str(&spaces);
                }
                spaces.clear();
                self.read(&mut text);
                end = self.mark;
                self.need(2)?;
            }
            if !(self.is_blank(0) || self.break_len(0) > 0) {
                break;
            }
            self.need(1)?;
            while self.is_blank(0) || self.break_len(0) > 0 {
                if self.is_blank(0) {
                    if folded && (self.mark.column as isize) < indent && self.at(0) == b'\t' {
                        return Err(
                            self.fault(start, "found a tab character that violates indentation")
                        );
                    }
                    if folded {
                        self.skip();
                    } else {
                        self.read(&mut spaces);
                    }
                } else {
                    self.need(2)?;
                    if folded {
                        self.read_line(&mut breaks);
                    } else {
                        spaces.clear();
                        self.read_line(&mut lead);
                        folded = true;
                    }
                }
                self.need(1)?;
            }
            if self.flow == 0 && (self.mark.column as isize) < indent {
                break;
            }
        }
        if folded {
            self.key_allowed = true;
        }
        Ok((Token::Scalar(text, Style::Plain), end))
    }
}

/// Joins two lines: one break is a space, more are one less, and the Unicode
/// separators stay.
fn fold(text: &mut String, lead: &mut String, breaks: &mut String) {
    if lead.starts_with('\n') {
        if breaks.is_empty() {
            text.push(' ');
        }
    } else {
        text.push_str(lead);
    }
    text.push_str(breaks);
    lead.clear();
    breaks.clear();
}

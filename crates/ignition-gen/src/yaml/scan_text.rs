//! The tokens that carry text: directives, tags, anchors and scalars.

use super::scan::{Scanner, Style, Token};
use super::{Fault, Mark};

/// Digits that a number of a version directive may have.
const MAX_DIGITS: usize = 9;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl Scanner<'_> {
    fn skip_blanks(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        while self.is_blank(0) {
            self.skip();
            self.need(1)?;
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), Fault> {
        if self.at(0) == b'#' {
            while !self.is_break_or_end(0) {
                self.skip();
                self.need(1)?;
            }
        }
        Ok(())
    }

    pub(super) fn scan_directive(&mut self) -> Result<Token, Fault> {
        let start = self.mark;
        self.skip();
        let mut name = String::new();
        self.need(1)?;
        while is_word(self.at(0)) {
            self.read(&mut name);
            self.need(1)?;
        }
        if name.is_empty() {
            return Err(self.fault(start, "could not find expected directive name"));
        }
        if !self.is_blank_or_end(0) {
            return Err(self.fault(start, "found unexpected non-alphabetical character"));
        }
        let token = match name.as_str() {
            "YAML" => {
                self.skip_blanks()?;
                let major = self.version_number(start)?;
                if self.at(0) != b'.' {
                    return Err(self.fault(start, "did not find expected digit or '.' character"));
                }
                self.skip();
                Token::Version(major, self.version_number(start)?)
            }
            "TAG" => {
                self.skip_blanks()?;
                let handle = self.tag_handle(true, start)?;
                self.need(1)?;
                if !self.is_blank(0) {
                    return Err(self.fault(start, "did not find expected whitespace"));
                }
                self.skip_blanks()?;
                let prefix = self.tag_uri("", start)?;
                self.need(1)?;
                if !self.is_blank_or_end(0) {
                    return Err(self.fault(start, "did not find expected whitespace or line break"));
                }
                Token::TagDirective(handle, prefix)
            }
            _ => return Err(self.fault(start, "found unknown directive name")),
        };
        self.skip_blanks()?;
        self.skip_comment()?;
        if !self.is_break_or_end(0) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.need(2)?;
        self.skip_line();
        Ok(token)
    }

    fn version_number(&mut self, start: Mark) -> Result<u32, Fault> {
        self.need(1)?;
        let mut value = 0;
        let mut digits = 0;
        while self.at(0).is_ascii_digit() {
            digits += 1;
            if digits > MAX_DIGITS {
                return Err(self.fault(start, "found extremely long version number"));
            }
            value = value * 10 + u32::from(self.at(0) - b'0');
            self.skip();
            self.need(1)?;
        }
        if digits == 0 {
            return Err(self.fault(start, "did not find expected version number"));
        }
        Ok(value)
    }

    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<Token, Fault> {
        let start = self.mark;
        let mut name = String::new();
        self.skip();
        self.need(1)?;
        while is_word(self.at(0)) {
            self.read(&mut name);
            self.need(1)?;
        }
        let ended = self.is_blank_or_end(0) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ended {
            return Err(self.fault(start, "did not find expected alphabetic or numeric character"));
        }
        Ok(if alias { Token::Alias(name) } else { Token::Anchor(name) })
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token, Fault> {
        let start = self.mark;
        self.need(2)?;
        let (handle, suffix) = if self.at(1) == b'<' {
            self.skip();
            self.skip();
            let suffix = self.tag_uri("", start)?;
            if self.at(0) != b'>' {
                return Err(self.fault(start, "did not find the expected '>'"));
            }
            self.skip();
            (String::new(), suffix)
        } else {
            let handle = self.tag_handle(false, start)?;
            if handle.len() > 1 && handle.starts_with('!') && handle.ends_with('!') {
                (handle, self.tag_uri("", start)?)
            } else {
                let suffix = self.tag_uri(&handle, start)?;
                // A lone `!` asks for no resolution at all.
                if suffix.is_empty() { (suffix, "!".into()) } else { ("!".into(), suffix) }
            }
        };
        self.need(1)?;
        if !self.is_blank_or_end(0) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        Ok(Token::Tag(handle, suffix))
    }

    fn tag_handle(&mut self, directive: bool, start: Mark) -> Result<String, Fault> {
        self.need(1)?;
        if self.at(0) != b'!' {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        let mut handle = String::new();
        self.read(&mut handle);
        self.need(1)?;
        while is_word(self.at(0)) {
            self.read(&mut handle);
            self.need(1)?;
        }
        if self.at(0) == b'!' {
            self.read(&mut handle);
        } else if directive && handle != "!" {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag; `head` is what was read as its handle, a `!` and more.
    fn tag_uri(&mut self, head: &str, start: Mark) -> Result<String, Fault> {
        let mut uri = Vec::new();
        uri.extend_from_slice(head.get(1..).unwrap_or_default().as_bytes());
        let mut found = !head.is_empty();
        self.need(1)?;
        while is_word(self.at(0)) || b";/?:@&=+$,.!~*'()[]%".contains(&self.at(0)) && !self.is_end(0) {
            if self.at(0) == b'%' {
                self.uri_escape(start, &mut uri)?;
            } else {
                uri.push(self.at(0));
                self.skip();
            }
            found = true;
            self.need(1)?;
        }
        if !found {
            return Err(self.fault(start, "did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// One percent-escaped character, which may take several octets.
    fn uri_escape(&mut self, start: Mark, uri: &mut Vec<u8>) -> Result<(), Fault> {
        let mut left = 0;
        loop {
            self.need(3)?;
            let hex = |byte: u8| (byte as char).to_digit(16);
            let (Some(high), Some(low), b'%') = (hex(self.at(1)), hex(self.at(2)), self.at(0)) else {
                return Err(self.fault(start, "did not find URI escaped octet"));
            };
            let octet = (high * 16 + low) as u8;
            if left == 0 {
                left = match octet {
                    0..0x80 => 1,
                    0xc0..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0..0xf8 => 4,
                    _ => return Err(self.fault(start, "found an incorrect leading UTF-8 octet")),
                };
            } else if octet & 0xc0 != 0x80 {
                return Err(self.fault(start, "found an incorrect trailing UTF-8 octet"));
            }
            uri.push(octet);
            self.skip();
            self.skip();
            self.skip();
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
    }

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
                b'0' if increment == 0 => return Err(self.fault(start, "found an indentation indicator equal to 0")),
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
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
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
        let characters = line.chars().count();
        self.pos += length;
        self.mark.index += characters;
        self.mark.column += characters;
        self.need(1)
    }

    fn block_breaks(&mut self, indent: &mut isize, breaks: &mut String, start: Mark, end: &mut Mark) -> Result<(), Fault> {
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
                return Err(self.fault(start, "found a tab character where an indentation space is expected"));
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
                    if folded { self.skip() } else { self.read(&mut spaces) }
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
                let flow = self.flow > 0 && matches!(self.at(0), b',' | b'?' | b'[' | b']' | b'{' | b'}');
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
                        return Err(self.fault(start, "found a tab character that violates indentation"));
                    }
                    if folded { self.skip() } else { self.read(&mut spaces) }
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

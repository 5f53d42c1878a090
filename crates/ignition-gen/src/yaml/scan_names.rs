//! Directives, tags and anchors.

use super::fault::{Fault, Mark};
use super::scan::{Scanner, Token};

/// Digits that a number of a version directive may have.
const MAX_DIGITS: usize = 9;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl Scanner<'_> {
    pub(super) fn skip_blanks(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        while self.is_blank(0) {
            self.skip();
            self.need(1)?;
        }
        Ok(())
    }

    pub(super) fn skip_comment(&mut self) -> Result<(), Fault> {
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
        let ended = self.is_blank_or_end(0)
            || matches!(
                self.at(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ended {
            return Err(self.fault(
                start,
                "did not find expected alphabetic or numeric character",
            ));
        }
        Ok(if alias {
            Token::Alias(name)
        } else {
            Token::Anchor(name)
        })
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
                if suffix.is_empty() {
                    (suffix, "!".into())
                } else {
                    ("!".into(), suffix)
                }
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
        while is_word(self.at(0))
            || b";/?:@&=+$,.!~*'()[]%".contains(&self.at(0)) && !self.is_end(0)
        {
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
            let (Some(high), Some(low), b'%') = (hex(self.at(1)), hex(self.at(2)), self.at(0))
            else {
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
}

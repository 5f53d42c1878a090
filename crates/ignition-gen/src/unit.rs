//! systemd units as the reference reads them: which sections have options,
//! and what is wrong with the text.

use crate::text::quoted;

/// Size of the buffer through which the reference reads a unit.
const BUFFER: usize = 4096;
/// Longest line that systemd reads.
const LINE: usize = 2048;

/// Why a unit cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("line too long (max 2048 bytes)")]
    LineTooLong,
    #[error("unable to find end of section")]
    SectionEnd,
    #[error("found garbage after section name : {0}")]
    Garbage(String),
    #[error("unexpected newline encountered while parsing option name")]
    Newline,
    #[error("EOF")]
    End,
}

/// The text as it passes through the reference's buffer: whether a long line
/// is noticed depends on how it lies in there.
struct Buffered<'a> {
    text: &'a [u8],
    at: usize,
    /// End of what the buffer holds.
    end: usize,
}

impl Buffered<'_> {
    fn fill(&mut self) {
        self.end = self.text.len().min(self.at + BUFFER);
    }

    /// The next character; bytes that are none count for themselves.
    fn next(&mut self) -> Option<char> {
        let rest = |this: &Self| this.text[this.at..this.end].len();
        let mut width = width(self.text.get(self.at).copied()?);
        if rest(self) < width {
            self.fill();
        }
        width = width.min(rest(self));
        let character = str::from_utf8(&self.text[self.at..self.at + width])
            .ok()
            .and_then(|text| text.chars().next());
        self.at += if character.is_some() { width } else { 1 };
        Some(character.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Everything up to `byte`, and whether it came.
    fn until(&mut self, byte: u8) -> (&[u8], bool) {
        let start = self.at;
        loop {
            let found = self.text[self.at..self.end]
                .iter()
                .position(|other| *other == byte);
            if let Some(found) = found {
                let stop = self.at + found;
                self.at = stop + 1;
                return (&self.text[start..stop], true);
            }
            if self.end == self.text.len() {
                self.at = self.end;
                return (&self.text[start..], false);
            }
            // A full buffer is taken out as a whole.
            if self.end - self.at >= BUFFER {
                self.at = self.end;
            }
            self.fill();
        }
    }

    fn check_line(&self) -> Result<(), UnitError> {
        let held = &self.text[self.at..self.end];
        match held.get(..LINE) {
            Some(line) if !line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) => {
                Err(UnitError::LineTooLong)
            }
            _ => Ok(()),
        }
    }
}

fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

fn trim(text: &[u8]) -> &[u8] {
    match str::from_utf8(text) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => text.trim_ascii(),
    }
}

/// Whether a unit has an option in its `[Install]` section; a bare header
/// does not count.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn has_install(text: &[u8]) -> Result<bool, UnitError> {
    let mut buffer = Buffered {
        text,
        at: 0,
        end: 0,
    };
    let mut install = false;
    // The current section; options before the first one are not read at all.
    let mut section: Option<Vec<u8>> = None;
    loop {
        buffer.check_line()?;
        let before = (buffer.at, buffer.end);
        let Some(character) = buffer.next() else {
            return Ok(install);
        };
        match (character, &section) {
            ('[', _) => section = Some(header(&mut buffer)?),
            ('#' | ';', _) => comment(&mut buffer)?,
            (_, None) => {}
            (character, Some(_)) if character.is_whitespace() => {}
            (_, Some(name)) => {
                install |= name == b"Install";
                // Back to the character just read; what is buffered stays.
                buffer.at = before.0;
                option(&mut buffer)?;
            }
        }
    }
}

fn header(buffer: &mut Buffered<'_>) -> Result<Vec<u8>, UnitError> {
    buffer.check_line()?;
    let (name, found) = buffer.until(b']');
    let name = name.to_vec();
    if !found {
        return Err(UnitError::SectionEnd);
    }
    buffer.check_line()?;
    let (garbage, _) = buffer.until(b'\n');
    let garbage = trim(garbage);
    if garbage.is_empty() {
        Ok(name)
    } else {
        Err(UnitError::Garbage(quoted(&String::from_utf8_lossy(
            garbage,
        ))))
    }
}

/// A comment goes on after a line that ends with a backslash.
fn comment(buffer: &mut Buffered<'_>) -> Result<(), UnitError> {
    buffer.check_line()?;
    loop {
        let (line, _) = buffer.until(b'\n');
        let line = line.strip_suffix(b" ").unwrap_or(line);
        if !line.ends_with(b"\\") {
            return Ok(());
        }
    }
}

fn option(buffer: &mut Buffered<'_>) -> Result<(), UnitError> {
    buffer.check_line()?;
    loop {
        match buffer.next() {
            None => return Err(UnitError::End),
            Some('\n' | '\r') => return Err(UnitError::Newline),
            Some('=') => break,
            Some(_) => {}
        }
    }
    // Every continued line is a step of its own.
    loop {
        buffer.check_line()?;
        let (line, _) = buffer.until(b'\n');
        if trim(line).is_empty() || !line.ends_with(b"\\") {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(text: &str) -> Result<bool, UnitError> {
        has_install(text.as_bytes())
    }

    #[test]
    fn install_sections() {
        assert_eq!(install("[Unit]\nA=b\n[Install]\nWantedBy=x\n"), Ok(true));
        assert_eq!(install("[Install]\n"), Ok(false));
        assert_eq!(install("[install]\nWantedBy=x"), Ok(false));
        assert_eq!(install("[Unit]\nA=b \\\n[Install]\\\nc=d\n"), Ok(false));
        assert_eq!(install("# [Install]\nWantedBy=x\n"), Ok(false));
        assert_eq!(install(""), Ok(false));
    }

    #[test]
    fn faults() {
        for (text, message) in [
            ("[Unit", "unable to find end of section"),
            ("[Unit] x\n", "found garbage after section name : \"x\""),
            (
                "[Unit]\nfoo\n",
                "unexpected newline encountered while parsing option name",
            ),
            ("[Unit]\nfoo", "EOF"),
        ] {
            assert_eq!(install(text).unwrap_err().to_string(), message, "{text}");
        }
        assert_eq!(
            install(&format!("[Unit]\nA={}\n", "x".repeat(3000))),
            Err(UnitError::LineTooLong)
        );
    }
}

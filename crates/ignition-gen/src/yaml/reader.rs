//! Input bytes to text: encodings, forbidden characters, and where they show.
//!
//! The reference reads its input in pieces of 512 bytes and decodes a piece
//! only when the scanner asks for it. A bad byte is therefore reported before
//! any syntax error of its own piece and after those of earlier ones; the
//! limit kept here reproduces that order.

use std::borrow::Cow;

/// Bytes that the reference decodes at once.
const PIECE: usize = 512;

/// Decoded text and, if decoding stopped early, why.
pub(super) struct Decoded<'a> {
    /// Everything before the piece with the bad byte, as UTF-8.
    pub text: Cow<'a, str>,
    /// The complaint that the scanner meets once it needs more than `text`.
    pub problem: Option<&'static str>,
}

/// Determines the encoding from a byte order mark and decodes.
pub(super) fn decode(input: &[u8]) -> Decoded<'_> {
    match input {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, 3),
        _ => utf8(input, 0),
    }
}

/// Whether a scalar value may stand in a YAML stream.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The complaint about the bytes at the start of `rest`, which is not valid.
fn utf8_problem(rest: &[u8]) -> &'static str {
    let width = match rest[0] {
        0x00..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    if width > rest.len() {
        return "incomplete UTF-8 octet sequence";
    }
    let mut value = u32::from(rest[0]) & (0x7f >> if width == 1 { 0 } else { width });
    for byte in &rest[1..width] {
        if byte & 0xc0 != 0x80 {
            return "invalid trailing UTF-8 octet";
        }
        value = value << 6 | u32::from(byte & 0x3f);
    }
    let shortest = match value {
        0..0x80 => 1,
        0x80..0x800 => 2,
        0x800..0x10000 => 3,
        _ => 4,
    };
    if shortest != width {
        return "invalid length of a UTF-8 sequence";
    }
    if (0xd800..=0xdfff).contains(&value) || value > 0x10_ffff {
        return "invalid Unicode character";
    }
    "control characters are not allowed"
}

/// Where the piece starts that holds the byte at `bad`; a character cut by the
/// end of a piece moves to the next one whole.
fn piece_start(text: &str, mark: usize, bad: usize) -> usize {
    let mut start = 0;
    // The mark of an encoding is part of the first piece.
    let mut end = PIECE - mark;
    while end <= bad {
        let mut next = end;
        while !text.is_char_boundary(next) {
            next -= 1;
        }
        start = next;
        end = next + PIECE;
    }
    start
}

fn utf8(input: &[u8], mark: usize) -> Decoded<'_> {
    let text = match str::from_utf8(input) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&input[..error.valid_up_to()]).unwrap_or_default(),
    };
    // Bytes first: nearly every input is plain ASCII without control characters.
    let suspicious = |byte: &u8| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let bad = match text.bytes().position(|byte| suspicious(&byte)) {
        None => None,
        Some(first) => {
            let mut start = first;
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            text[start..]
                .char_indices()
                .find(|(_, c)| !allowed(*c))
                .map(|(at, _)| start + at)
        }
    };
    let bad = bad.or((text.len() < input.len()).then_some(text.len()));
    match bad {
        None => Decoded {
            text: Cow::Borrowed(text),
            problem: None,
        },
        Some(bad) => {
            let problem = utf8_problem(&input[bad..]);
            Decoded {
                text: Cow::Borrowed(&text[..piece_start(text, mark, bad)]),
                problem: Some(problem),
            }
        }
    }
}

fn utf16(input: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded<'static> {
    let mut text = String::with_capacity(input.len());
    // (bytes read, bytes written) at the start of the current piece.
    let mut piece = (0, 0);
    let mut problem = None;
    let mut at = 0;
    while at < input.len() {
        while at + 2 >= piece.0 + PIECE {
            piece = (at, text.len());
        }
        let Some(first) = input.get(at..at + 2) else {
            problem = Some("incomplete UTF-16 character");
            break;
        };
        let first = unit([first[0], first[1]]);
        let value = match first {
            0xdc00..=0xdfff => {
                problem = Some("unexpected low surrogate area");
                break;
            }
            0xd800..=0xdbff => {
                let Some(second) = input.get(at + 2..at + 4) else {
                    problem = Some("incomplete UTF-16 surrogate pair");
                    break;
                };
                let second = unit([second[0], second[1]]);
                if second & 0xfc00 != 0xdc00 {
                    problem = Some("expected low surrogate area");
                    break;
                }
                at += 2;
                0x10000 + (u32::from(first & 0x3ff) << 10 | u32::from(second & 0x3ff))
            }
            _ => u32::from(first),
        };
        at += 2;
        match char::from_u32(value) {
            Some(c) if allowed(c) => text.push(c),
            _ => {
                problem = Some("control characters are not allowed");
                break;
            }
        }
    }
    if problem.is_some() {
        text.truncate(piece.1);
    }
    Decoded {
        text: Cow::Owned(text),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        assert_eq!(decode(b"\xff\xfea\0\n\0").text, "a\n");
        assert_eq!(decode(b"\xfe\xff\0a\xd8\x3d\xde\0").text, "a\u{1f600}");
        assert_eq!(decode(b"\xef\xbb\xbfa").text, "a");
        assert_eq!(
            decode(b"\xff\xfea").problem,
            Some("incomplete UTF-16 character")
        );
    }

    #[test]
    fn bad_bytes_name_their_fault() {
        for (input, problem) in [
            (&b"a\x01"[..], "control characters are not allowed"),
            (b"a\xff", "invalid leading UTF-8 octet"),
            (b"a\xe9\"\n ", "invalid trailing UTF-8 octet"),
            (b"a\xe9", "incomplete UTF-8 octet sequence"),
            (b"a\xc0\x80", "invalid length of a UTF-8 sequence"),
            (b"a\xed\xa0\x80", "invalid Unicode character"),
        ] {
            assert_eq!(decode(input).problem, Some(problem), "{input:?}");
        }
    }

    #[test]
    fn earlier_pieces_stay_readable() {
        let mut input = vec![b'a'; 1000];
        input.push(1);
        assert_eq!(decode(&input).text.len(), 512);
        assert!(decode(b"\x01").text.is_empty());
    }
}

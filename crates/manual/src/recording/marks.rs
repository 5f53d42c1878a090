//! Where in a terminal's stream a recording begins and ends: marks that the script
//! prints, between control characters that no program of ours sends.

use std::time::Duration;

use super::cast::typed;

/// ASCII's record separator.
const MARK: char = '\u{1e}';
/// Behind the last line of a recording.
const END: &str = "end";

/// A line of bash that says that `line`, of the recording `name`, comes now.
pub(super) fn before(name: &str, line: &str) -> String {
    print(&format!("{name} {line}"))
}

/// A line of bash that says that the recording is over.
pub(super) fn after() -> String {
    print(END)
}

fn print(text: &str) -> String {
    format!("printf '\\036%s\\036' '{}'\n", text.replace('\'', r"'\''"))
}

/// What was sent between the marks of this recording, with the seconds since its
/// start, and each line typed at a prompt where its mark is.
pub(super) fn between(heard: &[(Duration, Vec<u8>)], name: &str) -> Vec<(f64, String)> {
    let mut events: Vec<(f64, String)> = Vec::new();
    // What the typing took, less what passed before.
    let mut shift = 0.0;
    let mut open = false;
    for (at, piece) in pieces(heard) {
        match piece {
            Piece::Mark(mark) => {
                let line = mark
                    .strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix(' '));
                open = line.is_some();
                if let Some(line) = line {
                    let now = events.last().map_or(0.0, |(at, _)| *at);
                    events.extend(typed(line, now));
                    let now = events.last().map_or(0.0, |(at, _)| *at);
                    shift = now - at;
                }
            }
            Piece::Text(text) if open => match events.last_mut() {
                // Pieces of one line come one after the other.
                Some((last, before)) if at + shift - *last < 0.03 => before.push_str(&text),
                _ => events.push((at + shift, text)),
            },
            Piece::Text(_) => {}
        }
    }
    events
}

enum Piece {
    Mark(String),
    Text(String),
}

/// The stream in whole characters, cut at the marks.
fn pieces(heard: &[(Duration, Vec<u8>)]) -> Vec<(f64, Piece)> {
    let mut pieces = Vec::new();
    let mut rest = Vec::new();
    let mut mark: Option<String> = None;
    for (at, bytes) in heard {
        rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => rest.len(),
        };
        let text = String::from_utf8_lossy(&rest[..whole]).into_owned();
        rest.drain(..whole);
        for (index, part) in text.split(MARK).enumerate() {
            if index > 0 {
                mark = match mark {
                    None => Some(String::new()),
                    Some(text) => {
                        pieces.push((at.as_secs_f64(), Piece::Mark(text)));
                        None
                    }
                };
            }
            match &mut mark {
                Some(mark) => mark.push_str(part),
                None if part.is_empty() => {}
                None => pieces.push((at.as_secs_f64(), Piece::Text(part.to_owned()))),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_the_marks_are() {
        let heard: Vec<(Duration, Vec<u8>)> = [
            (0, "before\u{1e}one a b\u{1e}out"),
            (500, "put\u{1e}o"),
            (600, "ne c\u{1e}caf\u{e9}"),
            (
                900,
                "\u{1e}end\u{1e}between\u{1e}two d\u{1e}x\u{1e}end\u{1e}",
            ),
        ]
        .map(|(at, text)| (Duration::from_millis(at), text.as_bytes().to_vec()))
        .to_vec();
        let text = |name: &str| -> String {
            between(&heard, name)
                .into_iter()
                .map(|(_, text)| text)
                .collect()
        };
        assert!(text("one").contains("output") && text("one").ends_with("caf\u{e9}"));
        assert!(text("one").contains("a b\r\n") && text("one").contains("c\r\n"));
        assert!(!text("one").contains("between") && !text("one").contains("before"));
        assert!(text("two").ends_with("d\r\nx"));
        // A character that comes in two pieces is one.
        let cut = |at| (Duration::from_millis(at), Vec::new());
        let mut halves = [cut(0), cut(100)];
        let bytes = "\u{1e}one a\u{1e}\u{e9}".as_bytes();
        halves[0].1 = bytes[..bytes.len() - 1].to_vec();
        halves[1].1 = bytes[bytes.len() - 1..].to_vec();
        assert!(
            between(&halves, "one")
                .last()
                .unwrap()
                .1
                .ends_with('\u{e9}')
        );
        // Time does not go back, and what happened before a mark is not waited for.
        let events = between(&heard, "one");
        assert!(
            events.windows(2).all(|two| two[0].0 <= two[1].0),
            "{events:?}"
        );
    }
}

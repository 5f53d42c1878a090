//! What is said of a document that is not YAML: the messages of the YAML library in
//! plain words, each with the place of its cause.

use crate::tree::Span;
use crate::words::plain;

/// The place and the words for an error of the library, which gives a message and,
/// mostly, a line and column.
pub(crate) fn unreadable(
    message: &str,
    place: Option<(usize, usize)>,
    text: &str,
) -> (Option<Span>, String) {
    let at = place.map(|(line, column)| Span::at(line, column));
    let here = place
        .and_then(|(line, _)| text.lines().nth(line.checked_sub(1)?))
        .unwrap_or_default();
    let has = |part: &str| message.contains(part);
    if has("control characters are not allowed")
        && let Some((span, c)) = control(text)
    {
        let words = format!("the control character 0x{:02X}; remove it", u32::from(c));
        return (Some(span), words);
    }
    if (has("directive") || has("YAML document") || here.starts_with('%'))
        && let Some(line) = text.lines().position(|line| line.starts_with('%'))
    {
        let words = "a line that begins with % is a YAML directive; remove it";
        return (Some(Span::at(line + 1, 1)), words.to_owned());
    }
    if has("more than one document") {
        let words = "a second document begins here; image.yaml is one";
        return (second(text), words.to_owned());
    }
    if here.trim_start_matches(' ').starts_with('\t') {
        let words = "a tab begins this line; YAML is indented with spaces";
        return (at, words.to_owned());
    }
    if has("unknown anchor") {
        let (span, name) = word(here, place, '*');
        let words = format!(
            "`*{name}` refers to `&{name}`, which is nowhere; a text with `*` needs quotes"
        );
        return (span.or(at), words);
    }
    for (sign, what) in [('*', "scanning an alias"), ('&', "scanning an anchor")] {
        if has(what) {
            let (span, name) = word(here, place, sign);
            let words = format!("a text that begins with `{sign}` needs quotes: \"{sign}{name}\"");
            return (span.or(at), words);
        }
    }
    if has("unknown escape character")
        && let Some((span, c)) = escape(here, place)
    {
        let words = format!(
            "`\\{c}` means nothing in double quotes; write `\\\\{c}`, or use single quotes"
        );
        return (Some(span), words);
    }
    let serde = ["invalid ", "missing field ", "unknown ", "duplicate "];
    if serde.iter().any(|begin| message.starts_with(begin)) && !has("while ") {
        return (
            at,
            plain(message.split(" at line ").next().unwrap_or(message), None),
        );
    }
    if let Some(span) = open_quote(text, place) {
        let words = "the quote that begins here is not closed in its line";
        return (Some(span), words.to_owned());
    }
    let found = KNOWN.iter().find(|(said, _)| message.contains(said));
    // An unknown message would be one for programmers.
    let words = found.map_or("this is not YAML", |(_, words)| words);
    (at, words.to_owned())
}

/// What the library says, and what it means.
const KNOWN: [(&str, &str); 13] = [
    (
        "found character that cannot start any token",
        "no value begins with this character; put it in quotes",
    ),
    (
        "mapping values are not allowed in this context",
        "a key cannot stand here; is this line indented like those beside it, or is there a `: ` \
         in a text without quotes?",
    ),
    (
        "did not find expected key",
        "a key was expected here; is this line indented like those beside it?",
    ),
    (
        "could not find expected ':'",
        "a `:` is missing after this key; is this line indented like those beside it?",
    ),
    (
        "did not find expected '-' indicator",
        "an item of the list (`- …`) was expected here; is it indented like those above?",
    ),
    (
        "did not find expected ',' or ']'",
        "the list in brackets is not closed; a `,` or `]` is missing",
    ),
    (
        "did not find expected ',' or '}'",
        "the mapping in braces is not closed; a `,` or `}` is missing",
    ),
    (
        "while parsing a flow node",
        "a list in brackets or a mapping in braces is not closed; a `]` or `}` is missing",
    ),
    (
        "did not find expected <document start>",
        "a line above ends the document; is this line indented like those beside it?",
    ),
    (
        "block sequence entries are not allowed",
        "an item of a list (`- …`) cannot stand here; put it in a line of its own",
    ),
    (
        "found unexpected end of stream",
        "the text ends in the midst of a value; a quote is not closed",
    ),
    ("recursion limit", "the values are nested too deep here"),
    (
        "repetition limit",
        "its aliases (`*name`) stand for too many values",
    ),
];

/// The first control character that YAML refuses.
fn control(text: &str) -> Option<(Span, char)> {
    let bad = |c: char| c.is_control() && !['\t', '\r', '\u{85}'].contains(&c);
    text.split('\n').enumerate().find_map(|(at, line)| {
        let (column, c) = line.chars().enumerate().find(|(_, c)| bad(*c))?;
        Some((Span::at(at + 1, column + 1), c))
    })
}

/// The beginning of the second document.
fn second(text: &str) -> Option<Span> {
    let mut begun = false;
    for (at, line) in text.lines().enumerate() {
        let marks = line == "---" || line.starts_with("--- ");
        if marks && begun {
            return Some(Span::at(at + 1, 1));
        }
        begun |= marks || !(line.trim().is_empty() || line.starts_with('#'));
    }
    None
}

/// The word after a sign, at or before a column, or else the first in the line.
fn word(line: &str, place: Option<(usize, usize)>, sign: char) -> (Option<Span>, String) {
    let chars: Vec<char> = line.chars().collect();
    let column = place.map_or(0, |(_, column)| column);
    let before = chars.iter().take(column).rposition(|c| *c == sign);
    let Some(at) = before.or_else(|| chars.iter().position(|c| *c == sign)) else {
        return (None, String::new());
    };
    let ends = |c: &&char| !c.is_whitespace() && !",]}".contains(**c);
    let name: String = chars[at + 1..].iter().take_while(ends).collect();
    let span = place.map(|(line, _)| Span {
        line,
        column: at + 1,
        end: Some(at + 2 + name.chars().count()),
    });
    (span, crate::excerpt::clipped(&name))
}

/// The escape sequence at a place.
fn escape(line: &str, place: Option<(usize, usize)>) -> Option<(Span, char)> {
    let (number, column) = place?;
    let chars: Vec<char> = line.chars().collect();
    let at = (0..chars.len().min(column + 1))
        .rev()
        .find(|at| chars[*at] == '\\')?;
    let c = *chars.get(at + 1)?;
    let span = Span {
        line: number,
        column: at + 1,
        end: Some(at + 3),
    };
    Some((span, c))
}

/// The first value before a place whose quote is not closed in its line.
fn open_quote(text: &str, place: Option<(usize, usize)>) -> Option<Span> {
    let last = place.map_or(usize::MAX, |(line, _)| line);
    let lines = text.lines().enumerate().take(last);
    for (at, line) in lines {
        let code = line.trim_start_matches([' ', '-']);
        if code.starts_with('#') {
            continue;
        }
        let value = code
            .split_once(": ")
            .map_or(code, |(_, value)| value.trim_start());
        let Some(quote) = value.chars().next().filter(|c| "\"'".contains(*c)) else {
            continue;
        };
        let rest = value[1..].replace("\\\\", "").replace("\\\"", "");
        if !rest.contains(quote) {
            let column = line.chars().count() - value.chars().count() + 1;
            return Some(Span::at(at + 1, column));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_no_yaml_is_told_in_plain_words() {
        for (text, place, words) in [
            (
                "a: 1\nb: \u{1}\n",
                (2, 4),
                "the control character 0x01; remove it",
            ),
            (
                "%YAML 3.0\n---\na: 1\n",
                (1, 1),
                "a line that begins with % is a YAML directive",
            ),
            (
                "%x\na: 1\n",
                (1, 1),
                "a line that begins with % is a YAML directive; remove it",
            ),
            (
                "# x\n---\na: 1\n---\nb: 1\n",
                (4, 1),
                "a second document begins here",
            ),
            ("a:\n  - *.timer\n", (2, 5), "needs quotes: \"*.timer\""),
            (
                "a: *nope\n",
                (1, 4),
                "`*nope` refers to `&nope`, which is nowhere",
            ),
            (
                "a: \"x\\q\"\n",
                (1, 6),
                "`\\q` means nothing in double quotes; write `\\\\q`",
            ),
            ("a: [\n}\n", (2, 1), "is not closed"),
            (
                "a: \"x\nb: \"y\"\nc: 1\n",
                (1, 4),
                "the quote that begins here is not closed",
            ),
            (
                "a:\n\tb: c\n",
                (2, 1),
                "a tab begins this line; YAML is indented with spaces",
            ),
            ("a: b: c\n", (1, 5), "a key cannot stand here"),
            ("- a\nb: c\n", (2, 1), "an item of the list"),
            ("image: [\n", (2, 1), "is not closed"),
            (
                "a: @x\n",
                (1, 4),
                "no value begins with this character; put it in quotes",
            ),
        ] {
            let error = serde_yaml::from_str::<serde::de::IgnoredAny>(text).unwrap_err();
            let at = error.location().map(|at| (at.line(), at.column()));
            let (span, told) = unreadable(&error.to_string(), at, text);
            assert!(told.contains(words), "{text:?}: {told} of {error}");
            let span = span.unwrap();
            assert_eq!(
                (span.line, span.column),
                place,
                "{text:?}: {told} of {error}"
            );
        }
        let (_, told) = unreadable("while a thing, a bug", None, "a: 1\n");
        assert_eq!(told, "this is not YAML");
    }
}

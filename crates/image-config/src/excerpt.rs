//! One problem of a document, with the line that it is in; without what may be a secret.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::tree::Span;

/// The width of an excerpt where no other is asked for: that of the narrowest terminal
/// in use. A longer line is cut around its mark.
pub(crate) const WIDTH: usize = 80;

/// One error in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
    /// The error message.
    pub detail: String,
    /// The line that is shown with a mark under the place.
    excerpt: Option<Excerpt>,
}

/// A line, as much of it as may be shown, and which bytes of it are marked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: usize,
    shown: String,
    marked: std::ops::Range<usize>,
}

impl Excerpt {
    /// As cargo shows it.
    fn render(&self, width: usize) -> String {
        let snippet = Snippet::source(&self.shown)
            .line_start(self.line)
            .annotation(AnnotationKind::Primary.span(self.marked.clone()));
        let group = Group::with_level(Level::ERROR).element(snippet);
        let shown = Renderer::plain().term_width(width).render(&[group]);
        shown.trim_end().to_owned()
    }
}

/// How much of the line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All of it.
    Line,
    /// The key, and nothing of its value: it could be a secret.
    Key,
    /// Nothing.
    Nothing,
}

impl Problem {
    /// A problem, and its line where it has a place.
    pub(crate) fn new(text: &str, span: Option<Span>, shown: Shown, detail: &str) -> Self {
        Self::shown_at(text, span, span, shown, detail)
    }

    /// A problem at one place, for which the line of another is shown.
    pub(crate) fn shown_at(
        text: &str,
        span: Option<Span>,
        mark: Option<Span>,
        shown: Shown,
        detail: &str,
    ) -> Self {
        let detail = printable(&without_user(detail));
        // A message that hides a value must not have the line, which would show it.
        let shown = match shown {
            Shown::Line if detail.contains("`…`") => Shown::Key,
            shown => shown,
        };
        Self {
            place: span.map(|span| (span.line, span.column)),
            detail,
            excerpt: mark.and_then(|span| excerpt(text, span, shown)),
        }
    }

    /// The same, said of a part of the document.
    pub(crate) fn inside(&self, part: &str) -> Self {
        Self {
            detail: format!("{part}: {}", self.detail),
            ..self.clone()
        }
    }

    /// The text of the problem for a file of this name; no line of the file takes more
    /// than `width` columns.
    pub(crate) fn write(&self, path: &str, width: usize, f: &mut dyn fmt::Write) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{path}:{line}:{column}: {}", self.detail)?,
            None => write!(f, "{path}: {}", self.detail)?,
        }
        match &self.excerpt {
            Some(excerpt) => write!(f, "\n{}", excerpt.render(width)),
            None => Ok(()),
        }
    }
}

/// The line with carets under a key or value.
fn excerpt(text: &str, span: Span, shown: Shown) -> Option<Excerpt> {
    let line = text.lines().nth(span.line.checked_sub(1)?)?;
    let cut = |column: usize| {
        let chars = line.chars().take(column.saturating_sub(1));
        chars.map(char::len_utf8).sum::<usize>()
    };
    let (before, rest) = line.split_at_checked(cut(span.column))?;
    let end = span.end.map_or(line.len(), cut);
    let (marked, _) = rest.split_at_checked(end.checked_sub(before.len())?)?;
    let (marked, after) = match span.end {
        // The parser counts the space after a quote, too.
        Some(_) => rest.split_at_checked(marked.trim_end().len())?,
        // A value that goes on in the next line, or whose end is not known.
        None => {
            let code = marked.split(" #").next().unwrap_or(marked).trim_end();
            (code, &marked[code.len()..])
        }
    };
    if marked.trim().is_empty() {
        return None;
    }
    let (before, marked, after) = match shown {
        Shown::Line => (
            without_user(before),
            without_user(marked),
            without_user(after),
        ),
        Shown::Key => {
            let key = marked.split(':').next().unwrap_or(marked);
            let before = match before.trim_matches([' ', '-']).is_empty() {
                true => before.to_owned(),
                false => "… ".to_owned(),
            };
            (before, key.to_owned(), ": …".to_owned())
        }
        Shown::Nothing => return None,
    };
    Some(Excerpt {
        line: span.line,
        shown: format!("{before}{marked}{after}"),
        marked: before.len()..before.len() + marked.len(),
    })
}

/// Without the user names and passwords of addresses.
pub(crate) fn without_user(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let ends = |c: char| c.is_whitespace() || "/\"'`,]}".contains(c);
        let end = after.find(ends).unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        shown.push_str(before);
        shown.push_str("://");
        if host > 0 {
            shown.push_str("…@");
        }
        rest = &after[host..];
    }
    shown.push_str(rest);
    shown
}

/// Whether an address has a user name or password.
pub(crate) fn has_user(text: &str) -> bool {
    without_user(text) != text
}

/// With what could move a cursor or turn the direction of a line as `\u{…}`.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| -> Box<dyn Iterator<Item = char>> {
            let turns = matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            match c.is_control() || turns {
                true => Box::new(c.escape_unicode()),
                false => Box::new(std::iter::once(c)),
            }
        })
        .collect()
}

/// A text of the document for a message: at most 80 characters of it, in one line.
pub(crate) fn clipped(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a text is a private key, or a part of one.
pub fn is_private_key(text: &str) -> bool {
    // The beginning of OpenSSH's private keys. Source: PROTOCOL.key of OpenSSH.
    text.contains("PRIVATE KEY") || text.contains("b3BlbnNzaC1rZXktdjE")
}

/// What is shown of a line that the YAML library could not read: nothing where it may
/// be part of a secret. `secret` are keys with secrets below them, `known` says
/// whether a word is one of the keys.
pub(crate) fn of_unread(
    text: &str,
    line: usize,
    secret: &[&str],
    known: impl Fn(&str) -> bool,
) -> Shown {
    if is_private_key(text) {
        return Shown::Nothing;
    }
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = line.checked_sub(1).filter(|at| *at < lines.len()) else {
        return Shown::Nothing;
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut depth = usize::MAX;
    let mut is_known = false;
    for line in lines[..=at].iter().rev() {
        let code = line.trim();
        if code.is_empty() || code.starts_with('#') || indent(line) >= depth {
            continue;
        }
        let words = code.trim_start_matches(['-', ' ']);
        let key = words.split(':').next().unwrap_or_default().trim();
        let has_key = words.contains(": ") || words.ends_with(':');
        // Secrets of a mapping in braces.
        let inside = |name: &&str| words.contains(&format!("{name}:"));
        if secret.iter().any(inside) {
            return Shown::Nothing;
        }
        if has_key {
            if !known(key) {
                return Shown::Nothing;
            }
            is_known = true;
        }
        // An item may stand as far to the left as its key.
        depth = match (has_key, code.starts_with('-')) {
            (false, true) => indent(line) + 1,
            _ => indent(line),
        };
        if depth == 0 {
            break;
        }
    }
    match is_known {
        true => Shown::Line,
        false => Shown::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_address_is_not_shown() {
        for (text, shown) in [
            ("https://a:b@host/x", "https://…@host/x"),
            (
                "[https://a@host, http://h/@x]",
                "[https://…@host, http://h/@x]",
            ),
            ("`https://a:p@ss@host`", "`https://…@host`"),
            ("core@host", "core@host"),
        ] {
            assert_eq!(without_user(text), shown);
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let text = format!("a: [{}]\n", vec!["word"; 60].join(", "));
        let span = Span {
            line: 1,
            column: 155,
            end: Some(159),
        };
        let problem = Problem::new(&text, Some(span), Shown::Line, "x");
        let of_width = |width: usize| {
            let shown = problem.excerpt.as_ref().unwrap().render(width);
            let longest = shown.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width, "{shown}");
            assert!(shown.contains("^^^^"), "{shown}");
            longest.unwrap()
        };
        assert!(of_width(40) < of_width(WIDTH));
        assert!(of_width(WIDTH) < of_width(200));
    }

    #[test]
    fn what_cannot_be_read_is_shown_where_no_secret_can_be() {
        let known = ["a", "b", "signing"].map(str::to_owned);
        let of = |text: &str, line| {
            of_unread(text, line, &["signing"], |key| {
                known.iter().any(|name| name == key)
            })
        };
        assert_eq!(of("a:\n  b: 'x\n", 2), Shown::Line);
        assert_eq!(of("a:\n- *x\n", 2), Shown::Line);
        assert_eq!(of("a:\n  token: 'x\n", 2), Shown::Nothing);
        assert_eq!(of("signing:\n  b: 'x\n", 2), Shown::Nothing);
        assert_eq!(of("a: {signing: {b: 'x}}\n", 1), Shown::Nothing);
        assert_eq!(of("a: x\nhunter2\n", 2), Shown::Nothing);
        assert_eq!(
            of("a: -----BEGIN PRIVATE KEY-----\nb: 'x\n", 2),
            Shown::Nothing
        );
    }
}

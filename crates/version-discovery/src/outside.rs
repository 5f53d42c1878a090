//! Text from outside, made safe to print.

/// The text with control characters escaped, at most 200 characters long: it
/// must not be able to move a terminal's cursor, begin a line of its own, or
/// flood a screen.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut safe: String = text
        .chars()
        .take(MOST)
        .flat_map(|c| {
            // Quotation marks and apostrophes stay as they are.
            let escape = c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
            let plain = (!escape).then_some(c);
            plain.into_iter().chain(escape.then(|| c.escape_default()).into_iter().flatten())
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn control_characters_and_length() {
        assert_eq!(shown("don't \"panic\""), "don't \"panic\"");
        assert_eq!(shown("a\n::error::b\u{1b}[2J"), "a\\n::error::b\\u{1b}[2J");
        assert_eq!(shown("\u{202e}x"), "\\u{202e}x");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), 201);
    }
}

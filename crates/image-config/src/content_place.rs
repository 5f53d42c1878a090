//! Where a value of `content` stands in the text of `image.yaml`.

/// Line and column of a value below `content:`, or within these lines.
pub(crate) fn place(
    text: &str,
    value: &str,
    lines: Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    let (first, last) = match lines {
        Some((first, last)) => (first.saturating_sub(1), last),
        None => {
            let first = text.lines().position(is_section)?;
            (first, usize::MAX)
        }
    };
    let word = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    let mut lines = text.lines().enumerate().take(last).skip(first);
    lines.find_map(|(at, line)| {
        let code = line.split(" #").next().unwrap_or(line);
        let (start, _) = code.match_indices(value).find(|(start, _)| {
            let before = code[..*start].chars().next_back();
            let after = code[start + value.len()..].chars().next();
            !before.is_some_and(word) && !after.is_some_and(word)
        })?;
        Some((at + 1, code[..start].chars().count() + 1))
    })
}

/// Whether a line begins the section; its key may have quotes.
fn is_section(line: &str) -> bool {
    let quotes = ['"', '\''];
    let rest = line.trim_start_matches(quotes).strip_prefix("content");
    let rest = rest.map(|rest| rest.trim_start_matches(quotes).trim_start());
    rest.is_some_and(|rest| rest.starts_with(':'))
}

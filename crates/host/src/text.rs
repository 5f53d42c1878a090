//! Text from outside, made fit for a message.

/// Longest piece of foreign text that goes into a message, in characters.
const SHOWN: usize = 200;

/// Text from the network as one short line: control characters become spaces,
/// so that it can neither move a cursor nor begin a line with `::`, which CI
/// runners take for a command.
pub fn one_line(text: &str) -> String {
    let calm = text.replace(|c: char| c.is_control(), " ");
    let words: Vec<&str> = calm.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line("a\n::error::b\r\n\u{1b}[2Jc"), "a ::error::b [2Jc");
        assert!(one_line(&"x".repeat(5000)).chars().count() <= 201);
    }
}

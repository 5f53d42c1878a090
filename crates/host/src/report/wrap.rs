//! Lines that fit a terminal. What goes into a file or a pipe is not wrapped.

/// Columns of a line on a terminal that is as wide or wider.
pub(super) const WIDTH: usize = 100;

/// A sentence in lines of at most `width` columns. What is indented, or shows a
/// place in a file, stays as it is.
pub(super) fn sentence(line: &str, width: usize) -> Vec<String> {
    let place = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    if line.starts_with(' ') || place.starts_with('|') || line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    filled(line.split(' '), width, "", "")
}

/// A line that begins with a verb in a column of its own, or with a prompt: what does
/// not fit stands below what is behind it. A command, which is a line with options, is
/// continued as a shell wants it, so that it can be copied; no argument is broken.
/// Lines after the first are the text of a file, and stay as they are.
pub(super) fn hanging(text: &str, width: usize) -> Vec<String> {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let verb = line.find(' ').unwrap_or(0);
    let indent = line.len() - line[verb..].trim_start().len();
    let mut lines = vec![line.to_owned()];
    if line.chars().count() > width && indent < width / 2 {
        let words = words(&line[indent..]);
        let command = words.iter().any(|word| word.starts_with("--"));
        let end = if command { " \\" } else { "" };
        lines = filled(words.into_iter(), width - indent, end, "  ");
        for (at, part) in lines.iter_mut().enumerate() {
            match at {
                0 => *part = format!("{}{part}", &line[..indent]),
                _ => *part = format!("{:indent$}{part}", ""),
            }
        }
    }
    lines.extend(rest.lines().map(str::to_owned));
    lines
}

/// Words in lines of at most `width` columns, as far as there are words that short.
/// `end` stands behind each line but the last, `begin` before each but the first.
fn filled<'a>(
    words: impl Iterator<Item = &'a str>,
    width: usize,
    end: &str,
    begin: &str,
) -> Vec<String> {
    let width = width.saturating_sub(end.len());
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            last => {
                if let Some(last) = last {
                    last.push_str(end);
                }
                lines.push(format!("{begin}{word}"));
            }
        }
    }
    lines
}

/// The words of a line; one in single quotes is one, with its spaces.
fn words(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(|c: char| {
        quoted ^= c == '\'';
        c == ' ' && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_wrapped_on_a_terminal_and_nothing_else_is() {
        let text = "word ".repeat(60);
        let lines = sentence(text.trim_end(), WIDTH);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim_end());
        for whole in [format!("12 | {text}"), format!("  {text}"), "x".repeat(200)] {
            assert_eq!(sentence(&whole, WIDTH).last().unwrap().len(), whole.len());
        }
    }

    #[test]
    fn what_a_verb_says_stands_behind_it() {
        let line = "note     what it names; it moves only if it still does, and never else";
        assert_eq!(
            hanging(line, 40),
            [
                "note     what it names; it moves only if",
                "           it still does, and never else",
            ]
        );
        assert_eq!(hanging(line, WIDTH), [line]);
        let file = "write    a/b:\n  one line of the file that is very long indeed";
        assert_eq!(hanging(file, 20).len(), 2);
    }

    #[test]
    fn a_command_can_still_be_copied() {
        let line = "run      podman build --tag=x '--label=t=a b  c d' --file=some/where .";
        let lines = hanging(line, 44);
        assert_eq!(
            lines,
            [
                "run      podman build --tag=x \\",
                "           '--label=t=a b  c d' \\",
                "           --file=some/where .",
            ]
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 44));
        let typed = "$ cargo xtask build --publish --config target/image.yaml";
        assert_eq!(hanging(typed, 39)[1], "    --config target/image.yaml");
    }
}

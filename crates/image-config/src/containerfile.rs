//! The text of a Containerfile as instructions, each knowing its lines.

/// One instruction, its continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The line of the keyword, from 1.
    pub line: usize,
    /// In capitals, however it was written.
    pub keyword: String,
    /// What follows it.
    pub text: String,
    /// Line of its first heredoc, if it has one.
    pub heredoc: Option<usize>,
    /// Where each source line begins in `text`: offset and line.
    starts: Vec<(usize, usize)>,
}

impl Instruction {
    /// The source line of a place in `text`.
    pub fn line_at(&self, offset: usize) -> usize {
        self.starts
            .iter()
            .rev()
            .find(|(start, _)| *start <= offset)
            .map_or(self.line, |(_, line)| *line)
    }

    /// The leading `--name=value` words, and the offset of what follows them.
    pub fn options(&self) -> (Vec<&str>, usize) {
        let mut options = Vec::new();
        let mut rest = 0;
        for (offset, word) in words(&self.text) {
            if !word.starts_with("--") {
                return (options, offset);
            }
            options.push(word);
            rest = offset + word.len();
        }
        (options, rest)
    }

    /// What follows the options.
    pub fn rest(&self) -> &str {
        &self.text[self.options().1..]
    }

    /// The words of the exec form, if this is one: a JSON list of strings.
    pub fn exec_form(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.rest().trim()).ok()
    }

    /// What `COPY --from=` and `RUN --mount=…,from=` name, each with its line.
    pub fn copied_from(&self) -> Vec<(usize, &str)> {
        let of = |option: &str| option.as_ptr() as usize - self.text.as_ptr() as usize;
        let mut all = Vec::new();
        for option in self.options().0 {
            let line = self.line_at(of(option));
            match (self.keyword.as_str(), option.split_once('=')) {
                ("COPY", Some(("--from", stage))) => all.push((line, stage)),
                ("RUN", Some(("--mount", mount))) => all.extend(
                    mount
                        .split(',')
                        // Engines read it as CSV, in which a field may stand in quotes.
                        .map(|part| part.trim_matches('"'))
                        .filter_map(|part| Some((line, part.strip_prefix("from=")?))),
                ),
                _ => {}
            }
        }
        all
    }

    /// `NAME=VALUE` pairs of `ARG`, `ENV` and `LABEL`, quotes removed; the
    /// value is `None` without `=`. The old form `ENV NAME VALUE` too.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        let words = unquoted_words(&self.text);
        if self.keyword == "ENV" && words.first().is_some_and(|word| !word.contains('=')) {
            return vec![(words[0].clone(), Some(words[1..].join(" ")))];
        }
        let pair = |word: &String| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.clone(), None),
        };
        words.iter().map(pair).collect()
    }
}

/// Words between white space, with their offsets; quotes mean nothing.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace()
        .map(move |word| (offset(word), word))
}

fn unquoted_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Reads the instructions.
///
/// Comment lines and empty lines vanish, inside a continuation too. The body of
/// a heredoc is passed over, so that its lines are not taken for instructions.
pub fn parse(text: &str) -> Vec<Instruction> {
    let escape = escape_of(text);
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut instructions = Vec::new();
    while let Some((number, line)) = lines.next() {
        if is_nothing(line) {
            continue;
        }
        let mut joined = String::new();
        let mut starts = Vec::new();
        let mut next = Some((number, line.trim_start()));
        while let Some((number, line)) = next {
            starts.push((joined.len(), number));
            let end = line.trim_end();
            match end.strip_suffix(escape) {
                Some(part) => {
                    joined.push_str(part);
                    next = lines.find(|(_, line)| !is_nothing(line));
                }
                None => {
                    joined.push_str(end);
                    next = None;
                }
            }
        }
        let keyword: String = joined.chars().take_while(|c| !c.is_whitespace()).collect();
        let rest = &joined[keyword.len()..];
        let text = rest.trim_start().to_owned();
        let cut = joined.len() - text.len();
        let mut instruction = Instruction {
            line: number,
            keyword: keyword.to_ascii_uppercase(),
            text,
            heredoc: None,
            starts: starts
                .iter()
                .map(|(offset, line)| (offset.saturating_sub(cut), *line))
                .collect(),
        };
        for (offset, delimiter, indented) in heredocs(&instruction) {
            let line = instruction.line_at(offset);
            instruction.heredoc.get_or_insert(line);
            let ends = |line: &str| {
                let line = if indented {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                line == delimiter
            };
            lines.find(|(_, line)| ends(line));
        }
        instructions.push(instruction);
    }
    instructions
}

fn is_nothing(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The character at the end of a line that is continued. A directive
/// (`# escape=X`) counts only above everything that is not a directive.
/// Source: Dockerfile reference, "Parser directives".
fn escape_of(text: &str) -> char {
    for line in text.lines() {
        let directive = line
            .trim()
            .strip_prefix('#')
            .and_then(|l| l.split_once('='));
        let Some((name, value)) = directive else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" => return value.trim().chars().next().unwrap_or('\\'),
            "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

/// Offset, delimiter, and whether tabs may stand before the delimiter.
fn heredocs(instruction: &Instruction) -> Vec<(usize, String, bool)> {
    if !["RUN", "COPY", "ADD"].contains(&instruction.keyword.as_str())
        || instruction.exec_form().is_some()
    {
        return Vec::new();
    }
    let heredoc = |(offset, word): (usize, &str)| {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix("<<")?;
        let (indented, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let name = rest.trim_matches(['"', '\'']);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // `<<<` is a here-string, which every bash knows.
        let delimiter = !name.is_empty() && name.chars().all(word);
        delimiter.then(|| (offset, name.to_owned(), indented))
    };
    words(&instruction.text).filter_map(heredoc).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, String, String)> {
        let plain = |i: Instruction| (i.line, i.keyword, i.text);
        parse(text).into_iter().map(plain).collect()
    }

    fn one(line: usize, keyword: &str, text: &str) -> (usize, String, String) {
        (line, keyword.to_owned(), text.to_owned())
    }

    #[test]
    fn continuations_swallow_comments_and_empty_lines() {
        let text = "# head\n\nrun a && \\\n  # inside\n\n  b \\  \n  c\nCMD [\"x\"]\n";
        let found = parse(text);
        assert_eq!(
            texts(text),
            [one(3, "RUN", "a &&   b   c"), one(8, "CMD", "[\"x\"]")]
        );
        let at = |word: &str| found[0].line_at(found[0].text.find(word).unwrap());
        assert_eq!((at("a"), at("b"), at("c")), (3, 6, 7));
    }

    #[test]
    fn the_escape_character_can_be_another() {
        let text = "# syntax=x\n# escape=`\nRUN a `\n b \\\nRUN c\n";
        assert_eq!(texts(text), [one(3, "RUN", "a  b \\"), one(5, "RUN", "c")]);
        // Below a comment it is no directive.
        let text = "# hello\n# escape=`\nRUN a \\\n b\n";
        assert_eq!(texts(text), [one(3, "RUN", "a  b")]);
    }

    #[test]
    fn bodies_of_heredocs_are_no_instructions() {
        let text = "RUN <<EOF cat\nFROM x\nEOF\nCOPY <<-'A' <<B /x/\none\n\tA\ntwo\nB\nCMD x\n";
        let found = parse(text);
        let keywords: Vec<_> = found.iter().map(|i| (i.line, i.heredoc)).collect();
        assert_eq!(keywords, [(1, Some(1)), (4, Some(4)), (9, None)]);
        let none = "RUN echo $((1 << 2)) && cat <<< x\nCMD x\n";
        assert_eq!(parse(none)[0].heredoc, None);
        assert_eq!(parse(none).len(), 2);
    }

    #[test]
    fn pairs_lose_their_quotes() {
        let found = parse("LABEL a=\"b c\" 'd'=e\nENV X y z\nARG N\n");
        let pairs: Vec<_> = found.iter().flat_map(Instruction::pairs).collect();
        let some = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        let all = [
            some("a", "b c"),
            some("d", "e"),
            some("X", "y z"),
            ("N".to_owned(), None),
        ];
        assert_eq!(pairs, all);
    }
}

//! The words and signs of a Rust source, without comments, literals and tests.

/// A word or a sign of a source, and its line.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// Where a literal that begins with a quote ends: behind its closing quote.
fn end_of_quoted(text: &[char], quote: char, mut at: usize) -> usize {
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The tokens of a source, without comments and literals of text.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let sign = |at: usize| text.get(at).copied().unwrap_or(' ');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Vec<Token> = Vec::new();
    let (mut at, mut line, mut counted) = (0, 1, 0);
    while at < text.len() {
        line += text[counted..at].iter().filter(|c| **c == '\n').count();
        counted = at;
        let begin = at;
        match (sign(at), sign(at + 1)) {
            ('/', '/') => {
                while at < text.len() && text[at] != '\n' {
                    at += 1;
                }
                continue;
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (sign(at), sign(at + 1)) {
                        ('/', '*') => (depth, at) = (depth + 1, at + 2),
                        ('*', '/') => (depth, at) = (depth - 1, at + 2),
                        _ => at += 1,
                    }
                    if depth == 0 || at >= text.len() {
                        break;
                    }
                }
                continue;
            }
            ('"', _) => {
                at = end_of_quoted(&text, '"', at + 1).min(text.len());
                continue;
            }
            // A character, or else a lifetime.
            ('\'', '\\') => {
                at = end_of_quoted(&text, '\'', at + 1).min(text.len());
                continue;
            }
            ('\'', _) => {
                at += if sign(at + 2) == '\'' { 3 } else { 1 };
                continue;
            }
            (':', ':') => at += 2,
            (c, _) if is_word(c) => {
                while is_word(sign(at)) {
                    at += 1;
                }
                let hashes = (at..).take_while(|at| sign(*at) == '#').count();
                let word: String = text[begin..at].iter().collect();
                let raw = ["r", "br", "cr"].contains(&word.as_str());
                if raw && sign(at + hashes) == '"' {
                    let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
                    at += hashes + 1;
                    while at < text.len() && !text[at..].starts_with(&end) {
                        at += 1;
                    }
                    at = (at + end.len()).min(text.len());
                    continue;
                } else if raw && hashes == 1 {
                    // `r#type`
                    at += 1;
                    continue;
                }
            }
            (c, _) if c.is_whitespace() => {
                at += 1;
                continue;
            }
            _ => at += 1,
        }
        found.push(Token {
            text: text[begin..at].iter().collect(),
            line,
        });
    }
    found
}

/// The tokens that are compiled outside of tests.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !(0..mark.len()).all(|step| is(at + step, mark[step])) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // Other attributes, and the item up to its `;` or its last brace.
        let mut depth = 0;
        while at < tokens.len() {
            let text = tokens[at].text.as_str();
            match text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 && (text == ";" || text == "}") {
                break;
            }
        }
    }
    kept
}

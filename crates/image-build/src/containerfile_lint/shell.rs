//! The part of the shell's grammar that a `RUN` needs: which programs it calls, what is
//! piped, which variables it reads and which it sets itself.
//!
//! This is not a complete shell parser: it takes the `|` in the patterns of a `case`
//! for a pipe. A `RUN` with a `case` should be a script anyway.

use std::collections::BTreeSet;

use image_config::containerfile::Instruction;

/// Programs that run the command in their arguments.
pub const INTERPRETERS: [&str; 9] = [
    "sh", "bash", "dash", "zsh", "ksh", "python3", "python", "perl", "eval",
];

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Where it begins in the instruction's text.
    pub offset: usize,
    /// Name without its folder.
    pub program: String,
    /// The words after it, quotes removed.
    pub args: Vec<String>,
    /// Its output goes into the next command.
    pub piped: bool,
    /// The program whose argument is this command's output, as in `bash -c "$(…)"`.
    pub inside: Option<String>,
}

impl Command {
    /// Whether the first arguments that are not options are these.
    pub fn does(&self, programs: &[&str], verbs: &[&str]) -> bool {
        let verb = self.args.iter().find(|arg| !arg.starts_with('-'));
        programs.contains(&self.program.as_str())
            && verb.is_some_and(|verb| verbs.contains(&verb.as_str()))
    }
}

/// The commands and variables of a `RUN`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order in which they end.
    pub commands: Vec<Command>,
    /// Variables that are read, with their places.
    pub reads: Vec<(usize, String)>,
    /// Variables that it sets itself.
    pub sets: BTreeSet<String>,
}

/// The script of a `RUN`, whichever form it has.
pub fn script(run: &Instruction) -> Script {
    let (_, start) = run.options();
    let mut script = Script::default();
    match run.exec_form() {
        Some(words) => finish(&mut script, start, words, false, None),
        None => Scanner::new(run.rest(), start, &mut script).list(None, None),
    }
    script
}

/// Variables that a builder would expand in the text of another instruction.
pub fn expansions(text: &str) -> Vec<(usize, String)> {
    let mut script = Script::default();
    let mut scanner = Scanner::new(text, 0, &mut script);
    while let Some(c) = scanner.next() {
        match c {
            '\\' => drop(scanner.next()),
            '$' => drop(scanner.dollar(None)),
            _ => {}
        }
    }
    script.reads
}

struct Scanner<'a> {
    chars: Vec<(usize, char)>,
    at: usize,
    script: &'a mut Script,
    /// Added to every place.
    base: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &str, base: usize, script: &'a mut Script) -> Self {
        Self {
            chars: text.char_indices().collect(),
            at: 0,
            script,
            base,
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).map(|(_, c)| *c)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn place(&self) -> usize {
        let here = self.chars.get(self.at).or(self.chars.last());
        self.base + here.map_or(0, |(offset, _)| *offset)
    }

    /// Parses commands up to `end`, which is consumed.
    fn list(&mut self, end: Option<char>, inside: Option<&str>) {
        let mut words: Vec<String> = Vec::new();
        let mut word: Option<String> = None;
        let mut begin = self.place();
        let mut before = ' ';
        while let Some(c) = self.next() {
            if Some(c) == end {
                break;
            }
            let program = words.first().or(word.as_ref()).cloned();
            let redirect = matches!(before, '<' | '>');
            match c {
                '\\' => word.get_or_insert_default().extend(self.next()),
                '\'' => self.single(word.get_or_insert_default()),
                '"' => {
                    let text = self.double(program.as_deref());
                    word.get_or_insert_default().push_str(&text);
                }
                '$' => {
                    let text = self.dollar(program.as_deref());
                    word.get_or_insert_default().push_str(&text);
                }
                '`' => {
                    self.list(Some('`'), program.as_deref());
                    word.get_or_insert_default().push('`');
                }
                '(' if redirect => self.list(Some(')'), program.as_deref()),
                '(' => self.list(Some(')'), inside),
                '&' if redirect || self.peek() == Some('>') => {
                    word.get_or_insert_default().push(c);
                }
                '|' if redirect => word.get_or_insert_default().push(c),
                '|' | ';' | '&' | '\n' | ')' => {
                    let double = self.peek() == Some(c);
                    let piped = c == '|' && !double;
                    if double || (piped && self.peek() == Some('&')) {
                        self.at += 1;
                    }
                    words.extend(word.take());
                    finish(
                        self.script,
                        begin,
                        std::mem::take(&mut words),
                        piped,
                        inside,
                    );
                    begin = self.place();
                }
                // A comment goes to the end of the line, and a RUN is one line.
                '#' if word.is_none() => self.at = self.chars.len(),
                c if c.is_whitespace() => {
                    words.extend(word.take());
                    if words.is_empty() {
                        begin = self.place();
                    }
                }
                c => word.get_or_insert_default().push(c),
            }
            before = c;
        }
        words.extend(word);
        finish(self.script, begin, words, false, inside);
    }

    fn single(&mut self, word: &mut String) {
        while let Some(c) = self.next().filter(|c| *c != '\'') {
            word.push(c);
        }
    }

    fn double(&mut self, program: Option<&str>) -> String {
        let mut text = String::new();
        while let Some(c) = self.next().filter(|c| *c != '"') {
            match c {
                '\\' => {
                    // In double quotes a backslash is kept, except before these
                    // characters.
                    let escaped = self.next();
                    if !escaped.is_some_and(|c| "$`\"\\".contains(c)) {
                        text.push('\\');
                    }
                    text.extend(escaped);
                }
                '$' => text.push_str(&self.dollar(program)),
                '`' => self.list(Some('`'), program),
                c => text.push(c),
            }
        }
        text
    }

    /// After a `$`: notes the variable, or the commands that make a value.
    fn dollar(&mut self, program: Option<&str>) -> String {
        let place = self.place();
        let mut text = "$".to_owned();
        match self.peek() {
            Some('(') => {
                self.at += 1;
                if self.peek() == Some('(') {
                    self.arithmetic(program);
                } else {
                    self.list(Some(')'), program);
                }
                text.push_str("()");
            }
            Some('{') => {
                self.at += 1;
                if matches!(self.peek(), Some('#' | '!')) {
                    self.at += 1;
                }
                text.push_str(&self.name(place));
                while let Some(c) = self.next().filter(|c| *c != '}') {
                    match c {
                        '$' => text.push_str(&self.dollar(program)),
                        c => text.push(c),
                    }
                }
            }
            _ => text.push_str(&self.name(place)),
        }
        text
    }

    /// After `$(`: skips to the closing parenthesis. `|` is not a pipe in here.
    fn arithmetic(&mut self, program: Option<&str>) {
        let mut depth = 1;
        while depth > 0
            && let Some(c) = self.next()
        {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '$' => drop(self.dollar(program)),
                _ => {}
            }
        }
    }

    fn name(&mut self, place: usize) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
            self.at += 1;
        }
        if name.starts_with(|c: char| !c.is_ascii_digit()) {
            self.script.reads.push((place, name.clone()));
        }
        name
    }
}

/// Words before a command that do not change which program is called.
const PREFIXES: [&str; 14] = [
    "exec", "command", "env", "time", "nohup", "!", "{", "if", "then", "else", "elif", "do",
    "while", "until",
];

/// The name of `NAME=…`.
fn assigned(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    is_name(name).then_some(name)
}

/// `2>&1`, `<file`: a redirection, not a word of the command itself.
fn redirects(word: &str) -> bool {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    word.starts_with(['<', '>'])
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn finish(
    script: &mut Script,
    offset: usize,
    words: Vec<String>,
    piped: bool,
    inside: Option<&str>,
) {
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.peek() {
        if let Some(name) = assigned(word) {
            script.sets.insert(name.to_owned());
        } else if !PREFIXES.contains(&word.as_str()) && !redirects(word) {
            break;
        }
        words.next();
    }
    let Some(program) = words.next() else {
        return;
    };
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args: Vec<String> = words.collect();
    match program.as_str() {
        "for" | "select" => script.sets.extend(args.first().cloned()),
        "read" | "mapfile" | "readarray" | "local" | "declare" | "export" | "readonly"
        | "printf" | "getopts" => {
            let name = |arg: &String| assigned(arg).unwrap_or(arg).to_owned();
            script
                .sets
                .extend(args.iter().map(name).filter(|n| is_name(n)));
        }
        _ => {}
    }
    // `bash -c TEXT`, `sh -ec TEXT`.
    let is_c = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c');
    let inner = args.iter().position(is_c).and_then(|at| args.get(at + 1));
    if let Some(inner) = inner.filter(|_| INTERPRETERS[..5].contains(&program.as_str())) {
        // All places in the text are given as that of the outer command, because
        // removing quotes changed the offsets.
        let mut nested = Script::default();
        Scanner::new(inner, 0, &mut nested).list(None, inside);
        for command in nested.commands {
            script.commands.push(Command { offset, ..command });
        }
        let reads = nested.reads.into_iter().map(|(_, name)| (offset, name));
        script.reads.extend(reads);
        script.sets.extend(nested.sets);
    }
    script.commands.push(Command {
        offset,
        program,
        args,
        piped,
        inside: inside.map(str::to_owned),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_config::containerfile::parse;

    fn of(text: &str) -> Script {
        script(&parse(text)[0])
    }

    fn programs(text: &str) -> Vec<String> {
        of(text).commands.into_iter().map(|c| c.program).collect()
    }

    #[test]
    fn commands_are_found_wherever_they_stand() {
        assert_eq!(
            programs("RUN a; b && c || d | e & f"),
            ["a", "b", "c", "d", "e", "f"]
        );
        assert_eq!(
            programs("RUN if x; then A=1 /usr/bin/y; fi"),
            ["x", "y", "fi"]
        );
        assert_eq!(
            programs("RUN a \"$(b `c`)\" 'd; e' \"f; g\""),
            ["c", "b", "a"]
        );
        assert_eq!(programs("RUN (a; b) 2>&1 >/x # c; d"), ["a", "b"]);
        assert_eq!(programs("RUN bash -euc 'a; b' c"), ["a", "b", "bash"]);
        assert_eq!(
            programs("RUN [\"bash\", \"-c\", \"a | b\"]"),
            ["a", "b", "bash"]
        );
        assert_eq!(programs("RUN --network=none exec a"), ["a"]);
    }

    #[test]
    fn pipes_are_told_from_their_likes() {
        let piped = |text: &str| of(text).commands.iter().any(|c| c.piped);
        assert!(piped("RUN a | b") && piped("RUN a |& b") && piped("RUN x $(a | b)"));
        assert!(!piped("RUN a || b") && !piped("RUN a '|' b") && !piped("RUN a >| b"));
        assert!(!piped("RUN a $(( $b | (c) )) d"));
    }

    #[test]
    fn variables_are_read_and_set() {
        let found = of("RUN X=1; for y in $A \"${B:-$C}\" '$D' \\$E; do read z; echo $1 $y; done");
        let reads: Vec<_> = found.reads.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(reads, ["A", "B", "C", "y"]);
        assert_eq!(
            found.sets.iter().map(String::as_str).collect::<Vec<_>>(),
            ["X", "y", "z"]
        );
        let names = |text: &str| {
            expansions(text)
                .into_iter()
                .map(|(_, n)| n)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("a=${B} c=\\$D \"$E\""), ["B", "E"]);
    }
}

//! A path of this repository that a text names is there: a file that moves takes the
//! sentences about it along.

use std::path::Path;

use super::{assert_none, files, texts};

/// A file that a fork adds, as its commented line of `image.yaml` says.
const OF_A_FORK: &str = "ignition/cosign.pub";

/// The parts of a file in which people are told something: all of a Markdown file, the
/// comments of others.
fn prose(path: &str, text: &str) -> Vec<String> {
    let mark = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("md") => "",
        Some("rs") => "//",
        Some("toml" | "yaml" | "yml" | "bu" | "sh") => "#",
        _ => return Vec::new(),
    };
    let lines = text.lines();
    lines
        .filter_map(|line| Some(line[line.find(mark)?..].to_owned()))
        .collect()
}

/// The words of a line that may be paths from the root of the checkout; one with a
/// placeholder or a pattern is none.
fn paths(line: &str) -> Vec<&str> {
    let words = line.split(|c: char| c.is_whitespace() || "`'\"(),;[]|#".contains(c));
    let words = words.map(|word| word.trim_end_matches(['.', ':', '/', '!', '?']));
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    // `NAME.rs` and `HOST.bu` stand for any name; `README.md` is one.
    let named = |part: &str| {
        let stem = part.strip_suffix(".rs").or(part.strip_suffix(".bu"));
        let stem = stem.unwrap_or(part);
        stem.chars().any(|c| c.is_ascii_lowercase())
    };
    words
        .filter(|word| word.contains('/') && word.chars().all(plain) && word.split('/').all(named))
        .collect()
}

/// What `text` at `path` names and is not in `all`.
fn missing(path: &str, text: &str, all: &[String]) -> Vec<String> {
    let top = |word: &str| word.split('/').next().unwrap_or_default().to_owned() + "/";
    let there = |name: &str| {
        let below = format!("{name}/");
        let found = |file: &String| file == name || file.starts_with(&below);
        all.iter().any(found)
    };
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut wrong = Vec::new();
    for line in prose(path, text) {
        for word in paths(&line) {
            let ours = all.iter().any(|file| file.starts_with(&top(word)));
            let beside = folder.join(word).display().to_string();
            // A machine's config is called by its name: `examples/vm`.
            let config = format!("ignition/{word}.bu");
            let known = there(word) || there(&beside) || there(&config) || word == OF_A_FORK;
            if ours && !known {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    wrong
}

#[test]
fn a_path_that_a_text_names_is_there() {
    let all = files();
    let named = |(path, text): (String, String)| missing(&path, &text, &all);
    let wrong: Vec<String> = texts().into_iter().flat_map(named).collect();
    assert_none(&wrong, "name the place where it is now");
}

#[test]
fn a_path_that_is_not_there_is_found() {
    let all = [
        "docs/a.md",
        "crates/x/src/lib.rs",
        "ignition/examples/vm.bu",
    ]
    .map(str::to_owned);
    for good in [
        "see [a](docs/a.md#there), `crates/x`; examples/vm and src/lib.rs.",
        "crates/NAME/src/lib.rs, crates/x/src/NAME.rs, crates/*/src, https://h/docs/b.md, ~/docs/b.md, and/or",
    ] {
        assert!(
            missing("crates/x/README.md", good, &all).is_empty(),
            "{good}"
        );
    }
    let gone = "`docs/b.md` and crates/x/src/gone.rs.";
    let expected = ["a.md: docs/b.md", "a.md: crates/x/src/gone.rs"];
    assert_eq!(missing("a.md", gone, &all), expected);
    // Outside of comments a path may be anything.
    let line = ["let x = \"docs/b.md\"; /", "/ docs/c.md"].concat();
    assert_eq!(missing("a.rs", &line, &all), ["a.rs: docs/c.md"]);
}

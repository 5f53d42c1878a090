//! What a person sees on a terminal in the first hour.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use custom_coreos::cli::Cli;
use host::process::{self, Invocation};

/// Columns of a line, as every text of ours keeps to.
const WIDTH: usize = 100;

fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().canonicalize().unwrap()
}

/// What the program says on a terminal of so many columns, without colours.
fn said(words: &[String], columns: u16) -> Vec<String> {
    let sh = process::shell(&root()).unwrap();
    sh.set_var("NO_COLOR", "1");
    sh.set_var("TERM", "dumb");
    let call = Invocation::new(env!("CARGO_BIN_EXE_xtask"), words);
    let (heard, _) = process::on_terminal(&sh, &call, (columns, 50)).unwrap();
    let bytes: Vec<u8> = heard.into_iter().flat_map(|(_, bytes)| bytes).collect();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| plain(line.trim_end())).collect()
}

/// A line without escape sequences (ECMA-48, CSI), which take no columns.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        text.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    text
}

/// The lines that run over `width`, but for words that are longer themselves.
fn too_long(lines: &[String], width: usize) -> Vec<&String> {
    let over = |text: &str| text.chars().count() > width;
    let runs_over = |line: &&String| over(line) && !line.split(' ').any(over);
    lines.iter().filter(runs_over).collect()
}

/// Every task by its words, with those below it.
fn tasks(command: &clap::Command, before: &[String], all: &mut Vec<Vec<String>>) {
    for task in command.get_subcommands() {
        let mut words = before.to_vec();
        words.push(task.get_name().to_owned());
        tasks(task, &words, all);
        all.push(words);
    }
}

#[test]
fn no_help_runs_over_a_terminal() {
    let mut all = Vec::new();
    tasks(&Cli::command(), &[], &mut all);
    assert!(all.len() > 40, "{}", all.len());
    all.push(Vec::new());
    for mut words in all {
        // It is the compiler's own.
        if words.first().is_some_and(|task| task == "butane") {
            continue;
        }
        words.push("--help".to_owned());
        for columns in [80, 200] {
            let lines = said(&words, columns);
            assert!(lines.len() > 5, "{words:?}: {lines:#?}");
            let wrong = too_long(&lines, WIDTH.min(columns.into()));
            assert!(wrong.is_empty(), "{words:?} on {columns}: {wrong:#?}");
        }
    }
}

#[test]
fn no_mistake_is_answered_over_the_edge() {
    let dry = "resolve --config README.md";
    for line in [
        "",
        "bild",
        "build --puhs",
        "cleanup --days many",
        "rehearse --scenario nothing",
        "vm --base windows",
        "docs record nothing",
        "config --config no/such/file.yaml",
        "doctor",
        "config",
        "help build",
        "help nothing",
        dry,
    ] {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        // A table takes the whole width that it is given.
        let lines = said(&words, 100);
        assert!(!lines.is_empty(), "{line}");
        let wrong = too_long(&lines, WIDTH);
        assert!(wrong.is_empty(), "`{line}`: {wrong:#?}");
    }
}

#[test]
fn a_line_can_be_too_long() {
    let lines = ["a ".repeat(51), "a".repeat(101), "a ".repeat(50)];
    assert_eq!(too_long(&lines, WIDTH), [&lines[0]]);
    assert_eq!(plain("\u{1b}[1;32m  ok\u{1b}[0m x"), "  ok x");
}

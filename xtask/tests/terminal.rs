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
    let text = typed(words, columns, &[("NO_COLOR", "1"), ("TERM", "dumb")]);
    text.lines().map(|line| plain(line.trim_end())).collect()
}

/// All that comes to a terminal of so many columns, with these variables.
fn typed(words: &[String], columns: u16, variables: &[(&str, &str)]) -> String {
    let sh = process::shell(&root()).unwrap();
    for name in ["NO_COLOR", "COLUMNS"] {
        sh.set_var(name, "");
    }
    for (name, value) in variables {
        sh.set_var(name, value);
    }
    let call = Invocation::new(env!("CARGO_BIN_EXE_xtask"), words);
    let (heard, _) = process::on_terminal(&sh, &call, (columns, 50)).unwrap();
    let bytes: Vec<u8> = heard.into_iter().flat_map(|(_, bytes)| bytes).collect();
    String::from_utf8(bytes).unwrap()
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

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn colours_stand_where_they_mean_something_and_nowhere_else() {
    let [red, yellow] = [
        "\u{1b}[1;31merror:\u{1b}[0m",
        "\u{1b}[1;33m     Warning\u{1b}[0m",
    ];
    let plain = [("TERM", "xterm")];
    let wrong = words("build --puhs");
    let text = typed(&wrong, 80, &plain);
    assert!(text.contains(red), "{text:?}");
    assert_eq!(
        text.matches('\u{1b}').count(),
        2,
        "the word alone: {text:?}"
    );
    let doubtful = root().join("target/doubtful.yaml");
    let image_yaml = std::fs::read_to_string(root().join("image.yaml")).unwrap();
    let text = image_yaml.replace("  days: 90\n  keep: 3\n", "  days: 0\n  keep: 0\n");
    std::fs::write(&doubtful, text).unwrap();
    let config = words(&format!("config --config {}", doubtful.display()));
    let text = typed(&config, 80, &plain);
    assert!(text.contains(yellow), "{text:?}");
    // The answer has none, whatever it is.
    for line in ["config", "doctor", "help build", "--json", ""] {
        let text = typed(&words(line), 80, &plain);
        assert!(
            text.len() > 200 && !text.contains('\u{1b}'),
            "{line}: {text:?}"
        );
    }
    for off in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        for line in [&wrong, &config] {
            let text = typed(line, 80, &[plain[0], off]);
            assert!(!text.contains('\u{1b}'), "{off:?}: {text:?}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a pipe, and no terminal")]
fn a_line_of_a_file_takes_the_width_that_there_is() {
    let names: Vec<String> = (0..40).map(|n| format!("package-{n}")).collect();
    let list = format!("  install: [{}, \"@\"]", names.join(", "));
    let image_yaml = std::fs::read_to_string(root().join("image.yaml")).unwrap();
    let file = root().join("target/long.yaml");
    let text = image_yaml.replace("  install: [tailscale]", &list);
    std::fs::write(&file, text).unwrap();
    let config = words(&format!("config --config {}", file.display()));
    let widest = |columns: u16, set: Option<&str>| {
        let variables: Vec<_> = set.map(|set| ("COLUMNS", set)).into_iter().collect();
        let text = typed(&config, columns, &variables);
        let shown = text.lines().filter(|line| line.contains(" | "));
        shown
            .map(|line| line.trim_end().chars().count())
            .max()
            .unwrap()
    };
    let [narrow, usual, wide] = [60, 80, 200].map(|columns| widest(columns, None));
    assert!(
        narrow <= 60 && usual <= 80 && wide <= 200,
        "{narrow} {usual} {wide}"
    );
    assert!(narrow < usual && usual < wide, "{narrow} {usual} {wide}");
    // What a person has set is believed; a number that is none is not.
    assert_eq!(widest(200, Some("60")), narrow);
    assert_eq!(widest(200, Some("wide")), wide);
    // A pipe has no width, whatever is set.
    let piped = |columns: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(&config)
            .current_dir(root())
            .env("COLUMNS", columns);
        command.output().unwrap().stderr
    };
    assert_eq!(piped("40"), piped("200"));
}

#[test]
fn a_line_can_be_too_long() {
    let lines = ["a ".repeat(51), "a".repeat(101), "a ".repeat(50)];
    assert_eq!(too_long(&lines, WIDTH), [&lines[0]]);
    assert_eq!(plain("\u{1b}[1;32m  ok\u{1b}[0m x"), "  ok x");
}

/// A person at a terminal who types wrong answers is asked again.
#[test]
fn init_asks_again_after_a_wrong_answer() {
    let sh = xshell::Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let (exe, new) = (env!("CARGO_BIN_EXE_xtask"), dir.path().join("new"));
    sh.change_dir(root());
    let command = format!("{exe} init {}", new.display());
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me";
    let answers = format!("Some One\n\nsomeone\nNAS 1\nstore\n/no/such/key\n{key}\n");
    let said = xshell::cmd!(sh, "script --quiet --return --command {command} /dev/null")
        .quiet()
        .stdin(answers)
        .read()
        .unwrap();
    assert_eq!(said.matches("once more").count(), 4, "{said}");
    let yaml = sh.read_file(new.join("image.yaml")).unwrap();
    assert!(yaml.contains("  owner: someone\n") && yaml.contains(key));
    assert!(new.join("ignition/store.bu").is_file());
}

//! `butane`: exact bytes, exit codes, and nothing of ours in front.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Outcome, Sandbox};

const SMALL: &str = "variant: fcos\nversion: 1.6.0\n";
const RESULT: &str = "{\"ignition\":{\"version\":\"3.5.0\"}}\n";
const UNUSED: &str = "variant: fcos\nversion: 1.6.0\nnope: 1\n";

/// In a folder that is no checkout, so that nothing of one can be needed.
struct Folder(Sandbox);

impl Folder {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("else/where/small.bu", SMALL);
        sandbox.write("else/where/unused.bu", UNUSED);
        sandbox.write(
            "else/where/bad.bu",
            "variant: fcos\nversion: 1.6.0\nstorage: 1\n",
        );
        std::fs::remove_file(sandbox.path("image.yaml")).unwrap();
        Self(sandbox)
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path("else/where")
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.feed(args, "")
    }

    fn feed(&self, args: &[&str], input: &str) -> Outcome {
        let mut child = self
            .0
            .command(&[&["butane"], args].concat())
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[track_caller]
fn is(outcome: &Outcome, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert_eq!(outcome.stdout, stdout);
    assert_eq!(outcome.stderr, stderr);
}

#[test]
fn files_and_standard_input() {
    let folder = Folder::new();
    is(&folder.run(&["small.bu"]), 0, RESULT, "");
    is(&folder.feed(&[], SMALL), 0, RESULT, "");
    is(&folder.run(&["--", "small.bu"]), 0, RESULT, "");
    is(&folder.feed(&["-c"], SMALL), 0, "", "");
    let pretty = "{\n  \"ignition\": {\n    \"version\": \"3.5.0\"\n  }\n}\n";
    is(&folder.run(&["-ps", "small.bu"]), 0, pretty, "");
    let missing = "failed to open -: open -: no such file or directory\n";
    is(&folder.run(&["-"]), 1, "", missing);
    is(
        &folder.run(&["."]),
        1,
        "",
        "failed to read .: read .: is a directory\n",
    );
}

#[test]
fn both_forms_of_messages() {
    let folder = Folder::new();
    let raw = "warning at $.nope, line 3 col 1: unused key nope\n";
    is(&folder.run(&["--raw-errors", "unused.bu"]), 0, RESULT, raw);
    let strict = format!("{raw}Config produced warnings and --strict was specified\n");
    is(
        &folder.run(&["--strict", "--raw-errors", "unused.bu"]),
        1,
        "",
        &strict,
    );
    let pretty = "warning[$.nope]:\n  --> unused.bu:3:1\n   |\n 1 | variant: fcos\n \
                  2 | version: 1.6.0\n 3 | nope: 1\n   | ^^^^^ unused key nope\n 4 | \n   |\n";
    is(&folder.run(&["unused.bu"]), 0, RESULT, pretty);
    let bad = folder.run(&["bad.bu"]);
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(1), ""));
    assert!(
        bad.stderr.starts_with("Error translating config: "),
        "{bad:?}"
    );
}

#[test]
fn its_help_and_usage_are_its_own() {
    let folder = Folder::new();
    for flag in ["-h", "--help"] {
        is(&folder.run(&[flag]), 0, ignition_gen::command::HELP, "");
    }
    let version = folder.run(&["-V"]);
    assert!(
        version.stdout.starts_with("Butane ") && version.code == Some(0),
        "{version:?}"
    );
    // `--json` and `--config` are ours, not the compiler's.
    for flag in ["--json", "--config", "--nope"] {
        let outcome = folder.run(&[flag]);
        assert_eq!(outcome.code, Some(2));
        // Who types the first of them reads a document.
        if flag == "--json" {
            let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
            assert_eq!(document["exit-code"], 2);
        } else {
            assert_eq!(outcome.stdout, "");
        }
        assert!(
            outcome.stderr.ends_with(&format!("unknown flag: {flag}\n")),
            "{outcome:?}"
        );
    }
    assert_eq!(folder.run(&["a", "b"]).code, Some(2));
}

#[test]
fn an_output_is_whole_or_as_it_was() {
    let folder = Folder::new();
    let out = folder.path().join("out.ign");
    is(&folder.run(&["-o", "out.ign", "small.bu"]), 0, "", "");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), RESULT);
    std::fs::write(&out, "old").unwrap();
    assert_eq!(folder.run(&["-o", "out.ign", "bad.bu"]).code, Some(1));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "old");
    is(&folder.run(&["-o", "/dev/null", "small.bu"]), 0, "", "");
    let missing = "failed to open no/x: open no/x: no such file or directory\n";
    is(&folder.run(&["-o", "no/x", "small.bu"]), 1, "", missing);
    assert!(!leftovers(&folder.path()));
}

fn leftovers(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".part")
    })
}

#[test]
fn local_files_need_their_folder() {
    let folder = Folder::new();
    let config = "variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n    - path: /a\n      contents:\n        local: small.bu\n";
    assert_eq!(folder.feed(&["--raw-errors"], config).code, Some(1));
    let given = folder.feed(&["-d", "."], config);
    assert_eq!(given.code, Some(0), "{given:?}");
    assert!(given.stdout.contains("\"source\":\"data:"), "{given:?}");
}

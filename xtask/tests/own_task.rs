//! Somebody else's repository, `examples/own-task`: it builds, its task stands
//! beside ours, and gets help, `--json`, exit codes and configuration for free.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; cargo and the built program are run here"
)]

#[path = "tools/mod.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-task")
}

/// Builds it into our own folder, so that what both depend on is compiled once.
fn built() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // What is not committed there: the versions that are tested here.
    std::fs::copy(root.join("Cargo.lock"), example().join("Cargo.lock")).unwrap();
    let target = root.join("target");
    std::fs::create_dir_all(example().join("target")).unwrap();
    let done = tools::cargo()
        .args(["build", "--offline", "--quiet"])
        .current_dir(example())
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    target.join("debug/nas-xtask")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_repository_of_ones_own_adds_a_task() {
    let program = built();
    let run = |words: &[&str]| -> Output {
        Command::new(&program)
            .args(words)
            .current_dir(example().join("xtask/src"))
            .output()
            .unwrap()
    };
    let overview = text(&run(&[]).stdout);
    for line in ["  build  ", "This repository's own\n  followed  "] {
        assert!(overview.contains(line), "{line}: {overview}");
    }
    let help = text(&run(&["help", "followed"]).stdout);
    assert!(
        help.contains("--tag <TAG>") && help.contains("--json"),
        "{help}"
    );

    let found = run(&["followed"]);
    assert_eq!(found.status.code(), Some(0));
    assert_eq!(text(&found.stdout), "ghcr.io/example/nas:stable\n");
    let document = text(&run(&["followed", "--json"]).stdout);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["followed"][0], "ghcr.io/example/nas:stable");

    // Its own error is 1, and the alarm would hear of it; a wrong command line or
    // a wrong image.yaml is 2, with the place.
    let wrong = run(&["followed", "--tag", "beta", "--json"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("error: image.yaml moves no tag `beta`"));
    let document: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(document["exit-code"], 1);
    let outcome = std::fs::read_to_string(example().join("target/outcome.json")).unwrap();
    assert!(outcome.contains("\"task\": \"followed\""), "{outcome}");
    assert_eq!(run(&["followed", "--no-such"]).status.code(), Some(2));

    let odd = example().join("target/odd.yaml");
    let yaml = std::fs::read_to_string(example().join("image.yaml")).unwrap();
    std::fs::write(&odd, yaml.replace("series:", "serie:")).unwrap();
    let odd = odd.to_str().unwrap();
    let invalid = run(&["--config", odd, "followed"]);
    assert_eq!(invalid.status.code(), Some(2));
    let said = text(&invalid.stderr);
    assert!(said.contains("odd.yaml:8:3: zfs: "), "{said}");

    // Ours are all there.
    let ours = run(&["config"]);
    assert_eq!(ours.status.code(), Some(0));
    assert!(text(&ours.stdout).contains("owner: example"));
}

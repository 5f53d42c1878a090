//! The book, made by the real mdBook, where it is installed.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; one starts the real binary"
)]

mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().canonicalize().unwrap()
}

fn xtask(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(words)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Where `doctor docs --install` puts it, or `PATH`.
fn mdbook_is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ours = root().join(manual::book::PLACE).join("bin");
    std::env::split_paths(&path)
        .chain([ours])
        .any(|folder| folder.join("mdbook").is_file())
}

#[test]
fn the_book_is_made_with_a_search_and_without_links_that_break() {
    if !mdbook_is_here() {
        return skip::skip("the book needs mdbook");
    }
    let output = root().join("target/tmp/book");
    let _ = std::fs::remove_dir_all(&output);
    let (code, stdout, stderr) = xtask(&["docs", "--json", "--output", output.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["book"], output.to_str().unwrap());
    let read = |name: &str| std::fs::read_to_string(output.join(name)).unwrap();
    let page = read("your-image.html");
    assert!(page.contains("width=device-width"), "{page}");
    // A file beside the book is in the repository.
    assert!(page.contains("/blob/HEAD/ARCHITECTURE.md"), "{page}");
    assert!(!page.contains("../ARCHITECTURE.md"), "{page}");
    assert!(read("reference/commands.html").contains("id=\"test-build\""));
    let names: Vec<String> = std::fs::read_dir(&output)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("searchindex")),
        "{names:?}"
    );
    assert!(!names.contains(&"book.toml".to_owned()), "{names:?}");
    // Each link of each page to another page leads to a file.
    let mut links = 0;
    let mut folders = vec![output.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "html") {
                let text = std::fs::read_to_string(&path).unwrap();
                for target in text.split("href=\"").skip(1) {
                    let target = target.split('"').next().unwrap();
                    let file = target.split(['#', '?']).next().unwrap();
                    if file.is_empty() || target.contains(':') || path.ends_with("404.html") {
                        continue;
                    }
                    links += 1;
                    let place = path.parent().unwrap().join(file);
                    assert!(place.exists(), "{}: {target}", path.display());
                }
            }
        }
    }
    assert!(links > 100, "{links}");
    // It was made before, so it may be replaced; another folder may not.
    let (code, _, stderr) = xtask(&["docs", "--output", "xtask"]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(root().join("xtask/Cargo.toml").is_file());
}

#[test]
fn man_pages_are_what_man_reads() {
    let folder = root().join("target/tmp/man");
    let _ = std::fs::remove_dir_all(&folder);
    let (code, _, stderr) = xtask(&["man", folder.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{stderr}");
    let page = std::fs::read_to_string(folder.join("cargo-xtask-workflow-run.1")).unwrap();
    assert!(page.contains(".TH cargo-xtask-workflow-run 1"), "{page}");
    assert!(page.contains("workflow run"), "{page}");
    assert!(folder.join("cargo-xtask.1").is_file());
}

#[test]
fn completions_know_this_checkout() {
    let (code, script, stderr) = xtask(&["completions", "bash"]);
    assert_eq!(code, Some(0), "{stderr}");
    for value in [
        "ghcr.io/custom-coreos/custom-coreos:stable",
        "cleanup",
        "examples/xfs",
        "_custom_coreos_cargo",
    ] {
        assert!(script.contains(value), "{value}");
    }
    // A broken image.yaml is somebody else's complaint.
    let (code, script, _) = xtask(&["completions", "bash", "--config", "README.md"]);
    assert_eq!(code, Some(0));
    assert!(script.contains("_custom_coreos_cargo"));
}

//! The book, made by the real mdBook, and what shells and `man` read, by the real ones,
//! where they are installed.
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
    xtask_of(words, &[])
}

/// The same, with these variables.
fn xtask_of(words: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(words)
        .envs(variables.iter().copied())
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

/// A program on `PATH`, or the test is skipped.
fn is_here(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !here {
        skip::skip(&format!("what is installed for it needs {name}"));
    }
    here
}

/// What a program prints in a home that our files were installed in.
fn asked(home: &str, words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(home)
        .env("HOME", home)
        .env("TERM", "dumb")
        .env("MANPATH", format!("{home}/.local/share/man"))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

const BASH: &str = "source /usr/share/bash-completion/bash_completion; COMP_WORDS=(cargo xtask \
    test-bui); COMP_CWORD=2; $(complete -p cargo | sed 's/.*-F \\([^ ]*\\).*/\\1/') cargo test-bui xtask; \
    echo \"${COMPREPLY[@]}\"";

/// A terminal, in which Tab is typed; reading waits for the text.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty z "zsh -f -i"
zpty -w z "PS1=; fpath=($HOME/.local/share/zsh/site-functions $0 \$fpath); autoload -Uz compinit; compinit -u -d $HOME/dump; print ready\$((1+1))"
zpty -r z said '*ready2*'
zpty -w -n z $'cargo xtask test-bui\t'
zpty -r z said '*test-build*'
print -r -- "$said"
"#;

#[test]
fn what_is_installed_is_found_by_the_real_shells_and_man() {
    let sh = xshell::Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let home = dir.path().to_str().unwrap();
    let install = |words: &[&str]| {
        let empty = ("XDG_DATA_HOME", "");
        let of = [("HOME", home), empty, ("XDG_CONFIG_HOME", "")];
        let (code, stdout, stderr) = xtask_of(words, &of);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains(home), "{stdout}");
    };
    // What a person has there stays.
    let mine = dir.path().join(".bash_completion");
    sh.write_file(&mine, "# mine").unwrap();
    for shell in ["bash", "bash", "zsh", "fish"] {
        install(&["completions", shell, "--install"]);
    }
    install(&["man", "--install"]);
    let lines = sh.read_file(&mine).unwrap();
    assert!(lines.starts_with("# mine\nsource /"), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");

    if is_here("bash") && Path::new("/usr/share/bash-completion/bash_completion").is_file() {
        let said = asked(home, &["bash", "--norc", "-c", BASH]);
        assert_eq!(said.trim(), "test-build");
    } else {
        skip::skip("what is installed for it needs bash-completion");
    }
    if is_here("fish") {
        let said = asked(home, &["fish", "-c", "complete -C 'cargo xtask test-bui'"]);
        assert!(said.starts_with("test-build\t"), "{said}");
    }
    if is_here("man") {
        let said = asked(home, &["man", "-P", "cat", "cargo-xtask-test-build"]);
        assert!(said.contains("cargo-xtask-test-build"), "{said}");
        assert!(said.contains("SYNOPSIS"), "{said}");
    }
    // Cargo's own functions come with it.
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = String::from_utf8(sysroot.unwrap().stdout).unwrap();
    let functions = format!("{}/share/zsh/site-functions", sysroot.trim());
    if is_here("zsh") && Path::new(&functions).join("_cargo").is_file() {
        let said = asked(home, &["timeout", "60", "zsh", "-f", "-c", ZSH, &functions]);
        assert!(said.contains("cargo xtask test-build"), "{said}");
    }
}

#[test]
fn the_archive_of_all_is_the_same_twice() {
    let folder = root().join("target/tmp/dist");
    let _ = std::fs::remove_dir_all(&folder);
    let archives = ["one", "two"].map(|name| {
        let place = folder.join(name);
        let (code, _, stderr) = xtask(&["dist", place.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{stderr}");
        std::fs::read(place).unwrap()
    });
    assert!(archives[0] == archives[1]);
    let place = folder.join("one");
    let list = Command::new("tar").arg("-tzf").arg(place).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for name in [
        "etc/bash_completion.d/cargo-xtask",
        "usr/share/fish/vendor_conf.d/xtask.fish",
        "usr/share/man/man1/cargo-xtask-keys-new.1",
        "usr/share/zsh/site-functions/_cargo-xtask",
    ] {
        assert!(list.lines().any(|line| line == name), "{name}: {list}");
    }
}

#[test]
fn init_installs_for_the_shell_of_a_person() {
    let sh = xshell::Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let home = dir.path().to_str().unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2";
    let init = |name: &str, shell: &str| {
        let place = format!("{home}/{name}");
        let words = ["init", &place, "--owner=me", "--host=nas", "--completions"];
        let of = [("HOME", home), ("XDG_CONFIG_HOME", ""), ("SHELL", shell)];
        xtask_of(&[words.as_slice(), &["--key", key]].concat(), &of)
    };
    let (code, _, stderr) = init("new", "/usr/bin/fish");
    assert_eq!(code, Some(0), "{stderr}");
    let script = sh.read_file(dir.path().join(".config/fish/conf.d/xtask.fish"));
    assert!(script.unwrap().contains("ghcr.io/me/nas:stable"));
    let page = ".local/share/man/man1/cargo-xtask-build.1";
    assert!(dir.path().join(page).is_file());
    // It is told before anything is written.
    let (code, _, stderr) = init("other", "/bin/dash");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("for the shell `dash`"), "{stderr}");
    assert!(!dir.path().join("other").exists());
}

//! The repository's invariants. Each failure says what to do.
#![expect(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

#[path = "../support/expressions.rs"]
mod expressions;
mod forges;
mod linters;
mod paths;
mod rings;
#[path = "../skip/mod.rs"]
mod skip;
#[path = "../tools/mod.rs"]
mod tools;
mod workflows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use custom_coreos::cli::Cli;
use image_build::{containerfile_lint, testing};
use xshell::{Shell, cmd};

const CONTEXT: &str = "containerfiles/custom-coreos";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of the checkout, relative to it, but for what is made.
fn files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_symlink() {
                continue;
            } else if !path.is_dir() {
                let path = path.strip_prefix(root()).unwrap();
                files.push(path.to_str().unwrap().to_owned());
            } else if ![".git", "target"].contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    files.sort();
    assert!(files.contains(&"image.yaml".to_owned()), "{files:?}");
    files
}

fn with_end(end: &str) -> Vec<String> {
    files()
        .into_iter()
        .filter(|path| path.ends_with(end))
        .collect()
}

/// Every file that is text, with its text; data of tests is not judged.
fn texts() -> Vec<(String, String)> {
    files()
        .into_iter()
        .filter(|path| !path.contains("/fixtures/") && path != "Cargo.lock")
        .filter_map(|path| {
            let text = std::fs::read_to_string(root().join(&path)).ok()?;
            Some((path, text))
        })
        .collect()
}

#[track_caller]
fn assert_none(wrong: &[String], advice: &str) {
    assert!(wrong.is_empty(), "{advice}:\n  {}", wrong.join("\n  "));
}

#[test]
fn there_is_one_clippy_toml() {
    let found: Vec<String> = files()
        .into_iter()
        .filter(|path| ["clippy.toml", ".clippy.toml"].contains(&path.rsplit('/').next().unwrap()))
        .collect();
    assert_eq!(
        found,
        ["clippy.toml"],
        "remove all but the one at the top: another one replaces it for its crate, silently"
    );
}

/// The names of the `ARG`s in a text.
fn arguments(containerfile: &str) -> BTreeSet<&str> {
    containerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ARG "))
        .map(|rest| rest.split('=').next().unwrap().trim())
        .collect()
}

#[test]
fn the_containerfile_takes_what_the_plan_gives() {
    let text = read(&format!("{CONTEXT}/Containerfile"));
    let (_, lock, local) = testing::locked();
    let given = image_publish::arguments(
        &lock,
        lock.target(local.arch).unwrap(),
        None,
        &image_publish::PackagesFrom::Repositories,
    );
    let given: BTreeSet<&str> = given.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        arguments(&text),
        given,
        "make the ARGs of {CONTEXT}/Containerfile (left) and `plan::arguments` (right) the same"
    );
    // What stands above the first FROM is seen by no RUN.
    let (_, last) = text.rsplit_once("\nFROM ").unwrap();
    assert_eq!(
        arguments(last),
        given,
        "declare every ARG below the last FROM of {CONTEXT}/Containerfile: install.sh reads them"
    );
}

#[test]
fn a_build_stands_on_four_images_and_no_others() {
    let text = read(&format!("{CONTEXT}/Containerfile"));
    let from = text.lines().filter(|line| line.starts_with("FROM "));
    let from: Vec<&str> = from.filter_map(|line| line.split(' ').nth(1)).collect();
    let given = |name: &str| format!("${{{name}:-the_build_argument_{name}_is_required}}");
    assert_eq!(
        from,
        [
            "KMODS_IMAGE",
            "CONTENT_IMAGE",
            "PACKAGES_IMAGE",
            "BASE_IMAGE"
        ]
        .map(given),
        "list every other image by digest under `other_images` of the lock (crates/image-build/src/lock.rs)"
    );
    assert!(!text.contains("COPY --from=") && testing::locked().1.other_images.is_empty());
}

#[test]
fn the_containerfile_is_clean() {
    let found = containerfile_lint::lint(&read(&format!("{CONTEXT}/Containerfile")));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_none(&found, &format!("mend {CONTEXT}/Containerfile"));
}

#[test]
fn the_build_context_is_an_allow_list() {
    let text = read(&format!("{CONTEXT}/.dockerignore"));
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["*", "!install.sh", "!rootfs", "!rootfs/**"],
        "let {CONTEXT}/.dockerignore name what the Containerfile copies and nothing else"
    );
    let ignore_files = files().into_iter().filter(|path| path.ends_with("ignore"));
    let ignore_files: Vec<String> = ignore_files
        .filter(|path| path.starts_with(CONTEXT))
        .collect();
    assert_eq!(
        ignore_files,
        [format!("{CONTEXT}/.dockerignore")],
        "keep one ignore file: podman and buildah prefer another than docker"
    );
}

#[test]
fn every_module_fits_on_a_few_screens() {
    let long: Vec<String> = with_end(".rs")
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines >= 500)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert_none(&long, "split these: a module has fewer than 500 lines");
}

#[test]
fn main_is_a_doorstep() {
    let lines = read("xtask/src/main.rs").lines().count();
    assert!(
        lines < 20,
        "move code from main.rs ({lines} lines) to the library, where tests see it"
    );
}

/// The driver is a table of contents: what a task does is in a library.
#[test]
fn xtask_stays_thin() {
    let lines: usize = with_end(".rs")
        .into_iter()
        .filter(|path| path.starts_with("xtask/src/"))
        .map(|path| {
            let text = read(&path);
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            code.lines().count()
        })
        .sum();
    assert!(
        (1000..=4000).contains(&lines),
        "move code from xtask/src ({lines} lines without tests, 4,000 at most) into a library"
    );
}

#[test]
fn a_crate_says_what_it_is_for() {
    let wrong: Vec<String> = with_end("/src/lib.rs")
        .into_iter()
        .filter(|path| !path.contains("/fuzz/"))
        .filter(|path| {
            let text = read(path);
            let head = text
                .lines()
                .take_while(|line| line.starts_with("//!") && !line.contains("```"));
            let head: Vec<&str> = head.collect();
            let says = head.join(" ").contains("mport");
            !(6..=20).contains(&head.len()) || !says
        })
        .collect();
    assert_none(
        &wrong,
        "begin with about ten lines: what for, the main types, whom it may import",
    );
}

#[test]
fn the_map_fits_two_screens() {
    let text = read("ARCHITECTURE.md");
    assert!(
        text.lines().count() <= 200,
        "move reasons to docs/decisions.md"
    );
    let missing: Vec<String> = manifests()
        .iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml"))
        .filter(|folder| folder.starts_with("crates/") && !folder.contains("fuzz"))
        .filter(|folder| !text.contains(*folder))
        .map(str::to_owned)
        .collect();
    assert_none(&missing, "put these crates into the map of ARCHITECTURE.md");
}

#[test]
fn no_test_is_ignored() {
    let mark = ["#[ig", "nore"].concat();
    let found: Vec<String> = with_end(".rs")
        .into_iter()
        .filter(|path| {
            read(path)
                .lines()
                .any(|line| line.trim_start().starts_with(&mark))
        })
        .collect();
    assert_none(
        &found,
        "let a test skip itself, with a printed line, instead of being ignored",
    );
}

/// The first cells of the book's table of tasks.
fn listed(page: &str) -> Vec<String> {
    let row = |line: &str| {
        let rest = line.strip_prefix("| `cargo xtask ")?;
        let name = rest.split(['`', ' ']).next()?;
        Some(name.to_owned())
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_book_lists_the_tasks_that_there_are() {
    let command = Cli::command();
    let tasks: BTreeSet<String> = command
        .get_subcommands()
        .map(|task| task.get_name().to_owned())
        .collect();
    let rows = listed(&read("docs/tasks.md"));
    assert_eq!(
        rows.iter().cloned().collect::<BTreeSet<_>>(),
        tasks,
        "give each task one row `| `cargo xtask NAME` | …` in docs/tasks.md (left: the page, right: clap)"
    );
    assert_eq!(
        rows.len(),
        tasks.len(),
        "one row for each task in docs/tasks.md: {rows:?}"
    );
}

/// README is what a newcomer reads first: one screen, two commands, ten tasks.
#[test]
fn readme_is_short() {
    let text = read("README.md");
    let lines = text.lines().count();
    assert!(
        lines <= 150,
        "README.md has {lines} lines: move it into docs/"
    );
    let tasks = listed(&text);
    assert_eq!(tasks.len(), 10, "{tasks:?}");
}

/// Links, command lines and generated pages of the book; `manual` has a test of its
/// own that each kind of mistake is seen.
#[test]
fn the_book_holds() {
    let tasks = custom_coreos::tasks();
    let sources = manual::pages::Sources {
        command: &tasks.command(),
        groups: &custom_coreos::tasks::GROUPS,
        image_yaml: &read("image.yaml"),
    };
    let wrong = manual::check::problems(&root(), &sources).unwrap();
    assert_none(
        &wrong,
        "mend the book; `cargo xtask docs` writes what is made",
    );
}

/// Accounts of hosts and of examples.
const NOBODY: [&str; 4] = ["core", "someone", "u", "user"];

/// The line of a text that names a place of one machine.
fn names_a_place(text: &str) -> Option<&str> {
    // Put together, so that this file does not name one.
    let places = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/Us", "ers/"],
    ];
    let names = |line: &str, place: &str| {
        line.match_indices(place).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let begins = before.is_none_or(|c| !c.is_alphanumeric() && !"._-}".contains(c));
            let rest = &line[at + place.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
            let name = &rest[..end.unwrap_or(rest.len())];
            // Without a name it is a pattern, or stands for the folder itself.
            begins && !name.is_empty() && !NOBODY.contains(&name)
        })
    };
    text.lines()
        .find(|line| places.iter().any(|parts| names(line, &parts.concat())))
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let found: Vec<String> = texts()
        .into_iter()
        .filter_map(|(path, text)| Some(format!("{path}: {}", names_a_place(&text)?.trim())))
        .collect();
    assert_none(&found, "write paths relative to the checkout");
    let bad = ["/ro", "ot/x"].concat();
    assert!(names_a_place(&format!("cd {bad}")).is_some());
    assert!(names_a_place(&format!("a{bad} {}/*", ["/ro", "ot"].concat())).is_none());
}

/// The manifests of the workspace's members. Deeper ones (fuzz targets) are
/// workspaces of their own.
fn manifests() -> Vec<String> {
    let member = |path: &String| {
        let parts: Vec<&str> = path.split('/').collect();
        matches!(parts[..], ["xtask", _] | ["crates", _, _])
    };
    with_end("/Cargo.toml").into_iter().filter(member).collect()
}

#[test]
fn every_crate_inherits_the_lints() {
    let missing: Vec<String> = manifests()
        .into_iter()
        .filter(|path| !read(path).contains("[lints]\nworkspace = true\n"))
        .collect();
    assert_none(&missing, "add `[lints]` with `workspace = true`");
}

/// The crates that a manifest names in any of its lists of dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies");
            // `[dependencies.name]`
            names.extend(
                section
                    .split_once("dependencies.")
                    .map(|(_, name)| name.to_owned()),
            );
        } else if inside && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            names.push(name.to_owned());
        }
    }
    names
}

/// The four named crates take data, not clients: none of them opens a door, and
/// each imports only what its types are made of. `rings` holds the layers of all
/// crates.
#[test]
fn the_named_crates_are_pure() {
    let ours = [
        ("version-discovery", &[][..]),
        ("registry-compat", &["version-discovery"]),
        ("ignition-gen", &[]),
        ("retention", &["registry-compat", "version-discovery"]),
    ];
    let all: BTreeSet<String> = manifests()
        .iter()
        .filter_map(|path| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            Some(name.to_owned())
        })
        .collect();
    let mut wrong = Vec::new();
    for (name, may) in ours {
        assert!(all.contains(name), "{name} is gone");
        for other in dependencies(&read(&format!("crates/{name}/Cargo.toml"))) {
            let door = [
                "ureq",
                "oci-client",
                "tokio",
                "xshell",
                "rustix",
                "signal-hook",
            ];
            let is_ours = all.contains(&other) || door.contains(&other.as_str());
            if is_ours && !may.contains(&other.as_str()) {
                wrong.push(format!("{name} imports {other}"));
            }
        }
    }
    assert_none(
        &wrong,
        "give the crate data instead of an import, or change ARCHITECTURE.md",
    );
    let manifest =
        "[dependencies]\na = 1\nb.workspace = true\n[lib]\nc = 1\n[dev-dependencies.d]\n";
    assert_eq!(dependencies(manifest), ["a", "b", "d"]);
}

/// Every file that a shell would run.
#[test]
fn shell_scripts_are_shell() {
    let sh = Shell::new().unwrap();
    let mut scripts = 0;
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        let first = text.lines().next().unwrap_or_default();
        let shell = first.starts_with("#!") && (first.ends_with("bash") || first.ends_with("sh"));
        if shell {
            scripts += 1;
            let file = root().join(&path);
            let output = cmd!(sh, "bash -n {file}")
                .quiet()
                .ignore_status()
                .output()
                .unwrap();
            if !output.status.success() {
                wrong.push(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
    }
    assert!(
        scripts >= 4,
        "where are install.sh, contract.sh and their like?"
    );
    assert_none(&wrong, "mend the syntax");
}

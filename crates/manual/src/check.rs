//! What in the book does not hold: a link that leads nowhere, a command line that the
//! grammar does not take, a generated page that is old, a page that nobody lists.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use host::Error as HostError;

use crate::error::Error;
use crate::markdown::{self, Page};
use crate::pages::{self, Sources};
use crate::{recording, typed};

/// The folder of the book, below the checkout.
pub const BOOK: &str = "docs";

/// Files beside the book that a person reads, and that link into it.
const BESIDE: [&str; 4] = [
    "README.md",
    "ARCHITECTURE.md",
    "ignition/README.md",
    "ignition/VM.md",
];

/// Every page of the book by its path below the checkout, with its text.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn texts(root: &Path) -> Result<BTreeMap<PathBuf, String>, Error> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![PathBuf::from(BOOK)];
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        for entry in std::fs::read_dir(&place).map_err(HostError::read(&place))? {
            let entry = entry.map_err(HostError::read(&place))?;
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                let text = std::fs::read_to_string(entry.path());
                texts.insert(path, text.map_err(HostError::read(&entry.path()))?);
            }
        }
    }
    Ok(texts)
}

/// Everything that is wrong, each in a line that names file, line and what to do.
///
/// # Errors
/// If a file cannot be read.
pub fn problems(root: &Path, sources: &Sources<'_>) -> Result<Vec<String>, Error> {
    let mut texts = texts(root)?;
    let mut problems = Vec::new();
    for (path, wanted) in pages::all(sources) {
        let path = Path::new(BOOK).join(path);
        if texts.get(&path) != Some(&wanted) {
            problems.push(format!(
                "{}: not what the program makes today; `cargo xtask docs` writes it anew",
                path.display()
            ));
        }
    }
    let summary = Path::new(BOOK).join("SUMMARY.md");
    let listed = markdown::read(texts.get(&summary).map_or("", String::as_str));
    for path in texts.keys().filter(|path| **path != summary) {
        let inside = path.strip_prefix(BOOK).unwrap_or(path);
        if !listed
            .links
            .iter()
            .any(|link| Path::new(&link.target) == inside)
        {
            problems.push(format!(
                "{}: {} does not list it",
                path.display(),
                summary.display()
            ));
        }
    }
    for path in BESIDE {
        let place = root.join(path);
        // A repository that adds tasks of its own need not have them.
        if place.is_file() {
            let text = std::fs::read_to_string(&place).map_err(HostError::read(&place))?;
            texts.insert(PathBuf::from(path), text);
        }
    }
    let read: BTreeMap<&PathBuf, Page> = texts
        .iter()
        .map(|(path, text)| (path, markdown::read(text)))
        .collect();
    for (path, page) in &read {
        for link in &page.links {
            if let Some(why) = leads_nowhere(root, path, &link.target, &read) {
                let line = markdown::line(&texts[*path], link.place.start);
                problems.push(format!(
                    "{}:{line}: `{}`: {why}",
                    path.display(),
                    link.target
                ));
            }
        }
        for code in &page.codes {
            for (line, typed, why) in typed::wrong(code, sources.command) {
                problems.push(format!("{}:{line}: `{typed}`: {why}", path.display()));
            }
        }
    }
    let (wrong, typed) = recording::problems(root)?;
    problems.extend(wrong);
    for code in &typed {
        for (_, typed, why) in typed::wrong(code, sources.command) {
            problems.push(format!("a recording: `{typed}`: {why}"));
        }
    }
    Ok(problems)
}

/// Why a link does not hold. Addresses elsewhere are not asked: the check needs no
/// network.
fn leads_nowhere(
    root: &Path,
    from: &Path,
    target: &str,
    pages: &BTreeMap<&PathBuf, Page>,
) -> Option<String> {
    if let Some((scheme, _)) = target.split_once(':') {
        let good = ["https", "mailto"].contains(&scheme);
        return (!good).then(|| "an address elsewhere begins with `https:`".to_owned());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = match path {
        "" => from.to_owned(),
        path => from_folder_of(from, path),
    };
    if !root.join(&place).exists() {
        return Some("there is no such file".to_owned());
    }
    let anchors = match pages.get(&place) {
        _ if anchor.is_empty() => return None,
        Some(page) => &page.anchors,
        None => return Some("only pages of the book are linked to by a heading".to_owned()),
    };
    let there = anchors.iter().any(|known| known == anchor);
    (!there).then(|| format!("there is no such heading in {}", place.display()))
}

/// A path as a link in a file has it, seen from the checkout.
pub(crate) fn from_folder_of(from: &Path, path: &str) -> PathBuf {
    let mut place = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            Component::Normal(name) => place.push(name),
            _ => {}
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn each_kind_of_mistake_is_found() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let root = dir.path();
        let command = Command::new("cargo xtask")
            .disable_help_subcommand(true)
            .subcommand(Command::new("config"))
            .subcommand(Command::new("help").arg(clap::Arg::new("task")))
            .subcommand(Command::new("build"));
        let groups: [(&str, &[&str]); 1] = [("Image", &["build"])];
        let sources = Sources {
            command: &command,
            groups: &groups,
            image_yaml: "a: b\n",
        };
        let put = |path: &str, text: &str| sh.write_file(root.join(path), text).unwrap();
        for (path, text) in pages::all(&sources) {
            put(&format!("docs/{path}"), &text);
        }
        put("docs/tasks.md", "# Tasks\n");
        put(
            "docs/a.md",
            "# A\n\n[b](sub/b.md#the-b) `cargo xtask build`\n",
        );
        put(
            "docs/sub/b.md",
            "# The B\n\n[up](../a.md) [out](../../README.md) [w](https://x.y)\n",
        );
        put("README.md", "# R\n\n[a](docs/a.md#a)\n");
        let summary = "[A](a.md) [b](sub/b.md) [T](tasks.md) [C](reference/commands.md) \
                       [Y](reference/image-yaml.md)\n";
        put("docs/SUMMARY.md", summary);
        assert_eq!(problems(root, &sources).unwrap(), [""; 0]);
        for (path, right, wrong, said) in [
            (
                "docs/a.md",
                "sub/b.md",
                "sub/c.md",
                "docs/a.md:3: `sub/c.md#the-b`: there is no such file",
            ),
            (
                "docs/a.md",
                "#the-b",
                "#the-c",
                "no such heading in docs/sub/b.md",
            ),
            (
                "docs/a.md",
                "xtask build",
                "xtask bild",
                "docs/a.md:3: `cargo xtask bild`",
            ),
            ("docs/sub/b.md", "https:", "http:", "begins with `https:`"),
            ("docs/sub/b.md", "../../", "../", "no such file"),
            (
                "docs/SUMMARY.md",
                "[A](a.md) ",
                "",
                "docs/a.md: docs/SUMMARY.md does not list it",
            ),
            (
                "docs/reference/image-yaml.md",
                "a: b",
                "a: c",
                "`cargo xtask docs` writes it anew",
            ),
        ] {
            let text = sh.read_file(root.join(path)).unwrap();
            put(path, &text.replacen(right, wrong, 1));
            let found = problems(root, &sources).unwrap();
            assert!(
                found.len() == 1 && found[0].contains(said),
                "{path}: {found:#?}"
            );
            put(path, &text);
        }
    }
}

//! The files of the checkout that `content` names: that they are there, and are what
//! they are declared as. It is done before anything is asked or built, so that each
//! mistake has its line in `image.yaml`, or in the file itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::containerfile_images::images_of;
use crate::content::{Content, Source, file_name, stem};
use crate::excerpt::{Problem, Shown};
use crate::problems::Problems;
use crate::tree::Span;

/// The suffixes that podman's generator reads.
/// Source: podman-systemd.unit(5).
const QUADLETS: [&str; 8] = [
    ".container",
    ".volume",
    ".network",
    ".kube",
    ".image",
    ".build",
    ".pod",
    ".artifact",
];

/// Adds all that is wrong; `text` is `image.yaml`, and paths are relative to `root`.
pub(crate) fn add(content: &Content, text: &str, root: &Path, problems: &mut Problems<'_>) {
    // Which paths the image owns cannot be said otherwise.
    if problems.is_changed("content.owned") {
        return;
    }
    for (kind, name) in content.sources() {
        // A value that stands in for one that is wrong or missing is not in the file.
        let needle = match kind {
            // A stage is named without its folder.
            Source::Stage => file_name(&name),
            _ => &name,
        };
        let place = problems.place_in_content(needle);
        if place.is_none() && problems.is_changed("content") {
            continue;
        }
        if let Err(detail) = judge(content, kind, &name, root) {
            let span = place.map(|(line, column)| Span {
                line,
                column,
                end: Some(column + needle.chars().count()),
            });
            problems.add(Problem::new(text, span, Shown::Line, &detail));
        }
    }
}

fn judge(content: &Content, kind: Source, name: &str, root: &Path) -> Result<(), String> {
    let path = root.join(name);
    let meta = fs::metadata(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("`{name}` is not in the checkout"),
        _ => format!("`{name}` cannot be read: {error}"),
    })?;
    // A link may lead anywhere: what is not of the commit is no input of a build.
    let inside = || {
        Some(
            fs::canonicalize(&path)
                .ok()?
                .starts_with(fs::canonicalize(root).ok()?),
        )
    };
    if inside() != Some(true) {
        return Err(format!("`{name}` leads out of the checkout"));
    }
    let folder = matches!(kind, Source::Overlay | Source::Stage);
    match (folder, meta.is_dir()) {
        (true, false) => return Err(format!("`{name}` is a file; a folder is wanted here")),
        (false, true) => return Err(format!("`{name}` is a folder; a file is wanted here")),
        _ => {}
    }
    let suffixes = |list: &[&str]| match list.iter().any(|end| name.ends_with(end)) {
        true => Ok(()),
        false => Err(format!("`{name}` does not end with {}", list.join(", "))),
    };
    match kind {
        Source::Overlay => overlay(content, &path, &path),
        Source::Stage => stage(name, &path),
        Source::Module => {
            suffixes(&[".cil"])?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if !stem(name).chars().all(plain) {
                return Err(format!(
                    "`{name}`: a module's name has letters, digits, `.`, `_`, `-`"
                ));
            }
            balanced(name, &read(name, &path)?)
        }
        Source::Conf => suffixes(&[".conf"]),
        Source::Quadlet => {
            suffixes(&QUADLETS)?;
            let text = read(name, &path)?;
            match text.lines().any(|line| line.trim_start().starts_with('[')) {
                true => Ok(()),
                false => Err(format!("`{name}` has no section such as [Container]")),
            }
        }
        Source::Script => {
            suffixes(&[".sh"])?;
            match read(name, &path)?.trim().is_empty() {
                true => Err(format!("`{name}` is empty")),
                false => Ok(()),
            }
        }
        Source::CosignKey => has(
            name,
            &path,
            "-----BEGIN PUBLIC KEY-----",
            "cosign's public key",
        ),
        Source::PgpKey => {
            let mark = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
            has(name, &path, mark, "an OpenPGP key with armor")
        }
    }
}

fn read(name: &str, path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("`{name}` cannot be read: {error}"))
}

fn has(name: &str, path: &Path, mark: &str, what: &str) -> Result<(), String> {
    match read(name, path)?.contains(mark) {
        true => Ok(()),
        false => Err(format!("`{name}` is not {what}: it has no line `{mark}`")),
    }
}

/// Each file of an overlay must be one that an update of the host replaces.
fn overlay(content: &Content, top: &Path, folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", folder.display());
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for path in entries {
        if fs::symlink_metadata(&path).map_err(failed)?.is_dir() {
            overlay(content, top, &path)?;
            continue;
        }
        let inside = path.strip_prefix(top).unwrap_or(&path);
        if let Some(lost) = content.lost(&format!("/{}", inside.display())) {
            return Err(lost);
        }
    }
    Ok(())
}

/// A stage is read by the builder; here only that it names its images by digest is
/// looked at, with the line of the Containerfile.
fn stage(name: &str, folder: &Path) -> Result<(), String> {
    let file = format!("{name}/Containerfile");
    let text = read(&file, &folder.join("Containerfile"))?;
    images_of(&text)
        .map(drop)
        .map_err(|(line, detail)| format!("{file}:{line}: {detail}"))
}

/// A policy module has to have as many closing parentheses as opening ones; the line
/// of the first that is too many, or of the last that is not closed.
/// Source: SELinux project, "CIL reference guide": `;` begins a comment, `"` a text.
fn balanced(name: &str, text: &str) -> Result<(), String> {
    let mut open: Vec<usize> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                _ if quoted => {}
                ';' => break,
                '(' => open.push(at + 1),
                ')' if open.pop().is_none() => {
                    return Err(format!("{name}:{}: a `)` that closes nothing", at + 1));
                }
                _ => {}
            }
        }
    }
    match open.last() {
        Some(line) => Err(format!("{name}:{line}: a `(` that is not closed")),
        None if !text.contains('(') => Err(format!("`{name}` has no statement of CIL")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

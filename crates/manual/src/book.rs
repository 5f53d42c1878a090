//! The book, made by mdBook.
//!
//! `mdbook` is a program here and no library: its crates would be a hundred and fifty
//! more in every build of this program, for a page that is made once a week.
//! `cargo xtask doctor docs --install` brings it.

use std::path::{Path, PathBuf};

use host::env::Env;
use host::process::Invocation;
use host::report::Report;
use host::{Error as HostError, files, process};

use crate::assembly;
use crate::check::{BOOK, texts};
use crate::error::Error;
use crate::pages::{self, Sources};

/// The release that the book is made with, as `cargo install` takes it.
pub const MDBOOK: &str = "mdbook@0.5.4";
/// The folder below the checkout that `doctor docs --install` has cargo put it into.
pub const PLACE: &str = "target/mdbook";
/// Where the book is made, below the checkout.
pub const MADE: &str = "target/docs/book";
/// The same of what mdBook reads.
const SOURCE: &str = "target/docs/source";
/// What says that a folder is a copy of the book, which may be replaced.
const MARK: &str = ".custom-coreos-book";

/// The program: the one on `PATH`, else the one that `doctor` brought.
pub fn program(env: &Env) -> Option<PathBuf> {
    let ours = env.root.join(PLACE).join("bin/mdbook");
    env.program("mdbook")
        .or_else(|| Some(ours).filter(|path| path.is_file()))
}

/// Writes the pages that are made, where they are not what they should be, and says
/// which.
///
/// # Errors
/// If one cannot be written.
pub fn renew(root: &Path, sources: &Sources<'_>) -> Result<Vec<PathBuf>, Error> {
    let mut renewed = Vec::new();
    for (path, text) in pages::all(sources) {
        let path = Path::new(BOOK).join(path);
        let place = root.join(&path);
        if std::fs::read_to_string(&place).ok().as_deref() == Some(&text) {
            continue;
        }
        files::make_dir(place.parent().unwrap_or(root))?;
        files::write(&place, text.as_bytes()).map_err(HostError::write(&place))?;
        renewed.push(path);
    }
    Ok(renewed)
}

/// Makes the book below [`MADE`]; `repository` is the address that links lead to
/// which leave it.
///
/// # Errors
/// If mdBook is not there, or fails.
pub fn build(env: &Env, report: &Report, repository: &str) -> Result<PathBuf, Error> {
    let program = program(env).ok_or_else(|| HostError::Program {
        program: "mdbook".to_owned(),
        detail: "not installed; `cargo xtask doctor docs --install` brings it".to_owned(),
    })?;
    let source = env.root.join(SOURCE);
    remove(&source)?;
    copy(&env.root.join(BOOK), &source)?;
    for (path, text) in texts(&env.root)? {
        let inside = path.strip_prefix(BOOK).unwrap_or(&path);
        let place = source.join(inside);
        let text = assembly::page(&path, &text, repository);
        files::write(&place, text.as_bytes()).map_err(HostError::write(&place))?;
    }
    let made = env.root.join(MADE);
    remove(&made)?;
    let sh = process::shell(&env.root)?;
    sh.set_var("MDBOOK_OUTPUT__HTML__GIT_REPOSITORY_URL", repository);
    let words = [
        "build".to_owned(),
        format!("--dest-dir={}", made.display()),
        source.display().to_string(),
    ];
    let invocation = Invocation::new(&program.display().to_string(), words);
    process::run(&sh, &invocation, process::Capture::Show, &mut |line| {
        report.foreign(line);
    })?;
    // mdBook copies whatever is no page.
    remove(&made.join("book.toml"))?;
    let mark = made.join(MARK);
    files::write(&mark, b"").map_err(HostError::write(&mark))?;
    Ok(made)
}

/// Puts a copy of the book into a folder: a new one, an empty one, or one that held
/// the book before.
///
/// # Errors
/// [`Error::NotOurs`] if it holds anything else; if a file cannot be written.
pub fn publish(made: &Path, output: &Path) -> Result<(), Error> {
    let holds = std::fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_some());
    if holds && !output.join(MARK).is_file() {
        return Err(Error::NotOurs(output.to_owned()));
    }
    remove(output)?;
    copy(made, output)
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    files::make_dir(to)?;
    for entry in std::fs::read_dir(from).map_err(HostError::read(from))? {
        let path = entry.map_err(HostError::read(from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(HostError::write(&target))?;
        }
    }
    Ok(())
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let gone = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false if path.exists() => std::fs::remove_file(path),
        false => Ok(()),
    };
    gone.map_err(|source| HostError::File {
        verb: "remove",
        path: path.to_owned(),
        source,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_else_in_it_is_refused() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (made, output) = (dir.path().join("made"), dir.path().join("out"));
        sh.write_file(made.join("sub/index.html"), "1").unwrap();
        sh.write_file(made.join(MARK), "").unwrap();
        publish(&made, &output).unwrap();
        sh.write_file(made.join("sub/index.html"), "2").unwrap();
        sh.write_file(output.join("old"), "").unwrap();
        publish(&made, &output).unwrap();
        assert_eq!(sh.read_file(output.join("sub/index.html")).unwrap(), "2");
        assert!(!output.join("old").exists());
        let photos = dir.path().join("photos");
        sh.write_file(photos.join("a.jpg"), "").unwrap();
        let refused = publish(&made, &photos).unwrap_err();
        assert!(matches!(refused, Error::NotOurs(_)), "{refused}");
        assert!(photos.join("a.jpg").is_file());
    }
}

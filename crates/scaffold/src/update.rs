//! `update`: what changed in the templates since they were written, and what of it
//! can be taken over without losing anything.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use registry_compat::Digest;
use serde::Serialize;

use crate::error::Error;
use crate::init::{link_on_the_way, put};
use crate::record::{NAME, Record};
use crate::templates::{Template, templates};

/// Where our text of a file goes that a person has edited, so that the two can be
/// compared.
pub const BESIDE: &str = "target/update";

/// What is to be done about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A new template: it is written.
    Added,
    /// Not edited, and changed here: it is written.
    Updated,
    /// Edited, and changed here: the person's stays, ours is put beside.
    Conflict,
    /// A file that `init` did not write is in the place of a new template.
    Taken,
    /// Removed by the person; it stays away.
    Removed,
    /// No longer a template; it stays, and is the person's.
    Released,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "new, written",
            Self::Updated => "changed, written",
            Self::Conflict => "changed, but edited here: yours stays",
            Self::Taken => "new, but its name is taken: yours stays",
            Self::Removed => "changed, but removed here: it stays away",
            Self::Released => "no longer ours: it is yours now",
        })
    }
}

/// One file that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// What is done.
    pub verdict: Verdict,
}

/// What there is to do in a repository.
#[derive(Debug)]
pub struct Update {
    root: PathBuf,
    templates: Vec<Template>,
    record: Record,
    /// The files that changed, in the order of their paths.
    pub changes: Vec<Change>,
}

/// Compares a repository with the templates of this program.
///
/// # Errors
/// [`Error::Usage`] if the repository was not made by `init`.
pub fn plan(root: &Path) -> Result<Update, Error> {
    let record = Record::read(root)?;
    let templates = templates();
    let mut changes = Vec::new();
    for template in &templates {
        // Through a link, another's file would be written.
        let there = match link_on_the_way(root, template.path) {
            Some(_) => Some(Digest::of(b"a link")),
            None => digest_of(&root.join(template.path))?,
        };
        let written = record.templates.get(template.path);
        if let Some(verdict) = judge(&template.digest(), written, there.as_ref()) {
            changes.push(Change {
                path: template.path.to_owned(),
                verdict,
            });
        }
    }
    let now: BTreeSet<&str> = templates.iter().map(|template| template.path).collect();
    let gone = record.templates.keys();
    let gone = gone.filter(|path| !now.contains(path.as_str()));
    changes.extend(gone.map(|path| Change {
        path: path.clone(),
        verdict: Verdict::Released,
    }));
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Update {
        root: root.to_owned(),
        templates,
        record,
        changes,
    })
}

fn digest_of(path: &Path) -> Result<Option<Digest>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Digest::of(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(host::Error::read(path)(error).into()),
    }
}

/// `None` where there is nothing to say: ours is as it was, or is there already.
fn judge(ours: &Digest, written: Option<&Digest>, there: Option<&Digest>) -> Option<Verdict> {
    if there == Some(ours) {
        return None;
    }
    match (written, there) {
        (None, None) => Some(Verdict::Added),
        (None, Some(_)) => Some(Verdict::Taken),
        (Some(written), _) if written == ours => None,
        (Some(_), None) => Some(Verdict::Removed),
        (Some(written), Some(there)) if written == there => Some(Verdict::Updated),
        (Some(_), Some(_)) => Some(Verdict::Conflict),
    }
}

impl Update {
    /// Writes what can be written, and the record last: whoever is interrupted does it
    /// again.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn apply(mut self) -> Result<(), Error> {
        for change in &self.changes {
            let template = self.templates.iter().find(|one| one.path == change.path);
            let at = match change.verdict {
                Verdict::Added | Verdict::Updated => self.root.join(&change.path),
                Verdict::Conflict | Verdict::Taken => self.root.join(BESIDE).join(&change.path),
                Verdict::Removed | Verdict::Released => continue,
            };
            if let Some(template) = template {
                put(&at, &template.text, template.program)?;
            }
        }
        for template in &self.templates {
            // What was told once is not told again, until ours changes once more.
            let path = template.path.to_owned();
            self.record.templates.insert(path, template.digest());
        }
        let templates = &self.templates;
        let still = |path: &String| templates.iter().any(|one| one.path == path);
        self.record.templates.retain(|path, _| still(path));
        put(&self.root.join(NAME), &self.record.text()?, false)
    }
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::*;

    #[test]
    fn nothing_of_a_person_is_written_over() {
        let [old, new, mine] = ["old", "new", "mine"].map(|text| Digest::of(text.as_bytes()));
        let of = |written: Option<&Digest>, there: Option<&Digest>| judge(&new, written, there);
        assert_eq!(of(None, None), Some(Verdict::Added));
        assert_eq!(of(None, Some(&mine)), Some(Verdict::Taken));
        assert_eq!(of(Some(&old), Some(&old)), Some(Verdict::Updated));
        assert_eq!(of(Some(&old), Some(&mine)), Some(Verdict::Conflict));
        assert_eq!(of(Some(&old), None), Some(Verdict::Removed));
        // Ours is there, or has not changed.
        assert_eq!(of(Some(&old), Some(&new)), None);
        assert_eq!(of(Some(&new), Some(&mine)), None);
        assert_eq!(of(Some(&new), None), None);
    }

    #[test]
    fn a_repository_of_an_older_version_is_brought_up_to_date() {
        let sh = Shell::new().unwrap();
        let temp = sh.create_temp_dir().unwrap();
        let root = temp.path();
        assert!(plan(root).unwrap_err().to_string().contains(NAME));
        // As an older program wrote it: two files, and one that is ours no longer.
        let old = "older text\n";
        let mut record = Record::default();
        let [same, edited] = [
            "containerfiles/custom-coreos/trust.sh",
            ".github/workflows/build.yaml",
        ];
        for path in [same, edited, "gone.txt"] {
            put(&root.join(path), old, false).unwrap();
            let digest = Digest::of(old.as_bytes());
            record.templates.insert(path.to_owned(), digest);
        }
        put(&root.join(edited), "mine\n", false).unwrap();
        put(&root.join(NAME), &record.text().unwrap(), false).unwrap();

        let update = plan(root).unwrap();
        let verdict = |update: &Update, path: &str| {
            let change = update.changes.iter().find(|change| change.path == path);
            change.map(|change| change.verdict)
        };
        assert_eq!(verdict(&update, same), Some(Verdict::Updated));
        assert_eq!(verdict(&update, edited), Some(Verdict::Conflict));
        assert_eq!(verdict(&update, "gone.txt"), Some(Verdict::Released));
        let added = "containerfiles/custom-coreos/install.sh";
        assert_eq!(verdict(&update, added), Some(Verdict::Added));
        update.apply().unwrap();
        let text = |path: &str| sh.read_file(root.join(path)).unwrap();
        let ours = |path: &str| {
            let found = templates().into_iter().find(|one| one.path == path);
            found.unwrap().text.into_owned()
        };
        assert_eq!(text(same), ours(same));
        assert_eq!(text(edited), "mine\n");
        assert_eq!(text(&format!("{BESIDE}/{edited}")), ours(edited));
        assert_eq!(text("gone.txt"), old);
        // It is told once.
        assert_eq!(plan(root).unwrap().changes, []);

        // A folder that became a link is somebody's own: ours is put beside.
        let elsewhere = sh.create_temp_dir().unwrap();
        std::fs::rename(root.join(".github"), root.join("away")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.join(".github")).unwrap();
        let mut record = Record::read(root).unwrap();
        record
            .templates
            .insert(edited.to_owned(), Digest::of(old.as_bytes()));
        put(&root.join(NAME), &record.text().unwrap(), false).unwrap();
        let update = plan(root).unwrap();
        assert_eq!(verdict(&update, edited), Some(Verdict::Conflict));
        update.apply().unwrap();
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

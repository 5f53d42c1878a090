//! The image with the modules in the person's cache: its files, its labels, and the
//! certificate of who signed the modules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::process;
use host::process::Invocation;
use image_build::inputs::{read, write};
use machine::vm::cached::{copy, prune};
use signatures::modules::Certificate;
use xshell::Shell;

use crate::error::Error;

/// What its folder's name begins with.
const PREFIX: &str = "modules";

/// An image of modules that was built once.
pub(super) struct Kept {
    folder: PathBuf,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who signed the modules; the key was thrown away.
    pub certificate: Certificate,
}

impl Kept {
    /// Where it lies.
    pub(super) fn place(cache: &Path, digest: &str) -> PathBuf {
        cache.join(format!("{PREFIX}-{digest}"))
    }

    /// What is in the cache under a digest, whole.
    pub(super) fn find(cache: &Path, digest: &str) -> Option<Self> {
        Self::of(Self::place(cache, digest)).ok()
    }

    fn of(folder: PathBuf) -> Result<Self, Error> {
        let labels = serde_json::from_str(&read(&folder.join("labels.json"))?)
            .map_err(|error| Error::Usage(format!("labels.json: {error}")))?;
        let path = folder.join("certificate.der");
        let der = std::fs::read(&path).map_err(host::Error::read(&path))?;
        let tar = folder.join("files.tar");
        std::fs::metadata(&tar).map_err(host::Error::read(&tar))?;
        Ok(Self {
            labels,
            certificate: Certificate::parse(&der).map_err(image_build::Error::from)?,
            folder,
        })
    }

    /// Takes an image of podman's into the cache, whole or not at all.
    ///
    /// # Errors
    /// If podman fails, or a file cannot be written.
    pub(super) fn keep(
        sh: &Shell,
        (cache, digest): (&Path, &str),
        image: &str,
        certificate: &Path,
    ) -> Result<Self, Error> {
        let podman =
            |words: &[&str]| process::read(sh, &Invocation::new("podman", words.iter().copied()));
        let beside = cache.join(format!(".{PREFIX}-{digest}.{}", std::process::id()));
        host::files::make_dir(&beside)?;
        let kept = || -> Result<(), Error> {
            let tar = beside.join("files.tar").display().to_string();
            // It has no program; none is started.
            let container = podman(&["create", "--pull=never", image, "none"])?;
            let container = container.trim();
            let exported = podman(&["export", "--output", &tar, container]);
            podman(&["rm", container])?;
            exported?;
            let labels = podman(&["image", "inspect", "--format={{json .Labels}}", image])?;
            write(&beside.join("labels.json"), &labels)?;
            copy(sh, certificate, &beside.join("certificate.der"))?;
            // What cannot be read back is not kept.
            Self::of(beside.clone())?;
            let folder = Self::place(cache, digest);
            match std::fs::rename(&beside, &folder) {
                Err(_) if Self::of(folder.clone()).is_ok() => Ok(()),
                other => Ok(other.map_err(host::Error::write(&folder))?),
            }
        };
        let done = kept();
        // After a failure only.
        let _ = std::fs::remove_dir_all(&beside);
        done?;
        prune(cache, PREFIX);
        Self::of(Self::place(cache, digest))
    }

    /// The folder with `files.tar`.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The steps of a Containerfile that make the image again, with other labels in the
    /// place of some.
    pub(super) fn steps(&self, others: &[(&str, String)]) -> String {
        let mut labels = self.labels.clone();
        for (key, value) in others {
            labels.insert((*key).to_owned(), value.clone());
        }
        let mut text = "ADD files.tar /\n".to_owned();
        for (key, value) in labels {
            // As a Containerfile quotes: a dollar sign begins a variable there.
            let value = serde_json::Value::from(value).to_string();
            text.push_str(&format!("LABEL \"{key}\"={}\n", value.replace('$', "\\$")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_as_a_containerfile_reads_them() {
        let der = include_bytes!("../../../signatures/src/modules/certificate.der");
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let kept = Kept {
            folder: PathBuf::new(),
            labels: BTreeMap::from([label("a", r#"{"b":"$c"}"#), label("d", "e")]),
            certificate: Certificate::parse(der).unwrap(),
        };
        let steps = kept.steps(&[("d", "f".to_owned())]);
        let wanted =
            "ADD files.tar /\nLABEL \"a\"=\"{\\\"b\\\":\\\"\\$c\\\"}\"\nLABEL \"d\"=\"f\"\n";
        assert_eq!(steps, wanted);
    }

    #[test]
    fn what_is_not_whole_is_not_found() {
        let sh = process::shell(Path::new("/")).unwrap();
        let cache = sh.create_temp_dir().unwrap();
        let folder = cache.path().join("modules-0123456789ab");
        let found = || Kept::find(cache.path(), "0123456789ab").is_some();
        assert!(!found());
        host::files::make_dir(&folder).unwrap();
        write(&folder.join("labels.json"), r#"{"a":"b"}"#).unwrap();
        write(&folder.join("files.tar"), "").unwrap();
        assert!(!found());
        let der = include_bytes!("../../../signatures/src/modules/certificate.der");
        std::fs::write(folder.join("certificate.der"), der).unwrap();
        assert!(found());
        write(&folder.join("labels.json"), "[").unwrap();
        assert!(!found());
    }
}

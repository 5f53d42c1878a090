//! What was written, by digest: `.custom-coreos.json`. With it `update` knows which
//! file a person has edited since.

use std::collections::BTreeMap;
use std::path::Path;

use registry_compat::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The file's name.
pub(crate) const NAME: &str = ".custom-coreos.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Record {
    /// Each template, as it was written last.
    pub(crate) templates: BTreeMap<String, Digest>,
}

impl Record {
    /// That of a repository.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none, or it cannot be understood.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join(NAME);
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::Usage(format!(
                "{} is not there: this repository was not made by `cargo xtask init`",
                path.display()
            )),
            _ => host::Error::read(&path)(error).into(),
        })?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
    }

    /// As a text for the file.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Error::Usage(error.to_string()))?;
        Ok(format!("{text}\n"))
    }
}

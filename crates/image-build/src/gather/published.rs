//! The image that hosts follow now.

use image_config::{HISTORY_TAG, LOOKED_ANNOTATION};
use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef, Trouble};
use remote::Inspected;

use super::World;
use crate::error::Error;

impl World<'_> {
    /// The first of the tags that hosts follow.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn followed(&self) -> Result<ImageRef, Error> {
        Ok(self.config.followed()?)
    }

    /// The published image; its `created` is the later of the day on which it was built
    /// and of that on which a new build was last found to have the same content. "Denied" is not an error: registries also answer so for an
    /// image that does not exist.
    ///
    /// # Errors
    /// If the request failed.
    pub fn published(&self) -> Result<Answer<Inspected>, Error> {
        let image = self.followed()?;
        self.report.status("Reading", &image.to_string());
        let mut answer = self.inspect(&image, self.first_arch()?)?;
        if let Answer::Present(found) = &mut answer
            && !self.config.image.layers.is_one()
        {
            found.created = found.created.max(self.looked(&found.digest)?);
        }
        if let Answer::Unknown(why) = &answer
            && why.trouble != Trouble::Denied
        {
            return Err(Error::Unknown(why.clone()));
        }
        if let Answer::Unknown(why) = &answer {
            // A fork that has never published anything is not an error.
            self.report
                .warning(&format!("whether {image} exists is not known: {why}"));
        }
        Ok(answer)
    }

    /// When a new build was last found to be the same as this image. A history that
    /// cannot be read means a build too many, and no error.
    fn looked(&self, digest: &Digest) -> Result<Option<Timestamp>, Error> {
        let history = self.config.repository()?.tagged(HISTORY_TAG.parse()?);
        let Answer::Present(found) = self.registries()?.artefact(&history) else {
            return Ok(None);
        };
        let manifest: serde_json::Value =
            serde_json::from_slice(&found.manifest).unwrap_or_default();
        let note = manifest
            .get("annotations")
            .and_then(|all| all.get(LOOKED_ANNOTATION));
        let note = note
            .and_then(serde_json::Value::as_str)
            .and_then(|note| note.split_once(' '));
        Ok(note
            .filter(|(of, _)| *of == digest.as_str())
            .and_then(|(_, time)| time.parse().ok()))
    }
}

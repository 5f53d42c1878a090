//! The image that hosts follow now.

use registry_compat::{Answer, ImageRef, Trouble};
use remote::Inspected;

use super::World;
use crate::error::Error;

impl World<'_> {
    /// The first of the tags that hosts follow.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn followed(&self) -> Result<ImageRef, Error> {
        let image = &self.config.image;
        let tag = image.tags.first().unwrap_or(&image.candidate);
        Ok(self.config.repository()?.tagged(tag.clone()))
    }

    /// The published image. "Denied" is not an error: registries also answer so for an
    /// image that does not exist.
    ///
    /// # Errors
    /// If the request failed.
    pub fn published(&self) -> Result<Answer<Inspected>, Error> {
        let image = self.followed()?;
        self.report.status("Reading", &image.to_string());
        let answer = self.inspect(&image, self.first_arch()?)?;
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
}

//! Where a forge publishes the site of a repository.

use forge::Request;
use serde_json::Value;

use crate::Error;
use crate::project::Project;

impl Project {
    /// As the forge says; `None` where it does not.
    ///
    /// # Errors
    /// If it could not be asked, or does not tell this token.
    pub fn site(&self) -> Result<Option<String>, Error> {
        let Some(path) = self.api().pages_settings(self.name()) else {
            return Ok(None);
        };
        let reply = self.ask(&Request::get(path))?;
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let url = answer["url"].as_str().filter(|url| !url.is_empty());
        Ok(url.map(str::to_owned))
    }
}

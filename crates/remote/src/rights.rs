//! Whether a token may what the nights will need, asked without a change.

use forge::Request;
use serde_json::Value;

use crate::Error;
use crate::project::Project;

/// What came of asking for a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightFound {
    /// `read the repository`, …
    pub what: &'static str,
    /// `Ok` where the token has it; else what was said, and what is needed.
    pub found: Result<(), String>,
}

impl Project {
    /// Asks for every right that the nights need; nothing is changed.
    ///
    /// # Errors
    /// [`Error::Interrupted`] only; that the forge did not answer is what was
    /// found.
    pub fn rights(&self, label: &str) -> Result<Vec<RightFound>, Error> {
        let mut all = Vec::new();
        for right in self.api().rights(self.name(), label) {
            let url = self.url(&right.path);
            let found = match self.ask(&Request::get(right.path)) {
                Ok(reply) => match right.shown_by {
                    None => Ok(()),
                    Some((place, least)) => {
                        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                        let shown = answer.pointer(place);
                        let enough = shown.is_some_and(|shown| {
                            shown.as_bool() == Some(true)
                                || shown.as_u64().is_some_and(|found| found >= least)
                        });
                        match enough {
                            true => Ok(()),
                            false => Err(format!("{url}: it has not; {}", right.wanted)),
                        }
                    }
                },
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => Err(host::one_line(&error.to_string())),
            };
            all.push(RightFound {
                what: right.what,
                found,
            });
        }
        Ok(all)
    }
}

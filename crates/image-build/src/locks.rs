//! The locks of several images, in one document: `{"images": {NAME: LOCK}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::lock::Lock;

/// The document. An image of which nothing can be built has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locks {
    /// By what `image.yaml` calls the image.
    pub images: BTreeMap<String, Lock>,
}

/// The document of a text; `None` if it is something else, such as the lock of the only
/// image.
///
/// # Errors
/// As [`Lock::parse`], of any of them.
pub fn parse(text: &str, place: &str) -> Result<Option<Locks>, Error> {
    #[derive(Deserialize)]
    struct Texts {
        images: BTreeMap<String, serde_json::Value>,
    }
    let Ok(Texts { images }) = serde_json::from_str(text) else {
        return Ok(None);
    };
    let of = |(name, lock): (String, serde_json::Value)| {
        let lock = Lock::parse(&lock.to_string(), &format!("{place}, {name}"))?;
        Ok((name, lock))
    };
    let images = images.into_iter().map(of).collect::<Result<_, Error>>()?;
    Ok(Some(Locks { images }))
}

//! The error of a key or signature that cannot be used.

use crate::error::Error;

pub(super) fn unusable(detail: impl Into<String>) -> Error {
    Error::Step {
        step: "signing key".to_owned(),
        detail: detail.into(),
    }
}

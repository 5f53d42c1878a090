//! The one error type of this crate.

/// A text from outside that is not what it should be. That nothing may be
/// deleted is no error: see [`crate::Refusal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a value of the wanted kind.
    #[error(transparent)]
    Malformed(#[from] version_discovery::Error),
}

impl Error {
    pub(crate) fn malformed(kind: &'static str, value: &str, form: &'static str) -> Self {
        Self::Malformed(version_discovery::Error::malformed(kind, value, form))
    }
}

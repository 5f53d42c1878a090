//! The one error type of this crate.

use crate::Series;
use crate::outside::shown;

/// A string from outside that is not what it should be, or a list in which the
/// wanted thing is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a value of the wanted kind.
    #[error("{} is not {kind}; wanted {form}", quoted(value))]
    Malformed {
        /// What it should have been, with its article: `a kernel version`.
        kind: &'static str,
        /// The text, shortened and with control characters escaped.
        value: String,
        /// The form that is accepted.
        form: &'static str,
    },
    /// The release list holds no final release of the series.
    #[error(
        "no OpenZFS release of series {series} among the {seen} releases read; \
         set `zfs.series` in image.yaml to one that exists"
    )]
    NoRelease {
        /// The configured series.
        series: Series,
        /// How many releases the list had, drafts and pre-releases included.
        seen: usize,
    },
    /// A document from outside is not what it should be.
    #[error("{document} cannot be used: {detail}")]
    Document {
        /// Which one, with its article: `the release index (releases.json)`.
        document: &'static str,
        /// What is wrong with it, shortened and with control characters escaped.
        detail: String,
    },
}

/// A value as a message names it.
fn quoted(value: &str) -> String {
    match value {
        "" => "an empty text".to_owned(),
        value => format!("`{value}`"),
    }
}

impl Error {
    /// An [`Error::Document`] whose detail is safe to print.
    pub(crate) fn document(document: &'static str, detail: &str) -> Self {
        Self::Document {
            document,
            detail: shown(detail),
        }
    }

    /// A [`Error::Malformed`] whose value is safe to print: text from outside
    /// must not be able to move a terminal's cursor or start a `::` command of
    /// a CI runner.
    pub fn malformed(kind: &'static str, value: &str, form: &'static str) -> Self {
        let mut shown: String = value
            .chars()
            .take(80)
            .flat_map(char::escape_debug)
            .collect();
        if value.chars().nth(80).is_some() {
            shown.push('…');
        }
        Self::Malformed {
            kind,
            value: shown,
            form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_shown_escaped_and_short() {
        let long = format!("a\nb{}", "x".repeat(200));
        let text = Error::malformed("a thing", &long, "a form").to_string();
        assert!(text.starts_with("`a\\nb"), "{text}");
        assert!(!text.contains('\n') && text.len() < 150, "{text}");
    }
}

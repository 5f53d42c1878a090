//! The names of the lints of a machine's configuration, by which
//! `ignition.allow` silences them.

use std::fmt;
use std::str::FromStr;

/// The lints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    /// A password's hash in a file that will be public.
    PasswordHash,
    /// A private key in a file that will be public.
    PrivateKey,
    /// A token, or a URL or header with credentials, likewise.
    Token,
    /// A TPM binding to registers that an update changes.
    PcrBinding,
    /// A unit that is enabled without an effect.
    UnitWithoutInstall,
    /// An image without a digest or a signature.
    UnpinnedImage,
    /// A download whose content is not verified.
    UnverifiedSource,
    /// An SSH key without a comment that names its owner.
    KeyWithoutComment,
    /// Nobody can log in.
    NoKey,
}

/// Names as `image.yaml` has them.
const NAMES: [(Lint, &str); 9] = [
    (Lint::PasswordHash, "password-hash"),
    (Lint::PrivateKey, "private-key"),
    (Lint::Token, "token"),
    (Lint::PcrBinding, "pcr-binding"),
    (Lint::UnitWithoutInstall, "unit-without-install"),
    (Lint::UnpinnedImage, "unpinned-image"),
    (Lint::UnverifiedSource, "unverified-source"),
    (Lint::KeyWithoutComment, "key-without-comment"),
    (Lint::NoKey, "no-key"),
];

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(lint, _)| lint == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Lint {
    type Err = version_discovery::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lint = NAMES.iter().find(|(_, name)| *name == text);
        lint.map(|(lint, _)| *lint).ok_or_else(|| {
            let form = "a name that `cargo xtask ignition` prints";
            version_discovery::Error::malformed("a lint", text, form)
        })
    }
}

version_discovery::serde_as_text!(Lint);

impl Lint {
    /// All names, in their order.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// Whether a finding fails the task. A placeholder key does not: the
    /// sources as they are shared hold one.
    pub fn fails(self) -> bool {
        self != Self::NoKey
    }
}

//! Which forge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A forge, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// GitHub, or a GitHub Enterprise server.
    Github,
    /// GitLab.
    Gitlab,
    /// Forgejo, Gitea, Codeberg.
    Forgejo,
    /// None: the nights are this machine's own, and the alarm is a file.
    None,
}

impl Forge {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Forgejo, Self::None];

    /// As `image.yaml` writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::None => "none",
        }
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Forgejo => "Forgejo",
            Self::None => "no forge",
        }
    }
}

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Forge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|forge| forge.word() == text);
        found.ok_or_else(|| format!("`{text}` is no forge: github, gitlab, forgejo or none"))
    }
}

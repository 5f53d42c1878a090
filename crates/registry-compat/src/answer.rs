//! The three answers that a registry can give.

use std::fmt;

/// What a registry said about one thing. Only [`Answer::Absent`] may ever be
/// read as "it does not exist".
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<T> {
    /// It is there.
    Present(T),
    /// The registry answered, and said that it is not there.
    Absent,
    /// The registry did not answer the question. Nothing is known.
    Unknown(Unknown),
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unknown {
    /// The class, which decides what a person should do next.
    pub trouble: Trouble,
    /// What was asked and what came back, in one line.
    pub detail: String,
}

/// Classes of failure to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// 401 or 403: credentials missing, wrong, or not allowed to see this.
    Denied,
    /// A file of the container tools (`registries.conf`, an auth file, a
    /// credential helper) keeps us from asking.
    Configuration,
    /// 429, or the registry's words for it.
    RateLimited,
    /// No connection, reset, time-out, name not resolved, TLS refused.
    Unreachable,
    /// 5xx.
    ServerError,
    /// An answer that is not what the protocol says: wrong digest, broken
    /// JSON, an endless list.
    Garbled,
}

impl Trouble {
    /// What a person does about it.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Denied => "log in with `podman login REGISTRY`, or make the package public",
            Self::Configuration => "mend that file; `podman pull` of the same image would fail too",
            Self::RateLimited => "wait a few minutes, or log in: named accounts have larger limits",
            Self::Unreachable => "check the network, proxies and registries.conf, then try again",
            Self::ServerError => "the registry itself has trouble: try again later",
            Self::Garbled => {
                "something between here and the registry answers in its place: check proxies and registries.conf"
            }
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.detail, self.trouble.next_step())
    }
}

impl<T> Answer<T> {
    /// The same answer about something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Present(value) => Answer::Present(f(value)),
            Self::Absent => Answer::Absent,
            Self::Unknown(why) => Answer::Unknown(why),
        }
    }
}

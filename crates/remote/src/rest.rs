//! One repository at GitHub's REST API, and what its answers mean for all of
//! its endpoints. `actions.rs` and `issues.rs` have the endpoints.
//!
//! Source: GitHub REST API, API version 2022-11-28.

use registry_compat::Trouble;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agent::{Reply, next_page};
use crate::github::{API_VERSION, decode};
use crate::packages::message;
use crate::rate_limit::{Call, Method, PacedClient, told};
use crate::{Agent, Error, Pace};
use host::Secret;

/// What a task does at GitHub, and so what its token must be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading workflows and their runs.
    ReadRuns,
    /// Starting workflows.
    StartRuns,
    /// Opening, changing and closing issues.
    Issues,
}

impl Access {
    /// The permission in words, for the message when a token lacks it.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::ReadRuns => {
                "the token needs: a classic one the scope `repo` (none for a public repository), \
                 a fine-grained one `Actions: read`; in GitHub Actions `permissions: actions: \
                 read`"
            }
            Self::StartRuns => {
                "the token needs: a classic one the scope `repo`, a fine-grained one `Actions: \
                 read and write`; in GitHub Actions `permissions: actions: write`"
            }
            Self::Issues => {
                "the token needs: a classic one the scope `repo` (`public_repo` for a public \
                 repository), a fine-grained one `Issues: read and write`; in GitHub Actions \
                 `permissions: issues: write`"
            }
        }
    }
}

/// More pages than anything here has; a server that goes on is not GitHub.
const MOST_PAGES: usize = 100;

/// One repository.
pub struct Project {
    client: PacedClient,
    authorization: Secret,
    /// The API's root, without a slash at the end.
    base: String,
    /// `owner/name`.
    name: String,
    access: Access,
}

impl Project {
    /// The repository `name` (`owner/name`); nothing is asked yet. `base` is the
    /// API's root without a slash at the end.
    ///
    /// # Errors
    /// [`Error::Denied`] without a token: GitHub answers such questions to
    /// named people only, or so seldom that it is no answer.
    pub fn new(
        agent: &Agent,
        base: &str,
        name: &str,
        token: Option<&Secret>,
        access: Access,
        pace: Pace,
    ) -> Result<Self, Error> {
        let token = token.ok_or_else(|| {
            Error::Denied(format!(
                "{name}: there is no token for GitHub; set GITHUB_TOKEN or GH_TOKEN, or log in \
                 with `gh auth login`; {}",
                access.wanted()
            ))
        })?;
        Ok(Self {
            client: PacedClient::new(agent.clone(), pace),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            base: base.to_owned(),
            name: name.to_owned(),
            access,
        })
    }

    /// `owner/name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of something of this repository.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/repos/{}{path}", self.base, self.name)
    }

    /// The login of whoever the token belongs to; `None` if it is nobody's, as a
    /// workflow's is.
    ///
    /// # Errors
    /// [`Error::Unknown`] if that could not be found out.
    pub fn login(&self) -> Result<Option<String>, Error> {
        #[derive(serde::Deserialize)]
        struct WireUser {
            login: String,
        }
        let url = format!("{}/user", self.base);
        let reply = self.send(Method::Get, &url, None)?;
        match reply.status {
            200 => Ok(Some(decode::<WireUser>(&url, &reply)?.login)),
            401 => Err(self.refused(&url, &reply)),
            403 | 404 => Ok(None),
            _ => Err(told(Trouble::Garbled, &url, &reply)),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, url: &str) -> Result<T, Error> {
        let reply = self.ask(Method::Get, url, None)?;
        decode(url, &reply)
    }

    /// Every page, or an error: a short list is never returned. `take` turns a
    /// page into its entries, and may say that it has enough.
    pub(crate) fn pages<T: DeserializeOwned>(
        &self,
        first: String,
        mut take: impl FnMut(T) -> bool,
    ) -> Result<(), Error> {
        let mut url = first;
        for _ in 0..MOST_PAGES {
            let reply = self.ask(Method::Get, &url, None)?;
            if take(decode(&url, &reply)?) {
                return Ok(());
            }
            match next_page(&url, &reply)? {
                Some(next) => url = next,
                None => return Ok(()),
            }
        }
        Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: the list does not end"),
        ))
    }

    /// A request whose answer is of the kind that was asked for.
    pub(crate) fn ask(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Error> {
        let reply = self.send(method, url, body)?;
        match reply.status {
            200..300 => Ok(reply),
            _ => Err(self.refused(url, &reply)),
        }
    }

    fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Reply, Error> {
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let mut headers = vec![
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", API_VERSION),
        ];
        headers.extend(body.map(|_| ("content-type", "application/json")));
        let answered = self.client.send(&Call {
            method,
            url,
            headers: &headers,
            authorization: Some(&self.authorization),
            insecure: false,
            body: bytes.as_bytes(),
        })?;
        Ok(answered.reply)
    }

    /// What GitHub's refusal means. It says 404 of what a token may not see.
    fn refused(&self, url: &str, reply: &Reply) -> Error {
        let wanted = self.access.wanted();
        let text = format!("{url}: HTTP {}: {}", reply.status, message(&reply.body));
        match reply.status {
            401 => Error::Denied(format!("{text}; the token is not valid, or no longer")),
            403 => Error::Denied(format!("{text}; {wanted}")),
            404 => Error::NotFound(format!(
                "{text}; GitHub says so of what is not there, and of what the token may not see: \
                 {wanted}"
            )),
            301 | 307 | 308 => Error::NotFound(format!(
                "{text}; the repository has another name now: write that one"
            )),
            400 | 409 | 410 | 422 => Error::Rejected(text),
            _ => told(Trouble::Garbled, url, reply),
        }
    }
}

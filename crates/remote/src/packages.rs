//! GitHub's packages API: list, read, delete and restore the versions of a
//! container package. ghcr.io itself deletes nothing (405).
//!
//! Source: GitHub REST API, "Packages", API version 2022-11-28.

use forge::github::ADVICE;
use registry_compat::Trouble;
use retention::Version;
use serde::Deserialize;

use crate::agent::next_page;
use crate::github::{API_VERSION, decode};
use crate::rate_limit::{Answered, Call, Method, PacedClient, told};
use crate::{Agent, Error, Pace};
use host::Secret;

/// More pages than any package has; a server that goes on is not GitHub.
const MOST_PAGES: usize = 20_000;

/// What the token must be allowed to, for messages.
const PERMISSION: &str = "the token needs: a classic one the scopes read:packages and \
     delete:packages (and write:packages to restore); in GitHub Actions `permissions: packages: \
     write`, and the role Admin for the repository under the package's settings, Manage Actions \
     access; fine-grained tokens cannot do it";

/// `GET /users/{username}`.
#[derive(Deserialize)]
struct WireUser {
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// `package` of the OpenAPI description.
#[derive(Deserialize)]
struct WirePackage {
    version_count: u64,
    owner: Option<WireUser>,
}

/// `package-version`. All but `id` and `name` is optional here, although GitHub
/// promises the dates: what is missing makes a version unknown, and it stays.
#[derive(Deserialize)]
struct WireVersion {
    id: u64,
    name: String,
    created_at: Option<String>,
    updated_at: Option<String>,
    metadata: Option<WireMetadata>,
}

#[derive(Deserialize)]
struct WireMetadata {
    container: Option<WireContainer>,
}

#[derive(Deserialize)]
struct WireContainer {
    tags: Option<Vec<String>>,
}

impl WireVersion {
    fn version(self) -> Version {
        let container = self.metadata.and_then(|metadata| metadata.container);
        let tags = container.and_then(|container| container.tags);
        Version::from_github(
            self.id,
            &self.name,
            self.created_at.as_deref(),
            self.updated_at.as_deref(),
            tags.as_deref(),
        )
    }
}

/// GitHub's error document.
#[derive(Deserialize)]
struct WireError {
    message: Option<String>,
}

/// What came of a request to delete one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted.
    Done,
    /// It was not there any more. GitHub says the same where the token may not
    /// delete: if it says so of every version, that is the reason.
    Gone,
    /// This one cannot be deleted, now or ever, in the registry's words: the
    /// last version of a package, or one with more than 5,000 downloads.
    Never(String),
}

/// What came of a request to restore one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoration {
    /// It is there again.
    Done,
    /// GitHub does not have it, or not for this token.
    NotFound,
    /// It cannot be restored, in GitHub's words.
    Never(String),
}

/// One container package.
pub struct Packages {
    client: PacedClient,
    authorization: Secret,
    /// `…/orgs/{org}/packages/container/{name}`, without a slash at the end.
    root: String,
    count: u64,
}

impl Packages {
    /// Finds the package: of an organisation, of the account that the token
    /// belongs to, or of another account, whichever `owner` is.
    ///
    /// `base` is the API's root without a slash at the end, `name` may have
    /// slashes in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such package for this token,
    /// [`Error::Denied`] without a token (GitHub wants one even for public
    /// packages), or if it is not allowed to, [`Error::Unknown`] if that could not
    /// be found out.
    pub fn open(
        agent: &Agent,
        base: &str,
        owner: &str,
        name: &str,
        token: Option<&Secret>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let token = token.ok_or_else(|| {
            Error::Denied(format!(
                "{owner}/{name}: GitHub's packages API wants a token, even for public packages; \
                 {ADVICE}; {PERMISSION}"
            ))
        })?;
        let mut packages = Self {
            client: PacedClient::new(agent.clone(), pace),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            root: String::new(),
            count: 0,
        };
        let user = format!("{base}/users/{owner}");
        let reply = packages.get(&user)?.reply;
        let account: WireUser = match reply.status {
            200 => decode(&user, &reply)?,
            404 => return Err(Error::NotFound(format!("GitHub has no account `{owner}`"))),
            _ => return Err(odd(&user, &reply)),
        };
        let places = match account.kind.as_deref() {
            Some("Organization") => vec![format!("/orgs/{owner}")],
            // Only the first shows private packages. Which one is right depends
            // on whose the token is, and a workflow's token cannot ask.
            _ => vec!["/user".to_owned(), format!("/users/{owner}")],
        };
        let name_encoded = percent_encode(name);
        for place in &places {
            let root = format!("{base}{place}/packages/container/{name_encoded}");
            let reply = packages.get_unjudged(&root)?.reply;
            match reply.status {
                200 => {}
                404 => continue,
                // A workflow's token has no user.
                403 if place == "/user" => continue,
                403 => return Err(denied(&root, &reply)),
                _ => return Err(odd(&root, &reply)),
            }
            let package: WirePackage = decode(&root, &reply)?;
            let of_owner = package
                .owner
                .is_some_and(|found| found.login.eq_ignore_ascii_case(owner));
            if place == "/user" && !of_owner {
                continue;
            }
            packages.root = root;
            packages.count = package.version_count;
            return Ok(packages);
        }
        Err(Error::NotFound(format!(
            "GitHub shows this token no container package `{name}` of `{owner}`: check the \
             name, and {PERMISSION}"
        )))
    }

    /// `version_count`, as of [`Packages::open`].
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every active version, from every page.
    ///
    /// # Errors
    /// [`Error::Unknown`] if any page could not be read: a short list is never
    /// returned.
    pub fn versions(&self) -> Result<Vec<Version>, Error> {
        let mut url = format!("{}/versions?per_page=100&state=active", self.root);
        if self.root.contains("/users/") {
            // This endpoint has no `state`; it lists active versions.
            url = format!("{}/versions?per_page=100", self.root);
        }
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.get(&url)?.reply;
            if reply.status != 200 {
                return Err(odd(&url, &reply));
            }
            let page: Vec<WireVersion> = decode(&url, &reply)?;
            all.extend(page.into_iter().map(WireVersion::version));
            match next_page(&url, &reply)? {
                Some(next) => url = next,
                None => return Ok(retention::merged(all)),
            }
        }
        Err(Error::unknown(
            Trouble::Garbled,
            format!("{}: the list of versions does not end", self.root),
        ))
    }

    /// One version as it is now; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Unknown`] if that could not be found out.
    pub fn version(&self, id: u64) -> Result<Option<Version>, Error> {
        let url = format!("{}/versions/{id}", self.root);
        let reply = self.get(&url)?.reply;
        match reply.status {
            200 => Ok(Some(decode::<WireVersion>(&url, &reply)?.version())),
            404 => Ok(None),
            _ => Err(odd(&url, &reply)),
        }
    }

    /// Deletes one version.
    ///
    /// # Errors
    /// [`Error::Denied`] if the token may not, [`Error::Unknown`] if the quota is
    /// used up or GitHub has trouble. After either the rest need not be tried.
    pub fn delete(&self, id: u64) -> Result<Deletion, Error> {
        let url = format!("{}/versions/{id}", self.root);
        let Answered { reply, again } = self.call(Method::Delete, &url)?;
        match reply.status {
            204 => Ok(Deletion::Done),
            // The first attempt worked, and its answer was lost.
            404 if again => Ok(Deletion::Done),
            404 => Ok(Deletion::Gone),
            400 | 422 => Ok(Deletion::Never(message(&reply.body))),
            403 if message(&reply.body).contains("download") => {
                Ok(Deletion::Never(message(&reply.body)))
            }
            401 | 403 => Err(denied(&url, &reply)),
            _ => Err(odd(&url, &reply)),
        }
    }

    /// Restores a deleted version, which GitHub offers for 30 days.
    ///
    /// # Errors
    /// As [`Packages::delete`].
    pub fn restore(&self, id: u64) -> Result<Restoration, Error> {
        let url = format!("{}/versions/{id}/restore", self.root);
        let Answered { reply, again } = self.call(Method::Post, &url)?;
        match reply.status {
            204 => Ok(Restoration::Done),
            // The answer to the first attempt may have been lost on its way.
            404 if again && self.version(id)?.is_some() => Ok(Restoration::Done),
            404 => Ok(Restoration::NotFound),
            400 | 422 => Ok(Restoration::Never(message(&reply.body))),
            401 | 403 => Err(denied(&url, &reply)),
            _ => Err(odd(&url, &reply)),
        }
    }

    /// GET, where 401 and 403 are errors.
    fn get(&self, url: &str) -> Result<Answered, Error> {
        let answered = self.get_unjudged(url)?;
        match answered.reply.status {
            401 | 403 => Err(denied(url, &answered.reply)),
            _ => Ok(answered),
        }
    }

    fn get_unjudged(&self, url: &str) -> Result<Answered, Error> {
        let answered = self.call(Method::Get, url)?;
        match answered.reply.status {
            401 => Err(denied(url, &answered.reply)),
            _ => Ok(answered),
        }
    }

    fn call(&self, method: Method, url: &str) -> Result<Answered, Error> {
        self.client.send(&Call {
            method,
            url,
            headers: &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", API_VERSION),
            ],
            authorization: Some(&self.authorization),
            insecure: false,
            body: &[],
        })
    }
}

/// A package's name as one segment of a path: `nas/bootc` is `nas%2Fbootc`.
fn percent_encode(name: &str) -> String {
    name.replace('/', "%2F")
}

/// GitHub's `message`, or the body as it is.
pub(crate) fn message(body: &[u8]) -> String {
    let document: Option<WireError> = serde_json::from_slice(body).ok();
    let text = document.and_then(|document| document.message);
    host::one_line(&text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
}

fn denied(url: &str, reply: &crate::agent::Reply) -> Error {
    let hint = match reply.status {
        401 => format!("the token is not valid, or no longer; {ADVICE}"),
        _ => PERMISSION.to_owned(),
    };
    let (status, text) = (reply.status, message(&reply.body));
    Error::Denied(format!("{url}: HTTP {status}: {text}; {hint}"))
}

fn odd(url: &str, reply: &crate::agent::Reply) -> Error {
    told(Trouble::Garbled, url, reply)
}

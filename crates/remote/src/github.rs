//! GitHub's REST API.

use registry_compat::Trouble;
use serde::Deserialize;
use version_discovery::{LinuxRange, ZfsRelease, ZfsVersion};

use crate::agent::{Reply, next_page};
use crate::{Agent, Error};
use host::Secret;

/// The API version that the wire types below were written against.
pub(crate) const API_VERSION: &str = "2022-11-28";

/// More pages than any project has; a server that goes on is not GitHub.
const MOST_PAGES: usize = 100;

/// `GET /repos/{owner}/{repo}/releases`, one entry.
#[derive(Deserialize)]
struct WireRelease {
    tag_name: String,
    draft: bool,
    prerelease: bool,
}

/// All releases of a repository, every page.
///
/// `base` is the API's root without a slash at the end
/// (`https://api.github.com`), `repository` is `owner/name`. The token is
/// optional: without one GitHub allows 60 requests an hour and address.
///
/// # Errors
/// [`Error::Unknown`] if any page could not be read: a short list is never
/// returned. [`Error::NotFound`] if there is no such repository.
pub fn releases(
    agent: &Agent,
    base: &str,
    repository: &str,
    token: Option<&Secret>,
) -> Result<Vec<ZfsRelease>, Error> {
    let mut url = format!("{base}/repos/{repository}/releases?per_page=100");
    let mut all = Vec::new();
    for page in 0..MOST_PAGES {
        let reply = match get(agent, &url, token) {
            // The first page was there, so the repository is.
            Err(Error::NotFound(detail)) if page > 0 => {
                return Err(Error::unknown(Trouble::Garbled, detail));
            }
            reply => reply?,
        };
        let page: Vec<WireRelease> = decode(&url, &reply)?;
        all.extend(page.into_iter().map(|release| ZfsRelease {
            tag: release.tag_name,
            draft: release.draft,
            prerelease: release.prerelease,
        }));
        match next_page(&url, &reply)? {
            Some(next) => url = next,
            None => return Ok(all),
        }
    }
    Err(Error::unknown(
        Trouble::Garbled,
        format!("{base}: the release list of {repository} does not end"),
    ))
}

/// The kernels that a release of OpenZFS supports, from the file `META` in the
/// tree of its tag.
///
/// # Errors
/// [`Error::NotFound`] if there is no such tag or file, [`Error::Unknown`] if
/// it could not be read or says no range.
pub fn linux_range(
    agent: &Agent,
    base: &str,
    repository: &str,
    version: &ZfsVersion,
    token: Option<&Secret>,
) -> Result<LinuxRange, Error> {
    let tag = version.tag();
    let url = format!("{base}/repos/{repository}/contents/META?ref={tag}");
    let reply = get_as(agent, &url, token, "application/vnd.github.raw+json")?;
    let text = String::from_utf8_lossy(&reply.body);
    LinuxRange::from_meta(&text)
        .map_err(|error| Error::unknown(Trouble::Garbled, format!("{url}: {error}")))
}

fn get(agent: &Agent, url: &str, token: Option<&Secret>) -> Result<Reply, Error> {
    get_as(agent, url, token, "application/vnd.github+json")
}

fn get_as(agent: &Agent, url: &str, token: Option<&Secret>, accept: &str) -> Result<Reply, Error> {
    let authorization = token.map(|token| Secret::new(format!("Bearer {}", token.expose())));
    let headers = [("accept", accept), ("x-github-api-version", API_VERSION)];
    let reply = agent.get(url, &headers, authorization.as_ref())?;
    match reply.status {
        200 => Ok(reply),
        404 => Err(Error::NotFound(format!(
            "{url}: HTTP 404; check `urls.github-api` and the repository's name"
        ))),
        other => Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: HTTP {other}, which GitHub does not document here"),
        )),
    }
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(url: &str, reply: &Reply) -> Result<T, Error> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        Error::unknown(
            Trouble::Garbled,
            format!("{url}: the answer is not the expected JSON: {error}"),
        )
    })
}

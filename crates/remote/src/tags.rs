//! The list of tags, to its end.
//!
//! `oci-client` shows no `Link` header, so pages are read over the other HTTP
//! client.

use std::collections::BTreeSet;

use registry_compat::{Answer, Repository};
use serde::Deserialize;

use crate::agent::next_page;
use crate::oci::{Failure, LARGEST, Registries, Target, garbled};

/// More tags than any repository of this field has; a list that goes on is an
/// error, not a short list.
const MOST_TAGS: usize = 500_000;

/// More requests than such a list needs.
const MOST_PAGES: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    /// `null` in an empty repository of docker's registry 2.8. It must be
    /// there, or any JSON object would pass for an empty list.
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
}

impl Registries {
    /// Every tag of a repository, sorted; or nothing at all.
    ///
    /// Source: OCI distribution specification, "Listing tags": the list ends
    /// where there is no `Link` to a next page. Registries that ignore `n` and
    /// send everything at once send none.
    ///
    /// Mirrors are not asked: one that keeps only what was pulled through it
    /// has a short list and does not know. (`skopeo list-tags` asks none
    /// either.)
    pub fn tags(&self, repository: &Repository) -> Answer<BTreeSet<String>> {
        // Any reference of the repository will do to find the place.
        let Ok(tag) = "latest".parse() else {
            return Answer::Absent;
        };
        self.ask_home(&repository.tagged(tag), |target| self.tags_at(target))
    }

    pub(crate) fn tags_at(&self, target: &Target) -> Result<BTreeSet<String>, Failure> {
        let repository = target.endpoint.image.repository();
        let mut url = target.url(&format!("{}/tags/list?n=1000", repository.path()));
        let mut all = BTreeSet::new();
        for page in 0..MOST_PAGES {
            let reply = self.get(target, &url, "application/json", LARGEST)?;
            match reply.status {
                200 => {}
                404 if page == 0 => return Err(Failure::Absent),
                other => return Err(garbled(target, format!("tags/list: HTTP {other}"))),
            }
            let page: Page = serde_json::from_slice(&reply.body)
                .map_err(|error| garbled(target, format!("tags/list is not its JSON: {error}")))?;
            let before = all.len();
            all.extend(page.tags.unwrap_or_default());
            let Some(next) = next_page(&url, &reply)? else {
                return Ok(all);
            };
            // A server that ignores `last` would send the first page for ever.
            if all.len() == before || all.len() > MOST_TAGS {
                break;
            }
            url = next;
        }
        Err(garbled(target, "the list of tags does not end"))
    }
}

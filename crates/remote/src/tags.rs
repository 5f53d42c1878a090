//! The list of tags, to its end.
//!
//! `oci-client` shows no `Link` header, so pages are read over the other HTTP
//! client with a token that `oci-client` got.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use oci_client::RegistryOperation;
use registry_compat::{Answer, Repository, Trouble};
use serde::Deserialize;

use crate::agent::next_page;
use crate::oci::{Failure, Registries, Target, garbled};
use crate::{Error, Secret};

/// More tags than any repository of this field has; a list that goes on is an
/// error, not a short list.
const MOST_TAGS: usize = 500_000;

#[derive(Deserialize)]
struct Page {
    /// `null` in an empty repository of docker's registry 2.8.
    tags: Option<Vec<String>>,
}

impl Registries {
    /// Every tag of a repository, sorted; or nothing at all.
    ///
    /// Source: OCI distribution specification, "Listing tags": the list ends
    /// where there is no `Link` to a next page. Registries that ignore `n` and
    /// send everything at once send none.
    pub fn tags(&self, repository: &Repository) -> Answer<BTreeSet<String>> {
        // Any reference of the repository will do to find the place.
        let Ok(tag) = "latest".parse() else {
            return Answer::Absent;
        };
        self.ask(&repository.tagged(tag), |target| self.tags_at(target))
    }

    pub(crate) fn tags_at(&self, target: &Target) -> Result<BTreeSet<String>, Failure> {
        let (client, reference, auth) = self.connect(target)?;
        let token = self.run(target, async {
            client
                .auth(&reference, &auth, RegistryOperation::Pull)
                .await
        })?;
        let authorization = match token {
            Some(token) => Some(Secret::new(format!("Bearer {token}"))),
            None => self.credential(target)?.map(|found| {
                let pair = format!("{}:{}", found.user, found.password.expose());
                Secret::new(format!("Basic {}", BASE64.encode(pair)))
            }),
        };
        let repository = target.endpoint.image.repository();
        let scheme = if target.plain_http { "http" } else { "https" };
        let mut url = format!(
            "{scheme}://{}/v2/{}/tags/list?n=1000",
            repository.registry(),
            repository.path()
        );
        let mut all = BTreeSet::new();
        loop {
            let insecure = target.endpoint.insecure;
            let reply = self
                .agent
                .get(&url, &[], authorization.as_ref(), insecure)?;
            match reply.status {
                200 => {}
                404 => return Err(Failure::Absent),
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
                return Err(Error::unknown(
                    Trouble::Garbled,
                    format!("{repository}: the list of tags does not end"),
                )
                .into());
            }
            url = next;
        }
    }
}

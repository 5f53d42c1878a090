//! Deleting versions of a container package at a forge whose registry does not let
//! its own API delete: GitLab by tag, Forgejo by tag or digest. They are listed and
//! read by the registry.

use forge::{Forge, Home, Request, forgejo, gitlab};
use host::Secret;
use registry_compat::{Digest, Repository, Tag, Trouble};

use crate::agent::next_page;
use crate::packages::{Deletion, message};
use crate::rate_limit::{Answered, Call, Method, PacedClient, told};
use crate::{Agent, Error, Pace};

/// More pages than anything here has.
const MOST_PAGES: usize = 1_000;

/// One package.
pub struct ForgePackages {
    client: PacedClient,
    authorization: Secret,
    home: Home,
    owner: String,
    name: String,
    /// GitLab's number of the repository in its registry.
    number: u64,
}

impl ForgePackages {
    /// Finds the package.
    ///
    /// # Errors
    /// [`Error::Denied`] without a token, [`Error::NotFound`] if the forge has no
    /// such package, or none that can be asked for.
    pub fn open(
        agent: &Agent,
        home: &Home,
        image: &Repository,
        token: Option<&Secret>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let api = forge::api(home.forge).ok_or_else(|| {
            Error::NotFound(format!("{image}: image.yaml says that there is no forge"))
        })?;
        let token = token.ok_or_else(|| {
            Error::Denied(format!(
                "{image}: {} deletes packages for named people only; {}",
                api.name(),
                api.token_advice()
            ))
        })?;
        let (owner, name) = image.path().split_once('/').unwrap_or((image.path(), ""));
        let mut found = Self {
            client: PacedClient::new(agent.clone(), pace),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            home: home.clone(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            number: 0,
        };
        if home.forge == Forge::Gitlab {
            found.number = found.gitlab_number(&image.to_string())?;
        }
        Ok(found)
    }

    fn gitlab_number(&self, image: &str) -> Result<u64, Error> {
        let path = gitlab::registry_repositories(&self.home.project);
        let mut url = format!("{}{path}", self.home.api);
        for _ in 0..MOST_PAGES {
            let Answered { reply, .. } = self.send(Method::Get, &url)?;
            match reply.status {
                200 => {}
                401 | 403 | 404 => return Err(self.denied(&url, &reply)),
                _ => return Err(told(Trouble::Garbled, &url, &reply)),
            }
            let number = gitlab::read_registry_repository(&reply.body, image);
            let number = number.map_err(|error| {
                Error::unknown(
                    Trouble::Garbled,
                    format!("{url}: not the expected JSON: {error}"),
                )
            })?;
            if let Some(number) = number {
                return Ok(number);
            }
            match next_page(&url, &reply)? {
                Some(next) => url = next,
                None => break,
            }
        }
        let project = &self.home.project;
        Err(Error::NotFound(format!(
            "{image}: the registry of {project} has no such repository"
        )))
    }

    /// Deletes a version: each of its tags, and at Forgejo the digest that then no
    /// tag names. What GitLab has no tag for goes with its registry's own garbage
    /// collection.
    ///
    /// # Errors
    /// [`Error::Denied`], after which the rest need not be tried, or
    /// [`Error::Unknown`].
    pub fn delete(&self, digest: &Digest, tags: &[Tag]) -> Result<Deletion, Error> {
        let names = tags.iter().map(|tag| tag.as_str());
        let requests: Vec<Request> = match self.home.forge {
            Forge::Gitlab => names
                .map(|tag| gitlab::delete_tag(&self.home.project, self.number, tag))
                .collect(),
            _ => names
                .chain([digest.as_str()])
                .map(|version| forgejo::delete_package(&self.owner, &self.name, version))
                .collect(),
        };
        if requests.is_empty() {
            return Ok(Deletion::Never(
                "it has no tag; GitLab's garbage collection removes it".to_owned(),
            ));
        }
        let mut any = false;
        for request in requests {
            let url = format!("{}{}", self.home.api, request.path);
            let Answered { reply, again } = self.send(Method::Delete, &url)?;
            match reply.status {
                200 | 202 | 204 => any = true,
                404 => any |= again,
                400 | 409 | 422 => return Ok(Deletion::Never(message(&reply.body))),
                401 | 403 => return Err(self.denied(&url, &reply)),
                _ => return Err(told(Trouble::Garbled, &url, &reply)),
            }
        }
        Ok(if any { Deletion::Done } else { Deletion::Gone })
    }

    fn send(&self, method: Method, url: &str) -> Result<Answered, Error> {
        self.client.send(&Call {
            method,
            url,
            headers: &[("accept", "application/json")],
            authorization: Some(&self.authorization),
            insecure: false,
            body: &[],
        })
    }

    fn denied(&self, url: &str, reply: &crate::agent::Reply) -> Error {
        let needs = match self.home.forge {
            Forge::Gitlab => "the token needs the scope `api`, and the role Maintainer",
            _ => "the token needs the scope `write:package`, and its account may write here",
        };
        let text = message(&reply.body);
        Error::Denied(format!("{url}: HTTP {}: {text}; {needs}", reply.status))
    }
}

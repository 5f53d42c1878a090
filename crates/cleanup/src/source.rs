//! One package, at its back end: GitHub's packages API, a registry's distribution
//! API, or the latter to list and another forge's API to delete.

use forge::Home;
use host::Secret;
use image_config::{BackEnd, Package};
use registry_compat::{Digest, Repository, Tag};
use remote::{
    Agent, Credential, Deletion, ForgePackages, Pace, Packages, Registries, RepositoryClient,
};
use retention::Version;

use crate::error::Error;
use crate::parallel::parallel;

/// What both back ends need.
pub struct Tools<'a> {
    /// Sends the requests to the REST API of GitHub or another forge.
    pub agent: Agent,
    /// The registries as this machine's container tools see them.
    pub registries: &'a Registries,
    /// The root of GitHub's REST API.
    pub github_api: &'a str,
    /// GitHub's token; without one only public packages are read, and nothing is deleted.
    pub token: Option<&'a Secret>,
    /// Where the repository is, and the token there; none where that is not known.
    pub home: Option<(Home, Option<Secret>)>,
    /// How fast GitHub may be asked.
    pub github: Pace,
    /// How fast another registry may be asked.
    pub registry: Pace,
}

/// One package.
pub struct Source<'a> {
    /// Its name.
    pub repository: Repository,
    /// GitHub's packages API, where it is the one that lists and deletes.
    packages: Option<Packages>,
    /// Another forge's, which deletes what the registry lists.
    deleter: Option<ForgePackages>,
    back_end: BackEnd,
    /// Where the manifests are.
    pub client: RepositoryClient<'a>,
}

impl<'a> Source<'a> {
    /// Finds the package at its back end.
    ///
    /// # Errors
    /// [`Error::NoRepository`] if GitHub and its registry say that it is not there; else
    /// if it could not be asked for.
    pub fn open(tools: &Tools<'a>, package: &Package) -> Result<Self, Error> {
        let deleter = match package.back_end() {
            BackEnd::Github | BackEnd::Registry => None,
            BackEnd::Gitlab | BackEnd::Forgejo => {
                let (home, token) = tools.home.as_ref().ok_or_else(|| {
                    Error::Usage(format!(
                        "{package}: which repository this is, is not known; write `forge: {{kind: \
                         …, repository: OWNER/NAME}}` into image.yaml"
                    ))
                })?;
                Some(ForgePackages::open(
                    &tools.agent,
                    home,
                    &package.image,
                    token.as_ref(),
                    tools.github,
                )?)
            }
        };
        let packages = match package.back_end() {
            BackEnd::Registry | BackEnd::Gitlab | BackEnd::Forgejo => None,
            BackEnd::Github => {
                let (owner, name) = package.owner_and_name();
                if let Some(token) = tools.token {
                    // The manifests of a private package; any user name will do.
                    let credential = Credential::new(owner, token.clone());
                    let registry = package.image.registry();
                    tools.registries.add_credential(registry, credential);
                }
                let opened = Packages::open(
                    &tools.agent,
                    tools.github_api,
                    owner,
                    name,
                    tools.token,
                    tools.github,
                );
                match opened {
                    // It says the same of what the token may not see.
                    Err(remote::Error::NotFound(said)) if is_absent(tools, package) => {
                        let repository = package.image.clone();
                        return Err(Error::NoRepository { repository, said });
                    }
                    opened => Some(opened?),
                }
            }
        };
        let client = tools
            .registries
            .repository(&package.image, tools.registry)?;
        Ok(Self {
            repository: package.image.clone(),
            packages,
            deleter,
            back_end: package.back_end(),
            client,
        })
    }

    /// GitHub's packages API, if that is the back end.
    pub fn packages(&self) -> Option<&Packages> {
        self.packages.as_ref()
    }

    /// Which it is.
    pub fn back_end(&self) -> BackEnd {
        self.back_end
    }

    /// A version as it is now; `None` if it is gone.
    ///
    /// # Errors
    /// If that could not be found out.
    pub fn read_again(&self, version: &Version) -> Result<Option<Version>, Error> {
        match (&self.packages, version.id, version.name.digest()) {
            (Some(packages), Some(id), _) => Ok(packages.version(id)?),
            (None, _, Some(digest)) => self.read_from_registry(version, &digest),
            _ => Ok(None),
        }
    }

    /// With the distribution API alone a tag can only be asked what it names.
    /// A tag that has moved here since may be any of them (a rollback moves the
    /// most important one onto an old image), so each is asked.
    fn read_from_registry(
        &self,
        version: &Version,
        digest: &Digest,
    ) -> Result<Option<Version>, Error> {
        if self.client.digest(digest.as_str())?.is_none() {
            return Ok(None);
        }
        let tags = self.client.tags()?.unwrap_or_default();
        let named = parallel(&tags, |tag| self.client.digest(tag.as_str()), |_| ());
        let mut here: Vec<Tag> = Vec::new();
        for (tag, named) in tags.into_iter().zip(named) {
            if named?.as_ref() == Some(digest) {
                here.push(tag);
            }
        }
        Ok(Some(Version {
            tags: Some(here),
            ..version.clone()
        }))
    }

    /// Deletes a version.
    ///
    /// # Errors
    /// If it is not known whether that worked, or it can't for a reason that
    /// holds for every version.
    pub fn delete(&self, version: &Version) -> Result<Deletion, Error> {
        match (&self.packages, version.id, version.name.digest()) {
            (Some(packages), Some(id), _) => Ok(packages.delete(id)?),
            (None, _, Some(digest)) => match &self.deleter {
                Some(deleter) => Ok(deleter.delete(&digest, version.known_tags())?),
                None => Ok(self.client.delete(&digest)?),
            },
            _ => Ok(Deletion::Never("its name is no digest".to_owned())),
        }
    }
}

/// Whether the registry says that it has no such repository.
fn is_absent(tools: &Tools<'_>, package: &Package) -> bool {
    let client = tools.registries.repository(&package.image, tools.registry);
    client.is_ok_and(|client| matches!(client.tags(), Ok(None)))
}

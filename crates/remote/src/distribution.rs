//! One repository at its own registry, for a clean-up: manifests as they are
//! now, never a mirror's, and deletes by digest.
//!
//! Source: OCI distribution specification 1.1, "Pulling manifests", "Listing
//! referrers", "Deleting manifests".

use std::sync::{Mutex, MutexGuard};

use registry_compat::{Digest, Repository, Tag, Trouble};
use retention::{HISTORY, Kind, Manifest, Name};
use serde::{Deserialize, Serialize};

use crate::agent::{Reply, next_page};
use crate::oci::{Failure, Registries, Target};
use crate::rate_limit::{Answered, Call, Method, PacedClient, told};
use crate::{Deletion, Error, Pace};
use host::Secret;

/// Every manifest format that there is. Docker's registry answers 404 for a
/// manifest whose format the request does not accept.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, */*";

/// More pages than any list of referrers has.
const MOST_PAGES: usize = 1000;

/// One manifest, distilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFacts {
    /// What a plan needs of it.
    pub manifest: Manifest,
    /// The digest of the image configuration, if that is what its `config` is.
    pub config: Option<Digest>,
    /// The annotation `org.opencontainers.image.created` of what is no index.
    pub created: Option<String>,
}

/// A manifest of any format. Only the fields that decide something are strict.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    manifests: Option<Vec<WireDescriptor>>,
    subject: Option<WireDescriptor>,
    config: Option<serde_json::Value>,
    layers: Option<serde_json::Value>,
    annotations: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireDescriptor {
    digest: String,
}

impl Wire {
    /// By the media type that the document claims. An OCI document may claim
    /// none; then by what it has, and one that has both is nothing known.
    fn kind(&self) -> Kind {
        match self.kind_by_form() {
            Kind::Image if self.artifact_type.as_deref() == Some(HISTORY) => Kind::Record,
            kind => kind,
        }
    }

    fn kind_by_form(&self) -> Kind {
        match (&self.media_type, &self.manifests, &self.layers) {
            (_, Some(_), Some(_)) => Kind::Unknown,
            (Some(claimed), _, _) => Kind::from_media_type(claimed),
            (None, Some(_), None) => Kind::Index,
            (None, None, Some(_)) if self.config.is_some() => Kind::Image,
            _ => Kind::Unknown,
        }
    }

    /// The digest of the image configuration. Artefacts have other documents
    /// in its place.
    fn config(&self) -> Option<Digest> {
        let config = self.config.as_ref()?;
        let media_type = config.get("mediaType")?.as_str()?;
        let known = [
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
        ];
        known.contains(&media_type).then_some(())?;
        config.get("digest")?.as_str()?.parse().ok()
    }

    fn created(&self) -> Option<String> {
        if self.manifests.is_some() {
            return None;
        }
        let created = self.annotations.as_ref()?;
        let created = created.get("org.opencontainers.image.created")?.as_str()?;
        Some(created.to_owned())
    }
}

fn distil(url: &str, body: &[u8]) -> Result<ManifestFacts, Error> {
    let wire: Wire = serde_json::from_slice(body).map_err(|error| {
        Error::unknown(
            Trouble::Garbled,
            format!("{url}: not the JSON of a manifest: {error}"),
        )
    })?;
    let name = |descriptor: &WireDescriptor| Name::from(descriptor.digest.as_str());
    Ok(ManifestFacts {
        config: wire.config(),
        created: wire.created(),
        manifest: Manifest::new(
            wire.kind(),
            wire.manifests.iter().flatten().map(name).collect(),
            wire.subject.as_ref().map(name),
        ),
    })
}

/// One repository at its own registry.
pub struct RepositoryClient<'a> {
    registries: &'a Registries,
    target: Target,
    client: PacedClient,
    /// The `Authorization` for reading and for deleting, once asked for.
    authorizations: Mutex<[Option<Option<Secret>>; 2]>,
}

impl Registries {
    /// A repository at the place where a push of it would go, after
    /// `registries.conf`.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no registry that answers.
    pub fn repository(
        &self,
        repository: &Repository,
        pace: Pace,
    ) -> Result<RepositoryClient<'_>, Error> {
        let tag: Tag = "latest"
            .parse()
            .map_err(|_| Error::Setup("no tag".to_owned()))?;
        let endpoint = self.home_of(&repository.tagged(tag))?;
        let client = |target: &Target| RepositoryClient {
            registries: self,
            target: target.clone(),
            client: PacedClient::new(self.agent.clone(), pace),
            authorizations: Mutex::default(),
        };
        // Settles whether it speaks TLS.
        let settled = self.each_scheme(&endpoint, |target| {
            self.authorize(target, "pull").map(|_| target.clone())
        });
        settled
            .map(|target| client(&target))
            .map_err(|failure| failed(&endpoint.image.to_string(), failure))
    }
}

impl RepositoryClient<'_> {
    /// Every tag; `None` if there is no such repository.
    ///
    /// # Errors
    /// [`Error::Unknown`] if any page could not be read.
    pub fn tags(&self) -> Result<Option<Vec<Tag>>, Error> {
        let agent = &self.registries.agent;
        let tags = agent.patiently(&agent.limits, || {
            match self.registries.tags_at(&self.target) {
                Ok(tags) => Ok(Some(tags)),
                Err(Failure::Absent) => Ok(None),
                Err(Failure::Error(error)) => Err(error),
            }
        })?;
        let parse = |tags: std::collections::BTreeSet<String>| {
            let tags: Result<Vec<Tag>, _> = tags.iter().map(|tag| tag.parse()).collect();
            tags.map_err(|error| {
                Error::unknown(Trouble::Garbled, format!("{}: {error}", self.target_name()))
            })
        };
        tags.map(parse).transpose()
    }

    /// The digest that a tag or digest names now; `None` if it names nothing.
    ///
    /// # Errors
    /// [`Error::Unknown`] if that could not be found out.
    pub fn digest(&self, reference: &str) -> Result<Option<Digest>, Error> {
        let url = self.url(&format!("manifests/{reference}"));
        let reply = self.ask(Method::Head, &url)?;
        match reply.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(told(Trouble::Garbled, &url, &reply)),
        }
        if let Some(text) = reply.header("docker-content-digest") {
            return text
                .parse()
                .map(Some)
                .map_err(|error| Error::unknown(Trouble::Garbled, format!("{url}: {error}")));
        }
        // The header is only recommended; the content says it too.
        let reply = self.ask(Method::Get, &url)?;
        match reply.status {
            200 => Ok(Some(Digest::of(&reply.body))),
            404 => Ok(None),
            _ => Err(told(Trouble::Garbled, &url, &reply)),
        }
    }

    /// One manifest, whose bytes were held against the digest; `None` if the
    /// registry answers 404.
    ///
    /// # Errors
    /// [`Error::Unknown`] if it could not be read, or is another.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<ManifestFacts>, Error> {
        let url = self.url(&format!("manifests/{digest}"));
        let body = self.content(&url, digest)?;
        body.map(|body| distil(&url, &body)).transpose()
    }

    /// The `created` of an image configuration, as it is written there. The
    /// outer `None`: the registry answers 404; the inner one: there is no
    /// `created` in it.
    ///
    /// # Errors
    /// As [`RepositoryClient::manifest`].
    pub fn created(&self, config: &Digest) -> Result<Option<Option<String>>, Error> {
        let url = self.url(&format!("blobs/{config}"));
        let Some(body) = self.content(&url, config)? else {
            return Ok(None);
        };
        let document: serde_json::Value = serde_json::from_slice(&body).map_err(|error| {
            Error::unknown(Trouble::Garbled, format!("{url}: not JSON: {error}"))
        })?;
        let created = document.get("created").and_then(|created| created.as_str());
        Ok(Some(created.map(str::to_owned)))
    }

    /// What the registry says refers to a manifest; `None` where it does not
    /// offer to say (docker's registry 2, ghcr.io).
    ///
    /// # Errors
    /// [`Error::Unknown`] if that could not be found out: an answer that is not
    /// "not offered" never becomes "nothing".
    pub fn referrers(&self, digest: &Digest) -> Result<Option<Vec<Name>>, Error> {
        let mut url = self.url(&format!("referrers/{digest}"));
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.ask(Method::Get, &url)?;
            match reply.status {
                200 => {}
                404 | 405 => return Ok(None),
                _ => return Err(told(Trouble::Garbled, &url, &reply)),
            }
            all.extend(distil(&url, &reply.body)?.manifest.children().to_vec());
            match next_page(&url, &reply)? {
                Some(next) => url = next,
                None => return Ok(Some(all)),
            }
        }
        Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: the list of referrers does not end"),
        ))
    }

    /// Deletes a manifest by digest, and with it every tag on it.
    ///
    /// # Errors
    /// [`Error::Unknown`], after which the rest need not be tried: the account
    /// may not, the registry does not delete, or has trouble.
    pub fn delete(&self, digest: &Digest) -> Result<Deletion, Error> {
        let url = self.url(&format!("manifests/{digest}"));
        let Answered { reply, again } = self.call(Method::Delete, &url)?;
        match reply.status {
            200 | 202 | 204 => Ok(Deletion::Done),
            // The first attempt worked, and its answer was lost.
            404 if again => Ok(Deletion::Done),
            404 => Ok(Deletion::Gone),
            400 => Ok(Deletion::Never(host::one_line(&String::from_utf8_lossy(
                &reply.body,
            )))),
            405 => Err(Error::unknown(
                Trouble::Denied,
                format!(
                    "{url}: HTTP 405: this registry does not delete; docker's registry wants \
                     `storage: {{delete: {{enabled: true}}}}`"
                ),
            )),
            401 | 403 => Err(told(Trouble::Denied, &url, &reply)),
            _ => Err(told(Trouble::Garbled, &url, &reply)),
        }
    }

    /// The bytes of a digest, held against it; `None` on 404.
    fn content(&self, url: &str, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let reply = self.ask(Method::Get, url)?;
        match reply.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(told(Trouble::Garbled, url, &reply)),
        }
        let found = Digest::of(&reply.body);
        if found == *digest {
            Ok(Some(reply.body))
        } else {
            Err(Error::unknown(
                Trouble::Garbled,
                format!("{url}: the content is {found}"),
            ))
        }
    }

    /// A read, where 401 and 403 are errors.
    fn ask(&self, method: Method, url: &str) -> Result<Reply, Error> {
        let reply = self.call(method, url)?.reply;
        match reply.status {
            401 | 403 => Err(told(Trouble::Denied, url, &reply)),
            _ => Ok(reply),
        }
    }

    /// With an authorization; once more with a new one where it has expired.
    fn call(&self, method: Method, url: &str) -> Result<Answered, Error> {
        let write = method == Method::Delete;
        let known = self.authorizations()[usize::from(write)].clone();
        let renewable = known.is_some();
        let authorization = known.map_or_else(|| self.renew(write), Ok)?;
        let answered = self.send(method, url, authorization.as_ref())?;
        if answered.reply.status == 401 && renewable {
            let authorization = self.renew(write)?;
            return self.send(method, url, authorization.as_ref());
        }
        Ok(answered)
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        authorization: Option<&Secret>,
    ) -> Result<Answered, Error> {
        self.client.send(&Call {
            method,
            url,
            headers: &[("accept", ACCEPT)],
            authorization,
            insecure: self.target.endpoint.insecure,
            body: &[],
        })
    }

    fn authorizations(&self) -> MutexGuard<'_, [Option<Option<Secret>>; 2]> {
        match self.authorizations.lock() {
            Ok(authorizations) => authorizations,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Registries differ in what a delete asks for: docker's wants `delete`,
    /// Quay `push`. A token service gives what it knows of them.
    fn renew(&self, write: bool) -> Result<Option<Secret>, Error> {
        let actions = if write { "pull,push,delete" } else { "pull" };
        let agent = &self.registries.agent;
        let ask = || {
            let authorization = self.registries.authorize(&self.target, actions);
            authorization.map_err(|failure| failed(&self.target_name(), failure))
        };
        let authorization = agent.patiently(&agent.limits, ask)?.header();
        self.authorizations()[usize::from(write)] = Some(authorization.clone());
        Ok(authorization)
    }

    fn target_name(&self) -> String {
        self.target.endpoint.image.repository().to_string()
    }

    fn url(&self, rest: &str) -> String {
        let path = self.target.endpoint.image.repository().path();
        self.target.url(&format!("{path}/{rest}"))
    }
}

fn failed(what: &str, failure: Failure) -> Error {
    match failure {
        Failure::Error(error) => error,
        Failure::Absent => Error::NotFound(format!("{what} is not there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    fn read(text: &str) -> ManifestFacts {
        distil("test", text.as_bytes()).unwrap()
    }

    #[test]
    fn kinds_are_what_a_document_claims_or_has() {
        let kind = |text: &str| read(text).manifest.kind();
        let oci = "\"mediaType\": \"application/vnd.oci.image.index.v1+json\"";
        assert_eq!(kind(&format!("{{{oci}, \"manifests\": []}}")), Kind::Index);
        assert_eq!(kind(r#"{"manifests": []}"#), Kind::Index);
        assert_eq!(kind(r#"{"config": {}, "layers": []}"#), Kind::Image);
        let history = format!(r#"{{"artifactType": "{HISTORY}", "config": {{}}, "layers": []}}"#);
        assert_eq!(kind(&history), Kind::Record);
        assert_eq!(kind(&history.replace("history", "x")), Kind::Image);
        assert_eq!(
            kind(r#"{"schemaVersion": 1, "fsLayers": []}"#),
            Kind::Unknown
        );
        assert_eq!(kind(r#"{"mediaType": "x/y", "layers": []}"#), Kind::Unknown);
        let both = format!("{{{oci}, \"manifests\": [], \"layers\": []}}");
        assert_eq!(kind(&both), Kind::Unknown);
    }

    #[test]
    fn whatever_it_claims_its_children_count() {
        let entry = format!("{{\"digest\": \"{A}\"}}");
        let text = format!(
            "{{\"mediaType\": \"x/y\", \"manifests\": [{entry}, {{\"digest\": \"sha512:00\"}}], \
             \"subject\": {entry}, \"annotations\": {{\"org.opencontainers.image.created\": \"x\"}}}}"
        );
        let found = read(&text);
        assert_eq!(found.manifest.children(), [A.into(), "sha512:00".into()]);
        assert_eq!(found.manifest.subject(), Some(&A.into()));
        // The date of an index is that of what it lists.
        assert_eq!(found.created, None);
        for bad in ["", "[]", r#"{"manifests": [{}]}"#, r#"{"subject": 5}"#] {
            assert!(distil("test", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_image_configuration_is_one() {
        let config = |media_type: &str| {
            read(&format!(
                "{{\"layers\": [], \"config\": {{\"mediaType\": \"{media_type}\", \"digest\": \"{A}\"}}, \
                 \"annotations\": {{\"org.opencontainers.image.created\": \"2026-01-01T00:00:00Z\"}}}}"
            ))
        };
        let image = config("application/vnd.oci.image.config.v1+json");
        assert_eq!(image.config, A.parse().ok());
        let artefact = config("application/vnd.oci.empty.v1+json");
        assert_eq!(artefact.config, None);
        assert_eq!(artefact.created.as_deref(), Some("2026-01-01T00:00:00Z"));
    }
}

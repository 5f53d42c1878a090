//! Small things beside an image: signatures, lists of packages, locks. Their
//! manifests and blobs, read and written whole.
//!
//! The registry itself is asked, never a mirror: these are read to be written
//! again, and a mirror may have yesterday's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_compat::{Answer, Digest, ImageRef};

use crate::Error;
use crate::inspect::broken_promise;
use crate::manifest::sha256;
use crate::oci::{Failure, LARGEST, Registries, Target, garbled};
use host::Secret;
use host::one_line;

/// A manifest as it stands in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub manifest: Vec<u8>,
}

impl Registries {
    /// The manifest of a tag or digest.
    pub fn artefact(&self, image: &ImageRef) -> Answer<Artefact> {
        self.ask_home(image, |target| {
            let found = self.manifest(target, target.endpoint.image.reference())?;
            Ok(Artefact {
                digest: found.digest,
                manifest: found.body,
            })
        })
    }

    /// A blob of an image's repository, of 8 MiB at the most.
    pub fn blob(&self, image: &ImageRef, digest: &Digest) -> Answer<Vec<u8>> {
        self.ask_home(image, |target| self.blob_at(target, digest))
    }

    /// A small blob that a manifest names. Registries may send it from another
    /// host, which gets no credentials.
    pub(crate) fn blob_at(&self, target: &Target, digest: &Digest) -> Result<Vec<u8>, Failure> {
        let path = target.endpoint.image.repository().path();
        let url = target.url(&format!("{path}/blobs/{digest}"));
        let reply = self.get(target, &url, "*/*", LARGEST)?;
        match reply.status {
            200 => {}
            404 => return Err(broken_promise(target, digest)),
            other => return Err(garbled(target, format!("{url}: HTTP {other}"))),
        }
        let found = sha256(&reply.body);
        if found != digest.as_str() {
            return Err(garbled(target, format!("{url}: its digest is {found}")));
        }
        Ok(reply.body)
    }

    /// The credentials for an image's place as an `auth.json` of that place
    /// alone, for a program that is to ask in our name.
    ///
    /// # Errors
    /// If an auth file or credential helper cannot be used.
    pub fn auth_json(&self, image: &ImageRef) -> Result<Option<Secret>, Error> {
        let target = Target {
            endpoint: self.home_of(image)?,
            plain_http: false,
        };
        let who = match self.credential(&target) {
            Ok(who) => who,
            Err(Failure::Error(error)) => return Err(error),
            Err(Failure::Absent) => None,
        };
        let registry = target.endpoint.image.repository().registry().to_owned();
        Ok(who.map(|who| {
            let pair = format!("{}:{}", who.user, who.password.expose());
            let mut entry = serde_json::json!({"auth": BASE64.encode(pair)});
            if let Some(token) = &who.identity {
                entry["identitytoken"] = token.expose().into();
            }
            Secret::new(serde_json::json!({"auths": {registry: entry}}).to_string())
        }))
    }

    /// Writes blobs and then a manifest under a tag or its digest. All of it is
    /// known by digest, so that doing it twice is the same as doing it once.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the registry did not take it.
    pub fn put(
        &self,
        to: &ImageRef,
        media_type: &str,
        manifest: &[u8],
        blobs: &[Vec<u8>],
    ) -> Result<(), Error> {
        let kind = http::HeaderValue::from_str(media_type)
            .map_err(|_| Error::Setup(format!("`{}` is no media type", one_line(media_type))))?;
        self.push_home(to, |target| self.put_at(target, &kind, manifest, blobs))
    }

    fn put_at(
        &self,
        target: &Target,
        kind: &http::HeaderValue,
        manifest: &[u8],
        blobs: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let (client, destination) = self.pusher(target)?;
        let digests: Vec<String> = blobs.iter().map(|blob| sha256(blob)).collect();
        self.run(target, async {
            for (blob, digest) in blobs.iter().zip(&digests) {
                client.push_blob(&destination, blob.clone(), digest).await?;
            }
            client
                .push_manifest_raw(&destination, manifest.to_vec(), kind.clone())
                .await
        })
        .map_err(|failure| match failure {
            Failure::Absent => garbled(target, "it was not accepted: HTTP 404"),
            error @ Failure::Error(_) => error,
        })?;
        Ok(())
    }
}

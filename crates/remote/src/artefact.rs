//! Small things beside an image: signatures, lists of packages, locks. Their
//! manifests and blobs, read and written whole.
//!
//! The registry itself is asked, never a mirror: these are read to be written
//! again, and a mirror may have yesterday's.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use oci_client::RegistryOperation;
use oci_client::manifest::OciDescriptor;
use registry_compat::{Answer, Digest, ImageRef};

use crate::oci::{Failure, LARGEST, Registries, Target, garbled, promised, reference_of};
use crate::session::contradiction;
use crate::{Error, Secret, one_line};

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

    /// A small blob that a manifest names.
    pub(crate) fn blob_at(&self, target: &Target, digest: &Digest) -> Result<Vec<u8>, Failure> {
        let pass = self.current_pass(target)?;
        let reference = reference_of(&target.endpoint.image);
        let client = self.client(target)?;
        let descriptor = OciDescriptor {
            digest: digest.to_string(),
            ..OciDescriptor::default()
        };
        let mut blob = Bounded::default();
        self.run(target, async {
            let registry = reference.resolve_registry();
            client
                .store_auth_if_needed(registry, &pass.for_client())
                .await;
            client.pull_blob(&reference, &descriptor, &mut blob).await
        })
        .map_err(|failure| match failure {
            _ if blob.full => garbled(target, format!("{digest} has more than 8 MiB")),
            failure => promised(target, digest, failure),
        })?;
        Ok(blob.bytes)
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
            let entry = serde_json::json!({"auth": BASE64.encode(pair)});
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
        let home = self.home_of(to)?;
        let kind = http::HeaderValue::from_str(media_type)
            .map_err(|_| Error::Setup(format!("`{}` is no media type", one_line(media_type))))?;
        let put = self.each_scheme(&home, |target| self.put_at(target, &kind, manifest, blobs));
        match put {
            Ok(()) => Ok(()),
            // A push denies nothing about an image; `put_at` makes none of it.
            Err(Failure::Absent) => Err(Error::NotFound(format!("{to} was not accepted"))),
            Err(Failure::Error(error)) => Err(error),
        }
    }

    fn put_at(
        &self,
        target: &Target,
        kind: &http::HeaderValue,
        manifest: &[u8],
        blobs: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let pass = self.fetch_pass(target, RegistryOperation::Push)?;
        let client = self.client(target)?;
        let destination = reference_of(&target.endpoint.image);
        let digests: Vec<String> = blobs.iter().map(|blob| digest_of(blob)).collect();
        self.run(target, async {
            let registry = destination.resolve_registry();
            client
                .store_auth_if_needed(registry, &pass.for_client())
                .await;
            for (blob, digest) in blobs.iter().zip(&digests) {
                client.push_blob(&destination, blob.clone(), digest).await?;
            }
            client
                .push_manifest_raw(&destination, manifest.to_vec(), kind.clone())
                .await
        })
        .map_err(|failure| match failure {
            Failure::Absent => contradiction(target, "it was not accepted: HTTP 404"),
            error @ Failure::Error(_) => error,
        })?;
        Ok(())
    }
}

fn digest_of(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| {
        text + &format!("{byte:02x}")
    })
}

/// Takes at most [`LARGEST`] bytes.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl tokio::io::AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if (self.bytes.len() + bytes.len()) as u64 > LARGEST {
            self.full = true;
            return Poll::Ready(Err(std::io::Error::other("too large")));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

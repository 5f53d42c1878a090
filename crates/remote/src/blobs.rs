//! Pushes an image whose layers are files, or blobs of other images.
//!
//! What the repository has already is not sent. A layer of an image in the same registry
//! is mounted where the registry does that; any other is passed on as it is read, byte
//! for byte.
//! Source: OCI distribution specification, "Pushing blobs", "Mounting a blob from another
//! repository".

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream;
use oci_client::errors::OciDistributionError;
use registry_compat::{Answer, Digest, ImageRef, Trouble, Unknown};
use sha2::Digest as _;

use crate::Error;
use crate::agent::Stream;
use crate::oci::{Registries, reference_of};

/// Bytes that are read at a time.
const PIECE: usize = 1024 * 1024;

/// Where a blob comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is this text.
    Bytes(Vec<u8>),
    /// It is in a file.
    File(PathBuf),
    /// This image has it, by digest.
    Image(ImageRef),
}

/// A blob of an image that is pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Where it comes from, if the repository has not got it.
    pub origin: Origin,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Blobs that the repository had not got.
    pub blobs: usize,
    /// Their bytes; those that were mounted are not counted.
    pub bytes: u64,
}

impl Registries {
    /// Sends the blobs that are missing, and then the manifest under a tag or its digest.
    ///
    /// # Errors
    /// [`Error::Unknown`] if a registry did not take or give something.
    pub fn push_image(
        &self,
        to: &ImageRef,
        media_type: &str,
        manifest: &[u8],
        blobs: &[Blob],
    ) -> Result<Sent, Error> {
        let mut sent = Sent::default();
        for blob in self.missing(to, blobs)? {
            sent.blobs += 1;
            if !self.mounted(to, blob)? {
                self.send(to, blob)?;
                sent.bytes += blob.size;
            }
        }
        self.put(to, media_type, manifest, &[])?;
        Ok(sent)
    }

    /// The blobs that the repository has not got, each once.
    fn missing<'a>(&self, to: &ImageRef, blobs: &'a [Blob]) -> Result<Vec<&'a Blob>, Error> {
        self.push_home(to, |target| {
            let (client, there) = self.pusher(target)?;
            let more = Duration::from_secs(blobs.len() as u64);
            self.run_within(target, more, async {
                let mut missing: Vec<&Blob> = Vec::new();
                for blob in blobs {
                    let known = missing.iter().any(|one| one.digest == blob.digest);
                    if !known && !client.blob_exists(&there, blob.digest.as_str()).await? {
                        missing.push(blob);
                    }
                }
                Ok(missing)
            })
        })
    }

    /// Asks the registry to take the blob from another of its repositories. Whatever it
    /// answers but yes means that the blob has to be sent.
    fn mounted(&self, to: &ImageRef, blob: &Blob) -> Result<bool, Error> {
        let Origin::Image(from) = &blob.origin else {
            return Ok(false);
        };
        let from = self.home_of(from)?.image;
        self.push_home(to, |target| {
            let home = target.endpoint.image.repository();
            if from.repository().registry() != home.registry() {
                return Ok(false);
            }
            let (client, there) = self.pusher(target)?;
            let from = reference_of(&from);
            let mounted = client.mount_blob(&there, &from, blob.digest.as_str());
            Ok(self.run(target, mounted).is_ok())
        })
    }

    fn send(&self, to: &ImageRef, blob: &Blob) -> Result<(), Error> {
        self.push_home(to, |target| {
            let body = stream::iter(self.body(blob)?);
            let (client, there) = self.pusher(target)?;
            let slow = Duration::from_secs(blob.size / (1024 * 1024));
            let digest = blob.digest.as_str();
            let pushed = client.push_blob_stream(&there, body, digest, Some(blob.size));
            self.run_within(target, slow, pushed).map(drop)
        })
    }

    fn body(&self, blob: &Blob) -> Result<Pieces, Error> {
        let body: Stream = match &blob.origin {
            Origin::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes.clone())),
            Origin::File(path) => match File::open(path) {
                Ok(file) => Box::new(file),
                Err(error) => return Err(Error::Setup(format!("{}: {error}", path.display()))),
            },
            Origin::Image(image) => self.opened(image, &blob.digest, blob.size)?,
        };
        Ok(Pieces {
            body,
            left: blob.size,
        })
    }

    /// Writes a blob of an image into a file, and checks its digest.
    ///
    /// # Errors
    /// [`Error::Setup`] if the file cannot be written.
    pub fn save_blob(
        &self,
        image: &ImageRef,
        digest: &Digest,
        size: u64,
        to: &Path,
    ) -> Result<Answer<()>, Error> {
        let failed = |error: std::io::Error| Error::Setup(format!("{}: {error}", to.display()));
        let mut body = match self.opened(image, digest, size) {
            Ok(body) => body.take(size),
            Err(Error::NotFound(_)) => return Ok(Answer::Absent),
            Err(Error::Unknown(why)) => return Ok(Answer::Unknown(why)),
            Err(other) => return Err(other),
        };
        let mut file = File::create(to).map_err(failed)?;
        let mut hash = sha2::Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    return Ok(Answer::Unknown(Unknown {
                        trouble: Trouble::Unreachable,
                        detail: format!("{image}: {digest}: {error}"),
                    }));
                }
            };
            hash.update(&piece[..read]);
            file.write_all(&piece[..read]).map_err(failed)?;
        }
        let found = Digest::of_hashed(hash);
        if found != *digest {
            return Ok(Answer::Unknown(Unknown {
                trouble: Trouble::Garbled,
                detail: format!("{image}: {digest} came as {found}"),
            }));
        }
        Ok(Answer::Present(()))
    }

    /// The blob of an image, as it is read.
    fn opened(&self, image: &ImageRef, digest: &Digest, size: u64) -> Result<Stream, Error> {
        let answer = self.ask(image, |target| {
            let (_, body) = self.open_blob(target, digest, size)?;
            Ok(body)
        });
        match answer {
            Answer::Present(body) => Ok(body),
            Answer::Absent => Err(Error::NotFound(format!(
                "{image} has lost its layer {digest}"
            ))),
            Answer::Unknown(why) => Err(Error::Unknown(why)),
        }
    }
}

/// A body in pieces. Reading blocks the thread, which has nothing else to do: the
/// connection that sends has a thread of its own.
struct Pieces {
    body: Stream,
    left: u64,
}

impl Iterator for Pieces {
    type Item = Result<bytes::Bytes, OciDistributionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; most];
        let read = match self.body.read(&mut piece) {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        match read {
            Ok(read) => {
                piece.truncate(read);
                self.left -= read as u64;
                Some(Ok(piece.into()))
            }
            Err(error) => {
                self.left = 0;
                Some(Err(OciDistributionError::IoError(error)))
            }
        }
    }
}

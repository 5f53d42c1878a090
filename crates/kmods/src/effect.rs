//! The effects of a plan. A dry run prints the values that a real run performs, in the
//! words that the plan of an image has.

use std::fmt;
use std::path::PathBuf;

use host::process::Invocation;
use image_build::engine::Engine;
use image_config::{Fingerprint, Reason, SecretSource};
use registry_compat::{ImageRef, Repository, Tag};
use version_discovery::{KernelVersion, ZfsVersion};

use crate::source::Release;

/// An effect, printed and performed from this value.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open the key that signs the published image; its public half must be the one
    /// that the policy of this project's image names.
    OpenKey {
        /// Where the key is.
        key: SecretSource,
        /// Where its password is.
        password: SecretSource,
        /// The image whose policy is asked.
        image: Repository,
    },
    /// The image with the modules is not signed, and why.
    Unsigned {
        /// From `image.yaml`.
        reason: Reason,
    },
    /// The key that signs the modules must be that of the certificate in the image.
    ModuleKey {
        /// Where the key is.
        key: SecretSource,
        /// The signer's name.
        name: String,
        /// The certificate's serial number.
        id: String,
    },
    /// The modules are not signed.
    ModulesUnsigned,
    /// Fetch a file, unless it is there.
    Fetch {
        /// From.
        url: String,
        /// To, below the checkout.
        to: PathBuf,
    },
    /// The tarball must be signed by one of the keys, and have the SHA-256 of the signed
    /// list.
    Verify {
        /// Of what.
        release: Release,
        /// Below the checkout.
        folder: PathBuf,
        /// Whose signature counts.
        keys: Vec<Fingerprint>,
        /// Where the public keys are.
        keyring: String,
    },
    /// The tarball must say that it supports the kernel.
    Supported {
        /// The tarball, below the checkout.
        tarball: PathBuf,
        /// The release.
        zfs: ZfsVersion,
        /// The kernel.
        kernel: KernelVersion,
        /// Why a kernel above the maximum may be tried.
        experimental: Option<Reason>,
    },
    /// Run a program that transfers.
    Transfer(Invocation),
    /// Lay the inputs out in one folder: the Containerfile's, the tarball, the
    /// certificate.
    LayOut {
        /// The folder of the Containerfile.
        from: PathBuf,
        /// The tarball.
        tarball: PathBuf,
        /// The certificate of the modules' signer, if they are signed.
        certificate: Option<PathBuf>,
        /// The folder.
        to: PathBuf,
    },
    /// Build.
    Build(Invocation),
    /// Read what the tag names, which becomes `PUSHED`; it must be the local image.
    ReadBack {
        /// The tag.
        candidate: ImageRef,
        /// The local image.
        local: ImageRef,
        /// The engine whose storage has it.
        engine: Engine,
    },
    /// Look into the RPMs of `PUSHED`.
    Check(Invocation),
    /// Sign `PUSHED`.
    Sign {
        /// As this name.
        repository: Repository,
    },
    /// Give `PUSHED` its name, and read it back.
    Name {
        /// Where.
        repository: Repository,
        /// The tag.
        tag: Tag,
    },
    /// Remove what is no longer needed.
    Remove(Invocation),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenKey {
                key,
                password,
                image,
            } => write!(
                f,
                "key      {key} (password {password}) must be the one that the policy demands for {image}"
            ),
            Self::Unsigned { reason } => write!(f, "unsigned {reason}"),
            Self::ModuleKey { key, name, id } => write!(
                f,
                "key      {key} must be that of `{name}` ({id}), and signs each module"
            ),
            Self::ModulesUnsigned => f.write_str(
                "unsigned the modules: no certificate in the image (`cargo xtask keys new --modules`); \
                 Secure Boot refuses them",
            ),
            Self::Fetch { url, to } => write!(f, "fetch    {url} to {}", to.display()),
            Self::Verify {
                release,
                keys,
                keyring,
                ..
            } => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "signed   {} must be, and its SHA-256, by one of {} at {keyring}",
                    release.tarball(),
                    keys.join(", ")
                )
            }
            Self::Supported {
                tarball,
                kernel,
                experimental,
                ..
            } => {
                let tarball = tarball.display();
                write!(f, "read     META of {tarball}: it must support {kernel}")?;
                match experimental {
                    Some(reason) => write!(f, "; one above its maximum is tried, because: {reason}"),
                    None => Ok(()),
                }
            }
            Self::Transfer(call) => write!(f, "transfer {call}"),
            Self::LayOut {
                from,
                tarball,
                certificate,
                to,
            } => {
                write!(f, "lay out  {} and {}", from.display(), tarball.display())?;
                if let Some(certificate) = certificate {
                    write!(f, " and {}", certificate.display())?;
                }
                write!(f, " in {}", to.display())
            }
            Self::Build(call) => write!(f, "run      {call}"),
            Self::ReadBack {
                candidate, local, ..
            } => write!(f, "read     {candidate} as PUSHED; it must be {local}"),
            Self::Check(call) => write!(f, "check    {call}"),
            Self::Sign { repository } => write!(
                f,
                "sign     PUSHED as {repository}, under the tag sha256-….sig"
            ),
            Self::Name { repository, tag } => {
                write!(f, "name     {repository}:{tag} is PUSHED")
            }
            Self::Remove(call) => write!(f, "remove   {call}"),
        }
    }
}

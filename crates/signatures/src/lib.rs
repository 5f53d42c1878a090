//! Signatures of container images, as `podman`, `skopeo` and `bootc` read them.
//!
//! [`signing`] makes and verifies cosign's legacy form (a manifest under the tag
//! `sha256-….sig`); [`simple_signing`] reads Fedora's OpenPGP signatures of its
//! base images; [`trust`] is `containers-policy.json(5)` and
//! `containers-registries.d(5)`: whose signature a host demands;
//! [`new_pair`] makes a key and writes the files that demand it;
//! [`modules`] is the certificate that signs kernel modules, for Secure Boot.
//!
//! All else is data in, data out: who calls it fetches the blobs and runs
//! `gpgv`. May import: `host` (files, `Secret`), `image-config` (fingerprints,
//! keyrings), `registry-compat` (references, digests),
//! `version-discovery` (architectures). [`control`] is the unsigned image that hosts must
//! refuse.

pub mod control;
mod error;
pub mod modules;
pub mod new_pair;
pub mod signing;
pub mod simple_signing;
pub mod trust;

pub use error::Error;

//! What a test looks at: the registry, and what must hold in it.

use registry_compat::{Answer, Digest, ImageRef, Repository};
use remote::{AuthFiles, Registries};
use signatures::signing::{signature_tag, verify};

use super::sandbox::{REPOSITORY, Sandbox};

impl Sandbox {
    /// The registry, as this library reads it.
    pub fn registries(&self) -> Registries {
        let conf = self.path("registries.conf");
        super::support::reading::registries(&conf, AuthFiles::default())
    }

    pub fn digest(&self, tag: &str) -> Option<Digest> {
        match self.registries().digest(&self.image(tag)) {
            Answer::Present(digest) => Some(digest),
            Answer::Absent => None,
            Answer::Unknown(why) => panic!("{why}"),
        }
    }

    pub fn image(&self, tag: &str) -> ImageRef {
        format!("{REPOSITORY}:{tag}").parse().unwrap()
    }

    /// The public key in the checkout signed it, where podman looks.
    pub fn signed(&self, digest: &Digest) -> bool {
        let repository: Repository = REPOSITORY.parse().unwrap();
        let text =
            self.read("containerfiles/custom-coreos/rootfs/etc/pki/containers/custom-coreos.pub");
        let key = signatures::signing::PublicKey::parse(&text).unwrap();
        let registries = self.registries();
        let image = repository.tagged(signature_tag(digest).unwrap());
        let Answer::Present(found) = registries.artefact(&image) else {
            return false;
        };
        verify(
            &key,
            &repository,
            digest,
            &found.manifest,
            |blob| match registries.blob(&image, blob) {
                Answer::Present(bytes) => Ok::<_, String>(Some(bytes)),
                _ => Ok(None),
            },
        )
        .unwrap()
    }

    /// What must hold whatever happened: `stable` names what it named, or a
    /// signed image that has a name for good.
    #[track_caller]
    pub fn invariant(&self, before: &Digest, what: &str) -> Digest {
        let now = self.digest("stable").expect("stable is there");
        assert!(self.signed(&now), "{what}: {now} is not signed");
        if now != *before {
            let registries = self.registries();
            let Answer::Present(tags) = registries.tags(&REPOSITORY.parse().unwrap()) else {
                panic!("{what}: no tags");
            };
            let named = image_publish::lineage::days(&tags)
                .iter()
                .any(|tag| self.digest(tag.as_str()).as_ref() == Some(&now));
            assert!(named, "{what}: {now} has no name for good");
        }
        now
    }
}

//! The local files of the Butane sources: those of the folder `files`, and
//! below `image.yaml/` those that are made of `image.yaml`, so that a fork's
//! names and keys stand in one place.

use std::collections::BTreeMap;

use ignition_gen::{DirFiles, FileError, FileKind, Files};
use image_config::Config;
use serde_json::json;

use crate::error::Error;

/// The name of the folder that does not exist on disk.
const MADE: &str = "image.yaml";

/// Where the public key is on the machine.
pub const PUBLIC_KEY: &str = "/etc/pki/containers/custom-coreos.pub";

/// A folder of the disk with made files in it.
#[derive(Debug, Clone)]
pub struct Local {
    disk: DirFiles,
    made: BTreeMap<String, Vec<u8>>,
}

impl Local {
    /// The files of `directory`, and the ones that are made of `image.yaml`;
    /// `public_key` is what the file of that name holds.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn new(
        directory: &str,
        config: &Config,
        public_key: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            disk: DirFiles::new(directory),
            made: made(config, public_key)?,
        })
    }

    fn is_made(path: &str) -> bool {
        path == MADE || path.starts_with("image.yaml/")
    }
}

/// What `image.yaml` says, in the forms that the machine reads.
fn made(config: &Config, public_key: Option<Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let repository = config.repository()?.to_string();
    let tag = config
        .image
        .tags
        .first()
        .map_or_else(|| "stable".to_owned(), ToString::to_string);
    let keys: String = config
        .ignition
        .ssh_keys
        .iter()
        .map(|key| format!("{key}\n"))
        .collect();
    let follow = format!(
        "# The image that this machine follows; from image.yaml.\nIMAGE={repository}:{tag}\n"
    );
    let mut files = BTreeMap::from([
        ("authorized_keys", keys.into_bytes()),
        ("follow.env", follow.into_bytes()),
        ("policy.json", policy(&repository)?.into_bytes()),
        ("registries.yaml", registries(&repository).into_bytes()),
    ]);
    if let Some(key) = public_key {
        files.insert("keys/custom-coreos.pub", key);
    }
    Ok(files
        .into_iter()
        .map(|(name, contents)| (format!("{MADE}/{name}"), contents))
        .collect())
}

/// Which images may be used: ours with a signature only, those of other
/// registries as they are, and nothing that nobody thought of. `bootc switch
/// --enforce-container-sigpolicy` refuses a policy whose default accepts.
/// Source: containers-policy.json(5).
fn policy(repository: &str) -> Result<String, Error> {
    let anything = json!([{ "type": "insecureAcceptAnything" }]);
    let ours = json!([{
        "type": "sigstoreSigned",
        "keyPath": PUBLIC_KEY,
        "signedIdentity": { "type": "matchRepository" },
    }]);
    let elsewhere = json!({ "": anything });
    let policy = json!({
        "default": [{ "type": "reject" }],
        "transports": {
            "docker": { repository: ours, "": anything },
            "containers-storage": elsewhere,
            "dir": elsewhere,
            "docker-archive": elsewhere,
            "docker-daemon": elsewhere,
            "oci": elsewhere,
            "oci-archive": elsewhere,
        },
    });
    let text = serde_json::to_string_pretty(&policy)
        .map_err(|error| Error::Usage(format!("no JSON for this: {error}")))?;
    Ok(text + "\n")
}

/// Where signatures are: beside the image, in its own repository.
/// Source: containers-registries.d(5).
fn registries(repository: &str) -> String {
    format!("docker:\n  {repository}:\n    use-sigstore-attachments: true\n")
}

impl Files for Local {
    fn name(&self) -> Option<&str> {
        self.disk.name()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        if !Self::is_made(path) {
            return self.disk.read(path);
        }
        match self.kind(path, true)? {
            FileKind::Directory => Err(FileError::IsADirectory),
            _ => self.made.get(path).cloned().ok_or(FileError::NotFound),
        }
    }

    fn kind(&self, path: &str, follow: bool) -> Result<FileKind, FileError> {
        if !Self::is_made(path) {
            return self.disk.kind(path, follow);
        }
        if self.made.contains_key(path) {
            return Ok(FileKind::File { executable: false });
        }
        // `keys` is there even if there is no key, so that a source can name
        // it whether or not there is one.
        let folders = [MADE, "image.yaml/keys"];
        if folders.contains(&path) {
            Ok(FileKind::Directory)
        } else {
            Err(FileError::NotFound)
        }
    }

    fn link(&self, path: &str) -> Result<String, FileError> {
        if Self::is_made(path) {
            return Err(FileError::Other("invalid argument".to_owned()));
        }
        self.disk.link(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        if !Self::is_made(path) {
            return self.disk.list(path);
        }
        let mut names: Vec<String> = self
            .made
            .keys()
            .filter_map(|made| made.strip_prefix(path)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(key: Option<&[u8]>) -> Local {
        let (mut config, ..) = image_build::testing::facts();
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me";
        config.ignition.ssh_keys = image_config::Unique::one(line.parse().unwrap());
        Local::new("nowhere", &config, key.map(<[u8]>::to_vec)).unwrap()
    }

    #[test]
    fn names_come_from_image_yaml() {
        let local = local(None);
        let text = |path: &str| String::from_utf8(local.read(path).unwrap()).unwrap();
        assert!(
            text("image.yaml/follow.env")
                .ends_with("\nIMAGE=ghcr.io/someone/custom-coreos:stable\n")
        );
        assert!(text("image.yaml/authorized_keys").starts_with("ssh-ed25519 "));
        assert!(
            text("image.yaml/registries.yaml").contains("\n  ghcr.io/someone/custom-coreos:\n")
        );
        let policy: serde_json::Value =
            serde_json::from_str(&text("image.yaml/policy.json")).unwrap();
        let docker = &policy["transports"]["docker"];
        assert_eq!(
            docker["ghcr.io/someone/custom-coreos"][0]["type"],
            "sigstoreSigned"
        );
        assert_eq!(policy["default"][0]["type"], "reject");
    }

    #[test]
    fn the_key_is_there_or_its_folder_is_empty() {
        let keys = "image.yaml/keys";
        assert_eq!(local(None).kind(keys, false), Ok(FileKind::Directory));
        assert_eq!(local(None).list(keys).unwrap(), [""; 0]);
        assert_eq!(
            local(Some(b"key")).list(keys).unwrap(),
            ["custom-coreos.pub"]
        );
        assert_eq!(
            local(Some(b"key")).read("image.yaml/keys/custom-coreos.pub"),
            Ok(b"key".to_vec())
        );
        assert_eq!(local(None).read("image.yaml/x"), Err(FileError::NotFound));
        assert_eq!(local(None).read(keys), Err(FileError::IsADirectory));
    }
}

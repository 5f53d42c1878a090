//! A new key pair, and the files in the image that make hosts demand its signature.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use host::Secret;
use registry_compat::Repository;
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::signing::PrivateKey;
use crate::trust::{POLICY, REGISTRIES_D, write};

/// The public half in the image.
const PUBLIC: &str = "/etc/pki/containers/custom-coreos.pub";

/// Where the files of a pair lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Paths {
    /// `policy.json`.
    pub policy: PathBuf,
    /// The private half; only its owner reads it.
    pub private_key: PathBuf,
    /// The public half.
    pub public_key: PathBuf,
    /// The file in `registries.d`.
    pub registries: PathBuf,
}

impl Paths {
    /// The private half where it is wanted, all else in the folder that becomes the root
    /// of the image.
    pub fn new(private_key: PathBuf, rootfs: &Path) -> Self {
        let inside = |path: &str| rootfs.join(path.trim_start_matches('/'));
        Self {
            policy: inside(POLICY),
            private_key,
            public_key: inside(PUBLIC),
            registries: inside(&format!("{REGISTRIES_D}custom-coreos.yaml")),
        }
    }

    /// All of them.
    pub fn all(&self) -> [&Path; 4] {
        [
            &self.private_key,
            &self.public_key,
            &self.policy,
            &self.registries,
        ]
    }
}

/// Makes a pair and writes its files. The private half is sealed with the password, if
/// there is one.
///
/// # Errors
/// [`Error::Refused`] if a half is there already and is not to be replaced: hosts that
/// demand the old key would refuse what the new one signs.
pub fn create(
    paths: &Paths,
    repositories: &[Repository],
    password: Option<&Secret>,
    replace: bool,
) -> Result<(), Error> {
    let taken = [&paths.private_key, &paths.public_key];
    let taken = taken.into_iter().find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !replace) {
        return Err(Error::Refused(format!(
            "{} is there; hosts that demand its signatures refuse those of a new key. \
             To do it all the same: --replace",
            path.display()
        )));
    }
    let (text, key) = PrivateKey::generate(password)?;
    private_file(&paths.private_key, text.expose())?;
    write(&paths.public_key, key.public().pem().as_bytes())?;
    demand(paths, repositories)
}

/// Writes what makes hosts demand the signature of the pair's public half, of these
/// repositories.
///
/// # Errors
/// If a file cannot be written.
pub fn demand(paths: &Paths, repositories: &[Repository]) -> Result<(), Error> {
    write(&paths.policy, policy_json(repositories).as_bytes())?;
    write(&paths.registries, registries_yaml(repositories).as_bytes())
}

/// Writes what only its owner may read: never readable for others, not even for a moment.
///
/// # Errors
/// If the file cannot be written.
pub fn private_file(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| host::Error::File {
        verb: "write",
        path: path.to_owned(),
        source,
    };
    // With --replace: a new file, not the old one's modes.
    if path.exists() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    Ok(OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)?)
}

/// Our repositories, and they alone, by signature; an unknown transport not at all;
/// everything else as Fedora CoreOS has it. Not the whole namespace: other
/// images of the account may have other keys, or none.
/// Source: `containers/image/docs/containers-policy.json.5.md`.
fn policy_json(repositories: &[Repository]) -> String {
    let anything = json!([{"type": "insecureAcceptAnything"}]);
    let mut transports = serde_json::Map::new();
    for transport in [
        "atomic",
        "containers-storage",
        "dir",
        "docker-archive",
        "docker-daemon",
        "oci",
        "oci-archive",
        "tarball",
    ] {
        transports.insert(transport.to_owned(), json!({"": anything}));
    }
    let ours = json!([{
        "type": "sigstoreSigned",
        "keyPath": PUBLIC,
        "signedIdentity": {"type": "matchRepository"},
    }]);
    let mut docker = json!({"": anything});
    for repository in repositories {
        docker[repository.to_string()] = ours.clone();
    }
    transports.insert("docker".to_owned(), docker);
    let policy = json!({"default": [{"type": "reject"}], "transports": transports});
    format!("{policy:#}\n")
}

/// Without it `podman`, `skopeo` and `bootc` look for no signature at all.
/// Source: `containers/image/docs/containers-registries.d.5.md`.
fn registries_yaml(repositories: &[Repository]) -> String {
    let of =
        |repository: &Repository| format!("  {repository}:\n    use-sigstore-attachments: true\n");
    let all: String = repositories.iter().map(of).collect();
    format!("# Signatures of our image lie beside it, under the tag sha256-….sig.\ndocker:\n{all}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    use crate::trust::Trust;

    fn trust(repository: &Repository, key: &str, more: &[(&str, &str)]) -> Trust {
        let all = [
            repository.clone(),
            "ghcr.io/someone/beside".parse().unwrap(),
        ];
        let policy = policy_json(&all);
        let registries = registries_yaml(&all);
        let path = format!("{REGISTRIES_D}custom-coreos.yaml");
        let mut files = vec![
            (POLICY, policy.as_str()),
            (&path, &registries),
            (PUBLIC, key),
        ];
        files.extend(more);
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let lines: String = files
            .iter()
            .map(|(path, text)| format!("file\t{path}\t{}\n", encode(text)))
            .collect();
        Trust::parse(&format!("{lines}end\t{} files\n", files.len())).unwrap()
    }

    #[test]
    fn what_is_written_demands_our_key_for_our_repository_only() {
        let repository: Repository = "ghcr.io/someone/custom-coreos".parse().unwrap();
        let (_, key) = PrivateKey::generate(None).unwrap();
        let (_, other) = PrivateKey::generate(None).unwrap();
        let files = trust(&repository, &key.public().pem(), &[]);
        files.requires(&repository, &key.public()).unwrap();
        let beside = "ghcr.io/someone/beside".parse().unwrap();
        files.requires(&beside, &key.public()).unwrap();
        let refused = |trust: &Trust, of: &str, key: &PrivateKey| {
            let error = trust.requires(&of.parse().unwrap(), &key.public());
            error.unwrap_err().to_string()
        };
        let name = repository.to_string();
        let error = refused(&files, &name, &other);
        assert!(error.contains("not the public half"), "{error}");
        // Nothing is demanded of a neighbour, whose name begins alike.
        for neighbour in ["ghcr.io/someone/custom-coreos2", "ghcr.io/someone/other"] {
            let error = refused(&files, neighbour, &key);
            assert!(error.contains("demands no signature"), "{error}");
        }
        // A second file that switches the look-up off again.
        let off = format!("docker:\n  {repository}:\n    use-sigstore-attachments: false\n");
        let path = format!("{REGISTRIES_D}zz.yaml");
        let files = trust(&repository, &key.public().pem(), &[(&path, &off)]);
        let error = refused(&files, &name, &key);
        assert!(error.contains("use-sigstore-attachments"), "{error}");
    }

    #[test]
    fn a_report_is_read_to_its_end_and_stays_in_its_folder() {
        for broken in [
            "",
            "end\t1 files\n",
            "file\t/a\tAAAA\n",
            "file\t/a/../../b\tAAAA\nend\t1 files\n",
            "file\ta\tAAAA\nend\t1 files\n",
            "file\t/a\t?\nend\t1 files\n",
            "hello\nend\t0 files\n",
        ] {
            assert!(Trust::parse(broken).is_err(), "{broken:?}");
        }
    }
}

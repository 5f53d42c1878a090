//! `keys new`: a key pair, and what makes hosts demand its signature.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use host::Done;
use image_build::gather::World;
use image_build::policy_key::rootfs;
use image_config::SecretSource;
use image_publish::secret;
use registry_compat::Repository;
use serde_json::json;
use signatures::signing::PrivateKey;
use signatures::trust::{POLICY, REGISTRIES_D, write};

use crate::cli::{KeysArgs, KeysTask, NewKeyArgs};
use crate::error::Error;

/// The public half in the image.
const PUBLIC: &str = "/etc/pki/containers/custom-coreos.pub";

/// `keys`.
///
/// # Errors
/// As the task below it.
pub fn run(world: &World<'_>, args: &KeysArgs) -> Result<Done, Error> {
    match &args.task {
        KeysTask::New(args) => new(world, args),
    }
}

/// Makes a pair; the private half goes to one file that only its owner reads,
/// the public half, `policy.json` and `registries.d` into `rootfs/`.
///
/// # Errors
/// [`Error::Refused`] if a file is there already: hosts that demand the old
/// key would refuse what the new one signs.
fn new(world: &World<'_>, args: &NewKeyArgs) -> Result<Done, Error> {
    let root = &world.env.root;
    let signing = &world.config.signing;
    let password = secret(root, &signing.password)?;
    if password.is_none() && !args.no_password {
        return Err(Error::Usage(format!(
            "no password in {}; set it, or say --no-password",
            signing.password
        )));
    }
    let private = match (&args.private_key, &signing.private_key) {
        (Some(path), _) => path.clone(),
        (None, SecretSource::File(path)) => root.join(path),
        (None, SecretSource::Env(_)) => root.join("cosign.key"),
    };
    let inside = |path: &str| root.join(rootfs()).join(path.trim_start_matches('/'));
    let public = inside(PUBLIC);
    let taken = [&private, &public].into_iter().find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !args.replace) {
        return Err(Error::Refused(format!(
            "{} is there; hosts that demand its signatures refuse those of a new key. \
             To do it all the same: --replace",
            path.display()
        )));
    }
    let password = password.filter(|_| !args.no_password);
    let (text, key) = PrivateKey::generate(password.as_ref())?;
    private_file(&private, text.expose())?;
    let repository = world.config.repository()?;
    let policy = inside(POLICY);
    let registries = inside(&format!("{REGISTRIES_D}custom-coreos.yaml"));
    write(&public, key.public().pem().as_bytes())?;
    write(&policy, policy_json(&repository).as_bytes())?;
    write(&registries, registries_yaml(&repository).as_bytes())?;
    for path in [&private, &public, &policy, &registries] {
        world.report.status("Wrote", &path.display().to_string());
    }
    let name = |path: &PathBuf| path.display().to_string();
    world.report.document(&json!({
        "private-key": name(&private),
        "public-key": name(&public),
        "policy": name(&policy),
        "registries": name(&registries),
    }))?;
    world.report.answer(&format!(
        "Next: commit the three files under {}; keep {} out of the repository and give it to CI \
         as {} (its password as {}); remove `signing.unsigned` from image.yaml.",
        rootfs().display(),
        private.display(),
        signing.private_key,
        signing.password
    ));
    Ok(Done::Well)
}

/// Never readable for others, not even for a moment.
fn private_file(path: &Path, text: &str) -> Result<(), Error> {
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

/// Our repository, and it alone, by signature; an unknown transport not at all;
/// everything else as Fedora CoreOS has it. Not the whole namespace: other
/// images of the account may have other keys, or none.
/// Source: containers/image `docs/containers-policy.json.5.md`.
fn policy_json(repository: &Repository) -> String {
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
    let docker = json!({"": anything, repository.to_string(): ours});
    transports.insert("docker".to_owned(), docker);
    let policy = json!({"default": [{"type": "reject"}], "transports": transports});
    format!("{policy:#}\n")
}

/// Without it `podman`, `skopeo` and `bootc` look for no signature at all.
/// Source: containers/image `docs/containers-registries.d.5.md`.
fn registries_yaml(repository: &Repository) -> String {
    format!(
        "# Signatures of our image lie beside it, under the tag sha256-….sig.\n\
         docker:\n  {repository}:\n    use-sigstore-attachments: true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use signatures::trust::Trust;

    fn trust(repository: &Repository, key: &str, more: &[(&str, &str)]) -> Trust {
        let policy = policy_json(repository);
        let registries = registries_yaml(repository);
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

//! A copy of the checkout with a throw-away key pair, so that a rehearsal signs
//! and leaves no trace in the real one.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use host::process;
use host::process::Invocation;
use image_build::gather::World;
use image_config::{Config, Judge, SecretSource, Signing};
use registry_compat::Digest;
use signatures::signing;
use signatures::signing::PrivateKey;
use signatures::trust::write;

use crate::error::Error;

/// The variable that holds the password.
pub const PASSWORD: &str = "CUSTOM_COREOS_REHEARSAL_PASSWORD";
/// Protects nothing: the key is thrown away.
pub const THE_PASSWORD: &str = "rehearsal";

/// Signing as in production, with the key that [`make`] makes. Without a
/// `skopeo` for the stand-in, the program judges alone.
pub fn signing(skopeo: Option<&Path>) -> Signing {
    Signing {
        unsigned: None,
        judge: skopeo.map_or(Judge::Program, |_| Judge::Image),
        private_key: SecretSource::File(PathBuf::from("cosign.key")),
        password: SecretSource::Env(PASSWORD.to_owned()),
    }
}

/// Whether a `skopeo` reads sigstore signatures; if not, what it says. Debian's
/// refuses every one of them ("Debian-local change: sigstore disabled"). It is
/// given a signed image in a folder.
///
/// # Errors
/// If a file cannot be written.
pub fn reads_signatures(
    sh: &xshell::Shell,
    skopeo: &Path,
    scratch: &Path,
) -> Result<Result<(), String>, Error> {
    let folder = scratch.join("probe");
    let place = |name: &str| folder.join(name).display().to_string();
    let (_, key) = PrivateKey::generate(None)?;
    signed_folder(&key, &folder.join("image"))?;
    write(&folder.join("key.pub"), key.public().pem().as_bytes())?;
    let policy = serde_json::json!({"default": [{
        "type": "sigstoreSigned",
        "keyPath": place("key.pub"),
        "signedIdentity": {"type": "exactRepository", "dockerRepository": PROBE},
    }]});
    write(&folder.join("policy.json"), policy.to_string().as_bytes())?;
    let ask = Invocation::new(
        &skopeo.display().to_string(),
        [
            format!("--policy={}", place("policy.json")),
            "copy".to_owned(),
            "--remove-signatures".to_owned(),
            format!("dir:{}", place("image")),
            format!("dir:{}", place("copy")),
        ],
    );
    let mut said = String::new();
    let code = process::status(sh, &ask, &mut |line| line.clone_into(&mut said))?;
    Ok(match code {
        Some(0) => Ok(()),
        _ => Err(host::one_line(message(&said))),
    })
}

/// What a line of a Go program's log says, without its time and level.
fn message(line: &str) -> &str {
    let inside = line.split_once(" msg=\"").map(|(_, rest)| rest);
    inside.map_or(line, |rest| rest.trim_end().trim_end_matches('"'))
}

/// What the image in a folder is called in its signature.
const PROBE: &str = "localhost/probe";

/// The smallest image, signed, in the form of the transport `dir`.
/// Sources: containers/image `directory/directory_transport.go`,
/// `internal/signature/signature.go` and `sigstore.go`.
fn signed_folder(key: &PrivateKey, folder: &Path) -> Result<(), Error> {
    let image = signatures::control::control_image(std::env::consts::ARCH.parse()?);
    let signed = signing::sign(key, &PROBE.parse()?, &image.digest, None)?;
    write(
        &folder.join("version"),
        b"Directory Transport Version: 1.1\n",
    )?;
    write(&folder.join("manifest.json"), &image.manifest)?;
    for blob in image.blobs {
        write(&folder.join(Digest::of(&blob).hex()), &blob)?;
    }
    let wire: serde_json::Value = serde_json::from_slice(&signed.manifest).unwrap_or_default();
    let payload = signed.blobs.last().map(|blob| BASE64.encode(blob));
    let signature = serde_json::json!({
        "mimeType": wire.pointer("/layers/0/mediaType"),
        "annotations": wire.pointer("/layers/0/annotations"),
        "payload": payload,
    });
    let signature = format!("\0sigstore-json\n{signature}");
    Ok(write(&folder.join("signature-1"), signature.as_bytes())?)
}

/// Copies what a build needs, and types `cargo xtask keys new` in it. From then
/// on `sh` is there.
///
/// # Errors
/// If a file cannot be copied, or the pair not be made.
pub fn make(world: &World<'_>, sh: &xshell::Shell, scratch: &Path) -> Result<(), Error> {
    let root = &world.env.root;
    let copy = scratch.join("checkout");
    let sources = world.config.ignition.sources.as_str();
    for folder in ["containerfiles", sources] {
        tree(&root.join(folder), &copy.join(folder))?;
    }
    for (_, name) in world.config.content.sources() {
        let (from, to) = (root.join(&name), copy.join(&name));
        if from.is_dir() {
            tree(&from, &to)?;
        } else {
            let text = std::fs::read(&from).map_err(host::Error::read(&from))?;
            write(&to, &text)?;
        }
    }
    let config = Config {
        signing: signing(None),
        ..world.config.clone()
    };
    let yaml = serde_yaml::to_string(&config).map_err(|e| Error::Usage(e.to_string()))?;
    write(&copy.join("image.yaml"), yaml.as_bytes())?;
    sh.change_dir(&copy);
    // It is a copy, so it is no commit.
    sh.set_var("GIT_CEILING_DIRECTORIES", scratch);
    sh.set_var(PASSWORD, THE_PASSWORD);
    let exe = world.env.exe.display().to_string();
    let report = world.report;
    report.command("cargo xtask keys new --replace");
    let invocation = Invocation::new(&exe, ["keys", "new", "--replace"]);
    match process::status(sh, &invocation, &mut |line| report.foreign(line))? {
        Some(0) => Ok(()),
        code => Err(Error::Step {
            step: "keys new".to_owned(),
            detail: format!("it ended with {code:?}"),
        }),
    }
}

/// Copies a folder with all that is in it; links stay links.
///
/// # Errors
/// If a file cannot be read or written.
pub(crate) fn tree(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| host::Error::File {
        verb: "read",
        path: from.to_owned(),
        source,
    };
    host::files::make_dir(to)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        let kind = std::fs::symlink_metadata(&path)
            .map_err(failed)?
            .file_type();
        if kind.is_dir() {
            tree(&path, &target)?;
        } else if kind.is_symlink() {
            let link = std::fs::read_link(&path).map_err(failed)?;
            std::os::unix::fs::symlink(link, &target).map_err(failed)?;
        } else {
            std::fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_says_is_told_without_its_frame() {
        let line = "time=\"2026-11-28T05:08:13Z\" level=fatal msg=\"Source image rejected: no\"";
        assert_eq!(message(line), "Source image rejected: no");
        assert_eq!(message("plain"), "plain");
    }
}

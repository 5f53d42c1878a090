//! A release of OpenZFS as its makers publish it: the real tarball, signed with a key
//! that is made for the rehearsal, since theirs are their own.

use std::collections::BTreeMap;
use std::path::Path;

use host::process;
use host::process::Invocation;
use image_build::inputs::write;
use image_config::Fingerprint;
use registry_compat::Digest;
use version_discovery::ZfsVersion;
use xshell::Shell;

use crate::error::Error;

/// Published as it should be.
pub(super) const RELEASED: &str = "released";
/// Signed by somebody else.
pub(super) const FOREIGN: &str = "foreign";
/// Another tarball than the one that was signed.
pub(super) const CHANGED: &str = "changed";

/// What is served, and whose signature counts.
pub(super) struct Release {
    /// By path, below the world: `/SHELF/…`, as GitHub has it below its own address.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Of the key.
    pub key: Fingerprint,
    /// The public key, with armour.
    pub public: String,
    /// Of the tarball.
    pub digest: Digest,
}

impl Release {
    /// Signs the tarball, and lays out what is published on all three shelves.
    ///
    /// # Errors
    /// If `gpg` is missing or fails.
    pub(super) fn make(
        sh: &Shell,
        repository: &str,
        zfs: ZfsVersion,
        tarball: &Path,
    ) -> Result<Self, Error> {
        let own = Signer::make(sh, "OpenZFS of a rehearsal")?;
        let other = Signer::make(sh, "Somebody else")?;
        let bytes = std::fs::read(tarball).map_err(host::Error::read(tarball))?;
        let digest = Digest::of(&bytes);
        let tag = zfs.tag();
        let list = format!("{}  {tag}.tar.gz\n", digest.hex());
        let mut files = BTreeMap::new();
        let mut put = |shelf: &str, end: &str, body: Vec<u8>| {
            let path = format!("/{shelf}/{repository}/releases/download/{tag}/{tag}{end}");
            files.insert(path, body);
        };
        let mut changed = bytes.clone();
        // The time in the head of the archive: it unpacks to the same.
        if let Some(byte) = changed.get_mut(4) {
            *byte ^= 1;
        }
        for (shelf, signer, sent) in [
            (RELEASED, &own, &bytes),
            (FOREIGN, &other, &bytes),
            (CHANGED, &own, &changed),
        ] {
            put(shelf, ".tar.gz.asc", signer.detached(tarball)?);
            put(shelf, ".sha256.asc", signer.clear(&list)?);
            put(shelf, ".tar.gz", sent.clone());
        }
        Ok(Self {
            files,
            public: own.public()?,
            key: own.fingerprint.clone(),
            digest,
        })
    }
}

/// A key of OpenPGP.
struct Signer {
    sh: Shell,
    home: xshell::TempDir,
    fingerprint: Fingerprint,
}

impl Signer {
    fn make(sh: &Shell, name: &str) -> Result<Self, Error> {
        use std::os::unix::fs::PermissionsExt as _;
        let sh = sh.clone();
        let home = sh.create_temp_dir().map_err(|error| Error::Step {
            step: "a key of OpenPGP".to_owned(),
            detail: error.to_string(),
        })?;
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(home.path(), mode).map_err(host::Error::write(home.path()))?;
        sh.set_var("GNUPGHOME", home.path());
        let words = ["--quick-generate-key", name, "rsa2048", "sign", "never"];
        gpg(&sh, &[&["--passphrase="], &words[..]].concat())?;
        let list = gpg(&sh, &["--with-colons", "--list-keys"])?;
        let line = list.lines().find(|line| line.starts_with("fpr:"));
        let fingerprint = line.and_then(|line| line.split(':').nth(9));
        Ok(Self {
            fingerprint: fingerprint.unwrap_or_default().parse()?,
            sh,
            home,
        })
    }

    fn public(&self) -> Result<String, Error> {
        gpg(&self.sh, &["--armor", "--export"])
    }

    fn detached(&self, file: &Path) -> Result<Vec<u8>, Error> {
        self.signature("--detach-sign", file)
    }

    fn clear(&self, text: &str) -> Result<Vec<u8>, Error> {
        let place = self.home.path().join("list");
        write(&place, text)?;
        self.signature("--clearsign", &place)
    }

    fn signature(&self, how: &str, file: &Path) -> Result<Vec<u8>, Error> {
        let out = self.home.path().join("signature");
        let output = format!("--output={}", out.display());
        let file = file.display().to_string();
        gpg(&self.sh, &["--yes", "--armor", &output, how, &file])?;
        Ok(std::fs::read(&out).map_err(host::Error::read(&out))?)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // The agent that gpg has started.
        let end = Invocation::new("gpgconf", ["--kill", "all"]);
        process::tidying(|| drop(process::status(&self.sh, &end, &mut |_| {})));
    }
}

fn gpg(sh: &Shell, words: &[&str]) -> Result<String, Error> {
    let all = [&["--batch", "--quiet"], words].concat();
    Ok(process::read(sh, &Invocation::new("gpg", all))?)
}

//! A key of OpenPGP, made by the real `gpg`, and what Fedora makes with hers.

use std::path::PathBuf;

use xshell::{Shell, TempDir, cmd};

pub struct Signer {
    sh: Shell,
    home: TempDir,
    pub fingerprint: String,
}

/// Where a program is; without it the test is skipped, or fails in CI.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CUSTOM_COREOS_REQUIRE_ALL").is_none(),
            "{name} is missing"
        );
        eprintln!("skipped: {name} is missing");
    }
    found
}

impl Signer {
    /// A new key, of the kind that Fedora has.
    pub fn new() -> Self {
        let sh = Shell::new().unwrap();
        let home = sh.create_temp_dir().unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(home.path(), mode).unwrap();
        sh.set_var("GNUPGHOME", home.path());
        let make = ["--quick-generate-key", "A distribution", "rsa2048", "sign"];
        cmd!(sh, "gpg --batch --quiet --passphrase= {make...} never")
            .quiet()
            .ignore_stderr()
            .run()
            .unwrap();
        let list = cmd!(sh, "gpg --batch --with-colons --list-keys")
            .quiet()
            .ignore_stderr()
            .read()
            .unwrap();
        let line = list.lines().find(|line| line.starts_with("fpr:")).unwrap();
        let fingerprint = line.split(':').nth(9).unwrap().to_owned();
        Self {
            sh,
            home,
            fingerprint,
        }
    }

    /// Where it is kept.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// The public half; with the armour of a text file, or without.
    pub fn keyring(&self, armour: bool) -> Vec<u8> {
        self.gpg(
            &[if armour { "--armor" } else { "--no-armor" }, "--export"],
            b"",
        )
    }

    /// What Fedora publishes: a detached signature, put into the frame of a
    /// cleartext message. Source: `src/cmd-sign` of coreos-assembler.
    pub fn cleartext(&self, text: &str) -> String {
        let detached = self.gpg(&["--digest-algo=SHA256", "--detach-sign"], text.as_bytes());
        let armour = String::from_utf8(self.gpg(&["--enarmor"], &detached)).unwrap();
        let armour = armour.replace("ARMORED FILE", "SIGNATURE");
        format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}\n{armour}")
    }

    /// What `podman push --sign-by` publishes.
    pub fn binary(&self, text: &str, options: &[&str]) -> Vec<u8> {
        self.gpg(&[options, &["--sign"]].concat(), text.as_bytes())
    }

    /// What OpenZFS publishes beside a tarball.
    #[allow(dead_code, reason = "each test uses a part")]
    pub fn detached(&self, file: &[u8]) -> Vec<u8> {
        self.gpg(&["--digest-algo=SHA256", "--armor", "--detach-sign"], file)
    }

    /// A text with its signature, as OpenZFS publishes the list of SHA-256.
    #[allow(dead_code, reason = "each test uses a part")]
    pub fn clearsigned(&self, text: &str) -> Vec<u8> {
        self.gpg(&["--digest-algo=SHA256", "--clearsign"], text.as_bytes())
    }

    fn gpg(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let sh = &self.sh;
        let (from, to) = (self.home.path().join("in"), self.home.path().join("out"));
        sh.write_file(&from, input).unwrap();
        let exports = args.contains(&"--export");
        let from = (!exports).then_some(from);
        cmd!(
            sh,
            "gpg --batch --yes --quiet --output={to} {args...} {from...}"
        )
        .quiet()
        .ignore_stderr()
        .run()
        .unwrap();
        sh.read_binary_file(&to).unwrap()
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let sh = &self.sh;
        // The agent that gpg has started.
        let end = cmd!(sh, "gpgconf --kill all").quiet().ignore_status();
        let _ = end.ignore_stdout().ignore_stderr().run();
    }
}

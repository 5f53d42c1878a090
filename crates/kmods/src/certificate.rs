//! Makes the certificate that signs kernel modules, and says how a machine enrols it.
//!
//! `openssl` makes it, as the kernel's documentation does: `ring` makes no RSA keys, and
//! whoever boots with Secure Boot needs RSA (shim is built without elliptic curves).
//! Source: the kernel's `Documentation/admin-guide/module-signing.rst`.

use std::path::{Path, PathBuf};

use host::Secret;
use host::process;
use host::process::Invocation;
use image_build::gather::World;
use image_build::kmods_recipe::ModuleSigner;
use image_build::policy_key::{module_certificate, rootfs};
use image_config::SecretSource;
use serde::Serialize;
use signatures::modules::Certificate;
use signatures::new_pair::private_file;
use signatures::trust::write;

use crate::error::Error;

/// A century; a machine that has enrolled it does not look at the clock.
const DAYS: &str = "36500";

/// What was made, and where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Made {
    /// The private key, PKCS#8 in PEM, without a password; only its owner reads it.
    pub private_key: PathBuf,
    /// The certificate, in DER.
    pub certificate: PathBuf,
    /// How a machine enrols it.
    pub instructions: PathBuf,
    /// The signer's name.
    pub signer: String,
    /// The certificate's serial number.
    pub id: String,
    #[serde(skip)]
    given_as: String,
}

impl Made {
    /// All files.
    pub fn files(&self) -> [&Path; 3] {
        [&self.private_key, &self.certificate, &self.instructions]
    }

    /// What a person does next.
    pub fn next(&self) -> String {
        format!(
            "Next: commit the two files under {}; keep {} out of the repository and give it to \
             CI as {}. Each machine enrols the certificate once; {} says how.",
            rootfs().display(),
            self.private_key.display(),
            self.given_as,
            self.instructions.display()
        )
    }
}

/// Makes a certificate and its key; the certificate and how to enrol it go into the files
/// of the image.
///
/// # Errors
/// If a file is there already and is not to be replaced: machines have enrolled the old
/// one. If there is no `openssl`, or it fails.
pub fn create(world: &World<'_>, private_key: Option<&Path>, replace: bool) -> Result<Made, Error> {
    let root = &world.env.root;
    let source = world.config.own_kmods().map(|(_, own)| &own.module_key);
    let private_key = match (private_key, source) {
        (Some(path), _) => path.to_owned(),
        (None, Some(SecretSource::File(path))) => root.join(path),
        (None, _) => root.join("module-signing.key"),
    };
    let certificate = root.join(module_certificate());
    let instructions = certificate.with_file_name("module-signing.txt");
    let taken = [&private_key, &certificate];
    let taken = taken.iter().find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !replace) {
        return Err(image_build::Error::Refused(format!(
            "{} is there; machines that have enrolled it would refuse modules of a new key. \
             To do it all the same: --replace",
            path.display()
        ))
        .into());
    }
    let (made, key) = make(world)?;
    private_file(&private_key, key.expose())?;
    write(&certificate, made.der())?;
    write(&instructions, enrolment(&made).as_bytes())?;
    Ok(Made {
        private_key,
        certificate,
        instructions,
        signer: made.name().to_owned(),
        id: made.id(),
        given_as: source.map_or_else(|| "env:MODULE_KEY".to_owned(), ToString::to_string),
    })
}

/// What the certificate may be used for: modules, and nothing that boots. shim takes no
/// certificate with the last number for a kernel or a boot loader. Source: shim,
/// `Cryptlib`, `OID_EKU_MODSIGN`.
const EXTENSIONS: &str = "[v3]\n\
    basicConstraints = critical,CA:FALSE\n\
    keyUsage = digitalSignature\n\
    extendedKeyUsage = codeSigning,1.3.6.1.4.1.2312.16.1.2\n\
    subjectKeyIdentifier = hash\n\
    authorityKeyIdentifier = keyid\n";

fn make(world: &World<'_>) -> Result<(Certificate, Secret), Error> {
    let sh = process::shell(&world.env.root)?;
    let folder = sh
        .create_temp_dir()
        .map_err(|error| Error::Step(error.to_string()))?;
    let path = |name: &str| folder.path().join(name);
    let image = &world.config.image;
    let text = format!(
        "[req]\ndistinguished_name = dn\nprompt = no\nstring_mask = utf8only\n[dn]\n\
         CN = Kernel modules of {}-{}\n{EXTENSIONS}",
        image.owner, image.name
    );
    host::files::write(&path("config"), text.as_bytes())
        .map_err(host::Error::write(&path("config")))?;
    let place = |name: &str| path(name).display().to_string();
    let (config, out, key_out) = (place("config"), place("certificate"), place("key"));
    let words = [
        "req",
        "-x509",
        "-new",
        "-newkey",
        "rsa:4096",
        "-nodes",
        "-sha256",
        "-days",
        DAYS,
        "-batch",
        "-extensions",
        "v3",
        "-config",
        &config,
        "-outform",
        "DER",
        "-out",
        &out,
        "-keyout",
        &key_out,
    ];
    process::read(&sh, &Invocation::new("openssl", words))?;
    let read = |name: &str| std::fs::read(path(name)).map_err(host::Error::read(&path(name)));
    let key = Secret::new(String::from_utf8_lossy(&read("key")?).into_owned());
    let certificate = Certificate::parse(&read("certificate")?)?;
    certificate.belongs_to(&key)?;
    let _: ModuleSigner = format!("{} {}", certificate.id(), certificate.name()).parse()?;
    Ok((certificate, key))
}

/// The file beside the certificate in the image.
fn enrolment(certificate: &Certificate) -> String {
    let path = module_certificate();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "The kernel modules of this image are signed by\n\n    {} ({})\n\n\
         A machine with Secure Boot loads them once its owner has enrolled the certificate\n\
         beside this file:\n\n\
         1. sudo mokutil --import /usr/share/custom-coreos/{name}\n\
         \x20  asks for a password, which is needed once more.\n\
         2. sudo systemctl reboot\n\
         \x20  At the console, before the system starts, MokManager asks: Enroll MOK, Continue,\n\
         \x20  Yes, the password, Reboot. It waits ten seconds.\n\
         3. mokutil --test-key /usr/share/custom-coreos/{name}\n\
         \x20  says that it is enrolled, and `modinfo -F signer zfs` names it.\n\n\
         Without it the kernel says `Key was rejected by service`, and no pool is imported.\n\
         Without Secure Boot nothing has to be enrolled.\n",
        certificate.name(),
        certificate.id()
    )
}

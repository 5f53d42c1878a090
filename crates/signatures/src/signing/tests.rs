use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn about() -> (Repository, Digest) {
    (
        "ghcr.io/someone/custom-coreos".parse().unwrap(),
        Digest::of(b"image"),
    )
}

fn holds(key: &PublicKey, repository: &Repository, digest: &Digest, signed: &Signed) -> bool {
    let blob = |wanted: &Digest| -> Result<_, Error> {
        let fits = |blob: &&Vec<u8>| Digest::of(blob) == *wanted;
        Ok(signed.blobs.iter().find(fits).cloned())
    };
    verify(key, repository, digest, &signed.manifest, blob).unwrap()
}

#[test]
fn a_signature_holds_for_its_digest_name_and_key_only() {
    let (repository, digest) = about();
    let (_, key) = PrivateKey::generate(None).unwrap();
    let (_, other) = PrivateKey::generate(None).unwrap();
    let signed = sign(&key, &repository, &digest, None).unwrap();
    assert!(holds(&key.public(), &repository, &digest, &signed));
    assert!(!holds(&other.public(), &repository, &digest, &signed));
    let elsewhere = "ghcr.io/someone/other".parse().unwrap();
    assert!(!holds(&key.public(), &elsewhere, &digest, &signed));
    let digest = Digest::of(b"another");
    assert!(!holds(&key.public(), &repository, &digest, &signed));
}

#[test]
fn the_signatures_of_others_stay() {
    let (repository, digest) = about();
    let (_, key) = PrivateKey::generate(None).unwrap();
    let (_, other) = PrivateKey::generate(None).unwrap();
    let first = sign(&other, &repository, &digest, None).unwrap();
    let both = sign(&key, &repository, &digest, Some(&first.manifest)).unwrap();
    assert_eq!(layers(&both.manifest).unwrap().len(), 2);
    assert!(holds(&key.public(), &repository, &digest, &both));
    assert!(holds(&other.public(), &repository, &digest, &both));
    // What is no signature is not written over.
    assert!(sign(&key, &repository, &digest, Some(b"{}")).is_err());
}

#[test]
fn keys_open_with_their_password_only() {
    let password = secret("correct horse");
    let (text, key) = PrivateKey::generate(Some(&password)).unwrap();
    assert!(
        text.expose()
            .starts_with("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n")
    );
    let same = PrivateKey::open(&text, Some(&password)).unwrap();
    assert_eq!(same.public(), key.public());
    let error = |text: &Secret, password: Option<&Secret>| {
        PrivateKey::open(text, password)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let wrong = error(&text, Some(&secret("wrong")));
    assert!(wrong.contains("password is wrong"), "{wrong}");
    let none = error(&text, None);
    assert!(none.contains("none was given"), "{none}");
    for junk in [
        "",
        "junk",
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    ] {
        error(&secret(junk), None);
    }
}

#[test]
fn a_public_key_survives_its_file() {
    let (text, key) = PrivateKey::generate(None).unwrap();
    assert!(text.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let pem = key.public().pem();
    assert_eq!(PublicKey::parse(&pem).unwrap(), key.public());
    assert!(PublicKey::parse(text.expose()).is_err());
    assert!(PublicKey::parse(&pem.replace("PUBLIC", "RSA PUBLIC")).is_err());
}

#[test]
fn names_are_compared_without_tag() {
    for (name, bare) in [
        ("ghcr.io/a/b", "ghcr.io/a/b"),
        ("ghcr.io/a/b:stable", "ghcr.io/a/b"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
        ("127.0.0.1:5000/a/b@sha256:00", "127.0.0.1:5000/a/b"),
    ] {
        assert_eq!(without_tag(name), bare);
    }
}

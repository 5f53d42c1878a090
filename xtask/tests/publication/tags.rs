//! The good night, and `promote`, `rollback`, `retract` and `verify`.

use host::Secret;
use registry_compat::{Answer, Digest, ImageRef};
use signatures::signing::{MANIFEST, PrivateKey};

use super::faults::a_wrong_password_is_told_before_the_build;
use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

/// One sandbox for what changes little: it takes longer to make than they do.
#[test]
fn nights_on_one_bench() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    all_is_well(&sandbox);
    a_wrong_password_is_told_before_the_build(&sandbox);
    a_bundle_without_a_legacy_signature_is_no_signature(&sandbox);
    kmods_are_signed_by_their_makers(&sandbox);
    a_copied_file_is_of_a_signed_image(&sandbox);
    a_key_is_not_written_over(&sandbox);
}

fn kmods_are_signed_by_their_makers(sandbox: &Sandbox) {
    let yaml = sandbox.read("image.yaml");
    sandbox.write(
        "image.yaml",
        &yaml.replace("kmods:\n- image:", "kmods:\n- key: kmods.pub\n  image:"),
    );
    let (_, key) = PrivateKey::generate(None::<&Secret>).unwrap();
    sandbox.write("kmods.pub", &key.public().pem());
    let story = sandbox.run(&["build", "--force", "a test"]).expect(1);
    assert!(story.contains("has no signature of kmods.pub"), "{story}");
    assert!(!story.contains("podman build"), "{story}");
    let image = sandbox.kmods();
    sign(sandbox, &image, &digest_of(sandbox, &image), &key);
    sandbox.run(&["build", "--force", "a test"]).expect(0);
    sandbox.write("image.yaml", &yaml);
}

fn digest_of(sandbox: &Sandbox, image: &ImageRef) -> Digest {
    let Answer::Present(digest) = sandbox.registries().digest(image) else {
        panic!("no {image}");
    };
    digest
}

/// As its makers do, with this key alone.
fn sign(sandbox: &Sandbox, image: &ImageRef, digest: &Digest, key: &PrivateKey) {
    let repository = image.repository();
    let signed = signatures::signing::sign(key, repository, digest, None).unwrap();
    let tag = repository.tagged(signatures::signing::signature_tag(digest).unwrap());
    let registries = sandbox.registries();
    registries
        .put(&tag, MANIFEST, &signed.manifest, &signed.blobs)
        .unwrap();
}

fn a_copied_file_is_of_a_signed_image(sandbox: &Sandbox) {
    let yaml = sandbox.read("image.yaml");
    sandbox.push("ghcr.io/makers/tool:1");
    let image: ImageRef = "ghcr.io/makers/tool:1".parse().unwrap();
    let digest = digest_of(sandbox, &image);
    let copy = format!(
        "content:\n  copy:\n  - image: {image}@{digest}\n    key: tool.pub\n    files: [{{from: \
         /usr/bin/bash, to: /usr/bin/tool}}]\n"
    );
    sandbox.write("image.yaml", &format!("{yaml}{copy}"));
    let [tool, other] = [(); 2].map(|()| PrivateKey::generate(None::<&Secret>).unwrap().1);
    sandbox.write("tool.pub", &tool.public().pem());
    let refused = || {
        let story = sandbox.run(&["build", "--force", "a test"]).expect(1);
        assert!(story.contains("has no signature of tool.pub"), "{story}");
        assert!(!story.contains("podman build"), "{story}");
    };
    refused();
    sign(sandbox, &image, &digest, &other);
    refused();
    sign(sandbox, &image, &digest, &tool);
    let story = sandbox.run(&["build", "--force", "a test"]).expect(0);
    let verified = format!("Verified ghcr.io/makers/tool@{digest}");
    assert!(story.contains(&verified), "{story}");
    sandbox.write("image.yaml", &yaml);
}

fn all_is_well(sandbox: &Sandbox) {
    let before = sandbox.digest("stable").unwrap();
    assert!(sandbox.signed(&before));
    assert_eq!(
        sandbox.digest("44.20260720.3.1-zfs2.4.4").as_ref(),
        Some(&before)
    );
    let story = sandbox.run(&PUBLISH).expect(0);
    assert!(story.contains("Refused an unsigned image"), "{story}");
    let now = sandbox.invariant(&before, "good night");
    assert_ne!(now, before);
    // The first name is the first image's for good.
    assert_eq!(
        sandbox.digest("44.20260720.3.1-zfs2.4.4").as_ref(),
        Some(&before)
    );
    assert_eq!(
        sandbox.digest("44.20260720.3.1-zfs2.4.4-1").as_ref(),
        Some(&now)
    );
    two_nights_are_two_entries(sandbox, [&before, &now]);
    // What changed, from the lists beside the images.
    let file = "containerfiles/custom-coreos/packages.sh";
    let list = sandbox.read(file);
    sandbox.write(file, &list.replace("2.4.4-1", "2.4.5-1"));
    sandbox.run(&PUBLISH).expect(0);
    let name = |tag: &str| format!("{REPOSITORY}:{tag}");
    let (old, new) = (name("44.20260720.3.1-zfs2.4.4"), name("stable"));
    let pulls = sandbox.run(&["diff", &old, &new, "--markdown"]).expect(0);
    assert!(
        pulls.contains("| zfs.x86_64 | 2.4.4-1 | 2.4.5-1 |"),
        "{pulls}"
    );
    assert!(!pulls.contains("no SBOM"), "{pulls}");
    let none = sandbox.run(&["diff", &new, &new]).expect(0);
    assert!(none.contains("no package and no label changed"), "{none}");
    let table = sandbox.run(&["verify", &name("stable")]);
    let table = table.expect(0);
    assert!(table.contains("of the policy's key"), "{table}");
    for secret in ["correct horse", "PRIVATE KEY", "ciphertext"] {
        assert!(!story.contains(secret), "{story}");
    }
}

/// By the registry's own word; and the clean-up leaves them.
fn two_nights_are_two_entries(sandbox: &Sandbox, digests: [&Digest; 2]) {
    let repository = REPOSITORY.parse().unwrap();
    let history = image_publish::read_history(&sandbox.registries(), &repository);
    let history = history.unwrap().expect("there is one");
    let entries = history.last(usize::MAX);
    let found: Vec<&Digest> = entries.iter().map(|entry| &entry.digest).collect();
    assert_eq!(found, digests);
    for entry in entries {
        let took = |name: &str| {
            let is = |took: &&image_publish::history::Took| took.step.to_string() == name;
            entry.steps.iter().find(is).unwrap().seconds.get()
        };
        assert!(took("build") > 0.0, "{entry:?}");
        assert!(took("host") + took("promote") <= entry.seconds());
        assert!(entry.bytes() > 1_000_000, "{entry:?}");
    }
    let table = sandbox.run(&["status", "--history"]).expect(0);
    assert_eq!(table.matches("44.20260720.3.1-zfs2.4.4").count(), 2);
    let yaml = sandbox.read("image.yaml");
    let mut config: serde_yaml::Value = serde_yaml::from_str(&yaml).unwrap();
    config["retention"] = serde_yaml::from_str(&format!(
        "{{days: 0, keep: 1, most-share: 100, protect: [none], \
         packages: [{{image: {REPOSITORY}, back-end: registry}}]}}"
    ))
    .unwrap();
    sandbox.write("cleanup.yaml", &serde_yaml::to_string(&config).unwrap());
    let plan = sandbox
        .run(&["cleanup", "--config", "cleanup.yaml"])
        .expect(0);
    let line = |tag: &str| {
        let of = |line: &&str| line.ends_with(&format!("  {tag}"));
        let line = plan.lines().find(of);
        line.unwrap_or_else(|| panic!("no {tag} in {plan}"))
    };
    assert!(line("history").starts_with("keep "), "{plan}");
    assert!(
        line("history").contains("tag `history` is protected"),
        "{plan}"
    );
    let screen = sandbox.run(&["status"]).expect(0);
    assert!(screen.contains("of the policy's key"), "{screen}");
    assert!(screen.contains("verdict      up to date"), "{screen}");
}

/// What cosign 3 writes by default: a bundle as an OCI referrer, listed under the
/// fallback tag. `cosign verify` is content with it; no host is.
fn a_bundle_without_a_legacy_signature_is_no_signature(sandbox: &Sandbox) {
    let digest = sandbox.digest("stable").unwrap();
    put_bundle(sandbox, &digest, "https://slsa.dev/provenance/v1");
    let signature = sandbox.stored(&format!(
        "{REPOSITORY}/_manifests/tags/sha256-{}.sig",
        digest.hex()
    ));
    std::fs::remove_dir_all(signature).unwrap();
    assert!(!sandbox.signed(&digest));
    let table = sandbox
        .run(&["verify", &format!("{REPOSITORY}:stable")])
        .expect(1);
    let row = |name: &str| {
        let is = |line: &&str| line.split_whitespace().nth(1) == Some(name);
        table.lines().find(is).unwrap()
    };
    assert!(row("signature").starts_with("FAIL"), "{table}");
    if sandbox.second_opinion() {
        assert!(row("host:copy").contains("no signature exists"), "{table}");
    }
    let image = format!("{REPOSITORY}@{digest}");
    let story = sandbox.run(&["promote", &image]).expect(1);
    assert!(story.contains("has no signature"), "{story}");
    // An attestation is no signature to anybody.
    assert!(!table.contains("cosign 3") && !story.contains("cosign 3"));
    put_bundle(sandbox, &digest, "https://sigstore.dev/cosign/sign/v1");
    let table = sandbox.run(&["verify", &format!("{REPOSITORY}:stable")]);
    let table = table.expect(1);
    assert!(table.contains("new bundle of cosign 3"), "{table}");
    let story = sandbox.run(&["promote", &image]).expect(1);
    assert!(story.contains("new bundle of cosign 3"), "{story}");
    assert_eq!(sandbox.digest("stable"), Some(digest));
}

/// The form: specs/BUNDLE_SPEC.md of cosign.
fn put_bundle(sandbox: &Sandbox, digest: &Digest, predicate: &str) {
    let registries = sandbox.registries();
    let of = |bytes: &[u8]| Digest::of(bytes);
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let empty = b"{}".to_vec();
    let bundle = serde_json::json!({"mediaType": kind, "dsseEnvelope": {"payload": predicate}});
    let bundle = bundle.to_string().into_bytes();
    let annotations = serde_json::json!({
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicate,
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": of(&empty), "size": 2},
        "layers": [{"mediaType": kind, "digest": of(&bundle), "size": bundle.len()}],
        "subject": {"mediaType": MANIFEST, "digest": digest, "size": 1},
        "annotations": annotations,
    })
    .to_string()
    .into_bytes();
    let repository: registry_compat::Repository = REPOSITORY.parse().unwrap();
    let at = repository.at(of(&manifest));
    registries
        .put(&at, MANIFEST, &manifest, &[empty, bundle])
        .unwrap();
    // With what is there already: the list of packages, the lock.
    let tag = sandbox.image(&format!("sha256-{}", digest.hex()));
    let Answer::Present(found) = registries.artefact(&tag) else {
        panic!("nothing is beside {digest}");
    };
    let mut index: serde_json::Value = serde_json::from_slice(&found.manifest).unwrap();
    let entry = serde_json::json!({
        "mediaType": MANIFEST, "artifactType": kind, "digest": of(&manifest),
        "size": manifest.len(), "annotations": annotations,
    });
    index["manifests"].as_array_mut().unwrap().push(entry);
    let media = "application/vnd.oci.image.index.v1+json";
    registries
        .put(&tag, media, index.to_string().as_bytes(), &[])
        .unwrap();
}

#[test]
fn back_to_the_image_before_and_never_to_a_bad_one() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let first = sandbox.digest("stable").unwrap();
    sandbox.run(&PUBLISH).expect(0);
    let second = sandbox.digest("stable").unwrap();
    sandbox.run(&PUBLISH).expect(0);
    let third = sandbox.digest("stable").unwrap();
    let stable = |wanted, story: String| {
        assert_eq!(sandbox.digest("stable").as_ref(), Some(wanted), "{story}");
    };
    let effects = |story: &str| {
        let effect = |line: &&str| {
            [
                "read ", "good ", "signed ", "promote ", "confirm ", "retract ",
            ]
            .iter()
            .any(|verb| line.starts_with(verb))
        };
        story
            .lines()
            .filter(effect)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let dry = sandbox.run(&["rollback", "--dry-run"]).expect(0);
    stable(&third, dry.clone());
    let story = sandbox.run(&["rollback"]).expect(0);
    assert_eq!(effects(&dry), effects(&story));
    assert_eq!(effects(&dry).len(), 5, "{dry}");
    stable(&second, story);
    // Forward again, with everything that a publication tries.
    let image = format!("{REPOSITORY}@{third}");
    let story = sandbox.run(&["promote", &image]).expect(0);
    assert!(story.contains("Accepted"), "{story}");
    stable(&third, story);
    // The one in between is bad; so it goes back to the first.
    let dry = sandbox
        .run(&["retract", second.as_str(), "--dry-run"])
        .expect(0);
    assert_eq!(effects(&dry).len(), 2, "{dry}");
    let mark = format!("retracted-{}", second.short());
    assert_eq!(sandbox.digest(&mark), None);
    sandbox.run(&["retract", second.as_str()]).expect(0);
    assert_eq!(sandbox.digest(&mark), Some(second.clone()));
    let story = sandbox.run(&["rollback"]).expect(0);
    stable(&first, story);
    let story = sandbox.run(&["rollback"]).expect(4);
    stable(&first, story);
    for bad in [
        &["rollback", "--to", second.as_str()][..],
        &["promote", &format!("{REPOSITORY}@{second}")],
    ] {
        let story = sandbox.run(bad).expect(4);
        assert!(story.contains("marked as bad"), "{story}");
        stable(&first, story);
    }
    let story = sandbox
        .run(&["rollback", "--to", "44.20260720.3.1-zfs2.4.4-2"])
        .expect(0);
    stable(&third, story);
    // One that is followed can be marked; it is said what follows.
    let story = sandbox.run(&["retract", "stable"]).expect(0);
    assert!(story.contains("still names it"), "{story}");
    // What nobody signed is not gone back to.
    let key =
        sandbox.path("containerfiles/custom-coreos/rootfs/etc/pki/containers/custom-coreos.pub");
    let (_, other) = PrivateKey::generate(None::<&Secret>).unwrap();
    std::fs::write(key, other.public().pem()).unwrap();
    let story = sandbox.run(&["rollback", "--to", first.as_str()]).expect(1);
    assert!(story.contains("has no signature"), "{story}");
    stable(&third, story);
}

fn a_key_is_not_written_over(sandbox: &Sandbox) {
    let before = sandbox.read("cosign.key");
    let story = sandbox.run(&["keys", "new"]).expect(4);
    assert!(story.contains("--replace"), "{story}");
    let story = sandbox
        .run_with(&["keys", "new", "--replace"], "")
        .expect(2);
    assert!(story.contains("--no-password"), "{story}");
    assert_eq!(sandbox.read("cosign.key"), before);
    use std::os::unix::fs::PermissionsExt as _;
    sandbox.run(&["keys", "new", "--replace"]).expect(0);
    assert_ne!(sandbox.read("cosign.key"), before);
    let mode = std::fs::metadata(sandbox.path("cosign.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

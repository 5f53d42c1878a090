//! What vouches for the base image: Fedora's signatures, made here with a key of
//! our own, and judged by this program and by `skopeo`.

use remote::loopback::Reply;
use xshell::{Shell, cmd};

use super::support::{
    Outcome, Sandbox,
    signer::{Signer, program},
    small::Small,
};

const NAME: &str = "quay.io/fedora/fedora-coreos";

/// What the signatures of an image say.
fn text(name: &str, digest: &str) -> String {
    format!(
        "{{\"critical\": {{\"identity\": {{\"docker-reference\": \"{name}\"}}, \"image\": \
         {{\"docker-manifest-digest\": \"{digest}\"}}, \"type\": \"atomic container signature\"}}, \
         \"optional\": {{\"creator\": \"coreos-assembler g0123456789ab\", \"timestamp\": 1784500000}}}}"
    )
}

/// A sandbox whose base must be signed, with these files as its signatures.
struct Signed {
    sandbox: Sandbox,
    digest: String,
}

impl Signed {
    fn new(keys: &[&Signer], keyring: &str) -> Self {
        let sandbox = Sandbox::new();
        let gpgv = program("gpgv").unwrap();
        std::os::unix::fs::symlink(gpgv, sandbox.path("tools/gpgv")).unwrap();
        let url = format!("http://{}", sandbox.upstream.address());
        let list: Vec<String> = keys
            .iter()
            .map(|key| format!("    - {}\n", key.fingerprint))
            .collect();
        let section = format!(
            "  signature:\n    lookaside: {url}/oci\n    keyring: {}\n    keys:\n{}",
            keyring.replace("URL", &url),
            list.concat()
        );
        let yaml = sandbox.read("image.yaml");
        let stream = "  stream: stable\n";
        sandbox.write(
            "image.yaml",
            &yaml.replace(stream, &(stream.to_owned() + &section)),
        );
        let digest = sandbox.upstream.digest(NAME, "stable").unwrap();
        Self { sandbox, digest }
    }

    fn files(&self, files: &[Vec<u8>]) {
        for (number, file) in files.iter().enumerate() {
            let hex = self.digest.trim_start_matches("sha256:");
            let number = number + 1;
            // The other one is for skopeo, which asks for the place that the
            // name is moved to by registries.conf.
            for moved in ["", "quay.io/"] {
                let name = format!("{moved}fedora/fedora-coreos@sha256={hex}");
                let path = format!("/oci/{name}/signature-{number}");
                let reply = Reply::new(200, "application/octet-stream", file.clone());
                self.sandbox.upstream.answer(&path, reply);
            }
        }
    }

    fn keyring(&self, bytes: Vec<u8>) {
        let reply = Reply::new(200, "application/pgp-keys", bytes);
        self.sandbox.upstream.answer("/fedora.gpg", reply);
    }

    fn build(&self) -> Outcome {
        self.sandbox.run(&["build"])
    }
}

/// As it lies on Fedora's server.
fn file(message: impl AsRef<[u8]>) -> Vec<u8> {
    [b"\0simple-signing\n", message.as_ref()].concat()
}

fn programs() -> bool {
    ["gpg", "gpgv", "gpg-agent"]
        .iter()
        .all(|name| program(name).is_some())
}

#[test]
fn a_signature_counts_as_it_does_to_the_container_tools() {
    if !programs() {
        return;
    }
    let skopeo = program("skopeo");
    let (fedora, other) = (Signer::new(), Signer::new());
    let zero = format!("sha256:{}", "0".repeat(64));
    type Make<'a> = Box<dyn Fn(&str) -> Vec<Vec<u8>> + 'a>;
    let stable = |digest: &str| text(&format!("{NAME}:stable"), digest);
    let cases: Vec<(&str, &str, Make<'_>)> = vec![
        (
            "",
            "as Fedora makes it",
            Box::new(|d| vec![file(fedora.cleartext(&stable(d)))]),
        ),
        (
            "",
            "as podman makes it",
            Box::new(|d| vec![fedora.binary(&stable(d), &[])]),
        ),
        (
            "",
            "the second one is good",
            Box::new(|d| {
                let next = text(&format!("{NAME}:next"), &zero);
                vec![
                    file(fedora.cleartext(&next)),
                    file(fedora.cleartext(&stable(d))),
                ]
            }),
        ),
        ("has no signature:", "none", Box::new(|_| Vec::new())),
        (
            "is not in the keyring",
            "another key",
            Box::new(|d| vec![file(other.cleartext(&stable(d)))]),
        ),
        (
            "it is of sha256:000",
            "another image's",
            Box::new(|_| vec![file(fedora.cleartext(&stable(&zero)))]),
        ),
        (
            "it is of quay.io/fedora/fedora-bootc:44",
            "another name's",
            Box::new(|d| {
                vec![file(
                    fedora.cleartext(&text("quay.io/fedora/fedora-bootc:44", d)),
                )]
            }),
        ),
        (
            "not of this text",
            "written over",
            Box::new(|d| {
                let signed = fedora.cleartext(&stable(&zero));
                vec![file(signed.replace(&zero, d))]
            }),
        ),
        (
            "not exactly one good signature",
            "nobody signed",
            Box::new(|d| vec![file(stable(d))]),
        ),
        (
            "not exactly one good signature",
            "something signed behind what nobody signed",
            Box::new(|d| {
                let mut all = stable(d).into_bytes();
                all.extend(fedora.binary(&stable(&zero), &[]));
                vec![file(all)]
            }),
        ),
    ];
    for (says, name, make) in &cases {
        let signed = Signed::new(&[&fedora], "URL/fedora.gpg");
        signed.keyring(fedora.keyring(false));
        signed.files(&make(&signed.digest));
        let outcome = signed.build();
        let story = outcome.stderr.clone();
        let good = says.is_empty();
        assert_eq!(
            outcome.code,
            Some(if good { 0 } else { 1 }),
            "{name}: {story}"
        );
        let says = if good { "Verified quay.io/" } else { says };
        assert!(story.contains(says), "{name}: {story}");
        // Nothing of it is fetched before.
        assert_eq!(signed.sandbox.fetched().is_empty(), !good, "{name}");
        if skopeo.is_some() {
            assert_eq!(second_opinion(&signed, &fedora), good, "{name}: skopeo");
        }
    }
}

/// Whether `skopeo` takes the image, with the policy that Fedora CoreOS has.
fn second_opinion(signed: &Signed, key: &Signer) -> bool {
    let sandbox = &signed.sandbox;
    let path = |name: &str| sandbox.path(name);
    std::fs::write(path("key.gpg"), key.keyring(true)).unwrap();
    let address = sandbox.upstream.address();
    let lookaside = format!("docker:\n  {address}/{NAME}:\n    lookaside: http://{address}/oci\n");
    sandbox.write("registries.d/fedora.yaml", &lookaside);
    let policy = serde_json::json!({"default": [{"type": "reject"}], "transports": {"docker": {
        NAME: [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": path("key.gpg")}],
    }}});
    sandbox.write("policy.json", &policy.to_string());
    let sh = Shell::new().unwrap();
    let (policy, places) = (path("policy.json"), path("registries.d"));
    let conf = path("registries.conf");
    let (from, to) = (format!("docker://{NAME}@{}", signed.digest), path("copy"));
    let options = ["--remove-signatures", "--quiet"];
    let copy = cmd!(
        sh,
        "skopeo --policy={policy} --registries-conf={conf} --registries.d={places} copy {options...} {from} dir:{to}"
    );
    let output = copy.quiet().ignore_status().output().unwrap();
    output.status.success()
}

#[test]
fn a_key_that_is_not_named_is_worth_nothing() {
    if !programs() {
        return;
    }
    let (fedora, other) = (Signer::new(), Signer::new());
    let both = [fedora.keyring(true), other.keyring(true)].concat();
    // In the checkout, with armour; the keyring has more than is trusted.
    for (named, code) in [(&fedora, 0), (&other, 1)] {
        let signed = Signed::new(&[named], "keys/fedora.asc");
        signed
            .sandbox
            .write("keys/fedora.asc", &String::from_utf8(both.clone()).unwrap());
        let stable = text(&format!("{NAME}:stable"), &signed.digest);
        signed.files(&[file(fedora.cleartext(&stable))]);
        let outcome = signed.build();
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        if code == 1 {
            let why = format!("of the key {}, which", fedora.fingerprint);
            assert!(outcome.stderr.contains(&why), "{outcome:?}");
            assert!(
                outcome.stderr.contains("fedoraproject.org/security"),
                "{outcome:?}"
            );
        }
    }
    // Weak hashes are no signatures any more.
    let signed = Signed::new(&[&fedora], "URL/fedora.gpg");
    signed.keyring(fedora.keyring(false));
    let stable = text(&format!("{NAME}:stable"), &signed.digest);
    signed.files(&[fedora.binary(&stable, &["--digest-algo=SHA1"])]);
    let outcome = signed.build();
    assert!(outcome.stderr.contains("no good signature"), "{outcome:?}");
    outcome.expect(1);
}

#[test]
fn what_could_not_be_asked_is_no_verdict() {
    if !programs() {
        return;
    }
    let fedora = Signer::new();
    let sick = |path: &str| {
        let signed = Signed::new(&[&fedora], "URL/fedora.gpg");
        let busy = Reply::new(503, "text/plain", "busy");
        signed.keyring(fedora.keyring(false));
        // In the place of the keys, or before the files.
        signed.sandbox.upstream.answer(path, busy);
        let stable = text(&format!("{NAME}:stable"), &signed.digest);
        signed.files(&[file(fedora.cleartext(&stable))]);
        signed
    };
    for path in ["/oci/", "/fedora.gpg"] {
        let signed = sick(path);
        let outcome = signed.build();
        assert!(outcome.stderr.contains("could not find out"), "{outcome:?}");
        outcome.expect(3);
        assert!(signed.sandbox.fetched().is_empty());
    }
    // A page instead of keys, no keys, no gpgv.
    let cases = [("<html>", "no OpenPGP keys"), ("", "no OpenPGP keys")];
    for (keys, says) in cases {
        let signed = Signed::new(&[&fedora], "URL/fedora.gpg");
        signed.keyring(keys.into());
        let stable = text(&format!("{NAME}:stable"), &signed.digest);
        signed.files(&[file(fedora.cleartext(&stable))]);
        let outcome = signed.build();
        assert!(outcome.stderr.contains(says), "{outcome:?}");
        outcome.expect(1);
    }
    // No room for what gpgv is to read.
    let signed = sick("/nothing");
    if let Some(disk) = Small::mount(&signed.sandbox.path("disk"), "64k") {
        disk.fill();
        let folder = disk.path("").display().to_string();
        let outcome = signed.sandbox.run_with(&["build"], &[("TMPDIR", &folder)]);
        assert!(outcome.stderr.contains("No space left"), "{outcome:?}");
        outcome.expect(1);
        assert!(signed.sandbox.fetched().is_empty());
    }
    let signed = sick("/nothing");
    std::fs::remove_file(signed.sandbox.path("tools/gpgv")).unwrap();
    let outcome = signed.build();
    assert!(outcome.stderr.contains("cannot run `gpgv`"), "{outcome:?}");
    outcome.expect(1);
}

//! Kernel modules of our own: the plan, what stops it, what is remembered. The signatures
//! are real ones, of `gpg`; the engine is a fake.

use remote::loopback::Reply;
use serde_json::json;
use xshell::{Shell, cmd};

use super::support::{
    Outcome, Sandbox,
    signer::{Signer, program},
    upstream::{KMODS, kernel},
};

const OWN: &str = "ghcr.io/someone/zfs-kmods";
const WEB: &str = "/web/openzfs/zfs/releases/download/zfs-2.4.4/zfs-2.4.4";
const META: &str = "Version:       2.4.4\nLinux-Maximum: 7.1\nLinux-Minimum: 4.18\n";

/// A world in which nobody has modules, and all that is needed to build them.
struct Bench {
    sandbox: Sandbox,
    signer: Signer,
    tarball: Vec<u8>,
}

impl Bench {
    fn new() -> Option<Self> {
        for tool in ["gpg", "gpgv", "tar", "gzip", "openssl"] {
            program(tool)?;
        }
        let sandbox = Sandbox::new();
        let url = format!("http://{}/web", sandbox.upstream.address());
        let yaml = sandbox.read("image.yaml");
        let yaml = yaml.replace("github: https://github.com", &format!("github: {url}"));
        let own = format!("- build: containerfiles/zfs-kmods\n  image: {OWN}\n");
        let yaml = yaml.replace("architectures:", &format!("{own}architectures:"));
        let signer = Signer::new();
        let at = yaml.find("  keys:").expect("the keys of OpenZFS");
        let end = at + yaml[at..].find("\npolicy:").unwrap();
        let keys = format!(
            "  keys: [{}]\n  keyring: keys/openzfs.asc",
            signer.fingerprint
        );
        let yaml = format!("{}{keys}{}", &yaml[..at], &yaml[end..]);
        sandbox.write("image.yaml", &yaml);
        for name in [
            "Containerfile",
            "Containerfile.check",
            "build.sh",
            "check.sh",
        ] {
            sandbox.write(&format!("containerfiles/zfs-kmods/{name}"), "x\n");
        }
        let text = String::from_utf8(signer.keyring(true)).unwrap();
        sandbox.write("keys/openzfs.asc", &text);
        for tool in ["gpgv", "tar", "gzip", "openssl"] {
            let place = sandbox.path(&format!("tools/{tool}"));
            std::os::unix::fs::symlink(program(tool).unwrap(), place).unwrap();
        }
        let upstream = &sandbox.upstream;
        upstream.remove(KMODS, &format!("zfs-2.4.4_kernel-{}", kernel()));
        upstream.put_image("quay.io/fedora/fedora", "44", &json!({}));
        let tarball = tarball(META);
        let bench = Self {
            sandbox,
            signer,
            tarball,
        };
        let meta = Reply::new(200, "text/plain", META);
        let place = "/github/repos/openzfs/zfs/contents/META";
        bench.sandbox.upstream.answer(place, meta);
        Some(bench)
    }

    /// OpenZFS publishes the tarball, signed by somebody, with a list of these bytes.
    fn publish(&self, by: &Signer, listed: &[u8], sent: &[u8]) {
        let sum = registry_compat::Digest::of(listed).hex().to_owned();
        let list = format!("{sum}  zfs-2.4.4.tar.gz\n");
        let answer = |end: &str, body: Vec<u8>| {
            let reply = Reply::new(200, "application/octet-stream", body);
            self.sandbox.upstream.answer(&format!("{WEB}{end}"), reply);
        };
        answer(".tar.gz.asc", by.detached(listed));
        answer(".sha256.asc", by.clearsigned(&list));
        answer(".tar.gz", sent.to_vec());
    }

    fn as_it_should_be(&self) {
        self.publish(&self.signer, &self.tarball, &self.tarball);
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run_in_ci(&[&["kmods"], args].concat())
    }

    /// A certificate in the image, and a key.
    fn certificate(&self, name: &str) -> String {
        let sh = Shell::new().unwrap();
        let (key, der) = (
            self.sandbox.path(&format!("{name}.key")),
            self.sandbox.path("c.der"),
        );
        let subject = format!("/CN={name}");
        cmd!(
            sh,
            "openssl req -x509 -newkey rsa:2048 -nodes -batch -subj {subject} -outform DER -out {der} -keyout {key}"
        )
        .quiet()
        .ignore_stderr()
        .run()
        .unwrap();
        let place = "containerfiles/custom-coreos/rootfs/usr/share/custom-coreos";
        sh.create_dir(self.sandbox.path(place)).unwrap();
        let place = self.sandbox.path(&format!("{place}/module-signing.der"));
        sh.copy_file(der, place).unwrap();
        sh.read_file(key).unwrap()
    }

    #[track_caller]
    fn stops(&self, outcome: &Outcome, code: i32, why: &str) {
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.stderr.contains(why), "{why}: {outcome:?}");
        let pushes = |line: &String| line.starts_with("podman push");
        let calls = self.sandbox.engine_calls();
        assert!(!calls.iter().any(pushes), "{calls:?}");
        assert_eq!(self.name(), None);
    }

    /// What the name of the pair names.
    fn name(&self) -> Option<String> {
        let tag = format!("zfs-2.4.4_kernel-{}", kernel());
        self.sandbox.upstream.digest(OWN, &tag)
    }
}

/// A tarball with a `META`.
fn tarball(meta: &str) -> Vec<u8> {
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    sh.write_file(dir.path().join("zfs-2.4.4/META"), meta)
        .unwrap();
    let file = dir.path().join("tarball");
    let place = dir.path();
    cmd!(sh, "tar -C {place} -czf {file} zfs-2.4.4")
        .quiet()
        .run()
        .unwrap();
    sh.read_binary_file(file).unwrap()
}

#[test]
fn what_nobody_has_is_said_planned_built_and_then_taken() {
    let Some(bench) = Bench::new() else { return };
    bench.as_it_should_be();
    let said = bench.sandbox.run(&["explain"]).expect(10);
    assert!(said.contains("can be built, ZFS 2.4.4"), "{said}");
    let said = bench.run(&["status", "--decide"]).expect(0);
    assert!(said.contains("can be built"), "{said}");
    let output = bench.sandbox.read("github-output");
    assert!(
        output.contains("kmods=true") || output.contains("kmods<<"),
        "{output}"
    );

    // The plan, of which nothing is performed.
    let plan = bench.run(&["publish", "--dry-run"]).expect(0);
    let verbs: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        verbs,
        [
            "unsigned", "unsigned", "fetch", "fetch", "fetch", "signed", "read", "transfer", "lay",
            "run", "transfer", "read", "transfer", "check", "name", "remove", "remove",
        ],
        "{plan}"
    );
    assert!(bench.sandbox.engine_calls().is_empty());
    assert_eq!(bench.sandbox.upstream.asked("", "/web/"), 0);

    let outcome = bench.run(&["publish"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(bench.name().is_some(), "{outcome:?}");
    let calls = bench.sandbox.engine_calls();
    let build = calls
        .iter()
        .find(|line| line.contains("podman build"))
        .unwrap();
    for part in [
        "SOURCE_SHA256=",
        "fedora-zfs-kmods.kernel.version=",
        "fedora-zfs-kmods.zfs.tag=zfs-2.4.4",
        "fedora-zfs-kmods.fedora.version=44",
        "custom-coreos.kmods.recipe=",
        "BUILDER=quay.io/fedora/fedora@sha256:",
    ] {
        assert!(build.contains(part), "{part} in {build}");
    }
    assert!(!build.contains("VERIFIED"), "{build}");
    let check = calls
        .iter()
        .find(|line| line.contains("Containerfile.check"))
        .unwrap();
    assert!(check.contains(&format!("{OWN}@sha256:")), "{check}");

    // From now on it is a source as any other.
    let lock = bench.sandbox.run(&["resolve", "--json"]).expect(0);
    assert!(lock.contains(OWN), "{lock}");
    let nothing = bench.run(&["publish"]).expect(0);
    assert!(nothing.contains("nothing to build here"), "{nothing}");
}

#[test]
fn two_at_once_in_one_checkout_do_not_meet() {
    let Some(bench) = Bench::new() else { return };
    bench.as_it_should_be();
    std::fs::create_dir_all(bench.sandbox.path("target")).unwrap();
    let lock = host::files::lock(&bench.sandbox.path("target/kmods.lock"));
    let outcome = bench.run(&["publish"]);
    bench.stops(&outcome, 4, "kernel modules are being built or looked into");
    drop(lock);
    let outcome = bench.run(&["publish"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn what_openzfs_did_not_sign_is_not_unpacked() {
    let Some(bench) = Bench::new() else { return };
    let other = Signer::new();
    bench.publish(&other, &bench.tarball, &bench.tarball);
    let outcome = bench.run(&["publish"]);
    bench.stops(&outcome, 1, "the signature of zfs-2.4.4.tar.gz");
    // Only the tidying up at the end.
    let calls = bench.sandbox.engine_calls();
    let builds = |line: &String| line.contains(" build ") || line.contains(" pull ");
    assert!(!calls.iter().any(builds), "{calls:?}");
    // What did not hold is not there for the next run.
    assert!(!bench.sandbox.exists("target/kmods/2.4.4/zfs-2.4.4.tar.gz"));
}

#[test]
fn a_changed_tarball_is_seen() {
    let Some(bench) = Bench::new() else { return };
    bench.publish(
        &bench.signer,
        &bench.tarball,
        &tarball(&META.replace("7.1", "9.9")),
    );
    let outcome = bench.run(&["publish"]);
    bench.stops(&outcome, 1, "it is not of this text");
}

#[test]
fn a_kernel_above_the_maximum_is_held_and_refused_by_the_tarball_itself() {
    let Some(bench) = Bench::new() else { return };
    let low = tarball(&META.replace("7.1", "7.0"));
    bench.publish(&bench.signer, &low, &low);
    // GitHub's META allowed it, the tarball's does not.
    let outcome = bench.run(&["publish"]);
    bench.stops(&outcome, 1, "supports kernels 4.18 to 7.0");
    let pair = ["--zfs=2.4.4", "--kernel"];
    let newer = kernel().replace("7.1.4", "7.2.0");
    let outcome = bench.run(&[&["build"], &pair[..], &[&newer]].concat());
    bench.stops(&outcome, 1, "experimental: REASON");
}

#[test]
fn a_patch_for_another_release_is_named() {
    let Some(bench) = Bench::new() else { return };
    bench.as_it_should_be();
    let path = "containerfiles/zfs-kmods/patches/2.4.3/a.patch";
    bench.sandbox.write(path, "--- a\n+++ b\n");
    let newer = kernel();
    let outcome = bench.run(&["build", "--zfs=2.4.4", "--kernel", &newer]);
    bench.stops(&outcome, 4, "patches/2.4.3/a.patch is for ZFS 2.4.3");
    // A night says why, and builds the release that the patch is for.
    let said = bench.sandbox.run(&["explain"]).expect(10);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "building them failed: patches/2.4.3/a.patch is for ZFS 2.4.3";
    assert!(flat.contains(why), "{said}");
    assert!(flat.contains("can be built, ZFS 2.4.3"), "{said}");
}

#[test]
fn the_key_must_be_that_of_the_certificate() {
    let Some(bench) = Bench::new() else { return };
    bench.as_it_should_be();
    let other = bench.certificate("Somebody else");
    let key = bench.certificate("Modules");
    let publish = |key: &str| {
        bench
            .sandbox
            .run_with(&["kmods", "publish"], &[("MODULE_KEY", key)])
    };
    bench.stops(
        &publish(&other),
        1,
        "not the one of the certificate `Modules`",
    );
    let outcome = bench.run(&["publish"]);
    bench.stops(&outcome, 1, "env:MODULE_KEY is not there");
    assert_eq!(bench.sandbox.upstream.asked("", "/web/"), 0);
    let outcome = publish(&key);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let calls = bench.sandbox.engine_calls();
    let build = calls
        .iter()
        .find(|line| line.contains("podman build"))
        .unwrap();
    assert!(
        build.contains("--secret=id=module-key,env=MODULE_KEY"),
        "{build}"
    );
    assert!(build.contains("custom-coreos.kmods.signer="), "{build}");
    let shown = format!("{outcome:?}{calls:?}");
    assert!(
        !shown.contains(key.lines().nth(1).unwrap()),
        "the key is shown"
    );
}

/// What the script in the container says when it fails.
fn fails(bench: &Bench, line: &str) -> Outcome {
    bench
        .sandbox
        .on("build", &format!("echo '{line}' >&2; exit 1\n"));
    bench.run(&["publish"])
}

#[test]
fn what_may_pass_is_not_remembered_and_the_compilers_word_is() {
    let Some(bench) = Bench::new() else { return };
    bench.as_it_should_be();
    let records = || {
        let requests = bench.sandbox.upstream.requests();
        let put = |line: &&String| line.starts_with("PUT ") && line.contains("/manifests/failed-");
        requests.iter().filter(put).count()
    };
    for line in [
        "build.sh: kernel-devel: expected kernel-devel 7.1.4, found none",
        "tar: write error: No space left on device",
        "Error: something of the engine itself",
    ] {
        let why = line.rsplit(": ").next().unwrap();
        let outcome = fails(&bench, line);
        bench.stops(&outcome, 1, why);
        assert_eq!(records(), 0, "{line}");
    }
    let compiler = "zpl_file.c:12:3: error: too few arguments";
    let outcome = fails(&bench, &format!("build.sh: rpms: {compiler}"));
    bench.stops(&outcome, 1, compiler);
    assert_eq!(records(), 1);

    // The same inputs are not tried again: the reason is all that is left.
    bench.sandbox.upstream.releases(&["zfs-2.4.4"]);
    let said = bench.sandbox.run(&["explain"]).expect(10);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&format!("failed: {compiler}")), "{said}");
    let nothing = bench.run(&["publish"]).expect(0);
    assert!(nothing.contains("nothing to build here"), "{nothing}");
    // Other inputs are another attempt.
    bench
        .sandbox
        .write("containerfiles/zfs-kmods/build.sh", "mended\n");
    let outcome = bench.run(&["publish", "--dry-run"]).expect(0);
    assert!(outcome.contains("podman build"), "{outcome}");
}

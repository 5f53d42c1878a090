//! A real registry, filled by real pushes, cleaned up by the real program; then
//! everything that should be there is pulled again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use cleanup::cache::Cache;
use cleanup::gather::gather;
use cleanup::source::{Source, Tools};
use host::process::{Background, Invocation};
use image_config::Package;
use remote::{Agent, AuthFiles, Limits, Pace};
use serde_json::Value;
use xshell::{Shell, TempDir};

use crate::github::INDEX;
use crate::layout::{Layout, Piece};
use crate::skip::skip;

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

pub struct Registry {
    pub address: String,
    dir: TempDir,
    pub layout: Layout,
    _service: Background,
}

impl Registry {
    /// `None` where the programs are not installed.
    pub fn start(delete: bool) -> Option<Self> {
        let program = ["docker-registry", "registry"]
            .into_iter()
            .find(|p| installed(p));
        let Some(program) = program.filter(|_| installed("skopeo")) else {
            skip("docker-registry or skopeo is not installed");
            return None;
        };
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let config = dir.path().join("registry.yaml");
        let storage = dir.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
             delete: {{enabled: {delete}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let log = dir.path().join("registry.log");
        let invocation = Invocation::new(program, ["serve", &config.display().to_string()]);
        let mut service = Background::start(&sh, &invocation, &log).unwrap();
        let address = service
            .wait_for(&log, |line| {
                let (_, rest) = line.split_once("listening on ")?;
                rest.split(['"', ' ', ',']).next().map(str::to_owned)
            })
            .unwrap();
        let conf = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
        std::fs::write(dir.path().join("registries.conf"), conf).unwrap();
        let layout = Layout::new(&dir.path().join("layout"));
        Some(Self {
            address,
            dir,
            layout,
            _service: service,
        })
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn name(&self, repository: &str, reference: &str) -> String {
        let separator = if reference.contains(':') { "@" } else { ":" };
        format!(
            "docker://{}/{repository}{separator}{reference}",
            self.address
        )
    }

    /// Pushes under a tag, or without one if the reference is a digest.
    pub fn push(&self, piece: &Piece, repository: &str, reference: &str) {
        let from = self.layout.named(piece);
        let to = self.name(repository, reference);
        let output = Command::new("skopeo")
            .args(["copy", "--all", "--insecure-policy", "--preserve-digests"])
            .args(["--dest-tls-verify=false", &from, &to])
            .output()
            .unwrap();
        assert!(output.status.success(), "{to}: {output:?}");
    }

    /// Puts an index of indexes there, which this `skopeo` does not copy.
    fn put_index(&self, piece: &Piece, repository: &str, tag: &str) {
        let body = self.layout.read(piece);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        let head = format!(
            "PUT /v2/{repository}/manifests/{tag} HTTP/1.1\r\nhost: {address}\r\ncontent-type: \
             {INDEX}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    /// Reads one manifest.
    pub fn inspect(&self, repository: &str, reference: &str) -> Output {
        Command::new("skopeo")
            .args(["inspect", "--raw", "--tls-verify=false"])
            .arg(self.name(repository, reference))
            .output()
            .unwrap()
    }

    /// Pulls everything that a reference stands for.
    fn pull(&self, repository: &str, reference: &str) -> Output {
        let to = self.path("pulled");
        let _ = std::fs::remove_dir_all(&to);
        Command::new("skopeo")
            .args([
                "copy",
                "--all",
                "--insecure-policy",
                "--src-tls-verify=false",
            ])
            .args([
                self.name(repository, reference),
                format!("dir:{}", to.display()),
            ])
            .output()
            .unwrap()
    }

    /// The real program with these words, in this checkout but with nothing of
    /// this machine's configuration.
    pub fn cleanup(&self, retention: &str, words: &[&str]) -> Output {
        let retention = serde_yaml::from_str(retention).unwrap();
        let set = |config: &mut serde_yaml::Value| config["retention"] = retention;
        self.cleanup_with(set, words)
    }

    /// The same with an `image.yaml` of which this is another.
    pub fn cleanup_with(&self, set: impl FnOnce(&mut serde_yaml::Value), words: &[&str]) -> Output {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let stock = std::fs::read_to_string(root.join("image.yaml")).unwrap();
        let mut config: serde_yaml::Value = serde_yaml::from_str(&stock).unwrap();
        set(&mut config);
        let path = self.path("image.yaml");
        std::fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("cleanup")
            .args(words)
            .arg("--config")
            .arg(&path)
            .current_dir(root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path())
            .env("REGISTRY_AUTH_FILE", self.path("no-auth.json"))
            .env("CONTAINERS_REGISTRIES_CONF", self.path("registries.conf"))
            // Nothing of the kind means anything: only `--execute` deletes.
            .envs([
                ("DRY_RUN", ""),
                ("CLEANUP_DRY_RUN", "false"),
                ("EXECUTE", "1"),
            ])
            .output()
            .unwrap()
    }
}

const NAS: &str = "someone/nas/bootc";
const OTHER: &str = "someone/other";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Digest and tags of the versions of each package, those that go or those that
/// stay.
fn versions(document: &Value, delete: bool) -> Vec<(&'static str, String, Vec<String>)> {
    let packages = document["packages"]
        .as_array()
        .unwrap()
        .iter()
        .zip([NAS, OTHER]);
    packages
        .flat_map(|(package, name)| {
            let versions = package["versions"].as_array().unwrap().iter();
            versions
                .filter(|version| version["delete"] == delete)
                .map(move |version| {
                    let digest = version["digest"].as_str().unwrap().to_owned();
                    let tags = version["tags"].as_array().unwrap().iter();
                    let tags = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
                    (name, digest, tags)
                })
        })
        .collect()
}

/// What is in the registry, and what of it must be there afterwards.
struct Filled {
    goes: Vec<Piece>,
    stays: Vec<Piece>,
    pinned: Piece,
    shared: Piece,
    nested: Piece,
}

fn fill(registry: &Registry) -> Filled {
    let layout = &registry.layout;
    let push = |piece: &Piece, tag: &str| registry.push(piece, NAS, tag);
    // An old index with everything that hangs on it, one platform of which a
    // protected one has too.
    let shared = layout.image("shared", "arm64", 300);
    let old_amd64 = layout.image("old", "amd64", 200);
    let old = layout.index(&[&old_amd64, &shared]);
    let old_signature = layout.signature(&old);
    let old_bundle = layout.bundle(&old, 200);
    let old_fallback = layout.index(&[&old_bundle]);
    push(&old, "v1");
    push(&old_signature, &old.tag(".sig"));
    push(&old_bundle, &old_bundle.digest);
    push(&old_fallback, &old.tag(""));

    let stable_amd64 = layout.image("stable", "amd64", 200);
    let stable = layout.index(&[&stable_amd64, &shared]);
    let stable_signature = layout.signature(&stable);
    let platform_signature = layout.signature(&stable_amd64);
    let stable_bundle = layout.bundle(&stable, 200);
    let stable_fallback = layout.index(&[&stable_bundle]);
    let bundle_signature = layout.signature(&stable_bundle);
    push(&stable, "stable");
    push(&stable, "v2");
    push(&stable_signature, &stable.tag(".sig"));
    push(&platform_signature, &stable_amd64.tag(".sig"));
    push(&stable_bundle, &stable_bundle.digest);
    push(&stable_fallback, &stable.tag(""));
    push(&bundle_signature, &stable_bundle.tag(".att"));

    // A young index with an old one inside of it.
    let inner_image = layout.image("inner", "riscv64", 400);
    let inner = layout.index(&[&inner_image]);
    let young_image = layout.image("young", "amd64", 1);
    let nested = layout.index(&[&inner, &young_image]);
    push(&inner, &inner.digest);
    push(&young_image, &young_image.digest);
    registry.put_index(&nested, NAS, "v3");

    // The target of a rollback: no tag leads to it, and it needs a platform of
    // what goes.
    let pinned = layout.index(&[&old_amd64]);
    push(&pinned, &pinned.digest);

    // Without an image: an old bundle, which goes, and a signature of which the
    // age cannot be known.
    let nowhere = layout.image("never pushed", "amd64", 200);
    let orphan = layout.bundle(&nowhere, 200);
    let orphan_signature = layout.signature(&nowhere);
    push(&orphan, &nowhere.tag(".att"));
    push(&orphan_signature, &nowhere.tag(".sig"));

    let other_old = layout.image("other old", "amd64", 100);
    let other_new = layout.image("other new", "amd64", 50);
    registry.push(&other_old, OTHER, "a");
    registry.push(&other_new, OTHER, "b");
    Filled {
        goes: vec![
            old,
            old_signature,
            old_bundle,
            old_fallback,
            orphan,
            other_old,
        ],
        stays: vec![
            stable,
            stable_amd64,
            stable_signature,
            platform_signature,
            stable_bundle,
            stable_fallback,
            bundle_signature,
            inner_image,
            inner,
            young_image,
            nested.clone(),
            orphan_signature,
            other_new,
            old_amd64,
        ],
        pinned,
        shared,
        nested,
    }
}

#[test]
fn everything_that_is_kept_can_be_pulled() {
    let Some(registry) = Registry::start(true) else {
        return;
    };
    let filled = fill(&registry);
    let address = &registry.address;
    let retention = format!(
        "{{days: 90, keep: 0, protect: [stable], pinned: ['{}'], packages: [{{image: \
         {address}/{NAS}}}, {{image: {address}/{OTHER}}}]}}",
        filled.pinned.digest
    );

    let planned = registry.cleanup(&retention, &["--json"]);
    assert!(planned.status.success(), "{planned:?}");
    let document: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let (goes, stays) = (versions(&document, true), versions(&document, false));
    let mut digests: Vec<&String> = goes.iter().map(|(_, digest, _)| digest).collect();
    let mut expected: Vec<&String> = filled.goes.iter().map(|piece| &piece.digest).collect();
    digests.sort();
    expected.sort();
    assert_eq!(digests, expected, "{document:#}");
    for piece in filled.stays.iter().chain([&filled.pinned, &filled.shared]) {
        assert!(
            stays.iter().any(|(_, digest, _)| *digest == piece.digest),
            "{piece:?}"
        );
    }
    let unplanned = registry.cleanup(&retention, &["--json", "--audit"]);
    assert_eq!(unplanned.status.code(), Some(1), "{unplanned:?}");

    let dry = registry.cleanup(&retention, &[]);
    let log = registry.path("log.json").display().to_string();
    let live = registry.cleanup(&retention, &["--execute", "--log", &log]);
    assert!(live.status.success(), "{live:?}");
    // Each tells the moment that its run began, to the second, once for each package.
    let steady = |said: &[u8]| -> Vec<String> {
        let is_moment = |word: &&str| word.ends_with('Z') && word.starts_with(char::is_numeric);
        let said = text(said);
        let words = said.split(' ').filter(|word| !is_moment(word));
        words.map(str::to_owned).collect()
    };
    assert_eq!(steady(&dry.stdout), steady(&live.stdout));

    // `skopeo` does not copy an index of indexes; what is in it is on the list
    // itself.
    let pull = |repository: &str, reference: &str, digest: &String| {
        if *digest == filled.nested.digest {
            registry.inspect(repository, reference)
        } else {
            registry.pull(repository, reference)
        }
    };
    for (repository, digest, tags) in &stays {
        for reference in std::iter::once(digest).chain(tags) {
            let pulled = pull(repository, reference, digest);
            assert!(
                pulled.status.success(),
                "{repository} {reference}: {pulled:?}"
            );
        }
    }
    for (repository, digest, tags) in &goes {
        for reference in std::iter::once(digest).chain(tags) {
            let pulled = registry.pull(repository, reference);
            assert!(
                !pulled.status.success(),
                "{repository} {reference} is still there"
            );
        }
    }
    let again = registry.cleanup(&retention, &["--json"]);
    let document: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(versions(&document, true), []);
    assert_eq!(versions(&document, false).len(), stays.len());
    // The one finding: a signature of unknown age whose image is not there.
    let audit = registry.cleanup(&retention, &["--audit"]);
    assert!(
        text(&audit.stdout).contains(&format!("{NAS}: 1 findings")),
        "{audit:?}"
    );

    let undo = registry.cleanup(&retention, &["restore", &log]);
    assert_eq!(undo.status.code(), Some(1));
    assert!(
        text(&undo.stderr).contains("a registry cannot restore"),
        "{undo:?}"
    );
    the_check_would_see_a_missing_platform(&registry, &filled, &retention);
}

/// The control: with one platform gone, the pull fails and the audit says why.
fn the_check_would_see_a_missing_platform(registry: &Registry, filled: &Filled, retention: &str) {
    let name = registry.name(NAS, &filled.shared.digest);
    let deleted = Command::new("skopeo")
        .args(["delete", "--tls-verify=false", &name])
        .output()
        .unwrap();
    assert!(deleted.status.success(), "{deleted:?}");
    assert!(!registry.pull(NAS, "stable").status.success());
    let audit = registry.cleanup(retention, &["--audit"]);
    assert_eq!(audit.status.code(), Some(1));
    let found = text(&audit.stdout);
    let missing = format!("lists what is missing: {}", filled.shared.digest);
    assert!(found.contains(&missing), "{found}");
    assert!(
        found.contains("cannot be pulled in full: stable, v2"),
        "{found}"
    );
}

#[test]
fn a_registry_that_does_not_delete_says_so() {
    let Some(registry) = Registry::start(false) else {
        return;
    };
    let retention = |name: &str| {
        let address = &registry.address;
        format!("{{keep: 0, packages: [{{image: {address}/{name}}}]}}")
    };
    let missing = registry.cleanup(&retention("someone/nothing"), &[]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(
        text(&missing.stderr).contains("no such repository"),
        "{missing:?}"
    );

    registry.push(&registry.layout.image("old", "amd64", 100), OTHER, "a");
    registry.push(&registry.layout.image("new", "amd64", 50), OTHER, "b");
    let log = registry.path("log.json").display().to_string();
    let ran = registry.cleanup(&retention(OTHER), &["--execute", "--log", &log]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(
        text(&ran.stderr).contains("this registry does not delete"),
        "{ran:?}"
    );
    assert!(registry.pull(OTHER, "a").status.success());
}

#[test]
fn a_tag_that_moves_onto_an_old_image_saves_it() {
    let Some(registry) = Registry::start(true) else {
        return;
    };
    let old = registry.layout.image("old", "amd64", 100);
    registry.push(&old, OTHER, "a");
    registry.push(&registry.layout.image("new", "amd64", 50), OTHER, "stable");
    let limits = Limits::default();
    let conf = registry.path("registries.conf");
    let registries = crate::reading::registries(&conf, AuthFiles::default());
    let pace = Pace::registry(host::env::epoch_seconds, || false);
    let tools = Tools {
        agent: Agent::new(limits),
        registries: &registries,
        github_api: "",
        token: None,
        home: None,
        github: pace,
        registry: pace,
    };
    let image = format!("{}/{OTHER}", registry.address).parse().unwrap();
    let package = Package {
        image,
        back_end: None,
    };
    let source = Source::open(&tools, &package).unwrap();
    let inventory = gather(&source, &Cache::default(), &[], |_, _| ()).unwrap();
    let has = |tag: &str| {
        let mut versions = inventory.versions.iter();
        versions.find(|v| v.known_tags().iter().any(|t| t.as_str() == tag))
    };
    let before = has("a").unwrap();
    let now = source.read_again(before).unwrap().unwrap();
    assert!(before.unchanged(&now));
    // Somebody goes back to the old image.
    registry.push(&old, OTHER, "stable");
    let now = source.read_again(before).unwrap().unwrap();
    assert!(!before.unchanged(&now), "{now:?}");
    let before = has("stable").unwrap();
    let now = source.read_again(before).unwrap().unwrap();
    assert!(!before.unchanged(&now), "it has lost its tag: {now:?}");
}

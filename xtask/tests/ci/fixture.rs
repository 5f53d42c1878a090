//! The fixture that CI meets: a fork of this repository, a registry that wants a
//! login, GitHub's issues, and stand-ins for Fedora, OpenZFS and the makers of
//! the kmods.

use std::path::{Path, PathBuf};

use host::process::{Background, Invocation};
use image_config::{Config, Judge, Signing};
use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use rehearsal::checkout::reads_signatures;
use rehearsal::requirements::REHEARSAL;
use rehearsal::standins;
use rehearsal::standins::StandIn;
use remote::{AuthFiles, Registries};
use serde_json::json;
use xshell::{Shell, TempDir, cmd};

use super::github::Github;
use super::skip::skip;
use super::support::{FCOS, KERNEL, upstream::Upstream};

/// What signs, and what opens it.
pub const PASSWORD: &str = "correct horse battery staple";
/// `github.token`, which opens the registry too.
pub const TOKEN: &str = "ghs_NotAToken0123456789";
pub const OWNER: &str = "someone";

pub struct Fixture {
    pub folder: PathBuf,
    pub upstream: Upstream,
    pub github: Github,
    pub config: Config,
    /// Where jobs clone from.
    pub origin: PathBuf,
    /// The private half of the key, as a secret of the repository.
    pub key: String,
    /// `HOST:PORT` of the registry.
    pub registry: String,
    sh: Shell,
    _service: Background,
    /// What runs, for the engine; it takes no long path for that.
    _running: TempDir,
}

/// What keeps it from running here.
fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    let needed = ["git", "docker-registry", "htpasswd", "tar"];
    let mut missing: Vec<&str> = REHEARSAL.into_iter().chain(needed).collect();
    missing.retain(|program| !there(program));
    missing
}

impl Fixture {
    /// Everything in place, nothing published, in a folder of this name; `None` where
    /// a program is missing.
    pub fn new(name: &str) -> Option<Self> {
        let missing = missing();
        if !missing.is_empty() {
            skip(&format!("CI itself needs {}", missing.join(", ")));
            return None;
        }
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let sh = Shell::new().unwrap();
        // What went before; an engine holds on to a part of its storage.
        cmd!(sh, "rm -rf {parent}")
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .run()
            .unwrap();
        let folder = parent.join(std::process::id().to_string());
        for name in ["home", "artifacts", "standins"] {
            sh.create_dir(folder.join(name)).unwrap();
        }
        let running = sh.create_temp_dir().unwrap();
        engine(&sh, &folder, running.path());
        let upstream = Upstream::start();
        let github = github();
        let (registry, service) = registry(&sh, &folder);
        // Not before: the registry takes variables of this beginning for its own.
        sh.set_var("REGISTRY_AUTH_FILE", folder.join("auth.json"));
        let mut fixture = Self {
            config: config(&upstream, &github, &sh, &folder),
            origin: folder.join("origin"),
            key: String::new(),
            folder,
            upstream,
            github,
            registry,
            sh,
            _service: service,
            _running: running,
        };
        fixture.images();
        fixture.key = fixture.fork();
        Some(fixture)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The variables of the machine that have nothing to do with CI: where its
    /// programs, and the settings of its engine, are.
    pub fn machine(&self) -> Vec<(String, String)> {
        let home = std::env::var("HOME").unwrap_or_default();
        let given = |name: &str, default: String| std::env::var(name).unwrap_or(default);
        let place = |name: &str| self.path(name).display().to_string();
        let mut all = vec![
            ("PATH", given("PATH", String::new())),
            ("HOME", place("home")),
            ("CARGO_HOME", given("CARGO_HOME", format!("{home}/.cargo"))),
            (
                "RUSTUP_HOME",
                given("RUSTUP_HOME", format!("{home}/.rustup")),
            ),
            ("CARGO_TARGET_DIR", place("target")),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            ("CONTAINERS_REGISTRIES_CONF", place("registries.conf")),
            ("CONTAINERS_STORAGE_CONF", place("storage.conf")),
        ];
        if let Ok(jobs) = std::env::var("CARGO_BUILD_JOBS") {
            all.push(("CARGO_BUILD_JOBS", jobs));
        }
        if !Path::new("/run/systemd/system").is_dir() {
            all.push(("CONTAINERS_CONF", place("containers.conf")));
        }
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        all.into_iter().map(owned).collect()
    }

    /// The image of the kmods.
    pub fn kmods(&self) -> ImageRef {
        let wanted = KmodTag {
            kernel: format!("{KERNEL}.{}", std::env::consts::ARCH)
                .parse()
                .unwrap(),
            zfs: "2.4.4".parse().unwrap(),
        };
        let source = &self.config.kmods[0];
        source.image.tagged(source.tag(&wanted).unwrap())
    }

    /// The images of Fedora and of the kmods, under their names.
    fn images(&self) {
        let skopeo = skopeo(&self.sh, &self.folder);
        let arch = std::env::consts::ARCH;
        let made = standins::make(
            &self.sh,
            &self.path("standins"),
            &StandIn {
                engine: "podman".to_owned(),
                kernel: format!("{KERNEL}.{arch}"),
                zfs: "2.4.4".to_owned(),
                fcos: FCOS.to_owned(),
                stream: "stable".to_owned(),
                skopeo,
                sysroot: None,
                bootable: None,
                packages: Vec::new(),
                units: Vec::new(),
                selinux: false,
                wrong_kernel: format!("7.1.3-200.fc44.{arch}"),
            },
        )
        .unwrap();
        let base = self.config.base_tag().unwrap();
        for (image, name) in [(&made.base, &base), (&made.kmods, &self.kmods())] {
            let place = format!("{}/{name}", self.registry);
            standins::push(&self.sh, "podman", image, &place).unwrap();
        }
        let digest = self.digest(&base).unwrap();
        // Fedora names it by its digest.
        self.upstream.fedora(|releases| releases[0].digest = digest);
    }

    /// This checkout as somebody's fork: their `image.yaml`, their key. What
    /// docs/your-image.md says, and then a commit.
    fn fork(&self) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sh = Shell::new().unwrap();
        sh.change_dir(&root);
        let files = cmd!(sh, "git ls-files --cached --others --exclude-standard -z")
            .quiet()
            .read()
            .unwrap();
        for name in files.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (root.join(name), self.origin.join(name));
            // A file that was removed and not committed.
            if from.is_file() {
                sh.create_dir(to.parent().unwrap()).unwrap();
                std::fs::copy(&from, &to).unwrap();
            }
        }
        sh.change_dir(&self.origin);
        let yaml = serde_yaml::to_string(&self.config).unwrap();
        sh.write_file("image.yaml", yaml).unwrap();
        sh.set_var("COSIGN_PASSWORD", PASSWORD);
        let xtask = env!("CARGO_BIN_EXE_xtask");
        cmd!(sh, "{xtask} keys new")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .unwrap();
        let key = sh.read_file("cosign.key").unwrap();
        sh.remove_path("cosign.key").unwrap();
        cmd!(sh, "git init --quiet --initial-branch=main")
            .quiet()
            .run()
            .unwrap();
        self.commit();
        key
    }

    /// What is in the folder becomes a commit that the next job checks out.
    fn commit(&self) {
        let sh = Shell::new().unwrap();
        sh.change_dir(&self.origin);
        sh.set_var("GIT_CONFIG_GLOBAL", "/dev/null");
        let me = ["user.name=Someone", "user.email=someone@example.org"];
        let me = me.iter().flat_map(|setting| ["-c", setting]);
        cmd!(sh, "git add --all").quiet().run().unwrap();
        cmd!(sh, "git {me...} commit --quiet --message=Ours")
            .quiet()
            .run()
            .unwrap();
    }

    /// Hosts demand the signature of every image of image.yaml: a commit.
    pub fn keys_policy(&self) {
        let sh = Shell::new().unwrap();
        sh.change_dir(&self.origin);
        let xtask = env!("CARGO_BIN_EXE_xtask");
        let call = cmd!(sh, "{xtask} keys policy").quiet();
        call.ignore_stdout().ignore_stderr().run().unwrap();
        self.commit();
    }

    /// A commit that changes one file.
    pub fn change(&self, name: &str, edit: impl FnOnce(&str) -> String) {
        let path = self.origin.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = edit(&text);
        assert_ne!(changed, text);
        std::fs::write(path, changed).unwrap();
        self.commit();
    }

    /// The registry, as this library reads it.
    pub fn registries(&self) -> Registries {
        let conf = self.path("registries.conf");
        crate::support::reading::registries(
            &conf,
            AuthFiles {
                paths: vec![self.path("auth.json")],
            },
        )
    }

    /// What a name stands for now.
    pub fn digest(&self, image: &ImageRef) -> Option<Digest> {
        match self.registries().digest(image) {
            Answer::Present(digest) => Some(digest),
            Answer::Absent => None,
            Answer::Unknown(why) => panic!("{why}"),
        }
    }

    /// What hosts follow.
    pub fn stable(&self) -> Option<Digest> {
        self.published("stable")
    }

    /// A tag of the published image.
    pub fn published(&self, tag: &str) -> Option<Digest> {
        let repository = self.config.repository().unwrap();
        self.digest(&repository.tagged(tag.parse().unwrap()))
    }
}

/// A folder for what cargo makes, in which the crates of others are already:
/// this test was made of the same. Ours are compiled as on a new machine.
pub fn compiled(fixture: &Fixture) {
    let sh = Shell::new().unwrap();
    let from = Path::new(env!("CARGO_BIN_EXE_xtask")).parent().unwrap();
    let to = fixture.path("target/debug");
    sh.create_dir(to.join("deps")).unwrap();
    for name in [".fingerprint", "build"] {
        let (from, to) = (from.join(name), to.join(name));
        cmd!(sh, "cp -a {from} {to}").quiet().run().unwrap();
    }
    for entry in std::fs::read_dir(from.join("deps")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let library = name.starts_with("lib") || name.ends_with(".d");
        if library {
            // Libraries of others are never written again.
            std::fs::hard_link(entry.path(), to.join("deps").join(name)).unwrap();
        }
    }
}

impl Drop for Fixture {
    /// Nothing is left but after a failure, where somebody will want to look.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (mount, folder) = (self.path("storage/overlay"), &self.folder);
        for command in [
            cmd!(self.sh, "umount --recursive --lazy {mount}"),
            cmd!(self.sh, "rm -rf {folder}"),
        ] {
            let quiet = command.quiet().ignore_status();
            let _ = quiet.ignore_stdout().ignore_stderr().run();
        }
    }
}

/// A storage of the engine's own, and a word to it where systemd does not run.
fn engine(sh: &Shell, folder: &Path, running: &Path) {
    let place = |name: &str| folder.join(name).display().to_string();
    let format = "--format={{.Store.GraphDriverName}}";
    let driver = cmd!(sh, "podman info {format}").quiet().read().unwrap();
    let storage = format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        place("storage"),
        running.display()
    );
    sh.write_file(folder.join("storage.conf"), storage).unwrap();
    let runc = cmd!(sh, "bash -c 'type -P runc'").quiet().ignore_status();
    let runtime = match runc.read().unwrap().is_empty() {
        true => "",
        false => "runtime = \"runc\"\n",
    };
    let conf = format!(
        "[engine]\n{runtime}cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"{}\"\nlock_type = \"file\"\n\n[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n",
        place("state")
    );
    sh.write_file(folder.join("containers.conf"), conf).unwrap();
    sh.set_var("CONTAINERS_STORAGE_CONF", place("storage.conf"));
    if !Path::new("/run/systemd/system").is_dir() {
        sh.set_var("CONTAINERS_CONF", place("containers.conf"));
    }
}

/// A registry that knows one account, whose password is the token.
fn registry(sh: &Shell, folder: &Path) -> (String, Background) {
    let accounts = folder.join("accounts");
    let lines = cmd!(sh, "htpasswd -inB -C 4 {OWNER}")
        .stdin(TOKEN)
        .quiet()
        .read()
        .unwrap();
    sh.write_file(&accounts, lines).unwrap();
    let yaml = json!({
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": folder.join("registry")},
            "delete": {"enabled": true},
        },
        "auth": {"htpasswd": {"realm": "here", "path": accounts}},
        "http": {"addr": "127.0.0.1:0"},
    });
    let file = folder.join("registry.yaml");
    sh.write_file(&file, yaml.to_string()).unwrap();
    let log = folder.join("registry.log");
    let file = file.display().to_string();
    let invocation = Invocation::new("docker-registry", ["serve", file.as_str()]);
    let mut service = Background::start(sh, &invocation, &log).unwrap();
    let address: String = service
        .wait_for(&log, |line| {
            let (_, rest) = line.split_once("listening on ")?;
            rest.split(['"', ' ', ',']).next().map(str::to_owned)
        })
        .unwrap();
    let mapped = ["quay.io", "ghcr.io"].map(|host| {
        format!(
            "[[registry]]\nprefix = \"{host}\"\nlocation = \"{address}/{host}\"\ninsecure = true\n"
        )
    });
    let local = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
    sh.write_file(folder.join("registries.conf"), mapped.concat() + &local)
        .unwrap();
    sh.write_file(folder.join("auth.json"), login(&address))
        .unwrap();
    (address, service)
}

/// The file of credentials that a login writes.
pub fn login(registry: &str) -> String {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{OWNER}:{TOKEN}"));
    let mut auths = serde_json::Map::new();
    auths.insert(registry.to_owned(), json!({"auth": auth}));
    json!({"auths": auths}).to_string()
}

/// GitHub, with the releases of OpenZFS beside the repository of the fork.
fn github() -> Github {
    let github = Github::start();
    let releases = json!([{"tag_name": "zfs-2.4.4", "draft": false, "prerelease": false}]);
    let reply = remote::loopback::Reply::new(200, "application/json", releases.to_string());
    let releases = "/repos/openzfs/zfs/releases".to_owned();
    github.state().others.push((releases, reply));
    github
}

/// The stock `image.yaml` with what a fork changes, and the services on
/// loopback.
fn config(upstream: &Upstream, github: &Github, sh: &Shell, folder: &Path) -> Config {
    let stock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../image.yaml");
    let mut config = Config::load(&stock).unwrap();
    config.image.owner = OWNER.parse().unwrap();
    // A stand-in has no signature of Fedora's.
    config.base.signature = None;
    // Nor a kernel that boots.
    config.boot = serde_json::from_str(r#"{"gate": "never", "reason": "stand-ins"}"#).unwrap();
    let arch = format!("[\"{}\"]", std::env::consts::ARCH);
    config.architectures = serde_json::from_str(&arch).unwrap();
    config.signing = Signing {
        unsigned: None,
        judge: match skopeo(sh, folder) {
            Some(_) => Judge::Image,
            None => Judge::Program,
        },
        ..config.signing
    };
    let github = format!("http://{}", github.address());
    config.urls.github_api = github.parse().unwrap();
    let fedora = format!("http://{}/fedora", upstream.address());
    config.urls.fcos_builds = fedora.parse().unwrap();
    config
}

/// A `skopeo` for the base image, if this machine's reads signatures.
fn skopeo(sh: &Shell, folder: &Path) -> Option<PathBuf> {
    let found = cmd!(sh, "bash -c 'type -P skopeo'").quiet().ignore_status();
    let found = PathBuf::from(found.read().unwrap());
    let good = found.is_file() && reads_signatures(sh, &found, folder).unwrap().is_ok();
    good.then_some(found)
}

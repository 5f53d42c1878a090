//! The fixture that CI meets: a fork of this repository, a registry that wants a
//! login, GitHub's issues, and stand-ins for Fedora, OpenZFS and the makers of
//! the kmods.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::process::Background;
use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef};
use rehearsal::requirements::REHEARSAL;
use remote::Registries;
use xshell::{Shell, TempDir, cmd};

use super::around::{commit, config, fork, github, images, machine, registries, registry, sign_in};
use super::github::Github;
use super::skip::skip;
use super::support::upstream::Upstream;

/// A machine of a fork, in the world that it is in.
pub struct Fixture {
    pub folder: PathBuf,
    /// Where jobs clone from.
    pub origin: PathBuf,
    around: Arc<Around>,
    /// In front of the names of what is published here, in the registry.
    place: String,
    sh: Shell,
    /// What runs, for the engine; it takes no long path for that.
    _running: TempDir,
}

/// What is there for all machines.
pub struct Around {
    pub upstream: Upstream,
    pub github: Github,
    pub config: Config,
    /// The private half of the key, as a secret of the repository.
    pub key: String,
    /// `HOST:PORT` of the registry.
    pub registry: String,
    /// Its folder.
    store: PathBuf,
    _service: Background,
}

impl Deref for Fixture {
    type Target = Around;

    fn deref(&self) -> &Around {
        &self.around
    }
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
        Self::with(name, |config| config)
    }

    /// The same, with more of `image.yaml` changed.
    pub fn with(name: &str, edit: impl FnOnce(Config) -> Config) -> Option<Self> {
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
        sh.create_dir(folder.join("standins")).unwrap();
        let running = machine(&sh, &folder);
        let upstream = Upstream::start();
        let github = github();
        let (registry, service) = registry(&sh, &folder);
        sign_in(&sh, &folder, &registry, "");
        let config = edit(config(&upstream, &github, &sh, &folder));
        images(&sh, &folder, (&upstream, &registry, &config));
        let origin = folder.join("origin");
        let key = fork(&config, &origin);
        Some(Self {
            origin,
            around: Arc::new(Around {
                upstream,
                github,
                config,
                key,
                registry,
                store: folder.join("registry"),
                _service: service,
            }),
            place: String::new(),
            folder,
            sh,
            _running: running,
        })
    }

    /// Another machine in the same world, with a clone of the same fork, and a place of
    /// its own in the registry for what it publishes.
    pub fn beside(&self, name: &str) -> Self {
        let sh = Shell::new().unwrap();
        let folder = self.folder.join(name);
        let running = machine(&sh, &folder);
        let place = format!("{name}/");
        sign_in(&sh, &folder, &self.registry, &place);
        let (from, origin) = (&self.origin, folder.join("origin"));
        cmd!(sh, "git clone --quiet {from} {origin}")
            .quiet()
            .run()
            .unwrap();
        Self {
            origin,
            around: Arc::clone(&self.around),
            place,
            folder,
            sh,
            _running: running,
        }
    }

    /// A shell with this machine's engine.
    pub fn engine(&self) -> Shell {
        self.sh.clone()
    }

    /// What is checked out.
    pub fn commit_now(&self) -> String {
        let sh = Shell::new().unwrap();
        sh.change_dir(&self.origin);
        cmd!(sh, "git rev-parse HEAD").quiet().read().unwrap()
    }

    /// Takes the last commit of another machine's.
    pub fn follow(&self, first: &Self) {
        let sh = Shell::new().unwrap();
        sh.change_dir(&self.origin);
        let from = &first.origin;
        cmd!(sh, "git pull --quiet --ff-only {from} main")
            .quiet()
            .run()
            .unwrap();
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

    /// What is in the folder becomes a commit that the next job checks out.
    fn commit(&self) {
        commit(&self.origin);
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
        registries(&self.folder)
    }

    /// The folder in which the registry keeps all that it has.
    pub fn store(&self) -> PathBuf {
        self.around.store.join("docker/registry/v2")
    }

    /// What the registry calls something that is published here.
    pub fn placed(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// Where something is in it.
    pub fn located(&self, name: &ImageRef) -> String {
        format!("{}/{}", self.registry, self.placed(&name.to_string()))
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

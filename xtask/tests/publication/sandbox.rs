//! A checkout, a real registry, a real engine, and a wrapper around the engine
//! that lets a test do something at an exact point of a run.

use std::cell::{Cell, RefCell};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::MutexGuard;

use host::process::{Background, Invocation};
use image_config::Config;
use registry_compat::{Answer, ImageRef};
use signatures::signing::PrivateKey;
use xshell::{Shell, TempDir, cmd};

use super::litter::storage_conf;
use super::outcome::Outcome;
use super::scripts::{CONTAINERFILE, CONTRACT, WRAPPER};
pub use super::stage::{FCOS, KERNEL};
use super::stage::{Stage, shell, stage_of, turn};
use super::support::upstream::Upstream;

/// Nothing has changed since the last one, and yet.
pub const PUBLISH: [&str; 4] = ["build", "--publish", "--force", "a test"];
pub const REPOSITORY: &str = "ghcr.io/someone/custom-coreos";
const PASSWORD: &str = "correct horse battery staple";

pub struct Sandbox {
    _turn: MutexGuard<'static, ()>,
    stage: &'static Stage,
    dir: TempDir,
    upstream: Upstream,
    service: Option<Background>,
    pub address: String,
    /// Which of the stage's files names the engine's storage.
    storage: Cell<u32>,
    /// What else the program finds in its environment.
    more: RefCell<Vec<(&'static str, PathBuf)>>,
    /// What starts the program.
    before: RefCell<Vec<String>>,
}

impl Sandbox {
    /// Everything in place, and one image published; `None` where a program is
    /// missing.
    pub fn new() -> Option<Self> {
        let (lane, turn) = turn();
        let stage = stage_of(lane)?;
        let dir = Shell::new().unwrap().create_temp_dir().unwrap();
        let mut sandbox = Self {
            _turn: turn,
            stage,
            dir,
            upstream: Upstream::start(),
            service: None,
            address: String::new(),
            storage: Cell::new(0),
            more: RefCell::default(),
            before: RefCell::default(),
        };
        sandbox.start_registry("");
        sandbox.follow("localhost/base");
        sandbox.push(&sandbox.kmods().to_string());
        sandbox.checkout();
        sandbox.run(&["keys", "new"]).expect(0);
        sandbox.run(&PUBLISH).expect(0);
        Some(sandbox)
    }

    pub fn kmods(&self) -> ImageRef {
        let arch = std::env::consts::ARCH;
        let name = format!("ghcr.io/makers/kmods:zfs-2.4.4_kernel-{KERNEL}.{arch}");
        name.parse().unwrap()
    }

    /// Where the engine keeps everything of the tests that take turns here.
    pub fn stage_folder(&self) -> &Path {
        &self.stage.folder
    }

    pub fn second_opinion(&self) -> bool {
        self.stage.skopeo
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        self.sh().write_file(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn sh(&self) -> Shell {
        shell(&self.stage.folder)
    }

    /// A new storage for the engine, and nothing left of the one before: what is
    /// killed here is more than this program, and an engine that is killed may
    /// damage its own storage. What is tried is not the engine.
    pub fn renew_engine(&self) {
        let number = self.storage.get();
        super::litter::clear(&self.sh(), &self.stage.folder, number);
        self.storage.set(number + 1);
        super::litter::prepare(&self.stage.folder, number + 1);
    }

    /// Files of the registry's store, below its repositories.
    pub fn stored(&self, name: &str) -> PathBuf {
        self.path(&format!("store/docker/registry/v2/repositories/{name}"))
    }

    /// Starts it on another port, on the same store. `limit` is a shell's.
    pub fn start_registry(&mut self, limit: &str) {
        self.stop_registry();
        let store = self.path("store").display().to_string();
        let yaml = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {store}}}\n  delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        );
        self.write("registry.yaml", &yaml);
        let log = self.path("registry.log");
        let script = format!(
            "echo $$ >{}; {limit} exec docker-registry serve {}",
            self.path("registry.pid").display(),
            self.path("registry.yaml").display()
        );
        let invocation = Invocation::new("bash", ["-c", script.as_str()]);
        let mut service = Background::start(&self.sh(), &invocation, &log).unwrap();
        self.address = service
            .wait_for(&log, |line| {
                let (_, rest) = line.split_once("listening on ")?;
                rest.split(['"', ' ', ',']).next().map(str::to_owned)
            })
            .unwrap();
        self.service = Some(service);
        let conf = ["quay.io", "ghcr.io"].map(|host| {
            format!(
                "[[registry]]\nprefix = \"{host}\"\nlocation = \"{}/{host}\"\ninsecure = true\n",
                self.address
            )
        });
        let local = format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            self.address
        );
        self.write("registries.conf", &(conf.concat() + &local));
    }

    pub fn stop_registry(&mut self) {
        self.service = None;
    }

    /// The process of the registry, for a hook.
    pub fn kill_registry(&self) -> String {
        format!("kill -9 $(<{})", self.path("registry.pid").display())
    }

    /// Fedora's newest release is this image.
    pub fn follow(&self, image: &str) {
        let base = "quay.io/fedora/fedora-coreos:stable";
        self.push_image(image, base);
        // Fedora names it by its digest.
        let Answer::Present(digest) = self.registries().digest(&base.parse().unwrap()) else {
            panic!("no base");
        };
        self.upstream.fedora(|releases| releases[0].digest = digest);
        // The list of releases is kept for a while.
        let _ = std::fs::remove_dir_all(self.path(".cache"));
    }

    /// The base image under another name.
    pub fn push(&self, name: &str) {
        self.push_image("localhost/base", name);
    }

    /// Any image under another name.
    pub fn push_image(&self, image: &str, name: &str) {
        let to = format!("{}/{name}", self.address);
        let sh = self.sh();
        cmd!(sh, "podman push --quiet --tls-verify=false {image} {to}")
            .quiet()
            .ignore_stderr()
            .run()
            .unwrap();
    }

    fn checkout(&self) {
        let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containerfiles/custom-coreos");
        let folder = "containerfiles/custom-coreos";
        let list = "printf 'zfs\\t0:2.4.4-1\\tx86_64\\nend\\t1 packages\\n'\nexit\n";
        self.write(&format!("{folder}/packages.sh"), list);
        for name in ["trust.sh", "host.sh"] {
            let text = std::fs::read_to_string(real.join(name)).unwrap();
            self.write(&format!("{folder}/{name}"), &text);
        }
        self.write(&format!("{folder}/Containerfile"), CONTAINERFILE);
        self.contract(CONTRACT);
        self.write("ignition/nas.bu", "variant: fcos\n");
        let text = include_str!("../../../crates/image-build/src/testing/image.yaml");
        let judge = if self.stage.skopeo {
            "image"
        } else {
            "program"
        };
        let signing = format!(
            "  private-key: file:cosign.key\n  password: env:KEY_PASSWORD\n  judge: {judge}\n"
        );
        let text = text
            .replace("  unsigned: An example\n", &signing)
            .replace("[x86_64]", &format!("[{}]", std::env::consts::ARCH));
        let mut config = Config::parse(&text, Path::new("x")).unwrap();
        let url = |path: &str| format!("http://{}/{path}", self.upstream.address());
        // What fails here does not pass by itself.
        config.retries.attempts = std::num::NonZeroU8::new(2).unwrap();
        config.retries.pause_seconds = 0;
        config.urls.github_api = url("github").parse().unwrap();
        config.urls.fcos_builds = url("fedora").parse().unwrap();
        self.write("image.yaml", &serde_yaml::to_string(&config).unwrap());
        let wrapper = WRAPPER
            .replace("@HERE@", &self.dir.path().display().to_string())
            .replace("@PATH@", &std::env::var("PATH").unwrap());
        self.write("tools/podman", &wrapper);
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path("tools/podman"), mode).unwrap();
    }

    pub fn contract(&self, script: &str) {
        self.write("containerfiles/custom-coreos/contract.sh", script);
    }

    /// Of the key that signs.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    pub fn good_contract(&self) {
        self.contract(CONTRACT);
    }

    /// Done by the shell before the next such call of the engine, once.
    pub fn hook(&self, call: &str, script: &str) {
        let file = self.path("hook").display().to_string();
        let script = format!("case \"$*\" in {call}) rm {file}; {script};; esac");
        self.write("hook", &script);
    }

    pub fn unhook(&self) {
        let _ = std::fs::remove_file(self.path("hook"));
    }

    fn command(&self, args: &[&str], password: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut command = match self.before.borrow().split_first() {
            None => Command::new(env!("CARGO_BIN_EXE_xtask")),
            Some((program, more)) => {
                let mut command = Command::new(program);
                command.args(more).arg(env!("CARGO_BIN_EXE_xtask"));
                command
            }
        };
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("tools").display()))
            .env("HOME", self.dir.path())
            .env("CONTAINERS_REGISTRIES_CONF", self.path("registries.conf"))
            .env(
                "CONTAINERS_STORAGE_CONF",
                storage_conf(&self.stage.folder, self.storage.get()),
            )
            .env("GIT_CEILING_DIRECTORIES", "/")
            .env("KEY_PASSWORD", password)
            .stdin(Stdio::null());
        if !Path::new("/run/systemd/system").is_dir() {
            command.env("CONTAINERS_CONF", self.stage.folder.join("containers.conf"));
        }
        command.envs(self.more.borrow().iter().cloned());
        command
    }

    /// The program is started by these words from now on.
    pub fn started_by(&self, before: Vec<String>) {
        *self.before.borrow_mut() = before;
    }

    /// The program finds these in its environment from now on, and no others.
    pub fn environment(&self, more: &[(&'static str, PathBuf)]) {
        *self.more.borrow_mut() = more.to_vec();
    }

    /// What plays GitHub and Fedora.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Where the registry is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The file that names the engine's storage.
    pub fn storage_conf(&self) -> PathBuf {
        storage_conf(&self.stage.folder, self.storage.get())
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, PASSWORD)
    }

    pub fn run_with(&self, args: &[&str], password: &str) -> Outcome {
        let output = self.command(args, password).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome {
            code: output.status.code(),
            text: text(&output.stdout) + &text(&output.stderr),
        }
    }

    /// A run in a process group of its own, its story in a pipe.
    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args, PASSWORD);
        command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub fn other_key(&self) {
        let password = host::Secret::new(PASSWORD);
        let (text, _) = PrivateKey::generate(Some(&password)).unwrap();
        self.write("cosign.key", text.expose());
    }
}

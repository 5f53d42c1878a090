//! What is around a fork: a registry that wants a login, GitHub's issues, stand-ins for
//! Fedora, OpenZFS and the makers of the kmods; and what a machine has.

use std::path::{Path, PathBuf};

use host::process::{Background, Invocation};
use image_config::{Config, Judge, Signing};
use registry_compat::{Answer, KmodTag};
use rehearsal::checkout::reads_signatures;
use rehearsal::standins;
use rehearsal::standins::StandIn;
use remote::{AuthFiles, Registries};
use serde_json::json;
use xshell::{Shell, TempDir, cmd};

use super::github::Github;
use super::support::{FCOS, KERNEL, upstream::Upstream};

/// What signs, and what opens it.
pub const PASSWORD: &str = "correct horse battery staple";
/// `github.token`, which opens the registry too.
pub const TOKEN: &str = "ghs_NotAToken0123456789";
pub const OWNER: &str = "someone";

/// A home, an engine of its own, and a place for artifacts.
pub fn machine(sh: &Shell, folder: &Path) -> TempDir {
    for name in ["home", "artifacts"] {
        sh.create_dir(folder.join(name)).unwrap();
    }
    let running = sh.create_temp_dir().unwrap();
    engine(sh, folder, running.path());
    running
}

/// The images of Fedora and of the kmods, under their names.
pub fn images(sh: &Shell, folder: &Path, world: (&Upstream, &str, &Config)) {
    let (upstream, registry, config) = world;
    let arch = std::env::consts::ARCH;
    let kernel = format!("{KERNEL}.{arch}");
    let made = standins::make(
        sh,
        &folder.join("standins"),
        &StandIn {
            engine: "podman".to_owned(),
            kernel: kernel.clone(),
            zfs: "2.4.4".to_owned(),
            fcos: FCOS.to_owned(),
            stream: "stable".to_owned(),
            skopeo: skopeo(sh, folder),
            sysroot: None,
            bootable: None,
            packages: Vec::new(),
            units: Vec::new(),
            selinux: false,
            wrong_kernel: format!("7.1.3-200.fc44.{arch}"),
        },
    )
    .unwrap();
    let wanted = KmodTag {
        kernel: kernel.parse().unwrap(),
        zfs: "2.4.4".parse().unwrap(),
    };
    let source = &config.kmods[0];
    let kmods = source.image.tagged(source.tag(&wanted).unwrap());
    let base = config.base_tag().unwrap();
    for (image, name) in [(&made.base, &base), (&made.kmods, &kmods)] {
        let place = format!("{registry}/{name}");
        standins::push(sh, "podman", image, &place).unwrap();
    }
    let digest = match registries(folder).digest(&base) {
        Answer::Present(digest) => digest,
        other => panic!("{other:?}"),
    };
    // Fedora names it by its digest.
    upstream.fedora(|releases| releases[0].digest = digest);
}

/// This checkout as somebody's fork: their `image.yaml`, their key. What
/// docs/your-image.md says, and then a commit. The private half of the key.
pub fn fork(config: &Config, origin: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sh = Shell::new().unwrap();
    sh.change_dir(&root);
    let files = cmd!(sh, "git ls-files --cached --others --exclude-standard -z")
        .quiet()
        .read()
        .unwrap();
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), origin.join(name));
        // A file that was removed and not committed.
        if from.is_file() {
            sh.create_dir(to.parent().unwrap()).unwrap();
            std::fs::copy(&from, &to).unwrap();
        }
    }
    sh.change_dir(origin);
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let yaml = serde_yaml::to_string(config).unwrap();
    sh.write_file("image.yaml", yaml).unwrap();
    let file = cmd!(sh, "{xtask} workflow file").quiet().read().unwrap();
    sh.write_file(".gitlab-ci.yml", file + "\n").unwrap();
    sh.set_var("COSIGN_PASSWORD", PASSWORD);
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
    commit(origin);
    key
}

pub fn commit(origin: &Path) {
    let sh = Shell::new().unwrap();
    sh.change_dir(origin);
    sh.set_var("GIT_CONFIG_GLOBAL", "/dev/null");
    let me = ["user.name=Someone", "user.email=someone@example.org"];
    let me = me.iter().flat_map(|setting| ["-c", setting]);
    cmd!(sh, "git add --all").quiet().run().unwrap();
    cmd!(sh, "git {me...} commit --quiet --message=Ours")
        .quiet()
        .run()
        .unwrap();
}

pub fn registries(folder: &Path) -> Registries {
    crate::support::reading::registries(
        &folder.join("registries.conf"),
        AuthFiles {
            paths: vec![folder.join("auth.json")],
        },
    )
}

/// Says where the registry is, and who one is there. What is published goes below
/// `place`; what others have made is the same for all.
pub fn sign_in(sh: &Shell, folder: &Path, address: &str, place: &str) {
    let ours = format!("ghcr.io/{OWNER}");
    let mapped = [
        ("quay.io", "quay.io".to_owned()),
        ("ghcr.io", "ghcr.io".to_owned()),
        (ours.as_str(), format!("{place}{ours}")),
    ]
    .map(|(prefix, to)| {
        format!(
            "[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{address}/{to}\"\ninsecure = true\n"
        )
    });
    let local = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
    sh.write_file(folder.join("registries.conf"), mapped.concat() + &local)
        .unwrap();
    sh.write_file(folder.join("auth.json"), login(address))
        .unwrap();
    // Not before the registry: it takes variables of this beginning for its own.
    sh.set_var("REGISTRY_AUTH_FILE", folder.join("auth.json"));
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
pub fn github() -> Github {
    let github = Github::start();
    let releases = json!([{"tag_name": "zfs-2.4.4", "draft": false, "prerelease": false}]);
    let reply = remote::loopback::Reply::new(200, "application/json", releases.to_string());
    let releases = "/repos/openzfs/zfs/releases".to_owned();
    github.state().others.push((releases, reply));
    github
}

/// The stock `image.yaml` with what a fork changes, and the services on
/// loopback.
pub fn config(upstream: &Upstream, github: &Github, sh: &Shell, folder: &Path) -> Config {
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
pub fn registry(sh: &Shell, folder: &Path) -> (String, Background) {
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
    (address, service)
}

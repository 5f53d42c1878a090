//! A sandbox for the whole program: a throw-away checkout, fake tools that log
//! what they are given, and GitHub, Fedora and the registries on loopback.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "test support: each test program uses a part, starts the real binary, and says what it skips"
)]

pub mod reading;
pub mod signer;
pub mod small;
pub mod two;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image_config::Config;
use remote::{AuthFiles, Registries};
use upstream::Upstream;
use xshell::{Shell, TempDir};

pub const KERNEL: &str = "7.1.4-200.fc44";
pub const FCOS: &str = "44.20260720.3.1";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a run left.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The standard output of a run that must end with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.stdout
    }
}

pub struct Sandbox {
    sh: Shell,
    dir: TempDir,
    pub upstream: Upstream,
}

/// Logs its arguments, then does what `on/VERB` says. Its own `PATH`, because
/// the program under test sees nothing but the fake tools.
const TOOL: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
here=@HERE@
{ printf '%s' "${0##*/}"; for word; do printf ' %s' "$word"; done; printf '\n'; } >>"$here/log"
case $1 in image) verb=inspect ;; *) verb=$1 ;; esac
if [ -f "$here/on/$verb" ]; then . "$here/on/$verb"; fi
"#;

const CONTRACT: &str = r"
case $* in
*--entrypoint=rpm*) exit 1 ;;
*KERNEL_VERSION*) printf 'ok\tkernel\ta\ta\nend\t1 checks, 0 failed\n' ;;
*) printf 'zfs\t0:2.4.4-1\tx86_64\nend\t1 packages\n' ;;
esac
";

/// Writes the config of an image with the lock that it is given.
const BUILD: &str = r#"
for word; do
    case $word in --label=custom-coreos.lock=*) lock=${word#--label=custom-coreos.lock=} ;; esac
done
lock=$(printf '%s' "$lock" | sed 's/\\/\\\\/g; s/"/\\"/g')
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
printf '{"architecture":"%s","config":{"Labels":{"custom-coreos.lock":"%s"}}}' \
    "$arch" "$lock" >"$here/built"
"#;

/// Says what it pushed, without the registry of this machine.
const PUSH: &str = r#"
for word; do :; done
word=${word#docker://}
echo "${word#*/}" >"$here/built.tag"
"#;

impl Sandbox {
    /// A world in which everything is well.
    pub fn new() -> Self {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let upstream = Upstream::start();
        let sandbox = Self { sh, dir, upstream };
        sandbox.write("containerfiles/custom-coreos/Containerfile", "FROM x\n");
        sandbox.write("containerfiles/custom-coreos/contract.sh", "exit\n");
        sandbox.write("containerfiles/custom-coreos/packages.sh", "exit\n");
        sandbox.write("ignition/nas.bu", "variant: fcos\n");
        sandbox.write("home/empty", "");
        let mut config: Config = Config::parse(
            include_str!("../../../crates/image-build/src/testing/image.yaml"),
            Path::new("x"),
        )
        .unwrap();
        let arch = std::env::consts::ARCH;
        let url = |path: &str| format!("http://{}/{path}", sandbox.upstream.address());
        config.urls.github_api = url("github").parse().unwrap();
        config.urls.fcos_builds = url("fedora").parse().unwrap();
        let yaml = serde_yaml::to_string(&config).unwrap();
        sandbox.write(
            "image.yaml",
            &yaml.replace("- x86_64", &format!("- {arch}")),
        );
        sandbox.write("registries.conf", &sandbox.upstream.registries_conf());
        sandbox.tool("podman");
        sandbox.tool("git");
        sandbox.on("status", "");
        sandbox.on("rev-parse", &format!("echo {COMMIT}"));
        sandbox.on("run", CONTRACT);
        sandbox.on(
            "inspect",
            "digest=$(sha256sum \"$here/built\"); echo \"${digest%% *}\"",
        );
        sandbox.on("build", BUILD);
        sandbox.on("push", PUSH);
        sandbox.upstream.pushes(sandbox.path("built"));
        sandbox
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        // It makes the folders on the way.
        self.sh.write_file(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        self.sh.read_file(self.path(name)).unwrap_or_default()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// A fake tool of this name on `PATH`.
    pub fn tool(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let name = format!("tools/{name}");
        let here = self.root().display().to_string();
        self.write(&name, &TOOL.replace("@HERE@", &here));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(&name), mode).unwrap();
    }

    /// What the fake tools do when their first argument is `verb`.
    pub fn on(&self, verb: &str, script: &str) {
        self.write(&format!("on/{verb}"), script);
    }

    /// The command lines that the fake engine was given, but for those that
    /// fetch: [`Self::fetched`].
    pub fn engine_log(&self) -> Vec<String> {
        let ours = "/someone/custom-coreos@";
        let fetches = |line: &String| line.starts_with("podman pull ") && !line.contains(ours);
        let all = self.engine_calls().into_iter();
        all.filter(|line| !fetches(line)).collect()
    }

    /// What the fake engine was to fetch.
    pub fn fetched(&self) -> Vec<String> {
        let image = |line: &String| line.strip_prefix("podman pull ").map(str::to_owned);
        let all = self.engine_calls().into_iter();
        let images = all.filter_map(|line| image(&line));
        images
            .filter(|image| !image.contains("/someone/custom-coreos@"))
            .collect()
    }

    /// All command lines that the fake engine was given.
    pub fn engine_calls(&self) -> Vec<String> {
        let log = self.read("log");
        // What the engine is, it may be asked at any time.
        let engine = |line: &&str| !line.starts_with("git ") && !line.ends_with(" --version");
        log.lines().filter(engine).map(str::to_owned).collect()
    }

    /// The verbs of [`Self::engine_log`].
    pub fn engine_verbs(&self) -> Vec<String> {
        let verb = |line: &String| line.split(' ').nth(1).unwrap_or_default().to_owned();
        self.engine_log().iter().map(verb).collect()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_xtask"), args)
    }

    /// Another program, which sees what the program under test sees.
    pub fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", self.path("tools"))
            .env("HOME", self.path("home"))
            .env("CONTAINERS_REGISTRIES_CONF", self.path("registries.conf"))
            .env("REGISTRY_AUTH_FILE", self.path("auth.json"))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, &[])
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Outcome {
        let env = env.iter().copied();
        let output = self.command(args).envs(env).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The same as CI, with a file for `GITHUB_OUTPUT`.
    pub fn run_in_ci(&self, args: &[&str]) -> Outcome {
        let output = self.path("github-output").display().to_string();
        let all = [
            ("GITHUB_OUTPUT", output.as_str()),
            ("GITHUB_REPOSITORY_OWNER", "someone"),
            ("GITHUB_ACTIONS", "true"),
            ("CI", "true"),
        ];
        self.run_with(args, &all)
    }

    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        let file = |name: &str| std::fs::File::create(self.path(name)).unwrap();
        command.stdout(file("stdout")).stderr(file("stderr"));
        command.spawn().unwrap()
    }

    /// Tags of the published repository: what they name now.
    pub fn published(&self, tag: &str) -> Option<String> {
        self.upstream.digest("ghcr.io/someone/custom-coreos", tag)
    }

    /// The registries, as the program under test sees them.
    pub fn registries(&self) -> Registries {
        let conf = self.path("registries.conf");
        reading::registries(&conf, AuthFiles::default())
    }

    /// What the candidate tag names: the image that was built.
    pub fn pushed(&self) -> String {
        self.published("candidate").unwrap()
    }

    /// Nothing was pushed, and no tag moved.
    #[track_caller]
    pub fn assert_nothing_published(&self) {
        let verbs = self.engine_verbs();
        assert!(!verbs.contains(&"push".to_owned()), "{verbs:?}");
        self.assert_no_tag_moved();
    }

    #[track_caller]
    pub fn assert_no_tag_moved(&self) {
        let old = self.upstream.old.digest.to_string();
        assert_eq!(self.published("stable"), Some(old));
        // What lies beside an image is known by that image's digest.
        let moves = |line: &&String| {
            let name = line.rsplit('/').next().unwrap_or_default();
            line.starts_with("PUT ") && line.contains("/manifests/") && !name.starts_with("sha256")
        };
        let requests = self.upstream.requests();
        let moved: Vec<&String> = requests.iter().filter(moves).collect();
        assert!(moved.is_empty(), "{moved:?}");
    }
}

/// A text without the second in which the inputs were resolved, which a lock tells.
pub fn steady(said: &str) -> String {
    let mark = "\"resolved\":\"";
    let mut parts = said.split(mark);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (moment, rest) = part.split_at("2026-07-30T12:00:00Z".len());
        assert!(moment.ends_with('Z'), "{moment}");
        text.push_str(mark);
        text.push_str(rest);
    }
    text
}

/// Waits for a condition; the limit is for a test that would hang.
#[track_caller]
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "still not: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

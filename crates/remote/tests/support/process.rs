//! A real registry on loopback, and `skopeo`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::{plain_http, program, scratch};

/// The distribution project's registry; Debian and Fedora name it differently.
pub const REGISTRY: &str = "docker-registry|registry";

/// How long a registry may take to listen. Only a broken one needs it.
const START: Duration = Duration::from_secs(60);

/// A registry; it ends with this value.
pub struct Registry {
    child: Child,
    pub address: String,
}

impl Registry {
    /// Starts one that lets everybody in.
    pub fn open() -> Self {
        Self::start("")
    }

    /// Starts one that asks for this user, given as a line of htpasswd.
    pub fn guarded(line: &str) -> Self {
        let file = scratch().join("htpasswd");
        std::fs::write(&file, line).expect("htpasswd is written");
        Self::start(&format!(
            "auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n",
            file.display()
        ))
    }

    fn start(more: &str) -> Self {
        let directory = scratch();
        let config = directory.join("config.yml");
        let text = format!(
            "version: 0.1\n\
             http: {{addr: '127.0.0.1:0'}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n\
             {more}",
            directory.join("data").display()
        );
        std::fs::write(&config, text).expect("the registry's configuration is written");
        let mut child = Command::new(program(REGISTRY).expect("it was looked for"))
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry starts");
        let log = BufReader::new(child.stderr.take().expect("its log"));
        let (tell, hear) = mpsc::channel();
        // Reads to the end, so that the registry never waits for its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let end = rest.find([',', '"', ' ']).unwrap_or(rest.len());
                    let _ = tell.send(rest[..end].to_owned());
                }
            }
        });
        let address = hear.recv_timeout(START);
        let mut started = Self {
            child,
            address: String::new(),
        };
        started.address = address.expect("the registry says where it listens");
        started
    }

    /// `HOST:PORT/NAME`.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `skopeo` with its own configuration: nothing of the person's is used.
pub struct Skopeo {
    directory: PathBuf,
    conf: PathBuf,
}

impl Skopeo {
    /// Under a `registries.conf`.
    pub fn new(conf: &str) -> Self {
        let directory = scratch();
        let conf_file = directory.join("registries.conf");
        std::fs::write(&conf_file, conf).expect("registries.conf is written");
        std::fs::write(directory.join("auth.json"), "{}").expect("auth.json is written");
        Self {
            directory,
            conf: conf_file,
        }
    }

    /// For one registry without TLS.
    pub fn for_registry(registry: &Registry) -> Self {
        Self::new(&plain_http(&registry.address))
    }

    /// Where `login` writes.
    pub fn auth_file(&self) -> PathBuf {
        self.directory.join("auth.json")
    }

    /// Runs `skopeo`, whatever comes of it.
    pub fn try_run(&self, arguments: &[&str]) -> Output {
        // It does not read CONTAINERS_REGISTRIES_CONF, which is podman's.
        let conf = self.conf.to_str().expect("a path in UTF-8");
        let mut all = vec!["--registries-conf", conf, "--insecure-policy"];
        all.extend(arguments);
        self.run_program("skopeo", &all)
    }

    /// Runs a program of the same family in the same way.
    pub fn run_program(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .env("REGISTRY_AUTH_FILE", self.auth_file())
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }

    /// Its standard output; it must succeed.
    pub fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.try_run(arguments);
        assert!(
            output.status.success(),
            "skopeo {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Copies an OCI layout to `HOST:PORT/NAME:TAG`.
    pub fn push(&self, layout: &Path, target: &str, more: &[&str]) {
        let source = format!("oci:{}:it", layout.display());
        let target = format!("docker://{target}");
        let mut arguments = vec!["copy", "--quiet"];
        arguments.extend(more);
        arguments.extend([source.as_str(), target.as_str()]);
        self.run(&arguments);
    }
}

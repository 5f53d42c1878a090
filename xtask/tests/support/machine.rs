//! A machine that systemd has booted: a container with systemd as its first process,
//! whose root is this machine's own, under a layer that takes what is written and is
//! thrown away. It has this machine's programs, network and clock, and its own units.

use std::path::Path;
use std::time::Duration;

use host::process::poll_for;
use xshell::{Shell, cmd};

use super::outcome::Outcome;
use super::skip;

/// What a person's service finds here, laid over by what the machine is given.
const SYSTEMD: &str = "/lib/systemd/systemd";
/// How long it may take to boot, and a night to end: much longer than either takes.
const LIMIT: Duration = Duration::from_secs(300);

/// It is ended and removed when it is dropped.
pub struct Machine {
    sh: Shell,
    name: String,
}

impl Machine {
    /// Boots it, with `sh` for the engine. `volumes` are folders of this machine and their
    /// places in it; its `/tmp` and `/run` are empty. `None` where that cannot be.
    pub fn boot(sh: Shell, volumes: &[(&Path, &str)]) -> Option<Self> {
        if !Path::new(SYSTEMD).is_file() || !rustix::process::geteuid().is_root() {
            skip::skip("a machine with systemd needs root, and systemd");
            return None;
        }
        let name = format!("custom-coreos-test-{}", std::process::id());
        let volumes = volumes
            .iter()
            .map(|(from, to)| format!("--volume={}:{to}", from.display()));
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let hierarchies: Vec<&str> = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|words| words[2] == "cgroup")
            .map(|words| words[1])
            .collect();
        let mut empty = vec!["/tmp", "/run"];
        if !hierarchies.is_empty() {
            empty.push("/sys/fs/cgroup");
        }
        // Podman would copy all that is in this machine's folders there.
        let empty = empty.iter();
        let empty = empty.map(|place| format!("--tmpfs={place}:rw,notmpcopyup"));
        // Of cgroup version 1 podman shows a container its own part; runc in there would look
        // for its containers beside it.
        let whole = hierarchies.iter();
        let whole = whole.map(|place| format!("--volume={place}:{place}"));
        let machine = Self { sh, name };
        let (sh, name) = (&machine.sh, &machine.name);
        cmd!(
            sh,
            "podman run --detach --name={name} --privileged --systemd=always --network=host
             {empty...} {whole...} {volumes...} --rootfs /:O {SYSTEMD} --unit=basic.target"
        )
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
        let mut said = String::new();
        let up = poll_for(LIMIT, || {
            said = machine.run("/", &["systemctl", "is-system-running"]).text;
            ["running", "degraded"].contains(&said.trim())
        });
        assert!(up, "systemd: {said}");
        // Systemd mounts a service's credentials in a child's namespace. Where it is not in
        // a container it has made the root shared itself, so that it sees them.
        let shared = machine.run("/", &["mount", "--make-rshared", "/"]);
        shared.expect(0);
        Some(machine)
    }

    /// Runs a program in there, with little in its environment.
    pub fn run(&self, folder: &str, line: &[&str]) -> Outcome {
        let (sh, name) = (&self.sh, &self.name);
        let output = cmd!(sh, "podman exec --workdir={folder} {name} {line...}")
            .quiet()
            .ignore_status()
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome {
            code: output.status.code(),
            text: text(&output.stdout) + &text(&output.stderr),
        }
    }

    /// Writes a file, as a person would who has the machine before them.
    pub fn write(&self, path: &str, text: &str) {
        let script = "mkdir -p \"$(dirname \"$0\")\" && printf %s \"$1\" >\"$0\"";
        self.run("/", &["sh", "-c", script, path, text]).expect(0);
    }

    /// What a machine of one's own has in its `/etc`, for an engine in there.
    pub fn set_up_engine(&self, registries: &str) {
        let conf = "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n\
                    events_logger = \"file\"\n\
                    [containers]\n\
                    default_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n";
        self.write("/etc/containers/containers.conf", conf);
        self.write("/etc/containers/registries.conf", registries);
    }

    /// The timer elapses when it should, and not within a quarter of an hour.
    pub fn be_punctual(&self, name: &str) {
        let text = "[Timer]\nRandomizedDelaySec=0\nAccuracySec=1s\n";
        let path = format!("/etc/systemd/system/{name}.timer.d/now.conf");
        self.write(&path, text);
        self.run("/", &["systemctl", "daemon-reload"]).expect(0);
    }

    /// A property of a unit.
    pub fn property(&self, unit: &str, name: &str) -> String {
        let line = ["systemctl", "show", "--value", "--property", name, unit];
        self.run("/", &line).expect(0).trim().to_owned()
    }

    /// The machine was off when the timer should have elapsed, and is on again. Returns
    /// when what the timer has started has ended: with the result of its service, the exit
    /// code, and what the journal has of it.
    pub fn was_off(&self, name: &str) -> (String, String, String) {
        let (timer, service) = (format!("{name}.timer"), format!("{name}.service"));
        let before = self.property(&service, "InvocationID");
        let stamp = format!("/var/lib/systemd/timers/stamp-{timer}");
        let stop = self.run("/", &["systemctl", "stop", &timer]);
        stop.expect(0);
        self.run("/", &["touch", "--date=2 days ago", &stamp])
            .expect(0);
        self.run("/", &["systemctl", "start", &timer]).expect(0);
        let mut now = String::new();
        let ended = poll_for(LIMIT, || {
            now = self.property(&service, "InvocationID");
            let state = self.property(&service, "ActiveState");
            now != before && ["inactive", "failed"].contains(&state.as_str())
        });
        let invocation = format!("_SYSTEMD_INVOCATION_ID={now}");
        let line = ["journalctl", "--no-pager", "--output=cat", &invocation];
        let journal = self.run("/", &line).text;
        assert!(ended, "{journal}");
        (
            self.property(&service, "Result"),
            self.property(&service, "ExecMainStatus"),
            journal,
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let (sh, name) = (&self.sh, &self.name);
        let remove = cmd!(sh, "podman rm --force --time=0 {name}").quiet();
        let _ = remove.ignore_stdout().ignore_stderr().run();
    }
}

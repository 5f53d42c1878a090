//! A power loss at a random moment of a night: the engine's storage and what the night
//! remembers are on a disk of their own, which is gone at once, with all that was not
//! written yet. What is tried is the next night.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use xshell::{Shell, cmd};

use super::kills::{Random, seed};
use super::litter;
use super::night::{NIGHT, alone};
use super::sandbox::Sandbox;
use super::skip::skip;

/// An ext4 in a file.
struct Disk {
    sh: Shell,
    file: PathBuf,
    at: PathBuf,
}

/// Takes a file system down without its journal, as a power loss does:
/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`.
/// Source: Linux, `fs/ext4/ext4.h`.
const DOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

impl Disk {
    /// A new one, in this folder; `None` where none can be mounted.
    fn new(folder: &Path) -> Option<Self> {
        let sh = Shell::new().unwrap();
        let (file, at) = (folder.join("disk"), folder.join("mounted"));
        sh.create_dir(&at).unwrap();
        let disk = Self { sh, file, at };
        let made = disk.format();
        let python = cmd!(disk.sh, "python3 --version");
        let python = python.quiet().ignore_stdout().ignore_stderr().run().is_ok();
        (made && python).then_some(disk)
    }

    /// Empty, and mounted.
    fn format(&self) -> bool {
        let file = &self.file;
        self.sh.remove_path(file).unwrap();
        let commands = [
            cmd!(self.sh, "truncate --size=1G {file}"),
            cmd!(self.sh, "mke2fs -q -F -t ext4 {file}"),
        ];
        commands.into_iter().all(|command| {
            let quiet = command.quiet().ignore_stdout().ignore_stderr();
            quiet.run().is_ok()
        }) && self.mount()
    }

    fn mount(&self) -> bool {
        let (file, at) = (&self.file, &self.at);
        let mount = cmd!(self.sh, "mount -o loop {file} {at}");
        mount.quiet().ignore_stderr().run().is_ok()
    }

    /// Nothing reaches it any more.
    fn down(&self) {
        let at = &self.at;
        cmd!(self.sh, "python3 -c {DOWN} {at}")
            .quiet()
            .run()
            .unwrap();
    }

    /// Takes it out; what still runs on it ends within moments.
    fn unmount(&self) {
        let (at, since) = (&self.at, Instant::now());
        loop {
            let below = at.join("storage/overlay");
            let layers = cmd!(self.sh, "umount --recursive {below}").quiet();
            let _ = layers.ignore_status().ignore_stderr().run();
            let out = cmd!(self.sh, "umount --recursive {at}").quiet();
            let _ = out.ignore_status().ignore_stderr().run();
            // What was killed may hold it for a moment, in a mount namespace of its own: a
            // disk that is mounted then is the one that is down.
            let file = &self.file;
            let held = cmd!(self.sh, "losetup --associated {file}").quiet();
            if held.read().unwrap().is_empty() {
                return;
            }
            assert!(
                since.elapsed() < Duration::from_secs(30),
                "the disk is in use"
            );
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let at = &self.at;
        let out = cmd!(self.sh, "umount --recursive --lazy {at}").quiet();
        let _ = out.ignore_status().ignore_stderr().run();
    }
}

/// A machine: its engine on the disk, what runs beside it, and the name of its boot.
struct Machine<'a> {
    sandbox: &'a Sandbox,
    disk: Disk,
    running: PathBuf,
    boots: u64,
}

impl Machine<'_> {
    /// Starts it: what lives only while it runs is gone, and its boot has another name.
    fn boot(&mut self) {
        self.boots += 1;
        let sh = self.sandbox.sh();
        let (running, at) = (&self.running, &self.disk.at);
        sh.remove_path(running).unwrap();
        sh.create_dir(running).unwrap();
        let text = std::fs::read_to_string(self.sandbox.storage_conf()).unwrap();
        let replaced = text.lines().map(|line| match line.split_once(" = ") {
            Some(("graphroot", _)) => format!("graphroot = \"{}\"", at.join("storage").display()),
            Some(("runroot", _)) => format!("runroot = \"{}\"", running.join("run").display()),
            _ => line.to_owned(),
        });
        let storage: Vec<String> = replaced.collect();
        let place = |name: &str| self.sandbox.path(name);
        self.sandbox
            .write("power-storage.conf", &storage.join("\n"));
        let mut set = vec![
            ("CONTAINERS_STORAGE_CONF", place("power-storage.conf")),
            ("XDG_STATE_HOME", at.join("state")),
        ];
        if let Ok(text) =
            std::fs::read_to_string(self.sandbox.stage_folder().join("containers.conf"))
            && !Path::new("/run/systemd/system").is_dir()
        {
            let state = self.sandbox.stage_folder().join("state");
            let (old, new) = (state.display().to_string(), running.join("state"));
            let text = text.replace(&old, &new.display().to_string());
            self.sandbox.write("power-containers.conf", &text);
            set.push(("CONTAINERS_CONF", place("power-containers.conf")));
        }
        self.sandbox.environment(&set);
        self.sandbox
            .write("boot", &format!("boot-{}\n", self.boots));
        // The file of the kernel's that says so, for this program and its children.
        let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
        let boot = place("boot").display().to_string();
        let words = ["unshare", "--mount", "bash", "-c", script, &boot];
        self.sandbox.started_by(words.map(str::to_owned).into());
    }

    /// The power fails so many milliseconds into a night.
    fn fail(&mut self, pause: u64) {
        let mut child = self.sandbox.start(&NIGHT);
        // The moment itself, not a wait for anything.
        std::thread::sleep(Duration::from_millis(pause));
        self.disk.down();
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        child.wait().unwrap();
        litter::end_monitors(&self.disk.at);
        self.disk.unmount();
        assert!(self.disk.mount(), "the journal is played back");
        self.boot();
    }
}

/// Whether a mount of its own can be made.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--mount", "true"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Three rounds; `POWER_ROUNDS=30` makes it thirty.
#[test]
fn after_a_power_loss_the_next_night_ends_well() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    let folder = sandbox.path("power");
    let Some(disk) = may_mount().then(|| Disk::new(&folder)).flatten() else {
        return skip("a power loss needs a disk: mke2fs, python3, and root who may mount");
    };
    let given = std::env::var("POWER_ROUNDS").ok();
    let rounds: u64 = given.and_then(|text| text.parse().ok()).unwrap_or(3);
    let seed = seed();
    let mut random = Random(seed);
    let mut machine = Machine {
        sandbox: &sandbox,
        disk,
        running: litter::running(sandbox.stage_folder(), 1_000),
        boots: 0,
    };
    machine.boot();
    let watch = Instant::now();
    sandbox.run(&NIGHT).expect(0);
    let whole = u64::try_from(watch.elapsed().as_millis()).unwrap();
    let mut before = sandbox.digest("stable").unwrap();
    let mut unsure = 0;
    for round in 0..rounds {
        // An engine that has nothing yet, whose images all come within this night.
        machine.disk.unmount();
        assert!(machine.disk.format());
        machine.boot();
        machine.fail(random.below(whole));
        let told = format!("round {round} of KILL_SEED={seed}");
        let after = sandbox.invariant(&before, &told);
        let story = sandbox.run(&NIGHT);
        assert_eq!(story.code, Some(0), "{told}\n{}", story.text);
        let forgot = story.text.contains("the machine went down in the midst");
        unsure += u32::from(forgot);
        let again = story.text.contains("tried once more");
        println!(
            "{told}: forgot: {forgot}, tried again: {again}, the tag had moved: {}",
            after != before
        );
        before = sandbox.invariant(&after, &told);
    }
    println!("{rounds} power losses, {unsure} of them in the midst");
    litter::end_monitors(&machine.disk.at);
    sandbox.started_by(Vec::new());
    sandbox.environment(&[]);
}

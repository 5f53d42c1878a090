//! The storages of the engine, with a base image in each, that the tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use rehearsal::checkout::reads_signatures;
use xshell::{Shell, cmd};

/// What the base says that it is.
pub const KERNEL: &str = "7.1.4-200.fc44";
pub const FCOS: &str = "44.20260720.3.1";
const NEEDED: [&str; 3] = ["podman", "docker-registry", "base64"];

/// A storage of the engine, and its base image, for the tests that take turns on
/// it.
pub struct Stage {
    pub folder: PathBuf,
    /// The base has a `skopeo` that reads signatures.
    pub skopeo: bool,
}

/// Tests on one stage share the engine's storage and the name of the built image,
/// so they take turns. There are three stages, so that three tests run at a time:
/// each waits for programs and for the disk most of its time.
static TURNS: [Mutex<()>; 3] = [const { Mutex::new(()) }; 3];
static STAGES: [OnceLock<Option<Stage>>; 3] = [const { OnceLock::new() }; 3];
/// Where the stages are; what earlier runs left was removed before.
static PARENT: OnceLock<PathBuf> = OnceLock::new();
/// So many tests have asked for a turn.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// A turn on the stage that is free, or else on the next one in order.
pub fn turn() -> (usize, MutexGuard<'static, ()>) {
    for (lane, turn) in TURNS.iter().enumerate() {
        match turn.try_lock() {
            Ok(guard) => return (lane, guard),
            Err(TryLockError::Poisoned(poisoned)) => return (lane, poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    let lane = ASKED.fetch_add(1, Ordering::Relaxed) % TURNS.len();
    let guard = TURNS[lane].lock();
    (lane, guard.unwrap_or_else(PoisonError::into_inner))
}

pub fn shell(folder: &Path) -> Shell {
    let sh = Shell::new().unwrap();
    sh.set_var("CONTAINERS_STORAGE_CONF", folder.join("storage.conf"));
    if !Path::new("/run/systemd/system").is_dir() {
        sh.set_var("CONTAINERS_CONF", folder.join("containers.conf"));
    }
    sh
}

/// That of a turn; `None` where a program is missing.
pub fn stage_of(lane: usize) -> Option<&'static Stage> {
    STAGES[lane].get_or_init(|| stage(lane)).as_ref()
}

/// The base: what the three scripts call, and `skopeo` where there is a good
/// one. Made once, out of this machine's own programs.
fn stage(lane: usize) -> Option<Stage> {
    let found = |name: &&str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
    };
    if let Some(missing) = NEEDED.iter().find(|name| !found(name)) {
        assert!(
            std::env::var_os("CUSTOM_COREOS_REQUIRE_ALL").is_none(),
            "{missing} is missing"
        );
        eprintln!("skipped: {missing} is missing");
        return None;
    }
    // Of its own for each run: the engine leaves a mount in its storage, which
    // holds on to a part of it. What went before is removed as far as it goes.
    let sh = Shell::new().unwrap();
    let parent = PARENT.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("publication");
        cmd!(sh, "rm -rf {parent}")
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .run()
            .unwrap();
        super::litter::sweep(&sh);
        parent.join(std::process::id().to_string())
    });
    let folder = parent.join(format!("stage-{lane}"));
    std::fs::create_dir_all(folder.join("root/usr/bin")).unwrap();
    let format = "--format={{.Store.GraphDriverName}}";
    let driver = cmd!(sh, "podman info {format}");
    let driver = driver.quiet().read().unwrap();
    let place = |name: &str| folder.join(name).display().to_string();
    let storage = format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        place("storage"),
        super::litter::running(&folder, 0).display()
    );
    std::fs::write(folder.join("storage.conf"), storage).unwrap();
    let runtime = if found(&"runc") {
        "runtime = \"runc\"\n"
    } else {
        ""
    };
    // Its own run-time state and locks, too: the machine's are shared by all
    // storages, and what is killed here leaves some behind.
    let state = place("state");
    let conf = format!(
        "[engine]\n{runtime}cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"{state}\"\nlock_type = \"file\"\n\n[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n"
    );
    std::fs::write(folder.join("containers.conf"), conf).unwrap();
    let sh = shell(&folder);
    let skopeo = cmd!(sh, "bash -c 'type -P skopeo'")
        .quiet()
        .ignore_status()
        .read();
    let skopeo = PathBuf::from(skopeo.unwrap());
    let good = skopeo.is_file()
        && match reads_signatures(&sh, &skopeo, &folder).unwrap() {
            Ok(()) => true,
            Err(said) => {
                eprintln!("skipped: the second opinion, since skopeo says: {said}");
                false
            }
        };
    let mut programs = vec!["bash", "base64", "mkdir", "rm"];
    programs.extend(good.then_some("skopeo"));
    for program in programs {
        let path = cmd!(sh, "bash -c 'type -P \"$0\"' {program}")
            .quiet()
            .read()
            .unwrap();
        let root = folder.join("root");
        sh.copy_file(&path, root.join("usr/bin").join(program))
            .unwrap();
        let ldd = cmd!(sh, "ldd {path}")
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .read()
            .unwrap();
        for word in ldd.split_whitespace().filter(|word| word.starts_with('/')) {
            let target = root.join(&word[1..]);
            sh.create_dir(target.parent().unwrap()).unwrap();
            sh.copy_file(word, target).unwrap();
        }
    }
    let root = folder.join("root");
    std::os::unix::fs::symlink("usr/bin", root.join("bin")).unwrap();
    for name in ["tmp", "var/tmp", "etc", "proc", "sys", "dev", "run"] {
        sh.create_dir(root.join(name)).unwrap();
    }
    sh.write_file(folder.join("Containerfile"), "FROM scratch\nCOPY . /\n")
        .unwrap();
    let file = folder.join("Containerfile");
    let arch = std::env::consts::ARCH;
    let labels = [
        format!("--label=org.opencontainers.image.version={FCOS}"),
        format!("--label=ostree.linux={KERNEL}.{arch}"),
    ];
    cmd!(
        sh,
        "podman build --quiet --tag localhost/base {labels...} --file {file} {root}"
    )
    .quiet()
    .ignore_stdout()
    .run()
    .unwrap();
    Some(Stage {
        folder,
        skopeo: good,
    })
}

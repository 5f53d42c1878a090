//! What an engine that was killed leaves running.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

/// The file that names an engine's storage; number 0 is the stage's own.
pub fn storage_conf(folder: &Path, number: u32) -> PathBuf {
    match number {
        0 => folder.join("storage.conf"),
        _ => folder.join(format!("storage-{number}.conf")),
    }
}

const RUNNING: &str = "custom-coreos-test-";

/// Where the engine keeps what it knows of its running containers. Podman gives
/// this path to what cleans up after a container, and refuses one of over 50
/// characters there: each container would seem to end 20 s late. So it is not
/// below the checkout.
pub fn running(folder: &Path, number: u32) -> PathBuf {
    let name = format!("{RUNNING}{}", std::process::id());
    let lane = folder.file_name().unwrap().to_string_lossy();
    let run = std::env::temp_dir().join(name);
    run.join(format!("{lane}-{number}"))
}

/// Removes what earlier runs left there.
pub fn sweep(sh: &Shell) {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(RUNNING)) else {
            continue;
        };
        if !Path::new("/proc").join(pid).exists() {
            remove(sh, &entry.path());
        }
    }
}

fn remove(sh: &Shell, folder: &Path) {
    let gone = cmd!(sh, "rm -rf {folder}").quiet().ignore_status();
    gone.ignore_stderr().run().unwrap();
}

/// Names a storage of its own.
pub fn prepare(folder: &Path, number: u32) {
    let text = std::fs::read_to_string(storage_conf(folder, 0)).unwrap();
    let place = |number| running(folder, number).display().to_string();
    let text = text
        .replace("/storage\"", &format!("/storage-{number}\""))
        .replace(&place(0), &place(number));
    std::fs::write(storage_conf(folder, number), text).unwrap();
}

/// Ends what runs there, and removes it, as far as it goes; the stage's own
/// storage stays.
pub fn clear(sh: &Shell, folder: &Path, number: u32) {
    end_monitors(folder);
    if number == 0 {
        return;
    }
    let storage = folder.join(format!("storage-{number}"));
    let run = running(folder, number);
    let _conf = sh.push_env("CONTAINERS_STORAGE_CONF", storage_conf(folder, number));
    // The machine's locks of its containers; mounts; files.
    let commands = [
        cmd!(sh, "podman rm --all --force --time=0"),
        cmd!(sh, "umount --recursive --lazy {storage}/overlay"),
        cmd!(sh, "rm -rf {storage} {run}"),
    ];
    for command in commands {
        let quiet = command.quiet().ignore_status();
        quiet.ignore_stdout().ignore_stderr().run().unwrap();
    }
}

/// Ends the monitors of containers in a storage below this folder, and the
/// processes that wait in them to be started.
pub fn end_monitors(folder: &Path) {
    for monitor in monitors(folder) {
        for waiting in processes(|parent, _| parent == monitor) {
            end(waiting);
        }
        end(monitor);
    }
}

/// The monitors that run.
pub fn monitors(folder: &Path) -> Vec<i32> {
    let folder = folder.display().to_string();
    processes(|_, words| words.contains("conmon") && words.contains(&folder))
}

/// The processes of this machine, by their parent and their words.
fn processes(wanted: impl Fn(i32, &str) -> bool) -> Vec<i32> {
    let look = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        // It may end while it is looked at.
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name before it, in brackets, may hold anything.
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        wanted(parent.parse().ok()?, &words).then_some(pid)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(look)
        .collect()
}

fn end(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It may have ended.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

//! The rehearsal, for real, where the programs for it are installed.
//!
//! It works in the checkout's `target/rehearsal`; no other test goes there.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; one starts the real binary"
)]

mod skip;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rehearsal::requirements::REHEARSAL;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().canonicalize().unwrap()
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// One rehearsal at a time: they share a folder.
static STAGE: Mutex<()> = Mutex::new(());

/// Whether a rehearsal can be held here; else it is said why not.
fn can_be_held() -> bool {
    let missing = missing();
    if !missing.is_empty() {
        skip::skip(&format!("the rehearsal needs {}", missing.join(", ")));
    }
    missing.is_empty()
}

fn rehearse() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["rehearse", "--json"])
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn assert_nothing_left() {
    let scratch = root().join("target/rehearsal");
    assert!(!scratch.exists(), "{} is left", scratch.display());
    assert_eq!(traces(&scratch), [""; 0]);
    let images = podman(&["images", "--all", "--format={{.Repository}}"]);
    assert!(!images.contains("custom-coreos-rehearsal"), "{images}");
    let containers = podman(&["ps", "--all", "--format={{.Image}}"]);
    assert!(
        !containers.contains("custom-coreos-rehearsal"),
        "{containers}"
    );
}

/// What keeps a rehearsal from being held here.
fn missing() -> Vec<&'static str> {
    let mut missing: Vec<&str> = REHEARSAL.into_iter().filter(|p| !installed(p)).collect();
    // Without it the rehearsal would pull a container, from a network.
    if !installed("docker-registry") && !installed("registry") {
        missing.push("docker-registry");
    }
    missing
}

/// Processes that have the rehearsal's folder in their command line, or are in
/// a container of it, and the mounts below it.
fn traces(scratch: &Path) -> Vec<String> {
    let scratch = scratch.to_str().unwrap();
    let mut traces = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        for name in ["cmdline", "mountinfo"] {
            // A process may have ended since the folder was listed.
            let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
            let lines = text.lines().filter(|line| line.contains(scratch));
            traces.extend(lines.map(|line| format!("{name} of {:?}: {line}", entry.path())));
        }
    }
    traces
}

/// Names in the storage that the rehearsal should never have touched.
fn podman(args: &[&str]) -> String {
    let output = Command::new("podman").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_night_ends_as_it_should() {
    if !can_be_held() {
        return;
    }
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = rehearse().output().unwrap();
    let story = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{story}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nights = document["nights"].as_array().unwrap();
    // The first row is the head.
    let verdicts: Vec<&Value> = nights.iter().skip(1).map(|night| &night[0]).collect();
    assert_eq!(verdicts, ["ok"; 7], "{document:#}\n{story}");
    let codes: Vec<&Value> = nights.iter().skip(1).map(|night| &night[2]).collect();
    assert_eq!(
        codes,
        ["0", "0", "0", "10", "3", "1", "1"],
        "{document:#}\n{story}"
    );
    let published = document["published"].as_str().unwrap();
    assert!(published.contains("@sha256:"), "{document:#}");
    assert_nothing_left();
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing() {
    if !can_be_held() {
        return;
    }
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = rehearse()
        .arg("--verbose")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The container of the RUN step is there, and at work.
    let building = lines.any(|line| line.unwrap().contains("== packages"));
    assert!(building, "the rehearsal ended too early");
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let story: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(
        child.wait().unwrap().code(),
        Some(130),
        "{}",
        story.join("\n")
    );
    assert_nothing_left();
}

#[test]
fn traces_would_be_seen() {
    // This very process has it in its command line, and /proc is a mount.
    let me = std::env::current_exe().unwrap();
    let name = Path::new(me.file_name().unwrap());
    assert!(!traces(name).is_empty());
    assert!(
        traces(Path::new("/proc"))
            .iter()
            .any(|trace| trace.starts_with("mountinfo"))
    );
}

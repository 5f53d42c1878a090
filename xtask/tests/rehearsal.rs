//! The rehearsal, for real, where the programs for it are installed.
//!
//! It works in the checkout's `target/rehearsal`; no other test goes there.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; one starts the real binary"
)]

mod skip;

use std::io::{BufRead, BufReader, Write as _};
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
fn two_rehearsals_do_not_meet() {
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::create_dir_all(root().join("target")).unwrap();
    let place = root().join("target/rehearsal.lock");
    let lock = host::files::lock(&place).unwrap();
    assert!(lock.is_some());
    let output = rehearse().output().unwrap();
    let story = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{story}");
    assert!(story.contains("another rehearsal"), "{story}");
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

/// A command of the tutorial, and the lines that it says one sees.
struct Step {
    typed: String,
    seen: Vec<String>,
}

/// The steps that are typed in the playground: what stands behind a prompt.
fn tutorial() -> Vec<Step> {
    let text = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(typed) => steps.push(Step {
                    typed: typed.to_owned(),
                    seen: Vec::new(),
                }),
                None => steps.last_mut().unwrap().seen.push(line.to_owned()),
            },
        }
    }
    steps
}

/// Whether a line is what the tutorial says; `…` is anything.
fn like(wanted: &str, line: &str) -> bool {
    let mut rest = line;
    for (at, part) in wanted.split('…').enumerate() {
        let found = match at {
            0 => rest.starts_with(part).then_some(0),
            _ => rest.find(part),
        };
        match found {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || wanted.ends_with('…')
}

/// The first of the lines that was not seen; `…` alone is any number of lines.
fn unseen<'a>(wanted: &'a [String], lines: &[&str]) -> Option<&'a str> {
    let mut at = 0;
    for (index, line) in wanted.iter().enumerate() {
        if line == "…" {
            continue;
        }
        let anywhere = index > 0 && wanted[index - 1] == "…";
        let found = match anywhere {
            true => lines[at..].iter().position(|said| like(line, said)),
            false => lines.get(at).filter(|said| like(line, said)).map(|_| 0),
        };
        match found {
            Some(found) => at += found + 1,
            None => return Some(line),
        }
    }
    None
}

#[test]
fn what_the_tutorial_says_is_seen() {
    if !can_be_held() {
        return;
    }
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let steps = tutorial();
    assert!(steps.len() > 12, "{}", steps.len());
    assert_eq!(steps.last().unwrap().typed, "exit");
    // A mark behind each, on both streams; what is told on the way is not the answer.
    let mut typed = String::new();
    for step in &steps {
        typed.push_str(&format!("{}\necho \"== $?\"\n", step.typed));
    }
    let input = root().join("target/tmp/tutorial.sh");
    std::fs::create_dir_all(input.parent().unwrap()).unwrap();
    std::fs::write(&input, typed).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["rehearse", "--scenario", "held"])
        .current_dir(root())
        .stdin(std::fs::File::open(&input).unwrap())
        .output()
        .unwrap();
    let story = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}\n{story}");
    let mut lines = said.lines();
    for step in &steps {
        if step.typed == "exit" {
            break;
        }
        let mut code = "";
        let mut answer = Vec::new();
        for line in lines.by_ref() {
            match line.strip_prefix("== ") {
                Some(ended) => {
                    code = ended;
                    break;
                }
                None => answer.push(line),
            }
        }
        assert_eq!(code, "0", "{}: {answer:#?}\n{story}", step.typed);
        let unseen = unseen(&step.seen, &answer);
        assert_eq!(unseen, None, "{}: {answer:#?}", step.typed);
    }
    assert_nothing_left();
}

#[test]
fn a_playground_goes_with_its_parent() {
    if !can_be_held() {
        return;
    }
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["rehearse", "--shell"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "echo inside; exec sleep 1000").unwrap();
    assert!(lines.any(|line| line.unwrap() == "inside"));
    assert!(root().join("target/rehearsal").exists());
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    let scratch = root().join("target/rehearsal");
    let gone = host::process::poll_for(std::time::Duration::from_secs(60), || {
        !scratch.exists() && traces(&scratch).is_empty()
    });
    assert!(gone, "{:?}", traces(&scratch));
    assert_nothing_left();
}

#[test]
fn a_line_of_the_tutorial_can_be_wrong() {
    assert!(like("a … c", "a b c") && !like("a … c", "a b d") && !like("b…", "a b"));
    let wanted = ["one", "…", "two …"].map(str::to_owned);
    assert_eq!(unseen(&wanted, &["one", "x", "two 3"]), None);
    assert_eq!(unseen(&wanted, &["x", "one", "two 3"]), Some("one"));
    assert_eq!(unseen(&wanted, &["one", "two"]), Some("two …"));
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

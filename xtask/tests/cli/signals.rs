//! Ctrl-C, and the runner's SIGTERM.

use std::path::Path;
use std::process::Child;

use remote::loopback::{Manner, Reply};
use rustix::process::{Pid, Signal, kill_process};

use super::support::{Sandbox, until};

/// Waits until it is killed, in the place of the process that we started.
const SLEEP: &str =
    "echo $$ >\"$here/pid.new\"; mv \"$here/pid.new\" \"$here/pid\"; exec sleep 1000";

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Starts a task, waits until the engine sleeps in `verb`, interrupts the task,
/// and waits for its end: its exit code, and the engine's process id.
fn interrupted(sandbox: &Sandbox, args: &[&str], verb: &str, signal: Signal) -> (Option<i32>, u32) {
    sandbox.on(verb, SLEEP);
    let mut child = sandbox.start(args);
    until("the engine runs", || sandbox.exists("pid"));
    let engine: u32 = sandbox.read("pid").trim().parse().unwrap();
    assert!(alive(engine));
    send(&child, signal);
    let status = child.wait().unwrap();
    (status.code(), engine)
}

fn alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn the_engine_ends_with_the_task() {
    for signal in [Signal::INT, Signal::TERM] {
        for verb in ["build", "run", "push"] {
            let sandbox = Sandbox::new();
            let (code, engine) = interrupted(&sandbox, &["build", "--publish"], verb, signal);
            assert_eq!(code, Some(130), "{}", sandbox.read("stderr"));
            assert!(!alive(engine), "{verb} goes on");
            assert!(sandbox.read("stderr").contains("error: interrupted"));
            assert_eq!(
                sandbox.engine_verbs().last().unwrap(),
                verb,
                "nothing follows"
            );
            sandbox.assert_no_tag_moved();
        }
    }
}

#[test]
fn a_test_build_is_removed_after_an_interruption_too() {
    let sandbox = Sandbox::new();
    sandbox.on("rmi", "");
    let (code, engine) = interrupted(&sandbox, &["test-build"], "run", Signal::INT);
    assert_eq!(code, Some(130));
    assert!(!alive(engine));
    assert_eq!(sandbox.engine_verbs(), ["build", "run", "rmi"]);
}

/// Podman has things to put away: it must hear of it first.
#[test]
fn the_engine_is_told_before_it_is_killed() {
    let sandbox = Sandbox::new();
    let tidy = "trap 'echo tidy >\"$here/told\"; exit 1' TERM\n\
                echo $$ >\"$here/pid.new\"; mv \"$here/pid.new\" \"$here/pid\"\n\
                while :; do sleep 0.1; done";
    sandbox.on("build", tidy);
    let mut child = sandbox.start(&["build"]);
    until("the engine runs", || sandbox.exists("pid"));
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(sandbox.exists("told"));
}

/// Nothing is to be put away while upstream is asked, so nobody waits for it.
#[test]
fn a_question_to_a_silent_server_can_be_given_up() {
    for path in ["/github", "/v2/ghcr.io/makers", "/fedora/updates"] {
        let sandbox = Sandbox::new();
        let reply = Reply::new(200, "application/json", "[...]").sent(Manner::StallAfter(1));
        sandbox.upstream.answer(path, reply);
        let mut child = sandbox.start(&["build"]);
        until("it asks", || sandbox.upstream.asked("", path) > 0);
        send(&child, Signal::INT);
        // It would give up by itself only after several time-outs of 20 s.
        let status = child.wait().unwrap();
        assert_eq!(
            status.code(),
            Some(130),
            "{path}: {}",
            sandbox.read("stderr")
        );
        assert_eq!(sandbox.upstream.asked("", path), 1, "{path}: it goes on");
    }
}

#[test]
fn an_engine_that_does_not_listen_is_killed() {
    let sandbox = Sandbox::new();
    let deaf = "trap '' TERM; echo $$ >\"$here/pid.new\"; mv \"$here/pid.new\" \"$here/pid\"\n\
                while :; do sleep 0.1; done";
    sandbox.on("build", deaf);
    let mut child = sandbox.start(&["build"]);
    until("the engine runs", || sandbox.exists("pid"));
    let engine: u32 = sandbox.read("pid").trim().parse().unwrap();
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!alive(engine));
}

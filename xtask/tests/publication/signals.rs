//! SIGTERM and SIGINT at each step: the run ends, with 130, and leaves a tag
//! that hosts follow where it was, or where it belongs.

use std::io::{BufRead as _, BufReader};

use rustix::process::{Pid, Signal, kill_process};

use super::sandbox::{PUBLISH, Sandbox};

/// Calls of the engine, in their order.
const CALLS: &[(&str, &str)] = &[
    ("fetch", "pull*fedora-coreos*"),
    ("build", "build*"),
    ("contract", "*KERNEL_VERSION*--entrypoint*"),
    ("push", "push*"),
    ("read back", "image*inspect*"),
    ("pull", "pull*/someone/*"),
    (
        "host, or attach",
        r"*--network=none*--pull=never\ --entrypoint*",
    ),
];

/// Acts that need no engine, by what the story says before them.
const ACTS: &[&str] = &["sign ", "name ", "promote ", "confirm "];

#[test]
fn a_signal_at_every_step() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    for (step, call) in CALLS {
        let before = sandbox.digest("stable").unwrap();
        // The shell is the engine, and its parent this program.
        sandbox.hook(call, "kill -TERM $PPID");
        let outcome = sandbox.run(&PUBLISH);
        sandbox.unhook();
        assert_eq!(sandbox.invariant(&before, step), before, "{step}");
        let story = outcome.expect(130);
        assert!(story.contains("interrupted"), "{step}: {story}");
    }
    for act in ACTS {
        let before = sandbox.digest("stable").unwrap();
        let mut child = sandbox.start(&PUBLISH);
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let story = BufReader::new(child.stdout.take().unwrap());
        for line in story.lines() {
            if line.unwrap().starts_with(act) {
                // It may have ended.
                let _ = kill_process(pid, Signal::INT);
            }
        }
        let code = child.wait().unwrap().code();
        let now = sandbox.invariant(&before, act);
        // It may have been quicker than the signal; then all is done.
        match code {
            Some(0) => assert_ne!(now, before, "{act}: it claims success"),
            code => assert_eq!(code, Some(130), "{act}"),
        }
    }
    let before = sandbox.digest("stable").unwrap();
    sandbox.run(&PUBLISH).expect(0);
    assert_ne!(sandbox.invariant(&before, "the run after"), before);
}

//! What the program leaves behind for the alarm, as the alarm's own process
//! finds it.

use serde_json::Value;

use crate::github::Github;
use crate::support::Sandbox;

const RUN: [(&str, &str); 4] = [
    ("GITHUB_REPOSITORY", "someone/image"),
    ("GITHUB_RUN_ID", "900"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_JOB", "build"),
];

fn left(sandbox: &Sandbox) -> Option<Value> {
    serde_json::from_str(&sandbox.read("target/outcome.json")).ok()
}

#[test]
fn a_task_that_fails_says_why_until_it_succeeds() {
    let sandbox = Sandbox::new();
    sandbox.run_with(&["build"], &RUN).expect(0);
    assert_eq!(left(&sandbox), None);
    sandbox.on(
        "run",
        "printf 'FAIL\\tkernel\\ta\\tb\\nend\\t1 checks, 1 failed\\n'",
    );
    sandbox.run_with(&["build"], &RUN).expect(1);
    let found = left(&sandbox).unwrap();
    assert_eq!(found["task"], "build", "{found}");
    assert_eq!(found["cause"], "contract", "{found}");
    assert_eq!(found["step"], "contract", "{found}");
    assert_eq!(found["exit-code"], 1);
    assert_eq!(found["run"], "900/1/build");
    // Others tell, and are not told of.
    for bystander in [&["config"][..], &["help"], &["doctor"]] {
        sandbox.run_with(bystander, &RUN);
        assert_eq!(left(&sandbox), Some(found.clone()), "{bystander:?}");
    }
    // The job went on after it, so it did not fail of that.
    sandbox.run_with(&["kernel-major-minor"], &RUN).expect(0);
    assert_eq!(left(&sandbox), None);
    sandbox.write("on/build", "echo no space left >&2; exit 1");
    sandbox.run_with(&["build"], &RUN).expect(1);
    let found = left(&sandbox).unwrap();
    assert_eq!(
        (&found["cause"], &found["step"]),
        (&"build".into(), &"build".into())
    );
    // That nothing can be built yet is why an image gets old.
    sandbox.upstream.remove(
        crate::support::upstream::KMODS,
        &format!("zfs-2.4.4_kernel-{}", crate::support::upstream::kernel()),
    );
    sandbox.run_with(&["resolve"], &RUN).expect(10);
    let found = left(&sandbox).unwrap();
    assert_eq!(
        (&found["cause"], &found["task"]),
        (&"skew".into(), &"resolve".into())
    );
    let message = found["message"].as_str().unwrap();
    assert!(
        message.starts_with("no ZFS kernel modules for kernel"),
        "{message}"
    );
    // Who does not answer is another thing.
    let denied = remote::loopback::Reply::new(503, "text/plain", "no");
    sandbox.upstream.answer("/fedora", denied);
    sandbox.run_with(&["resolve"], &RUN).expect(3);
    assert_eq!(left(&sandbox).unwrap()["cause"], "network");
    // What is not valid is told as well.
    let config = sandbox.read("image.yaml");
    sandbox.write("image.yaml", &format!("{config}nonsense: 1\n"));
    sandbox.run(&["resolve"]).expect(2);
    assert_eq!(left(&sandbox).unwrap()["cause"], "configuration");
    assert_eq!(left(&sandbox).unwrap()["run"], Value::Null);
}

#[test]
fn the_alarm_of_another_process_finds_it() {
    let sandbox = Sandbox::new();
    let github = Github::start();
    let config = sandbox.read("image.yaml");
    let api = format!("http://{}/github", sandbox.upstream.address());
    let here = config.replace(&api, &format!("http://{}", github.address()));
    assert_ne!(here, config);
    // The published stand-in is as old as the hills.
    let here = here.replace("image-age-days: 14", "image-age-days: 0");
    sandbox.on("push", "exit 1");
    sandbox.run_with(&["build", "--publish"], &RUN).expect(1);
    sandbox.write("image.yaml", &here);
    let token = [("GITHUB_TOKEN", "secret-value-of-the-token")];
    let env = [&RUN[..], &token].concat();
    let alarm = ["alarm", "--job", "build", "--status", "failure"];
    let ran = sandbox.run_with(&alarm, &env);
    assert!(!format!("{ran:?}").contains("secret-value"), "{ran:?}");
    assert!(ran.expect(0).starts_with("open an issue"));
    let body = github.state().issue(1).body.clone();
    assert!(body.starts_with("**registry**: "), "{body}");
    // The token of `gh`, where there is no other.
    sandbox.tool("gh");
    sandbox.on("auth", "echo secret-value-of-the-token");
    sandbox.run_with(&alarm, &RUN).expect(0);
    let log = sandbox.read("log");
    assert!(log.contains("gh auth token --hostname 127.0.0.1"), "{log}");
    assert!(!log.contains("secret-value"), "{log}");
    assert_eq!(github.count("POST", "/issues"), 1);
    // And the name of the repository, where no run says it.
    sandbox.on("remote", "echo git@127.0.0.1:someone/image.git");
    let ran = sandbox.run(&["alarm", "--job", "build", "--status", "success"]);
    ran.expect(0);
    assert!(!github.state().issue(1).open);
    for bad in [
        &["alarm", "--job", "build", "--status", ""][..],
        &["alarm", "--job", "a b", "--status", "success"],
        &["alarm", "--status", "success"],
    ] {
        sandbox.run_with(bad, &env).expect(2);
    }
}

//! What the program leaves behind for the alarm, as the alarm's own process
//! finds it.

use serde_json::Value;

use crate::github::Github;
use crate::support::Bench;

const RUN: [(&str, &str); 4] = [
    ("GITHUB_REPOSITORY", "someone/image"),
    ("GITHUB_RUN_ID", "900"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_JOB", "build"),
];

fn left(bench: &Bench) -> Option<Value> {
    serde_json::from_str(&bench.read("target/outcome.json")).ok()
}

#[test]
fn a_task_that_fails_says_why_until_it_succeeds() {
    let bench = Bench::new();
    bench.run_with(&["build"], &RUN).expect(0);
    assert_eq!(left(&bench), None);
    bench.on(
        "run",
        "printf 'FAIL\\tkernel\\ta\\tb\\nend\\t1 checks, 1 failed\\n'",
    );
    bench.run_with(&["build"], &RUN).expect(1);
    let found = left(&bench).unwrap();
    assert_eq!(found["task"], "build", "{found}");
    assert_eq!(found["cause"], "contract", "{found}");
    assert_eq!(found["step"], "contract", "{found}");
    assert_eq!(found["exit-code"], 1);
    assert_eq!(found["run"], "900/1/build");
    // Others tell, and are not told of.
    for bystander in [&["config"][..], &["help"], &["doctor"]] {
        bench.run_with(bystander, &RUN);
        assert_eq!(left(&bench), Some(found.clone()), "{bystander:?}");
    }
    // The job went on after it, so it did not fail of that.
    bench.run_with(&["kernel-major-minor"], &RUN).expect(0);
    assert_eq!(left(&bench), None);
    bench.write("on/build", "echo no space left >&2; exit 1");
    bench.run_with(&["build"], &RUN).expect(1);
    let found = left(&bench).unwrap();
    assert_eq!(
        (&found["cause"], &found["step"]),
        (&"build".into(), &"build".into())
    );
    // That nothing can be built yet is why an image gets old.
    bench.upstream.remove(
        crate::support::upstream::KMODS,
        &format!("zfs-2.4.4_kernel-{}", crate::support::upstream::kernel()),
    );
    bench.run_with(&["resolve"], &RUN).expect(10);
    let found = left(&bench).unwrap();
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
    bench.upstream.answer("/fedora", denied);
    bench.run_with(&["resolve"], &RUN).expect(3);
    assert_eq!(left(&bench).unwrap()["cause"], "network");
    // What is not valid is told as well.
    let config = bench.read("image.yaml");
    bench.write("image.yaml", &format!("{config}nonsense: 1\n"));
    bench.run(&["resolve"]).expect(2);
    assert_eq!(left(&bench).unwrap()["cause"], "configuration");
    assert_eq!(left(&bench).unwrap()["run"], Value::Null);
}

#[test]
fn the_alarm_of_another_process_finds_it() {
    let bench = Bench::new();
    let github = Github::start();
    let config = bench.read("image.yaml");
    let api = format!("http://{}/github", bench.upstream.address());
    let here = config.replace(&api, &format!("http://{}", github.address()));
    assert_ne!(here, config);
    // The published stand-in is as old as the hills.
    let here = here.replace("image-age-days: 14", "image-age-days: 0");
    bench.on("push", "exit 1");
    bench.run_with(&["build", "--publish"], &RUN).expect(1);
    bench.write("image.yaml", &here);
    let token = [("GITHUB_TOKEN", "secret-value-of-the-token")];
    let env = [&RUN[..], &token].concat();
    let alarm = ["alarm", "--job", "build", "--status", "failure"];
    let ran = bench.run_with(&alarm, &env);
    assert!(!format!("{ran:?}").contains("secret-value"), "{ran:?}");
    assert!(ran.expect(0).starts_with("open an issue"));
    let body = github.state().issue(1).body.clone();
    assert!(body.starts_with("**registry**: "), "{body}");
    // The token of `gh`, where there is no other.
    bench.tool("gh");
    bench.on("auth", "echo secret-value-of-the-token");
    bench.run_with(&alarm, &RUN).expect(0);
    let log = bench.read("log");
    assert!(log.contains("gh auth token --hostname 127.0.0.1"), "{log}");
    assert!(!log.contains("secret-value"), "{log}");
    assert_eq!(github.count("POST", "/issues"), 1);
    // And the name of the repository, where no run says it.
    bench.on("remote", "echo git@127.0.0.1:someone/image.git");
    let ran = bench.run(&["alarm", "--job", "build", "--status", "success"]);
    ran.expect(0);
    assert!(!github.state().issue(1).open);
    for bad in [
        &["alarm", "--job", "build", "--status", ""][..],
        &["alarm", "--job", "a b", "--status", "success"],
        &["alarm", "--status", "success"],
    ] {
        bench.run_with(bad, &env).expect(2);
    }
}

//! `night`: the whole night with no forge, and what is left of one that is killed.

use std::time::{Duration, Instant};

use remote::loopback::Reply;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::kills::{Random, seed};
use super::sandbox::Sandbox;

/// An image.yaml for a machine of its own: no forge, and a registry that is cleaned
/// up by its own API.
pub fn alone(sandbox: &Sandbox) {
    let text = sandbox.read("image.yaml");
    let own = "packages:\n  - image: ghcr.io/someone/custom-coreos\n    back-end: registry\n";
    let text = text.replace(
        "packages: []\n",
        &format!("{}\n", own.trim_end().replace('\n', "\n  ")),
    );
    assert!(text.contains("back-end: registry"), "{text}");
    sandbox.write("image.yaml", &format!("{text}\nforge: none\n"));
}

const FOLDER: &str = ".local/state/custom-coreos/ghcr.io-someone-custom-coreos";

fn state(sandbox: &Sandbox, name: &str) -> String {
    state_of(sandbox, "custom-coreos", name)
}

/// What lies in the folder of an image, which is the first one's where there are several.
fn state_of(sandbox: &Sandbox, image: &str, name: &str) -> String {
    let folder = format!(".local/state/custom-coreos/ghcr.io-someone-{image}");
    let path = sandbox.path(&format!("{folder}/{name}"));
    std::fs::read_to_string(path).unwrap_or_default()
}

pub fn remembered(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&state(sandbox, "night.json")).unwrap()
}

pub const NIGHT: [&str; 3] = ["night", "--force", "a test"];

#[test]
fn a_night_with_no_forge_is_published_unchanged_raised_and_recovered() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    let before = sandbox.digest("stable").unwrap();
    // Fedora does not answer: that is no reason not to clean up, which is due.
    let upstream = sandbox.upstream();
    upstream.answer("/fedora", Reply::new(503, "text/plain", "later"));
    let story = sandbox.run(&["night"]);
    assert!(!matches!(story.code, Some(0 | 10)), "{}", story.text);
    let kept = remembered(&sandbox);
    assert_eq!(kept["outcome"]["stage"], "resolve", "{kept}");
    assert!(!kept["cleaned"].is_null(), "{kept}\n{}", story.text);
    upstream.answer_as_ever();
    // What there is, is what there would be.
    let story = sandbox.run(&["night"]).expect(10);
    assert!(story.contains("nothing to build: unchanged"), "{story}");
    assert_eq!(sandbox.digest("stable").unwrap(), before);
    let kept = remembered(&sandbox);
    assert_eq!(kept["outcome"]["verdict"], "unchanged", "{kept}");
    let story = sandbox.run(&NIGHT).expect(0);
    let now = sandbox.digest("stable").unwrap();
    assert_ne!(now, before);
    assert!(story.contains(&format!("custom-coreos@{now}")), "{story}");
    let kept = remembered(&sandbox);
    assert_eq!(kept["outcome"]["what"], "published", "{kept}");
    assert!(
        kept["pushed"].is_null() && !kept["ended"].is_null(),
        "{kept}"
    );
    // The contract of the built image does not hold: the alarm is in a file.
    sandbox.contract("printf 'FAIL\\tall\\ta\\tb\\nend\\t1 checks, 1 failed\\n'\nexit 1\n");
    let story = sandbox.run(&NIGHT);
    assert_ne!(story.code, Some(0), "{}", story.text);
    assert_eq!(sandbox.digest("stable").unwrap(), now, "no tag has moved");
    let alarm = state(&sandbox, "alarm.md");
    assert!(alarm.contains("# Alarm: contract (build-"), "{alarm}");
    assert!(!alarm.contains("<!--"), "{alarm}");
    sandbox.good_contract();
    let story = sandbox.run(&NIGHT).expect(0);
    assert!(story.contains("all is well again"), "{story}");
    assert_eq!(state(&sandbox, "alarm.md"), "");
    assert!(sandbox.second_opinion() || sandbox.digest("stable").unwrap() != now);
}

#[test]
fn one_night_at_a_time_and_a_pushed_image_is_taken_up() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    let before = sandbox.digest("stable").unwrap();
    // Killed while the second half runs, and another one that wants to begin.
    let night = format!(
        "{} night >{} 2>&1",
        env!("CARGO_BIN_EXE_xtask"),
        sandbox.path("second").display()
    );
    sandbox.hook(
        "*pull*ghcr.io/someone*",
        &format!(
            "{night}; echo $? >{}; kill -9 0",
            sandbox.path("code").display()
        ),
    );
    let mut child = sandbox.start(&NIGHT);
    child.wait().unwrap();
    assert_eq!(
        sandbox.read("code").trim(),
        "10",
        "{}",
        sandbox.read("second")
    );
    assert!(sandbox.read("second").contains("another one runs"));
    assert_eq!(sandbox.digest("stable").unwrap(), before);
    let kept = remembered(&sandbox);
    assert_eq!(kept["stage"], "publish", "{kept}");
    let pushed = kept["pushed"]["image"].as_str().unwrap().to_owned();
    sandbox.renew_engine();
    let story = sandbox.run(&NIGHT).expect(0);
    assert!(story.contains("was ended at `publish`"), "{story}");
    assert!(story.contains(&format!("goes on with {pushed}")), "{story}");
    let now = sandbox.digest("stable").unwrap();
    assert!(pushed.ends_with(&now.to_string()), "{pushed} {now}");
}

/// The first has never been published, and does not hold.
#[test]
fn a_night_of_two_images_is_one_of_each() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let package = |name: &str| {
        format!("{{packages: [{{image: ghcr.io/someone/{name}, back-end: registry}}]}}")
    };
    let (check, name) = ("contract.d/10-lab.sh", "custom-coreos");
    let text = format!(
        "{}\nforge: none\nimages:\n  lab:\n    image: {{name: lab}}\n    content: {{checks: \
         [{check}]}}\n    retention: {}\n  main:\n    image: {{name: {name}}}\n    \
         retention: {}\n",
        sandbox.read("image.yaml"),
        package("lab"),
        package(name)
    );
    sandbox.write("image.yaml", &text);
    let check_is = |script: &str| sandbox.write(check, script);
    check_is("echo 'a lab is wanted'\nfalse\n");
    sandbox.run(&["keys", "policy"]).expect(0);
    let before = sandbox.digest("stable").unwrap();
    let story = sandbox.run(&NIGHT);
    assert!(matches!(story.code, Some(1)), "{}", story.text);
    let now = sandbox.digest("stable").unwrap();
    assert_ne!(now, before, "{}", story.text);
    let alarm = state_of(&sandbox, "lab", "alarm.md");
    assert!(alarm.contains("lab/build-"), "{alarm}");
    assert!(!alarm.contains("main/"), "{alarm}");
    // There is nothing of the first to clean up, and the second is.
    let nothing = "someone/lab was never published";
    assert!(story.text.contains(nothing), "{}", story.text);
    let remembered =
        || -> Value { serde_json::from_str(&state_of(&sandbox, "lab", "night.json")).unwrap() };
    assert!(!remembered()["cleaned"].is_null(), "{}", remembered());

    // Killed between the halves of the second: the next night goes on with it.
    check_is("true\n");
    let second = format!("*pull*ghcr.io/someone/{name}@*");
    sandbox.hook(&second, "kill -9 0");
    sandbox.start(&NIGHT).wait().unwrap();
    assert_eq!(sandbox.digest("stable").unwrap(), now);
    let kept = remembered();
    assert_eq!(kept["stage"], "publish of main", "{kept}");
    let pushed = kept["pushed-images"]["main"]["image"].as_str().unwrap();
    sandbox.renew_engine();
    let story = sandbox.run(&NIGHT).expect(0);
    assert!(story.contains(&format!("goes on with {pushed}")), "{story}");
    let after = sandbox.digest("stable").unwrap();
    assert!(pushed.ends_with(&after.to_string()), "{pushed} {after}");
    assert_eq!(state_of(&sandbox, "lab", "alarm.md"), "");
}

/// What has no name yet is not forgotten; a build that meets it fails once, and that is
/// nobody's alarm.
#[test]
fn a_night_after_a_power_loss_that_fails_is_tried_once_more() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    // An engine of its own: what nights name is removed from it.
    sandbox.renew_engine();
    sandbox.run(&["night"]).expect(10);
    let unsure = |value: bool| {
        let mut kept = remembered(&sandbox);
        kept["unsure"] = value.into();
        let path = sandbox.path(&format!("{FOLDER}/night.json"));
        std::fs::write(path, kept.to_string()).unwrap();
    };
    unsure(true);
    sandbox.hook("build*", "exit 1");
    let story = sandbox.run(&NIGHT).expect(0);
    assert!(story.contains("the night tried once more"), "{story}");
    assert_eq!(state(&sandbox, "alarm.json"), "", "nobody is told");
    assert!(remembered(&sandbox)["unsure"].is_null());
    // Else a failure is one.
    unsure(false);
    sandbox.hook("build*", "exit 1");
    assert_ne!(sandbox.run(&NIGHT).code, Some(0));
    assert!(state(&sandbox, "alarm.md").contains("# Alarm: "));
    sandbox.renew_engine();
}

/// Three rounds; `KILL_ROUNDS=30` makes it thirty.
#[test]
fn killed_at_a_random_moment_the_next_night_ends_well() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    let given = |name: &str| std::env::var(name).ok().and_then(|s| s.parse().ok());
    let rounds: u64 = given("KILL_ROUNDS").unwrap_or(3);
    let seed = seed();
    let mut random = Random(seed);
    sandbox.renew_engine();
    let watch = Instant::now();
    sandbox.run(&NIGHT).expect(0);
    let whole = u64::try_from(watch.elapsed().as_millis()).unwrap();
    let mut before = sandbox.digest("stable").unwrap();
    let mut cut = 0;
    for round in 0..rounds {
        sandbox.renew_engine();
        let mut child = sandbox.start(&NIGHT);
        // The moment itself, not a wait for anything.
        std::thread::sleep(Duration::from_millis(random.below(whole)));
        // The night alone: its line must not go on without it.
        let night = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let _ = kill_process(night, Signal::KILL);
        child.wait().unwrap();
        let told = format!("round {round} of KILL_SEED={seed}");
        let after = sandbox.invariant(&before, &told);
        let stage = remembered(&sandbox)["stage"].as_str().unwrap().to_owned();
        sandbox.renew_engine();
        let story = sandbox.run(&NIGHT).expect(0);
        cut += u32::from(story.contains("the night before was ended at"));
        println!(
            "{told}: killed at `{stage}`, the tag had moved: {}",
            after != before
        );
        before = sandbox.invariant(&after, &told);
        assert_eq!(remembered(&sandbox)["outcome"]["what"], "published");
    }
    println!("{rounds} kills, {cut} of them in the midst");
    sandbox.renew_engine();
}

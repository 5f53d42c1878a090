//! Images of two architectures under one name, in a real registry. The second
//! one is the first with another architecture in its config: what another
//! machine would have pushed, and what this one cannot run.

use std::io::{BufRead as _, BufReader};

use registry_compat::{Digest, Repository};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use xshell::cmd;

use super::sandbox::{REPOSITORY, Sandbox};
use super::support::two;

const TRUST: &str = r"*--network=none*--pull=never\ --entrypoint*";

/// What two first halves pushed.
struct Pair {
    ours: Digest,
    other: Digest,
}

impl Pair {
    fn push(sandbox: &Sandbox) -> Self {
        sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
        sandbox.write("lock.json", &two::lock(&sandbox.read("lock.json")));
        let push = ["build", "--push", "--locked", "lock.json", "--force=a test"];
        let story = sandbox.run(&push).expect(0);
        assert!(story.contains("Attached 1 packages"), "{story}");
        let [(here, _), _] = two::names();
        let ours = sandbox.digest(&format!("candidate-{here}")).unwrap();
        let other = two::foreign(&sandbox.registries(), &repository(), &ours);
        Self { ours, other }
    }

    fn images(&self) -> String {
        let Self { ours, other } = self;
        format!("{REPOSITORY}@{ours} {REPOSITORY}@{other}")
    }
}

fn repository() -> Repository {
    REPOSITORY.parse().unwrap()
}

fn publish(images: &str) -> [&str; 4] {
    ["publish", images, "--locked", "lock.json"]
}

#[test]
fn two_architectures_under_one_name() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let single = sandbox.digest("stable").unwrap();
    let pair = Pair::push(&sandbox);
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&single));
    let images = pair.images();
    // As on a machine that did not build it.
    let sh = sandbox.sh();
    cmd!(sh, "podman rmi localhost/custom-coreos:stable")
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
    let story = sandbox.run(&publish(&images)).expect(0);
    // What it pulled is gone.
    let pulled = format!("{}/{REPOSITORY}@{}", sandbox.address, pair.ours);
    let exists = cmd!(sh, "podman image exists {pulled}");
    let exists = exists.quiet().ignore_status().ignore_stderr();
    assert_eq!(exists.output().unwrap().status.code(), Some(1), "{story}");
    let index = sandbox.invariant(&single, "an index");
    both_are_in_the_history(&sandbox, &index);
    assert!(story.contains("Joined"), "{story}");
    for digest in [&index, &pair.ours, &pair.other] {
        assert!(sandbox.signed(digest), "{digest} is not signed");
    }
    as_others_see_it(&sandbox, &index, &pair);
    as_this_program_sees_it(&sandbox, &single, &index, &pair);
    // Back to an image of one architecture, and on again.
    let [(here, _), (there, _)] = two::names();
    let yaml = sandbox.read("image.yaml");
    let both = yaml.replace(&format!("- {here}\n"), &format!("- {here}\n- {there}\n"));
    assert_ne!(both, yaml);
    sandbox.write("image.yaml", &both);
    let story = sandbox.run(&["rollback"]).expect(0);
    let warning = format!("has nothing for {there}: its hosts stay");
    assert!(story.contains(&warning), "{story}");
    assert!(!story.contains(&format!("nothing for {here}")), "{story}");
    sandbox.write("image.yaml", &yaml);
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&single));
    let promote = ["promote", &format!("{REPOSITORY}@{index}")];
    let story = sandbox.run(&promote).expect(0);
    assert!(story.contains("Accepted"), "{story}");
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&index));
    // The same images again are the same index, which is a bad one now.
    sandbox.run(&["retract", index.as_str()]).expect(0);
    let story = sandbox.run(&publish(&images)).expect(4);
    assert!(story.contains("marked as bad"), "{story}");
    the_old_one_goes_and_the_new_one_stays_whole(&sandbox, &index, &pair);
}

/// One entry, in which each machine's steps and layers are its own.
fn both_are_in_the_history(sandbox: &Sandbox, index: &Digest) {
    let history = image_publish::read_history(&sandbox.registries(), &repository());
    let history = history.unwrap().expect("there is one");
    let entry = &history.last(1)[0];
    assert_eq!(entry.digest, *index);
    let mut arches: Vec<String> = entry.weights.iter().map(|w| w.arch.to_string()).collect();
    arches.sort();
    assert_eq!(arches, ["aarch64", "x86_64"]);
    let builds = |took: &&image_publish::history::Took| took.step.to_string() == "build";
    let builds: Vec<_> = entry.steps.iter().filter(builds).collect();
    assert_eq!(builds.len(), 2);
    assert_ne!(builds[0].arch, builds[1].arch);
    // They went on at the same time.
    assert!(entry.seconds() < entry.steps.iter().map(|took| took.seconds.get()).sum());
    let screen = sandbox.run(&["status"]).expect(0);
    assert!(screen.contains("of the policy's key"), "{screen}");
    assert_eq!(screen.matches("  kernel ").count(), 2, "{screen}");
    // image.yaml lists one.
    let [_, (there, _)] = two::names();
    let change = format!("can be built: {there} built -> none\n");
    assert!(screen.contains(&change), "{screen}");
}

/// `skopeo` and `podman` read the index as what it is meant to be.
fn as_others_see_it(sandbox: &Sandbox, index: &Digest, pair: &Pair) {
    let sh = sandbox.sh();
    sh.set_var(
        "CONTAINERS_REGISTRIES_CONF",
        sandbox.path("registries.conf"),
    );
    let place = format!("{}/{REPOSITORY}", sandbox.address);
    let there = format!("docker://{place}:stable");
    let raw = cmd!(sh, "skopeo inspect --raw --tls-verify=false {there}")
        .quiet()
        .output()
        .unwrap();
    assert_eq!(Digest::of(&raw.stdout), *index);
    let listed = cmd!(sh, "podman manifest inspect {place}:stable")
        .quiet()
        .read()
        .unwrap();
    let mut wanted: Vec<(&str, &str)> = two::names()
        .into_iter()
        .zip([pair.ours.as_str(), pair.other.as_str()])
        .map(|((_, name), digest)| (name, digest))
        .collect();
    wanted.sort_unstable();
    let wire: Value = serde_json::from_slice(&raw.stdout).unwrap();
    assert_eq!(wire["mediaType"], "application/vnd.oci.image.index.v1+json");
    // Older ones of `podman` show every list in docker's form.
    for text in [&raw.stdout, listed.as_bytes()] {
        let wire: Value = serde_json::from_slice(text).unwrap();
        let manifests = wire["manifests"].as_array().unwrap();
        let found: Vec<(&str, &str)> = manifests
            .iter()
            .map(|entry| {
                assert_eq!(entry["platform"]["os"], "linux");
                let name = entry["platform"]["architecture"].as_str().unwrap();
                (name, entry["digest"].as_str().unwrap())
            })
            .collect();
        assert_eq!(found, wanted);
    }
    // All of it can be fetched, and each machine gets its own.
    let copy = format!("dir:{}", sandbox.path("copy").display());
    cmd!(
        sh,
        "skopeo --insecure-policy copy --all --src-tls-verify=false {there} {copy}"
    )
    .quiet()
    .ignore_stdout()
    .run()
    .unwrap();
    for (kernel, name) in two::names() {
        let image = format!("{place}:stable");
        cmd!(
            sh,
            "podman pull --quiet --arch={name} --tls-verify=false {image}"
        )
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .unwrap();
        let format = "--format={{.Architecture}}";
        let got = cmd!(sh, "podman image inspect {format} {image}");
        assert_eq!(
            got.quiet().ignore_stderr().read().unwrap(),
            name,
            "{kernel}"
        );
        cmd!(sh, "podman rmi {image}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .unwrap();
    }
}

fn as_this_program_sees_it(sandbox: &Sandbox, single: &Digest, index: &Digest, pair: &Pair) {
    let name = |digest: &Digest| format!("{REPOSITORY}@{digest}");
    // What is published is seen to have the inputs of the lock.
    let whole = ["build", "--publish", "--locked", "lock.json"];
    let story = sandbox.run(&whole).expect(0);
    let same = format!("digest {index}");
    assert!(
        story.contains("unchanged since") && story.contains(&same),
        "{story}"
    );
    let table = sandbox
        .run(&["verify", &format!("{REPOSITORY}:stable")])
        .expect(0);
    let [(here, _), (there, _)] = two::names();
    for row in [
        format!("platform {here}"),
        format!("platform {there}"),
        format!("signature {}", pair.other.short()),
        format!("{} cannot be run here", name(&pair.other)),
    ] {
        assert!(table.contains(&row), "{row}: {table}");
    }
    let diff = sandbox
        .run(&["diff", &name(single), &name(index)])
        .expect(0);
    assert!(!diff.contains("no SBOM"), "{diff}");
    // One signature is missing: a machine of that kind would refuse it.
    let signature = sandbox.stored(&format!(
        "{REPOSITORY}/_manifests/tags/sha256-{}.sig",
        pair.other.hex()
    ));
    let away = sandbox.path("away.sig");
    std::fs::rename(&signature, &away).unwrap();
    let table = sandbox.run(&["verify", &name(index)]).expect(1);
    assert!(table.contains("1 of "), "{table}");
    let story = sandbox.run(&["rollback", "--to", index.as_str()]).expect(1);
    assert!(story.contains("has no signature"), "{story}");
    std::fs::rename(&away, &signature).unwrap();
}

/// The clean-up takes an index with its images and all that lies beside them.
fn the_old_one_goes_and_the_new_one_stays_whole(sandbox: &Sandbox, old: &Digest, before: &Pair) {
    let next = Pair::push(sandbox);
    let images = next.images();
    sandbox.run(&publish(&images)).expect(0);
    let index = sandbox.invariant(old, "another index");
    assert_ne!(index, *old);
    let yaml = sandbox.read("image.yaml");
    let package = format!("packages:\n  - image: {REPOSITORY}\n    back-end: registry\n");
    let listed = yaml.replace("  packages: []\n", &format!("  {package}"));
    assert_ne!(listed, yaml);
    sandbox.write("image.yaml", &listed);
    sandbox.run(&["cleanup", "--audit"]).expect(0);
    let execute = [
        "cleanup",
        "--execute",
        "--days=0",
        "--keep=0",
        "--most-share=100",
    ];
    let story = sandbox.run(&execute).expect(0);
    let signature = |digest: &Digest| sandbox.digest(&format!("sha256-{}.sig", digest.hex()));
    let beside = |digest: &Digest| sandbox.digest(&format!("sha256-{}", digest.hex()));
    for gone in [old, &before.ours, &before.other] {
        assert_eq!(signature(gone), None, "{gone}: {story}");
        assert_eq!(beside(gone), None, "{gone}: {story}");
    }
    for kept in [&index, &next.ours, &next.other] {
        assert!(signature(kept).is_some(), "{kept}: {story}");
        assert!(beside(kept).is_some(), "{kept}: {story}");
    }
    sandbox
        .run(&["verify", &format!("{REPOSITORY}:stable")])
        .expect(0);
    sandbox.run(&["cleanup", "--audit"]).expect(0);
}

#[test]
fn a_fault_at_each_new_step() {
    let Some(mut sandbox) = Sandbox::new() else {
        return;
    };
    let before = sandbox.digest("stable").unwrap();
    let pair = Pair::push(&sandbox);
    let images = pair.images();
    // Of one image, the signature is deleted before the host's look.
    let tags = sandbox.stored(&format!("{REPOSITORY}/_manifests/tags"));
    let lost = tags.join(format!("sha256-{}.sig", pair.other.hex()));
    sandbox.hook(TRUST, &format!("rm -r {}", lost.display()));
    let story = sandbox.run(&publish(&images)).expect(1);
    sandbox.unhook();
    assert!(story.contains("has no signature of the key"), "{story}");
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&before), "{story}");
    // The registry dies as the index is written.
    let mut child = sandbox.start(&publish(&images));
    let story = BufReader::new(child.stdout.take().unwrap());
    for line in story.lines() {
        if line.unwrap().starts_with("join ") {
            sandbox.stop_registry();
        }
    }
    let code = child.wait().unwrap().code();
    // To the image's own skopeo, a dead registry is one more refusal.
    let late = sandbox.second_opinion() && code == Some(1);
    assert!(code == Some(3) || late, "{code:?}");
    sandbox.start_registry("");
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&before));
    // The program dies, with all that it started.
    for act in [
        "take ", "join ", "read ", "sign ", "signed ", "beside ", "attach ",
    ] {
        let mut child = sandbox.start(&publish(&images));
        let story = BufReader::new(child.stdout.take().unwrap());
        let begun = story.lines().map_while(Result::ok);
        assert!(begun.into_iter().any(|line| line.starts_with(act)), "{act}");
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        child.wait().unwrap();
        sandbox.invariant(&before, act);
    }
    sandbox.run(&publish(&images)).expect(0);
    let now = sandbox.invariant(&before, "the run after");
    assert_ne!(now, before);
    assert!(sandbox.signed(&pair.ours) && sandbox.signed(&pair.other));
}

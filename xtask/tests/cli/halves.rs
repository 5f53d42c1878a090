//! A publication in two halves, maybe on two machines.

use registry_compat::{Answer, Digest, Repository};

use super::support::{Sandbox, two, upstream::PUBLISHED};

const PUSH: [&str; 4] = ["build", "--push", "--locked", "lock.json"];

/// One image pushed by the first half, of `lock.json`.
fn pushed() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    sandbox.run_in_ci(&PUSH).expect(0);
    let image = format!("{PUBLISHED}@{}", sandbox.pushed());
    (sandbox, image)
}

fn publish<'a>(image: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["publish", image, "--locked", "lock.json"], more].concat()
}

#[test]
fn the_two_halves_are_the_whole() {
    let (sandbox, image) = pushed();
    let digest = sandbox.pushed();
    let dry = |args: &[&str]| sandbox.run(&[args, &["--dry-run"]].concat()).expect(0);
    let first = dry(&PUSH);
    let second = dry(&publish(&image, &[]));
    // The one thing that is not known before the push.
    assert!(second.contains(&digest), "{second}");
    let whole = dry(&["build", "--publish", "--locked", "lock.json"]);
    assert_eq!(first + &second.replace(&digest, "PUSHED"), whole);
    // And that is what is performed.
    let performed = sandbox.run(&publish(&image, &[])).expect(0);
    assert_eq!(performed, second);
    assert_eq!(sandbox.published("stable"), Some(digest));
}

#[test]
fn the_first_half_moves_nothing_and_hands_its_digest_on() {
    let (sandbox, image) = pushed();
    assert_eq!(
        sandbox.engine_verbs(),
        ["build", "run", "push", "image"],
        "the contract comes before the push"
    );
    sandbox.assert_no_tag_moved();
    let outputs = sandbox.read("github-output");
    let digest = sandbox.pushed();
    for line in [
        format!("digest<<END_0\n{digest}\n"),
        format!("image<<END_0\n{PUBLISHED}\n"),
        format!("pushed-{}<<END_0\n{image}\n", std::env::consts::ARCH),
    ] {
        assert!(outputs.contains(&line), "{line} in {outputs}");
    }
    // An expression of a workflow may hold more blanks than images.
    let argument = format!(" {image}  ");
    sandbox.run_in_ci(&publish(&argument, &[])).expect(0);
    assert_eq!(sandbox.published("stable"), Some(digest));
}

#[test]
fn the_second_half_takes_nobodys_word() {
    let (sandbox, image) = pushed();
    let (_, other) = image.split_at(image.len() - 4);
    let old = format!("{PUBLISHED}@{}", sandbox.upstream.old.digest);
    let tag = format!("{PUBLISHED}:candidate");
    let elsewhere = image.replace("someone", "sometwo");
    let gone = image.replace(other, "0000");
    for (argument, code, said) in [
        (old.as_str(), 4, "not built by this project"),
        (&tag, 2, "by digest"),
        (&elsewhere, 2, "is not an image of"),
        (&gone, 1, "is not there"),
        ("  ", 2, "there is no image to publish"),
        (&format!("{image} {image}"), 4, "are both for"),
    ] {
        let outcome = sandbox.run_in_ci(&publish(argument, &[]));
        assert!(outcome.stderr.contains(said), "{said}: {outcome:?}");
        outcome.expect(code);
    }
    // Another lock than its own.
    let lock = sandbox.read("lock.json");
    sandbox.write("lock.json", &lock.replace("\"2.4.4\"", "\"2.4.3\""));
    let outcome = sandbox.run_in_ci(&publish(&image, &[]));
    assert!(
        outcome.stderr.contains("give the lock of its own build"),
        "{outcome:?}"
    );
    outcome.expect(4);
    sandbox.write("lock.json", &lock);
    // The contract once more, in what is in the registry.
    sandbox.on(
        "run",
        "printf 'FAIL\\tmodule\\tthis\\tthat\\nend\\t1 checks, 1 failed\\n'; exit 1",
    );
    let outcome = sandbox.run_in_ci(&publish(&image, &[]));
    assert!(
        outcome.stderr.contains("expected this, found that"),
        "{outcome:?}"
    );
    outcome.expect(1);
    assert_eq!(sandbox.engine_verbs().last().unwrap(), "rmi");
    sandbox.assert_no_tag_moved();
    // Files of another state.
    sandbox.write("containerfiles/custom-coreos/host.sh", "exit\n");
    let outcome = sandbox.run_in_ci(&publish(&image, &[]));
    assert!(outcome.stderr.contains("in another state"), "{outcome:?}");
    outcome.expect(4);
    sandbox.assert_no_tag_moved();
}

/// What cannot be removed is said; the image is published all the same.
#[test]
fn a_copy_that_stays_behind_is_no_failure() {
    let (sandbox, image) = pushed();
    sandbox.on("rmi", "echo in use >&2; exit 1");
    let outcome = sandbox.run_in_ci(&publish(&image, &[]));
    assert!(outcome.stderr.contains("it stays behind"), "{outcome:?}");
    outcome.expect(0);
}

#[test]
fn a_forced_build_keeps_its_reason() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let force = [&PUSH[..], &["--force", "a reason"]].concat();
    sandbox.run_in_ci(&force).expect(0);
    let image = format!("{PUBLISHED}@{}", sandbox.pushed());
    let done = sandbox.run_in_ci(&publish(&image, &["--json"])).expect(0);
    let document: serde_json::Value = serde_json::from_str(&done).unwrap();
    assert_eq!(document["lock"]["judgement"]["forced"], "a reason");
    assert_eq!(document["image"], image);
}

#[test]
fn somebody_elses_ci_is_stopped_in_either_half() {
    let (sandbox, image) = pushed();
    for args in [&PUSH[..], &publish(&image, &[])] {
        let outcome = sandbox.run_with(args, &[("GITHUB_REPOSITORY_OWNER", "forker")]);
        assert!(
            outcome.stderr.contains("`image.owner` in image.yaml"),
            "{outcome:?}"
        );
        outcome.expect(2);
    }
}

/// The images of two architectures, pushed by two first halves.
fn pushed_two() -> (Sandbox, Digest, Digest) {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    sandbox.write("lock.json", &two::lock(&sandbox.read("lock.json")));
    sandbox.run_in_ci(&PUSH).expect(0);
    let [(here, _), _] = two::names();
    let ours = sandbox.published(&format!("candidate-{here}")).unwrap();
    let ours: Digest = ours.parse().unwrap();
    let repository: Repository = PUBLISHED.parse().unwrap();
    let other = two::foreign(&sandbox.registries(), &repository, &ours);
    (sandbox, ours, other)
}

#[test]
fn two_architectures_get_one_name() {
    let (sandbox, ours, other) = pushed_two();
    assert_eq!(sandbox.published("candidate"), None, "each has its own");
    let images = format!("{PUBLISHED}@{other} {PUBLISHED}@{ours}");
    let dry = sandbox.run(&publish(&images, &["--dry-run"])).expect(0);
    assert_eq!(sandbox.published("candidate"), None);
    sandbox.write("github-output", "");
    let performed = sandbox.run_in_ci(&publish(&images, &[])).expect(0);
    assert_eq!(performed, dry);
    let index = sandbox.published("stable").unwrap();
    assert!(
        dry.contains(&format!("as PUSHED; it must be {index}")),
        "{dry}"
    );
    assert_eq!(sandbox.published("candidate").as_ref(), Some(&index));
    assert_eq!(
        sandbox.published("44.20260720.3.1-zfs2.4.4").as_ref(),
        Some(&index)
    );
    let outputs = sandbox.read("github-output");
    assert!(
        outputs.contains(&format!("digest<<END_0\n{index}\n")),
        "{outputs}"
    );
    // Once more, in another order: nothing new.
    let back = format!("{PUBLISHED}@{ours} {PUBLISHED}@{other}");
    sandbox.run_in_ci(&publish(&back, &[])).expect(0);
    assert_eq!(sandbox.published("stable"), Some(index.clone()));
    assert_eq!(sandbox.published("44.20260720.3.1-zfs2.4.4-1"), None);
    // It is up to date for a build of either.
    let registries = sandbox.registries();
    let image = format!("{PUBLISHED}:stable").parse().unwrap();
    for ((arch, _), digest) in two::names().into_iter().zip([&ours, &other]) {
        let Answer::Present(found) = registries.inspect(&image, arch.parse().unwrap()) else {
            panic!("{arch}");
        };
        assert_eq!(
            (found.manifest, found.digest.to_string()),
            (digest.clone(), index.clone())
        );
    }
    // The image of one architecture is none for all.
    let outcome = sandbox.run(&["promote", &format!("{PUBLISHED}@{ours}")]);
    assert!(
        outcome.stderr.contains("for one architecture only"),
        "{outcome:?}"
    );
    outcome.expect(4);
    let promoted = sandbox
        .run(&["promote", &format!("{PUBLISHED}@{index}")])
        .expect(0);
    assert!(promoted.contains("unseen   "), "{promoted}");
}

#[test]
fn what_does_not_belong_together_is_not_published() {
    let (sandbox, ours, other) = pushed_two();
    let image = |digest: &Digest| format!("{PUBLISHED}@{digest}");
    let [_, (there, _)] = two::names();
    let single = sandbox.read("lock.json");
    for (images, said) in [
        (image(&ours), format!("no image for {there}")),
        (format!("{0} {0}", image(&ours)), "are both for".to_owned()),
    ] {
        let outcome = sandbox.run_in_ci(&publish(&images, &[]));
        assert!(outcome.stderr.contains(&said), "{said}: {outcome:?}");
        outcome.expect(4);
    }
    // A bad one among them.
    let good = format!("{} {}", image(&ours), image(&other));
    sandbox.run(&["retract", other.as_str()]).expect(0);
    let outcome = sandbox.run_in_ci(&publish(&good, &[]));
    assert!(outcome.stderr.contains("is marked as bad"), "{outcome:?}");
    outcome.expect(4);
    // Both halves at once.
    let outcome = sandbox.run_in_ci(&["build", "--publish", "--locked", "lock.json"]);
    assert!(
        outcome
            .stderr
            .contains("cargo xtask publish NAME@DIGEST NAME@DIGEST"),
        "{outcome:?}"
    );
    outcome.expect(2);
    // The image of the other architecture has no list of packages.
    sandbox
        .upstream
        .remove(PUBLISHED, &format!("retracted-{}", other.short()));
    sandbox
        .upstream
        .remove(PUBLISHED, &format!("sha256-{}", other.hex()));
    let outcome = sandbox.run_in_ci(&publish(&good, &[]));
    assert!(
        outcome.stderr.contains("no list of packages beside"),
        "{outcome:?}"
    );
    outcome.expect(1);
    let old = sandbox.upstream.old.digest.to_string();
    assert_eq!(sandbox.published("stable"), Some(old));
    assert_eq!(sandbox.read("lock.json"), single);
}

#[test]
fn the_index_of_another_run_is_not_published() {
    let (sandbox, ours, other) = pushed_two();
    let images = format!("{PUBLISHED}@{ours} {PUBLISHED}@{other}");
    sandbox.upstream.steal("candidate");
    let outcome = sandbox.run_in_ci(&publish(&images, &[]));
    assert!(
        outcome
            .stderr
            .contains("another image than the index that was written"),
        "{outcome:?}"
    );
    outcome.expect(1);
    let old = sandbox.upstream.old.digest.to_string();
    assert_eq!(sandbox.published("stable"), Some(old));
}

//! The workflows beside the build, in `act`, in a fork that has published: the clean-up, the
//! site, and what looks at a change.

use std::path::Path;

use image_config::{BackEnd, Config, Package};
use registry_compat::Digest;
use rehearsal::standins;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::act;
use super::fixture::Fixture;
use super::runner::{Event, by_hand, schedule};
use super::skip::skip;
use super::tools;

/// After the nights of the build workflow.
pub fn run(fixture: &Fixture) {
    clean_up(fixture);
    site(fixture);
    check(fixture);
}

/// A push to the main branch.
fn push() -> Event {
    Event {
        name: "push",
        inputs: Value::Null,
    }
}

/// An image of long ago, in the repository of the fork; its digest.
fn old_image(fixture: &Fixture) -> Digest {
    let sh = Shell::new().unwrap();
    for (name, value) in fixture.machine() {
        sh.set_var(name, value);
    }
    sh.set_var("REGISTRY_AUTH_FILE", fixture.path("auth.json"));
    let file = fixture.path("old.Containerfile");
    sh.write_file(&file, "FROM scratch\nLABEL old=1\n").unwrap();
    let context = fixture.path("old");
    sh.create_dir(&context).unwrap();
    // The end of 2023.
    let time = "--timestamp=1700000000";
    cmd!(
        sh,
        "podman build --quiet {time} --tag localhost/old --file {file} {context}"
    )
    .quiet()
    .ignore_stdout()
    .run()
    .unwrap();
    let tag = "20231114".parse().unwrap();
    let name = fixture.config.repository().unwrap().tagged(tag);
    let place = fixture.located(&name);
    standins::push(&sh, "podman", "localhost/old", &place).unwrap();
    fixture.digest(&name).unwrap()
}

/// By hand it only plans. By the clock it deletes what the policy lets go, and what hosts
/// follow stays with its signature.
fn clean_up(fixture: &Fixture) {
    fixture.change("image.yaml", |text| {
        let mut config: Config = serde_yaml::from_str(text).unwrap();
        // GitHub's stand-in knows nothing of what is in the real registry.
        let package = Package {
            image: config.repository().unwrap(),
            back_end: Some(BackEnd::Registry),
        };
        config.retention.packages = serde_json::from_value(json!([package])).unwrap();
        config.retention.keep = 1;
        config.retention.most_share = "50".parse().unwrap();
        serde_yaml::to_string(&config).unwrap()
    });
    let repository = fixture.config.repository().unwrap();
    let stable = fixture.stable().unwrap();
    let signature = signatures::signing::signature_tag(&stable).unwrap();
    let signed = repository.tagged(signature);
    let old = old_image(fixture);
    let there = || fixture.digest(&repository.at(old.clone()));

    let by_hand = by_hand(json!({"mode": "dry-run"}));
    let run = act::run(fixture, "cleanup.yaml", 8, &by_hand);
    run.expect(&[("cleanup", "success")]);
    let typed = |mode: &str| {
        [
            format!("cargo xtask cleanup --mode {mode}"),
            "cargo xtask alarm --job cleanup --status success".to_owned(),
        ]
        .map(|line| (line, 0))
    };
    assert_eq!(run.typed, typed("dry-run"));
    assert_eq!(there(), Some(old.clone()), "{}", run.log);

    let run = act::run(fixture, "cleanup.yaml", 9, &schedule());
    run.expect(&[("cleanup", "success")]);
    assert_eq!(run.typed, typed("execute"));
    assert_eq!(there(), None, "{}", run.log);
    assert_eq!(fixture.stable(), Some(stable));
    assert!(fixture.digest(&signed).is_some());
    // The log that undoes it is kept with the run.
    let kept = std::fs::read_dir(fixture.path("artifacts/cleanup-log")).unwrap();
    let logs: Vec<String> = kept
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(
        logs.iter().any(|log| log.contains(&old.to_string())),
        "{logs:?}"
    );
}

/// The site of the machines, with the book beside it.
fn site(fixture: &Fixture) {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(manual::book::PLACE)
        .join("bin/mdbook");
    if !book.is_file() && tools::program("mdbook").is_none() {
        return skip("the workflow of the site needs mdbook: cargo xtask doctor docs --install");
    }
    let run = act::run(fixture, "pages.yaml", 10, &push());
    run.expect(&[("pages", "success")]);
    let [site, deployed] = &run.done[run.done.len() - 2..] else {
        panic!("{:?}", run.done);
    };
    assert!(site.starts_with("site of "), "{site}");
    assert_eq!(deployed, "deployed");
}

/// A push looks at the change; machines are started by hand. What the lines do is tried
/// elsewhere.
fn check(fixture: &Fixture) {
    let jobs = |machines| {
        [
            ("boot", machines),
            ("check", "success"),
            ("images", "success"),
            ("rehearsal", "success"),
            ("test-build", "success"),
            ("vm", machines),
        ]
    };
    let run = act::run(fixture, "check.yaml", 11, &push());
    run.expect(&jobs("skipped"));
    let mut typed: Vec<&str> = run.typed.iter().map(|(line, _)| line.as_str()).collect();
    typed.sort_unstable();
    assert_eq!(
        typed,
        [
            "cargo xtask check",
            "cargo xtask doctor --install",
            "cargo xtask doctor --install",
            "cargo xtask doctor docs --install",
            "cargo xtask doctor images --install",
            "cargo xtask rehearse",
            "cargo xtask rehearse --images",
            "cargo xtask test-build --if-possible"
        ]
    );
    let run = act::run(fixture, "check.yaml", 12, &by_hand(json!({})));
    run.expect(&jobs("success"));
}

//! The workflows beside the build in a fork that has published: the clean-up by hand, the
//! site, and what looks at a change.

use std::net::SocketAddr;
use std::path::Path;

use registry_compat::Digest;
use rehearsal::standins;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::act;
use super::fixture::Fixture;
use super::gitlab::{self, Source};
use super::runner::{Event, by_hand};
use super::skip::skip;
use super::tools;

/// At GitHub, in `act`.
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
pub fn old_image(fixture: &Fixture) -> Digest {
    let sh = Shell::new().unwrap();
    for (name, value) in fixture.machine() {
        sh.set_var(name, value);
    }
    sh.set_var("REGISTRY_AUTH_FILE", fixture.path("auth.json"));
    let file = fixture.path("old.Containerfile");
    sh.write_file(&file, "FROM scratch\nLABEL old=1\n").unwrap();
    let context = fixture.path("old");
    let _ = sh.create_dir(&context);
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

/// By hand it only plans.
fn clean_up(fixture: &Fixture) {
    let old = old_image(fixture);
    let by_hand = by_hand(json!({"mode": "dry-run"}));
    let run = act::run(fixture, "cleanup.yaml", 8, &by_hand);
    run.expect(&[("cleanup", "success")]);
    let typed = [
        "cargo xtask cleanup --mode dry-run",
        "cargo xtask alarm --job cleanup --status success",
    ];
    assert_eq!(run.typed, typed.map(|line| (line.to_owned(), 0)));
    let name = fixture.config.repository().unwrap();
    let there = fixture.digest(&name.at(old.clone()));
    assert_eq!(there, Some(old), "{}", run.log);
}

/// The log that undoes a clean-up is kept with its run.
pub fn assert_log(fixture: &Fixture, old: &Digest) {
    let kept = std::fs::read_dir(fixture.path("artifacts/cleanup-log")).unwrap();
    let logs: Vec<String> = kept
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(
        logs.iter().any(|log| log.contains(&old.to_string())),
        "{logs:?}"
    );
}

/// The same two at GitLab, where a site is a job by hand.
pub fn at_gitlab(fixture: &Fixture, api: SocketAddr) {
    let run = gitlab::run(fixture, api, Source::Push);
    run.expect(&[
        ("check", "success"),
        ("rehearsal", "success"),
        ("test-build", "success"),
    ]);
    // Emulation is for machines of one's own: that job is started by hand.
    let by_itself = LOOKED_AT.iter().filter(|line| !line.contains("images"));
    let by_itself: Vec<&str> = by_itself.copied().collect();
    assert_eq!(sorted(&run.typed), by_itself, "{}", run.log);
    if !makes_books() {
        return;
    }
    let run = gitlab::run(fixture, api, Source::Api("pages"));
    run.expect(&[("pages", "success")]);
}

/// What a push has typed, in order.
const LOOKED_AT: [&str; 8] = [
    "cargo xtask check",
    "cargo xtask doctor --install",
    "cargo xtask doctor --install",
    "cargo xtask doctor docs --install",
    "cargo xtask doctor images --install",
    "cargo xtask rehearse",
    "cargo xtask rehearse --images",
    "cargo xtask test-build --if-possible",
];

fn sorted(typed: &[(String, i32)]) -> Vec<&str> {
    let mut typed: Vec<&str> = typed.iter().map(|(line, _)| line.as_str()).collect();
    typed.sort_unstable();
    typed
}

/// Whether mdBook is here.
fn makes_books() -> bool {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(manual::book::PLACE)
        .join("bin/mdbook");
    let there = book.is_file() || tools::program("mdbook").is_some();
    if !there {
        skip("the workflow of the site needs mdbook: cargo xtask doctor docs --install");
    }
    there
}

/// The site of the machines, with the book beside it.
fn site(fixture: &Fixture) {
    if !makes_books() {
        return;
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
    assert_eq!(sorted(&run.typed), LOOKED_AT);
    let run = act::run(fixture, "check.yaml", 12, &by_hand(json!({})));
    run.expect(&jobs("success"));
}

//! A repository of one's own, made by `init`: all of it works at once, and a mistake in
//! what it declares is found before anything is built.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; cargo and the built program are run here"
)]

mod content;
mod repository;
#[path = "../skip/mod.rs"]
mod skip;
#[path = "../tools/mod.rs"]
mod tools;

use std::path::Path;

use image_build::inputs::Saved;
use image_build::testing;
use repository::Repository;

/// Facts of a night on which everything is there, for the kmods of our `image.yaml`.
fn facts(repository: &Repository) -> String {
    let (_, upstream, local) = testing::facts();
    let text = serde_json::to_string(&Saved { upstream, local }).unwrap();
    let theirs = testing::facts().0.kmods[0].image.to_string();
    let ours = repository.config().kmods[0].image.to_string();
    text.replace(&theirs, &ours)
}

#[test]
fn a_new_repository_works_at_once() {
    let repository = Repository::built("works-at-once");
    let again = repository.init();
    assert_eq!(again.code, Some(4), "{}", again.text);
    assert!(again.text.contains("image.yaml"), "{}", again.text);

    repository.write("facts.json", &facts(&repository));
    let plan = repository.run(&["build", "--dry-run", "--facts", "facts.json"]);
    assert_eq!(plan.code, Some(0), "{}", plan.text);
    assert!(
        plan.text.contains("--tag=localhost/nas/bootc:stable"),
        "{}",
        plan.text
    );

    // Its own task, and its own test.
    let followed = repository.run(&["followed"]);
    assert_eq!(followed.text.trim(), "ghcr.io/somebody/nas/bootc:stable");
    let tested = repository.cargo(&["test", "--offline", "--quiet"]);
    assert_eq!(tested.code, Some(0), "{}", tested.text);
    assert!(tested.text.contains("1 passed"), "{}", tested.text);

    let machine = repository.run(&["ignition", "store"]);
    assert_eq!(machine.code, Some(0), "{}", machine.text);

    // Up to date; and what is edited stays as it is.
    let update = repository.run(&["update"]);
    assert_eq!(
        (update.code, update.text.trim()),
        (Some(0), "nothing changed")
    );
    let script = "containerfiles/custom-coreos/trust.sh";
    let record = repository.read(".custom-coreos.json");
    let digest = registry_compat::Digest::of(repository.read(script).as_bytes());
    let older = registry_compat::Digest::of(b"older");
    let record = record.replace(digest.as_str(), older.as_str());
    repository.write(".custom-coreos.json", &record);
    repository.write(script, "mine\n");
    let update = repository.run(&["update"]);
    assert!(
        update.text.contains("trust.sh: changed, but edited here"),
        "{}",
        update.text
    );
    assert_eq!(repository.read(script), "mine\n");
    assert!(repository.path("target/update").join(script).is_file());
}

/// What no file of ours has: an overlay that is gone, a tag in the place of a digest.
#[test]
fn nothing_is_built_of_what_is_declared_wrongly() {
    let repository = Repository::new("declared-wrongly");
    repository.write("facts.json", &facts(&repository));
    let yaml = repository.read("image.yaml");
    let bad = format!("{yaml}\ncontent:\n  overlays: [gone]\n  stages: [crun]\n");
    repository.write("image.yaml", &bad);
    let tagged = "FROM quay.io/fedora/fedora:44\n";
    repository.write("stages/crun/Containerfile", tagged);
    let built = repository.run(&["build", "--facts", "facts.json"]);
    assert_eq!(built.code, Some(2), "{}", built.text);
    let line = yaml.lines().count() + 3;
    for told in [
        format!("image.yaml:{line}:14: `gone` is not in the checkout"),
        format!(
            "image.yaml:{}:12: stages/crun/Containerfile:1: `quay.io/fedora/fedora:44`",
            line + 1
        ),
    ] {
        assert!(built.text.contains(&told), "{told}: {}", built.text);
    }
    assert!(!built.text.contains("podman"), "{}", built.text);
    assert!(!Path::new(&repository.path("target/content")).exists());
}

//! What stands in for the actions. Each decides nothing on GitHub either; one
//! that is not known here is no action of ours.

use std::path::Path;

use image_config::Images;
use registry_compat::{Digest, Repository};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::around::{OWNER, TOKEN, login};
use super::runner::Job;

/// Does what an action is used for; whether it could.
pub fn run(job: &mut Job<'_>, action: &str, with: &Value) -> bool {
    let name = action.split('@').next().unwrap();
    job.run.done.push(name.to_owned());
    let given = |name: &str| job.text(&with[name]);
    match name {
        "actions/checkout" => {
            assert_eq!(with["persist-credentials"], false);
            checkout(job);
            true
        }
        "./.github/actions/xtask" => {
            let file = job.folder.join(name).join("action.yaml");
            let text = std::fs::read_to_string(file).unwrap();
            let own: Value = serde_yaml::from_str(&text).unwrap();
            let steps = own["runs"]["steps"].as_array().unwrap();
            steps
                .iter()
                .all(|step| run(job, step["uses"].as_str().unwrap(), &step["with"]))
        }
        "actions/cache" => {
            let (key, paths) = (given("key"), lines(&given("path")));
            let prefixes = lines(&given("restore-keys"));
            restore(job, &key, &prefixes);
            job.to_cache.push((key, paths));
            true
        }
        "docker/login-action" => {
            assert_eq!(
                (given("username"), given("password")),
                (OWNER.into(), TOKEN.into())
            );
            let registry = given("registry");
            assert_eq!(registry, job.fixture.config.image.registry.as_str());
            // The engine asks where `registries.conf` leads.
            let file = job.fixture.path("home/.docker/config.json");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, login(&job.fixture.registry)).unwrap();
            true
        }
        "actions/upload-artifact" => {
            let (name, path) = (given("name"), given("path"));
            let from = job.folder.join(&path);
            let to = job.fixture.path("artifacts").join(name);
            let there = from.is_file();
            if there {
                std::fs::create_dir_all(&to).unwrap();
                std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
            }
            there || given("if-no-files-found") != "error"
        }
        "actions/download-artifact" => {
            let (name, pattern) = (given("name"), given("pattern"));
            assert!(!name.is_empty() || given("merge-multiple") == "true");
            let wanted = |found: &str| match pattern.split_once('*') {
                Some((before, after)) => found.starts_with(before) && found.ends_with(after),
                None => found == name,
            };
            let to = job.folder.join(given("path"));
            std::fs::create_dir_all(&to).unwrap();
            let all = std::fs::read_dir(job.fixture.path("artifacts"))
                .unwrap()
                .flatten();
            for artifact in all.filter(|it| wanted(&it.file_name().to_string_lossy())) {
                for entry in std::fs::read_dir(artifact.path()).unwrap() {
                    let path = entry.unwrap().path();
                    std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
                }
            }
            true
        }
        "actions/attest" => attest(job, with),
        other => panic!("no stand-in for {other}"),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn checkout(job: &Job<'_>) {
    let sh = Shell::new().unwrap();
    let (origin, folder) = (&job.fixture.origin, &job.folder);
    cmd!(sh, "git clone --quiet {origin} {folder}")
        .quiet()
        .run()
        .unwrap();
}

/// Only an image that is there is attested, by the very digest, and before
/// anybody follows it.
fn attest(job: &mut Job<'_>, with: &Value) -> bool {
    let name = job.text(&with["subject-name"]);
    let digest: Digest = job.text(&with["subject-digest"]).parse().unwrap();
    // One of image.yaml, as it is in the clone.
    let images = Images::load(&job.folder.join("image.yaml")).unwrap();
    let repository: Repository = name.parse().unwrap();
    assert!(images.of_repository(&repository).is_some(), "{name}");
    assert_eq!(
        job.fixture.digest(&repository.at(digest.clone())),
        Some(digest.clone())
    );
    let tagged = |tag: &str| job.fixture.digest(&repository.tagged(tag.parse().unwrap()));
    assert_eq!(tagged("candidate"), Some(digest.clone()));
    assert_ne!(tagged("stable"), Some(digest.clone()));
    assert_eq!(with["push-to-registry"], true);
    assert_eq!(with["create-storage-record"], false);
    job.run.done.push(format!("attested {digest}"));
    true
}

/// What is compiled stays in one folder of this test, and the registry of
/// cargo is this machine's; the rest goes through an archive, as it does there.
fn here(path: &str) -> bool {
    !path.starts_with("~/") && !path.starts_with("target/")
}

fn archive(job: &Job<'_>, key: &str) -> std::path::PathBuf {
    job.fixture.path(&format!("cache-{key}.tar"))
}

fn restore(job: &mut Job<'_>, key: &str, prefixes: &[String]) {
    let exact = archive(job, key);
    let others = std::fs::read_dir(&job.fixture.folder).unwrap().flatten();
    let begins = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        prefixes
            .iter()
            .any(|prefix| name.starts_with(&format!("cache-{prefix}")))
    };
    let found = match exact.is_file() {
        true => Some(exact),
        false => others.map(|entry| entry.path()).find(|path| begins(path)),
    };
    if let Some(found) = found {
        let sh = Shell::new().unwrap();
        sh.change_dir(&job.folder);
        cmd!(sh, "tar -xf {found}").quiet().run().unwrap();
        // The very bytes that were checked out.
        let changed = cmd!(sh, "git status --porcelain").quiet().read().unwrap();
        assert_eq!(changed, "");
        job.run.done.push("restored".to_owned());
    }
}

/// At the end of a job that went well.
pub fn save(job: &mut Job<'_>) {
    for (key, paths) in std::mem::take(&mut job.to_cache) {
        let file = archive(job, &key);
        if file.is_file() {
            continue;
        }
        let sh = Shell::new().unwrap();
        sh.change_dir(&job.folder);
        let paths: Vec<String> = paths.into_iter().filter(|path| here(path)).collect();
        // As the action: what is not there is a warning, and nothing is saved.
        if paths.is_empty() {
            continue;
        }
        cmd!(sh, "tar --posix -cf {file} {paths...}")
            .quiet()
            .run()
            .unwrap();
        job.run.done.push(format!("saved {key}"));
    }
}

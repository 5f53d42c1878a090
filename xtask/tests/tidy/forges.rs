//! What one forge has and another has not is said in `crates/forge` and nowhere
//! else.

use std::collections::BTreeMap;

use super::{assert_none, read, root, with_end};

/// Variables and addresses of a forge's CI and API.
const OF_A_FORGE: [&str; 14] = [
    "\"GITHUB_",
    "\"GH_TOKEN",
    "\"GITLAB_",
    "\"GITEA_",
    "\"FORGEJO_",
    "\"CI_",
    "\"RUNNER_NAME",
    "/repos/",
    "/projects/",
    "/api/v4",
    "/api/v1",
    "}.github.io",
    "}.gitlab.io",
    "Forge::Github =>",
];

/// OpenZFS is at GitHub wherever our own repository is: its releases are read by the
/// first, and played by the second; and a clean-up's first back end is GitHub's. The
/// fourth plays GitHub in a playground.
const UPSTREAM: [&str; 4] = [
    "crates/rehearsal/src/github.rs",
    "crates/remote/src/github.rs",
    "crates/rehearsal/src/metadata.rs",
    "crates/host/src/env.rs",
];

#[test]
fn one_place_knows_each_forge() {
    let sources = with_end(".rs").into_iter().filter(|path| {
        let program = path.contains("/src/") && !path.ends_with("/tests.rs");
        program && !path.starts_with("crates/forge/") && !path.starts_with("target/")
    });
    let mut wrong = Vec::new();
    for path in sources.filter(|path| !UPSTREAM.contains(&path.as_str())) {
        let text = read(&path);
        let program = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (number, line) in program.lines().enumerate() {
            let line = line.trim_start();
            let is_comment = line.starts_with("//");
            if !is_comment && OF_A_FORGE.iter().any(|of| line.contains(of)) {
                wrong.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    assert_none(
        &wrong,
        "let crates/forge say what is a forge's own, and take it from there",
    );
}

/// Each `cargo xtask` line of a job's steps.
fn typed(job: &serde_yaml::Value) -> Vec<String> {
    let steps = job["steps"].as_sequence().into_iter().flatten();
    let runs = steps.filter_map(|step| step["run"].as_str());
    runs.map(|run| run.trim_start_matches("cargo xtask ").trim().to_owned())
        .collect()
}

#[test]
fn the_workflows_type_the_lines_that_all_forges_share() {
    let mut known = BTreeMap::new();
    for file in with_end(".yaml") {
        if !file.starts_with(".github/workflows/") {
            continue;
        }
        let text: serde_yaml::Value = serde_yaml::from_str(&read(&file)).unwrap();
        for (name, job) in text["jobs"].as_mapping().unwrap() {
            known.insert(name.as_str().unwrap().to_owned(), typed(job));
        }
    }
    let lines = |job: &night::lines::Job| {
        let all = job.lines.iter().copied().chain(job.alarm);
        (job.name.to_owned(), all.map(str::to_owned).collect())
    };
    let shared: BTreeMap<String, Vec<String>> = night::lines::JOBS.iter().map(lines).collect();
    assert_eq!(
        known, shared,
        "make .github/workflows (left) and crates/night/src/lines.rs (right) the same"
    );
}

#[test]
fn gitlabs_file_is_made_of_image_yaml() {
    let config = image_config::Images::load(&root().join("image.yaml")).unwrap();
    let text = night::gitlab_ci::text(&config);
    assert_eq!(
        read(".gitlab-ci.yml"),
        text,
        "cargo xtask workflow file > .gitlab-ci.yml"
    );
}

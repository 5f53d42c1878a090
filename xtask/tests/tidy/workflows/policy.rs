//! What the workflows are allowed, and what they take from `image.yaml` and
//! from the sources.

use std::collections::BTreeSet;

use image_config::{Config, SecretSource};
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::{documents, steps};
use crate::expressions::{Scope, condition, string};
use crate::{dependencies, files, read, root};

/// Every job and exactly what it may, in the order of the alphabet. `actions`
/// and `issues` are for the alarm; whoever adds to it says here what for.
const PERMISSIONS: [(&str, &str, &str); 13] = [
    // What is built is looked up beside what is published.
    (
        "build.yaml",
        "wanted",
        "actions: read, contents: read, issues: write, packages: read",
    ),
    // The modules are a package of their own; nobody attests them.
    (
        "build.yaml",
        "kmods",
        "actions: read, contents: read, issues: write, packages: write",
    ),
    // The published image may be private.
    (
        "build.yaml",
        "resolve",
        "actions: read, contents: read, issues: write, packages: read",
    ),
    // Whoever attests shows GitHub's certificate.
    (
        "build.yaml",
        "build",
        "actions: read, attestations: write, contents: read, id-token: write, issues: write, packages: write",
    ),
    (
        "build.yaml",
        "publish",
        "actions: read, attestations: write, contents: read, id-token: write, issues: write, packages: write",
    ),
    // A pull request's code gets nothing.
    ("check.yaml", "boot", "contents: read"),
    ("check.yaml", "check", "contents: read"),
    ("check.yaml", "rehearsal", "contents: read"),
    ("check.yaml", "images", "contents: read"),
    ("check.yaml", "test-build", "contents: read"),
    ("check.yaml", "vm", "contents: read"),
    (
        "cleanup.yaml",
        "cleanup",
        "actions: read, contents: read, issues: write, packages: write",
    ),
    // Pages asks who deploys.
    (
        "pages.yaml",
        "pages",
        "actions: read, contents: read, id-token: write, issues: write, pages: write",
    ),
];

#[test]
fn a_job_may_what_it_must_and_nothing_else() {
    let mut found = BTreeSet::new();
    for (path, document) in documents() {
        let name = path.rsplit('/').next().unwrap();
        for (job, settings) in document["jobs"].as_object().unwrap() {
            let permissions = settings["permissions"].as_object().unwrap();
            let permissions: BTreeSet<String> = permissions
                .iter()
                .map(|(scope, level)| format!("{scope}: {}", level.as_str().unwrap()))
                .collect();
            let permissions: Vec<String> = permissions.into_iter().collect();
            found.insert((name.to_owned(), job.clone(), permissions.join(", ")));
        }
    }
    let wanted = PERMISSIONS.map(|(file, job, may)| (file.into(), job.into(), may.into()));
    assert_eq!(
        found,
        BTreeSet::from(wanted),
        "left: the workflows, right: this table"
    );
}

/// The last word of each job is about the job, and only who is not looked at
/// gives an alarm.
#[test]
fn each_job_ends_with_the_alarm() {
    for (path, document) in documents() {
        let name = path.rsplit('/').next().unwrap();
        for (job, settings) in document["jobs"].as_object().unwrap() {
            let steps = settings["steps"].as_array().unwrap();
            let last = steps.last().unwrap();
            let run = last["run"].as_str().unwrap_or_default();
            if name == "check.yaml" {
                assert!(!read(&path).contains("xtask alarm"), "{path}");
                continue;
            }
            // Each job of a matrix has its own.
            let own = match settings["strategy"]["matrix"].is_null() || job == "publish" {
                true => job.clone(),
                false => format!("\"{job}-$ARCH\""),
            };
            let image = match job.as_str() {
                "build" | "publish" => "--image \"$NAME\" ",
                _ => "",
            };
            assert_eq!(
                run,
                format!("cargo xtask alarm {image}--job {own} --status \"$STATUS\""),
                "{path}: {job}"
            );
            assert_eq!(last["continue-on-error"], true, "{path}: {job}");
            assert_eq!(last["if"], "always()", "{path}: {job}");
            assert_eq!(last["env"]["STATUS"], "${{ job.status }}", "{path}: {job}");
        }
    }
}

#[test]
fn the_names_are_those_of_image_yaml() {
    let config = Config::load(&root().join("image.yaml")).unwrap();
    let variable = |source: &SecretSource| match source {
        SecretSource::Env(name) => Some(name.clone()),
        SecretSource::File(_) => None,
    };
    let signing = &config.signing;
    let secrets: BTreeSet<String> = [&signing.private_key, &signing.password]
        .into_iter()
        .filter_map(variable)
        .collect();
    let mut logins = 0;
    for (path, document) in documents() {
        for (job, step) in steps(&document) {
            if step["uses"]
                .as_str()
                .unwrap_or_default()
                .contains("login-action@")
            {
                logins += 1;
                assert_eq!(
                    step["with"]["registry"],
                    config.image.registry.as_str(),
                    "{path}: {job}: log in where image.yaml publishes to"
                );
            }
            let run = step["run"].as_str().unwrap_or_default();
            let signs = run.contains(" build --push ") || run.contains(" xtask publish ");
            let env = step["env"].as_object().cloned().unwrap_or_default();
            let given: BTreeSet<String> = env
                .iter()
                .filter(|(name, value)| {
                    let secret = value.as_str().unwrap_or_default().contains("secrets.");
                    secret && *name != "ALARM_WEBHOOK"
                })
                .map(|(name, value)| {
                    assert_eq!(value, &Value::from(format!("${{{{ secrets.{name} }}}}")));
                    name.clone()
                })
                .collect();
            // Where modules are built is for image.yaml to say; the key is given in any case.
            let modules = BTreeSet::from(["MODULE_KEY".to_owned()]);
            let wanted = if run.contains(" kmods publish") {
                secrets.union(&modules).cloned().collect()
            } else if signs {
                secrets.clone()
            } else {
                BTreeSet::new()
            };
            assert_eq!(
                given, wanted,
                "{path}: `{run}`: the secrets that image.yaml names"
            );
        }
    }
    assert!(logins > 0);
}

/// What runs under which circumstances: jobs, and the steps of `build` that are
/// not for every run.
#[test]
fn with_one_architecture_there_is_no_extra_job() {
    let (_, build) = documents()
        .into_iter()
        .find(|(path, _)| path.ends_with("build.yaml"))
        .unwrap();
    let plan = |event: &str, dry: bool, outputs: Value| {
        let inputs = match event {
            "schedule" => Value::Null,
            _ => json!({"force": "no", "dry_run": dry}),
        };
        let outputs = json!({"outputs": outputs, "result": "success"});
        let contexts = json!({
            "github": {"event_name": event},
            "inputs": inputs,
            "needs": {"wanted": outputs, "resolve": outputs, "build": outputs},
            "steps": {"resolve": outputs},
        });
        let scope = Scope {
            contexts: &contexts,
            call: &|name, _| match name {
                "success" | "always" => Some(Value::Bool(true)),
                "cancelled" => Some(Value::Bool(false)),
                _ => None,
            },
        };
        let runs = |part: &Value| condition(part["if"].as_str(), scope).unwrap();
        let mut done = Vec::new();
        assert_eq!(build["jobs"].as_object().unwrap().len(), 5);
        for name in ["wanted", "kmods", "resolve", "build", "publish"] {
            let job = &build["jobs"][name];
            // A job that was skipped takes those with it that need it.
            let after = name != "publish" || runs(&build["jobs"]["build"]);
            if !(runs(job) && after) {
                continue;
            }
            done.push(name.to_owned());
            let steps = job["steps"].as_array().unwrap();
            let told = |step: &&Value| step["if"].is_string() && step["name"] != "Alarm";
            done.extend(
                steps
                    .iter()
                    .filter(|step| told(step) && runs(step))
                    .map(|step| string(step.get("name").or(step.get("uses")).unwrap()))
                    .map(|name| name.split('@').next().unwrap().to_owned()),
            );
        }
        done.join(", ")
    };
    let one = json!({"build": "true", "several": "false", "kmods": "false"});
    let two = json!({"build": "true", "several": "true"});
    let none = json!({"build": "false", "several": "true"});
    let upload = "wanted, resolve, actions/upload-artifact, build";
    let kmods = json!({"build": "true", "several": "false", "kmods": "true"});
    for (event, dry, outputs, wanted) in [
        (
            "schedule",
            false,
            &one,
            format!("{upload}, Machine, Publish"),
        ),
        (
            "workflow_dispatch",
            false,
            &one,
            format!("{upload}, Machine, Publish"),
        ),
        (
            "schedule",
            false,
            &two,
            format!("{upload}, actions/upload-artifact, publish"),
        ),
        (
            "schedule",
            false,
            &kmods,
            format!("{upload}, Machine, Publish").replace("wanted", "wanted, kmods"),
        ),
        (
            "workflow_dispatch",
            false,
            &two,
            format!("{upload}, actions/upload-artifact, publish"),
        ),
        (
            "workflow_dispatch",
            true,
            &two,
            "wanted, resolve, Show what would be done, actions/upload-artifact".to_owned(),
        ),
        ("schedule", false, &none, "wanted, resolve".to_owned()),
        (
            "workflow_dispatch",
            true,
            &none,
            "wanted, resolve".to_owned(),
        ),
    ] {
        assert_eq!(
            plan(event, dry, outputs.clone()),
            wanted,
            "{event} {dry} {outputs}"
        );
    }
}

/// Crates of the workspace that the sources of a task name.
fn named(sources: &[String]) -> BTreeSet<String> {
    let crates = members();
    let names = |text: &str, name: &str| {
        let name = name.replace('-', "_");
        text.lines().any(|line| {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            !line.trim_start().starts_with("//") && words.any(|word| word == name)
        })
    };
    crates
        .into_iter()
        .filter(|name| sources.iter().any(|path| names(&read(path), name)))
        .collect()
}

/// The crates below `crates/`.
fn members() -> BTreeSet<String> {
    files()
        .iter()
        .filter_map(|path| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!name.contains('/')).then(|| name.to_owned())
        })
        .collect()
}

/// These, and all that they are made of.
fn closure(mut names: BTreeSet<String>) -> BTreeSet<String> {
    let ours = members();
    loop {
        let more: BTreeSet<String> = names
            .iter()
            .flat_map(|name| dependencies(&read(&format!("crates/{name}/Cargo.toml"))))
            .filter(|name| ours.contains(name) && !names.contains(name))
            .collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

/// A pattern of `on.push.paths`: `**` is any path below.
fn covers(pattern: &str, path: &str) -> bool {
    WildMatch::new(&pattern.replace("**", "*")).matches(path)
}

#[test]
fn pages_are_made_anew_when_anything_changes_that_makes_them() {
    let (_, pages) = documents()
        .into_iter()
        .find(|(path, _)| path.ends_with("pages.yaml"))
        .unwrap();
    let patterns: Vec<&str> = pages["on"]["push"]["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pattern| pattern.as_str().unwrap())
        .collect();
    let covered = |path: &str| patterns.iter().any(|pattern| covers(pattern, path));
    let sources: Vec<String> = files()
        .into_iter()
        .filter(|path| path.starts_with("xtask/src/") && path.contains("ignition"))
        .collect();
    let mut makers = named(&sources);
    // The book.
    makers.insert("manual".to_owned());
    let crates = closure(makers);
    assert!(
        crates.contains("ignition-gen") && crates.len() > 1,
        "{crates:?}"
    );
    let config = Config::load(&root().join("image.yaml")).unwrap();
    let made_of = files().into_iter().filter(|path| {
        let part = |folder: &str| path.starts_with(&format!("{folder}/"));
        let tests =
            path.contains("/tests/") || path.contains("/benches/") || path.contains("/fuzz/");
        (crates.iter().any(|name| part(&format!("crates/{name}"))) && !tests)
            || part("xtask/src")
            || part(config.ignition.sources.as_str())
            || part(manual::check::BOOK)
            || part(".cargo")
            || part(".github/actions")
            || config
                .ignition
                .public_key
                .as_ref()
                .is_some_and(|key| path == key.as_str())
            || [
                "Cargo.lock",
                "Cargo.toml",
                "image.yaml",
                "xtask/Cargo.toml",
                ".github/workflows/pages.yaml",
            ]
            .contains(&path.as_str())
    });
    let missing: Vec<String> = made_of.filter(|path| !covered(path)).collect();
    super::super::assert_none(&missing, "add to `paths` of .github/workflows/pages.yaml");
    // And no more: a pattern for what makes nothing of it.
    for pattern in &patterns {
        let name = pattern
            .strip_prefix("crates/")
            .map(|rest| rest.trim_end_matches("/**"));
        assert!(
            name.is_none_or(|name| crates.contains(name)),
            "{pattern} makes no page"
        );
        assert!(
            files().iter().any(|path| covers(pattern, path)),
            "{pattern} matches nothing"
        );
    }
}

/// A job of CI builds in a checkout that has what the job before it handed on: an image of
/// it has the label of its commit all the same, which only one of a clean tree has.
#[test]
fn what_a_job_finds_in_its_checkout_is_ignored() {
    let sh = xshell::Shell::new().unwrap();
    sh.change_dir(root());
    for name in ["lock.json", "outputs.env", "pushed/nas-x86_64", "target/x"] {
        let ignored = xshell::cmd!(sh, "git check-ignore --quiet {name}")
            .quiet()
            .ignore_status()
            .output()
            .unwrap();
        assert!(ignored.status.success(), "{name}");
    }
}

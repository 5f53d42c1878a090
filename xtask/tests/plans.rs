//! A snapshot of the plan for each goal and engine: what is reviewed when a
//! command line changes.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; whether to rewrite the snapshots is said in the environment"
)]

use std::path::PathBuf;

use host::failure::Failure as _;
use image_build::engine::Engine;
use image_build::facts::{Local, Upstream};
use image_build::lock::Lock;
use image_build::testing;
use image_config::Config;
use image_publish::plan::{Goal, Plan, plan};
use image_publish::publication::{PublishSteps, publication};
use image_publish::{Effect, PlatformImage, Steps, arranged};
use registry_compat::Digest;
use signatures::signing::MANIFEST;
use version_discovery::Arch;

const REWRITE: &str = "UPDATE_SNAPSHOTS=1 cargo test -p custom-coreos --test plans";

/// Compares a plan with its file, one word a line where a line is long.
#[track_caller]
fn snapshot(name: &str, plan: &(impl Steps + std::fmt::Display)) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(format!("{name}.txt"));
    let text = wrapped(&plan.to_string());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or(known.lines().count().min(text.lines().count()));
    assert!(
        known == text,
        "the plan `{name}` is another from line {} on:\n  was {:?}\n  is  {:?}\n\
         If that is meant: {REWRITE}",
        line + 1,
        known.lines().nth(line),
        text.lines().nth(line),
    );
}

/// A build argument or label more or less is then one line of a diff.
fn wrapped(text: &str) -> String {
    let breaks = [" --", " '--"];
    let wrap = |line: &str| {
        let mut line = line.to_owned();
        for option in breaks {
            line = line.replace(option, &format!(" \\\n        {}", &option[1..]));
        }
        line + "\n"
    };
    text.lines().map(wrap).collect()
}

fn facts() -> (Config, Lock, Local) {
    testing::locked()
}

#[track_caller]
fn planned(goal: Goal, edit: impl FnOnce(&mut Config, &mut Local)) -> Plan {
    let (mut config, lock, mut local) = facts();
    edit(&mut config, &mut local);
    plan(goal, &config, &lock, &local).unwrap()
}

#[test]
fn every_goal_with_every_engine() {
    for engine in Engine::ALL {
        for (name, goal) in [
            ("build", Goal::Build),
            ("test-build", Goal::TestBuild),
            ("publish", Goal::Publish),
        ] {
            let plan = planned(goal, |_, local| local.engine = engine);
            snapshot(&format!("{name}-{engine}"), &plan);
        }
    }
}

#[test]
fn what_nothing_vouches_for_is_said_or_refused() {
    let (config, lock, local) = facts();
    let text = planned(Goal::Build, |_, _| {}).to_string();
    assert_eq!(
        text.lines().filter(|l| l.starts_with("trusted ")).count(),
        2
    );
    let yaml = serde_yaml::to_string(&config).unwrap();
    let strict = yaml.replace("unverified: allow", "unverified: refuse");
    let keyed = strict.replace("  project:", "  key: keys/kmods.pub\n  project:");
    for (yaml, refused) in [(&strict, 2), (&keyed, 1)] {
        let config = Config::parse(yaml, "strict.yaml".as_ref()).unwrap();
        let error = plan(Goal::Build, &config, &lock, &local).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let error = error.to_string();
        assert_eq!(error.matches("trusted ").count(), refused, "{error}");
    }
    let keyed = keyed.replace("unverified: refuse", "unverified: allow");
    let config = Config::parse(&keyed, "keyed.yaml".as_ref()).unwrap();
    let text = plan(Goal::Build, &config, &lock, &local)
        .unwrap()
        .to_string();
    assert!(text.contains("must be, by keys/kmods.pub\n"), "{text}");
}

#[test]
fn whoever_is_named_must_vouch_for_the_base() {
    let (config, lock, local) = facts();
    let key = "36F6 12DC F27F 7D1A 48A8  35E4 DBFC F71C 6D9F 90A6";
    let stream = "  stream: stable\n";
    let yaml = serde_yaml::to_string(&config).unwrap();
    let signature = format!("{stream}  signature:\n    keys: ['{key}']\n");
    let both = format!("{signature}  key: keys/base.pub\n");
    for (section, signed) in [(stream, 0), (&signature, 1), (&both, 2)] {
        let yaml = yaml.replace(stream, section);
        let config = Config::parse(&yaml, "signed.yaml".as_ref()).unwrap();
        let text = plan(Goal::Build, &config, &lock, &local)
            .unwrap()
            .to_string();
        let lines = |verb: &str| text.lines().filter(|l| l.starts_with(verb)).count();
        assert_eq!(lines("signed   quay.io/"), signed, "{text}");
        assert_eq!(lines("trusted "), if signed == 0 { 2 } else { 1 }, "{text}");
        // Nothing is fetched before.
        let at = |verb: &str| text.find(&format!("\n{verb}"));
        assert!(text.rfind("signed ") < at("transfer "), "{text}");
    }
    let none = signature.replace(&format!("'{key}'"), "");
    let error = Config::parse(&yaml.replace(stream, &none), "x".as_ref()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the list is empty; one is needed"),
        "{error}"
    );
}

fn sign(config: &mut Config, more: &str) {
    let yaml = serde_yaml::to_string(config).unwrap();
    let yaml = yaml.replace("  unsigned: An example\n", more);
    *config = Config::parse(&yaml, "signed.yaml".as_ref()).unwrap();
}

#[test]
fn signed_with_every_engine() {
    for engine in Engine::ALL {
        let plan = planned(Goal::Publish, |config, local| {
            sign(config, "");
            local.engine = engine;
        });
        snapshot(&format!("publish-signed-{engine}"), &plan);
        let lines: Vec<String> = plan.lines();
        let at = |verb: &str| lines.iter().position(|l| l.starts_with(verb)).unwrap();
        let order = [
            "key ", "check ", "read ", "sign ", "trust ", "accept ", "refuse ", "name ", "promote ",
        ];
        let places: Vec<usize> = order.iter().map(|verb| at(verb)).collect();
        assert!(places.is_sorted(), "{lines:#?}");
    }
}

/// The images of two architectures, as their machines pushed them.
fn joined(edit: impl FnOnce(&mut Config, &mut Local)) -> PublishSteps {
    let (mut config, lock, mut local) = testing::locked_for_two();
    edit(&mut config, &mut local);
    let piece = |arch: Arch| {
        let digest = Digest::of(arch.rpm().as_bytes());
        let image = config.repository().unwrap().at(digest.clone());
        let piece = PlatformImage {
            arch,
            digest,
            size: 7,
            media_type: MANIFEST.to_owned(),
        };
        (image, piece, lock.clone())
    };
    let images = [Arch::Aarch64, Arch::X86_64].map(piece);
    let (lock, parts) = arranged(&lock, &images).unwrap();
    publication(&config, &lock, &local, &parts).unwrap()
}

#[test]
fn two_architectures() {
    let (config, lock, local) = testing::locked_for_two();
    let first = plan(Goal::Push, &config, &lock, &local).unwrap();
    snapshot("push-one-of-two", &first);
    for engine in Engine::ALL {
        let plan = joined(|config, local| {
            sign(config, "");
            local.engine = engine;
        });
        snapshot(&format!("publish-two-architectures-{engine}"), &plan);
        let lines: Vec<String> = plan.lines();
        let at = |verb: &str| lines.iter().position(|l| l.starts_with(verb)).unwrap();
        let order = [
            "key ", "take ", "unseen ", "check ", "join ", "read ", "sign ", "trust ", "accept ",
            "refuse ", "signed ", "beside ", "attach ", "name ", "promote ", "remove ",
        ];
        let places: Vec<usize> = order.iter().map(|verb| at(verb)).collect();
        assert!(places.is_sorted(), "{lines:#?}");
        // What is run is the image of this machine alone, by its digest.
        let ours = Digest::of(b"x86_64").to_string();
        let other = Digest::of(b"aarch64").to_string();
        let program = format!(" {engine} ");
        for line in lines.iter().filter(|line| line.contains(&program)) {
            assert!(!line.contains(&other), "{line}");
        }
        assert!(
            lines[at("transfer ")].ends_with(&format!("@{ours}")),
            "{lines:#?}"
        );
    }
    // Both halves at once are for one architecture.
    let error = plan(Goal::Publish, &config, &lock, &local).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = error.to_string();
    for command in [
        "resolve -o lock.json",
        "build --push",
        "publish NAME@DIGEST NAME@DIGEST",
    ] {
        assert!(error.contains(command), "{error}");
    }
}

#[test]
fn an_insecure_destination() {
    for engine in Engine::ALL {
        let plan = planned(Goal::Publish, |_, local| {
            local.engine = engine;
            local.destination = "127.0.0.1:5000/ghcr.io/someone/custom-coreos:candidate"
                .parse()
                .unwrap();
            local.insecure = true;
        });
        snapshot(&format!("publish-insecure-{engine}"), &plan);
    }
}

#[test]
fn a_dirty_tree_has_no_revision() {
    let plan = planned(Goal::Publish, |_, local| local.commit = None);
    assert!(!plan.to_string().contains("image.revision"));
    snapshot("publish-dirty", &plan);
}

#[test]
fn booted_before_it_is_named() {
    let plan = planned(Goal::Publish, |config, _| {
        config.boot = image_config::Boot::default();
    });
    let text = plan.to_string();
    let at = |verb: &str| text.find(&format!("\n{verb}")).unwrap();
    assert!(at("boot ") < at("attach ") && at("attach ") < at("name "));
    snapshot("publish-booted", &plan);
}

#[test]
fn two_tags() {
    let plan = planned(Goal::Publish, |config, _| {
        let yaml = serde_yaml::to_string(config).unwrap();
        let yaml = yaml.replace("- stable\n", "- stable\n  - f44\n");
        *config = Config::parse(&yaml, "two.yaml".as_ref()).unwrap();
    });
    snapshot("publish-two-tags", &plan);
}

#[test]
fn a_plan_is_a_function_of_its_facts() {
    for goal in [Goal::Build, Goal::TestBuild, Goal::Publish] {
        assert_eq!(planned(goal, |_, _| {}), planned(goal, |_, _| {}));
    }
    let (_, lock, _) = facts();
    let fingerprint = lock.fingerprint().unwrap();
    assert_eq!(facts().1.fingerprint().unwrap(), fingerprint);
    let other = Lock {
        zfs: "2.4.3".parse().unwrap(),
        ..lock
    };
    assert_ne!(other.fingerprint().unwrap(), fingerprint);
}

#[test]
fn no_plan_names_this_machine() {
    let root = env!("CARGO_MANIFEST_DIR").trim_end_matches("/xtask");
    for engine in Engine::ALL {
        for goal in [Goal::Build, Goal::TestBuild, Goal::Publish] {
            let text = planned(goal, |_, local| local.engine = engine).to_string();
            assert!(!text.contains(root), "{text}");
            // But for the shell in the image.
            let text = text.replace(" /bin/bash ", " ");
            assert!(!text.contains(" /"), "an absolute path: {text}");
        }
    }
}

/// Everything but `localhost/…` is pinned by digest.
#[test]
fn no_plan_pulls_by_tag() {
    let plan = planned(Goal::Publish, |_, _| {});
    let image = |arg: &str| {
        let (key, value) = arg.strip_prefix("--build-arg=")?.split_once('=')?;
        key.ends_with("_IMAGE").then(|| value.to_owned())
    };
    let mut images = 0;
    let joined = joined(|_, _| {});
    for effect in plan.effects().into_iter().chain(joined.effects()) {
        if let Effect::Run(invocation) | Effect::Transfer(invocation) = effect {
            if invocation.args.first().is_some_and(|verb| verb == "pull") {
                let image = invocation.args.last().unwrap();
                assert!(
                    image.ends_with("@PUSHED") || image.contains("@sha256:"),
                    "{image}"
                );
                images += 1;
            }
            for image in invocation.args.iter().filter_map(|arg| image(arg)) {
                assert!(image.contains("@sha256:"), "{image}");
                images += 1;
            }
        }
    }
    // Base and kmods are fetched and built on, the kmods in the place of content and of
    // packages, too; each plan pulls what it publishes.
    assert_eq!(images, 8);
}

#[test]
fn facts_and_locks_survive_their_files() {
    let (_, upstream, local) = testing::facts();
    let text = serde_json::to_string(&upstream).unwrap();
    assert_eq!(serde_json::from_str::<Upstream>(&text).unwrap(), upstream);
    let text = serde_json::to_string(&local).unwrap();
    assert_eq!(serde_json::from_str::<Local>(&text).unwrap(), local);
    let (_, lock, _) = facts();
    assert_eq!(Lock::parse(&lock.to_line().unwrap(), "line").unwrap(), lock);
    let pretty = serde_json::to_string_pretty(&lock).unwrap();
    assert_eq!(Lock::parse(&pretty, "file").unwrap(), lock);
    // A key that nobody knows is a mistake, not a comment.
    let odd = pretty.replacen('{', "{\"odd\": 1,", 1);
    assert!(
        Lock::parse(&odd, "file")
            .unwrap_err()
            .to_string()
            .contains("odd")
    );
}

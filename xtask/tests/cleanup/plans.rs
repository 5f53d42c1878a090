//! What is printed, read, refused and found broken; nothing is deleted here.

use clap::Parser;
use custom_coreos::cli::Cli;
use registry_compat::Digest;
use serde_json::Value;

use crate::github::{Fault, error, image, index};
use crate::sandbox::Sandbox;

#[test]
fn a_dry_run_shows_what_a_real_run_does() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let dry = sandbox.run(&[]).expect(0);
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
    assert_eq!(dry.effects().len(), 4);
    let live = sandbox.execute().expect(0);
    // The clock may have gone on by a second in between, and it is in the text.
    let same = |text: &str| {
        let (before, rest) = text.split_once("; older than ").unwrap();
        let (_, after) = rest.split_once(" is old").unwrap();
        format!("{before} … {after}")
    };
    assert_eq!(same(&dry.stdout), same(&live.stdout));
    assert_eq!(sandbox.github.there(), [5, 6]);
}

#[test]
fn the_plan_names_every_version_with_its_reason_oldest_first() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().page = 2;
    let text = sandbox.run(&[]).expect(0).stdout;
    let table: Vec<&str> = text.lines().skip(2).take(6).collect();
    let has = |at: usize, words: &[&str]| {
        for word in words {
            assert!(
                table[at].contains(word),
                "{word} is not in line {at} of\n{text}"
            );
        }
    };
    let all = |word: &str| table.iter().filter(|line| line.contains(word)).count();
    assert!(text.starts_with("127.0.0.1:"), "{text}");
    assert!(
        text.contains("1 of 3 images go, 4 of 6 versions; 2 versions stay"),
        "{text}"
    );
    assert_eq!(
        (all("delete "), all("child of"), all("artefact of")),
        (4, 2, 1)
    );
    has(4, &["keep", "150", "tag `stable` is protected", "stable"]);
    has(5, &["keep", "1 ", "within the window", "v2"]);
    assert_eq!(sandbox.github.count("GET", "/versions?"), 3);

    let json: Value = serde_json::from_str(&sandbox.run(&["--json"]).expect(0).stdout).unwrap();
    let package = &json["packages"][0];
    assert_eq!(package["totals"]["delete"], 4);
    assert_eq!(package["versions"].as_array().unwrap().len(), 6);
    assert_eq!(package["versions"][5]["age-days"], 1);
    assert_eq!(package["effects"].as_array().unwrap().len(), 4);
}

#[test]
fn days_and_keep_can_be_said_on_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let none = |words: &[&str]| sandbox.run(words).expect(0).effects().is_empty();
    assert!(none(&["--days", "201"]));
    assert!(!none(&["--days", "199"]));
    assert!(none(&["--keep", "3"]));
    assert!(!none(&["--keep", "2"]));
    sandbox.run(&["--package", "nas/bootc"]).expect(0);
    sandbox
        .run(&["--package", "bootc"])
        .expect(2)
        .says("no package `bootc`");
    sandbox.run(&["--package", ""]).expect(2);
}

#[test]
fn the_mode_is_a_word() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let log = sandbox.path("log.json").display().to_string();
    sandbox
        .run(&["--mode", "dry-run", "--log", &log])
        .expect(2)
        .says("there is no log");
    sandbox
        .run(&["--mode", "dry-run"])
        .expect(0)
        .says("nothing is deleted");
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
    sandbox
        .run(&["--mode", "execute", "--log", &log])
        .expect(0)
        .says("Deleted 4 versions");
}

#[test]
fn there_is_no_third_state() {
    for words in [
        &["--execute="][..],
        &["--execute=true"],
        &["--execute", "false"],
        &["--dry-run"],
        &["--days", ""],
        &["--keep", "-1"],
        &["--most-share", "0"],
        &["--log", "x"],
        &["--mode", ""],
        &["--mode", "true"],
        &["--mode", "execute", "--execute"],
        &["--audit", "--mode", "execute"],
        &["--audit", "--execute"],
        &["restore"],
        &["--execute", "restore", "x"],
    ] {
        let line = ["xtask", "cleanup"].iter().chain(words);
        assert!(Cli::try_parse_from(line).is_err(), "{words:?}");
    }
}

#[test]
fn a_list_that_is_not_whole_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().hidden = 1;
    sandbox
        .execute()
        .expect(4)
        .says("6 versions listed, the package has 7");
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
    assert!(!sandbox.path("log.json").exists());
}

#[test]
fn a_page_that_fails_in_the_middle_ends_it() {
    for (status, times) in [(502, 9), (404, 1), (401, 1)] {
        let sandbox = Sandbox::new();
        sandbox.furnish();
        sandbox.github.state().faults.push(Fault {
            method: "GET",
            part: "page=2".to_owned(),
            after: 0,
            times,
            reply: error(status, "no"),
        });
        sandbox.execute().expect(3).says(&format!("HTTP {status}"));
        assert_eq!(sandbox.github.count("DELETE", ""), 0);
    }
}

#[test]
fn a_page_that_fails_once_is_asked_for_again() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().faults.push(Fault {
        method: "GET",
        part: "page=2".to_owned(),
        after: 0,
        times: 2,
        reply: error(502, "Bad Gateway"),
    });
    assert_eq!(sandbox.run(&[]).expect(0).effects().len(), 4);
}

#[test]
fn a_manifest_that_cannot_be_read_is_refused_and_a_missing_one_kept() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let digest = sandbox.github.state().versions[1].digest.clone();
    sandbox.github.state().faults.push(Fault {
        method: "GET",
        part: format!("manifests/{digest}"),
        after: 0,
        times: 99,
        reply: error(500, "no"),
    });
    sandbox
        .execute()
        .expect(4)
        .says("manifests could not be read")
        .says("nothing was deleted");
    sandbox.github.state().faults.clear();
    sandbox.github.state().manifests.remove(&digest);
    sandbox.execute().expect(0).says("its manifest is 404");
    assert_eq!(sandbox.github.there(), [2, 5, 6]);
}

#[test]
fn too_large_a_share_is_shown_and_refused_until_it_is_allowed() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.config.retention.most_share = 50.try_into().unwrap();
    let refused = sandbox
        .execute()
        .expect(4)
        .says("4 of 6 versions would go, more than 50 %");
    assert!(refused.stdout.contains("older than the window"));
    assert!(refused.effects().is_empty());
    let json = sandbox.run(&["--json"]).expect(4).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["packages"][0]["refused"].is_string());
    sandbox.run(&["--execute", "--most-share", "67"]).expect(0);
    assert_eq!(sandbox.github.there(), [5, 6]);
}

#[test]
fn everything_is_never_the_plan() {
    let sandbox = Sandbox::new();
    sandbox.github.image(200, &["v1"], "a");
    sandbox.github.image(300, &["v2"], "b");
    sandbox.execute().expect(4).says("all of 2 images");
}

#[test]
fn what_was_read_once_is_not_read_again() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.run(&[]).expect(0);
    assert_eq!(sandbox.github.count("GET", "/manifests/"), 6);
    sandbox.github.image(0, &["v3"], "new");
    sandbox.run(&[]).expect(0);
    assert_eq!(sandbox.github.count("GET", "/manifests/"), 7);
    let path = sandbox.path("cache/custom-coreos/manifests-1.jsonl");
    std::fs::write(&path, "x y\n").unwrap();
    sandbox.run(&[]).expect(0);
    assert_eq!(sandbox.github.count("GET", "/manifests/"), 14);
}

#[test]
fn a_pin_holds_and_an_absent_one_is_named() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    let signature = sandbox.github.state().versions[3].digest.clone();
    let pins = format!("{{pinned: ['{signature}', 'sha256:{}']}}", "0".repeat(64));
    let retention: image_config::Retention = serde_yaml::from_str(&pins).unwrap();
    sandbox.config.retention.pinned = retention.pinned;
    sandbox
        .run(&[])
        .expect(0)
        .says("pinned by digest")
        .says("sha256:0000000000000000000000000000000000000000000000000000000000000000 is pinned");
}

#[test]
fn the_audit_names_what_is_broken() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox
        .run(&["--audit"])
        .expect(0)
        .says("0 findings in 6 versions");
    let gone = image("gone", None);
    let gone = Digest::of(gone.to_string().as_bytes());
    sandbox.github.add(9, &["v3"], &index(&[gone.as_str()]));
    let sig = format!("{}.sig", gone.as_str().replace(':', "-"));
    sandbox.github.image(9, &[&sig], "orphan");
    let young = sandbox.github.state().versions[5].digest.clone();
    sandbox.github.state().manifests.remove(&young);
    let ran = sandbox.run(&["--audit"]).expect(1);
    let ran = ran
        .says("5 findings in 8 versions")
        .says("lists what is missing")
        .says("cannot be pulled in full: v3")
        .says("artefact")
        .says("its manifest is 404")
        .says("cannot be pulled in full: v2");
    assert!(ran.effects().is_empty());
    let json = sandbox.run(&["--audit", "--json"]).expect(1).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["findings"].as_array().unwrap().len(), 5);
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
}

#[test]
fn the_manifests_of_a_private_package_are_read_with_the_same_token() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    // someone:TOKEN
    sandbox.github.state().locked = Some("Basic c29tZW9uZTpnaHNfbm90LXRvLWJlLXNob3du");
    assert_eq!(sandbox.run(&[]).expect(0).effects().len(), 4);
    sandbox.env.cache = None;
    sandbox.github.state().locked = Some("Basic x");
    sandbox
        .run(&[])
        .expect(4)
        .says("manifests could not be read");
}

/// Two images; the package of `desk` is not there.
fn two_images(sandbox: &mut Sandbox) {
    let mut text = serde_yaml::to_string(&sandbox.config).unwrap();
    let packages = &sandbox.config.retention.packages;
    let address = packages[0].image.registry().to_owned();
    text = text.replace("registry: ghcr.io\n", &format!("registry: {address}\n"));
    text.push_str("images:\n");
    for (name, image) in [("nas", "nas/bootc"), ("desk", "desk")] {
        text.push_str(&format!(
            "  {name}:\n    image: {{owner: someone, name: {image}, tags: [v2]}}\n    retention: \
             {{keep: 0, most-share: 100, packages: [{{image: '{address}/someone/{image}', \
             back-end: github}}]}}\n"
        ));
    }
    let images = image_config::Images::parse(&text, "image.yaml".as_ref());
    sandbox.images = Some(images.unwrap_or_else(|error| panic!("{error}\n{text}")));
}

#[test]
fn each_image_has_its_own_package_and_rules() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    two_images(&mut sandbox);
    // One whose package cannot be read, as its registry does not say either that it is
    // not there: nothing goes anywhere.
    sandbox.github.state().locked = Some("Basic x");
    let all = sandbox.run(&["--execute"]);
    assert!(all.code != 0, "{}", all.stdout);
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
    sandbox.github.state().locked = None;
    // One that was never published has nothing, unless it is asked for by its name.
    let named = sandbox.run(&["--execute", "--package", "desk"]).expect(1);
    named.says("no container package `desk`");
    let none = sandbox.run(&["--execute", "--image", "desk"]).expect(0);
    none.says("someone/desk was never published");
    assert_eq!(sandbox.github.there().len(), 6);
    let both = sandbox.run(&[]).expect(0);
    assert!(both.stdout.contains("someone/nas/bootc"), "{}", both.stdout);
    // Its own rules: the tag that its hosts follow stays, and `stable` is none of its.
    let nas = sandbox.run(&["--image", "nas"]).expect(0);
    assert!(nas.stdout.contains("someone/nas/bootc"), "{}", nas.stdout);
    assert!(
        nas.stdout.contains("tag `v2` is protected"),
        "{}",
        nas.stdout
    );
}

/// Another image lists it, and would let more of it go.
#[test]
fn a_package_has_the_rules_of_the_image_that_is_published_there() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    let address = sandbox.config.retention.packages[0]
        .image
        .registry()
        .to_owned();
    let text = serde_yaml::to_string(&sandbox.config).unwrap();
    let mut text = text.replace("registry: ghcr.io\n", &format!("registry: {address}\n"));
    text.push_str("images:\n");
    for (name, image, days) in [("nas", "nas/bootc", 1000), ("desk", "desk", 1)] {
        text.push_str(&format!(
            "  {name}:\n    image: {{owner: someone, name: {image}}}\n    retention: {{keep: 0, days: \
             {days}, packages: [{{image: '{address}/someone/nas/bootc', back-end: github}}]}}\n"
        ));
    }
    let images = image_config::Images::parse(&text, "image.yaml".as_ref());
    sandbox.images = Some(images.unwrap_or_else(|error| panic!("{error}\n{text}")));
    let desk = sandbox.run(&["--image", "desk"]).expect(0);
    assert_eq!(desk.effects(), Vec::<&str>::new());
    assert!(
        !sandbox
            .run(&["--image", "desk", "--days=1"])
            .effects()
            .is_empty()
    );
}

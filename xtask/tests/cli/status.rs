//! `status`, and the history of what publications took.

use image_publish::history::{History, MOST};
use registry_compat::{Answer, Digest, ImageRef};
use remote::loopback::Reply;
use serde_json::{Value, json};
use signatures::signing::MANIFEST;

use super::support::{
    FCOS, Sandbox,
    upstream::{KMODS, PUBLISHED, kernel},
};

const PUBLISH: [&str; 4] = ["build", "--publish", "--force", "a test"];

fn json_of(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    let words = [words, &["--json"]].concat();
    serde_json::from_str(&sandbox.run(&words).expect(code)).unwrap()
}

fn kept(sandbox: &Sandbox) -> History {
    let found = image_publish::read_history(&sandbox.registries(), &PUBLISHED.parse().unwrap());
    found.unwrap().expect("there is a history")
}

/// Puts a document where the history is, in the form that it has.
fn put_history(sandbox: &Sandbox, document: &[u8]) -> Digest {
    let registries = sandbox.registries();
    let place: ImageRef = format!("{PUBLISHED}:history").parse().unwrap();
    let of = |bytes: &[u8]| Digest::of(bytes);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": retention::HISTORY,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": of(b"{}"), "size": 2},
        "layers": [{"mediaType": "application/json", "digest": of(document), "size": document.len()}],
    })
    .to_string();
    let blobs = [b"{}".to_vec(), document.to_vec()];
    registries
        .put(&place, MANIFEST, manifest.as_bytes(), &blobs)
        .unwrap();
    let Answer::Present(digest) = registries.digest(&place) else {
        panic!("it was put there");
    };
    digest
}

/// What would be built today is published, and is so many days old.
fn published(days: i64) -> Sandbox {
    let sandbox = Sandbox::new();
    let lock = json_of(&sandbox, &["resolve"], 0);
    let version = format!("{FCOS}-zfs2.4.4");
    let labels = json!({
        "custom-coreos.lock": lock.to_string(),
        "org.opencontainers.image.version": version,
    });
    sandbox
        .upstream
        .put_aged(PUBLISHED, "stable", &labels, days);
    sandbox
}

#[test]
fn one_screen_of_how_things_are() {
    let sandbox = published(3);
    // No engine is needed to look.
    std::fs::remove_file(sandbox.path("tools/podman")).unwrap();
    let screen = sandbox.run(&["status"]).expect(0);
    for part in [
        "published    ghcr.io/someone/custom-coreos:stable\n",
        &format!("  version    {FCOS}-zfs2.4.4\n"),
        "3 d ago\n",
        &format!("  kernel     {}\n", kernel()),
        &format!("  kmods      {KMODS}@sha256:"),
        "none is demanded: An example",
        "verdict      up to date: ",
        "workflows",
    ] {
        assert!(screen.contains(part), "{part} in {screen}");
    }
    let document = json_of(&sandbox, &["status"], 0);
    assert_eq!(document["verdict"]["word"], "up-to-date");
    assert_eq!(document["published"]["inputs"]["base"], FCOS);
    assert_eq!(document["published"]["age-days"], 3);
    assert_eq!(document["not-asked"], json!([]));
    // In CI the same is on the page of the run.
    let page = sandbox.path("summary").display().to_string();
    sandbox
        .run_with(&["status"], &[("GITHUB_STEP_SUMMARY", &page)])
        .expect(0);
    assert!(sandbox.read("summary").contains("| verdict | up to date: "));
    assert_eq!(sandbox.upstream.asked("PUT", ""), 0);
}

#[test]
fn nothing_published_and_nothing_to_be_built_are_answers() {
    let sandbox = Sandbox::new();
    sandbox.upstream.remove(PUBLISHED, "stable");
    let screen = sandbox.run(&["status"]).expect(0);
    assert!(screen.contains("nothing yet"), "{screen}");
    assert!(screen.contains("can be built: nothing is published yet"));
    let tag = format!("zfs-2.4.4_kernel-{}", kernel());
    sandbox.upstream.remove(KMODS, &tag);
    let screen = sandbox.run(&["status"]).expect(10);
    assert!(screen.contains("verdict      waiting for "), "{screen}");
    assert_eq!(
        json_of(&sandbox, &["status"], 10)["verdict"]["word"],
        "waiting-for"
    );
}

#[test]
fn a_source_without_an_answer_is_a_row_and_the_others_stand() {
    let trouble = || Reply::new(503, "text/plain", "later");
    let cases = [
        ("/v2/ghcr.io/someone", "published"),
        ("/fedora/updates", "upstream"),
        ("/github/repos/openzfs", "upstream"),
    ];
    for (path, source) in cases {
        let sandbox = published(3);
        // It could go back behind what is published, so that is asked again.
        sandbox
            .upstream
            .release("44.20260803.3.1", "7.2.0-200.fc44", Some(2));
        sandbox.upstream.answer(path, trouble());
        let screen = sandbox.run(&["status"]).expect(3);
        assert!(screen.contains("HTTP 503"), "{source}: {screen}");
        let other = match source {
            "published" => format!("buildable  Fedora CoreOS {FCOS}"),
            _ => format!("  version    {FCOS}"),
        };
        assert!(screen.contains(&other), "{source}: {screen}");
        let document = json_of(&sandbox, &["status"], 3);
        assert_eq!(document["not-asked"][0]["source"], source, "{document}");
        assert_eq!(document["verdict"]["word"], "unknown");
    }
}

#[test]
fn each_publication_is_an_entry_and_is_drawn() {
    let sandbox = Sandbox::new();
    let none = sandbox.run(&["status", "--history"]).expect(0);
    assert!(none.contains("no history yet"), "{none}");
    let page = sandbox.path("summary").display().to_string();
    let ci = [("GITHUB_STEP_SUMMARY", page.as_str())];
    for count in 1..=2 {
        // Another reason is another image, in the same second, too.
        let reason = format!("a test, {count}");
        let run = sandbox.run_with(&["build", "--publish", "--force", &reason], &ci);
        assert_eq!(run.code, Some(0), "{run:#?}");
        let said = format!("publication {count} of the history");
        assert!(run.stderr.contains(&said), "{run:#?}");
        // One is no course.
        let charts = sandbox.read("summary").matches("```mermaid\n").count();
        assert_eq!(charts, [0, 3][count - 1]);
    }
    let history = kept(&sandbox);
    let [first, second] = history.last(usize::MAX) else {
        panic!("{history:?}");
    };
    assert_eq!(Some(second.digest.to_string()), sandbox.published("stable"));
    assert_eq!(first.image.as_str(), format!("{FCOS}-zfs2.4.4"));
    assert_eq!(first.fingerprint, second.fingerprint);
    let names: Vec<String> = second
        .steps
        .iter()
        .map(|took| took.step.to_string())
        .collect();
    for step in ["build", "contract", "push", "read back", "promote"] {
        assert!(names.contains(&step.to_owned()), "{names:?}");
    }
    assert_eq!(second.weights[0].layers, ["layer".len() as u64]);
    // As a table and bars, for a terminal that knows blocks and one that does not.
    let plain = sandbox.run(&["status", "--history"]).expect(0);
    assert_eq!(plain.matches(&format!("{FCOS}-zfs2.4.4")).count(), 2);
    assert!(plain.is_ascii(), "{plain}");
    assert!(plain.contains("size   ++  0.0 to 0.0 MB"), "{plain}");
    let utf8 = [("LANG", "C.UTF-8")];
    let blocks = sandbox
        .run_with(&["status", "--history", "1"], &utf8)
        .expect(0);
    assert!(blocks.contains("size   ▅  "), "{blocks}");
    assert_eq!(blocks.matches(&format!("{FCOS}-zfs2.4.4")).count(), 1);
    let document = json_of(&sandbox, &["status", "--history"], 0);
    assert_eq!(document["entries"].as_array().map(Vec::len), Some(2));
    sandbox.run(&["status", "--history", "0"]).expect(2);
    // A dry run adds nothing, and says that the real one will.
    let dry = sandbox
        .run(&["build", "--publish", "--dry-run", "--force", "a test"])
        .expect(0);
    assert!(dry.contains("\nhistory  ghcr.io/someone/custom-coreos:history gets an entry: "));
    assert_eq!(kept(&sandbox), history);
}

#[test]
fn what_the_building_half_took_is_found_by_the_other() {
    let sandbox = Sandbox::new();
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let push = ["build", "--push", "--locked", "lock.json"];
    sandbox.run(&push).expect(0);
    let image = format!("{PUBLISHED}@{}", sandbox.pushed());
    let publish = ["publish", image.as_str(), "--locked", "lock.json"];
    let run = sandbox.run(&publish);
    assert_eq!(run.code, Some(0), "{run:#?}");
    let history = kept(&sandbox);
    let [entry] = history.last(usize::MAX) else {
        panic!("{history:?}");
    };
    let names: Vec<String> = entry
        .steps
        .iter()
        .map(|took| took.step.to_string())
        .collect();
    let place = |name: &str| names.iter().position(|found| found == name).unwrap();
    assert!(
        place("build") < place("push") && place("push") < place("promote"),
        "{names:?}"
    );
    // Where nobody wrote it down, there is no entry that would be half of one.
    let digest = sandbox.pushed().replace(':', "-");
    sandbox.upstream.remove(PUBLISHED, &digest);
    let run = sandbox.run(&publish);
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("what its build took"), "{run:#?}");
    assert_eq!(kept(&sandbox), history);
}

#[test]
fn a_full_history_loses_its_oldest() {
    let sandbox = Sandbox::new();
    sandbox.run(&PUBLISH).expect(0);
    let one = kept(&sandbox).last(1)[0].clone();
    let mut full = History::default();
    for _ in 0..MOST {
        full.add(one.clone());
    }
    put_history(&sandbox, &full.to_bytes().unwrap());
    sandbox.run(&PUBLISH).expect(0);
    assert_eq!(kept(&sandbox).last(usize::MAX).len(), MOST);
}

#[test]
fn what_cannot_be_read_is_not_written_over_and_fails_nothing() {
    let sandbox = Sandbox::new();
    let place = || sandbox.published("history");
    let unharmed = |before: &Option<String>, why: &str| {
        let run = sandbox.run(&PUBLISH);
        assert_eq!(run.code, Some(0), "{why}: {run:#?}");
        assert!(run.stderr.contains("the history got no entry"), "{run:#?}");
        assert!(run.stderr.contains(why), "{why}: {run:#?}");
        assert_eq!(place(), *before, "{why}");
    };
    for (document, why) in [
        (r#"{"version": 1, "entr"#, "not the document"),
        (r#"{"version": 2, "entries": []}"#, "update the checkout"),
        (
            r#"{"version": 1, "entries": [], "more": 1}"#,
            "not the document",
        ),
    ] {
        put_history(&sandbox, document.as_bytes());
        unharmed(&place(), why);
        let shown = sandbox.run(&["status", "--history"]);
        assert_eq!(shown.code, Some(1));
        assert!(shown.stderr.contains(why), "{why}: {shown:#?}");
    }
    // Somebody's image.
    sandbox.upstream.put_image(PUBLISHED, "history", &json!({}));
    unharmed(&place(), "is something else");
    let trouble = Reply::new(503, "text/plain", "later");
    let path = format!("/v2/{PUBLISHED}/manifests/history");
    sandbox.upstream.answer(&path, trouble);
    unharmed(&place(), "HTTP 503");
    sandbox.run(&["status", "--history"]).expect(3);
}

#[test]
fn a_history_is_no_image_to_go_back_to() {
    let sandbox = Sandbox::new();
    sandbox.run(&PUBLISH).expect(0);
    let before = sandbox.published("stable");
    for task in [
        &["rollback", "--to", "history"][..],
        &["retract", "history"],
    ] {
        let run = sandbox.run(task);
        assert_eq!(run.code, Some(2), "{run:#?}");
        assert!(run.stderr.contains("and no image"), "{run:#?}");
    }
    let digest = sandbox.published("history").unwrap();
    let run = sandbox.run(&["rollback", "--to", &digest]);
    assert_ne!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("an artefact, and no image"), "{run:#?}");
    assert_eq!(sandbox.published("stable"), before);
}

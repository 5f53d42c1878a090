//! `explain` and `forecast`: what a tired person reads.

use remote::loopback::Reply;
use serde_json::{Value, json};

use super::support::{
    FCOS, Sandbox,
    upstream::{KMODS, kernel, now},
};

const NEXT: &str = "44.20260803.3.1";

/// The lines of a screen: not too many, none too wide but for what is copied.
#[track_caller]
fn assert_fits(screen: &str) {
    assert!(screen.lines().count() <= 40, "{screen}");
    for line in screen.lines() {
        let words = line.split_whitespace().count();
        assert!(line.chars().count() <= 80 || words <= 2, "{line}");
    }
}

#[test]
fn absent_and_could_not_ask_are_different_words() {
    let sandbox = Sandbox::new();
    sandbox.upstream.release(NEXT, "7.2.0-200.fc44", Some(2));
    let screen = sandbox.run(&["explain"]).expect(0);
    assert_fits(&screen);
    for part in [
        &format!("{FCOS}  {}  TAKEN", kernel()),
        &format!("{NEXT}  7.2.0-200.fc44"),
        "no kmods exist for kernel 7.2.0",
        "for 58 days more",
        "held at",
    ] {
        assert!(screen.contains(part), "{part} in {screen}");
    }
    assert!(!screen.contains("could not ask"), "{screen}");

    sandbox
        .upstream
        .remove(KMODS, &format!("zfs-2.4.4_kernel-{}", kernel()));
    let screen = sandbox.run(&["explain"]).expect(10);
    assert!(
        screen.contains("absent, it answered and has none"),
        "{screen}"
    );
    assert!(!screen.contains("could not ask"), "{screen}");

    let trouble = Reply::new(503, "text/plain", "later");
    sandbox.upstream.answer(&format!("/v2/{KMODS}"), trouble);
    let screen = sandbox.run(&["explain"]).expect(3);
    assert_fits(&screen);
    assert!(screen.contains("could not ask"), "{screen}");
    assert!(screen.contains("HTTP 503"), "{screen}");
    for word in ["absent", "no kmods exist"] {
        assert!(!screen.contains(word), "{screen}");
    }
}

#[test]
fn the_decision_is_written_as_a_page() {
    let sandbox = Sandbox::new();
    sandbox.upstream.release(NEXT, "7.2.0-200.fc44", Some(2));
    sandbox
        .run(&[
            "explain",
            "--graph",
            "why.html",
            "--save-facts",
            "facts.json",
        ])
        .expect(0);
    let page = sandbox.read("why.html");
    for part in [
        "<b class=\"wait\">held</b>",
        NEXT,
        "no kmods exist for kernel 7.2.0",
        "<small>verdict</small>taken",
        "for 58 days more",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    // The same facts are the same page, without anybody being asked.
    sandbox
        .run(&["explain", "--graph", "again.html", "--facts", "facts.json"])
        .expect(0);
    assert_eq!(sandbox.read("again.html"), page);
}

#[test]
fn the_document_says_the_same() {
    let sandbox = Sandbox::new();
    let document: Value =
        serde_json::from_str(&sandbox.run(&["explain", "--json"]).expect(0)).unwrap();
    assert_eq!(document["verdict"], "compatible");
    assert_eq!(document["choice"]["bases"][0]["verdict"], "taken");
    assert_eq!(document["choice"]["zfs"][0]["version"], "2.4.4");
    assert!(
        document["advice"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    );
}

/// A stream with one release, which came out so many days ago.
fn stream(sandbox: &Sandbox, name: &str, version: &str, kernel: &str, days: i64) {
    let arch = std::env::consts::ARCH;
    let index = json!({"stream": name, "releases": [{
        "version": version,
        "commits": [{"architecture": arch, "checksum": "x"}],
    }]});
    let rollout = json!({"start_epoch": now() - days * 86_400, "duration_minutes": 60});
    let updates = json!({"stream": name, "releases": [{
        "version": version, "metadata": {"rollout": rollout},
    }]});
    let (version_, release) = kernel.split_once('-').unwrap();
    let meta = json!({"rpmostree.rpmdb.pkglist": [["kernel-core", "0", version_, release, arch]]});
    let builds = format!("prod/streams/{name}");
    sandbox
        .upstream
        .document(&format!("{builds}/releases.json"), index);
    sandbox
        .upstream
        .document(&format!("updates/{name}.json"), updates);
    let meta_path = format!("{builds}/builds/{version}/{arch}/commitmeta.json");
    sandbox.upstream.document(&meta_path, meta);
}

fn meta(maximum: &str) -> Reply {
    let text = format!("Name: zfs\nLinux-Minimum: 4.18\nLinux-Maximum: {maximum}\n");
    Reply::new(200, "application/vnd.github.raw+json", text)
}

#[test]
fn what_will_break_and_when() {
    let sandbox = Sandbox::new();
    stream(&sandbox, "testing", "44.20260801.2.0", "7.2.1-200.fc44", 2);
    stream(&sandbox, "next", "44.20260801.1.0", "7.2.1-200.fc44", 2);
    sandbox
        .upstream
        .answer("/github/repos/openzfs/zfs/contents/META", meta("7.2"));
    let text = sandbox.run(&["forecast"]).expect(0).replace("\n  ", " ");
    assert!(
        text.contains(
            "stable gets kernel 7.2 in about 12 days (44.20260801.2.0 on testing); no kmods yet; \
             ZFS 2.4.4 allows up to 7.2: waiting for the kmods build, not for OpenZFS"
        ),
        "{text}"
    );
    assert!(text.contains("next: no newer kernel"), "{text}");
    // What is known of a tag is not asked again, and there is nobody to ask.
    let trouble = Reply::new(500, "text/plain", "");
    sandbox
        .upstream
        .answer("/github/repos/openzfs/zfs/contents", trouble);
    let again = sandbox.run(&["forecast"]);
    assert!(!again.stderr.contains("META"), "{again:?}");
    assert_eq!(again.expect(0).replace("\n  ", " "), text);
}

#[test]
fn what_openzfs_is_not_ready_for_and_what_could_not_be_asked() {
    let sandbox = Sandbox::new();
    stream(&sandbox, "testing", "44.20260801.2.0", "7.2.1-200.fc44", 2);
    sandbox
        .upstream
        .answer("/github/repos/openzfs/zfs/contents/META", meta("7.1"));
    let trouble = Reply::new(500, "text/plain", "");
    sandbox
        .upstream
        .answer("/fedora/updates/next.json", trouble);
    sandbox
        .upstream
        .document("prod/streams/next/releases.json", json!({}));
    let text = sandbox.run(&["forecast"]).expect(3).replace("\n  ", " ");
    assert!(
        text.contains("allows up to 7.1: waiting for OpenZFS"),
        "{text}"
    );
    assert!(text.contains("next: could not find out"), "{text}");
}

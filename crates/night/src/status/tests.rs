use image_build::lock::LOCK_LABEL;
use image_build::testing;
use registry_compat::{Trouble, Unknown};

use super::*;

fn now() -> Timestamp {
    testing::NOW.parse().unwrap()
}

fn trouble() -> Unknown {
    Unknown {
        trouble: Trouble::Unreachable,
        detail: "no route".to_owned(),
    }
}

/// Everything is there, and was published an hour ago.
fn asked() -> (Config, Asked) {
    let (config, upstream, local) = testing::facts();
    let (_, lock, _) = testing::locked();
    let image = testing::kmods_image(&config, "2.4.4", "7.1.4-200.fc44.x86_64");
    let Answer::Present(mut found) = image.answer else {
        panic!("it is there");
    };
    found.created = Some("2026-07-30T11:00:00Z".parse().unwrap());
    let label = (LOCK_LABEL.to_owned(), lock.to_line().unwrap());
    found.labels.extend([label]);
    let asked = Asked {
        now: now(),
        followed: "ghcr.io/someone/custom-coreos:stable".parse().unwrap(),
        published: Answer::Present(found),
        lock: Answer::Present(lock),
        signature: Signature::Good,
        boot: None,
        upstream: Ok(upstream),
        local,
        workflows: Workflows::Nobody("no token".to_owned()),
    };
    (config, asked)
}

fn judged(edit: impl FnOnce(&mut Config, &mut Asked)) -> (Status, String) {
    let (mut config, mut asked) = asked();
    edit(&mut config, &mut asked);
    let status = judge(&config, &asked).unwrap();
    let text = host::report::columns(&rows(&status, asked.now)).join("\n");
    assert!(text.lines().count() <= 24, "{text}");
    (status, text)
}

#[test]
fn all_is_well() {
    let (status, text) = judged(|_, _| {});
    assert_eq!(status.verdict.word, Word::UpToDate, "{text}");
    assert_eq!(status.not_asked, []);
    for part in [
        "44.20260707.3.1, quay.io/fedora/fedora-coreos@sha256:",
        "kernel     7.1.4-200.fc44.x86_64",
        "2026-07-30 11:00 UTC, 60 min ago",
        "of the policy's key",
        "up to date: what is published",
        "no token",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn nothing_is_published_yet() {
    let (status, text) = judged(|_, asked| {
        asked.published = Answer::Absent;
        asked.lock = Answer::Absent;
        asked.signature = Signature::Unknown("there is no image".to_owned());
    });
    assert_eq!(status.verdict.word, Word::CanBeBuilt);
    assert_eq!(status.not_asked, []);
    assert!(text.contains("nothing yet"), "{text}");
    assert!(
        text.contains("can be built: nothing is published yet"),
        "{text}"
    );
}

#[test]
fn what_a_build_would_change_is_said() {
    let (status, text) = judged(|_, asked| {
        let Answer::Present(old) = &mut asked.lock else {
            panic!("it is there");
        };
        old.zfs = "2.4.3".parse().unwrap();
        let Answer::Present(found) = &mut asked.published else {
            panic!("it is there");
        };
        let label = (LOCK_LABEL.to_owned(), old.to_line().unwrap());
        found.labels.extend([label]);
    });
    assert_eq!(status.verdict.word, Word::CanBeBuilt);
    assert_eq!(status.verdict.changes, ["ZFS 2.4.3 -> 2.4.4"]);
    assert!(text.contains("can be built: ZFS 2.4.3 -> 2.4.4"), "{text}");
}

#[test]
fn an_old_image_of_the_same_inputs_wants_its_packages() {
    let (status, text) = judged(|_, asked| {
        let Answer::Present(found) = &mut asked.published else {
            panic!("it is there");
        };
        found.created = Some("2026-07-20T11:00:00Z".parse().unwrap());
    });
    assert_eq!(status.verdict.word, Word::CanBeBuilt);
    assert!(text.contains("10 days old"), "{text}");
}

#[test]
fn a_base_without_modules_holds() {
    let (status, text) = judged(|_, asked| {
        let upstream = asked.upstream.as_mut().unwrap();
        let version_discovery::Fact::Known(releases) = &mut upstream.discovery.releases else {
            panic!("they are there");
        };
        let newer = testing::release("44.20260720.3.1", "2026-07-28", "7.2.0-200.fc44.x86_64");
        releases.push(newer);
    });
    assert_eq!(status.verdict.word, Word::Held, "{text}");
    assert!(text.contains("held since 2026-07-28"), "{text}");
    assert!(text.contains("not newer  44.20260720.3.1: "), "{text}");
    assert!(!text.contains("can be built"), "{text}");
}

#[test]
fn without_any_modules_it_waits() {
    let (status, text) = judged(|_, asked| {
        let upstream = asked.upstream.as_mut().unwrap();
        let name = upstream.images[0].source.clone();
        upstream.discovery.kmods = vec![version_discovery::KmodsSource::listed(name, [])];
        upstream.images.clear();
    });
    assert_eq!(status.verdict.word, Word::WaitingFor, "{text}");
    assert!(text.contains("waiting for "), "{text}");
    assert_eq!(status.not_asked, []);
}

#[test]
fn where_nobody_answers_each_is_named() {
    let (status, text) = judged(|_, asked| {
        asked.published = Answer::Unknown(trouble());
        asked.upstream = Err(trouble().to_string());
        asked.workflows = Workflows::Unknown(trouble().to_string());
    });
    let sources: Vec<&str> = status.not_asked.iter().map(|miss| miss.source).collect();
    assert_eq!(sources, ["published", "workflows", "upstream"]);
    assert_eq!(text.matches("could not ask").count(), 3, "{text}");
    assert!(text.contains("unknown: "), "{text}");
}

#[test]
fn whatever_gave_no_answer_has_its_row_and_the_others_stand() {
    type Edit = fn(&mut Asked);
    let cases: [(&str, Edit); 5] = [
        ("published", |asked| {
            asked.published = Answer::Unknown(trouble());
        }),
        ("lock", |asked| asked.lock = Answer::Unknown(trouble())),
        ("signature", |asked| {
            asked.signature = Signature::Unknown(trouble().to_string());
        }),
        ("upstream", |asked| {
            asked.upstream = Err(trouble().to_string());
        }),
        ("workflows", |asked| {
            asked.workflows = Workflows::Unknown(trouble().to_string());
        }),
    ];
    for (source, edit) in cases {
        let (status, text) = judged(|_, asked| edit(asked));
        let sources: Vec<&str> = status.not_asked.iter().map(|miss| miss.source).collect();
        assert_eq!(sources, [source], "{text}");
        let expected = match source {
            "published" | "upstream" => Word::Unknown,
            _ => Word::UpToDate,
        };
        assert_eq!(status.verdict.word, expected, "{source}: {text}");
        assert!(text.contains("could not ask"), "{source}: {text}");
        for part in ["published", "upstream", "verdict", "workflows"] {
            assert!(text.contains(part), "{source}: {text}");
        }
    }
}

#[test]
fn the_decision_is_a_page_that_fetches_nothing() {
    let (config, asked) = asked();
    let upstream = asked.upstream.as_ref().unwrap();
    let html = graph(&config, upstream, &decide(&config, upstream));
    for part in [
        "<b class=\"good\">compatible</b> 44.20260707.3.1 with ZFS",
        "<li class=\"new\"><span><small>Fedora CoreOS</small>44.20260707.3.1</span></li>",
        "<li class=\"new\"><span><small>kernel</small>7.1.4-200.fc44.x86_64</span></li>",
        "<li class=\"new\"><span><small>verdict</small>taken</span></li>",
        "<h2>What to expect</h2>",
        "default-src 'none'",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    for part in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(part), "{part} in {html}");
    }
}

#[test]
fn the_page_fetches_nothing_and_takes_no_text_for_html() {
    let (config, mut asked) = asked();
    asked.workflows = Workflows::Unknown("<b>no</b>".to_owned());
    let status = judge(&config, &asked).unwrap();
    let upstream = asked.upstream.as_ref().unwrap();
    let choice = decide(&config, upstream);
    let html = page(&Facts {
        title: "An <image>",
        status: &status,
        choice: Some(&choice),
        ahead: &[],
        history: &[],
        now: asked.now,
    });
    for part in [
        "<h1>An &lt;image&gt;</h1>",
        "<b class=\"good\">up to date</b>",
        "could not ask: &lt;b&gt;no&lt;/b&gt;",
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "width=device-width",
        "<small>kernel</small>7.1.4-200.fc44.x86_64",
        // The release that is taken, on the line of days.
        "<circle class=\"dot\"",
        "44.20260707.3.1: taken",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    for part in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(part), "{part} in {html}");
    }
}

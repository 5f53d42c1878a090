//! Lists of tags: complete, or unknown; never short, never endless.

use std::collections::BTreeSet;

use registry_compat::Answer;
use remote::loopback::{Loopback, Reply, Request};

use crate::support::Want::{self, *};
use crate::support::fake::{
    Part, count, good, image, in_turn, part, repository, said, start, text,
};
use crate::support::{calm, plain_http, registries};

fn ask(server: &Loopback) -> Answer<BTreeSet<String>> {
    registries(&plain_http(server.address()), None, calm()).tags(&repository(server))
}

/// A good registry, except for its list of tags.
fn listing(list: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Loopback {
    let image = image("list");
    start(move |request| match part(request) {
        Some(Part::Tags) => list(request),
        _ => good(request, &image),
    })
}

/// The number of the page that a request asks for.
fn page(request: &Request) -> usize {
    let after = request.path.split_once("last=").map(|(_, rest)| rest);
    let digits = after.and_then(|rest| rest.split('&').next());
    digits.map_or(0, |text| text.parse().expect("a page number"))
}

fn tags(from: usize, to: usize) -> Reply {
    let names: Vec<String> = (from..to).map(|n| format!("v{n}")).collect();
    let body = serde_json::json!({"name": "a/b", "tags": names});
    Reply::new(200, "application/json", body.to_string())
}

fn next(reply: Reply, target: &str) -> Reply {
    reply.with("link", &format!("<{target}>; rel=\"next\""))
}

fn next_number(reply: Reply, number: usize) -> Reply {
    next(reply, &format!("/v2/a/b/tags/list?n=1000&last={number}"))
}

#[test]
fn fifty_thousand_tags_over_pages() {
    let server = listing(|request| match page(request) {
        49 => tags(49_000, 50_000),
        at => next_number(tags(at * 1000, (at + 1) * 1000), at + 1),
    });
    let Answer::Present(all) = ask(&server) else {
        panic!("every page is good");
    };
    assert_eq!(all.len(), 50_000);
    assert_eq!(count(&server, Part::Tags), 50);
    assert_eq!(count(&server, Part::Ping), 1, "one pass is enough");
}

#[test]
fn what_ends_a_list() {
    type List = fn(&Request) -> Reply;
    // The case, the list, the answer, and the requests for the list at most.
    let table: Vec<(&str, List, Want, usize)> = vec![
        ("n and last ignored, no Link", |_| tags(0, 2500), Present, 1),
        ("tags: null", |_| text(200, r#"{"tags": null}"#), Present, 1),
        (
            "tags missing",
            |_| text(200, r#"{"name": "a/b"}"#),
            Garbled,
            1,
        ),
        (
            "tags of another type",
            |_| text(200, r#"{"tags": {"a": 1}}"#),
            Garbled,
            1,
        ),
        (
            "a null among the tags",
            |_| text(200, r#"{"tags": ["a", null]}"#),
            Garbled,
            1,
        ),
        (
            "Link without next",
            |_| tags(0, 1).with("link", "</v2/>; rel=\"prev\""),
            Present,
            1,
        ),
        (
            "Link that is none",
            |_| tags(0, 1).with("link", "next!"),
            Present,
            1,
        ),
        ("Link to itself", |r| next(tags(0, 9), &r.path), Garbled, 2),
        (
            "two pages in a circle",
            |r| next_number(tags(page(r), page(r) + 1), 1 - page(r)),
            Garbled,
            3,
        ),
        (
            "many new tags for ever",
            |r| next_number(tags(page(r) * 50_000, (page(r) + 1) * 50_000), page(r) + 1),
            Garbled,
            11,
        ),
        (
            "one new tag for ever",
            |r| next_number(tags(page(r), page(r) + 1), page(r) + 1),
            Garbled,
            1000,
        ),
        (
            "page over the limit",
            |_| text(200, &" ".repeat(9 << 20)),
            Garbled,
            1,
        ),
        // The first page was good. It is not the answer.
        (
            "503 on the second page",
            |r| {
                if page(r) == 0 {
                    next_number(tags(0, 9), 1)
                } else {
                    text(503, "")
                }
            },
            ServerError,
            4,
        ),
        (
            "404 on the second page",
            |r| {
                if page(r) == 0 {
                    next_number(tags(0, 9), 1)
                } else {
                    said(404, "NAME_UNKNOWN")
                }
            },
            Garbled,
            2,
        ),
        (
            "429 on the second page",
            |r| {
                if page(r) == 0 {
                    next_number(tags(0, 9), 1)
                } else {
                    text(429, "")
                }
            },
            RateLimited,
            4,
        ),
        (
            "truncated second page",
            |r| {
                if page(r) == 0 {
                    next_number(tags(0, 9), 1)
                } else {
                    text(200, "{\"tags\": [")
                }
            },
            Garbled,
            2,
        ),
    ];
    let mut wrong = Vec::new();
    for (case, list, wanted, most) in table {
        let server = listing(list);
        let found = Want::of(&ask(&server));
        let asked = count(&server, Part::Tags);
        if found != wanted || asked > most {
            wrong.push(format!(
                "{case}: wanted {wanted:?} in {most}, found {found:?} in {asked}"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_link_to_another_host_is_not_followed() {
    let other = start(|_| tags(9, 10));
    for target in [
        format!("http://{}/v2/a/b/tags/list", other.address()),
        format!("https://{}/v2/a/b/tags/list", other.address()),
    ] {
        let server = listing(move |_| next(tags(0, 9), &target));
        assert_eq!(Want::of(&ask(&server)), Garbled);
    }
    assert!(other.seen().is_empty());
    // Two slashes begin a host in a browser. Here they stay on this one.
    let address = other.address();
    let server = listing(move |request| {
        if request.path.starts_with("//") {
            text(404, "")
        } else {
            next(tags(0, 9), &format!("//{address}/v2/a/b/tags/list"))
        }
    });
    assert_eq!(Want::of(&ask(&server)), Garbled);
    assert!(other.seen().is_empty());
}

#[test]
fn a_passing_trouble_is_asked_again_and_counted() {
    let image = image("retry");
    // What the server says in turn, the answer, and the requests for it.
    let table = [
        (vec![text(503, ""), tags(0, 3)], Present, 2),
        (vec![text(429, ""), tags(0, 3)], Present, 2),
        (vec![text(503, "")], ServerError, 2),
        (vec![text(429, "")], RateLimited, 2),
        (vec![said(403, "DENIED"), tags(0, 3)], Denied, 1),
        (vec![said(404, "NAME_UNKNOWN"), tags(0, 3)], Absent, 1),
    ];
    for (replies, wanted, requests) in table {
        let replies_again = replies.clone();
        let list = in_turn(replies);
        let server = listing(move |_| list());
        assert_eq!(Want::of(&ask(&server)), wanted, "{replies_again:?}");
        assert_eq!(count(&server, Part::Tags), requests, "{replies_again:?}");
    }
    let manifests = in_turn(vec![text(500, ""), text(502, "")]);
    let server = start(move |request| match part(request) {
        Some(Part::Manifest) => manifests(),
        _ => good(request, &image),
    });
    let name = crate::support::fake::tagged(&server);
    let client = registries(&plain_http(server.address()), None, calm());
    assert_eq!(Want::of(&client.digest(&name)), ServerError);
    assert_eq!(count(&server, Part::Manifest), 2);
}

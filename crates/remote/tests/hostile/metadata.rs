//! GitHub's releases and Fedora's build metadata.

use host::Secret;
use registry_compat::Answer;
use remote::loopback::{Loopback, Manner, Reply, Request, nobody};
use remote::{Agent, Error, Limits};
use version_discovery::{Arch, KernelVersion, ZfsRelease};

use crate::support::fake::{html, in_turn, start, text};
use crate::support::{Want, calm, hasty};

const TOKEN: &str = "ghp_thetoken";

/// What a server did, and what is known after it. `Found` counts releases.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Found(usize),
    NotFound,
    Unknown(Want),
}

use Outcome::{Found, NotFound};

const DENIED: Outcome = Outcome::Unknown(Want::Denied);
const RATE_LIMITED: Outcome = Outcome::Unknown(Want::RateLimited);
const UNREACHABLE: Outcome = Outcome::Unknown(Want::Unreachable);
const SERVER_ERROR: Outcome = Outcome::Unknown(Want::ServerError);
const GARBLED: Outcome = Outcome::Unknown(Want::Garbled);

fn releases(
    server: &Loopback,
    token: Option<&str>,
    limits: Limits,
) -> Result<Vec<ZfsRelease>, Error> {
    let base = format!("http://{}", server.address());
    let token = token.map(Secret::new);
    remote::github::releases(&Agent::new(limits), &base, "o/r", token.as_ref())
}

fn outcome(result: Result<Vec<ZfsRelease>, Error>) -> Outcome {
    match result {
        Ok(found) => Found(found.len()),
        Err(Error::NotFound(_)) => NotFound,
        Err(Error::Unknown(why)) => Outcome::Unknown(why.trouble.into()),
        Err(other) => panic!("{other}"),
    }
}

fn json(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, "application/json; charset=utf-8", body)
}

/// A page of releases, with all that GitHub sends beside them.
fn page(tags: &[&str]) -> Reply {
    let entry = |tag: &&str| {
        serde_json::json!({
            "tag_name": tag, "draft": false, "prerelease": false, "id": 1,
            "name": null, "body": null, "published_at": null, "assets": [],
        })
    };
    let entries: Vec<_> = tags.iter().map(entry).collect();
    json(serde_json::Value::from(entries).to_string())
}

fn release_with(field: &str, value: serde_json::Value) -> Reply {
    let mut entry =
        serde_json::json!({"tag_name": "zfs-2.4.4", "draft": false, "prerelease": false});
    entry[field] = value;
    json(serde_json::json!([entry]).to_string())
}

fn linked(reply: Reply, target: &str) -> Reply {
    let link = format!("<{target}&page=1>; rel=\"first\", <{target}>; rel=\"next\"");
    reply.with("link", &link)
}

#[test]
#[rustfmt::skip] // One case, one line.
fn answers_of_github() {
    let secondary = r#"{"message": "You have exceeded a secondary rate limit. Please wait"}"#;
    let plain = r#"{"message": "Resource not accessible by integration"}"#;
    let null = serde_json::Value::Null;
    // The case, what the server says in turn, the outcome, and the requests.
    let table: Vec<(&str, Vec<Reply>, Outcome, usize)> = vec![
        ("one page", vec![page(&["zfs-2.4.4", "zfs-2.3.9"])], Found(2), 1),
        ("no releases", vec![page(&[])], Found(0), 1),
        ("404", vec![text(404, r#"{"message": "Not Found"}"#)], NotFound, 1),
        ("404 HTML", vec![html(404)], NotFound, 1),
        ("401", vec![text(401, r#"{"message": "Bad credentials"}"#)], DENIED, 1),
        ("403 plain", vec![text(403, plain), page(&["a"])], DENIED, 1),
        ("403, nothing remaining", vec![text(403, "").with("x-ratelimit-remaining", "0")], RATE_LIMITED, 2),
        ("403, some remaining", vec![text(403, plain).with("x-ratelimit-remaining", "59")], DENIED, 1),
        ("403 with retry-after", vec![text(403, "").with("retry-after", "1"), page(&["a"])], Found(1), 2),
        ("403 secondary limit", vec![text(403, secondary).with("x-ratelimit-remaining", "9")], RATE_LIMITED, 2),
        ("429", vec![text(429, "")], RATE_LIMITED, 2),
        ("429, then well", vec![text(429, ""), page(&["a"])], Found(1), 2),
        ("500, then well", vec![text(500, ""), page(&["a"])], Found(1), 2),
        ("500", vec![text(500, "")], SERVER_ERROR, 2),
        ("502 HTML", vec![html(502)], SERVER_ERROR, 2),
        ("503", vec![text(503, "")], SERVER_ERROR, 2),
        ("418", vec![text(418, "")], GARBLED, 1),
        ("204", vec![text(204, "")], GARBLED, 1),
        ("reset, then well", vec![text(200, "").sent(Manner::Reset), page(&["a"])], Found(1), 2),
        ("reset", vec![text(200, "").sent(Manner::Reset)], UNREACHABLE, 2),
        ("cut off, then well", vec![page(&["a"]).sent(Manner::CutAfter(5)), page(&["a"])], Found(1), 2),
        ("cut off", vec![page(&["a"]).sent(Manner::CutAfter(5))], UNREACHABLE, 2),
        ("stalls", vec![page(&["a"]).sent(Manner::StallAfter(5))], UNREACHABLE, 2),
        ("HTML", vec![html(200)], GARBLED, 1),
        ("empty", vec![json("")], GARBLED, 1),
        ("truncated", vec![json(r#"[{"tag_name": "a", "draft""#)], GARBLED, 1),
        ("an object", vec![json(r#"{"message": "hello"}"#)], GARBLED, 1),
        ("tag_name null", vec![release_with("tag_name", null.clone())], GARBLED, 1),
        ("draft null", vec![release_with("draft", null.clone())], GARBLED, 1),
        ("draft as text", vec![release_with("draft", "false".into())], GARBLED, 1),
        ("unknown field", vec![release_with("new", null)], Found(1), 1),
        ("10 MB of garbage", vec![json(vec![b'x'; 10_000_000])], GARBLED, 1),
        ("deep JSON", vec![json("[".repeat(200_000))], GARBLED, 1),
        ("endless", vec![json(" ".repeat(1 << 16)).sent(Manner::Endless)], GARBLED, 1),
    ];
    let mut wrong = Vec::new();
    for (case, replies, wanted, requests) in table {
        let stalls = replies.iter().any(|r| matches!(r.manner, Manner::StallAfter(_)));
        let answer = in_turn(replies);
        let server = start(move |_| answer());
        let found = outcome(releases(&server, None, if stalls { hasty() } else { calm() }));
        let asked = server.seen().len();
        if found != wanted || asked != requests {
            wrong.push(format!("{case}: wanted {wanted:?} in {requests}, found {found:?} in {asked}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn pages_of_github() {
    let turn = in_turn(vec![
        linked(page(&["a"]), "/repositories/1/releases?page=2"),
        text(502, ""),
        // A short page is not the last one, and an empty one neither.
        linked(page(&[]), "/repositories/1/releases?page=3"),
        page(&["c"]),
    ]);
    let server = start(move |_| turn());
    let found = releases(&server, Some(TOKEN), calm()).expect("all pages");
    let tags: Vec<_> = found.iter().map(|release| release.tag.as_str()).collect();
    assert_eq!(tags, ["a", "c"]);
    let seen = server.seen();
    let paths: Vec<_> = seen.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/repos/o/r/releases?per_page=100",
            "/repositories/1/releases?page=2",
            "/repositories/1/releases?page=2",
            "/repositories/1/releases?page=3",
        ]
    );
    let bearer = format!("Bearer {TOKEN}");
    for request in &seen {
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("x-github-api-version"), Some("2022-11-28"));
    }
}

/// A list that breaks off is no list.
#[test]
fn a_later_page_that_fails() {
    let table = [
        (text(500, ""), SERVER_ERROR),
        (text(403, ""), DENIED),
        (text(429, ""), RATE_LIMITED),
        (html(200), GARBLED),
        (page(&["b"]).sent(Manner::CutAfter(3)), UNREACHABLE),
        (text(404, ""), GARBLED),
    ];
    for (second, wanted) in table {
        let said = second.clone();
        let turn = in_turn(vec![linked(page(&["a"]), "/x?page=2"), second]);
        let server = start(move |_| turn());
        assert_eq!(outcome(releases(&server, None, calm())), wanted, "{said:?}");
    }
}

#[test]
fn pages_without_end() {
    let itself = start(|request: &Request| linked(page(&["a"]), &request.path));
    assert_eq!(outcome(releases(&itself, None, calm())), GARBLED);
    assert_eq!(itself.seen().len(), 100);
}

#[test]
fn the_token_stays_with_its_host() {
    let other = start(|_| page(&["stolen"]));
    let port = other.address().port();
    for target in [
        format!("http://{}/x?page=2", other.address()),
        format!("https://{}/x?page=2", other.address()),
        format!("http://localhost:{port}/x?page=2"),
        format!("HTTP://{}/x?page=2", other.address()),
    ] {
        let server = start(move |_| linked(page(&["a"]), &target));
        assert_eq!(outcome(releases(&server, Some(TOKEN), calm())), GARBLED);
    }
    // A user part that looks like the host.
    let address = other.address();
    let server = start(move |request| {
        let host = request.header("host").unwrap_or_default();
        linked(page(&["a"]), &format!("http://{host}@{address}/x?page=2"))
    });
    assert_eq!(outcome(releases(&server, Some(TOKEN), calm())), GARBLED);
    assert!(other.seen().is_empty());
    // A redirect is followed, as GitHub uses it for renamed repositories, but
    // not with the token.
    let server = start(move |_| html(301).with("location", &format!("http://{address}/moved")));
    assert_eq!(outcome(releases(&server, Some(TOKEN), calm())), Found(1));
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
    // Nor does an error show it.
    let server = start(|_| text(403, "no"));
    let error = releases(&server, Some(TOKEN), calm()).expect_err("denied");
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
}

#[test]
fn nobody_listens() {
    let base = format!("http://{}", nobody().expect("a free port"));
    let agent = Agent::new(calm());
    let found = remote::github::releases(&agent, &base, "o/r", None);
    assert_eq!(outcome(found), UNREACHABLE);
    assert_eq!(Want::of(&kernel_at(&base, calm())), Want::Unreachable);
}

fn kernel_at(base: &str, limits: Limits) -> Answer<KernelVersion> {
    remote::fcos::kernel(
        &Agent::new(limits),
        base,
        &"stable".parse().expect("a stream"),
        &"44.20260707.3.1".parse().expect("a version"),
        Arch::X86_64,
    )
}

/// `commitmeta.json` with these packages.
fn commit(packages: &serde_json::Value) -> Reply {
    json(serde_json::json!({"rpmostree.rpmdb.pkglist": packages, "version": "44"}).to_string())
}

#[test]
#[rustfmt::skip] // One case, one line.
fn answers_of_fedora() {
    let kernel = serde_json::json!(["kernel-core", "0", "7.1.4", "200.fc44", "x86_64"]);
    let odd = |version: &str| serde_json::json!([["kernel-core", "0", version, "200.fc44", "x86_64"]]);
    let bash = serde_json::json!(["bash", "0", "5.3", "1.fc44", "x86_64"]);
    let tail = serde_json::json!(["kernel-core-extra", "0", "1.0.0", "1.fc44", "x86_64"]);
    use Want::*;
    // The case, what the server says in turn, the answer, and the requests.
    let table: Vec<(&str, Vec<Reply>, Want, usize)> = vec![
        ("one kernel", vec![commit(&serde_json::json!([bash, kernel, tail]))], Present, 1),
        ("500, then well", vec![text(500, ""), commit(&serde_json::json!([kernel]))], Present, 2),
        ("no kernel-core", vec![commit(&serde_json::json!([bash, tail]))], Garbled, 1),
        ("two kernel-cores", vec![commit(&serde_json::json!([kernel, kernel]))], Garbled, 1),
        ("no packages", vec![commit(&serde_json::json!([]))], Garbled, 1),
        ("packages null", vec![commit(&serde_json::Value::Null)], Garbled, 1),
        ("no list", vec![json("{}")], Garbled, 1),
        ("version empty", vec![commit(&odd(""))], Garbled, 1),
        ("version malformed", vec![commit(&odd("7.x"))], Garbled, 1),
        ("version with a line break", vec![commit(&odd("7.1.4\nevil"))], Garbled, 1),
        ("version with a slash", vec![commit(&odd("7.1.4/../../x"))], Garbled, 1),
        // It is of no use here, so its type is of no concern.
        ("epoch as a number", vec![commit(&serde_json::json!([["kernel-core", 0, "7.1.4", "200.fc44", "x86_64"]]))], Present, 1),
        ("another architecture", vec![commit(&serde_json::json!([["kernel-core", "0", "7.1.4", "200.fc44", "aarch64"]]))], Garbled, 1),
        ("entry too short", vec![commit(&serde_json::json!([["kernel-core", "0"]]))], Garbled, 1),
        ("entry null", vec![commit(&serde_json::json!([null]))], Garbled, 1),
        ("404", vec![text(404, "")], Absent, 1),
        ("404 HTML", vec![html(404)], Absent, 1),
        ("403, as a bucket says not found", vec![text(403, "<Error><Code>AccessDenied</Code></Error>")], Denied, 1),
        ("429", vec![text(429, "")], RateLimited, 2),
        ("503 slow down", vec![text(503, "<Code>SlowDown</Code> rate limit")], RateLimited, 2),
        ("500", vec![text(500, "")], ServerError, 2),
        ("reset", vec![text(200, "").sent(Manner::Reset)], Unreachable, 2),
        ("cut off", vec![commit(&serde_json::json!([kernel])).sent(Manner::CutAfter(9))], Unreachable, 2),
        ("stalls", vec![commit(&serde_json::json!([kernel])).sent(Manner::StallAfter(9))], Unreachable, 2),
        ("HTML", vec![html(200)], Garbled, 1),
        ("truncated", vec![json("{\"rpmostree.rpmdb.pkglist\": [[")], Garbled, 1),
        ("10 MB of garbage", vec![json(vec![0; 10_000_000])], Garbled, 1),
        ("endless", vec![json(" ".repeat(1 << 16)).sent(Manner::Endless)], Garbled, 1),
    ];
    let mut wrong = Vec::new();
    for (case, replies, wanted, requests) in table {
        let stalls = replies.iter().any(|r| matches!(r.manner, Manner::StallAfter(_)));
        let answer = in_turn(replies);
        let server = start(move |_| answer());
        let base = format!("http://{}", server.address());
        let found = kernel_at(&base, if stalls { hasty() } else { calm() });
        let asked = server.seen().len();
        if Want::of(&found) != wanted || asked != requests {
            wrong.push(format!("{case}: wanted {wanted:?} in {requests}, found {found:?} in {asked}"));
        }
        if let Answer::Present(kernel) = found {
            assert_eq!(kernel.to_string(), "7.1.4-200.fc44.x86_64");
            assert_eq!(server.seen()[0].path, "/prod/streams/stable/builds/44.20260707.3.1/x86_64/commitmeta.json");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The two documents of a stream: bytes or a reason, and never "there is none".
#[test]
fn documents_of_a_stream() {
    type Read = fn(&Agent, &str, &version_discovery::Stream) -> Result<Vec<u8>, Error>;
    let documents: [(Read, &str); 2] = [
        (
            remote::fcos::release_index,
            "/prod/streams/stable/releases.json",
        ),
        (remote::fcos::updates, "/updates/stable.json"),
    ];
    let stream = "stable".parse().expect("a stream");
    for (read, path) in documents {
        let ask = |reply: Reply| {
            let server = start(move |_| reply.clone());
            let found = read(
                &Agent::new(calm()),
                &format!("http://{}", server.address()),
                &stream,
            );
            assert_eq!(server.seen()[0].path, path);
            found
        };
        assert_eq!(ask(json("{}")).expect("bytes"), b"{}");
        assert!(matches!(ask(html(404)), Err(Error::NotFound(_))));
        for (reply, wanted) in [
            (text(403, "<Code>AccessDenied</Code>"), Want::Denied),
            (text(429, ""), Want::RateLimited),
            (text(500, ""), Want::ServerError),
            (text(204, ""), Want::Garbled),
            (text(200, "").sent(Manner::Reset), Want::Unreachable),
        ] {
            match ask(reply) {
                Err(Error::Unknown(why)) => assert_eq!(Want::from(why.trouble), wanted),
                other => panic!("{wanted:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_range_of_an_openzfs_release() {
    let range = |reply: Reply| {
        let server = start(move |_| reply.clone());
        let base = format!("http://{}", server.address());
        let version = "2.4.4".parse().expect("a version");
        let agent = Agent::new(calm());
        let found = remote::github::linux_range(&agent, &base, "o/r", &version, None);
        let seen = server.seen();
        assert_eq!(seen[0].path, "/repos/o/r/contents/META?ref=zfs-2.4.4");
        let accept = seen[0].header("accept");
        assert_eq!(accept, Some("application/vnd.github.raw+json"));
        found
    };
    let meta = "Meta: 1\nName: zfs\nLinux-Maximum: 7.1\nLinux-Minimum: 4.18\n";
    let found = range(text(200, meta)).expect("a range");
    assert_eq!(found.maximum, (7, 1));
    assert!(matches!(range(html(404)), Err(Error::NotFound(_))));
    for reply in [
        html(200),
        text(200, "Linux-Maximum: 7\n"),
        text(403, "rate limit"),
    ] {
        assert!(matches!(range(reply), Err(Error::Unknown(_))));
    }
}

//! The table of answers: what a registry does, and what is known after it.

use remote::loopback::{Manner, Reply};
use version_discovery::Arch;

use crate::support::Want::{self, *};
use crate::support::fake::{Part, html, image, said, tagged, text, twisted};
use crate::support::{calm, hasty, plain_http, registries};

/// A case, and the answers to `digest`, `inspect` and `tags`.
type Row = (&'static str, Vec<(Part, Reply)>, [Want; 3]);

/// Plays each case against a new server and reports all that differ.
fn play(table: Vec<Row>) {
    let mut wrong = Vec::new();
    for (case, twists, wanted) in table {
        let stalls = |(_, reply): &(Part, Reply)| matches!(reply.manner, Manner::StallAfter(_));
        // Haste where nothing will come; on a busy machine the rest takes time.
        let hurry = twists.iter().any(stalls);
        let limits = |want: Want| match want {
            Unreachable if hurry => hasty(),
            _ => calm(),
        };
        let image = image("table");
        let server = twisted(&image, twists);
        // A client for each question: nothing is remembered from the last.
        let client = |want| registries(&plain_http(server.address()), None, limits(want));
        let name = tagged(&server);
        let found = [
            Want::of(&client(wanted[0]).digest(&name)),
            Want::of(&client(wanted[1]).inspect(&name, Arch::X86_64)),
            Want::of(&client(wanted[2]).tags(name.repository())),
        ];
        if found != wanted {
            wrong.push(format!("{case}: wanted {wanted:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The same answer to the questions for the manifest and for the tags.
fn content(reply: Reply) -> Vec<(Part, Reply)> {
    vec![(Part::Manifest, reply.clone()), (Part::Tags, reply)]
}

fn json(status: u16, body: &str) -> Reply {
    Reply::new(status, "application/json", body)
}

#[test]
#[rustfmt::skip] // One case, one line.
fn the_registry_answers_the_question() {
    let all = |want: Want| [want; 3];
    play(vec![
        ("200", vec![], all(Present)),
        // What the registry has not.
        ("404 MANIFEST_UNKNOWN", content(said(404, "MANIFEST_UNKNOWN")), all(Absent)),
        ("404 NAME_UNKNOWN", content(said(404, "NAME_UNKNOWN")), all(Absent)),
        ("404 NOT_FOUND (Harbor)", content(said(404, "NOT_FOUND")), all(Absent)),
        ("404 unheard-of code", content(said(404, "GONE_FISHING")), all(Absent)),
        ("404 no errors", content(json(404, r#"{"errors": []}"#)), all(Absent)),
        ("404 text", content(text(404, "404 page not found")), all(Absent)),
        ("404 HTML", content(html(404)), all(Absent)),
        ("404 empty", content(text(404, "")), all(Absent)),
        // The words without the status are no 404.
        ("400 MANIFEST_UNKNOWN", content(said(400, "MANIFEST_UNKNOWN")), all(Garbled)),
        ("403 NAME_UNKNOWN", content(said(403, "NAME_UNKNOWN")), all(Denied)),
        ("500 MANIFEST_UNKNOWN", content(said(500, "MANIFEST_UNKNOWN")), all(ServerError)),
        // Not allowed.
        ("401 without challenge", content(said(401, "UNAUTHORIZED")), all(Denied)),
        ("401 empty", content(text(401, "")), all(Denied)),
        ("403 DENIED", content(said(403, "DENIED")), all(Denied)),
        ("403 HTML", content(html(403)), all(Denied)),
        // Too much.
        ("429 TOOMANYREQUESTS", content(said(429, "TOOMANYREQUESTS")), all(RateLimited)),
        ("429 empty", content(text(429, "")), all(RateLimited)),
        ("400 with the hint in the text", content(text(400, "rate limit exceeded")), all(RateLimited)),
        ("403 with the code in the text", content(said(403, "TOOMANYREQUESTS")), all(RateLimited)),
        ("403 as ghcr.io says it", content(text(403, "retry-after: 880.092µs, allowed: 44000/minute")), all(RateLimited)),
        ("503 with the hint in the text", content(text(503, "Too Many Requests")), all(RateLimited)),
        // Broken.
        ("500", content(text(500, "oh")), all(ServerError)),
        ("502 HTML", content(html(502)), all(ServerError)),
        ("503 empty", content(text(503, "")), all(ServerError)),
        ("418", content(text(418, "teapot")), all(Garbled)),
        ("204", content(text(204, "")), all(Garbled)),
        ("304", content(text(304, "")), all(Garbled)),
        ("reset before the answer", content(text(200, "").sent(Manner::Reset)), all(Unreachable)),
        ("body cut off", content(text(200, "{\"schemaVersion\": 2}").sent(Manner::CutAfter(5))), all(Unreachable)),
        ("body stalls", content(text(200, "{\"schemaVersion\": 2}").sent(Manner::StallAfter(5))), all(Unreachable)),
        ("silence", content(text(200, "{}").sent(Manner::StallAfter(0))), all(Unreachable)),
        // Something else answers.
        ("200 HTML", content(html(200)), all(Garbled)),
        ("200 empty", content(text(200, "")), all(Garbled)),
        ("200 truncated JSON", content(json(200, r#"{"schemaVersion": 2, "tags": ["a"#)), all(Garbled)),
        ("200 other JSON", content(json(200, r#"{"message": "hello"}"#)), [Garbled, Garbled, Garbled]),
        ("200 null", content(json(200, "null")), all(Garbled)),
        ("404 cut off", content(said(404, "MANIFEST_UNKNOWN").sent(Manner::CutAfter(5))), all(Unreachable)),
    ]);
}

#[test]
#[rustfmt::skip] // One case, one line.
fn the_first_request_is_not_the_question() {
    let ping = |reply: Reply| vec![(Part::Ping, reply)];
    let all = |want: Want| [want; 3];
    play(vec![
        ("200", ping(text(200, "")), all(Present)),
        ("401 without challenge, then open", ping(said(401, "UNAUTHORIZED")), all(Present)),
        ("404: no registry there", ping(text(404, "404 page not found")), all(Garbled)),
        ("404 NAME_UNKNOWN", ping(said(404, "NAME_UNKNOWN")), all(Garbled)),
        ("404 HTML", ping(html(404)), all(Garbled)),
        ("403", ping(text(403, "")), all(Denied)),
        ("429", ping(text(429, "")), all(RateLimited)),
        ("500", ping(text(500, "")), all(ServerError)),
        ("503 with the hint in the text", ping(text(503, "rate limit")), all(RateLimited)),
        ("reset", ping(text(200, "").sent(Manner::Reset)), all(Unreachable)),
        ("stalls", ping(text(200, "{}").sent(Manner::StallAfter(1))), all(Unreachable)),
        ("challenge of an unknown kind", ping(text(401, "").with("www-authenticate", "Negotiate")), all(Present)),
        ("realm that is no URL", ping(text(401, "").with("www-authenticate", "Bearer realm=\"token\"")), all(Garbled)),
        ("realm that is a file", ping(text(401, "").with("www-authenticate", "Bearer realm=\"file:///etc/passwd\"")), all(Garbled)),
        ("realm where nobody listens", ping(text(401, "").with("www-authenticate", "Bearer realm=\"http://127.0.0.1:1/t\"")), all(Unreachable)),
    ]);
}

#[test]
#[rustfmt::skip] // One case, one line.
fn the_token_service_is_not_the_registry() {
    let token = |reply: Reply| vec![(Part::Token, reply)];
    let all = |want: Want| [want; 3];
    play(vec![
        ("200", token(json(200, r#"{"token": "x"}"#)), all(Present)),
        ("200 by the other name", token(json(200, r#"{"access_token": "x"}"#)), all(Present)),
        ("200 one of them empty", token(json(200, r#"{"token": "", "access_token": "x"}"#)), all(Present)),
        ("401", token(said(401, "UNAUTHORIZED")), all(Denied)),
        ("403 DENIED", token(said(403, "DENIED")), all(Denied)),
        ("404", token(text(404, "not found")), all(Garbled)),
        ("404 NAME_UNKNOWN", token(said(404, "NAME_UNKNOWN")), all(Garbled)),
        ("404 MANIFEST_UNKNOWN", token(said(404, "MANIFEST_UNKNOWN")), all(Garbled)),
        ("429", token(text(429, "")), all(RateLimited)),
        ("403 with the hint in the text", token(text(403, "rate limit")), all(RateLimited)),
        ("500", token(text(500, "")), all(ServerError)),
        ("503", token(text(503, "not now")), all(ServerError)),
        ("reset", token(text(200, "").sent(Manner::Reset)), all(Unreachable)),
        ("cut off", token(json(200, r#"{"token": "x"}"#).sent(Manner::CutAfter(4))), all(Unreachable)),
        ("stalls", token(json(200, r#"{"token": "x"}"#).sent(Manner::StallAfter(4))), all(Unreachable)),
        ("HTML", token(html(200)), all(Garbled)),
        ("broken JSON", token(json(200, r#"{"token": "x"#)), all(Garbled)),
        ("no token", token(json(200, "{}")), all(Garbled)),
        ("token of another type", token(json(200, r#"{"token": 5}"#)), all(Garbled)),
        ("token that is no header", token(json(200, r#"{"token": "x\r\nevil: y"}"#)), all(Garbled)),
        ("endless", token(text(200, &" ".repeat(65536)).sent(Manner::Endless)), all(Garbled)),
    ]);
}

/// The manifest is there. Whatever becomes of its config, "absent" is not it.
#[test]
#[rustfmt::skip] // One case, one line.
fn the_config_is_not_the_image() {
    let blob = |reply: Reply| vec![(Part::Blob, reply)];
    let inspect = |want: Want| [Present, want, Present];
    play(vec![
        ("404 BLOB_UNKNOWN", blob(said(404, "BLOB_UNKNOWN")), inspect(Garbled)),
        ("404 NAME_UNKNOWN", blob(said(404, "NAME_UNKNOWN")), inspect(Garbled)),
        ("404 text", blob(text(404, "404 page not found")), inspect(Garbled)),
        ("401", blob(said(401, "UNAUTHORIZED")), inspect(Denied)),
        ("403", blob(said(403, "DENIED")), inspect(Denied)),
        ("429", blob(said(429, "TOOMANYREQUESTS")), inspect(RateLimited)),
        ("503", blob(text(503, "")), inspect(ServerError)),
        ("reset", blob(text(200, "").sent(Manner::Reset)), inspect(Unreachable)),
        ("cut off", blob(text(200, "{\"config\": {}}").sent(Manner::CutAfter(3))), inspect(Unreachable)),
        ("stalls", blob(text(200, "{\"config\": {}}").sent(Manner::StallAfter(3))), inspect(Unreachable)),
        ("another blob", blob(json(200, "{\"config\": {}}")), inspect(Garbled)),
        ("HTML", blob(html(200)), inspect(Garbled)),
        ("404 endless", blob(text(404, &" ".repeat(65536)).sent(Manner::Endless)), inspect(Garbled)),
        ("404 without a word", blob(text(404, "")), inspect(Garbled)),
        ("endless", blob(text(200, &" ".repeat(65536)).sent(Manner::Endless)), inspect(Garbled)),
    ]);
}

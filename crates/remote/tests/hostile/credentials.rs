//! Where credentials and tokens go, and where they never go.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_compat::Answer;
use remote::loopback::{Loopback, Reply, Request};
use remote::{Error, Registries};
use version_discovery::Arch;

use crate::support::Want::{self, *};
use crate::support::fake::{
    Part, TOKEN, challenge, count, good, html, image, part, repository, said, start, tagged,
};
use crate::support::{calm, plain_http, registries, with_helper};

const PASSWORD: &str = "hunter2:with:colons";

fn basic(user: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{PASSWORD}")))
}

/// An auth file for a server.
fn auth_file(server: &Loopback) -> String {
    let pair = BASE64.encode(format!("somebody:{PASSWORD}"));
    let key = server.address().to_string();
    serde_json::json!({"auths": {key: {"auth": pair}}}).to_string()
}

fn client(server: &Loopback, auth: Option<&str>) -> Registries {
    registries(&plain_http(server.address()), auth, calm())
}

/// All three questions.
fn ask(client: &Registries, server: &Loopback) -> [Want; 3] {
    let name = tagged(server);
    [
        Want::of(&client.digest(&name)),
        Want::of(&client.inspect(&name, Arch::X86_64)),
        Want::of(&client.tags(name.repository())),
    ]
}

/// The `Authorization` of every request for a part.
fn shown(server: &Loopback, wanted: Part) -> Vec<Option<String>> {
    let seen = server.seen();
    let of_part = seen.iter().filter(|r| part(r) == Some(wanted));
    of_part
        .map(|r| r.header("authorization").map(str::to_owned))
        .collect()
}

/// Refuses everything but the given `Authorization`, except the challenge.
fn guarded(expected: String, challenge: fn(&Request) -> Reply) -> Loopback {
    let image = image("guarded");
    start(move |request| match part(request) {
        Some(Part::Ping) => challenge(request),
        Some(Part::Token) => good(request, &image),
        _ if request.header("authorization") == Some(&expected) => good(request, &image),
        _ => said(401, "UNAUTHORIZED"),
    })
}

fn wants_basic(_: &Request) -> Reply {
    said(401, "UNAUTHORIZED").with("www-authenticate", "Basic realm=\"the test\"")
}

#[test]
fn basic_where_the_registry_asks_for_it() {
    let server = guarded(basic("somebody"), wants_basic);
    let auth = auth_file(&server);
    assert_eq!(ask(&client(&server, Some(&auth)), &server), [Present; 3]);
    assert!(shown(&server, Part::Ping).iter().all(Option::is_none));

    let nobody = guarded(basic("somebody"), wants_basic);
    assert_eq!(ask(&client(&nobody, None), &nobody), [Denied; 3]);
}

#[test]
fn the_password_goes_to_the_token_service_only() {
    let server = guarded(format!("Bearer {TOKEN}"), challenge);
    let auth = auth_file(&server);
    assert_eq!(ask(&client(&server, Some(&auth)), &server), [Present; 3]);
    assert_eq!(shown(&server, Part::Token), [Some(basic("somebody"))]);
    for wanted in [Part::Manifest, Part::Blob, Part::Tags] {
        for header in shown(&server, wanted) {
            assert_eq!(header, Some(format!("Bearer {TOKEN}")), "{wanted:?}");
        }
    }
    let token = &server.seen()[1].path;
    assert_eq!(token, "/token?scope=repository:a/b:pull&service=the%20test");

    let anonymous = guarded(format!("Bearer {TOKEN}"), challenge);
    assert_eq!(ask(&client(&anonymous, None), &anonymous), [Present; 3]);
    assert_eq!(shown(&anonymous, Part::Token), [None]);
}

/// A token lives for minutes, a build for an hour.
#[test]
fn a_token_that_ran_out_is_renewed_once() {
    let given = Arc::new(Mutex::new(0));
    let numbers = Arc::clone(&given);
    let image = image("renewed");
    let valid = Arc::new(Mutex::new(1));
    let now_valid = Arc::clone(&valid);
    let server = start(move |request| match part(request) {
        Some(Part::Ping) => challenge(request),
        Some(Part::Token) => {
            let mut given = numbers.lock().expect("the count");
            *given += 1;
            Reply::new(
                200,
                "application/json",
                format!("{{\"token\": \"{given}\"}}"),
            )
        }
        _ => {
            let valid = now_valid.lock().expect("the valid one");
            let expected = format!("Bearer {valid}");
            match request.header("authorization") {
                Some(header) if header == expected => good(request, &image),
                _ => said(401, "UNAUTHORIZED"),
            }
        }
    });
    let client = client(&server, None);
    assert_eq!(ask(&client, &server), [Present; 3]);
    *valid.lock().expect("the valid one") = 2;
    assert_eq!(ask(&client, &server), [Present; 3]);
    assert_eq!(count(&server, Part::Token), 2);
    // Where a new one does not help, it is not asked for without end.
    *valid.lock().expect("the valid one") = 99;
    assert_eq!(ask(&client, &server), [Denied; 3]);
    assert_eq!(count(&server, Part::Token), 5);
}

/// Each part in turn is served by another host, under both its names.
#[test]
fn no_redirect_takes_credentials_along() {
    for moved in [Part::Manifest, Part::Blob, Part::Tags] {
        for host in ["127.0.0.1", "localhost"] {
            for asks in [wants_basic, challenge as fn(&Request) -> Reply] {
                let there = image("moved");
                let here = there.clone();
                let other = start(move |request| good(request, &there));
                let port = other.address().port();
                let server = start(move |request| {
                    let place = format!("http://{host}:{port}{}", request.path);
                    match part(request) {
                        Some(Part::Ping) => asks(request),
                        wanted if wanted == Some(moved) => html(307).with("location", &place),
                        _ => good(request, &here),
                    }
                });
                let auth = auth_file(&server);
                let found = ask(&client(&server, Some(&auth)), &server);
                assert_eq!(found, [Present; 3], "{moved:?} at {host}");
                let there = other.seen();
                assert!(!there.is_empty(), "{moved:?} at {host}");
                for request in there {
                    assert_eq!(request.header("authorization"), None, "{moved:?} at {host}");
                    assert_eq!(request.header("cookie"), None);
                }
                // It was there to be taken along.
                assert!(shown(&server, moved).iter().all(Option::is_some));
            }
        }
    }
}

#[test]
fn no_redirect_of_a_push_takes_credentials_along() {
    for host in ["127.0.0.1", "localhost"] {
        let other = start(|_| html(201).with("location", "/v2/x"));
        let port = other.address().port();
        let image = image("pushed");
        let server = start(move |request| {
            let place = format!("http://{host}:{port}{}", request.path);
            match (request.method.as_str(), part(request)) {
                ("PUT", _) => html(307).with("location", &place),
                (_, Some(Part::Ping)) => challenge(request),
                _ => good(request, &image),
            }
        });
        let auth = auth_file(&server);
        let tag = "new".parse().expect("a tag");
        // Whether it counts as pushed is for the one who reads it back.
        let _ = client(&server, Some(&auth)).retag(&tagged(&server), &tag);
        assert!(!other.seen().is_empty());
        for request in other.seen() {
            assert_eq!(request.header("authorization"), None);
        }
        let token = server
            .seen()
            .into_iter()
            .rfind(|r| part(r) == Some(Part::Token));
        let path = token.expect("a token for pushing").path;
        assert_eq!(
            path,
            "/token?scope=repository:a/b:pull%2Cpush&service=the%20test"
        );
    }
}

#[test]
fn a_token_service_cannot_pass_the_password_on() {
    let image_there = image("x");
    let other = start(move |request| good(request, &image_there));
    let place = format!("http://{}/token", other.address());
    let image_here = image("x");
    let server = start(move |request| match part(request) {
        Some(Part::Ping) => challenge(request),
        Some(Part::Token) => html(302).with("location", &place),
        _ => good(request, &image_here),
    });
    let auth = auth_file(&server);
    assert_eq!(ask(&client(&server, Some(&auth)), &server), [Present; 3]);
    assert_eq!(shown(&server, Part::Token), [Some(basic("somebody"))]);
    assert_eq!(shown(&other, Part::Token), [None]);
}

#[test]
fn redirects_without_end() {
    let image = image("x");
    let server = start(move |request| match part(request) {
        Some(Part::Manifest | Part::Blob | Part::Tags) => html(302).with("location", &request.path),
        _ => good(request, &image),
    });
    assert_eq!(ask(&client(&server, None), &server), [Garbled; 3]);
}

/// A helper is asked with the registry's name, and what it gives is used.
#[test]
fn helpers() {
    let server = guarded(basic("helped"), wants_basic);
    let host = server.address().to_string();
    let auth = serde_json::json!({"credHelpers": {host.as_str(): "test-1"}}).to_string();
    let conf = plain_http(&host);
    let good = with_helper(&conf, Some(&auth), calm(), move |name, registry| {
        assert_eq!((name, registry), ("test-1", host.as_str()));
        let answer = serde_json::json!({"Username": "helped", "Secret": PASSWORD});
        Ok(Some(answer.to_string()))
    });
    assert_eq!(ask(&good, &server), [Present; 3]);

    type Helper = fn(&str, &str) -> Result<Option<String>, String>;
    let failing: [(Helper, &str); 3] = [
        (
            |_, _| Ok(Some(format!("{PASSWORD}\n{{"))),
            "did not answer in JSON",
        ),
        (
            |_, _| {
                Ok(Some(format!(
                    "{{\"Username\": 5, \"Secret\": \"{PASSWORD}\"}}"
                )))
            },
            "did not answer in JSON",
        ),
        (
            |_, _| Err("docker-credential-test-1 failed (1)".to_owned()),
            "failed (1)",
        ),
    ];
    for (helper, says) in failing {
        let client = with_helper(&conf, Some(&auth), calm(), helper);
        let before = server.seen().len();
        let Answer::Unknown(why) = client.digest(&tagged(&server)) else {
            panic!("without its credentials nothing is known");
        };
        assert!(why.detail.contains(says), "{}", why.detail);
        assert!(!why.detail.contains("hunter2"), "{}", why.detail);
        assert_eq!(server.seen().len(), before, "nothing is asked without them");
        let tag = "new".parse().expect("a tag");
        let error = client.retag(&tagged(&server), &tag).expect_err("no pass");
        assert!(matches!(error, Error::ConfigFile { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let knows_nothing = with_helper(&conf, Some(&auth), calm(), |_, _| Ok(None));
    assert_eq!(ask(&knows_nothing, &server), [Denied; 3]);
}

const IDENTITY: &str = "identity/of+somebody=";

/// An auth file with an identity token for a server.
fn identity_file(server: &Loopback) -> String {
    let key = server.address().to_string();
    serde_json::json!({"auths": {key: {"identitytoken": IDENTITY}}}).to_string()
}

/// A token service that gives a token for the refresh token, and for nothing
/// else.
fn exchanging(answer: impl Fn() -> Reply + Send + Sync + 'static) -> Loopback {
    let image = image("exchanged");
    let expected = format!("Bearer {TOKEN}");
    start(move |request| match part(request) {
        Some(Part::Ping) => challenge(request),
        Some(Part::Token) if request.method == "POST" => answer(),
        Some(Part::Token) => said(401, "UNAUTHORIZED"),
        _ if request.header("authorization") == Some(&expected) => good(request, &image),
        _ => said(401, "UNAUTHORIZED"),
    })
}

#[test]
fn an_identity_token_is_exchanged() {
    let answer = || {
        let body = format!("{{\"access_token\": \"{TOKEN}\"}}");
        Reply::new(200, "application/json", body)
    };
    let server = exchanging(answer);
    let auth = identity_file(&server);
    let client = client(&server, Some(&auth));
    assert_eq!(ask(&client, &server), [Present; 3]);
    let tag = "new".parse().expect("a tag");
    // Whether it counts as pushed is for the one who reads it back.
    let _ = client.retag(&tagged(&server), &tag);
    let seen = server.seen();
    let forms: Vec<String> = seen
        .iter()
        .filter(|request| part(request) == Some(Part::Token))
        .map(|request| {
            assert_eq!(request.path, "/token", "nothing of it is in an address");
            assert_eq!(request.header("authorization"), None);
            let kind = request.header("content-type");
            assert_eq!(kind, Some("application/x-www-form-urlencoded"));
            String::from_utf8(request.body.clone()).expect("a form")
        })
        .collect();
    let form = |actions: &str| {
        format!(
            "grant_type=refresh_token&client_id=custom-coreos&service=the%20test&\
             scope=repository:a/b:{actions}&refresh_token=identity/of%2Bsomebody%3D"
        )
    };
    assert_eq!(forms, [form("pull"), form("pull%2Cpush")]);
    for request in seen.iter().filter(|r| part(r) != Some(Part::Token)) {
        let shown = request.header("authorization").unwrap_or_default();
        assert!(!shown.contains("identity"), "{}", request.path);
    }
    let text = client.auth_json(&tagged(&server)).expect("readable");
    let text = text.expect("a login").expose().to_owned();
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let entry = &json["auths"][server.address().to_string()];
    assert_eq!(entry["identitytoken"], IDENTITY);
}

#[test]
fn an_identity_token_that_is_not_taken_is_denied_and_not_shown() {
    let other = start(|_| html(200));
    let place = format!("http://{}/token", other.address());
    let cases = [
        (said(401, "UNAUTHORIZED"), Denied, "HTTP 401"),
        // Not every token service knows the grant.
        (html(404), Denied, "log in again"),
        (html(405), Denied, "log in again"),
        (html(307).with("location", &place), Garbled, "HTTP 307"),
        (html(200), Garbled, "not the JSON of a token"),
        (said(429, "TOOMANYREQUESTS"), RateLimited, "HTTP 429"),
    ];
    for (reply, wanted, says) in cases {
        let server = exchanging(move || reply.clone());
        let auth = identity_file(&server);
        let client = client(&server, Some(&auth));
        assert_eq!(ask(&client, &server), [wanted; 3], "{says}");
        let Answer::Unknown(why) = client.digest(&tagged(&server)) else {
            panic!("nothing is known");
        };
        assert!(why.detail.contains(says), "{says} in {}", why.detail);
        assert!(!why.detail.contains("identity/of"), "{}", why.detail);
    }
    assert!(other.seen().is_empty(), "it goes to nobody else");
    let server = guarded(basic("<token>"), wants_basic);
    let auth = identity_file(&server);
    let client = client(&server, Some(&auth));
    assert_eq!(ask(&client, &server), [Denied; 3]);
    for request in server.seen() {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn no_error_shows_a_secret() {
    for status in [200, 400, 401, 403, 404, 418, 429, 500] {
        let server = start(move |request| match part(request) {
            Some(Part::Ping) => challenge(request),
            Some(Part::Token) if status != 401 => Reply::new(
                200,
                "application/json",
                format!("{{\"token\": \"{TOKEN}\"}}"),
            ),
            _ => html(status),
        });
        let auth = auth_file(&server);
        let client = client(&server, Some(&auth));
        let texts = [
            format!("{:?}", client.digest(&tagged(&server))),
            format!("{:?}", client.inspect(&tagged(&server), Arch::X86_64)),
            format!("{:?}", client.tags(&repository(&server))),
        ];
        for text in texts {
            for secret in [
                "hunter2",
                TOKEN,
                &BASE64.encode(PASSWORD),
                &basic("somebody"),
            ] {
                assert!(!text.contains(secret), "{status}: {text}");
            }
        }
    }
}

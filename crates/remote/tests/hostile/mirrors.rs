//! `registries.conf`: mirrors, blocks, and the two schemes.

use registry_compat::{Answer, Repository};
use remote::loopback::{Loopback, Reply, nobody};
use remote::{Error, Registries};
use version_discovery::Arch;

use crate::support::Want::{self, *};
use crate::support::fake::{
    Image, Part, count, good, html, image, said, start, tagged, text, twisted,
};
use crate::support::{calm, plain_http, registries};

/// The name of the registry that the mirrors stand for.
const NAME: &str = "registry.invalid/team";

/// `registries.conf`: the home and its mirrors, each `HOST:PORT/team`.
fn conf(home: &str, mirrors: &[&str]) -> String {
    let mut text =
        format!("[[registry]]\nprefix = \"{NAME}\"\nlocation = \"{home}/team\"\ninsecure = true\n");
    for mirror in mirrors {
        text.push_str(&format!(
            "[[registry.mirror]]\nlocation = \"{mirror}/team\"\ninsecure = true\n"
        ));
    }
    text
}

fn repository() -> Repository {
    format!("{NAME}/image").parse().expect("a repository")
}

fn ask(client: &Registries) -> [Want; 2] {
    let name = repository().tagged("t".parse().expect("a tag"));
    [
        Want::of(&client.digest(&name)),
        Want::of(&client.inspect(&name, Arch::X86_64)),
    ]
}

/// What a place does in the table.
#[derive(Debug, Clone, Copy)]
enum Place {
    Good,
    Missing,
    Denies,
    Broken,
    Html,
    Limits,
    Down,
}

/// A server for it, or an address without one.
fn place(kind: Place, image: &Image) -> (String, Option<Loopback>) {
    let manifest = |reply: Reply| vec![(Part::Manifest, reply)];
    let twists = match kind {
        Place::Good => vec![],
        Place::Missing => manifest(said(404, "MANIFEST_UNKNOWN")),
        Place::Denies => manifest(said(403, "DENIED")),
        Place::Broken => manifest(text(500, "")),
        Place::Html => manifest(html(200)),
        Place::Limits => manifest(text(429, "")),
        Place::Down => {
            let address = nobody().expect("a free port");
            return (address.to_string(), None);
        }
    };
    let server = twisted(image, twists);
    (server.address().to_string(), Some(server))
}

#[test]
fn each_place_in_turn_and_the_registry_itself_decides() {
    use Place::*;
    // Two mirrors, the registry, the answer.
    let table = [
        ([Good, Down], Down, Present),
        ([Down, Good], Down, Present),
        ([Missing, Good], Down, Present),
        ([Denies, Good], Down, Present),
        ([Broken, Good], Down, Present),
        ([Html, Good], Down, Present),
        ([Limits, Good], Down, Present),
        ([Down, Missing], Good, Present),
        ([Missing, Missing], Good, Present),
        ([Down, Down], Missing, Absent),
        ([Denies, Html], Missing, Absent),
        // A mirror's 404 is not the registry's.
        ([Missing, Missing], Down, Unreachable),
        ([Missing, Missing], Broken, ServerError),
        ([Missing, Missing], Denies, Denied),
        ([Missing, Missing], Limits, RateLimited),
        ([Missing, Missing], Html, Garbled),
    ];
    let image = image("mirrored");
    for (mirrors, home, wanted) in table {
        let [first, second] = mirrors.map(|kind| place(kind, &image));
        let (address, _server) = place(home, &image);
        let client = registries(&conf(&address, &[&first.0, &second.0]), None, calm());
        let wanted = [wanted; 2];
        assert_eq!(ask(&client), wanted, "{mirrors:?}, then {home:?}");
    }
}

#[test]
fn after_the_first_good_place_nobody_is_asked() {
    let image = image("mirrored");
    let [mirror, second, home] = [(); 3].map(|()| twisted(&image, vec![]));
    let address = |server: &Loopback| server.address().to_string();
    let text = conf(&address(&home), &[&address(&mirror), &address(&second)]);
    let client = registries(&text, None, calm());
    assert_eq!(ask(&client), [Present; 2]);
    assert!(second.seen().is_empty() && home.seen().is_empty());
    let asked = mirror.seen();
    assert!(asked.iter().any(|r| r.path == "/v2/team/image/manifests/t"));
}

/// A mirror that has something else under the digest is passed over.
#[test]
fn a_lying_mirror() {
    let (good_one, bad_one) = (image("good"), image("bad"));
    let (mirror, home) = (twisted(&bad_one, vec![]), twisted(&good_one, vec![]));
    let address = |server: &Loopback| server.address().to_string();
    let client = registries(&conf(&address(&home), &[&address(&mirror)]), None, calm());
    let name = repository().at(good_one.digest.clone());
    assert_eq!(client.digest(&name), Answer::Present(good_one.digest));
    assert_eq!(count(&mirror, Part::Manifest), 1);
}

/// The list of tags of a mirror is that of what went through it.
#[test]
fn tags_come_from_the_registry_itself() {
    let image = image("mirrored");
    let short = Reply::new(200, "application/json", r#"{"tags": ["only"]}"#);
    let mirror = twisted(&image, vec![(Part::Tags, short)]);
    let address = |server: &Loopback| server.address().to_string();
    let home = twisted(&image, vec![]);
    let client = registries(&conf(&address(&home), &[&address(&mirror)]), None, calm());
    let Answer::Present(tags) = client.tags(&repository()) else {
        panic!("the registry has tags");
    };
    assert_eq!(tags.len(), 2);
    let down = nobody().expect("a free port").to_string();
    let client = registries(&conf(&down, &[&address(&mirror)]), None, calm());
    assert_eq!(Want::of(&client.tags(&repository())), Unreachable);
    assert!(mirror.seen().is_empty());
}

#[test]
fn blocked_means_not_asked() {
    let server = twisted(&image("blocked"), vec![]);
    let text = format!("{}blocked = true\n", plain_http(server.address()));
    let client = registries(&text, None, calm());
    let name = tagged(&server);
    let Answer::Unknown(why) = client.digest(&name) else {
        panic!("nobody may know");
    };
    assert!(why.detail.contains("blocked"), "{}", why.detail);
    assert_eq!(Want::of(&client.tags(name.repository())), Denied);
    let tag = "u".parse().expect("a tag");
    let error = client.retag(&name, &tag).expect_err("blocked");
    assert!(matches!(error, Error::ConfigFile { .. }), "{error}");
    assert!(server.seen().is_empty());
}

/// Plain HTTP is for registries that `registries.conf` calls insecure.
#[test]
fn plain_http_only_where_it_is_allowed() {
    let server = twisted(&image("plain"), vec![]);
    let name = tagged(&server);
    let strict = registries("", None, calm());
    assert_eq!(Want::of(&strict.digest(&name)), Unreachable);
    assert_eq!(Want::of(&strict.tags(name.repository())), Unreachable);
    assert!(server.seen().is_empty());
    let lax = registries(&plain_http(server.address()), None, calm());
    assert_eq!(Want::of(&lax.digest(&name)), Present);
}

/// The manifest goes to the new tag byte for byte, under its own type; and
/// what a registry says to that is never "the image is not there".
#[test]
fn retag_writes_what_it_read() {
    let image = image("retag");
    let source = image.clone();
    let server = start(move |request| match request.method.as_str() {
        "PUT" => text(201, "").with("location", "/v2/a/b/manifests/x"),
        _ => good(request, &source),
    });
    let client = registries(&plain_http(server.address()), None, calm());
    let tag = "new".parse().expect("a tag");
    client.retag(&tagged(&server), &tag).expect("it is taken");
    let seen = server.seen();
    let put = seen.iter().find(|r| r.method == "PUT").expect("a PUT");
    assert_eq!(put.path, "/v2/a/b/manifests/new");
    assert_eq!(put.body, image.manifest.as_bytes());
    assert_eq!(
        put.header("content-type"),
        Some(crate::support::fake::MANIFEST)
    );

    let table = [
        (said(404, "NAME_UNKNOWN"), Garbled),
        (text(404, ""), Garbled),
        (said(401, "UNAUTHORIZED"), Denied),
        (said(403, "DENIED"), Denied),
        (text(429, ""), RateLimited),
        (text(503, ""), ServerError),
        (said(400, "MANIFEST_INVALID"), Garbled),
        (text(200, ""), Garbled),
    ];
    for (reply, wanted) in table {
        let (said, source) = (reply.clone(), image.clone());
        let server = start(move |request| match request.method.as_str() {
            "PUT" => reply.clone(),
            _ => good(request, &source),
        });
        let client = registries(&plain_http(server.address()), None, calm());
        match client.retag(&tagged(&server), &tag) {
            Err(Error::Unknown(why)) => assert_eq!(Want::from(why.trouble), wanted, "{said:?}"),
            other => panic!("{said:?}: {other:?}"),
        }
    }
    let gone = twisted(
        &image,
        vec![(Part::Manifest, said(404, "MANIFEST_UNKNOWN"))],
    );
    let client = registries(&plain_http(gone.address()), None, calm());
    let error = client.retag(&tagged(&gone), &tag).expect_err("it is gone");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
}

//! Manifests and configs that are not what they are said to be.

use registry_compat::{Answer, ImageRef};
use remote::loopback::{Loopback, Manner, Reply, Request};
use serde_json::{Value, json};
use version_discovery::Arch;

use crate::support::Want::{self, *};
use crate::support::fake::{
    INDEX, MANIFEST, Part, good, image, part, repository, sha256, start, tagged, text,
};
use crate::support::{calm, plain_http, registries};

/// A registry that gives this manifest for the tag, and a good image else.
fn serving(top: Reply) -> Loopback {
    let image = image("body");
    start(move |request: &Request| match part(request) {
        Some(Part::Manifest) if request.path.ends_with("/t") => top.clone(),
        _ => good(request, &image),
    })
}

fn ask(server: &Loopback, name: &ImageRef) -> [Want; 2] {
    let client = registries(&plain_http(server.address()), None, calm());
    [
        Want::of(&client.digest(name)),
        Want::of(&client.inspect(name, Arch::X86_64)),
    ]
}

fn manifest(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, MANIFEST, body)
}

/// The manifest of a good image with one field changed.
fn with(field: &str, value: Value) -> Reply {
    let mut whole: Value = serde_json::from_str(&image("body").manifest).expect("its JSON");
    whole[field] = value;
    manifest(whole.to_string())
}

fn without(field: &str) -> Reply {
    let mut whole: Value = serde_json::from_str(&image("body").manifest).expect("its JSON");
    whole.as_object_mut().expect("an object").remove(field);
    manifest(whole.to_string())
}

fn index(entries: &Value) -> Reply {
    let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    Reply::new(200, INDEX, body.to_string())
}

fn entry(digest: &str, os: &str, architecture: &str) -> Value {
    json!({
        "mediaType": MANIFEST, "digest": digest, "size": 7,
        "platform": {"os": os, "architecture": architecture},
    })
}

#[test]
#[rustfmt::skip] // One case, one line.
fn documents() {
    let image = image("body");
    let own = image.digest.as_str();
    let other = sha256(b"something else");
    let padded = |bytes: usize| format!("{}{}", image.manifest, " ".repeat(bytes));
    let layer = |size: Value| json!({"digest": own, "size": size});
    let max = u64::MAX;
    let table = [
        // Digests in headers.
        ("no digest header", manifest(image.manifest.as_str()), [Present, Present]),
        ("digest header is another's", manifest(image.manifest.as_str()).with("docker-content-digest", other.as_str()), [Garbled, Garbled]),
        ("digest header of another kind", manifest(image.manifest.as_str()).with("docker-content-digest", "sha512:00"), [Present, Present]),
        ("digest header empty", manifest(image.manifest.as_str()).with("docker-content-digest", ""), [Present, Present]),
        ("digest header cut off", manifest(image.manifest.as_str()).with("docker-content-digest", &own[..30]), [Garbled, Garbled]),
        // Size.
        ("7 MiB", manifest(padded(7 << 20)), [Present, Present]),
        ("9 MiB", manifest(padded(9 << 20)), [Garbled, Garbled]),
        ("9 MiB with 404", text(404, &" ".repeat(9 << 20)), [Garbled, Garbled]),
        ("endless", manifest(" ".repeat(65536)).sent(Manner::Endless), [Garbled, Garbled]),
        ("200,000 brackets deep", manifest("[".repeat(200_000)), [Garbled, Garbled]),
        ("deep in an ignored field", manifest(format!("{{\"schemaVersion\": 2, \"x\": {}", "[".repeat(200_000))), [Garbled, Garbled]),
        // Fields.
        ("schema 1", with("schemaVersion", json!(1)), [Garbled, Garbled]),
        ("no schema", without("schemaVersion"), [Garbled, Garbled]),
        ("no mediaType", without("mediaType"), [Present, Present]),
        ("no config", without("config"), [Present, Garbled]),
        ("an artefact", with("config", json!({"digest": own, "mediaType": "application/vnd.oci.empty.v1+json"})), [Present, Garbled]),
        ("config of another type", with("config", json!([])), [Garbled, Garbled]),
        ("config's digest is a path", with("config", json!({"digest": "../../../secret"})), [Present, Garbled]),
        ("config nowhere", with("config", json!({"digest": other})), [Present, Garbled]),
        ("layers null", with("layers", Value::Null), [Present, Present]),
        ("layers missing", without("layers"), [Present, Present]),
        ("sizes over the brim", with("layers", json!([layer(max.into()), layer(max.into())])), [Present, Present]),
        ("size negative", with("layers", json!([layer((-1).into())])), [Garbled, Garbled]),
        ("not UTF-8", manifest(vec![b'{', 0xff, b'}']), [Garbled, Garbled]),
        // Indexes.
        ("index", index(&json!([entry(own, "linux", "amd64")])), [Present, Present]),
        ("index and attestation", index(&json!([entry(other.as_str(), "unknown", "unknown"), entry(own, "linux", "amd64")])), [Present, Present]),
        ("index, entry without platform", index(&json!([{"digest": other}, entry(own, "linux", "amd64")])), [Present, Present]),
        ("index, empty platform", index(&json!([{"digest": other, "platform": {}}, entry(own, "linux", "amd64")])), [Present, Present]),
        ("index without this architecture", index(&json!([entry(own, "linux", "arm64"), entry(own, "windows", "amd64")])), [Present, Absent]),
        ("index, empty", index(&json!([])), [Present, Absent]),
        ("index, its manifest is another", index(&json!([entry(other.as_str(), "linux", "amd64")])), [Present, Garbled]),
        ("index, digest is a path", index(&json!([entry("sha256:../../t", "linux", "amd64")])), [Present, Garbled]),
        ("index, digest is a tag", index(&json!([entry("t", "linux", "amd64")])), [Present, Garbled]),
    ];
    let mut wrong = Vec::new();
    for (case, top, wanted) in table {
        let server = serving(top);
        let found = ask(&server, &tagged(&server));
        if found != wanted {
            wrong.push(format!("{case}: wanted {wanted:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is asked for by digest has that digest or is not taken.
#[test]
fn the_digest_that_was_asked_for() {
    let other = image("other");
    let served = image("body");
    let lying = other.digest.clone();
    let bare = served.manifest.clone();
    let server = start(move |request| match part(request) {
        Some(Part::Manifest) => {
            manifest(bare.as_str()).with("docker-content-digest", lying.as_str())
        }
        _ => good(request, &served),
    });
    let name = repository(&server).at(other.digest);
    assert_eq!(ask(&server, &name), [Garbled, Garbled]);
}

/// An index whose manifest was deleted by digest, which registries allow.
#[test]
fn an_index_that_lost_its_child() {
    let image = image("body");
    let lost = sha256(b"gone");
    let top = index(&json!([entry(lost.as_str(), "linux", "amd64")]));
    let server = start(move |request| match part(request) {
        Some(Part::Manifest) if request.path.ends_with("/t") => top.clone(),
        Some(Part::Manifest) => crate::support::fake::said(404, "MANIFEST_UNKNOWN"),
        _ => good(request, &image),
    });
    assert_eq!(ask(&server, &tagged(&server)), [Present, Garbled]);
}

#[test]
fn what_is_read_out_of_a_good_one() {
    let image = image("body");
    let server = serving(with(
        "layers",
        json!([{"digest": image.digest, "size": u64::MAX}, {"digest": image.digest, "size": 5}]),
    ));
    let client = registries(&plain_http(server.address()), None, calm());
    let Answer::Present(found) = client.inspect(&tagged(&server), Arch::X86_64) else {
        panic!("it is there");
    };
    assert_eq!(found.size, u64::MAX);
    assert_eq!(found.labels["who"], "body");
    assert_eq!(found.config, sha256(image.config.as_bytes()));
    assert_eq!(found.digest, found.manifest);
}

//! A registry on loopback that does as the specification says, except where a
//! test tells it to do otherwise.

use std::sync::Mutex;

use registry_compat::{Digest, ImageRef, Repository};
use remote::loopback::{Loopback, Reply, Request};
use sha2::Digest as _;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The token that the good token service gives out.
pub const TOKEN: &str = "token-of-the-service";

pub fn sha256(bytes: &[u8]) -> Digest {
    let hex: String = sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}").parse().expect("a digest")
}

/// An image of one layer that nobody fetches, with one label.
#[derive(Debug, Clone)]
pub struct Image {
    pub manifest: String,
    pub digest: Digest,
    pub config: String,
}

pub fn image(label: &str) -> Image {
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Labels": {"who": label}},
        "rootfs": {"type": "layers", "diff_ids": []},
    })
    .to_string();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": sha256(config.as_bytes()), "size": config.len(),
        },
        "layers": [],
    })
    .to_string();
    Image {
        digest: sha256(manifest.as_bytes()),
        manifest,
        config,
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `/v2/` itself.
    Ping,
    /// The token service.
    Token,
    Manifest,
    Blob,
    Tags,
}

pub fn part(request: &Request) -> Option<Part> {
    let path = &request.path;
    if path == "/v2/" {
        Some(Part::Ping)
    } else if path.starts_with("/token") {
        Some(Part::Token)
    } else if path.contains("/manifests/") {
        Some(Part::Manifest)
    } else if path.contains("/blobs/") {
        Some(Part::Blob)
    } else if path.contains("/tags/list") {
        Some(Part::Tags)
    } else {
        None
    }
}

/// The good registry's answer: one image under every name.
pub fn good(request: &Request, image: &Image) -> Reply {
    match part(request) {
        Some(Part::Ping) => Reply::new(200, "application/json", "{}"),
        Some(Part::Token) => Reply::new(
            200,
            "application/json",
            format!("{{\"token\": \"{TOKEN}\"}}"),
        ),
        Some(Part::Manifest) => Reply::new(200, MANIFEST, image.manifest.as_str())
            .with("docker-content-digest", image.digest.as_str()),
        Some(Part::Blob) => Reply::new(200, "application/octet-stream", image.config.as_str()),
        Some(Part::Tags) => Reply::new(
            200,
            "application/json",
            r#"{"name": "a/b", "tags": ["t", "u"]}"#,
        ),
        None => Reply::new(404, "text/plain", "404 page not found"),
    }
}

/// A registry's error in the specification's form.
pub fn said(status: u16, code: &str) -> Reply {
    let body = serde_json::json!({"errors": [{"code": code, "message": "so it is"}]});
    Reply::new(status, "application/json", body.to_string())
}

pub fn text(status: u16, body: &str) -> Reply {
    Reply::new(status, "text/plain", body)
}

pub fn html(status: u16) -> Reply {
    Reply::new(
        status,
        "text/html",
        "<html><h1>Log in to the hotel</h1></html>",
    )
}

/// `WWW-Authenticate` of the token service on the same server.
pub fn challenge(request: &Request) -> Reply {
    let host = request.header("host").unwrap_or_default();
    said(401, "UNAUTHORIZED").with(
        "www-authenticate",
        &format!("Bearer realm=\"http://{host}/token\",service=\"the test\""),
    )
}

/// A registry with some answers replaced. Where the token service's are, it
/// asks for a token first.
pub fn twisted(image: &Image, twists: Vec<(Part, Reply)>) -> Loopback {
    let image = image.clone();
    start(move |request| {
        let wanted = part(request);
        let twist = twists.iter().find(|(part, _)| Some(*part) == wanted);
        if let Some((_, reply)) = twist {
            reply.clone()
        } else if wanted == Some(Part::Ping) && twists.iter().any(|(p, _)| *p == Part::Token) {
            challenge(request)
        } else {
            good(request, &image)
        }
    })
}

pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Loopback {
    Loopback::start(handler).expect("a server on loopback")
}

/// Gives the answers in turn, the last one for ever.
pub fn in_turn(replies: Vec<Reply>) -> impl Fn() -> Reply + Send + Sync {
    let left = Mutex::new(replies);
    move || {
        let mut left = left.lock().expect("the list of answers");
        if left.len() > 1 {
            left.remove(0)
        } else {
            left[0].clone()
        }
    }
}

pub fn repository(server: &Loopback) -> Repository {
    format!("{}/a/b", server.address())
        .parse()
        .expect("a repository")
}

pub fn tagged(server: &Loopback) -> ImageRef {
    repository(server).tagged("t".parse().expect("a tag"))
}

/// How many requests of a part came.
pub fn count(server: &Loopback, wanted: Part) -> usize {
    let seen = server.seen();
    seen.iter().filter(|r| part(r) == Some(wanted)).count()
}

//! GitHub, Fedora and the registries, as far as the program asks them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use registry_compat::Digest;
use remote::loopback::{Loopback, Reply, Request};
use serde_json::{Value, json};

use super::{FCOS, KERNEL};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const BASE: &str = "quay.io/fedora/fedora-coreos";
pub const KMODS: &str = "ghcr.io/makers/kmods";
pub const PUBLISHED: &str = "ghcr.io/someone/custom-coreos";

/// The kernel of this machine's architecture.
pub fn kernel() -> String {
    format!("{KERNEL}.{}", std::env::consts::ARCH)
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The day so many days from now, of UTC.
pub fn day(from_now: i64) -> String {
    let moment = jiff::Timestamp::from_second(now() + from_now * 86_400).unwrap();
    jiff::tz::Offset::UTC.to_datetime(moment).date().to_string()
}

/// An image in the registry.
#[derive(Debug, Clone)]
pub struct Image {
    pub digest: Digest,
    pub config: Digest,
}

/// What is there.
#[derive(Default)]
struct State {
    /// By repository and tag or digest.
    manifests: BTreeMap<(String, String), Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// What was sent of a blob so far; one at a time.
    uploaded: Vec<u8>,
    releases: Value,
    /// Fedora's, oldest first.
    fedora: Vec<Release>,
    /// Answers that come before all others, by the beginning of the path.
    first: Vec<(String, Reply)>,
    /// The registry wants user and password.
    locked: bool,
    /// How far away all of it is.
    delay: Duration,
    /// The registry sends strangers to a token service, as all big ones do.
    tokens: bool,
    /// Tags that somebody else writes right after each write.
    stolen: Vec<(String, Vec<u8>)>,
    /// The config of what the fake engine built, which it pushes as the
    /// candidate.
    built: Option<PathBuf>,
    /// Other streams: whole documents by path below `/fedora/`.
    documents: BTreeMap<String, Value>,
}

/// A release of Fedora CoreOS.
#[derive(Debug, Clone)]
pub struct Release {
    pub version: String,
    pub kernel: String,
    /// Its image.
    pub digest: Digest,
    /// When its rollout began; `None` if none is scheduled.
    pub days_ago: Option<i64>,
    /// Why it is a dead end.
    pub dead_end: Option<String>,
}

pub struct Upstream {
    state: Arc<Mutex<State>>,
    server: Loopback,
    /// What `stable` names before a run.
    pub old: Image,
}

impl Upstream {
    pub fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let server = Loopback::start(move |request| {
            let delay = shared.lock().unwrap().delay;
            // Every request at the same time, as a network is slow.
            std::thread::sleep(delay);
            shared.lock().unwrap().answer(request)
        })
        .unwrap();
        let put = |repository: &str, tag: &str, labels: Value| {
            state.lock().unwrap().put_image(repository, tag, &labels)
        };
        let kernel = kernel();
        let base = put(
            BASE,
            "stable",
            json!({"org.opencontainers.image.version": FCOS}),
        );
        let release = Release {
            version: FCOS.to_owned(),
            kernel: kernel.clone(),
            digest: base.digest,
            days_ago: Some(3),
            dead_end: None,
        };
        state.lock().unwrap().fedora.push(release);
        put(KMODS, &format!("zfs-2.4.4_kernel-{kernel}"), json!({}));
        let old = put(PUBLISHED, "stable", json!({"title": "old"}));
        let upstream = Self { state, server, old };
        upstream.releases(&["zfs-2.3.9", "zfs-2.4.4", "zfs-2.4.3"]);
        upstream
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn registries_conf(&self) -> String {
        let address = self.address();
        ["quay.io", "ghcr.io"]
            .map(|host| {
                format!(
                    "[[registry]]\nprefix = \"{host}\"\nlocation = \"{address}/{host}\"\ninsecure = true\n"
                )
            })
            .concat()
    }

    /// OpenZFS has released these.
    pub fn releases(&self, tags: &[&str]) {
        let release = |tag: &&str| json!({"tag_name": tag, "draft": false, "prerelease": false});
        self.state().releases = tags.iter().map(release).collect();
    }

    /// Somebody else moves this tag to the old image, right after each write.
    pub fn steal(&self, tag: &str) {
        let mut state = self.state();
        let old = (PUBLISHED.to_owned(), self.old.digest.to_string());
        let old = state.manifests[&old].clone();
        state.stolen.push((tag.to_owned(), old));
    }

    /// What `candidate` names is made of this config, once it is there.
    pub fn pushes(&self, built: PathBuf) {
        self.state().built = Some(built);
    }

    /// The first release has this kernel.
    pub fn kernel(&self, kernel: &str) {
        self.state().fedora[0].kernel = kernel.to_owned();
    }

    /// The first release is this image.
    pub fn base(&self, image: &Image) {
        self.state().fedora[0].digest = image.digest.clone();
    }

    /// Fedora has one more release, of this machine's architecture.
    pub fn release(&self, version: &str, kernel: &str, days_ago: Option<i64>) {
        let digest = Digest::of(version.as_bytes());
        self.state().fedora.push(Release {
            version: version.to_owned(),
            kernel: format!("{kernel}.{}", std::env::consts::ARCH),
            digest,
            days_ago,
            dead_end: None,
        });
    }

    /// Changes what Fedora has.
    pub fn fedora(&self, edit: impl FnOnce(&mut Vec<Release>)) {
        edit(&mut self.state().fedora);
    }

    /// Every path that begins so is answered with this.
    pub fn answer(&self, path: &str, reply: Reply) {
        let first = &mut self.state().first;
        // The last word counts.
        first.retain(|(known, _)| known != path);
        first.push((path.to_owned(), reply));
    }

    /// As if [`Self::answer`] had never been.
    pub fn answer_as_ever(&self) {
        self.state().first.clear();
    }

    /// The registries want a password from now on.
    pub fn lock(&self) {
        self.state().locked = true;
    }

    /// Every request takes so long from now on: for benchmarks only.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// The registries hand out tokens from now on.
    pub fn tokens(&self) {
        self.state().tokens = true;
    }

    /// A document of Fedora or GitHub, by its path below `/fedora/` or
    /// `/github/`.
    pub fn document(&self, path: &str, value: Value) {
        self.state().documents.insert(path.to_owned(), value);
    }

    /// An image that was built so many days ago.
    pub fn put_aged(&self, repository: &str, tag: &str, labels: &Value, days: i64) -> Image {
        let seconds = now() - days * 86_400;
        let created = jiff::Timestamp::from_second(seconds).unwrap();
        self.state()
            .put_created(repository, tag, labels, &created.to_string())
    }

    /// Every request so far, as `METHOD PATH`.
    pub fn requests(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", request.method, request.path);
        self.server.seen().iter().map(line).collect()
    }

    pub fn put_image(&self, repository: &str, tag: &str, labels: &Value) -> Image {
        self.state().put_image(repository, tag, labels)
    }

    /// An image whose one layer, in this form, is these bytes.
    pub fn put_layer(&self, repository: &str, tag: &str, labels: &Value, layer: (&str, &[u8])) {
        let at = "2026-01-01T00:00:00Z";
        self.state().put_layer(repository, tag, labels, at, layer);
    }

    pub fn remove(&self, repository: &str, tag: &str) {
        let key = (repository.to_owned(), tag.to_owned());
        self.state().manifests.remove(&key);
    }

    /// What a tag names now.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let key = (repository.to_owned(), tag.to_owned());
        let state = self.state();
        let body = state.manifests.get(&key)?;
        Some(Digest::of(body).to_string())
    }

    /// How many requests there were of this method (all for `""`), to paths
    /// that begin so.
    pub fn asked(&self, method: &str, path: &str) -> usize {
        let fits = |request: &&Request| {
            (method.is_empty() || request.method == method) && request.path.starts_with(path)
        };
        self.server.seen().iter().filter(fits).count()
    }

    /// A header of all requests so far, where they had it.
    pub fn headers(&self, name: &str) -> Vec<(String, String)> {
        let header = |request: &Request| {
            let value = request.header(name)?.to_owned();
            Some((request.path.clone(), value))
        };
        self.server.seen().iter().filter_map(header).collect()
    }
}

impl State {
    fn put_image(&mut self, repository: &str, tag: &str, labels: &Value) -> Image {
        self.put_created(repository, tag, labels, "2026-01-01T00:00:00Z")
    }

    fn put_created(&mut self, repository: &str, tag: &str, labels: &Value, at: &str) -> Image {
        self.put_layer(repository, tag, labels, at, ("gzip", b"layer"))
    }

    fn put_layer(
        &mut self,
        repository: &str,
        tag: &str,
        labels: &Value,
        at: &str,
        (form, layer): (&str, &[u8]),
    ) -> Image {
        let config = json!({"created": at, "os": "linux", "config": {"Labels": labels}});
        self.put_config(repository, tag, config.to_string(), (form, layer))
    }

    fn put_config(
        &mut self,
        repository: &str,
        tag: &str,
        config: String,
        (form, layer): (&str, &[u8]),
    ) -> Image {
        let config_digest = Digest::of(config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest.to_string(),
                "size": config.len(),
            },
            "layers": [{
                "mediaType": format!("application/vnd.oci.image.layer.v1.tar+{form}"),
                "digest": Digest::of(layer).to_string(),
                "size": layer.len(),
            }],
        })
        .to_string();
        let layer_digest = Digest::of(layer).to_string();
        self.blobs.insert(layer_digest, layer.to_vec());
        self.blobs.insert(config_digest.to_string(), config.into());
        Image {
            digest: self.put(repository, tag, manifest.as_bytes()),
            config: config_digest,
        }
    }

    fn put(&mut self, repository: &str, tag: &str, manifest: &[u8]) -> Digest {
        let digest = Digest::of(manifest);
        for name in [tag.to_owned(), digest.to_string()] {
            let key = (repository.to_owned(), name);
            self.manifests.insert(key, manifest.to_vec());
        }
        digest
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some((_, reply)) = self.first.iter().find(|(begin, _)| path.starts_with(begin)) {
            return reply.clone();
        }
        let json =
            |status, value: &Value| Reply::new(status, "application/json", value.to_string());
        if path == "/github/repos/openzfs/zfs/releases" {
            json(200, &self.releases)
        } else if let Some(rest) = path.strip_prefix("/fedora/") {
            self.fedora(rest)
                .map_or(json(404, &json!({})), |v| json(200, &v))
        } else if path == "/token" {
            json(200, &json!({"token": "of-a-stranger"}))
        } else if let Some(value) = self.documents.get(path.trim_start_matches("/github/")) {
            json(200, value)
        } else if let Some(rest) = path.strip_prefix("/v2/") {
            if self.tokens && request.header("authorization") != Some("Bearer of-a-stranger") {
                let host = request.header("host").unwrap_or_default();
                let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"here\"");
                return json(401, &json!({})).with("www-authenticate", &challenge);
            }
            if self.locked && request.header("authorization").is_none() {
                let errors = json!({"errors": [{"code": "UNAUTHORIZED", "message": "who?"}]});
                return json(401, &errors).with("www-authenticate", "Basic realm=\"here\"");
            }
            self.registry(request, rest)
        } else {
            json(404, &json!({}))
        }
    }

    fn fedora(&self, path: &str) -> Option<Value> {
        if let Some(document) = self.documents.get(path) {
            return Some(document.clone());
        }
        if path == "prod/streams/stable/releases.json" {
            let release = |release: &Release| {
                let arch = std::env::consts::ARCH;
                json!({
                    "version": release.version,
                    "commits": [{"architecture": arch, "checksum": release.digest.hex()}],
                    "oci-images": [{
                        "architecture": arch,
                        "image": format!("{BASE}:stable"),
                        "digest-ref": format!("{BASE}@{}", release.digest),
                    }],
                })
            };
            let list: Vec<Value> = self.fedora.iter().map(release).collect();
            return Some(json!({"stream": "stable", "releases": list}));
        }
        if path == "updates/stable.json" {
            let entry = |release: &Release| {
                let mut metadata = json!({});
                if let Some(days) = release.days_ago {
                    let start = now() - days * 86_400;
                    metadata["rollout"] = json!({
                        "start_epoch": start, "start_percentage": 0.0, "duration_minutes": 1440,
                    });
                }
                if let Some(reason) = &release.dead_end {
                    metadata["deadend"] = json!({"reason": reason});
                }
                json!({"version": release.version, "metadata": metadata})
            };
            let list: Vec<Value> = self.fedora.iter().map(entry).collect();
            return Some(json!({"stream": "stable", "releases": list}));
        }
        let (version, file) = path
            .strip_prefix("prod/streams/stable/builds/")?
            .split_once('/')?;
        let release = self
            .fedora
            .iter()
            .find(|release| release.version == version)?;
        let (version, rest) = release.kernel.split_once('-')?;
        let (release, arch) = rest.rsplit_once('.')?;
        (file == format!("{}/commitmeta.json", std::env::consts::ARCH)).then(
            || json!({"rpmostree.rpmdb.pkglist": [["kernel-core", "0", version, release, arch]]}),
        )
    }

    /// The fake engine cannot speak to a registry: what it left in files is
    /// there from the first time that it is asked for.
    fn pushed(&mut self, built: &Path, repository: &str, name: &str) {
        let tag = built.with_extension("tag");
        let named = std::fs::read_to_string(&tag).unwrap_or_default();
        let Ok(config) = std::fs::read_to_string(built) else {
            return;
        };
        if named.trim() == format!("{repository}:{name}") {
            std::fs::remove_file(tag).unwrap();
            self.put_config(repository, name, config, ("gzip", b"layer"));
        }
    }

    fn registry(&mut self, request: &Request, path: &str) -> Reply {
        let json =
            |status, value: &Value| Reply::new(status, "application/json", value.to_string());
        let unknown = json(
            404,
            &json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "-"}]}),
        );
        if let Some((repository, name)) = path.split_once("/manifests/") {
            let mut status = 200;
            if let Some(built) = self.built.clone() {
                self.pushed(&built, repository, name);
            }
            if request.method == "PUT" {
                self.put(repository, name, &request.body);
                if let Some((_, other)) = self.stolen.iter().find(|(tag, _)| tag == name) {
                    let other = other.clone();
                    self.put(repository, name, &other);
                }
                status = 201;
            }
            let key = (repository.to_owned(), name.to_owned());
            let Some(body) = self.manifests.get(&key) else {
                return unknown;
            };
            let digest = Digest::of(body).to_string();
            let reply = Reply::new(status, MANIFEST, body.clone());
            reply
                .with("docker-content-digest", &digest)
                .with("location", &request.path)
        } else if path.contains("/blobs/uploads/") {
            let known = |reply: Reply| reply.with("location", path_of(request));
            self.uploaded.extend(&request.body);
            let digest = request.path.split_once("digest=");
            let Some((_, digest)) = digest.filter(|_| request.method == "PUT") else {
                let end = self.uploaded.len().saturating_sub(1).to_string();
                return known(json(202, &json!({})).with("range", &format!("0-{end}")));
            };
            let blob = std::mem::take(&mut self.uploaded);
            self.blobs.insert(digest.replace("%3A", ":"), blob);
            known(json(201, &json!({})))
        } else if let Some((_, digest)) = path.split_once("/blobs/") {
            let blob = self.blobs.get(digest).cloned();
            blob.map_or(unknown, |blob| {
                Reply::new(200, "application/octet-stream", blob)
            })
        } else if let Some(repository) = path.strip_suffix("/tags/list") {
            let tag = |(of, tag): &&(String, String)| of == repository && !tag.contains(':');
            let tags: Vec<&String> = self.manifests.keys().filter(tag).map(|(_, t)| t).collect();
            json(200, &json!({"name": repository, "tags": tags}))
        } else {
            json(200, &json!({}))
        }
    }
}

fn path_of(request: &Request) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

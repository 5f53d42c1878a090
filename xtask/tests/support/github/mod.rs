//! A small GitHub that remembers: one container package with its versions, the
//! registry that holds their manifests, and one repository with its issues,
//! workflows and runs, on loopback. Everything that it is asked and answers at
//! the API is held against GitHub's own description.
#![allow(dead_code, reason = "test support: each test program uses a part")]

pub mod actions;
pub mod issues;
mod packages;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use registry_compat::Digest;
use remote::loopback::{Loopback, Reply, Request};
use serde_json::{Value, json};

use crate::contract::Contract;

/// One version of the package.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: u64,
    pub digest: String,
    pub at: String,
    pub tags: Vec<String>,
    pub deleted: bool,
    /// More downloads than GitHub deletes.
    pub popular: bool,
}

/// An answer in place of the usual one.
pub struct Fault {
    /// `GET`, `DELETE`, …
    pub method: &'static str,
    /// A part of the path and query.
    pub part: String,
    /// So many requests pass before it.
    pub after: usize,
    /// So many requests get it; then it is over.
    pub times: usize,
    pub reply: Reply,
}

pub type Hook = Box<dyn FnOnce(&mut State) + Send>;

pub struct State {
    /// `Organization` or `User`.
    pub kind: &'static str,
    pub owner: &'static str,
    /// Whose the token is; a workflow's token is nobody's.
    pub user: Option<&'static str>,
    pub name: &'static str,
    pub versions: Vec<Stored>,
    /// By digest.
    pub manifests: BTreeMap<String, Vec<u8>>,
    /// Largest page, less than GitHub's 100 so that there are several.
    pub page: usize,
    /// The token may delete; else GitHub says 404.
    pub may_delete: bool,
    /// The `Authorization` that the registry wants, if it wants one.
    pub locked: Option<&'static str>,
    /// `version_count` says more than the list has.
    pub hidden: u64,
    pub faults: Vec<Fault>,
    /// What happens in the world right before the first request like this is
    /// answered.
    pub hooks: Vec<(&'static str, String, Hook)>,
    /// What GitHub's description says against it.
    pub violations: Vec<String>,
    /// Of the repository [`PROJECT`].
    pub issues: Vec<issues::Stored>,
    /// Number of the issue, and what was said.
    pub comments: Vec<(u64, String)>,
    /// Labels that are asked for are given; GitHub drops them silently where the
    /// token may not.
    pub may_label: bool,
    pub workflows: Vec<(&'static str, &'static str)>,
    pub runs: Vec<actions::Stored>,
    /// A dispatch is answered with its run, or with nothing.
    pub says_run: bool,
    /// So many lists of runs do not have yet what was dispatched.
    pub late: usize,
    /// What was dispatched: file and body.
    pub dispatched: Vec<(String, Value)>,
    /// Answers about other repositories, by the beginning of the path; the
    /// description is not asked about them.
    pub others: Vec<(String, Reply)>,
}

/// The name of the repository.
pub const PROJECT: &str = "image";

/// GitHub. Its end fails the test if anything broke its description.
pub struct Github {
    state: Arc<Mutex<State>>,
    server: Loopback,
}

pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An error document.
pub fn error(status: u16, message: &str) -> Reply {
    let body = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.to_string(),
    });
    Reply::new(status, "application/json; charset=utf-8", body.to_string())
}

impl Github {
    /// An organisation `someone` with an empty package `nas/bootc`.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            kind: "Organization",
            owner: "someone",
            user: None,
            name: "nas/bootc",
            versions: Vec::new(),
            manifests: BTreeMap::new(),
            page: 3,
            may_delete: true,
            locked: None,
            hidden: 0,
            faults: Vec::new(),
            hooks: Vec::new(),
            violations: Vec::new(),
            issues: Vec::new(),
            comments: Vec::new(),
            may_label: true,
            workflows: Vec::new(),
            runs: Vec::new(),
            says_run: true,
            late: 0,
            dispatched: Vec::new(),
            others: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let contract = Contract::load();
        let server = Loopback::start(move |request| {
            let mut state = shared.lock().unwrap();
            state.answer(&contract, request)
        })
        .unwrap();
        Self { state, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Requests to the API with this method and part of a path.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let seen = self.server.seen();
        let like = |r: &&Request| r.method == method && r.path.contains(part);
        seen.iter().filter(like).count()
    }

    /// A version with a manifest; its digest. Numbers begin at 1.
    pub fn add(&self, days: i64, tags: &[&str], manifest: &Value) -> String {
        let body = serde_json::to_vec(manifest).unwrap();
        let digest = Digest::of(&body).to_string();
        let seconds = i64::try_from(host::env::epoch_seconds()).unwrap() - days * 86_400;
        let at = retention::Timestamp::from_unix_seconds(seconds).unwrap();
        let mut state = self.state();
        let id = state.versions.len() as u64 + 1;
        state.manifests.insert(digest.clone(), body);
        state.versions.push(Stored {
            id,
            digest: digest.clone(),
            at: at.to_string(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            deleted: false,
            popular: false,
        });
        digest
    }

    /// An image, different for each name.
    pub fn image(&self, days: i64, tags: &[&str], name: &str) -> String {
        self.add(days, tags, &image(name, None))
    }

    /// The registry has an image under `stable` that is so old.
    pub fn publish(&self, days: i64) {
        let seconds = i64::try_from(host::env::epoch_seconds()).unwrap() - days * 86_400;
        let at = retention::Timestamp::from_unix_seconds(seconds).unwrap();
        let config = json!({"architecture": "amd64", "os": "linux", "created": at.to_string()});
        let config = config.to_string().into_bytes();
        let digest = Digest::of(&config).to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "layers": [],
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest, "size": config.len(),
            },
        });
        let mut state = self.state();
        state.manifests.insert(digest, config);
        let manifest = manifest.to_string().into_bytes();
        state.manifests.insert("stable".to_owned(), manifest);
    }

    /// Names of the versions that are there, by the tag or manifest that they
    /// were made with.
    pub fn there(&self) -> Vec<u64> {
        let state = self.state();
        let active = state.versions.iter().filter(|v| !v.deleted);
        active.map(|v| v.id).collect()
    }
}

/// An image manifest, different for each name.
pub fn image(name: &str, subject: Option<&str>) -> Value {
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:0", "size": 2},
        "layers": [], "annotations": {"name": name},
    });
    if let Some(subject) = subject {
        manifest["subject"] = json!({"mediaType": IMAGE, "digest": subject, "size": 1});
    }
    manifest
}

/// An index.
pub fn index(children: &[&str]) -> Value {
    let entry = |digest: &&str| json!({"mediaType": IMAGE, "digest": digest, "size": 1});
    let entries: Vec<Value> = children.iter().map(entry).collect();
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

impl Drop for Github {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.state().violations, [""; 0]);
        }
    }
}

impl State {
    fn answer(&mut self, contract: &Contract, request: &Request) -> Reply {
        if request.path.starts_with("/v2/") {
            return self
                .fault(request)
                .unwrap_or_else(|| self.registry(request));
        }
        let about = |(begin, _): &&(String, Reply)| request.path.starts_with(begin.as_str());
        if let Some((_, reply)) = self.others.iter().find(about) {
            return reply.clone();
        }
        while let Some(at) = self.hooks.iter().position(|(method, part, _)| {
            request.method == *method && request.path.contains(part.as_str())
        }) {
            let (_, _, hook) = self.hooks.remove(at);
            hook(self);
        }
        self.violations.extend(contract.request(request));
        let reply = self
            .fault(request)
            .unwrap_or_else(|| self.api(contract, request));
        let wrong = contract.reply(request, reply.status, &reply.body);
        self.violations.extend(wrong);
        reply
    }

    fn fault(&mut self, request: &Request) -> Option<Reply> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0 && request.method == fault.method && request.path.contains(&fault.part)
        })?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.reply.clone())
    }

    fn registry(&self, request: &Request) -> Reply {
        let name = format!("/v2/{}/{}/", self.owner, self.name);
        if self.locked.is_some() && request.header("authorization") != self.locked {
            return Reply::new(401, "application/json", "{}")
                .with("www-authenticate", "Basic realm=\"here\"");
        }
        if request.path == "/v2/" {
            return Reply::new(200, "application/json", "{}");
        }
        let body = request
            .path
            .strip_prefix(&name)
            .and_then(|rest| {
                rest.strip_prefix("manifests/")
                    .or(rest.strip_prefix("blobs/"))
            })
            .and_then(|reference| self.manifests.get(reference));
        match body {
            Some(body) => Reply::new(200, IMAGE, body.clone()),
            None => Reply::new(404, "application/json", r#"{"errors":[]}"#),
        }
    }

    fn api(&mut self, contract: &Contract, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if path == format!("/users/{}", self.owner) {
            return json_reply(200, &account(self.owner, self.kind));
        }
        if path == "/user" {
            return match self.user {
                Some(login) => json_reply(200, &account(login, "User")),
                None => error(403, "Resource not accessible by integration"),
            };
        }
        if let Some(rest) = path.strip_prefix(&format!("/repos/{}/{PROJECT}", self.owner)) {
            let parts: Vec<&str> = rest.split('/').skip(1).collect();
            return match parts.as_slice() {
                [] => json_reply(200, &repository(contract)),
                ["issues", rest @ ..] => self.issues_api(contract, request, rest, query),
                ["actions", rest @ ..] => self.actions_api(contract, request, rest, query),
                _ => error(404, "Not Found"),
            };
        }
        self.packages_api(request, path, query)
    }
}

fn json_reply(status: u16, value: &Value) -> Reply {
    Reply::new(status, "application/json; charset=utf-8", value.to_string())
        .with("x-ratelimit-remaining", "4321")
        .with("x-ratelimit-reset", "4102444800")
}

fn simple(login: &str, kind: &str) -> Value {
    let mut account = json!({"login": login, "id": 1, "node_id": "x", "gravatar_id": "", "type": kind, "site_admin": false});
    for key in [
        "avatar_url",
        "url",
        "html_url",
        "followers_url",
        "following_url",
        "gists_url",
        "starred_url",
        "subscriptions_url",
        "organizations_url",
        "repos_url",
        "events_url",
        "received_events_url",
    ] {
        account[key] = json!("https://api.github.com/x");
    }
    account
}

fn account(login: &str, kind: &str) -> Value {
    let mut account = simple(login, kind);
    for key in [
        "name", "company", "blog", "location", "email", "hireable", "bio",
    ] {
        account[key] = Value::Null;
    }
    for key in ["public_repos", "public_gists", "followers", "following"] {
        account[key] = json!(0);
    }
    for key in ["created_at", "updated_at"] {
        account[key] = json!("2026-01-01T00:00:00Z");
    }
    account
}

/// A value of a query.
fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// One page of a list, in the form that its endpoint has, with a link to the
/// next; `most` is the largest page.
fn page(list: &[Value], most: usize, request: &Request, form: impl Fn(&[Value]) -> Value) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let number = |name: &str| value(query, name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).min(most);
    let page = number("page").unwrap_or(1);
    let begin = (page - 1) * size;
    let end = (begin + size).min(list.len());
    let reply = json_reply(200, &form(list.get(begin..end).unwrap_or_default()));
    if end == list.len() || begin >= list.len() {
        return reply;
    }
    let host = request.header("host").unwrap();
    let rest: Vec<&str> = query
        .split('&')
        .filter(|p| !p.starts_with("page="))
        .collect();
    let link = |page: usize| format!("<http://{host}{path}?{}&page={page}>", rest.join("&"));
    let last = list.len().div_ceil(size);
    let links = format!(
        "{}; rel=\"next\", {}; rel=\"last\"",
        link(page + 1),
        link(last)
    );
    reply.with("link", &links)
}

fn repository(contract: &Contract) -> Value {
    let mut repository = contract.sample("full-repository");
    repository["default_branch"] = json!("trunk");
    repository
}

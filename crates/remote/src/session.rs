//! Authentication at a registry: the first request, its challenge, the token.
//!
//! `oci-client` can do this too, but it passes over the status of the first
//! request, does not tell that of the token service, reads both without limit,
//! and panics on a token that is no header value. So the token is fetched here
//! and given to it.
//!
//! Source: OCI distribution specification, "Determining Support"; CNCF
//! distribution, "Token Authentication Specification".

use std::collections::BTreeMap;
use std::time::Duration;

use host::Secret;
use oci_client::{Client, Reference};
use registry_compat::{Answer, Digest, ImageRef, Trouble};
use serde::Deserialize;

use crate::agent::{Ask, Reply, Stream, judge};
use crate::authorization::{Authorization, basic, locked};
use crate::inspect::broken_promise;
use crate::oci::{Failure, LARGEST, Registries, Target, garbled, reference_of};
use crate::{Credential, Error};

/// Largest answer of a token service that is read, in bytes.
const LARGEST_TOKEN: u64 = 1024 * 1024;

/// A token service's answer; some use the one name, some the other.
#[derive(Deserialize)]
struct WireToken {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registries {
    /// GET from the registry itself, with its authorization; the status is judged, so
    /// that only 2xx, 3xx, 404 and odd ones come back.
    pub(crate) fn get(
        &self,
        target: &Target,
        url: &str,
        accept: &str,
        largest: u64,
    ) -> Result<Reply, Failure> {
        let (reply, ()) = self.with_authorization(target, |authorization| {
            let reply = self.agent.once(&Ask {
                url,
                headers: &[("accept", accept)],
                authorization,
                insecure: target.endpoint.insecure,
                largest,
            });
            Ok((reply?, ()))
        })?;
        Ok(judge(url, reply)?)
    }

    /// The same for a blob too large to be held, of which `most` bytes are all
    /// there can be. `None` for what is no 200.
    pub(crate) fn open(
        &self,
        target: &Target,
        url: &str,
        most: u64,
    ) -> Result<(Reply, Option<Stream>), Failure> {
        // Nobody waits for a line slower than 1 MiB a second; one that stands
        // still is left after `Limits::read` all the same.
        let total = self.agent.limits.total + Duration::from_secs(most / (1024 * 1024));
        let (reply, body) = self.with_authorization(target, |authorization| {
            let ask = Ask {
                url,
                // Its digest is of the bytes as they are stored.
                headers: &[("accept", "*/*"), ("accept-encoding", "identity")],
                authorization,
                insecure: target.endpoint.insecure,
                largest: LARGEST,
            };
            self.agent.open(&ask, total)
        })?;
        Ok((judge(url, reply)?, body))
    }

    /// A blob that a manifest names, too large to be held: its address and its bytes as
    /// they come, of which `most` are all there can be. Nobody has checked them yet.
    pub(crate) fn open_blob(
        &self,
        target: &Target,
        digest: &Digest,
        most: u64,
    ) -> Result<(String, Stream), Failure> {
        let path = target.endpoint.image.repository().path();
        let url = target.url(&format!("{path}/blobs/{digest}"));
        let (reply, body) = self.open(target, &url, most)?;
        match (reply.status, body) {
            (200, Some(body)) => Ok((url, body)),
            (404, _) => Err(broken_promise(target, digest)),
            (other, _) => Err(garbled(target, format!("{url}: HTTP {other}"))),
        }
    }

    /// A client that may push to a place, with a new token: they live for minutes.
    pub(crate) fn pusher(&self, target: &Target) -> Result<(Client, Reference), Failure> {
        let authorization = self.authorize(target, "pull,push")?;
        let client = self.client(target)?;
        let there = reference_of(&target.endpoint.image);
        self.run(target, async {
            let registry = there.resolve_registry();
            client
                .store_auth_if_needed(registry, &authorization.for_client())
                .await;
            Ok(())
        })?;
        Ok((client, there))
    }

    fn with_authorization<T>(
        &self,
        target: &Target,
        send: impl Fn(Option<&Secret>) -> Result<(Reply, T), Error>,
    ) -> Result<(Reply, T), Failure> {
        let known = self.authorizations.lock().get(&key(target)).cloned();
        let remembered = match known {
            Some(authorization) => Some(authorization),
            None => self.remembered_authorization(target)?,
        };
        let renewable = remembered.is_some();
        let ask = |authorization: &Authorization| send(authorization.header().as_ref());
        let mut answer = ask(&match remembered {
            Some(authorization) => authorization,
            None => self.authorize_pull(target)?,
        })?;
        if answer.0.status == 401 && renewable {
            // Tokens live for minutes, a build for longer, and what a registry
            // asked for yesterday need not be what it asks for today.
            answer = ask(&self.authorize_pull(target)?)?;
        }
        Ok(answer)
    }

    fn authorize_pull(&self, target: &Target) -> Result<Authorization, Failure> {
        let authorization = self.authorize(target, "pull")?;
        self.authorizations
            .lock()
            .insert(key(target), authorization.clone());
        Ok(authorization)
    }

    /// How each registry challenged a client without credentials. Kept for the
    /// next run of the program, it saves one request for each registry.
    pub fn challenges(&self) -> BTreeMap<String, Option<String>> {
        locked(&self.authorizations.challenges).clone()
    }

    /// Hands on what [`Self::challenges`] said. It is a hint: where it is no
    /// longer true, the registry is asked again.
    pub fn remember(&self, challenges: BTreeMap<String, Option<String>>) {
        locked(&self.authorizations.challenges).extend(challenges);
    }

    /// Gets whatever is needed to read from a repository, so that it is there
    /// when it is needed. Trouble is told by the question itself.
    pub fn prepare(&self, image: &ImageRef) {
        let _: Answer<()> = self.ask(image, |target| {
            if self.authorizations.lock().contains_key(&key(target)) {
                return Ok(());
            }
            match self.remembered_authorization(target)? {
                Some(_) => Ok(()),
                None => self.authorize_pull(target).map(|_| ()),
            }
        });
    }

    /// An authorization by the challenge that an earlier run met. Only without
    /// credentials: those are never sent to an address out of a file.
    fn remembered_authorization(&self, target: &Target) -> Result<Option<Authorization>, Failure> {
        let challenges = locked(&self.authorizations.challenges)
            .get(&target.url(""))
            .cloned();
        let (None, Some(line)) = (self.credential(target)?, challenges) else {
            return Ok(None);
        };
        let authorization = match line.as_deref().map(Challenge::parse) {
            None => Some(Authorization::Nothing),
            Some(None) => None,
            Some(Some(bearer)) => self.token(target, &bearer, "pull", None).ok(),
        };
        if let Some(authorization) = &authorization {
            self.authorizations
                .lock()
                .insert(key(target), authorization.clone());
        }
        Ok(authorization)
    }

    /// Asks the registry what it wants to see, and gets it. `actions` are those
    /// of a scope: `pull,push`.
    pub(crate) fn authorize(
        &self,
        target: &Target,
        actions: &str,
    ) -> Result<Authorization, Failure> {
        let who = self.credential(target)?;
        let url = target.url("");
        let reply = self.ask_token(target, &url, None)?;
        // A 401 is the usual answer here. A 404 is not the word of a registry
        // about an image: there is no registry.
        let reply = match reply.status {
            401 => reply,
            _ => judge(&url, reply)?,
        };
        if !matches!(reply.status, 200 | 401) {
            let status = reply.status;
            return Err(garbled(
                target,
                format!("{url}: HTTP {status}, which no registry answers there"),
            ));
        }
        let lines = reply.headers.get_all("www-authenticate");
        let lines: Vec<&str> = lines.iter().filter_map(|line| line.to_str().ok()).collect();
        let line = lines.iter().find(|line| Challenge::parse(line).is_some());
        if who.is_none() && (line.is_some() || lines.is_empty()) {
            let line = line.map(|line| (*line).to_owned());
            locked(&self.authorizations.challenges).insert(target.url(""), line);
        }
        let Some(bearer) = line.and_then(|line| Challenge::parse(line)) else {
            let basic = lines.iter().any(|line| word(line, "basic").is_some());
            return Ok(match who {
                Some(who) if basic && who.identity.is_some() => return Err(password_wanted(&url)),
                Some(who) if basic => Authorization::Basic(who),
                _ => Authorization::Nothing,
            });
        };
        self.token(target, &bearer, actions, who.as_ref())
    }

    fn token(
        &self,
        target: &Target,
        bearer: &Challenge,
        actions: &str,
        who: Option<&Credential>,
    ) -> Result<Authorization, Failure> {
        if !bearer.is_fit_for(target.plain_http || target.endpoint.insecure) {
            return Err(garbled(
                target,
                format!("`{}` is no token service for it", bearer.realm),
            ));
        }
        let path = target.endpoint.image.repository().path();
        let identity = who.and_then(|who| who.identity.as_ref());
        let (url, reply) = match identity {
            Some(identity) => {
                let form = bearer.grant(path, actions, identity);
                let reply = self.post_token(target, &bearer.realm, &form)?;
                if matches!(reply.status, 404 | 405) {
                    return Err(password_wanted(&bearer.realm));
                }
                (bearer.realm.clone(), reply)
            }
            None => {
                let url = bearer.url(path, actions);
                let reply = self.ask_token(target, &url, who)?;
                (url, reply)
            }
        };
        let reply = judge(&url, reply)?;
        if reply.status != 200 {
            let status = reply.status;
            return Err(garbled(target, format!("{url}: HTTP {status}")));
        }
        let answer: WireToken = serde_json::from_slice(&reply.body).map_err(|error| {
            // The text may hold a token, and serde's message shows none of it.
            garbled(target, format!("{url}: not the JSON of a token: {error}"))
        })?;
        let token = [answer.token, answer.access_token]
            .into_iter()
            .flatten()
            .find(|token| !token.is_empty());
        match token {
            Some(token) if token.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Authorization::Bearer(Secret::new(token)))
            }
            _ => Err(garbled(target, format!("{url}: no usable token"))),
        }
    }

    fn post_token(&self, target: &Target, url: &str, form: &Secret) -> Result<Reply, Error> {
        let ask = Ask {
            url,
            headers: &[],
            authorization: None,
            insecure: target.endpoint.insecure,
            largest: LARGEST_TOKEN,
        };
        self.agent.post_form(&ask, form)
    }

    fn ask_token(
        &self,
        target: &Target,
        url: &str,
        who: Option<&Credential>,
    ) -> Result<Reply, Error> {
        let header = who.map(basic);
        self.agent.once(&Ask {
            url,
            headers: &[],
            authorization: header.as_ref(),
            insecure: target.endpoint.insecure,
            largest: LARGEST_TOKEN,
        })
    }
}

/// An identity token goes to a token service, and nowhere else.
fn password_wanted(url: &str) -> Failure {
    Error::unknown(
        Trouble::Denied,
        format!(
            "{url} wants a password, and the login is an identity token; \
             log in again, with `podman login`"
        ),
    )
    .into()
}

fn key(target: &Target) -> (String, bool) {
    (
        target.endpoint.image.repository().to_string(),
        target.plain_http,
    )
}

/// `WWW-Authenticate: Bearer realm="…",service="…"`.
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Challenge {
    fn parse(line: &str) -> Option<Self> {
        let parameters = word(line, "bearer")?;
        let find = |wanted: &str| {
            let mut rest = parameters;
            while let Some((name, value)) = rest.split_once("=\"") {
                let (value, after) = value.split_once('"')?;
                let name = name.trim_matches([' ', ',']);
                if name.eq_ignore_ascii_case(wanted) {
                    return Some(value.to_owned());
                }
                rest = after;
            }
            None
        };
        Some(Self {
            realm: find("realm")?,
            service: find("service"),
        })
    }

    /// A password that goes to a registry over TLS is not sent to a token service
    /// without TLS.
    fn is_fit_for(&self, plain: bool) -> bool {
        self.realm.starts_with("https://") || plain && self.realm.starts_with("http://")
    }

    /// The form that turns a refresh token into one for a repository.
    /// Source: CNCF distribution, "Oauth2 Token Authentication".
    fn grant(&self, path: &str, actions: &str, refresh: &Secret) -> Secret {
        let service = self.service.as_deref().unwrap_or_default();
        Secret::new(format!(
            "grant_type=refresh_token&client_id=custom-coreos&service={}&scope={}&refresh_token={}",
            percent_encode(service),
            percent_encode(&format!("repository:{path}:{actions}")),
            percent_encode(refresh.expose()),
        ))
    }

    fn url(&self, path: &str, actions: &str) -> String {
        let mut url = self.realm.clone();
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!(
            "scope={}",
            percent_encode(&format!("repository:{path}:{actions}"))
        ));
        if let Some(service) = &self.service {
            url.push_str(&format!("&service={}", percent_encode(service)));
        }
        url
    }
}

/// What follows an authentication scheme in a header, if it is there.
fn word<'a>(line: &'a str, scheme: &str) -> Option<&'a str> {
    let lower = line.to_ascii_lowercase();
    let (at, _) = lower.match_indices(scheme).find(|(at, _)| {
        let before = lower[..*at].trim_end();
        let after = &lower[at + scheme.len()..];
        (before.is_empty() || before.ends_with(',')) && (after.is_empty() || after.starts_with(' '))
    })?;
    Some(&line[at + scheme.len()..])
}

/// Percent-encoding of everything that is not plain in a query.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let url = |line: &str| Challenge::parse(line).map(|c| c.url("a/b", "pull"));
        assert_eq!(
            url("Bearer realm=\"https://auth.example/token\",service=\"Docker registry\"").unwrap(),
            "https://auth.example/token?scope=repository:a/b:pull&service=Docker%20registry"
        );
        assert_eq!(
            url("Basic realm=\"x\", bearer service=\"s\", Realm=\"https://a/t?k=v\"").unwrap(),
            "https://a/t?k=v&scope=repository:a/b:pull&service=s"
        );
        for none in [
            "",
            "Basic realm=\"Bearer realm\"",
            "Bearer",
            "Bearer realm=",
            "Bearer realm=\"x",
        ] {
            assert_eq!(url(none), None, "{none}");
        }
        let fit = |realm: &str, plain| {
            let line = format!("Bearer realm=\"{realm}\"");
            Challenge::parse(&line).unwrap().is_fit_for(plain)
        };
        assert!(fit("https://a/t", false) && fit("http://a/t", true));
        assert!(!fit("http://a/t", false) && !fit("/t", true) && !fit("file:///t", true));
        assert!(word("Basic realm=\"x\"", "basic").is_some());
    }
}

//! The HTTP client for everything that is not a registry, over `ureq`.

use std::sync::{Arc, Once};
use std::time::Duration;

use registry_compat::Trouble;
use ureq::http::HeaderMap;
use ureq::tls::{RootCerts, TlsConfig};

use crate::Error;
use crate::retries::{Retries, Tries};
use host::Secret;

/// How long anything may take, and how often it is tried. One struct for both
/// clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The limit for setting up a connection.
    pub connect: Duration,
    /// The limit between two reads of a body, and until the first byte of an
    /// answer.
    pub read: Duration,
    /// The limit for one whole request, from name look-up to the last byte.
    pub total: Duration,
    /// How often a request is sent at the most. Only requests that change
    /// nothing are sent again.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles for each later one.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(20),
            total: Duration::from_secs(60),
            attempts: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// Whether trouble is of the kind that passes by itself.
pub fn passes_by(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::RateLimited | Trouble::Unreachable | Trouble::ServerError
    )
}

/// Makes `ring` the process's TLS provider, once. Both clients are built
/// without one, so that only one is compiled.
pub(crate) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is installed already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Largest metadata document that is read, in bytes. Fedora's release index is
/// under 1 MB, a page of 100 GitHub releases under 3 MB.
const LARGEST: u64 = 32 * 1024 * 1024;

/// One GET request.
pub(crate) struct Ask<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub authorization: Option<&'a Secret>,
    /// Certificates are not checked.
    pub insecure: bool,
    /// More bytes of body than this are an error.
    pub largest: u64,
}

/// One answer of a server, whatever its status.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A body that is read as it comes.
pub(crate) type Stream = Box<dyn std::io::Read + Send>;

type Response = http::Response<ureq::Body>;

/// A client with time-outs, retries and the system's certificates.
#[derive(Clone)]
pub struct Agent {
    pub(crate) secure: ureq::Agent,
    /// For registries that `registries.conf` calls insecure.
    pub(crate) lax: ureq::Agent,
    pub(crate) limits: Limits,
    retries: Arc<Retries>,
}

impl Agent {
    /// Sets the client up, with a budget of its own.
    pub fn new(limits: Limits) -> Self {
        Self::sharing(limits, Arc::default())
    }

    /// The same, with a budget that others use too.
    pub fn sharing(limits: Limits, retries: Arc<Retries>) -> Self {
        install_tls();
        Self {
            secure: agent(limits, false),
            lax: agent(limits, true),
            limits,
            retries,
        }
    }

    /// The budget of the run.
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// Asks until there is an answer, until the trouble is of a kind that does
    /// not pass, or until the attempts or the run's budget are used up.
    pub(crate) fn patiently<T>(
        &self,
        limits: &Limits,
        ask: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let tries = Tries {
            attempts: limits.attempts,
            pause: limits.pause,
            // Each request has a limit of its own.
            ..Tries::default()
        };
        let passing = |error: &Error| match error {
            Error::Unknown(why) if passes_by(why.trouble) => Some(why.trouble),
            _ => None,
        };
        let outcome = self.retries.patiently(tries, ask, passing, |_| {});
        outcome.map_err(|failed| match failed.error {
            Error::Unknown(mut why) if failed.spent => {
                why.detail
                    .push_str("; it is not asked again, since this run has waited enough");
                Error::Unknown(why)
            }
            error => error,
        })
    }

    /// GET with retries. Statuses are for the caller to judge, except those
    /// that mean "ask again" or "this is not about your question".
    pub(crate) fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        authorization: Option<&Secret>,
    ) -> Result<Reply, Error> {
        let ask = Ask {
            url,
            headers,
            authorization,
            insecure: false,
            largest: LARGEST,
        };
        self.patiently(&self.limits, || {
            self.once(&ask).and_then(|reply| judge(url, reply))
        })
    }

    /// One request, whatever its answer: for callers with retries of their own.
    pub(crate) fn once(&self, ask: &Ask<'_>) -> Result<Reply, Error> {
        read_whole(ask, self.call(ask, self.limits.total)?)
    }

    /// The same for something too large to be held: of a 200, or of the 206 of
    /// one who asked for a part, the body is still to be read; of all else it
    /// was. `total` is for all of it.
    pub(crate) fn open(
        &self,
        ask: &Ask<'_>,
        total: Duration,
    ) -> Result<(Reply, Option<Stream>), Error> {
        let response = self.call(ask, total)?;
        if !matches!(response.status().as_u16(), 200 | 206) {
            return Ok((read_whole(ask, response)?, None));
        }
        let (parts, body) = response.into_parts();
        let reply = Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: Vec::new(),
        };
        Ok((reply, Some(Box::new(body.into_reader()))))
    }

    fn call(&self, ask: &Ask<'_>, total: Duration) -> Result<Response, Error> {
        let agent = if ask.insecure {
            &self.lax
        } else {
            &self.secure
        };
        let mut request = agent.get(ask.url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(value) = ask.authorization {
            request = request.header("authorization", value.expose());
        }
        let request = request.config().timeout_global(Some(total)).build();
        request.call().map_err(|error| transport(ask.url, &error))
    }
}

impl Agent {
    /// One POST of a form, whatever its answer. No redirect is followed: what is
    /// in the form is for nobody else.
    pub(crate) fn post_form(&self, ask: &Ask<'_>, form: &Secret) -> Result<Reply, Error> {
        let agent = if ask.insecure {
            &self.lax
        } else {
            &self.secure
        };
        let mut request = agent
            .post(ask.url)
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let response = request
            .config()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .send(form.expose())
            .map_err(|error| transport(ask.url, &error))?;
        read_whole(ask, response)
    }
}

fn read_whole(ask: &Ask<'_>, mut response: Response) -> Result<Reply, Error> {
    let body = response
        .body_mut()
        .with_config()
        .limit(ask.largest)
        .read_to_vec()
        .map_err(|error| transport(ask.url, &error))?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

fn agent(limits: Limits, insecure: bool) -> ureq::Agent {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::PlatformVerifier)
        .disable_verification(insecure)
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.read))
        .timeout_per_read(Some(limits.read))
        .timeout_global(Some(limits.total))
        .user_agent(concat!("custom-coreos/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Statuses that say nothing about the thing asked for become errors here, so
/// that no caller can take one for "not there".
pub(crate) fn judge(url: &str, reply: Reply) -> Result<Reply, Error> {
    let status = reply.status;
    if matches!(status, 200..400 | 404) {
        return Ok(reply);
    }
    let text = String::from_utf8_lossy(&reply.body);
    let remaining = reply.header("x-ratelimit-remaining");
    let limited = status == 429
        || (status == 403 && (remaining == Some("0") || reply.header("retry-after").is_some()))
        || says_slow_down(&text);
    let trouble = match status {
        _ if limited => Trouble::RateLimited,
        401 | 403 => Trouble::Denied,
        500.. => Trouble::ServerError,
        _ => return Ok(reply),
    };
    let text = host::one_line(&text);
    Err(Error::unknown(
        trouble,
        format!("{url}: HTTP {status}: {text}"),
    ))
}

/// Registries, token services and proxies also say "slow down" in prose only,
/// under any status.
pub(crate) fn says_slow_down(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "toomanyrequests",
        "too many requests",
        "rate limit",
        "retry-after",
    ]
    .iter()
    .any(|words| text.contains(words))
}

pub(crate) fn transport(url: &str, error: &ureq::Error) -> Error {
    use ureq::Error as E;
    let trouble = match error {
        E::BodyExceedsLimit(_)
        | E::Protocol(_)
        | E::Http(_)
        | E::BadUri(_)
        | E::RedirectFailed
        | E::TooManyRedirects => Trouble::Garbled,
        _ => Trouble::Unreachable,
    };
    // The library's kind of error and the system's number mean nothing to a person.
    let text = error.to_string();
    let text = text.strip_prefix("io: ").unwrap_or(&text);
    let text = text.split(" (os error ").next().unwrap_or(text);
    Error::unknown(trouble, format!("{url}: {text}"))
}

/// The target of `Link: <…>; rel="next"`, if the answer has one.
///
/// # Errors
/// If the link leaves the origin of `url`: it would take a token with it.
/// Source: RFC 8288; GitHub "Using pagination in the REST API"; OCI
/// distribution specification, "Listing tags".
pub(crate) fn next_page(url: &str, reply: &Reply) -> Result<Option<String>, Error> {
    let headers = reply.headers.get_all("link");
    let lines: Vec<&str> = headers
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    for link in lines
        .iter()
        .flat_map(|line| line.split(",<"))
        .flat_map(|links| links.split(", <"))
    {
        let Some((target, parameters)) = link.trim_start_matches('<').split_once('>') else {
            continue;
        };
        let next = parameters.split(';').any(|p| {
            let p = p.trim();
            p.eq_ignore_ascii_case("rel=\"next\"") || p.eq_ignore_ascii_case("rel=next")
        });
        if !next {
            continue;
        }
        let absolute = if target.starts_with('/') {
            format!("{}{target}", origin(url))
        } else {
            target.to_owned()
        };
        if origin(&absolute) != origin(url) {
            return Err(Error::unknown(
                Trouble::Garbled,
                format!("{url}: the next page is on another host ({target})"),
            ));
        }
        return Ok(Some(absolute));
    }
    Ok(None)
}

fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(link: &str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert("link", link.parse().unwrap());
        Reply {
            status: 200,
            headers,
            body: Vec::new(),
        }
    }

    #[test]
    fn next_links() {
        let url = "https://api.example/repos/x?per_page=100";
        let next = |link: &str| next_page(url, &reply(link));
        assert_eq!(
            next("<https://api.example/r?page=2>; rel=\"next\", <https://api.example/r?page=9>; rel=\"last\"").unwrap(),
            Some("https://api.example/r?page=2".to_owned())
        );
        assert_eq!(
            next("<https://api.example/r?page=1>; rel=\"prev\",</r?page=3>; foo=bar; rel=next")
                .unwrap(),
            Some("https://api.example/r?page=3".to_owned())
        );
        assert_eq!(next("<https://api.example/r>; rel=\"last\"").unwrap(), None);
        assert_eq!(next("nonsense").unwrap(), None);
        assert!(next("<https://evil.example/r>; rel=\"next\"").is_err());
        assert!(next("<http://api.example/r>; rel=\"next\"").is_err());
    }
}

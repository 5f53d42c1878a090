//! Registries, over `oci-client`.
//!
//! `oci-client` pushes manifests. What it does not do well is done here and in
//! the modules beside this one, over `ureq`: time-outs on every call, retries,
//! three-valued answers, a limit on what is read, the configuration of the
//! container tools.
//!
//! Its traps, and what is done about each:
//! - `Client::new` falls back to defaults on error: `try_from` is used;
//! - its errors have no HTTP status, and its bodies no limit: `manifest.rs`
//!   reads. (What a registry answers to a push is still read without limit,
//!   but within the time of one request.)
//! - it keeps the token service's errors to itself: see `session.rs`;
//! - the first credential for a registry wins in a client: each exchange has
//!   its own client;
//! - `list_tags` does not page: see `tags.rs`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::{Client, Reference};
use registry_compat::{Answer, Digest, ImageRef, Trouble, Unknown};

use crate::agent::{install_tls, says_slow_down};
use crate::authorization::Authorizations;
use crate::{Agent, AuthFiles, Credential, Endpoint, Error, HelperCall, Limits, RegistriesConf};

/// Largest manifest or image config that is read, in bytes. The distribution
/// specification asks registries to accept manifests of 4 MiB.
pub(crate) const LARGEST: u64 = 8 * 1024 * 1024;

/// The registries as this machine's container tools see them.
pub struct Registries {
    runtime: tokio::runtime::Runtime,
    pub(crate) agent: Agent,
    conf: RegistriesConf,
    auth: AuthFiles,
    helper: Box<HelperCall>,
    limits: Limits,
    pub(crate) authorizations: Authorizations,
    /// By registry: credentials for those that no auth file has one for.
    lent: Mutex<HashMap<String, Credential>>,
}

/// A place to ask, over HTTPS or plain HTTP.
#[derive(Clone)]
pub(crate) struct Target {
    pub endpoint: Endpoint,
    pub plain_http: bool,
}

impl Target {
    /// `SCHEME://REGISTRY/v2/…`.
    pub fn url(&self, rest: &str) -> String {
        let scheme = if self.plain_http { "http" } else { "https" };
        let registry = self.endpoint.image.repository().registry();
        format!("{scheme}://{registry}/v2/{rest}")
    }
}

impl Registries {
    /// Sets the client up. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Setup`] if the machine allows no thread.
    pub fn new(
        agent: Agent,
        conf: RegistriesConf,
        auth: AuthFiles,
        helper: Box<HelperCall>,
        limits: Limits,
    ) -> Result<Self, Error> {
        install_tls();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::Setup(error.to_string()))?;
        Ok(Self {
            runtime,
            agent,
            conf,
            auth,
            helper,
            limits,
            authorizations: Authorizations::default(),
            lent: Mutex::default(),
        })
    }

    /// The HTTP client, for requests to anything but a registry.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Where a push of this name goes, after `registries.conf`.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if it is blocked there.
    pub fn home_of(&self, image: &ImageRef) -> Result<Endpoint, Error> {
        self.conf.home_of(image)
    }

    /// Asks each place in turn; the last one, the registry itself, decides.
    pub(crate) fn ask<T>(
        &self,
        image: &ImageRef,
        question: impl Fn(&Target) -> Result<T, Failure>,
    ) -> Answer<T> {
        let places = match self.conf.pull_from(image) {
            Ok(places) => places,
            Err(error) => return Answer::Unknown(unknown_of(error)),
        };
        let mut answer = Answer::Absent;
        for endpoint in places {
            answer = answer_of(self.each_scheme(&endpoint, &question));
            if matches!(answer, Answer::Present(_)) {
                break;
            }
        }
        answer
    }

    /// Asks the registry itself.
    pub(crate) fn ask_home<T>(
        &self,
        image: &ImageRef,
        question: impl Fn(&Target) -> Result<T, Failure>,
    ) -> Answer<T> {
        match self.conf.home_of(image) {
            Ok(home) => answer_of(self.each_scheme(&home, question)),
            Err(error) => Answer::Unknown(unknown_of(error)),
        }
    }

    /// One exchange that pushes to the registry itself.
    pub(crate) fn push_home<T>(
        &self,
        to: &ImageRef,
        exchange: impl Fn(&Target) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        match self.each_scheme(&self.home_of(to)?, exchange) {
            Ok(value) => Ok(value),
            // No exchange returns it: a push says nothing about an image.
            Err(Failure::Absent) => Err(Error::NotFound(format!("{to} was not accepted"))),
            Err(Failure::Error(error)) => Err(error),
        }
    }

    /// TLS first; where `registries.conf` says `insecure`, plain HTTP if no
    /// TLS connection comes about, as `podman` does.
    pub(crate) fn each_scheme<T>(
        &self,
        endpoint: &Endpoint,
        question: impl Fn(&Target) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let target = |plain_http| Target {
            endpoint: endpoint.clone(),
            plain_http,
        };
        let patiently = |target: &Target| {
            let asked = self
                .agent
                .patiently(&self.limits, || match question(target) {
                    Err(Failure::Error(error)) => Err(error),
                    answer => Ok(answer),
                });
            asked.unwrap_or_else(|error| Err(error.into()))
        };
        if !endpoint.insecure {
            return patiently(&target(false));
        }
        let trouble = |outcome: &Result<T, Failure>| match outcome {
            Err(Failure::Error(Error::Unknown(why))) => Some(why.trouble),
            _ => None,
        };
        let by_tls = question(&target(false));
        match trouble(&by_tls) {
            Some(Trouble::Unreachable) => patiently(&target(true)),
            Some(Trouble::RateLimited | Trouble::ServerError) => patiently(&target(false)),
            _ => by_tls,
        }
    }

    pub(crate) fn credential(&self, target: &Target) -> Result<Option<Credential>, Failure> {
        let repository = target.endpoint.image.repository();
        let found = self.auth.find(repository, &*self.helper)?;
        let lent = || self.lent().get(repository.registry()).cloned();
        Ok(found.or_else(lent))
    }

    /// A credential for a registry that none of the files has one for. It goes
    /// to this host only, wherever `registries.conf` moves its images.
    pub fn add_credential(&self, registry: &str, credential: Credential) {
        self.lent().insert(registry.to_owned(), credential);
    }

    fn lent(&self) -> MutexGuard<'_, HashMap<String, Credential>> {
        match self.lent.lock() {
            Ok(lent) => lent,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    pub(crate) fn client(&self, target: &Target) -> Result<Client, Failure> {
        let config = ClientConfig {
            protocol: if target.plain_http {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            accept_invalid_certificates: target.endpoint.insecure,
            connect_timeout: Some(self.limits.connect),
            read_timeout: Some(self.limits.read),
            user_agent: concat!("custom-coreos/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        Client::try_from(config).map_err(|error| Error::Setup(error.to_string()).into())
    }

    /// Runs one exchange within its time and gives its error a class.
    pub(crate) fn run<T>(
        &self,
        target: &Target,
        exchange: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, Failure> {
        self.run_within(target, std::time::Duration::ZERO, exchange)
    }

    /// The same for an exchange that needs so much more time.
    pub(crate) fn run_within<T>(
        &self,
        target: &Target,
        more: std::time::Duration,
        exchange: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, Failure> {
        let total = self.limits.total + more;
        let limited = async { tokio::time::timeout(total, exchange).await };
        match self.runtime.block_on(limited) {
            Ok(answer) => answer.map_err(|error| classify(target, &error)),
            Err(_) => Err(Error::unknown(
                Trouble::Unreachable,
                format!(
                    "{}: no answer within {} s",
                    target.endpoint.image,
                    total.as_secs_f32()
                ),
            )
            .into()),
        }
    }
}

/// Why a question to one place has no positive answer.
pub(crate) enum Failure {
    Absent,
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn answer_of<T>(outcome: Result<T, Failure>) -> Answer<T> {
    match outcome {
        Ok(value) => Answer::Present(value),
        Err(Failure::Absent) => Answer::Absent,
        Err(Failure::Error(error)) => Answer::Unknown(unknown_of(error)),
    }
}

fn unknown_of(error: Error) -> Unknown {
    match error {
        Error::Unknown(why) => why,
        other => Unknown {
            trouble: Trouble::Configuration,
            detail: other.to_string(),
        },
    }
}

pub(crate) fn reference_of(image: &ImageRef) -> Reference {
    let registry = image.repository().registry().to_owned();
    let path = image.repository().path().to_owned();
    match image.digest() {
        Some(digest) => Reference::with_digest(registry, path, digest.to_string()),
        None => Reference::with_tag(registry, path, image.reference().to_owned()),
    }
}

/// Why a push failed. Its 404 is not *absent*: it speaks of what was to be
/// written, not of what was read.
fn classify(target: &Target, error: &OciDistributionError) -> Failure {
    use OciDistributionError as E;
    let trouble = match error {
        E::ServerError { code: 429, .. } => Trouble::RateLimited,
        E::ServerError { message, .. } if says_slow_down(message) => Trouble::RateLimited,
        E::ServerError {
            code: 401 | 403, ..
        } => Trouble::Denied,
        E::ServerError { code: 500.., .. } => Trouble::ServerError,
        E::RequestError(_) | E::IoError(_) => Trouble::Unreachable,
        _ => Trouble::Garbled,
    };
    let mut detail = format!("{}: {error}", target.endpoint.image);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Failure::Error(Error::unknown(trouble, detail))
}

pub(crate) fn garbled(target: &Target, what: impl std::fmt::Display) -> Failure {
    Error::unknown(
        Trouble::Garbled,
        format!("{}: {what}", target.endpoint.image),
    )
    .into()
}

pub(crate) fn parse_digest(target: &Target, text: &str) -> Result<Digest, Failure> {
    text.parse().map_err(|error| garbled(target, error))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(
    target: &Target,
    body: &[u8],
) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| garbled(target, format!("not the JSON of an image: {error}")))
}

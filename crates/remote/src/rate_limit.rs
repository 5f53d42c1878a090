//! Requests of any method, at the pace that a service with rate limits asks for.
//!
//! A clean-up sends thousands of requests, and some of them change something.
//! GitHub asks such a client to work one by one, with a second between changes,
//! and to wait as long as it is told to. It waits within a budget: a run that
//! would have to wait longer stops and says what is left.
//!
//! Source: GitHub documentation, "Best practices for using the REST API" and
//! "Rate limits for the REST API"; RFC 9110, "Retry-After".

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use registry_compat::Trouble;

use crate::agent::{Limits, Reply, transport};
use crate::wait::nap;
use crate::{Agent, Error};
use host::Secret;

/// How fast changes may follow one another, and how long a limiter is waited
/// for.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The least time between two requests that change something.
    pub between: Duration,
    /// The wait when a limiter names no time; it doubles each time.
    pub unsaid: Duration,
    /// How long all waits for limiters may be together.
    pub budget: Duration,
    /// Seconds since 1970-01-01T00:00:00Z. The clock is another door.
    pub clock: fn() -> u64,
    /// Whether the person wants to stop. Signals are another door.
    pub interrupted: fn() -> bool,
}

impl Pace {
    /// GitHub's: a second between changes, a minute where no time is said.
    pub fn github(clock: fn() -> u64, interrupted: fn() -> bool) -> Self {
        Self {
            between: Duration::from_secs(1),
            unsaid: Duration::from_secs(60),
            budget: Duration::from_secs(600),
            clock,
            interrupted,
        }
    }

    /// For any other registry. There is no published limit; ghcr.io's own
    /// limiter names waits below a millisecond.
    pub fn registry(clock: fn() -> u64, interrupted: fn() -> bool) -> Self {
        Self {
            between: Duration::from_millis(100),
            unsaid: Duration::from_secs(1),
            ..Self::github(clock, interrupted)
        }
    }
}

/// One request.
pub(crate) struct Call<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub authorization: Option<&'a Secret>,
    /// Certificates are not checked.
    pub insecure: bool,
    /// JSON, for the methods that take any; empty for none.
    pub body: &'a [u8],
}

/// The methods that are needed. Each but the last may be sent twice without
/// harm: what was deleted, restored or set by the first is found so by the
/// second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Delete,
    Post,
    Patch,
    Put,
    /// A POST that makes something new each time. It is sent again where a
    /// limiter turned it away, and never where it may have arrived.
    Create,
}

impl Method {
    fn changes(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

/// An answer, and how often it was asked for: a 404 to a second DELETE means
/// that the first one worked.
pub(crate) struct Answered {
    pub reply: Reply,
    pub again: bool,
}

/// Largest body that is read, in bytes. A page of 100 versions has 100 kB, a
/// manifest at most 4 MiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How often a limiter may send one request away.
const MOST_WAITS: u32 = 8;

/// Sends requests at a pace, and remembers what limiters said. May be used by
/// several threads for reading; changes come one after the other by nature of
/// their caller.
pub(crate) struct PacedClient {
    agent: Agent,
    pace: Pace,
    state: Mutex<State>,
}

struct State {
    /// What is left of the budget.
    left: Duration,
    /// `x-ratelimit-remaining` was 0 in the last answer; the second at which it
    /// is reset.
    empty_until: Option<u64>,
    /// Something was changed already.
    changed: bool,
}

impl PacedClient {
    pub(crate) fn new(agent: Agent, pace: Pace) -> Self {
        Self {
            agent,
            pace,
            state: Mutex::new(State {
                left: pace.budget,
                empty_until: None,
                changed: false,
            }),
        }
    }

    /// Sends a request until it is answered by somebody who is not a limiter
    /// and not in trouble. 401 and 403 are the caller's to judge.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Answered, Error> {
        if call.method.changes() && std::mem::replace(&mut self.state().changed, true) {
            nap(self.pace.between, self.pace.interrupted)?;
        }
        let limits: Limits = self.agent.limits;
        let (mut pause, mut unsaid) = (limits.pause, self.pace.unsaid);
        if call.method.changes() {
            // A change that is tried again is one more change.
            pause = pause.max(self.pace.between);
        }
        let (mut failures, mut waits) = (0, 0);
        loop {
            self.wait_for_quota(call.url)?;
            let trouble = match self.agent.send(call) {
                Ok(reply) => {
                    self.note(&reply);
                    if limited(&reply) {
                        waits += 1;
                        let wait = self.wait_of(&reply).unwrap_or(unsaid);
                        self.spend(wait, waits, call.url, &reply)?;
                        unsaid *= 2;
                        continue;
                    }
                    if reply.status < 500 {
                        let again = failures > 0;
                        return Ok(Answered { reply, again });
                    }
                    told(Trouble::ServerError, call.url, &reply)
                }
                Err(error) => error,
            };
            failures += 1;
            if failures >= limits.attempts || call.method == Method::Create {
                return Err(trouble);
            }
            nap(pause, self.pace.interrupted)?;
            pause *= 2;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn note(&self, reply: &Reply) {
        let number = |name: &str| reply.header(name)?.trim().parse::<u64>().ok();
        if let Some(remaining) = number("x-ratelimit-remaining") {
            let reset = number("x-ratelimit-reset");
            self.state().empty_until = reset.filter(|_| remaining == 0);
        }
    }

    /// Waits until the quota is full again, if the last answer said that it is
    /// empty. A reset in the past is none.
    fn wait_for_quota(&self, url: &str) -> Result<(), Error> {
        let Some(reset) = self.state().empty_until.take() else {
            return Ok(());
        };
        let wait = Duration::from_secs(reset.saturating_sub((self.pace.clock)()));
        self.take(wait).ok_or_else(|| {
            // It is still empty for whoever comes next.
            self.state().empty_until = Some(reset);
            let seconds = wait.as_secs();
            Error::unknown(
                Trouble::RateLimited,
                format!("{url}: the quota is used up, and full again in {seconds} s"),
            )
        })?;
        nap(wait, self.pace.interrupted)
    }

    /// What the limiter asks for: `Retry-After` in seconds, else the reset of an
    /// empty quota.
    fn wait_of(&self, reply: &Reply) -> Option<Duration> {
        let retry_after = reply.header("retry-after");
        if let Some(seconds) = retry_after.and_then(|text| text.trim().parse().ok()) {
            // This answer names a wait; the quota's reset is not waited for as well.
            self.state().empty_until = None;
            return Some(Duration::from_secs(seconds));
        }
        let reset = self.state().empty_until.take()?;
        let seconds = reset.saturating_sub((self.pace.clock)());
        Some(Duration::from_secs(seconds))
    }

    fn spend(&self, wait: Duration, waits: u32, url: &str, reply: &Reply) -> Result<(), Error> {
        if waits > MOST_WAITS || self.take(wait).is_none() {
            return Err(told(Trouble::RateLimited, url, reply));
        }
        nap(wait, self.pace.interrupted)
    }

    /// Takes a wait out of the budget, if it is in it.
    fn take(&self, wait: Duration) -> Option<()> {
        let mut state = self.state();
        state.left = state.left.checked_sub(wait)?;
        Some(())
    }
}

/// A limiter's answer: 429; or 403 with `Retry-After`, with an empty quota, or
/// in GitHub's words for its secondary limit. Any other 403 is about
/// permissions, and waiting does not help.
fn limited(reply: &Reply) -> bool {
    let empty = reply.header("x-ratelimit-remaining") == Some("0");
    let text = || String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
    match reply.status {
        429 => true,
        403 => empty || reply.header("retry-after").is_some() || text().contains("secondary rate"),
        _ => false,
    }
}

/// An error that quotes the server's answer.
pub(crate) fn told(trouble: Trouble, url: &str, reply: &Reply) -> Error {
    let text = String::from_utf8_lossy(&reply.body);
    Error::unknown(trouble, format!("{url}: HTTP {}: {text}", reply.status))
}

impl Agent {
    /// One request, whatever its answer.
    fn send(&self, call: &Call<'_>) -> Result<Reply, Error> {
        let agent = if call.insecure {
            &self.lax
        } else {
            &self.secure
        };
        let authorization = call
            .authorization
            .map(|value| ("authorization", value.expose()));
        let headers = call.headers.iter().copied().chain(authorization);
        let answer = match call.method {
            Method::Get => with(agent.get(call.url), headers).call(),
            Method::Head => with(agent.head(call.url), headers).call(),
            Method::Delete => with(agent.delete(call.url), headers).call(),
            Method::Patch => with(agent.patch(call.url), headers).send(call.body),
            Method::Put => with(agent.put(call.url), headers).send(call.body),
            Method::Post | Method::Create if call.body.is_empty() => {
                with(agent.post(call.url), headers).send_empty()
            }
            Method::Post | Method::Create => with(agent.post(call.url), headers).send(call.body),
        };
        let mut response = answer.map_err(|error| transport(call.url, &error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.body_mut().with_config().limit(LARGEST);
        let body = body
            .read_to_vec()
            .map_err(|error| transport(call.url, &error))?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

fn with<'a, B>(
    request: ureq::RequestBuilder<B>,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> ureq::RequestBuilder<B> {
    headers.fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

//! Runs programs that transfer over the network, and repeats them after a temporary
//! failure.

use host::process;
use host::process::Invocation;
use host::report::Report;
use registry_compat::Trouble;
use remote::{Failed, Pause, Retries};
use xshell::Shell;

use crate::engine::passing;
use crate::error::Error;

/// Runs a transfer until it succeeds, fails for a permanent reason, or the attempts or
/// the run's budget are used up. Repeating it is safe, because everything that is
/// fetched or pushed is identified by its digest.
///
/// # Errors
/// The last failure, with how often it was tried.
pub fn transfer(
    sh: &Shell,
    retries: &Retries,
    report: &Report,
    invocation: &Invocation,
) -> Result<(), Error> {
    let tries = retries.tries();
    let limit = tries.limit;
    let attempt = || {
        let mut show = |line: &str| report.foreign(line);
        process::run_within(sh, invocation, limit, &mut show)
    };
    // A transfer that stalled is not tried again: it has taken its whole time limit
    // already.
    let class = |error: &host::Error| match error {
        host::Error::Command { code, tail, .. } => passing(*code, tail),
        _ => None,
    };
    let of = tries.attempts;
    let told = |pause: Pause| {
        let Pause {
            trouble,
            attempt,
            wait,
        } = pause;
        let (name, seconds) = (name(trouble), wait.as_secs_f32());
        report.warning(&format!(
            "attempt {attempt} of {of} failed ({name}); the next one in {seconds:.1} s"
        ));
    };
    let outcome = retries.patiently(tries, attempt, class, told);
    outcome.map(drop).map_err(|failed| {
        if process::interrupted() {
            return host::Error::Interrupted.into();
        }
        let trouble = class(&failed.error);
        match (failed, trouble) {
            (
                Failed {
                    error,
                    attempts,
                    spent,
                },
                Some(trouble),
            ) => Error::GaveUp {
                attempts,
                trouble: name(trouble),
                spent,
                last: Box::new(error),
            },
            (failed, None) => failed.error.into(),
        }
    })
}

fn name(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::RateLimited => "too many requests",
        Trouble::Unreachable => "no connection",
        Trouble::ServerError => "trouble of the registry's own",
        Trouble::Denied | Trouble::Configuration | Trouble::Garbled => "an answer",
    }
}

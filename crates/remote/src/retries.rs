//! Trying again: how often, after which pause, and how much of it a whole run
//! may do.
//!
//! A request that fails for a reason that passes is sent again, after a pause
//! that doubles, and of which a part is chance: many clients that one outage has
//! stopped do not come back at the same moment. All who try again in one run
//! share one budget, so that an outage is waited out once and not for each
//! request anew.
//!
//! Source for the pauses: M. Brooker, "Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015 ("equal jitter").

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use registry_compat::Trouble;

use crate::Error;
use crate::wait::nap;

/// How often one request is made, and after which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How often at the most.
    pub attempts: u32,
    /// The longest pause before the second time; it doubles for each later one.
    pub pause: Duration,
    /// How long one attempt may take. Whoever makes the attempt enforces it.
    pub limit: Duration,
}

impl Default for Tries {
    /// Five with 5, 10, 20 and 40 s between them: a registry that is being
    /// restarted is back by then. An hour for one is 2 GB at 5 Mbit/s, and less
    /// than a runner gives a job.
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_secs(5),
            limit: Duration::from_secs(3600),
        }
    }
}

/// What one run may spend on all its repeats together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many.
    pub repeats: u32,
    /// How long all pauses may be together.
    pub pauses: Duration,
}

impl Default for Allowance {
    /// A run makes some thirty requests and three transfers. A registry that is
    /// being restarted is back within minutes; one that is not within ten does
    /// not come back this night, and CI's machines are paid by the minute.
    fn default() -> Self {
        Self {
            repeats: 40,
            pauses: Duration::from_secs(600),
        }
    }
}

/// Waits for a time, or returns why the wait ended early.
pub type Waiter = dyn Fn(Duration) -> Result<(), Error> + Send + Sync;

/// A waiter that sleeps; it ends early when `interrupted` says that the person
/// wants to stop.
pub fn sleeping(interrupted: fn() -> bool) -> Box<Waiter> {
    Box::new(move |time| nap(time, interrupted))
}

/// The budget of a run. Shared by all of its threads.
pub struct Retries {
    state: Mutex<State>,
    tries: Tries,
    waiter: Box<Waiter>,
}

struct State {
    left: Allowance,
    seed: u64,
}

/// The failure that ended it.
#[derive(Debug)]
pub struct Failed<E> {
    /// The last error.
    pub error: E,
    /// How often it was tried.
    pub attempts: u32,
    /// It might have passed, but the run's budget is used up.
    pub spent: bool,
}

/// A failure that may pass, and what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Of what kind it was.
    pub trouble: Trouble,
    /// Which attempt has failed, from 1.
    pub attempt: u32,
    /// What is waited now.
    pub wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self::new(
            Allowance::default(),
            Tries::default(),
            0,
            sleeping(|| false),
        )
    }
}

impl Retries {
    /// A budget, and how often a transfer of an image is tried. The seed decides
    /// which part of each pause is waited.
    pub fn new(allowance: Allowance, tries: Tries, seed: u64, waiter: Box<Waiter>) -> Self {
        let left = allowance;
        Self {
            state: Mutex::new(State { left, seed }),
            tries,
            waiter,
        }
    }

    /// How often a transfer of an image is tried. Requests about images, which
    /// are small, have their own limits.
    pub fn tries(&self) -> Tries {
        self.tries
    }

    /// Does something until it succeeds, its trouble is none that passes, or
    /// attempts or budget are used up. `told` hears of each pause before it
    /// begins.
    ///
    /// # Errors
    /// The last error. An interrupted pause is an end with the error before it;
    /// the caller finds out by itself that the person wants to stop.
    pub fn patiently<T, E>(
        &self,
        tries: Tries,
        mut attempt: impl FnMut() -> Result<T, E>,
        passing: impl Fn(&E) -> Option<Trouble>,
        mut told: impl FnMut(Pause),
    ) -> Result<T, Failed<E>> {
        let mut attempts = 1;
        loop {
            let error = match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let trouble = passing(&error).filter(|_| attempts < tries.attempts);
            let failed = |spent| Failed {
                error,
                attempts,
                spent,
            };
            let Some(trouble) = trouble else {
                return Err(failed(false));
            };
            let Some(wait) = self.take(tries.pause, attempts) else {
                return Err(failed(true));
            };
            told(Pause {
                trouble,
                attempt: attempts,
                wait,
            });
            if (self.waiter)(wait).is_err() {
                return Err(failed(false));
            }
            attempts += 1;
        }
    }

    /// The pause after this attempt, out of the budget.
    fn take(&self, first: Duration, attempt: u32) -> Option<Duration> {
        let mut state = self.state();
        let factor = 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX);
        let whole = first.saturating_mul(factor);
        let wait = whole / 2 + fraction(&mut state.seed, whole / 2);
        let left = Allowance {
            repeats: state.left.repeats.checked_sub(1)?,
            pauses: state.left.pauses.checked_sub(wait)?,
        };
        state.left = left;
        Some(wait)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// A part of a time, by the next number of a row that the seed begins.
/// Source: G. Steele, "Fast splittable pseudorandom number generators", 2014
/// (SplitMix64).
fn fraction(seed: &mut u64, of: Duration) -> Duration {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^= word >> 31;
    of.mul_f64(word as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);
    const TRIES: Tries = Tries {
        attempts: 5,
        pause: SECOND,
        limit: SECOND,
    };

    type Log = Arc<Mutex<Vec<Duration>>>;

    fn watched(allowance: Allowance, seed: u64) -> (Retries, Log) {
        let log = Log::default();
        let waited = Arc::clone(&log);
        let waiter = move |pause| {
            waited.lock().unwrap().push(pause);
            Ok(())
        };
        (Retries::new(allowance, TRIES, seed, Box::new(waiter)), log)
    }

    /// Fails so often, then works.
    fn after(failures: u32) -> impl FnMut() -> Result<u32, Trouble> {
        let mut calls = 0;
        move || {
            calls += 1;
            match calls > failures {
                true => Ok(calls),
                false => Err(Trouble::ServerError),
            }
        }
    }

    fn passes(trouble: &Trouble) -> Option<Trouble> {
        (*trouble != Trouble::Denied).then_some(*trouble)
    }

    #[test]
    fn pauses_double_and_a_part_of_each_is_chance() {
        let (retries, log) = watched(Allowance::default(), 1);
        let mut told = Vec::new();
        let done = retries.patiently(TRIES, after(4), passes, |pause| told.push(pause));
        assert_eq!(done.unwrap(), 5);
        let waited = log.lock().unwrap().clone();
        for (number, wait) in waited.iter().enumerate() {
            let whole = SECOND * (1 << number);
            assert!(*wait >= whole / 2 && *wait <= whole, "{waited:?}");
        }
        assert_eq!(waited.len(), 4);
        assert_eq!(told.len(), 4);
        assert_eq!((told[3].attempt, told[3].wait), (4, waited[3]));
        let (same, others) = (
            watched(Allowance::default(), 1),
            watched(Allowance::default(), 2),
        );
        for (retries, log) in [&same, &others] {
            let _ = retries.patiently(TRIES, after(4), passes, |_| {});
            assert_eq!(*log.lock().unwrap() == waited, Arc::ptr_eq(log, &same.1));
        }
    }

    #[test]
    fn it_ends() {
        let (retries, log) = watched(Allowance::default(), 1);
        let failed = retries.patiently(TRIES, after(9), passes, |_| {});
        let failed = failed.unwrap_err();
        assert_eq!((failed.attempts, failed.spent), (5, false));
        assert_eq!(log.lock().unwrap().len(), 4);
        // What does not pass is tried once.
        let denied = || Err::<(), _>(Trouble::Denied);
        let failed = retries.patiently(TRIES, denied, passes, |_| {});
        assert_eq!(failed.unwrap_err().attempts, 1);
    }

    #[test]
    fn one_budget_for_all() {
        for allowance in [
            Allowance {
                repeats: 6,
                ..Allowance::default()
            },
            Allowance {
                pauses: SECOND * 17,
                ..Allowance::default()
            },
        ] {
            let (retries, log) = watched(allowance, 1);
            assert!(retries.patiently(TRIES, after(4), passes, |_| {}).is_ok());
            let failed = retries.patiently(TRIES, after(4), passes, |_| {});
            let failed = failed.unwrap_err();
            assert!(failed.spent && failed.attempts < 5, "{failed:?}");
            let waited = log.lock().unwrap();
            assert!(waited.iter().sum::<Duration>() <= allowance.pauses);
            assert!(waited.len() <= 6);
        }
    }

    #[test]
    fn a_person_does_not_wait() {
        let waiter = Box::new(|_| Err(Error::Interrupted));
        let retries = Retries::new(Allowance::default(), TRIES, 1, waiter);
        let failed = retries.patiently(TRIES, after(1), passes, |_| {});
        assert_eq!(failed.unwrap_err().attempts, 1);
        assert!(sleeping(|| true)(SECOND * 3600).is_err());
    }
}

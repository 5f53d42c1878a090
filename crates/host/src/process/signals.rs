//! SIGINT and SIGTERM.
//!
//! While a child runs, or something has to be cleaned up, a signal only sets a flag
//! that the code looks at. Everywhere else, such as while a server is waited for, it
//! ends the program at once.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use crate::error::Error;

/// The exit code of [`Error::Interrupted`], for an end without an error.
const CODE: i32 = 130;

#[derive(Default)]
struct Flags {
    /// There was a signal.
    interrupted: Arc<AtomicBool>,
    /// Nothing is lost by an end without a word.
    at_once: Arc<AtomicBool>,
}

fn flags() -> &'static Flags {
    static FLAGS: OnceLock<Flags> = OnceLock::new();
    FLAGS.get_or_init(Flags::default)
}

/// Takes SIGINT and SIGTERM over. To be called once.
///
/// # Errors
/// If the system refuses the handlers.
pub fn catch_signals() -> Result<(), Error> {
    let Flags {
        interrupted,
        at_once,
    } = flags();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, CODE, Arc::clone(at_once))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(interrupted)))
            .map_err(|error| Error::Program {
                program: "signal handler".to_owned(),
                detail: error.to_string(),
            })?;
    }
    at_once.store(true, Ordering::SeqCst);
    Ok(())
}

/// Whether SIGINT or SIGTERM was received.
pub fn interrupted() -> bool {
    flags().interrupted.load(Ordering::SeqCst)
}

/// Runs `work` with signals as a flag that it can look at ([`interrupted`]), since
/// it leaves something that has to be cleaned up.
pub fn minding<T>(work: impl FnOnce() -> T) -> T {
    let was = flags().at_once.swap(false, Ordering::SeqCst);
    let outcome = work();
    flags().at_once.store(was, Ordering::SeqCst);
    outcome
}

/// Runs a clean-up even after Ctrl-C: removing what the task has made. A second
/// Ctrl-C ends the clean-up, too.
pub fn tidying<T>(work: impl FnOnce() -> T) -> T {
    let flag = &flags().interrupted;
    let was = flag.swap(false, Ordering::SeqCst);
    let outcome = work();
    flag.fetch_or(was, Ordering::SeqCst);
    outcome
}

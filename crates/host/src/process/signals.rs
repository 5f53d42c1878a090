//! SIGINT and SIGTERM.
//!
//! Where a child runs, or something has to be put away, they are a flag that is
//! looked at. Everywhere else (while upstream is asked, which can last as long
//! as a server likes) they end the program at once.

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

/// Whether the person, or the runner, wants this program to end.
pub fn interrupted() -> bool {
    flags().interrupted.load(Ordering::SeqCst)
}

/// While `work` is done a signal is a flag: there is something to be put away.
pub fn minding<T>(work: impl FnOnce() -> T) -> T {
    let was = flags().at_once.swap(false, Ordering::SeqCst);
    let outcome = work();
    flags().at_once.store(was, Ordering::SeqCst);
    outcome
}

/// Runs what must be done whatever happened, even after Ctrl-C: removing what
/// the task has made. A second Ctrl-C ends that too.
pub fn tidying<T>(work: impl FnOnce() -> T) -> T {
    let flag = &flags().interrupted;
    let was = flag.swap(false, Ordering::SeqCst);
    let outcome = work();
    flag.fetch_or(was, Ordering::SeqCst);
    outcome
}

//! Sends the same request about many items, a few at a time.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use std::thread;

/// How many requests are under way at once. GitHub asks for fewer than 100;
/// more than a handful gains little.
pub const WORKERS: usize = 8;

/// Asks about every item with up to [`WORKERS`] threads. The answers have the
/// order of the items. `tick` is told how many are done, from any thread.
pub fn parallel<T: Sync, R: Send>(
    items: &[T],
    ask: impl Fn(&T) -> R + Sync,
    tick: impl Fn(usize) + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while let Some(item) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            let answer = (item.0, ask(item.1));
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push(answer);
            drop(answers);
            tick(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(items.len()) {
            scope.spawn(work);
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_the_questions() {
        let items: Vec<usize> = (0..1000).collect();
        let most = AtomicUsize::new(0);
        let answers = parallel(
            &items,
            |n| n * 2,
            |done| {
                most.fetch_max(done, Ordering::Relaxed);
            },
        );
        assert!(answers.iter().enumerate().all(|(n, twice)| n * 2 == *twice));
        assert_eq!(answers.len(), 1000);
        assert_eq!(most.into_inner(), 1000);
        assert!(parallel(&[] as &[u8], |_| (), |_| ()).is_empty());
    }
}

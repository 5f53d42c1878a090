//! A progress bar on a terminal. Elsewhere nothing is drawn: the lines on standard error
//! show how far a task is.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Report;

/// Width of the bar, in characters.
const WIDTH: usize = 24;

/// A bar on standard error. May be moved on from several threads.
#[derive(Debug)]
pub struct Progress<'a> {
    report: &'a Report,
    verb: &'static str,
    total: AtomicUsize,
    done: AtomicUsize,
    /// The part that is shown, in hundredths: it is drawn a hundred times and not a
    /// million. `usize::MAX` if nothing is shown.
    drawn: AtomicUsize,
}

impl<'a> Progress<'a> {
    /// Nothing is drawn yet.
    pub fn new(report: &'a Report, verb: &'static str, total: usize) -> Self {
        Self {
            report,
            verb,
            total: AtomicUsize::new(total),
            done: AtomicUsize::new(0),
            drawn: AtomicUsize::new(usize::MAX),
        }
    }

    /// So many of so many are done.
    pub fn at(&self, done: usize, total: usize) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.redraw();
    }

    /// One more is done. Draws nothing: a line may follow.
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Draws it below a line that was just written.
    pub fn draw(&self) {
        self.drawn.store(usize::MAX, Ordering::Relaxed);
        self.redraw();
    }

    /// Makes room for a line.
    pub fn clear(&self) {
        if self.report.terminal && self.drawn.load(Ordering::Relaxed) != usize::MAX {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[2K");
        }
    }

    fn redraw(&self) {
        if !self.report.terminal {
            return;
        }
        let (done, total) = (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        );
        let hundredths = done * 100 / total.max(1);
        if self.drawn.swap(hundredths, Ordering::Relaxed) != hundredths {
            let line = bar(self.verb, done, total);
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[2K{line}");
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(verb: &str, done: usize, total: usize) -> String {
    let full = (done * WIDTH / total.max(1)).min(WIDTH);
    let mut line = format!("{verb:>12} [");
    let _ = write!(line, "{:=<full$}{:width$}", "", "", width = WIDTH - full);
    let _ = write!(line, "] {done}/{total}");
    line
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_has_one_width() {
        assert_eq!(
            bar("Reading", 0, 4),
            format!("     Reading [{}] 0/4", " ".repeat(24))
        );
        assert_eq!(
            bar("Reading", 1, 4),
            format!("     Reading [{}{}] 1/4", "=".repeat(6), " ".repeat(18))
        );
        assert_eq!(
            bar("Reading", 4, 4),
            format!("     Reading [{}] 4/4", "=".repeat(24))
        );
        assert_eq!(
            bar("Reading", 9, 0),
            format!("     Reading [{}] 9/0", "=".repeat(24))
        );
    }
}

//! How a task ended that ran in the test's own process.
#![allow(dead_code, reason = "test support: each test program uses a part")]

use custom_coreos::error::Error;
use host::Done;
use host::failure::Failure as _;
use host::report::Report;

/// Never in any output.
pub const TOKEN: &str = "ghs_not-to-be-shown";

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What came of it, and what it said.
    pub fn of(report: &Report, done: Result<Done, Error>) -> Self {
        let code = match done {
            Ok(done) => done.code(),
            Err(error) => {
                report.failure(&error);
                error.exit_code()
            }
        };
        let [stdout, stderr] = report.captured();
        for text in [&stdout, &stderr] {
            assert!(!text.contains(TOKEN), "{text}");
        }
        Self {
            code,
            stdout,
            stderr,
        }
    }

    #[track_caller]
    pub fn expect(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "`{text}` is not in:\n{all}");
        self
    }

    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains(text), "`{text}` is in:\n{all}");
        self
    }

    /// Deletes, in order.
    pub fn effects(&self) -> Vec<&str> {
        let lines = self.stdout.lines();
        lines
            .filter(|line| line.starts_with("delete   127."))
            .collect()
    }
}

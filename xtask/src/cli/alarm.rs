//! `alarm`.

use std::str::FromStr;

use clap::Args;
use night::alarm::keep::{Call, JobStatus};

/// `alarm`.
#[derive(Debug, Clone, Args)]
pub struct AlarmArgs {
    /// The job that calls it
    #[arg(long, value_name = "NAME")]
    pub job: JobName,
    /// How that job ended, so far: `${{ job.status }}`
    #[arg(long, value_name = "STATUS")]
    pub status: JobStatus,
    /// Only print what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// The name of a job, as the alarm's issue shows and remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobName(String);

impl JobName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match !text.is_empty() && text.len() <= 100 && text.chars().all(good) {
            true => Ok(Self(text.to_owned())),
            false => Err("letters, digits, `.`, `_` and `-`".to_owned()),
        }
    }
}

impl AlarmArgs {
    /// How a job calls the alarm.
    pub fn call(&self) -> Call<'_> {
        Call {
            job: self.job.as_str(),
            status: self.status,
            dry_run: self.dry_run,
        }
    }
}

//! `retries` in `image.yaml`: how often images are fetched and pushed.

use std::num::{NonZeroU8, NonZeroU16};
use std::time::Duration;

use remote::{Allowance, Tries, Waiter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often and how long a run repeats failed transfers. Small requests about images
/// have a fixed number of attempts, but their pauses count towards the same budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retries {
    /// How often a transfer is tried at the most.
    #[serde(default = "attempts")]
    pub attempts: NonZeroU8,
    /// Seconds of the first pause at the most; it doubles for each later one.
    #[serde(default = "pause_seconds")]
    pub pause_seconds: u16,
    /// Seconds of all pauses of a run together, at the most.
    #[serde(default = "budget_seconds")]
    pub budget_seconds: u16,
    /// Minutes that one transfer may take; then it is ended, and not tried again.
    #[serde(default = "transfer_minutes")]
    pub transfer_minutes: NonZeroU16,
}

fn transfer_minutes() -> NonZeroU16 {
    NonZeroU16::new(seconds(Tries::default().limit) / 60).unwrap_or(NonZeroU16::MIN)
}

fn attempts() -> NonZeroU8 {
    let attempts = Tries::default().attempts;
    u8::try_from(attempts)
        .ok()
        .and_then(NonZeroU8::new)
        .unwrap_or(NonZeroU8::MIN)
}

fn pause_seconds() -> u16 {
    seconds(Tries::default().pause)
}

fn budget_seconds() -> u16 {
    seconds(Allowance::default().pauses)
}

fn seconds(time: Duration) -> u16 {
    u16::try_from(time.as_secs()).unwrap_or(u16::MAX)
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: attempts(),
            pause_seconds: pause_seconds(),
            budget_seconds: budget_seconds(),
            transfer_minutes: transfer_minutes(),
        }
    }
}

impl Retries {
    /// The budget of one run.
    pub fn budget(self, seed: u64, waiter: Box<Waiter>) -> remote::Retries {
        let tries = Tries {
            attempts: u32::from(self.attempts.get()),
            pause: Duration::from_secs(self.pause_seconds.into()),
            limit: Duration::from_secs(u64::from(self.transfer_minutes.get()) * 60),
        };
        let allowance = Allowance {
            pauses: Duration::from_secs(self.budget_seconds.into()),
            ..Allowance::default()
        };
        remote::Retries::new(allowance, tries, seed, waiter)
    }
}

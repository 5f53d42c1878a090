//! The alarm: one issue that says what is wrong with the image's builds, from
//! the first failure to the recovery.

pub mod board;
pub mod classify;
mod issue_text;
pub mod keep;
pub mod plan;
pub mod state_marker;
mod tell;

//! The alarm: one issue that says what is wrong with the image's builds, from
//! the first failure to the recovery.

pub mod cause;
pub mod marker;
pub mod plan;
mod words;

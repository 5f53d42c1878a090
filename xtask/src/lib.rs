//! The tasks of this repository. See ARCHITECTURE.md for the map.

pub mod config;
pub mod env;
pub mod error;
pub mod process;
pub mod report;

//! An installation tried in a virtual machine: what must hold, what asks the
//! guest, and what judges its answer.

pub mod config;
pub mod expect;
pub mod fcos;
pub mod judge;
pub mod probe;
pub mod report;
pub mod switch;

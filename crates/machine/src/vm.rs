//! An installation tried in a virtual machine: what must hold, what asks the
//! guest, and what judges its answer.

pub mod apt;
pub mod attempt;
pub mod bad_nights;
pub mod cached;
pub mod capabilities;
pub mod config;
pub mod console;
pub mod debian;
pub mod expect;
pub mod fcos;
pub mod guest;
pub mod ignition_version;
pub mod judge;
pub mod keep;
pub mod machine;
pub mod mistakes;
pub mod probe;
pub mod reason;
pub mod report;
pub mod run;
pub mod switch;
pub mod switch_plan;
pub mod test_machine;
pub(crate) mod wrong_boot;

//! One module for each task, or family of tasks.

pub mod alarm;
pub mod build;
pub mod butane;
pub mod check;
pub mod cleanup;
pub mod config;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod forecast;
pub mod help;
pub mod ignition;
pub mod keys;
pub mod performed;
pub mod promote;
pub mod publish;
pub mod rehearse;
pub mod resolve;
pub mod status;
pub mod verify;
pub mod versions;
pub mod vm;
pub mod workflow;

//! The machine's configuration: from the Butane sources of the checkout to
//! what an installation reads.

pub mod image_refs;
pub mod lints;
pub mod local;
pub mod secrets;
pub mod sources;
pub mod unit;
pub mod view;

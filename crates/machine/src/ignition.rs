//! The machine's configuration: from the Butane sources of the checkout to
//! what an installation reads.

pub mod diff;
pub mod facts;
pub mod image_refs;
pub mod lints;
pub mod local;
pub mod page;
pub mod secrets;
pub mod site;
pub mod sources;
pub mod unit;
pub mod view;

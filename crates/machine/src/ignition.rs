//! The machine's configuration: from the Butane sources of the checkout to
//! what an installation reads.

pub mod compare;
pub mod diff;
pub mod facts;
pub mod findings;
pub mod image_refs;
pub mod lints;
pub mod local;
pub mod page;
pub mod secrets;
pub mod serve;
pub mod site;
pub mod site_folder;
pub mod sources;
pub mod translate;
pub mod unit;
pub mod view;

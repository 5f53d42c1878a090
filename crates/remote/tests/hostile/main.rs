//! Servers that do not do as they should: every answer of theirs must end in
//! the right one of *present*, *absent* and *unknown*, in bounded time.
//!
//! The rule behind all tables: only the registry's own 404 about the thing
//! itself is *absent*. Whatever a proxy, a token service, a broken line or a
//! lying server does is *unknown*.

mod answers;
mod bodies;
mod budget;
mod credentials;
mod lists;
mod metadata;
mod mirrors;
#[path = "../support/mod.rs"]
mod support;

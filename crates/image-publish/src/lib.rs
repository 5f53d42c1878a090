//! From an image on this machine to the tag that hosts follow.
//!
//! May import: `image-build` and all below it, and `retention` for the names of
//! what lies beside an image.

mod act;
pub mod apply;
mod attach;
mod checks;
mod control;
mod error;
pub mod history;
mod index;
mod index_push;
mod inputs;
pub mod lineage;
mod moving_tag;
mod perform;
pub mod plan;
mod promotion;
mod record;
pub mod sbom;
mod sigstore_bundle;
mod steps;

pub use act::Act;
pub use attach::{LOCK, attach, attached};
pub use checks::{Signature, checks, signature};
pub use control::{Control, control_image};
pub use error::Error;
pub use index::{Index, Piece, arranged};
pub use index_push::{Platform, piece, platforms};
pub use inputs::inputs;
pub use moving_tag::noted;
pub(crate) use moving_tag::{not_overtaken, note, overtaken, still_so};
pub(crate) use perform::perform;
pub use perform::{public_key, secret};
pub use promotion::{Pieces, alone, second};
pub use record::history as read_history;
pub use steps::{
    AUTH, PUSHED, RETRACTED, Seen, UNSIGNED, candidate, filled, free_name, host, host_copy, key,
    promote, push, retracted_tag, rootfs, step,
};
pub(crate) use steps::{attach_step, names};

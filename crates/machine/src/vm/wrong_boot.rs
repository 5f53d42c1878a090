//! Why a boot went wrong, for a person.

use image_build::gather::World;

use crate::vm::run::Booted;

/// How many of the console's last lines are shown when a boot went wrong.
const TAIL: usize = 25;

/// The reason, and what stood on the console at last.
pub(super) fn went_wrong(world: &World<'_>, booted: &Booted) {
    world.report.error(&booted.told());
    world.report.note("  the console's last lines:");
    for line in booted.console.tail(TAIL) {
        world.report.note(&format!("  | {line}"));
    }
}

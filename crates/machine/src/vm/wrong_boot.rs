//! Why a boot went wrong, for a person.

use host::report::Report;
use image_build::gather::World;

use crate::vm::run::Booted;

/// How many of the console's last lines are shown when a boot went wrong.
const TAIL: usize = 25;

/// The reason, and the last lines of the console.
pub(super) fn report_failed_boot(world: &World<'_>, booted: &Booted) {
    world.report.error(&booted.told());
    console(world.report, &booted.console.tail(TAIL));
}

/// The last lines of a console.
pub(crate) fn console(report: &Report, lines: &[String]) {
    report.note("  the console's last lines:");
    for line in lines {
        report.note(&format!("  | {line}"));
    }
}

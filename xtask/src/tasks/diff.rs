//! `diff`: which packages and labels changed between two images.

use host::Done;
use image_build::gather::World;
use image_publish::changes::{changes, row};

use crate::cli::DiffArgs;
use crate::error::Error;

/// Compares two images.
///
/// # Errors
/// If one is not there, or its packages could not be found out.
pub fn run(world: &World<'_>, args: &DiffArgs) -> Result<Done, Error> {
    let changes = changes(world, &args.before, &args.after, args.engine)?;
    let report = world.report;
    let text = changes.markdown();
    if args.markdown {
        for line in text.lines() {
            report.answer(line);
        }
    } else {
        let mut rows = vec![["", "NAME", "BEFORE", "AFTER"].map(str::to_owned).to_vec()];
        for (kind, list) in [
            ("package", &changes.packages),
            ("label", &changes.labels),
            ("content", &changes.content),
        ] {
            rows.extend(list.iter().map(|change| row(kind, change)));
        }
        if rows.len() == 1 {
            report.answer("no package and no label changed");
        } else {
            report.table(&rows);
        }
        report.answer(&changes.cost());
    }
    report.summary(&format!("{text}\n"))?;
    report.document(&changes)?;
    Ok(Done::Success)
}

//! What publications took, from the history beside the image.

use host::Done;
use image_build::gather::World;
use serde::Serialize;

use crate::error::Error;
use crate::history as measured;
use crate::history::{Entry, History};
use crate::record::read_history;

/// How many publications the chart of a run shows.
const CHARTED: usize = 30;

/// The document of `status --history --json`.
#[derive(Serialize)]
struct Document<'a> {
    entries: &'a [Entry],
}

/// `status --history`.
///
/// # Errors
/// If it could not be read.
pub fn run(world: &World<'_>, count: usize) -> Result<Done, Error> {
    let repository = world.config.repository()?;
    let place = repository.tagged(image_config::HISTORY_TAG.parse()?);
    world.report.status("Reading", &place.to_string());
    let history = read_history(world.registries()?, &repository)?;
    let history = history.unwrap_or_default();
    let entries = history.last(count);
    if entries.is_empty() {
        world.report.answer(&format!(
            "no history yet: {place} begins with a publication"
        ));
    } else {
        world.report.table(&measured::table(entries));
        draw(world, entries);
    }
    if let Some(text) = measured::charts(entries) {
        world.report.summary(&text)?;
    }
    world.report.document(&Document { entries })?;
    Ok(Done::Success)
}

/// The oldest on the left.
fn draw(world: &World<'_>, entries: &[Entry]) {
    let unicode = world.env.unicode;
    let bars = |name: &str, number: fn(&Entry) -> f64, unit: &str| {
        let numbers: Vec<f64> = entries.iter().map(number).collect();
        let bars = measured::sparkline(&numbers, unicode);
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(0.0, f64::max);
        vec![
            name.to_owned(),
            bars,
            format!("{least:.1} to {most:.1} {unit}"),
        ]
    };
    let rows = [
        bars("total", |entry| entry.seconds() / 60.0, "min"),
        bars("size", |entry| entry.bytes() as f64 / 1e6, "MB"),
    ];
    world.report.answer("");
    world.report.table(&rows);
}

/// The last publications on the page of the run.
///
/// # Errors
/// If the runner's file cannot be written.
pub(crate) fn chart(world: &World<'_>, history: Option<&History>) -> Result<(), Error> {
    match history.and_then(|history| measured::charts(history.last(CHARTED))) {
        Some(text) => Ok(world.report.summary(&text)?),
        None => Ok(()),
    }
}

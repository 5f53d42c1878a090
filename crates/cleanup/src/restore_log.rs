//! `cleanup restore`: brings back what the log of a clean-up names.

use std::path::Path;

use host::Done;
use host::report::Report;
use image_config::{BackEnd, Package};
use remote::Packages;
use retention::Version;
use serde::Serialize;

use crate::clock;
use crate::error::Error;
use crate::log::{Entry, Log};
use crate::restore::{Line, NOT_OFFERED, Restored, restore_entry};
use crate::source::{Source, Tools};

/// The document of `cleanup restore --json`: one for each package.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Undone {
    package: String,
    lines: Vec<Line>,
}

/// Restores all that can be, and says what could not.
///
/// # Errors
/// If the log cannot be read, or a back end cannot be asked.
pub fn restore_log(report: &Report, tools: &Tools<'_>, path: &Path) -> Result<Done, Error> {
    let log = Log::read(path)?;
    let mut documents = Vec::new();
    for entry in &log.packages {
        let package = Package {
            image: entry.package.clone(),
            back_end: Some(entry.back_end),
        };
        let source = Source::open(tools, &package)?;
        let active = active(&source, entry)?;
        let packages: Option<&Packages> = source.packages();
        let lines = restore_entry(entry, packages, &active, clock::now()?, report)?;
        for line in &lines {
            let text = format!("{}: {}", line.version, line.outcome);
            match &line.outcome {
                Restored::Done => report.status("Restored", &line.version),
                Restored::AlreadyThere => report.status("There", &text),
                Restored::Not(_) => report.error(&text),
            }
        }
        let missing = lines.iter().any(|line| !line.outcome.is_there());
        if missing && entry.back_end != BackEnd::Github {
            report.note(NOT_OFFERED);
        }
        documents.push(Undone {
            package: package.to_string(),
            lines,
        });
    }
    let mut lines = documents.iter().flat_map(|document| &document.lines);
    let all_there = lines.all(|line| line.outcome.is_there());
    report.document(&documents)?;
    Ok(if all_there {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// What is there now, as far as the log speaks of it.
fn active(source: &Source<'_>, entry: &Entry) -> Result<Vec<Version>, Error> {
    if let Some(packages) = source.packages() {
        return Ok(packages.versions()?);
    }
    let mut there = Vec::new();
    for deleted in &entry.deleted {
        if let Some(digest) = deleted.name.digest()
            && source.client.digest(digest.as_str())?.is_some()
        {
            there.push(Version::from_oci(&digest, None, Vec::new()));
        }
    }
    Ok(there)
}

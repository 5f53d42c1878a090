//! `init` and `update`: a repository of one's own.

use host::Done;
use image_build::gather::World;
use scaffold::answers::InitArgs;
use scaffold::init::write;
use scaffold::update::{BESIDE, Verdict, plan};
use serde_json::json;

use crate::cli::UpdateArgs;
use crate::error::Error;

/// `init`.
///
/// # Errors
/// If an answer is missing or invalid, or a file is there already.
pub fn init(world: &World<'_>, args: &InitArgs) -> Result<Done, Error> {
    let report = world.report;
    let files = write(&args.dir, &args.answers(report)?)?;
    report.answer(&format!("{} files in {}", files.len(), args.dir.display()));
    report.note("next: cd there, `git init`, `cargo xtask rehearse`, `cargo xtask keys new`");
    report.note("your shell completes its tasks after `cargo xtask help completions`");
    report.document(&json!({ "dir": args.dir, "files": files }))?;
    Ok(Done::Success)
}

/// `update`.
///
/// # Errors
/// If the repository was not made by `init`, or a file cannot be written.
pub fn update(world: &World<'_>, args: &UpdateArgs) -> Result<Done, Error> {
    let (report, update) = (world.report, plan(&world.env.root)?);
    let changes = update.changes.clone();
    let beside = |verdict| matches!(verdict, Verdict::Conflict | Verdict::Taken);
    if !args.dry_run {
        update.apply()?;
    }
    for change in &changes {
        report.answer(&format!("{}: {}", change.path, change.verdict));
    }
    if changes.is_empty() {
        report.answer("nothing changed");
    } else if args.dry_run {
        report.note("this is what would be done; nothing was written");
    } else if changes.iter().any(|change| beside(change.verdict)) {
        report.note(&format!("ours of what stays yours is in {BESIDE}"));
    }
    report.document(&json!({ "changes": changes }))?;
    Ok(Done::Success)
}

//! `init` and `update`: a repository of one's own.

use clap::Command;
use host::Done;
use host::env::Env;
use host::report::Report;
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
pub fn init(env: &Env, report: &Report, command: &Command, args: &InitArgs) -> Result<Done, Error> {
    // Before anything is written.
    let shell = args.completions.then(|| manual::install::shell_of(env));
    let shell = shell.transpose()?;
    let files = write(&args.dir, &args.answers(report)?)?;
    report.answer(&format!("{} files in {}", files.len(), args.dir.display()));
    report.note("next: cd there, `git init`, `cargo xtask rehearse`, `cargo xtask keys new`");
    let mut document = json!({ "dir": args.dir, "files": files });
    if let Some(shell) = shell {
        let installed = manual::install::of_repository(env, command, &args.dir, shell)?;
        let count = installed.files.len();
        report.status(
            "Installed",
            &format!("completions and man pages, {count} files"),
        );
        for note in &installed.notes {
            report.note(note);
        }
        document["installed"] = json!(installed.files);
    } else {
        report.note("`cargo xtask completions SHELL --install`, once, has bash, zsh or fish complete its tasks");
    }
    report.document(&document)?;
    Ok(Done::Success)
}

/// `update`.
///
/// # Errors
/// If the repository was not made by `init`, or a file cannot be written.
pub fn update(env: &Env, report: &Report, args: &UpdateArgs) -> Result<Done, Error> {
    let update = plan(&env.root)?;
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

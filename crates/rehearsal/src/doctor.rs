//! `doctor`: what is missing on this machine, and what brings it.

use std::path::Path;

use host::Done;
use host::env::Env;
use host::report::Report;

use crate::error::Error;
use crate::requirements;
use crate::requirements::Purpose;

/// Looks at everything that the purposes need, stops at nothing, and prints it, with the
/// package command that brings what is missing for them.
///
/// # Errors
/// If the answer cannot be written.
pub fn run(env: &Env, report: &Report, config: &Path, purposes: &[Purpose]) -> Result<Done, Error> {
    let lines = requirements::look(env, report, config, purposes);
    let mut rows = vec![
        ["STATUS", "WHAT", "FOR", "FOUND"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for line in &lines {
        let verdict = match (line.there, line.ok) {
            (true, _) => "ok",
            (false, true) => "optional",
            (false, false) => "MISSING",
        };
        let purposes = line.needed_for.iter().map(ToString::to_string);
        let purposes = match line.needed_for.len() {
            count if count == Purpose::ALL.len() => "all".to_owned(),
            _ => purposes.collect::<Vec<_>>().join(", "),
        };
        rows.push(vec![
            verdict.into(),
            line.name.clone(),
            purposes,
            line.found.clone(),
        ]);
    }
    report.table(&rows);
    // Advice is sentences: beside the columns it would leave them no room.
    let advice = lines.iter().filter(|line| !line.mend.is_empty());
    let mut commands = Vec::new();
    let advice: Vec<_> = advice
        .map(|line| {
            // Behind the sentence stand commands, which must stay whole to be copied.
            let mut parts = line.mend.lines();
            let sentence = parts.next().unwrap_or_default();
            commands.extend(parts.map(str::to_owned));
            vec![line.name.clone(), sentence.to_owned()]
        })
        .collect();
    if !advice.is_empty() {
        report.answer("");
        report.answer("What to do:");
        report.table(&advice);
        if !commands.is_empty() {
            report.answer("");
        }
        for command in &commands {
            report.answer(command);
        }
    }
    if let Some(command) = requirements::command(env, purposes) {
        let words = purposes.iter().map(|purpose| format!("{purpose} "));
        let words: String = words.collect();
        let what = match lines.iter().all(|line| line.ok) {
            true => "Nothing that is needed is missing. One command brings the rest",
            false => "One command brings what is missing",
        };
        report.answer("");
        report.answer(&format!("{what} (`doctor {words}--install` runs it):"));
        report.answer(&format!("  {command}"));
    }
    report.document(&lines)?;
    let well = lines.iter().all(|line| line.ok);
    Ok(if well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

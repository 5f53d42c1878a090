//! Machines that must fail: with a TPM, disk or config that is not what it should
//! be. Each has to say why it failed.

use std::path::Path;

use host::Done;
use host::env::Stopwatch;
use serde::Serialize;
use serde_json::{Value, json};

use super::expect::{Boot, expectations};
use super::judge::Verdict;
use super::probe;
use super::probe::Afterwards;
use super::reason::Reason;
use super::run::Booted;
use super::test_machine::{DISK, Parts, TestMachine};
use crate::error::Error;

/// Mebibytes of a disk that is too small for any config here.
const SMALL: u64 = 64;

/// The unit that nobody has.
const UNKNOWN: &str = "no-such-unit.service";

/// How one night went.
#[derive(Debug, Serialize)]
struct Night {
    title: &'static str,
    /// It ended as it should.
    well: bool,
    /// The reason that its console gave.
    said: String,
    seconds: f64,
    /// Processes and files that were left behind.
    left: Vec<String>,
}

/// Has them all.
///
/// # Errors
/// If a machine cannot be started. A night that ends otherwise than it should is
/// an answer: [`Done::CheckFailed`].
pub fn run(parts: &Parts<'_>, config: &Value, watch: &Stopwatch) -> Result<Done, Error> {
    let mut nights = Vec::new();
    after_an_installation(parts, config, &mut nights)?;
    nights.push(unknown_unit(parts, config)?);
    nights.push(small_disk(parts, config)?);
    let report = parts.world.report;
    let head = ["", "NIGHT", "SECONDS", "SAID", "LEFT BEHIND"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for night in &nights {
        rows.push(vec![
            if night.well { "ok" } else { "FAIL" }.to_owned(),
            night.title.to_owned(),
            format!("{:.0}", night.seconds),
            night.said.clone(),
            if night.left.is_empty() {
                "nothing".to_owned()
            } else {
                night.left.join(", ")
            },
        ]);
    }
    report.table(&rows);
    let well = nights.iter().all(|night| night.well);
    report.document(&json!({ "well": well, "nights": nights }))?;
    report.status("Took", &format!("{:.0} s", watch.elapsed().as_secs_f64()));
    Ok(if well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// The machine's config, and what has it report and power off.
fn reporting(config: &Value) -> Value {
    let harness = probe::harness(&expectations(config), Afterwards::PowerOff);
    probe::joined(config, &harness)
}

fn night(title: &'static str, booted: &Booted, right: impl Fn(&Reason) -> bool) -> Night {
    let well = booted.reason.as_ref().is_some_and(right);
    Night {
        title,
        well,
        said: booted.told(),
        seconds: booted.seconds,
        left: Vec::new(),
    }
}

/// The two trials that start from a machine that was installed well.
fn after_an_installation(
    parts: &Parts<'_>,
    config: &Value,
    nights: &mut Vec<Night>,
) -> Result<(), Error> {
    let machine = TestMachine::new(parts, &reporting(config), expectations(config), DISK)?;
    parts
        .world
        .report
        .status("Installing", "the machine for two nights");
    let booted = machine.boot(Boot::First, "Boot 1", false)?;
    if machine.judge(Boot::First, &booted, None).1.is_none() {
        return Err(Error::Step {
            step: "first boot".to_owned(),
            detail: booted.told(),
        });
    }
    let title = "the TPM has lost its state";
    parts.world.report.status("Night", title);
    machine.lose_tpm()?;
    let booted = machine.boot(Boot::Second, "Boot 2", false)?;
    nights.push(night(title, &booted, |reason| {
        matches!(reason, Reason::Locked { said: Some(_), .. })
    }));
    let title = "a first boot again, on the used disk";
    parts.world.report.status("Night", title);
    machine.renew_system()?;
    let booted = machine.boot(Boot::First, "Boot 1", false)?;
    nights.push(night(title, &booted, |reason| {
        matches!(reason, Reason::Ignition(_))
    }));
    if let Some(last) = nights.last_mut() {
        end(last, machine);
    }
    Ok(())
}

/// A machine that comes up as if nothing were wrong: systemd passes over a unit
/// that there is not without a word. Its report says so, and is judged.
fn unknown_unit(parts: &Parts<'_>, config: &Value) -> Result<Night, Error> {
    let title = "a unit that there is not";
    parts.world.report.status("Night", title);
    let mut config = config.clone();
    let unit = json!({ "name": UNKNOWN, "enabled": true });
    match config["systemd"]["units"].as_array_mut() {
        Some(units) => units.push(unit),
        None => config["systemd"] = json!({ "units": [unit] }),
    }
    let machine = TestMachine::new(parts, &reporting(&config), expectations(&config), DISK)?;
    let booted = machine.boot(Boot::First, "Boot 1", false)?;
    let (judgement, _) = machine.judge(Boot::First, &booted, None);
    let said: Vec<String> = judgement
        .with(Verdict::Broken)
        .filter(|row| row.subject.contains(UNKNOWN))
        .map(|row| {
            let (what, aspect) = (&row.subject, &row.aspect);
            format!(
                "{what}: {aspect}: expected {}, found {}",
                row.expected, row.found
            )
        })
        .collect();
    let mut night = night(title, &booted, |_| false);
    if !said.is_empty() {
        night.well = true;
        night.said = said.join("; ");
    }
    end(&mut night, machine);
    Ok(night)
}

fn small_disk(parts: &Parts<'_>, config: &Value) -> Result<Night, Error> {
    let title = "a disk that is too small";
    parts.world.report.status("Night", title);
    let machine = TestMachine::new(parts, &reporting(config), expectations(config), SMALL)?;
    let booted = machine.boot(Boot::First, "Boot 1", false)?;
    let mut night = night(title, &booted, |reason| {
        matches!(reason, Reason::Ignition(_))
    });
    end(&mut night, machine);
    Ok(night)
}

/// Removes the machine, and looks whether anything of it is left.
fn end(night: &mut Night, machine: TestMachine<'_>) {
    let folder = machine.folder().to_owned();
    drop(machine);
    night.left = left(&folder);
    night.well &= night.left.is_empty();
}

/// What is left of a machine: its folder, and processes in it.
fn left(folder: &Path) -> Vec<String> {
    let mut left = Vec::new();
    if folder.exists() {
        left.push(folder.display().to_string());
    }
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let lives = std::fs::read_link(entry.path().join("cwd"));
        let lives = lives.is_ok_and(|place| {
            // The kernel says ` (deleted)` of a folder that has gone.
            let place = place.to_string_lossy().into_owned();
            place.trim_end_matches(" (deleted)") == folder.to_string_lossy()
        });
        if lives {
            left.push(format!("process {}", entry.file_name().to_string_lossy()));
        }
    }
    left
}

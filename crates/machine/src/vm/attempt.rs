//! An installation, tried in a virtual machine from its config to the table.

use std::path::PathBuf;

use host::Done;
use host::env::Stopwatch;
use image_build::gather::World;
use registry_compat::ImageRef;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::ignition::sources::translate_all;
use crate::vm::{
    bad_nights, cached, capabilities,
    expect::{Boot, Expectation, expectations},
    fcos,
    guest::{self, NEWEST_SPEC},
    ignition_version::{self, Fit},
    judge::{Judgement, Row, Verdict, judge},
    keep,
    machine::Acceleration,
    mistakes::planted,
    probe::{self, Afterwards},
    report::Findings,
    run::{Booted, Room},
    switch::{Switch, harness},
    switch_plan,
    test_machine::{DISK, Parts, System, TestMachine},
    wrong_boot,
};

/// The system that the config is installed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// A Debian with Ignition, clevis and cryptsetup, made here.
    Debian,
    /// Fedora CoreOS of the stream of image.yaml, downloaded once.
    Fcos,
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Debian => "debian",
            Self::Fcos => "fcos",
        })
    }
}

/// An installation that is to be tried.
#[derive(Debug, Clone)]
pub struct Options {
    /// The config, such as `nas`.
    pub name: String,
    /// What it is installed on; Fedora CoreOS without it, if that was fetched
    /// before.
    pub base: Option<Base>,
    /// Show the console as it boots.
    pub serial: bool,
    /// Leave the machine running, with a way in.
    pub keep: bool,
    /// Emulate the processor even where KVM is usable.
    pub emulate: bool,
    /// Keep the logs of the consoles in this folder.
    pub logs: Option<PathBuf>,
    /// On to this image by `bootc switch`, and back; to the published one without
    /// a name.
    pub switch: Option<Option<ImageRef>>,
    /// Judge against planted mistakes, too.
    pub mistakes: bool,
    /// Try machines that must fail instead, and look whether each says why.
    pub nights: bool,
}

/// The first boot installs; the second one shows that the result lasts.
const BOOTS: usize = 2;

/// Installs, boots twice, judges.
///
/// # Errors
/// If something that it takes is missing or cannot run. A machine that is not
/// what its config says is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, args: &Options) -> Result<Done, Error> {
    capabilities::able(world.env)?;
    let base = args.base.unwrap_or_else(|| base_here(world));
    if args.switch.is_some() && base != Base::Fcos {
        let text = "`--switch` needs `--base fcos`: Debian has no bootc";
        return Err(Error::Usage(text.to_owned()));
    }
    let config = source(world, &args.name, base)?;
    let watch = Stopwatch::start();
    let (acceleration, why) = capabilities::acceleration(args.emulate);
    let how = match (acceleration, why) {
        (Acceleration::Kvm, _) => "with KVM".to_owned(),
        (_, why) => format!(
            "emulated, which takes minutes ({})",
            why.unwrap_or_default()
        ),
    };
    let name = &args.name;
    world
        .report
        .status("Trying", &format!("{name} on {base}, {how}"));
    let system = match base {
        Base::Debian => {
            let room = Room::new(&world.env.root)?;
            let sh = host::process::shell(&world.env.root)?;
            System::Debian(guest::get(world, &sh, &cached::folder(world), room.path())?)
        }
        Base::Fcos => System::Fcos(fcos::get(world)?.1),
    };
    let parts = Parts {
        world,
        system,
        acceleration,
        serial: args.serial,
        logs: args.logs.clone(),
    };
    if args.nights {
        return bad_nights::run(&parts, &config, &watch);
    }
    let expectations = expectations(&config);
    let switch = match &args.switch {
        Some(image) => Some(switch_plan::plan(world, image.as_ref(), &config)?),
        None => None,
    };
    let installed = install(&parts, args, &config, expectations, switch.as_ref())?;
    let mut done = Done::Success;
    tell(world, &installed.judgements);
    let green = installed.judgements.iter().all(Judgement::is_green);
    if !green || installed.judgements.len() < BOOTS {
        done = Done::CheckFailed;
    }
    let switched = match (&switch, &installed.machine) {
        (Some(switch), Some(machine)) if done == Done::Success => {
            switch_plan::perform(world, switch, machine)?
        }
        _ => Vec::new(),
    };
    if !switched.iter().all(Judgement::is_green) {
        done = Done::CheckFailed;
    }
    let mistakes = match (&installed.findings, args.mistakes) {
        (Some(findings), true) => mistakes(world, &config, findings),
        _ => Vec::new(),
    };
    if args.mistakes && (mistakes.is_empty() || mistakes.iter().any(|mistake| !mistake.found)) {
        done = Done::CheckFailed;
    }
    world.report.document(&serde_json::json!({
        "name": name,
        "base": base,
        "acceleration": acceleration,
        "well": done == Done::Success,
        "boots": installed.judgements,
        "switch": switched,
        "mistakes": mistakes,
    }))?;
    let green = if done == Done::Success { "yes" } else { "no" };
    world.report.outputs(&[("green", green.to_owned())])?;
    let boots = installed.judgements.iter().chain(&switched);
    let boots: String = boots
        .map(|judgement| format!("- {}: {}\n", judgement.boot, judgement.summary()))
        .collect();
    world
        .report
        .summary(&format!("## {name} on {base}\n\n{boots}"))?;
    let seconds = watch.elapsed().as_secs_f64();
    world.report.status("Took", &format!("{seconds:.0} s"));
    if let (Some(mut booted), Some(machine)) = (installed.running, installed.machine) {
        keep::leave(world, machine, &mut booted)?;
    }
    Ok(done)
}

/// Fedora CoreOS where its disk was fetched before; else the one that needs no
/// download from Fedora.
fn base_here(world: &World<'_>) -> Base {
    if fcos::is_here(world.env) {
        Base::Fcos
    } else {
        Base::Debian
    }
}

/// The translated config, in the Ignition version that the base understands.
fn source(world: &World<'_>, name: &str, base: Base) -> Result<Value, Error> {
    let wrong = |detail: String| Error::Step {
        step: format!("{name}.bu"),
        detail,
    };
    let machines = translate_all(&world.env.root, world.config, &[name.to_owned()])?;
    let machine = machines
        .first()
        .ok_or_else(|| wrong("there is no such source".to_owned()))?;
    for message in &machine.messages {
        world.report.error(message);
    }
    let text = machine.ignition.as_deref().ok_or_else(|| {
        wrong("it does not translate; `cargo xtask ignition` says why".to_owned())
    })?;
    let mut config: Value =
        serde_json::from_str(text).map_err(|error| wrong(format!("no JSON: {error}")))?;
    if base == Base::Debian
        && let Fit::Lowered(from) =
            ignition_version::fit(&mut config, NEWEST_SPEC).map_err(wrong)?
    {
        let (major, minor) = NEWEST_SPEC;
        world.report.note(&format!(
            "  its version {from} is given as {major}.{minor}.0: nothing newer is in it"
        ));
    }
    Ok(config)
}

/// A machine that was installed, and what was found.
struct Installed<'a> {
    judgements: Vec<Judgement>,
    /// Of the first boot.
    findings: Option<Findings>,
    running: Option<Booted>,
    machine: Option<TestMachine<'a>>,
}

fn install<'a>(
    parts: &'a Parts<'a>,
    args: &Options,
    config: &Value,
    expectations: Vec<Expectation>,
    switch: Option<&Switch>,
) -> Result<Installed<'a>, Error> {
    let afterwards = match (args.keep, switch) {
        (true, _) => Afterwards::StayUp,
        (false, Some(_)) => Afterwards::Switch,
        (false, None) => Afterwards::PowerOff,
    };
    let mut whole = probe::joined(config, &probe::harness(&expectations, afterwards));
    if let Some(switch) = switch {
        whole = probe::joined(&whole, &harness(switch));
    }
    let mut machine = TestMachine::new(parts, &whole, expectations, DISK)?;
    if args.keep {
        let logins = keep::logins(parts.world, &mut machine)?;
        whole = probe::joined(&whole, &logins);
        machine.configure(&whole)?;
    }
    let booted = machine.boot(Boot::First, "Boot 1", false)?;
    let (first, findings) = machine.judge(Boot::First, &booted, None);
    let mut installed = Installed {
        judgements: vec![first],
        findings,
        running: None,
        machine: None,
    };
    if installed.findings.is_none() {
        wrong_boot::report_failed_boot(parts.world, &booted);
        return Ok(installed);
    }
    let booted = machine.boot(Boot::Second, "Boot 2", args.keep)?;
    let earlier = installed.findings.as_ref();
    let (second, findings) = machine.judge(Boot::Second, &booted, earlier);
    installed.judgements.push(second);
    if findings.is_none() {
        wrong_boot::report_failed_boot(parts.world, &booted);
    }
    installed.running = Some(booted);
    installed.machine = Some(machine);
    Ok(installed)
}

/// What was expected, and what each boot has shown of it.
fn tell(world: &World<'_>, judgements: &[Judgement]) {
    let head = ["", "WHAT", "EXPECTED", "FIRST BOOT", "SECOND BOOT"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let all = judgements.iter().flat_map(|judgement| &judgement.rows);
    let mut seen: Vec<&Row> = Vec::new();
    for row in all {
        let same = |other: &&Row| other.subject == row.subject && other.aspect == row.aspect;
        if !seen.iter().any(same) {
            seen.push(row);
        }
    }
    for row in seen {
        let of = |at: usize| {
            let rows = &judgements.get(at)?.rows;
            let same = |other: &&Row| other.subject == row.subject && other.aspect == row.aspect;
            rows.iter().find(same)
        };
        let (first, second) = (of(0), of(1));
        let verdicts = [first, second].map(|row| row.map(|row| row.verdict));
        let verdict = if verdicts.contains(&Some(Verdict::Broken)) {
            "FAIL"
        } else if verdicts.contains(&Some(Verdict::NotJudged)) {
            "?"
        } else {
            "ok"
        };
        let found = |row: Option<&Row>| row.map_or("", |row| row.found.as_str()).to_owned();
        let what = format!("{}: {}", row.subject, row.aspect);
        let mut expected = row.expected.clone();
        if let Some(second) = second.filter(|second| second.expected != row.expected) {
            expected = format!("{expected}, then {}", second.expected);
        }
        let then = match (first, second) {
            (Some(first), Some(second)) if first.found == second.found => "the same".to_owned(),
            _ => found(second),
        };
        rows.push(vec![
            verdict.to_owned(),
            what.trim_end_matches(": ").to_owned(),
            expected,
            found(first),
            then,
        ]);
    }
    world.report.table(&rows);
    for judgement in judgements {
        let name = judgement.boot;
        let text = format!("{name}: {}", judgement.summary());
        world.report.answer(&text);
    }
}

/// How a planted mistake fared.
#[derive(Debug, Serialize)]
struct Fared {
    what: String,
    found: bool,
    /// The rows that do not hold.
    rows: Vec<String>,
}

/// Judges the machine against configs that it was not made from.
fn mistakes(world: &World<'_>, config: &Value, findings: &Findings) -> Vec<Fared> {
    let broken = |config: &Value| -> Vec<String> {
        judge(Boot::First, &expectations(config), findings, None)
            .into_iter()
            .filter(|row| row.verdict == Verdict::Broken)
            .map(|row| format!("{}: {}", row.subject, row.aspect))
            .collect()
    };
    let before = broken(config);
    let mut rows = vec![
        ["", "PLANTED MISTAKE", "JUDGED"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut all = Vec::new();
    for mistake in planted(config) {
        let mut new = broken(&mistake.config);
        new.retain(|row| !before.contains(row));
        let found = !new.is_empty();
        rows.push(vec![
            if found { "found" } else { "MISSED" }.to_owned(),
            mistake.what.clone(),
            new.join(", "),
        ]);
        all.push(Fared {
            what: mistake.what,
            found,
            rows: new,
        });
    }
    world.report.answer("planted mistakes:");
    world.report.table(&rows);
    all
}

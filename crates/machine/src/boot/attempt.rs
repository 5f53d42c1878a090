//! The boots of one image, and what came of them.

use std::path::PathBuf;
use std::time::Duration;

use host::env::Env;
use host::report::Report;
use image_build::engine::Engine;
use jiff::Timestamp;
use serde::Serialize;
use xshell::Shell;

use super::disk::ImageDisk;
use super::questions::{Promises, Use, expectations};
use crate::error::Error;
use crate::vm::capabilities::{acceleration, qemu};
use crate::vm::expect::{Boot, Expectation};
use crate::vm::judge::{Judgement, Row, Verdict};
use crate::vm::machine::{Acceleration, Machine};
use crate::vm::probe;
use crate::vm::report::{Findings, read};
use crate::vm::run::{Booted, End, Room, Watch, boot, limit};

/// The functions of the script that are the image's own; see `probe.sh`.
pub(super) const LIBRARY: &str = include_str!("image.sh");

/// The disk that the pool is made on, and its mebibytes.
const POOL: &str = "pool.img";
const POOL_DISK: u64 = 1024;

/// How an image is booted.
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine that has it.
    pub engine: Engine,
    /// Show the console as it boots.
    pub serial: bool,
    /// Leave the machine running after its last boot, with a way in.
    pub keep: bool,
    /// Emulate the processor even where KVM is usable.
    pub emulate: bool,
    /// Keep the logs of the consoles in this folder.
    pub logs: Option<PathBuf>,
    /// How long one stage of a boot may take.
    pub limit: Option<Duration>,
}

/// What came of it all.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Everything that could be judged holds.
    pub well: bool,
    /// What ran the machines.
    pub acceleration: Acceleration,
    /// Why it was not KVM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulated_because: Option<String>,
    /// The boots, in their order.
    pub boots: Vec<Judgement>,
    /// What the first boot took from the kernel's start to the last unit, in
    /// seconds.
    pub boot_seconds: Option<f64>,
    /// What was in use after it, in mebibytes.
    pub memory_mib: Option<u64>,
    /// The boots that ended early.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended_early: Vec<EarlyEnd>,
    /// Why only the published image was booted, with the next step for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate_not_booted: Option<String>,
    /// QEMU's process, and the folder, of a machine that was left running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<(u32, PathBuf)>,
}

/// A boot that did not come to its report, or not to its end after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlyEnd {
    /// Which.
    pub boot: Boot,
    /// Why, in one line.
    pub why: String,
    /// The console's last lines, as they were printed.
    pub console: Vec<String>,
}

impl EarlyEnd {
    /// Whether a boot ended early; `reported` says whether its report was read.
    fn of(boot: Boot, reported: bool, booted: &Booted) -> Option<Self> {
        let why = match (reported, booted.end) {
            (false, _) => booted.told(),
            (true, End::Off | End::Up) => return None,
            // It has reported, and does not go down: a host would hang at its next
            // update.
            (true, End::Stuck | End::Late(_)) => {
                format!("{boot}, after its report: {}", booted.told())
            }
        };
        Some(Self {
            boot,
            why,
            console: booted.console.tail(TAIL),
        })
    }
}

impl Outcome {
    /// What does not hold, in one line for each boot that has any.
    pub fn failures(&self) -> Vec<String> {
        let mut all = Vec::new();
        for judgement in &self.boots {
            if let Some(why) = &judgement.no_report {
                all.push(format!("{}: {why}", judgement.boot));
            }
            let broken = |row: &&Row| row.verdict == Verdict::Broken;
            for row in judgement.rows.iter().filter(broken) {
                all.push(format!(
                    "{}: {}: {}: expected {}, found {}",
                    judgement.boot, row.subject, row.aspect, row.expected, row.found
                ));
            }
        }
        all.extend(self.ended_early.iter().map(|early| early.why.clone()));
        all.extend(self.candidate_not_booted.clone());
        all
    }
}

/// The last lines of a console that are shown when a boot went wrong.
const TAIL: usize = 12;

/// One image with its disk and what is expected of it.
struct Guest {
    disk: ImageDisk,
    expectations: Vec<Expectation>,
}

struct Boots<'a> {
    env: &'a Env,
    report: &'a Report,
    options: &'a Options,
    sh: Shell,
    room: Room,
    how: Acceleration,
    outcome: Outcome,
}

/// Boots an image twice; and where there is a published one, that one, the
/// candidate and that one again with the same pool.
///
/// # Errors
/// If something that it takes is missing or cannot run. An image that does not
/// come up, or is not what it has promised, is an answer.
pub fn run(
    env: &Env,
    report: &Report,
    options: &Options,
    (image, promises): (&str, &Promises),
    published: Option<&str>,
) -> Result<Outcome, Error> {
    qemu(env)?;
    let (how, why) = acceleration(options.emulate);
    let text = match &why {
        None => "with KVM".to_owned(),
        Some(why) => format!("emulated, which takes minutes ({why})"),
    };
    report.status("Booting", &format!("{image}, {text}"));
    let sh = host::process::shell(&env.root)?;
    let room = Room::new(&env.root)?;
    let mut boots = Boots {
        env,
        report,
        options,
        sh,
        room,
        how,
        outcome: Outcome {
            well: true,
            acceleration: how,
            emulated_because: why,
            boots: Vec::new(),
            boot_seconds: None,
            memory_mib: None,
            ended_early: Vec::new(),
            candidate_not_booted: None,
            running: None,
        },
    };
    let last = match published {
        None => boots.alone(image, promises)?,
        Some(published) => {
            boots.between(published, image, promises)?;
            None
        }
    };
    let mut outcome = boots.outcome;
    if let Some(pid) = last.and_then(|mut booted| booted.leave()) {
        outcome.running = Some((pid, boots.room.stay(pid)?));
    }
    Ok(outcome)
}

impl Boots<'_> {
    fn guest(
        &self,
        folder: &str,
        image: &str,
        promises: &Promises,
        used: Use,
    ) -> Result<Guest, Error> {
        let disk = ImageDisk::make(
            &self.sh,
            self.report,
            self.options.engine,
            image,
            &self.room.path().join(folder),
            self.env.root_user,
        )?;
        let expectations = expectations(promises, used);
        self.lay(&disk, &expectations)?;
        Ok(Guest { disk, expectations })
    }

    fn lay(&self, disk: &ImageDisk, expectations: &[Expectation]) -> Result<(), Error> {
        // So that a boot that hangs still tells by which job.
        let limit = self.options.limit.unwrap_or_else(|| limit(self.how));
        let settle = u32::try_from(limit.as_secs() / 2).unwrap_or(u32::MAX);
        let script = probe::script_with(expectations, LIBRARY, settle);
        disk.lay(&self.sh, &script, self.options.keep)
    }

    /// The first boot makes the pool, the second one finds it.
    fn alone(&mut self, image: &str, promises: &Promises) -> Result<Option<Booted>, Error> {
        let guest = self.guest("candidate", image, promises, Use::Alone)?;
        self.room.empty_disk(POOL, POOL_DISK)?;
        let (booted, findings) = self.boot(&guest, Boot::First, "make", None, false)?;
        let Some(findings) = findings else {
            return Ok(None);
        };
        self.measure(&findings);
        if !self.outcome.well && !self.options.keep {
            return Ok(Some(booted));
        }
        let stays = self.options.keep;
        let (booted, _) = self.boot(&guest, Boot::Second, "again", Some(&findings), stays)?;
        Ok(Some(booted))
    }

    /// The published image makes a pool, the candidate lives with it for two boots,
    /// and the published one must still take it.
    fn between(&mut self, name: &str, image: &str, promises: &Promises) -> Result<(), Error> {
        let published = self.guest("published", name, promises, Use::Published)?;
        let candidate = self.guest("candidate", image, promises, Use::Between)?;
        self.room.empty_disk(POOL, POOL_DISK)?;
        let (_, made) = self.boot(&published, Boot::First, "before", None, false)?;
        let (Some(made), true) = (made, self.outcome.well) else {
            self.outcome.candidate_not_booted = Some(not_the_candidate(name));
            return Ok(());
        };
        candidate.disk.take_pools(&self.sh, &published.disk)?;
        let part = "candidate";
        let (_, lived) = self.boot(&candidate, Boot::Candidate, part, Some(&made), false)?;
        let Some(lived) = lived else {
            return Ok(());
        };
        self.measure(&lived);
        if self.outcome.well {
            self.boot(&candidate, Boot::Second, "again", Some(&lived), false)?;
        }
        // Also where something did not hold: whether it is one that the published
        // image cannot read is the question.
        self.boot(&published, Boot::Published, "back", Some(&lived), false)?;
        Ok(())
    }

    fn measure(&mut self, findings: &Findings) {
        let time = |field: &str| -> Option<u64> { findings.get("time", field)?.parse().ok() };
        self.outcome.boot_seconds = time("boot").map(|us| us as f64 / 1e6);
        self.outcome.memory_mib = time("memory").map(|kib| kib / 1024);
    }

    fn boot(
        &mut self,
        guest: &Guest,
        which: Boot,
        part: &str,
        earlier: Option<&Findings>,
        stays: bool,
    ) -> Result<(Booted, Option<Findings>), Error> {
        let number = self.outcome.boots.len();
        let machine = Machine {
            clock: Some(clock(self.env.now, number)),
            ..guest.disk.machine(self.how, POOL, &arguments(part, stays))
        };
        let name = format!("Boot {}", number + 1);
        self.report.status(&name, &which.to_string());
        let watch = Watch {
            env: self.env,
            report: self.report,
            serial: self.options.serial,
            stays,
            name: &name,
            limit: self.options.limit,
        };
        let booted = boot(&watch, self.room.path(), &machine)?;
        if let Some(folder) = &self.options.logs {
            host::files::make_dir(folder)?;
            let file = folder.join(format!("{:02}-{part}.log", number + 1));
            image_build::inputs::write(&file, booted.console.text())?;
        }
        let found = read(booted.console.text(), &probe::id(&guest.expectations));
        let judgement = Judgement::of(which, &guest.expectations, found.as_ref(), earlier);
        let ended_early = EarlyEnd::of(which, found.is_ok(), &booted);
        self.outcome.well &= judgement.is_green() && ended_early.is_none();
        self.outcome.ended_early.extend(ended_early);
        self.outcome.boots.push(judgement);
        Ok((booted, found.ok()))
    }
}

/// What is said when the published image cannot boot, or cannot make the pool.
fn not_the_candidate(published: &str) -> String {
    format!(
        "this was {published}, the image that hosts follow, and not the candidate, which was not \
         booted; `cargo xtask rollback` lets hosts follow an older image, then try again"
    )
}

/// The words of the kernel's command line that are a boot's own.
fn arguments(part: &str, stays: bool) -> String {
    // Nobody types at a machine that goes down after its report.
    let stay = match stays {
        true => " custom-coreos.stay",
        false => " systemd.getty_auto=no",
    };
    format!("enforcing=0 modprobe.blacklist=kvm_amd,kvm_intel custom-coreos.boot={part}{stay}")
}

/// A minute after ten, some minutes more for each boot: the image's timers of a
/// quarter of an hour or longer do not run in the midst of what is judged.
fn clock(now: Timestamp, number: usize) -> String {
    let day = now.strftime("%Y-%m-%d");
    format!("{day}T10:{:02}:00", 1 + 2 * number.min(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::console::{Console, Stage};

    #[test]
    fn each_boot_has_its_part_and_its_minute() {
        let words = arguments("make", false);
        assert!(words.ends_with(" custom-coreos.boot=make systemd.getty_auto=no"));
        assert!(arguments("again", true).ends_with("=again custom-coreos.stay"));
        let now: Timestamp = "2026-03-04T23:59:59Z".parse().unwrap();
        assert_eq!(clock(now, 0), "2026-03-04T10:01:00");
        assert_eq!(clock(now, 4), "2026-03-04T10:09:00");
    }

    #[test]
    fn what_does_not_hold_is_told_by_boot() {
        let row = |verdict| Row {
            subject: "pool tank".to_owned(),
            aspect: "import".to_owned(),
            expected: "imported".to_owned(),
            found: "unsupported features: com.example:f".to_owned(),
            verdict,
        };
        let outcome = Outcome {
            well: false,
            acceleration: Acceleration::Kvm,
            emulated_because: None,
            boots: vec![
                Judgement {
                    boot: Boot::Published,
                    no_report: None,
                    rows: vec![row(Verdict::Broken), row(Verdict::Holds)],
                },
                Judgement {
                    boot: Boot::Second,
                    no_report: Some("nothing came".to_owned()),
                    rows: Vec::new(),
                },
            ],
            boot_seconds: None,
            memory_mib: None,
            ended_early: vec![EarlyEnd {
                boot: Boot::Second,
                why: "the kernel gave up".to_owned(),
                console: vec!["a line".to_owned()],
            }],
            candidate_not_booted: Some(not_the_candidate("ghcr.io/x/y:stable")),
            running: None,
        };
        assert_eq!(
            outcome.failures(),
            [
                "the published image again: pool tank: import: expected imported, found \
                 unsupported features: com.example:f",
                "second boot: nothing came",
                "the kernel gave up",
                "this was ghcr.io/x/y:stable, the image that hosts follow, and not the candidate, \
                 which was not booted; `cargo xtask rollback` lets hosts follow an older image, \
                 then try again",
            ]
        );
        let document = serde_json::to_value(&outcome).unwrap();
        assert_eq!(
            document["ended-early"],
            serde_json::json!([{
                "boot": "second", "why": "the kernel gave up", "console": ["a line"],
            }])
        );
    }

    #[test]
    fn a_machine_that_does_not_go_down_after_its_report_is_not_well() {
        let log = "Linux version 6.12\ncustom-coreos-vm end x\nA stop job is running\n";
        let early = |reported, end| {
            let booted = Booted::of(Console::of(log.as_bytes()), end);
            EarlyEnd::of(Boot::First, reported, &booted)
        };
        let hangs = early(true, End::Late(Stage::Down)).unwrap();
        let why = "first boot, after its report: no end of the stage `it goes down` within its \
                   limit; ";
        assert!(hangs.why.starts_with(why), "{}", hangs.why);
        assert_eq!(hangs.console.last().unwrap(), "A stop job is running");
        assert_eq!(early(true, End::Off), None);
        assert_eq!(early(true, End::Up), None);
        // Off, and nobody knows what it was like.
        let silent = early(false, End::Off).unwrap();
        assert!(!silent.why.contains("after its report"), "{}", silent.why);
    }
}

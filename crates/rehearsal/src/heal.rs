//! `rehearse --heal`: a host that updates itself, in a virtual machine, over many
//! boots. bootc is a stand-in that records; what is wrong with an image is planted
//! by its digest; the service that judges, the module and the pool are real.

use std::time::Duration;

use host::Done;
use host::env::Stopwatch;
use host::files::make_dir;
use image_build::inputs::write;
use machine::boot::disk::ImageDisk;
use machine::vm::capabilities::{acceleration, qemu};
use machine::vm::machine::Machine;
use machine::vm::run::{Room, Watch, boot};

use crate::error::Error;
use crate::testbed::{HEALTHY, Testbed};

const BOOTC: &str = include_str!("assets/heal/bootc");
const FAULTS: &str = include_str!("assets/heal/faults");
const DRIVER: &str = include_str!("assets/heal/driver");
const CONTAINERFILE: &str = include_str!("assets/heal/Containerfile");

/// What the host is offered and updated to, one after the other.
const STEPS: &str = "update sha256:good\n\
    update sha256:bad-module\n\
    offer sha256:bad-module\n\
    offer sha256:other\n\
    update sha256:bad-pool\n\
    stuck sha256:bad-unit\n\
    again\n";

/// The disk of the pool.
const POOL: &str = "pool.img";

/// What the host and its driver have said.
const TRANSCRIPT: &str = "/var/lib/stand-in-bootc/transcript";

/// What bootc was told.
const TOLD: &str = "/var/lib/stand-in-bootc/told";

/// All of it: one rollback for each bad image, and none twice.
const ROLLBACKS: &str = "rollback from sha256:bad-module\n\
    rollback from sha256:bad-pool\n\
    rollback from sha256:bad-unit, which fails\n";

/// What must be said, in this order; between these texts may be any.
const WANTED: [(&str, &[&str]); 10] = [
    ("the first image is well", &["sha256:first is well."]),
    ("a good update is well", &["sha256:good is well."]),
    (
        "a module that does not load leads back",
        &[
            "sha256:bad-module is not well",
            "the ZFS module is not loaded",
            "Going back to sha256:good, and rebooting.",
        ],
    ),
    (
        "the host says why it went back",
        &[
            "This host went back from sha256:bad-module to sha256:good",
            "not be updated to sha256:bad-module again",
            "sha256:good is well.",
        ],
    ),
    (
        "the same image is refused",
        &[
            "-- offered sha256:bad-module",
            "No update to sha256:bad-module",
        ],
    ),
    (
        "another one is not",
        &["-- offered sha256:other", "it may be updated"],
    ),
    (
        "a missing pool leads back",
        &[
            "sha256:bad-pool is not well",
            "the pool tank was imported before and is not now",
            "Going back to sha256:good",
        ],
    ),
    (
        "and is there again",
        &[
            "This host went back from sha256:bad-pool",
            "sha256:good is well.",
        ],
    ),
    (
        "a unit that fails is found, and a rollback that fails leaves the host",
        &[
            "nightly-check.service has failed, and did not before",
            "bootc rollback failed, so this host stays",
        ],
    ),
    (
        "never twice",
        &["has gone back from this image, or has tried to; it does so once"],
    ),
];

/// Builds an image, and lets a host of it live.
///
/// # Errors
/// If something that it takes is missing or cannot run. A host that does otherwise
/// than it should is an answer: [`Done::CheckFailed`].
pub(crate) fn rehearse(testbed: &Testbed<'_>, watch: &Stopwatch) -> Result<Done, Error> {
    let (env, report) = (testbed.world.env, testbed.world.report);
    qemu(env)?;
    let services = testbed.start_services()?;
    testbed.build(&services, &testbed.images.kmods, HEALTHY)?;
    let name = host_image(testbed, HEALTHY)?;
    let room = Room::new(&env.root)?;
    let folder = room.path().join("host");
    let disk = ImageDisk::make(
        &testbed.sh,
        report,
        testbed.engine,
        &name,
        &folder,
        env.root_user,
    )?;
    room.empty_disk(POOL, 1024)?;
    let machine = Machine {
        reboots: true,
        ..disk.machine(acceleration(false).0, POOL, "systemd.getty_auto=no")
    };
    report.status("Host", "updates itself, boot after boot");
    let booted = boot(
        &Watch {
            env,
            report,
            serial: false,
            stays: false,
            name: "Host",
            limit: Some(Duration::from_secs(120)),
        },
        room.path(),
        &machine,
    )?;
    let logs = testbed.scratch.join("consoles");
    make_dir(&logs)?;
    write(&logs.join("host.log"), booted.console.text())?;
    let transcript = disk.read(&testbed.sh, TRANSCRIPT)?;
    write(&logs.join("host.transcript"), &transcript)?;
    let mut rows = judged(&transcript);
    rows.push(rolled_back(&disk.read(&testbed.sh, TOLD)?));
    let mut table = vec![["", "HOST", "SAID"].map(str::to_owned).to_vec()];
    for (title, wrong) in &rows {
        let word = if wrong.is_none() { "ok" } else { "FAIL" };
        let cells = [word, title, wrong.as_deref().unwrap_or_default()];
        table.push(cells.map(str::to_owned).to_vec());
    }
    report.table(&table);
    let well = rows.iter().all(|(_, wrong)| wrong.is_none());
    if !well {
        for line in transcript.lines() {
            report.note(&format!("  | {line}"));
        }
    }
    report.document(&serde_json::json!({ "well": well, "host": table }))?;
    report.status("Took", &format!("{:.0} s", watch.elapsed().as_secs_f64()));
    Ok(if well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// The image of the host: the given one with the stand-in for bootc, the faults and
/// the driver.
fn host_image(testbed: &Testbed<'_>, image: &str) -> Result<String, Error> {
    let folder = testbed.scratch.join("heal");
    make_dir(&folder)?;
    for (name, text) in [
        ("bootc", BOOTC),
        ("faults", FAULTS),
        ("driver", DRIVER),
        ("steps", STEPS),
    ] {
        write(&folder.join(name), text)?;
    }
    testbed.derived("host", (image, CONTAINERFILE), &folder)
}

/// What is wrong with each row, if anything: its texts must come in order.
fn judged(transcript: &str) -> Vec<(&'static str, Option<String>)> {
    let mut rest = transcript;
    WANTED
        .iter()
        .map(|(title, texts)| {
            for text in *texts {
                match rest.split_once(text) {
                    Some((_, after)) => rest = after,
                    None => return (*title, Some(format!("nowhere in what it said: {text}"))),
                }
            }
            (*title, None)
        })
        .collect()
}

/// The row of what bootc itself was told.
fn rolled_back(told: &str) -> (&'static str, Option<String>) {
    let wrong = (told != ROLLBACKS).then(|| format!("bootc was told: {}", host::one_line(told)));
    ("bootc is told once for each bad image", wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_be_said_in_order() {
        let whole: String = WANTED
            .iter()
            .flat_map(|(_, texts)| texts.iter())
            .map(|text| format!("{text}\n"))
            .collect();
        assert!(judged(&whole).iter().all(|(_, missing)| missing.is_none()));
        let without = whole.replace("it may be updated", "");
        let missing: Vec<&str> = judged(&without)
            .into_iter()
            .filter_map(|(title, missing)| missing.map(|_| title))
            .collect();
        assert_eq!(missing, ["another one is not"]);
        assert!(judged("").iter().all(|(_, missing)| missing.is_some()));
    }

    #[test]
    fn a_rollback_too_many_or_too_few_is_seen() {
        assert_eq!(rolled_back(ROLLBACKS).1, None);
        let (first, rest) = ROLLBACKS.split_once('\n').unwrap();
        for told in [
            "",
            rest,
            &format!("{first}\n{ROLLBACKS}"),
            &format!("{ROLLBACKS}{first}\n"),
        ] {
            assert!(rolled_back(told).1.is_some(), "{told}");
        }
    }
}

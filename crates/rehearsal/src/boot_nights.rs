//! `rehearse --boot`: the main job with stand-ins that boot, its gate, and images
//! with planted faults, each of which a boot must find.
//!
//! Two machines are at work at a time: the nights, one after the other, since they
//! share a tag; and beside them the other images. A third one mostly waits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host::Done;
use host::env::Stopwatch;
use host::process;
use host::process::{Capture, Invocation};
use image_build::inputs::write;
use image_config::{Boot, Config, Gate};
use serde_json::Value;
use xshell::Shell;

use crate::error::Error;
use crate::scenarios::GOOD;
use crate::testbed::{HEALTHY, Testbed};

/// The image that all is well with, but with the older ZFS.
const OLDER: &str = "localhost/custom-coreos-rehearsal/older:latest";

/// Enables on the pool what the older ZFS does not know: the accident that no
/// rollback undoes.
const UPGRADE: &str = "[Unit]\nDescription=Upgrade of the pool\nAfter=zfs-import.target\n\n\
    [Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=/bin/sh -c 'zpool list tank || exit 0; zpool set compatibility=off tank; \
    zpool upgrade tank'\n\n[Install]\nWantedBy=multi-user.target\n";

/// An image with faults, and what a boot must say of them.
struct Planted {
    title: &'static str,
    /// What a Containerfile does to the good image.
    steps: &'static str,
    /// Its machine does not come far, and is waited for.
    waits: bool,
    /// Texts that the answer must have: a subject with its aspect for a row that does
    /// not hold, or a piece of the reason.
    found: &'static [&'static str],
}

const PLANTED: [Planted; 4] = [
    Planted {
        title: "five faults: no autoload, tools of another ZFS, a unit that fails, a timer that \
                is never due, snapshots that delete too much",
        steps: r#"RUN rm /usr/lib/modules-load.d/zfs.conf /usr/lib/systemd/system/zfs-load-module.service
RUN mv /usr/sbin/zfs /usr/sbin/zfs.whole && printf '#!/bin/sh\n[ "$1" != version ] || { echo zfs-2.2.0-1; exit; }\nexec /usr/sbin/zfs.whole "$@"\n' >/usr/sbin/zfs && chmod 755 /usr/sbin/zfs
RUN printf '[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/planted.service && systemctl enable planted.service
RUN printf '[Timer]\nOnUnitInactiveSec=8h\n[Install]\nWantedBy=timers.target\n' >/usr/lib/systemd/system/bootc-fetch-apply-updates.timer
RUN printf '#!/bin/sh\nset=${1#*:}\nfor name in $(zfs list -H -t snapshot -o name "$set"); do zfs destroy "$name"; done\nzfs snapshot "$set@custom-coreos-${1%%:*}-$(date --utc +%%Y%%m%%dT%%H%%M%%SZ)"\n' >/usr/libexec/custom-coreos/zfs-snapshot
"#,
        waits: false,
        found: &[
            "kernel: module zfs",
            "kernel: tools of ZFS",
            "planted.service",
            "timer bootc-fetch-apply-updates.timer: next run",
            "pool tank: daily snapshots",
        ],
    },
    Planted {
        title: "the module is for another kernel",
        steps: "RUN cd /usr/lib/modules/*/extra/zfs && LC_ALL=C sed -i \
                's/\\([0-9]\\)-200[.]fc44/\\1-201.fc44/' zfs.ko\n",
        waits: false,
        found: &["kernel: module zfs", "not loaded at boot"],
    },
    Planted {
        title: "the kernel gives up",
        steps: "RUN ln -sf /usr/bin/false /usr/sbin/init\n",
        waits: true,
        found: &["the kernel gave up", "Attempted to kill init"],
    },
    Planted {
        title: "the boot hangs",
        steps: r"RUN printf '[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=sysinit.target\n' >/usr/lib/systemd/system/hangs.service && systemctl enable hangs.service
",
        waits: true,
        found: &["no end of the stage `the system starts`"],
    },
];

/// How long a stage may take of a boot that does not come far, in seconds: the kernel
/// takes a few, beside two other machines.
const WAIT: u32 = 60;

/// One line of the table.
struct Row {
    well: bool,
    title: String,
    code: Option<i32>,
    wanted: i32,
    seconds: f64,
    said: String,
}

/// Builds, publishes and boots.
///
/// # Errors
/// If something that it takes is missing or cannot run. What ends otherwise than it
/// should is an answer: [`Done::CheckFailed`].
pub(crate) fn rehearse(testbed: &Testbed<'_>, watch: &Stopwatch) -> Result<Done, Error> {
    let services = testbed.start_services()?;
    let older = testbed
        .images
        .older_kmods
        .as_deref()
        .ok_or_else(|| Error::Usage("the stand-ins were made without what boots".to_owned()))?;
    let metadata = services.metadata();
    testbed.build(&services, older, OLDER)?;
    testbed.build(&services, &testbed.images.kmods, HEALTHY)?;
    let (waiting, working) = jobs(testbed)?;
    let made = watch.elapsed();
    let lane = Lane {
        sh: testbed.sh.clone(),
        exe: testbed.world.env.exe.display().to_string(),
        engine: format!("--engine={}", testbed.engine),
        logs: testbed.scratch.join("consoles"),
    };
    let (second, third) = (lane.clone(), lane.clone());
    let (waiting, working) = (Mutex::new(waiting), Mutex::new(working));
    let (nights, lanes) = std::thread::scope(|scope| {
        let (waiting, working) = (&waiting, &working);
        let second = scope.spawn(move || second.boots(working));
        let third = scope.spawn(move || third.boots(waiting));
        let nights = nights(testbed, &metadata, older, &services.kmods);
        // What is left of the others.
        let first = lane.boots(working);
        (nights, [Ok(first), second.join(), third.join()])
    });
    let mut rows = nights?;
    let mut boots = Vec::new();
    for lane in lanes {
        boots.extend(
            lane.map_err(|_| Error::Usage("a thread that boots images ended early".to_owned()))??,
        );
    }
    boots.sort_by_key(|(number, _)| *number);
    rows.extend(boots.into_iter().map(|(_, row)| row));
    tell(testbed, &rows, watch, made)
}

/// Boots that are still to be made.
type Jobs = Mutex<VecDeque<Job>>;

/// One of them.
struct Job {
    /// Its place in the table.
    number: usize,
    image: String,
    /// What is wrong with it; nothing with the good one, which goes there and back.
    planted: Option<&'static Planted>,
}

/// All of them: those whose machines mostly wait, and the others, the longest first.
fn jobs(testbed: &Testbed<'_>) -> Result<(VecDeque<Job>, VecDeque<Job>), Error> {
    let context = testbed.scratch.join("consoles");
    let mut jobs = vec![Job {
        number: 0,
        image: HEALTHY.to_owned(),
        planted: None,
    }];
    for (number, planted) in PLANTED.iter().enumerate() {
        let name = format!("planted-{number}");
        jobs.push(Job {
            number: number + 1,
            image: testbed.derived(&name, (HEALTHY, planted.steps), &context)?,
            planted: Some(planted),
        });
    }
    let waits = |job: &Job| job.planted.is_some_and(|planted| planted.waits);
    Ok(jobs.into_iter().partition(waits))
}

/// The nights: published under the older ZFS; then an update that upgrades the pool,
/// which must not be published.
fn nights(
    testbed: &Testbed<'_>,
    metadata: &str,
    older: &str,
    kmods: &registry_compat::ImageRef,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let required = |config: &mut Config| {
        config.boot = Boot {
            gate: Gate::Required,
            ..Boot::default()
        };
    };
    let words = ["build", "--publish", "--force=rehearsal"];
    testbed.push(older, kmods)?;
    let watch = Stopwatch::start();
    let code = testbed.run_in(&GOOD, metadata, &words, required)?;
    let published = testbed.tag_now()?;
    rows.push(Row {
        well: code == Some(0) && published.is_some(),
        title: "publish, with its boots".to_owned(),
        code,
        wanted: 0,
        seconds: watch.elapsed().as_secs_f64(),
        said: match &published {
            Some(_) => "published".to_owned(),
            None => "not published".to_owned(),
        },
    });
    let unit = "containerfiles/custom-coreos/rootfs/usr/lib/systemd/system/pool-upgrade.service";
    let place = testbed.sh.current_dir().join(unit);
    write(&place, UPGRADE)?;
    testbed.push(&testbed.images.kmods, kmods)?;
    let watch = Stopwatch::start();
    let (code, said) = testbed.run_and_listen(&GOOD, metadata, &words, |config| {
        required(config);
        enable(config, "pool-upgrade.service");
    })?;
    let wrong = if published.is_none() {
        Some("there was no published image to go back to".to_owned())
    } else if testbed.tag_now()? != published {
        Some("the tag moved, and should not have".to_owned())
    } else {
        not_refused(&said)
    };
    rows.push(Row {
        well: code == Some(1) && wrong.is_none(),
        title: "an update after which the pool cannot go back".to_owned(),
        code,
        wanted: 1,
        seconds: watch.elapsed().as_secs_f64(),
        said: wrong.unwrap_or_else(|| format!("the tag has not moved: {FEATURE}")),
    });
    Ok(rows)
}

/// A feature that the newer ZFS enables and the older one does not know.
const FEATURE: &str = "com.klarasystems:vdev_zaps_v2";

/// What the error lacks of an update that the boot refuses for its pool, if anything.
fn not_refused(said: &[String]) -> Option<String> {
    let error = said.iter().find_map(|line| line.strip_prefix("error: "));
    let error = error.unwrap_or_default();
    let (_, name) = FEATURE.split_once(':').unwrap_or_default();
    let Some((enabled, back)) = error
        .strip_prefix("boot: ")
        .and_then(|why| why.split_once("the published image again: "))
    else {
        return Some(format!("not refused by its boot: {error}"));
    };
    let named = enabled.contains("found enabled ") && enabled.contains(name);
    if named && back.contains(&format!("unsupported features: {FEATURE}")) {
        return None;
    }
    Some(format!("{FEATURE} is not named: {error}"))
}

/// One unit more; the list is one that is read.
fn enable(config: &mut Config, unit: &str) {
    let mut units = serde_json::to_value(&config.units).unwrap_or_default();
    if let Some(list) = units["enable"].as_array_mut() {
        list.push(Value::from(unit));
    }
    if let Ok(units) = serde_json::from_value(units) {
        config.units = units;
    }
}

/// Boots, one after the other.
#[derive(Clone)]
struct Lane {
    sh: Shell,
    exe: String,
    engine: String,
    logs: PathBuf,
}

impl Lane {
    /// Takes one after the other, until none is left.
    fn boots(&self, jobs: &Jobs) -> Result<Vec<(usize, Row)>, Error> {
        let next = || {
            jobs.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        let mut rows = Vec::new();
        while let Some(job) = next() {
            let row = match job.planted {
                Some(planted) => self.with_faults(planted, &job.image)?,
                None => self.there_and_back(&job.image)?,
            };
            rows.push((job.number, row));
        }
        Ok(rows)
    }

    fn with_faults(&self, planted: &Planted, image: &str) -> Result<Row, Error> {
        let limit = planted.waits.then(|| format!("--limit={WAIT}"));
        let options: Vec<&str> = limit.as_deref().into_iter().collect();
        let (code, answer, seconds) = self.boot(image, &options, planted.title)?;
        let all = failures(&answer).join("; ");
        let mut missing = planted.found.to_vec();
        missing.retain(|text| !all.contains(text));
        Ok(Row {
            well: code == Some(1) && missing.is_empty(),
            title: planted.title.to_owned(),
            code,
            wanted: 1,
            seconds,
            said: if missing.is_empty() {
                format!("{} found", planted.found.len())
            } else {
                format!("MISSED {} in: {all}", missing.join(", "))
            },
        })
    }

    fn there_and_back(&self, image: &str) -> Result<Row, Error> {
        let title = "there and back with the older ZFS";
        let with = format!("--with={OLDER}");
        let (code, answer, seconds) = self.boot(image, &[&with], title)?;
        Ok(Row {
            well: code == Some(0),
            title: title.to_owned(),
            code,
            wanted: 0,
            seconds,
            said: failures(&answer).join("; "),
        })
    }

    fn boot(
        &self,
        image: &str,
        options: &[&str],
        title: &str,
    ) -> Result<(Option<i32>, Value, f64), Error> {
        let logs = self
            .logs
            .join(title.replace(' ', "-").replace(['/', ':', ','], ""));
        let logs = format!("--logs={}", logs.display());
        let mut words = vec!["boot", image, "--json", &self.engine, &logs];
        words.extend(options);
        let watch = Stopwatch::start();
        let invocation = Invocation::new(&self.exe, words);
        let done = process::run(&self.sh, &invocation, Capture::StdoutAnyStatus, &mut |_| {})?;
        let answer = serde_json::from_str(&done.stdout).unwrap_or_default();
        Ok((done.code, answer, watch.elapsed().as_secs_f64()))
    }
}

/// What does not hold, from the document of `boot --json`.
pub(crate) fn failures(answer: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for boot in list(&answer["outcome"]["boots"]) {
        for row in list(&boot["rows"]) {
            if row["verdict"] == "broken" {
                let [subject, aspect, found] =
                    ["subject", "aspect", "found"].map(|key| text(&row, key));
                all.push(format!("{subject}: {aspect}: {found}"));
            }
        }
    }
    let early = list(&answer["outcome"]["ended-early"]);
    all.extend(early.iter().map(|early| text(early, "why")));
    all
}

fn tell(
    testbed: &Testbed<'_>,
    rows: &[Row],
    watch: &Stopwatch,
    made: Duration,
) -> Result<Done, Error> {
    let mut table = vec![
        ["", "WHAT", "EXIT", "WANTED", "SECONDS", "SAID"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in rows {
        table.push(vec![
            if row.well { "ok" } else { "FAIL" }.to_owned(),
            row.title.clone(),
            row.code
                .map_or_else(|| "signal".to_owned(), |code| code.to_string()),
            row.wanted.to_string(),
            format!("{:.0}", row.seconds),
            row.said.clone(),
        ]);
    }
    let report = testbed.world.report;
    report.table(&table);
    let well = rows.iter().all(|row| row.well);
    report.document(&serde_json::json!({ "well": well, "boots": table }))?;
    report.status(
        "Took",
        &format!(
            "{:.0} s, {:.0} s of it for the stand-ins and the images",
            watch.elapsed().as_secs_f64(),
            made.as_secs_f64()
        ),
    );
    Ok(if well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_hold_is_read_from_the_document() {
        let row = |verdict: &str| json!({ "subject": "kernel", "aspect": "module zfs", "found": "x", "verdict": verdict });
        let answer = json!({ "outcome": {
            "boots": [{ "rows": [row("holds"), row("broken")] }, { "rows": [] }],
            "ended-early": [{ "why": "the kernel gave up: x", "console": ["a line"] }],
        } });
        let found = ["kernel: module zfs: x", "the kernel gave up: x"];
        assert_eq!(failures(&answer), found);
        assert!(failures(&Value::Null).is_empty());
    }

    #[test]
    fn an_update_is_refused_for_its_pool_and_for_nothing_else() {
        let said = |error: &str| vec!["        Step boot".to_owned(), error.to_owned()];
        let whole = "error: boot: the candidate, with the published image's pool: pool tank: \
                     features: expected no new one, found enabled blake3, vdev_zaps_v2; the \
                     published image again: pool tank: import: expected imported, found \
                     unsupported features: com.klarasystems:vdev_zaps_v2";
        assert_eq!(not_refused(&said(whole)), None);
        for (part, other) in [
            ("error: boot: ", "error: host: "),
            ("error: ", "warning: "),
            ("blake3, vdev_zaps_v2", "blake3"),
            (
                "features: com.klarasystems:vdev_zaps_v2",
                "features: org.example:other",
            ),
            ("the published image again: ", ""),
        ] {
            let text = whole.replacen(part, other, 1);
            assert_ne!(text, whole);
            assert!(not_refused(&said(&text)).is_some(), "{text}");
        }
        assert!(not_refused(&[]).is_some());
    }

    #[test]
    fn every_planted_fault_has_something_that_must_be_found() {
        assert!(PLANTED.iter().all(|planted| !planted.found.is_empty()));
    }
}

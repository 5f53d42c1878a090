//! Consoles that were recorded, judged again: of the Debian guest's two boots
//! with `ignition/examples/vm.bu`, from the report on, as `cargo xtask vm --logs
//! DIR` writes them. What is asked of a guest has a name that is in them; when
//! that changes, this test says how to record them anew.

use machine::vm::{
    expect::{Boot, Expectation, expectations},
    judge::{Judgement, Verdict},
    probe,
    report::{Findings, NoReport, read},
};
use serde_json::Value;

const CONFIG: &str = include_str!("config.ign");
const FIRST: &str = include_str!("first.log");
const SECOND: &str = include_str!("second.log");

fn wanted() -> Vec<Expectation> {
    let config: Value = serde_json::from_str(CONFIG).expect("a config");
    expectations(&config)
}

fn findings(console: &str) -> Findings {
    let id = probe::id(&wanted());
    read(console, &id).unwrap_or_else(|error| {
        panic!(
            "{error}. If other things are asked now: run `cargo xtask vm --logs DIR`, take \
             target/ignition/examples/vm.ign, and of both logs the report with some lines before it"
        )
    })
}

/// `SUBJECT: ASPECT` of what does not hold.
fn broken(boot: Boot, found: &Findings, earlier: Option<&Findings>) -> Vec<String> {
    let judgement = Judgement::of(boot, &wanted(), Ok(found), earlier);
    let rows = judgement.with(Verdict::Broken);
    rows.map(|row| format!("{}: {}", row.subject, row.aspect))
        .collect()
}

#[test]
fn both_boots_are_green() {
    let (first, second) = (findings(FIRST), findings(SECOND));
    for (boot, found, earlier) in [
        (Boot::First, &first, None),
        (Boot::Second, &second, Some(&first)),
    ] {
        let judgement = Judgement::of(boot, &wanted(), Ok(found), earlier);
        assert!(judgement.is_green(), "{:#?}", judgement.table());
        assert_eq!(judgement.with(Verdict::NotJudged).count(), 0);
        assert!(judgement.rows.len() > 50);
    }
}

/// Each finding that a row rests on, changed in what a real guest said.
#[test]
fn each_change_of_what_was_said_is_seen() {
    let (first, second) = (findings(FIRST), findings(SECOND));
    for (subject, field, value, red) in [
        ("host", "name", "localhost", &["host: name"][..]),
        ("user core", "exists", "no", &["user core: exists"]),
        ("user core", "groups", "core", &["user core: in sudo"]),
        (
            "user core",
            "keys",
            "",
            &["user core: key ssh-ed25519 placeholder"],
        ),
        (
            "file /etc/custom-coreos/note",
            "mode",
            "644",
            &["file /etc/custom-coreos/note: mode"],
        ),
        (
            "file /etc/custom-coreos/note",
            "group",
            "root",
            &["file /etc/custom-coreos/note: group"],
        ),
        (
            "file /var/lib/data/kept",
            "sha256",
            "0",
            &["file /var/lib/data/kept: content"],
        ),
        (
            "file /etc/localtime",
            "target",
            "../usr/share/zoneinfo/CET",
            &["file /etc/localtime: target"],
        ),
        (
            "disk /dev/vdb",
            "1.PART_ENTRY_SIZE",
            "1228801",
            &["disk /dev/vdb: partition 1 size"],
        ),
        (
            "disk /dev/vdb",
            "2.PART_ENTRY_NAME",
            "other",
            &["disk /dev/vdb: partition 2 label"],
        ),
        (
            "disk /dev/vdb",
            "partitions",
            "1 2 3",
            &["disk /dev/vdb: no others"],
        ),
        ("luks data", "LABEL", "data", &["luks data: label"]),
        (
            "filesystem /dev/mapper/data",
            "TYPE",
            "ext4",
            &["filesystem /dev/mapper/data: format"],
        ),
        (
            "filesystem /dev/mapper/data",
            "canary",
            "gone",
            &["filesystem /dev/mapper/data: data"],
        ),
        (
            "mount /var/lib/data",
            "from-it",
            "no",
            &["mount /var/lib/data: source"],
        ),
        (
            "mount /var/lib/data",
            "options",
            "rw,relatime",
            &["mount /var/lib/data: options"],
        ),
        (
            "unit custom-coreos-try.service",
            "enabled",
            "disabled",
            &["unit custom-coreos-try.service: enabled"],
        ),
        ("unit custom-coreos-try.service", "Result", "exit-code", &[]),
        (
            "unit custom-coreos-try.service",
            "ActiveState",
            "failed",
            &["unit custom-coreos-try.service: active"],
        ),
        (
            "system",
            "failed",
            "custom-coreos-try.service",
            &["system: failed units"],
        ),
        ("system", "first", "yes", &["system: Ignition"]),
    ] {
        let mut changed = second.clone();
        changed.set(subject, field, value);
        assert_ne!(
            changed, second,
            "{subject} {field} is no finding, or said so already"
        );
        assert_eq!(
            broken(Boot::Second, &changed, Some(&first)),
            red,
            "{subject} {field}"
        );
    }
}

/// The header that clevis really left: with another pin in it, or a slot beside.
#[test]
fn the_real_header_is_read() {
    let second = findings(SECOND);
    let header = second.get("luks data", "header").expect("a header");
    let header: Value = serde_json::from_str(header).expect("JSON");
    let mut without = header.clone();
    without["tokens"] = Value::Object(serde_json::Map::new());
    let mut changed = second.clone();
    changed.set("luks data", "header", &without.to_string());
    let red = broken(Boot::Second, &changed, Some(&findings(FIRST)));
    assert_eq!(red, ["luks data: unlocked by"]);
    let mut beside = header;
    beside["keyslots"]["7"] = beside["keyslots"]
        .as_object()
        .expect("slots")
        .values()
        .next()
        .cloned()
        .expect("a slot");
    changed.set("luks data", "header", &beside.to_string());
    let judgement = Judgement::of(
        Boot::Second,
        &wanted(),
        Ok(&changed),
        Some(&findings(FIRST)),
    );
    let open: Vec<_> = judgement.with(Verdict::NotJudged).collect();
    assert_eq!(open.len(), 1, "{open:#?}");
    assert!(open[0].found.contains("slot 7 opens it, too"), "{open:#?}");
}

#[test]
fn the_boots_are_not_taken_for_one_another() {
    let (first, second) = (findings(FIRST), findings(SECOND));
    // The data of a machine that was installed anew is not the old data.
    let data = "filesystem /dev/mapper/data: data".to_owned();
    let mut other = first.clone();
    other.set("system", "boot-id", "another");
    assert_eq!(broken(Boot::Second, &second, Some(&other)), [data]);
    assert!(broken(Boot::First, &second, None).contains(&"system: Ignition".to_owned()));
    assert!(broken(Boot::Second, &first, Some(&first)).contains(&"system: Ignition".to_owned()));
}

/// Wherever the machine dies while it speaks, there is all of a report or none.
#[test]
fn a_recorded_report_is_whole_or_none() {
    let id = probe::id(&wanted());
    let whole = findings(SECOND);
    let lines: Vec<&str> = SECOND.lines().collect();
    let mut reports = 0;
    for upto in 0..=lines.len() {
        match read(&lines[..upto].join("\n"), &id) {
            Ok(found) => {
                assert_eq!(found, whole);
                reports += 1;
            }
            Err(NoReport::Nothing | NoReport::Torn { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(reports > 1 && reports < lines.len());
    // A line lost in both copies.
    let lost = lines
        .iter()
        .find(|line| line.contains(" line "))
        .expect("a line");
    let rest: Vec<&str> = lines.iter().copied().filter(|line| line != lost).collect();
    let error = read(&rest.join("\n"), &id).expect_err("torn");
    assert!(matches!(error, NoReport::Torn { .. }), "{error}");
}

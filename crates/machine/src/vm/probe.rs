//! The script that asks a guest, made from what is expected of it. Pure.
//!
//! [`script`] is `probe.sh` with one call for each question; it writes the
//! report to its standard output. [`harness`] is the Ignition config that lays
//! it on a machine and runs it at the end of each boot, to be merged with the
//! machine's own. `report::read` takes the report from the console's log.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::expect::{Expectation, Question, sha256, system};

/// The functions.
pub(super) const LIBRARY: &str = include_str!("probe.sh");

/// Where the harness lays its script and its unit.
const SCRIPT: &str = "/etc/custom-coreos-vm.sh";
/// The unit's name.
pub const UNIT: &str = "custom-coreos-vm.service";

/// How long a guest may take to end its boot before it is asked, in seconds.
/// Under emulation a first boot takes two minutes.
pub(super) const SETTLE: u32 = 300;

/// There from when on the machine is not reported on, but switched to its image;
/// see `switch.rs`.
pub(super) const GO: &str = "/var/lib/custom-coreos-vm/go";

/// What the guest does after its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Powers itself off, after each boot.
    PowerOff,
    /// Powers itself off after the first boot, stays up after any later one.
    StayUp,
    /// Powers itself off, after the second boot with the mark that has the next
    /// one run the harness of `switch`.
    Switch,
}

/// The questions of a list, each once, and always the one about the machine.
pub fn questions(expectations: &[Expectation]) -> Vec<Question> {
    let mut seen = BTreeSet::new();
    let own = expectations.iter().map(|e| e.question.clone());
    std::iter::once(system())
        .chain(own)
        .filter(|question| question.kind != "config" && seen.insert(question.clone()))
        .collect()
}

/// What a report of these questions calls itself, so that an older machine's or
/// another config's report is not taken for it.
pub fn id(expectations: &[Expectation]) -> String {
    let calls = calls(expectations);
    sha256(calls.as_bytes())[..12].to_owned()
}

/// A word for sh, whatever is in it.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn calls(expectations: &[Expectation]) -> String {
    let mut calls = String::new();
    for question in questions(expectations) {
        calls.push_str(&format!("    ask_{}", question.kind));
        for arg in &question.args {
            calls.push(' ');
            calls.push_str(&quoted(arg));
        }
        calls.push('\n');
    }
    calls
}

/// The POSIX sh script that asks everything and sends the report to its
/// standard output, to be run as root when the boot is over.
pub fn script(expectations: &[Expectation]) -> String {
    script_with(expectations, "", SETTLE)
}

/// The same with more functions, and as many seconds for the boot to end.
pub fn script_with(expectations: &[Expectation], more: &str, settle: u32) -> String {
    let id = id(expectations);
    let calls = calls(expectations);
    format!(
        "#!/bin/sh\n{LIBRARY}\n{more}\n\
         ask() {{\n{calls}}}\n\
         settle {settle}\n\
         quiet\n\
         ask | send {id}\n"
    )
}

/// The section of a unit that runs a script to report, and then a command.
///
/// Not `Type=oneshot`: the boot is not over before such a unit has ended, and the
/// script waits for the end of the boot. `/dev/console` is the one terminal that a
/// starting getty does not hang up.
pub(crate) fn reporting_service(script: &str, then: &str) -> String {
    format!(
        "[Service]\nType=exec\n\
         ExecStart=/bin/sh -c '/bin/sh {script} >/dev/console'\n\
         ExecStopPost=/bin/sh -c '{then}'\n"
    )
}

/// The Ignition config that has a guest report on the console after each boot.
pub fn harness(expectations: &[Expectation], afterwards: Afterwards) -> Value {
    let first = "grep -qw ignition.firstboot /proc/cmdline";
    let off = match afterwards {
        Afterwards::PowerOff => "systemctl --no-block poweroff".to_owned(),
        Afterwards::StayUp => format!("if {first}; then systemctl --no-block poweroff; fi"),
        // `followed` is what the machine's own unit leaves when it is done: it
        // is not to do the same at the same time.
        Afterwards::Switch => format!(
            "if ! {first}; then cd /var/lib; mkdir -p custom-coreos custom-coreos-vm; \
             touch custom-coreos/followed {GO}; fi; systemctl --no-block poweroff"
        ),
    };
    let service = reporting_service(SCRIPT, &off);
    let unit = format!(
        "[Unit]\nDescription=Report on this machine\nConditionPathExists=!{GO}\n\n\
         {service}\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    json!({
        "ignition": { "version": "3.0.0" },
        "storage": { "files": [{
            "path": SCRIPT,
            "mode": 0o755,
            "contents": { "source": data_url(&script(expectations)) },
        }] },
        "systemd": { "units": [{ "name": UNIT, "enabled": true, "contents": unit }] },
    })
}

/// Two configs as one that the real Ignition merges: the machine's own, and the
/// harness after it.
pub fn joined(config: &Value, harness: &Value) -> Value {
    let data = |config: &Value| json!({ "source": data_url(&config.to_string()) });
    json!({ "ignition": {
        "version": "3.0.0",
        "config": { "merge": [data(config), data(harness)] },
    } })
}

/// Contents as a config holds them.
pub(super) fn data_url(text: &str) -> String {
    format!("data:;base64,{}", STANDARD.encode(text))
}

#[cfg(test)]
mod tests;

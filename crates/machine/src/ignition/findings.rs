//! What the lints found in a machine, for a person.

use host::report::Report;

use crate::ignition::{lints::Finding, sources::Machine};

/// Says what compiler and lints have found.
pub(super) fn tell(report: &Report, machine: &Machine) {
    for message in &machine.messages {
        report.error(message);
    }
    for finding in &machine.findings {
        let Finding {
            lint, path, detail, ..
        } = finding;
        let text = format!("{} {path}: {detail} [{lint}]", machine.source.display());
        match &finding.allowed {
            Some(reason) => report.status("Allowed", &format!("{text}: {reason}")),
            None if lint.fails() => report.error(&text),
            None => report.warning(&text),
        }
    }
}

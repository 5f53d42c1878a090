//! From stock Fedora CoreOS to the image, and back: the script that a guest runs
//! over three boots, what is expected of each, and what its console says. Pure.
//!
//! The command is that of `custom-coreos-follow.service`, which the script
//! stops, so that the two do not meet; a test holds them equal.

use registry_compat::{Digest, ImageRef};
use serde_json::{Value, json};

use super::expect::{Boot, Check, Expectation, Question, sha256};
use super::judge::Judgement;
use super::report::{Findings, NoReport};
use super::{probe, report};

const STAGES: &str = include_str!("switch.sh");
const SCRIPT: &str = "/etc/custom-coreos-vm-switch.sh";
const KEY: &str = "/etc/custom-coreos-vm.pub";
const UNIT: &str = "custom-coreos-vm-switch.service";

/// What a machine is switched to.
#[derive(Debug, Clone)]
pub struct Switch {
    /// As the machine will follow it: by a tag.
    pub image: ImageRef,
    /// What it must be then: the digest of the index, and of the image in it.
    pub digests: Vec<Digest>,
    /// The version of ZFS in it.
    pub zfs: String,
    /// An image without a signature in the same repository, by digest.
    pub control: Option<ImageRef>,
    /// The public half of the signing key, for a config that has none.
    pub key: Option<String>,
    /// Where the repository really is, as the guest sees it (`10.0.2.2:5000`):
    /// a registry on this machine's loopback, without TLS.
    pub mirror: Option<String>,
}

/// The three boots, in their order.
pub const STAGES_IN_ORDER: [Boot; 3] = [Boot::Switch, Boot::Image, Boot::Back];

fn name(stage: Boot) -> &'static str {
    match stage {
        Boot::Image => "image",
        Boot::Back => "back",
        _ => "switch",
    }
}

/// The id of this switch's reports.
fn id(switch: &Switch) -> String {
    sha256(values(switch).as_bytes())[..12].to_owned()
}

fn values(switch: &Switch) -> String {
    let quoted = probe::quoted;
    let control = switch.control.as_ref().map(ToString::to_string);
    let key = switch.key.as_ref().map_or("", |_| KEY);
    format!(
        "IMAGE={}\nCONTROL={}\n: \"${{KEY:={key}}}\"\n",
        quoted(&switch.image.to_string()),
        quoted(&control.unwrap_or_default()),
    )
}

/// The POSIX sh script that goes one stage on, to be run as root when the boot
/// is over.
pub fn script(switch: &Switch) -> String {
    format!(
        "#!/bin/sh\n{values}ID={id}\n{library}\n{STAGES}\n\
         settle {settle}\nquiet\nstage\n",
        values = values(switch),
        id = id(switch),
        library = probe::LIBRARY,
        settle = probe::SETTLE,
    )
}

/// The Ignition config that lays all of it, to be merged with the machine's own
/// and with `probe::harness`, whose `Afterwards::Switch` begins it.
pub fn harness(switch: &Switch) -> Value {
    let file = |path: &str, mode: u32, text: &str| {
        json!({ "path": path, "mode": mode, "overwrite": true,
            "contents": { "source": probe::data_url(text) } })
    };
    let mut files = vec![file(SCRIPT, 0o755, &script(switch))];
    if let Some(key) = &switch.key {
        files.push(file(KEY, 0o644, key));
    }
    if let Some(mirror) = &switch.mirror {
        let repository = switch.image.repository();
        let place = format!("{mirror}/{}", repository.path());
        // containers-registries.conf(5): the name stays, so the policy holds.
        let text = format!(
            "[[registry]]\nprefix = \"{repository}\"\nlocation = \"{place}\"\ninsecure = true\n"
        );
        files.push(file(
            "/etc/containers/registries.conf.d/90-custom-coreos-vm.conf",
            0o644,
            &text,
        ));
        // containers-registries.d(5) goes by the place, not by the name.
        let text = format!("docker:\n  {place}:\n    use-sigstore-attachments: true\n");
        files.push(file(
            "/etc/containers/registries.d/90-custom-coreos-vm.yaml",
            0o644,
            &text,
        ));
    }
    let unit = format!(
        "[Unit]\nDescription=Switch this machine to its image, and back\n\
         ConditionPathExists={go}\n\
         Wants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=exec\n\
         ExecStart=/bin/sh -c '/bin/sh {SCRIPT} >/dev/console'\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        go = probe::GO
    );
    json!({
        "ignition": { "version": "3.0.0" },
        "storage": { "files": files },
        "systemd": { "units": [{ "name": UNIT, "enabled": true, "contents": unit }] },
    })
}

/// The expectations of the three boots.
pub fn expectations(switch: &Switch) -> Vec<Expectation> {
    let mut all = Vec::new();
    let mut add = |boot: Boot, subject: &'static str, aspect: &str, check: Check| {
        all.push(Expectation {
            question: Question::about(subject, &[]),
            aspect: aspect.to_owned(),
            check,
            only: Some(boot),
        });
    };
    let ran = || Check::Ran("code");
    let digests: Vec<String> = switch.digests.iter().map(ToString::to_string).collect();
    let status = "bootc status";
    if switch.key.is_some() {
        add(Boot::Switch, "key", "laid", ran());
    }
    if switch.control.is_some() {
        add(
            Boot::Switch,
            "bootc switch (unsigned)",
            "refused",
            Check::RefusedUnsigned,
        );
    }
    add(Boot::Switch, "bootc switch", "done", ran());
    let is = |field, value: &str| Check::Is(field, value.to_owned());
    let image = switch.image.to_string();
    add(
        Boot::Image,
        status,
        "booted image",
        is("booted.image", &image),
    );
    add(
        Boot::Image,
        status,
        "booted digest",
        Check::Among("booted.digest", digests.clone()),
    );
    // What `--enforce-container-sigpolicy` leaves: later updates ask for it, too.
    add(
        Boot::Image,
        status,
        "signature",
        is("booted.signature", "containerPolicy"),
    );
    add(Boot::Image, "modprobe zfs", "done", ran());
    add(
        Boot::Image,
        "module zfs",
        "version",
        Check::Begins("version", switch.zfs.clone()),
    );
    add(Boot::Image, "zpool create", "done", ran());
    add(Boot::Image, "zpool export", "done", ran());
    add(
        Boot::Image,
        "zpool export",
        "still mounted",
        is("mounted", "no"),
    );
    add(Boot::Image, "zpool import", "done", ran());
    add(
        Boot::Image,
        "zpool import",
        "the file in it",
        Check::ThisBoot("canary"),
    );
    add(
        Boot::Image,
        "zpool import",
        "health",
        is("health", "ONLINE"),
    );
    add(Boot::Image, "zpool destroy", "done", ran());
    add(
        Boot::Image,
        "unit tailscaled.service",
        "active",
        is("ActiveState", "active"),
    );
    // Any word of its daemon: nobody logs this machine in.
    add(
        Boot::Image,
        "tailscale",
        "its daemon answers",
        Check::NotEmpty("state"),
    );
    add(Boot::Image, "bootc rollback", "done", ran());
    add(
        Boot::Back,
        status,
        "booted deployment",
        Check::AsBefore("booted.checksum"),
    );
    add(
        Boot::Back,
        status,
        "image to go back to",
        Check::Among("rollback.digest", digests),
    );
    for boot in STAGES_IN_ORDER {
        add(boot, "system", "failed units", Check::None("failed"));
        add(boot, "system", "Ignition", Check::IgnitionDidNotRun);
    }
    all
}

/// Judges all three boots by the log of the console. A boot that did not report
/// is a judgement, and not a green one.
pub fn judge(switch: &Switch, console: &str) -> Vec<Judgement> {
    let wanted = expectations(switch);
    let reports: Vec<Result<Findings, NoReport>> = STAGES_IN_ORDER
        .iter()
        .map(|stage| report::read(console, &format!("{}-{}", id(switch), name(*stage))))
        .map(|report| match report {
            Ok(findings) => Ok(unfold(&findings)),
            // Another stage's is none of another config.
            Err(NoReport::OfAnother(other)) if other.starts_with(&id(switch)) => {
                Err(NoReport::Nothing)
            }
            Err(why) => Err(why),
        })
        .collect();
    let before = reports[0].as_ref().ok();
    STAGES_IN_ORDER
        .iter()
        .zip(&reports)
        .map(|(stage, report)| Judgement::of(*stage, &wanted, report.as_ref(), before))
        .collect()
}

/// The parts of `bootc status`'s document that are judged, as fields. Source:
/// `BootcHost` (`org.containers.bootc/v1`) in bootc's `spec.rs`.
fn unfold(findings: &Findings) -> Findings {
    let mut unfolded = findings.clone();
    let subject = "bootc status";
    let text = findings.get(subject, "json").unwrap_or_default();
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return unfolded;
    };
    for slot in ["booted", "rollback"] {
        let entry = &document["status"][slot];
        let image = &entry["image"];
        for (field, value) in [
            ("image", &image["image"]["image"]),
            ("signature", &image["image"]["signature"]),
            ("digest", &image["imageDigest"]),
            ("checksum", &entry["ostree"]["checksum"]),
        ] {
            if let Some(text) = value.as_str() {
                unfolded.set(subject, &format!("{slot}.{field}"), text);
            }
        }
    }
    unfolded
}

#[cfg(test)]
mod tests;

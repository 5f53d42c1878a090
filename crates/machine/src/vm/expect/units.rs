//! `systemd.units`, their drop-ins, and what mount units mount.

use serde_json::Value;

use super::disks::mount;
use super::expectation::{Check, List, Question, sha256, text};
use crate::ignition::view::list;

/// Where Ignition lays units.
const FOLDER: &str = "/etc/systemd/system";

/// States of a unit that does not start by itself. Source: systemctl(1),
/// `is-enabled`.
pub(super) const NOT_ENABLED: &[&str] = &["disabled", "static", "indirect", "masked", "generated"];

/// States of one that does. An alias is enabled by another name.
pub(crate) const ENABLED: &[&str] = &["enabled", "enabled-runtime", "alias"];

pub(super) fn add(config: &Value, out: &mut List) {
    for unit in list(&config["systemd"]["units"]) {
        let name = text(unit, "name");
        let question = Question::about("unit", &[name]);
        let masked = unit["mask"] == true;
        let enabled = unit["enabled"] == true && !masked;
        // Of a template only its instances can be loaded and run.
        let template = name.contains("@.");
        let contents = text(unit, "contents");
        if !contents.is_empty() && !masked {
            laid(&format!("{FOLDER}/{name}"), contents, out);
        }
        if masked {
            let check = Check::OneOf("enabled", &["masked"]);
            out.add(&question, "masked", check);
            out.add(
                &question,
                "state",
                Check::OneOf("ActiveState", &["inactive"]),
            );
        } else if !template && (enabled || !contents.is_empty()) {
            let check = Check::Is("LoadState", "loaded".to_owned());
            out.add(&question, "loaded", check);
        }
        if enabled {
            out.add(&question, "enabled", Check::OneOf("enabled", ENABLED));
            if !template {
                out.add(&question, "active", Check::Active);
            }
        }
        if unit["enabled"] == false && !masked {
            out.add(&question, "enabled", Check::OneOf("enabled", NOT_ENABLED));
        }
        for dropin in list(&unit["dropins"]) {
            let contents = text(dropin, "contents");
            if contents.is_empty() {
                continue;
            }
            let path = format!("{FOLDER}/{name}.d/{}", text(dropin, "name"));
            laid(&path, contents, out);
            if !template && !masked {
                let aspect = format!("reads {}", text(dropin, "name"));
                out.add(&question, &aspect, Check::Contains("DropInPaths", path));
            }
        }
        if enabled && name.ends_with(".mount") {
            mounted(contents, out);
        }
    }
}

fn laid(path: &str, contents: &str, out: &mut List) {
    let question = Question::about("file", &[path, "0"]);
    out.add(&question, "is", Check::Is("type", "file".to_owned()));
    let check = Check::Digest("sha256", sha256(contents.as_bytes()));
    out.add(&question, "content", check);
    out.add(&question, "mode", Check::Is("mode", "644".to_owned()));
}

fn mounted(contents: &str, out: &mut List) {
    let Some((what, place, options)) = mount(contents) else {
        return;
    };
    let question = Question::about("mount", &[&place, &what]);
    out.add(&question, "source", Check::MountedFrom(what));
    if !options.is_empty() {
        out.add(&question, "options", Check::Options(options));
    }
}

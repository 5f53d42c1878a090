//! `ignition`: our own sources, and the task around them.

use std::path::Path;

use image_config::Config;
use machine::ignition::{
    sources::{Machine, translate_all},
    view::View,
};
use xshell::{Shell, cmd};

use crate::skip::skip;
use crate::{sandbox, with_config};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The repository's own sources, with its own `image.yaml`.
pub fn stock() -> Vec<Machine> {
    let config = Config::load(&root().join("image.yaml")).unwrap();
    translate_all(root(), &config, &[]).unwrap()
}

#[test]
fn ours_are_well() {
    let machines = stock();
    for machine in &machines {
        assert!(machine.is_well(), "{machine:#?}");
    }
    for name in [
        "nas",
        "examples/xfs",
        "examples/mirror",
        "examples/zfs",
        "examples/aarch64",
    ] {
        assert!(
            machines.iter().any(|machine| machine.name == name),
            "{name}"
        );
    }
}

/// What the home server is said to be, read from the result.
#[test]
fn the_home_server() {
    let machines = stock();
    let nas = machines
        .iter()
        .find(|machine| machine.name == "nas")
        .unwrap();
    let view = View::parse(nas.ignition.as_deref().unwrap()).unwrap();
    let storage = &view.parts[0].json["storage"];
    assert_eq!(
        storage["luks"][0]["clevis"],
        serde_json::json!({ "tpm2": true })
    );
    let root = storage["filesystems"].as_array().unwrap();
    let root = root
        .iter()
        .find(|system| system["device"] == "/dev/mapper/root")
        .unwrap();
    assert_eq!(root["format"], "btrfs");
    let names: Vec<_> = view
        .units()
        .iter()
        .map(|unit| unit.name.to_owned())
        .collect();
    assert!(
        names.contains(&"custom-coreos-follow.path".to_owned()),
        "{names:?}"
    );
}

/// Nothing that a machine of ours ever runs switches without the signature.
#[test]
fn no_switch_without_the_signature() {
    let mut switches = 0;
    for machine in stock() {
        let view = View::parse(machine.ignition.as_deref().unwrap()).unwrap();
        let before = switches;
        let mut texts: Vec<String> = view
            .units()
            .iter()
            .map(|unit| unit.text.to_owned())
            .collect();
        texts.extend(view.files().iter().filter_map(|file| file.contents.text()));
        for line in texts.iter().flat_map(|text| text.lines()) {
            let command = line.contains("bootc switch") || line.contains("rebase");
            if command && !line.starts_with('#') {
                switches += 1;
                assert!(
                    line.contains("bootc switch --enforce-container-sigpolicy "),
                    "{}: {line}",
                    machine.name
                );
            }
        }
        // The machine of `vm` stays what it is; it needs no policy.
        assert_eq!(
            switches > before,
            machine.name != "examples/vm",
            "{}",
            machine.name
        );
        if switches == before {
            continue;
        }
        let files = view.files();
        let policy = files
            .iter()
            .find(|file| file.target == "/etc/containers/policy.json")
            .unwrap();
        let policy: serde_json::Value =
            serde_json::from_str(&policy.contents.text().unwrap()).unwrap();
        assert_eq!(policy["default"][0]["type"], "reject", "{}", machine.name);
    }
    assert!(switches >= 5, "{switches}");
}

#[test]
fn systemd_accepts_our_units() {
    let sh = Shell::new().unwrap();
    let version = cmd!(sh, "systemd-analyze --version")
        .quiet()
        .ignore_stderr();
    if version.read().is_err() || !Path::new("/usr/lib/systemd/system/sysinit.target").exists() {
        return skip("there is no systemd-analyze to ask");
    }
    let dir = sh.create_temp_dir().unwrap();
    let folder = root().join("ignition/files/units");
    let mut files = Vec::new();
    for unit in sh.read_dir(&folder).unwrap() {
        let file = dir.path().join(unit.file_name().unwrap());
        // Programs and units of the machine, which are not here.
        let text = sh.read_file(&unit).unwrap();
        let text = text
            .replace("/usr/bin/bootc ", "/bin/true ")
            .replace("/usr/sbin/modprobe ", "/bin/true ");
        sh.write_file(&file, text).unwrap();
        files.push(file);
    }
    let output = cmd!(sh, "systemd-analyze --man=no verify {files...}")
        .quiet()
        .ignore_status()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn results_are_written_and_checked() {
    let sandbox = sandbox();
    let missing = sandbox.run(&["ignition", "--check"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .stderr
            .contains("target/ignition/machine.ign is not there"),
        "{missing:?}"
    );
    assert!(
        missing.stderr.contains("`cargo xtask ignition` writes it"),
        "{missing:?}"
    );
    assert!(!sandbox.exists("target/ignition"));
    let files = sandbox.run(&["ignition"]).expect(0);
    assert_eq!(
        files,
        "target/ignition/machine.ign\ntarget/ignition/examples/small.ign\n"
    );
    assert_eq!(
        sandbox.read("target/ignition/examples/small.ign"),
        "{\"ignition\":{\"version\":\"3.5.0\"}}\n"
    );
    sandbox.run(&["ignition", "--check"]).expect(0);
    sandbox.write(
        "ignition/examples/small.bu",
        "variant: fcos\nversion: 1.5.0\n",
    );
    let differs = sandbox.run(&["ignition", "--check"]);
    assert_eq!(differs.code, Some(1));
    assert!(
        differs
            .stderr
            .contains("small.ign is not what ignition/examples/small.bu says"),
        "{differs:?}"
    );
    assert_eq!(differs.stdout, "target/ignition/machine.ign\n");
    sandbox.run(&["ignition", "--check", "machine"]).expect(0);
    sandbox.run(&["ignition", "examples/small.bu"]).expect(0);
    let unknown = sandbox.run(&["ignition", "nope"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown
            .stderr
            .contains("there are: machine, examples/small"),
        "{unknown:?}"
    );
}

#[test]
fn a_warning_is_as_bad_as_an_error() {
    let sandbox = sandbox();
    sandbox.run(&["ignition"]).expect(0);
    sandbox.write(
        "ignition/machine.bu",
        "variant: fcos\nversion: 1.6.0\nnope: 1\n",
    );
    let before = sandbox.read("target/ignition/machine.ign");
    let outcome = sandbox.run(&["ignition"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("ignition/machine.bu:3:1: warning: unused key nope"),
        "{outcome:?}"
    );
    assert_eq!(sandbox.read("target/ignition/machine.ign"), before);
    // The others are not held up by it.
    assert_eq!(outcome.stdout, "target/ignition/examples/small.ign\n");
}

#[test]
fn one_document_with_json() {
    let sandbox = sandbox();
    let text = sandbox.run(&["ignition", "--json"]).expect(0);
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rows[0]["name"], "machine");
    assert_eq!(rows[0]["state"], "written");
    assert_eq!(rows[0]["valid"], true);
    assert_eq!(rows[1]["file"], "target/ignition/examples/small.ign");
}

#[test]
fn names_and_keys_come_from_image_yaml() {
    let sandbox = sandbox();
    sandbox.write(
        "ignition/machine.bu",
        "variant: fcos\nversion: 1.6.0\npasswd:\n  users:\n    - name: core\n      ssh_authorized_keys_local: [image.yaml/authorized_keys]\n\
         storage:\n  trees:\n    - local: image.yaml/keys\n      path: /etc/pki/containers\n",
    );
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me@here";
    with_config(&sandbox, |config| {
        config.ignition.ssh_keys = image_config::Unique::one(key.parse().unwrap());
    });
    sandbox.run(&["ignition", "machine"]).expect(0);
    let without = sandbox.read("target/ignition/machine.ign");
    assert!(
        without.contains(key) && !without.contains("custom-coreos.pub"),
        "{without}"
    );
    sandbox.write(
        "ignition/cosign.pub",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    );
    with_config(&sandbox, |config| {
        config.ignition.public_key = Some("ignition/cosign.pub".parse().unwrap());
    });
    sandbox.run(&["ignition", "machine"]).expect(0);
    assert!(
        sandbox
            .read("target/ignition/machine.ign")
            .contains("/etc/pki/containers/custom-coreos.pub")
    );
    let outcome = sandbox.run(&["ignition", "machin"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("(did you mean `machine`?)"),
        "{outcome:?}"
    );
    // The private half is never taken for the public one.
    let private = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    sandbox.write("ignition/cosign.pub", &private);
    let outcome = sandbox.run(&["ignition"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("is a private key"), "{outcome:?}");
}

//! Our unit files, judged by systemd itself.
#![expect(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

mod skip;

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

const UNITS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../containerfiles/custom-coreos/rootfs/usr/lib/systemd/system"
);

fn units(sh: &Shell) -> Vec<PathBuf> {
    let mut units = sh.read_dir(UNITS).unwrap();
    // Drop-ins are below the name of their unit.
    units.retain(|path| path.is_file());
    units.sort();
    units
}

/// Units of packages of the image, which ours name or add to.
const OTHERS: [(&str, &str); 2] = [
    ("zfs.target", "[Unit]\nDescription=Of the package zfs\n"),
    (
        "bootc-fetch-apply-updates.service",
        "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    ),
];

/// What `systemd-analyze verify` says of our units after `edit`, or nothing
/// where there is no systemd to ask.
fn verify(edit: impl Fn(String) -> String) -> Option<Result<(), String>> {
    let sh = Shell::new().unwrap();
    // Its own targets have to be there too, or nothing at all is right.
    let version = cmd!(sh, "systemd-analyze --version")
        .quiet()
        .ignore_stderr();
    let targets = Path::new("/usr/lib/systemd/system/sysinit.target");
    if version.read().is_err() || !targets.exists() {
        skip::skip("there is no systemd-analyze to ask");
        return None;
    }
    let dir = sh.create_temp_dir().unwrap();
    let mut files = Vec::new();
    for unit in units(&sh) {
        let file = dir.path().join(unit.file_name().unwrap());
        // The program exists in the image only.
        let text = sh.read_file(&unit).unwrap();
        sh.write_file(&file, edit(in_a_test(&text))).unwrap();
        files.push(file);
    }
    for (name, text) in OTHERS {
        let file = dir.path().join(name);
        sh.write_file(&file, text).unwrap();
        files.push(file);
    }
    let dropin = "bootc-fetch-apply-updates.service.d/10-custom-coreos-health.conf";
    let text = sh.read_file(Path::new(UNITS).join(dropin)).unwrap();
    let text = edit(in_a_test(&text));
    sh.write_file(dir.path().join(dropin), text).unwrap();
    let output = cmd!(sh, "systemd-analyze --man=no verify {files...}")
        .quiet()
        .ignore_status()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Of an unknown key it only warns.
    Some(if output.status.success() && said.is_empty() {
        Ok(())
    } else {
        Err(said)
    })
}

/// Our programs exist in the image only.
fn in_a_test(text: &str) -> String {
    ["zfs-snapshot", "health"]
        .iter()
        .fold(text.to_owned(), |text, name| {
            text.replace(&format!("/usr/libexec/custom-coreos/{name} "), "/bin/true ")
        })
}

#[test]
fn systemd_accepts_them() {
    assert_eq!(verify(|text| text).unwrap_or(Ok(())), Ok(()));
}

#[test]
fn systemd_would_see_a_mistake() {
    for (right, wrong) in [
        ("OnCalendar=daily", "OnCalendar=dayly"),
        ("Type=", "Tipe="),
        ("ExecCondition", "ExecKondition"),
    ] {
        if let Some(said) = verify(|text| text.replace(right, wrong)) {
            assert!(said.is_err(), "{wrong}");
        }
    }
}

#[test]
fn every_cadence_of_the_script_has_its_timer() {
    let sh = Shell::new().unwrap();
    let names: Vec<String> = units(&sh)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("zfs-snapshot"))
        .collect();
    let script = Path::new(UNITS).join("../../../libexec/custom-coreos/zfs-snapshot");
    let script = sh.read_file(script).unwrap();
    let mut cadences = 0;
    for line in script.lines() {
        let Some((cadence, _)) = line.trim().split_once(") keep=") else {
            continue;
        };
        cadences += 1;
        let timer = format!("zfs-snapshot-{cadence}@.timer");
        assert!(names.contains(&timer), "{timer}");
        let text = sh.read_file(Path::new(UNITS).join(&timer)).unwrap();
        assert!(
            text.contains(&format!("\nUnit=zfs-snapshot@{cadence}:%i.service\n")),
            "{timer}"
        );
    }
    assert_eq!(names.len(), cadences + 1);
}

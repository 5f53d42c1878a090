//! The real Ignition, from Debian's package: it validates what we make, and
//! applies it to a folder.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use xshell::{Shell, cmd};

use crate::sandbox;
use crate::skip::skip;
use crate::sources::stock;

/// Where Debian's package has the program that an initramfs runs.
const IGNITION: &str = "/usr/lib/dracut/modules.d/30ignition/ignition";

/// The newest specification that the package knows.
const NEWEST: &str = "3.3.0";

fn validate(sh: &Shell, config: &str) -> Option<Result<(), String>> {
    if cmd!(sh, "ignition-validate -version")
        .quiet()
        .ignore_stderr()
        .ignore_stdout()
        .run()
        .is_err()
    {
        skip("there is no ignition-validate (Debian package `ignition`)");
        return None;
    }
    let output = cmd!(sh, "ignition-validate -")
        .stdin(config)
        .quiet()
        .ignore_status()
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some(if output.status.success() {
        Ok(())
    } else {
        Err(said)
    })
}

/// The specification of a config.
fn version(config: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(config).unwrap();
    json["ignition"]["version"].as_str().unwrap().to_owned()
}

#[test]
fn ignition_accepts_what_we_make() {
    let sh = Shell::new().unwrap();
    let sandbox = sandbox();
    sandbox.run(&["ignition"]).expect(0);
    let mut configs = vec![sandbox.read("target/ignition/machine.ign")];
    configs.extend(stock().into_iter().filter_map(|machine| machine.ignition));
    configs.retain(|config| version(config).as_str() <= NEWEST);
    assert!(configs.len() >= 2, "one of the examples is for this");
    for config in configs {
        assert_eq!(validate(&sh, &config).unwrap_or(Ok(())), Ok(()), "{config}");
    }
}

#[test]
fn ignition_would_see_a_mistake() {
    let sh = Shell::new().unwrap();
    let wrong = r#"{"ignition":{"version":"3.3.0"},"storage":{"files":[{"path":"not/absolute"}]}}"#;
    if let Some(said) = validate(&sh, wrong) {
        assert!(said.is_err());
    }
}

/// A folder with as much of a system as Ignition and `useradd` want.
fn system(sh: &Shell, root: &Path) {
    let files = [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\nsudo:x:27:\nusers:x:100:\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
        ("etc/gshadow", "root:*::\nsudo:*::\nusers:*::\n"),
        ("etc/motd", "Welcome.\n"),
        // It labels what it lays, if only by a policy that names nothing.
        ("etc/selinux/config", "SELINUX=disabled\nSELINUXTYPE=none\n"),
        ("etc/selinux/none/contexts/files/file_contexts", ""),
        ("home/.keep", ""),
    ];
    for (name, text) in files {
        sh.write_file(root.join(name), text).unwrap();
    }
}

/// Applies a config to a folder; `None` where that cannot be done.
fn apply(sh: &Shell, config: &str, root: &Path, work: &Path) -> Option<()> {
    let owner = std::fs::metadata("/proc/self").unwrap().uid();
    if !Path::new(IGNITION).exists() {
        skip("there is no ignition to apply with (Debian package `ignition`)");
        return None;
    }
    // Nothing brings that, and GitHub's runners are not root: there it is said,
    // and no failure.
    if owner != 0 {
        super::skip::say("Ignition applies a config as root only");
        return None;
    }
    system(sh, root);
    sh.write_file(work.join("config.ign"), config).unwrap();
    // Labels need a program that is no part of this: it gets nothing to do.
    let setfiles = work.join("bin/setfiles");
    sh.write_file(&setfiles, "#!/bin/sh\nexec cat >/dev/null\n")
        .unwrap();
    std::fs::set_permissions(&setfiles, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:/usr/sbin:/usr/bin:/sbin:/bin",
        work.join("bin").display()
    );
    let _here = sh.push_dir(work);
    for stage in ["fetch", "files"] {
        let output = cmd!(
            sh,
            "{IGNITION} -config-cache {work}/cache.json -log-to-stdout -neednet {work}/neednet
             -platform file -root {root} -stage {stage} -state-file {work}/state"
        )
        .env("PATH", &path)
        .quiet()
        .ignore_status()
        .output()
        .unwrap();
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stage}: {log}");
    }
    Some(())
}

/// Everything below a folder: mode, owner, and text or target.
fn tree(root: &Path) -> BTreeMap<String, (u32, u32, u32, String)> {
    fn walk(root: &Path, folder: &Path, tree: &mut BTreeMap<String, (u32, u32, u32, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let text = if meta.is_symlink() {
                std::fs::read_link(&path).unwrap().display().to_string()
            } else if meta.is_file() {
                std::fs::read_to_string(&path).unwrap()
            } else {
                walk(root, &path, tree);
                String::new()
            };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            tree.insert(name, (meta.mode() & 0o7777, meta.uid(), meta.gid(), text));
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

#[test]
fn ignition_lays_what_the_source_says() {
    let sh = Shell::new().unwrap();
    let sandbox = sandbox();
    sandbox.run(&["ignition"]).expect(0);
    let config = sandbox.read("target/ignition/machine.ign");
    let (root, work) = (sandbox.path("root"), sandbox.path("work"));
    if apply(&sh, &config, &root, &work).is_none() {
        return;
    }
    let found = tree(&root);
    let is = |name: &str, mode: u32, owner: (u32, u32), text: &str| {
        let wanted = (mode, owner.0, owner.1, text.to_owned());
        assert_eq!(found.get(name), Some(&wanted), "{name}");
    };
    let ours = (0, 0);
    is("etc/hostname", 0o644, ours, "test\n");
    is(
        "etc/long.conf",
        0o600,
        ours,
        &sandbox.read("ignition/files/long.conf"),
    );
    is("etc/motd", 0o644, ours, "Welcome.\nAppended & <escaped>.\n");
    is("srv/media", 0o750, (0, 1500), "");
    is(
        "etc/localtime",
        0o777,
        ours,
        "../usr/share/zoneinfo/Europe/Zurich",
    );
    is("opt/tree/note", 0o644, ours, "a note\n");
    is(
        "etc/custom-coreos/follow.env",
        0o644,
        ours,
        "# The image that this machine follows; from image.yaml.\nIMAGE=ghcr.io/someone/custom-coreos:stable\n",
    );
    let policy: serde_json::Value =
        serde_json::from_str(&found["etc/containers/policy.json"].3).unwrap();
    assert_eq!(policy["default"][0]["type"], "reject");
    // Users and groups.
    let passwd = &found["etc/passwd"].3;
    assert!(
        passwd.contains("\ncore:x:1000:") && passwd.contains("\nbackup:x:"),
        "{passwd}"
    );
    assert!(
        passwd
            .lines()
            .any(|line| line.starts_with("backup:") && line.ends_with(":/usr/sbin/nologin")),
        "{passwd}"
    );
    let group = &found["etc/group"].3;
    assert!(
        group.contains("\nmedia:x:1500:core\n") && group.contains("\nsudo:x:27:core\n"),
        "{group}"
    );
    let keys = &found["home/core/.ssh/authorized_keys.d/ignition"];
    assert_eq!((keys.0, keys.1), (0o600, 1000));
    assert!(
        keys.3.starts_with("ssh-ed25519 AAAA") && keys.3.trim_end().ends_with(" test"),
        "{keys:?}"
    );
    // Units.
    let unit = "[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n";
    is("etc/systemd/system/hello.service", 0o644, ours, unit);
    is(
        "etc/systemd/system/sshd.service.d/10-later.conf",
        0o644,
        ours,
        "[Unit]\nAfter=hello.service\n",
    );
    is(
        "etc/systemd/system/zincati.service",
        0o777,
        ours,
        "/dev/null",
    );
    is(
        "etc/systemd/system-preset/20-ignition.preset",
        0o644,
        ours,
        "enable hello.service\n",
    );
}

/// Our own example for it, with the files as they lie in the repository.
#[test]
fn ignition_lays_our_example() {
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let machines = stock();
    let example = machines
        .iter()
        .filter_map(|machine| machine.ignition.as_deref())
        .find(|config| version(config).as_str() <= NEWEST)
        .unwrap();
    let (root, work) = (dir.path().join("root"), dir.path().join("work"));
    if apply(&sh, example, &root, &work).is_none() {
        return;
    }
    let found = tree(&root);
    let units = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../ignition/files/units"
    ));
    for name in [
        "custom-coreos-follow.path",
        "custom-coreos-follow.service",
        "custom-coreos-no-key.service",
    ] {
        let text = sh.read_file(units.join(name)).unwrap();
        assert_eq!(
            found[&format!("etc/systemd/system/{name}")].3,
            text,
            "{name}"
        );
    }
    assert!(found["etc/custom-coreos/follow.env"].3.contains("\nIMAGE="));
    assert!(found["etc/passwd"].3.contains("\ncore:x:"));
    let preset = &found["etc/systemd/system-preset/20-ignition.preset"].3;
    assert!(
        preset.contains("enable custom-coreos-follow.path\n"),
        "{preset}"
    );
}

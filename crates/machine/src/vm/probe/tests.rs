use super::*;
use std::path::Path;

use host::process::{Capture, Invocation, run};
use xshell::Shell;

use crate::vm::{
    expect::{Boot, expectations},
    judge::{Verdict, judge},
    report::{Findings, read},
};

/// Runs a script with the shell that Debian's `sh` is, if it is there.
fn sh(script: &str, folder: &Path) -> String {
    let sh = Shell::new().unwrap();
    let file = folder.join("script.sh");
    sh.write_file(&file, script).unwrap();
    let invocation = Invocation::new("sh", [file.to_string_lossy()]);
    run(&sh, &invocation, Capture::StdoutAnyStatus, &mut |_| {})
        .unwrap()
        .stdout
}

/// What the functions say of this machine, with a folder of stand-ins for
/// programs, `/proc`, `/sys` and `/etc`.
fn asked(expectations: &[Expectation], world: &Path) -> Findings {
    let script = format!(
        "PATH={0}/bin:$PATH SYS={0}/sys PROC={0}/proc ETC={0}/etc\n{LIBRARY}\n{1}",
        world.display(),
        calls(expectations)
    );
    Findings::parse(&sh(&script, world)).unwrap()
}

struct World(xshell::TempDir, Shell);

impl World {
    fn new(cmdline: &str) -> Self {
        let sh = Shell::new().unwrap();
        let world = Self(sh.create_temp_dir().unwrap(), sh);
        world.put("proc/cmdline", cmdline);
        world.put("proc/sys/kernel/random/boot_id", "1b-2c\n");
        world.program(
            "systemctl",
            "case $1 in is-system-running) echo running ;; esac",
        );
        world.program("journalctl", "");
        world.program("findmnt", "exit 1");
        world
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.path().join(name);
        self.1.write_file(&path, text).unwrap();
        path
    }

    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.put(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `aspect: found` of the rows that do not hold.
    fn broken(&self, config: &Value) -> Vec<String> {
        let wanted = expectations(config);
        let findings = asked(&wanted, self.path());
        let rows = judge(Boot::First, &wanted, &findings, None).into_iter();
        rows.filter(|row| row.verdict == Verdict::Broken)
            .map(|row| format!("{}: {}", row.aspect, row.found))
            .collect()
    }
}

const NOTE: &str = r#"{"provisioningBootID": "1b-2c", "x": 1}"#;

#[test]
fn the_whole_script_is_a_shells_and_its_report_comes_through() {
    let world = World::new("root=/dev/vda ignition.firstboot=1 quiet");
    world.put("etc/.ignition-result.json", NOTE);
    let config = json!({ "storage": { "files": [{ "path": "/it's $(x) `y`", "mode": 0o600 }] } });
    let wanted = expectations(&config);
    let whole = script(&wanted)
        .replace(&format!("settle {SETTLE}\n"), "")
        .replace("\nquiet\n", "\n");
    let head = format!(
        "PATH={0}/bin:$PATH SYS={0}/sys PROC={0}/proc ETC={0}/etc\n",
        world.path().display()
    );
    let log = sh(&(head + &whole), world.path());
    let findings = read(&log, &id(&wanted)).unwrap();
    assert_eq!(findings.get("system", "boot-id"), Some("1b-2c"));
    assert_eq!(findings.get("file /it's $(x) `y`", "type"), Some("absent"));
    assert_eq!(findings.get("system", "state"), Some("running"));
    // Each line twice: either copy will do, and half a copy will not.
    let copies: Vec<&str> = log.split("\ncustom-coreos-vm begin").collect();
    assert_eq!(copies.len(), 3, "{log}");
    let second = format!("\ncustom-coreos-vm begin{}", copies[2]);
    assert_eq!(read(&second, &id(&wanted)).unwrap(), findings);
    assert!(read(&second[..second.len() / 2], &id(&wanted)).is_err());
    // Another config asks other questions, so its report is another.
    assert!(read(&log, &id(&expectations(&json!({})))).is_err());
}

#[test]
fn a_word_is_a_word_to_the_shell() {
    let world = World::new("");
    for word in ["", "a b", "it's", "$(exit 3)", "`x`", "a\\b", "*"] {
        let said = sh(&format!("printf '<%s>' {}", quoted(word)), world.path());
        assert_eq!(said, format!("<{word}>"));
    }
}

#[test]
fn files_are_seen_as_they_are() {
    let world = World::new("a=b ignition.firstboot");
    world.put("etc/.ignition-result.json", NOTE);
    let owner = |path: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        let meta = std::fs::metadata(path).unwrap();
        (meta.uid(), meta.gid())
    };
    let file = world.put("tree/a file", "hello\nmore");
    let (uid, gid) = owner(&file);
    let folder = file.parent().unwrap();
    let name = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::hard_link(&file, name("hard")).unwrap();
    std::os::unix::fs::symlink("../x y", name("soft")).unwrap();
    world.put("tree/empty", "");
    let mut config = json!({
        "kernelArguments": { "shouldExist": ["a=b"], "shouldNotExist": ["a"] },
        "storage": {
            "files": [
                { "path": name("a file"), "mode": 0o640, "user": { "id": uid }, "group": { "id": gid },
                  "contents": { "source": "data:,hello%0Amore" } },
                { "path": name("empty"), "contents": { "source": "" }, "user": { "id": uid }, "group": { "id": gid } },
                { "path": name("hard"), "append": [{ "source": "data:,more" }] },
            ],
            "directories": [{ "path": name(""), "user": { "id": uid } }],
            "links": [
                { "path": name("soft"), "target": "../x y", "user": { "id": uid }, "group": { "id": gid } },
                { "path": name("hard"), "target": name("a file"), "hard": true },
            ],
        },
    });
    let mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o640);
    std::fs::set_permissions(
        name("empty"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    assert_eq!(world.broken(&config), [""; 0]);
    // Each thing is seen when it is another.
    mode(0o644);
    assert_eq!(world.broken(&config), ["mode: 644"]);
    mode(0o640);
    world.put("tree/a file", "hello\nmoro");
    let broken = world.broken(&config);
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].starts_with("content: "), "{broken:?}");
    assert!(broken[1].starts_with("content at its end: "), "{broken:?}");
    world.put("tree/a file", "hello\nmore");
    config["storage"]["files"][0]["user"]["id"] = json!(uid + 1);
    assert_eq!(world.broken(&config), [format!("owner: {uid}")]);
    config["storage"]["files"][0]["user"]["id"] = json!(uid);
    config["storage"]["links"][0]["target"] = json!("../x");
    assert_eq!(world.broken(&config), ["target: ../x y"]);
    config["storage"]["links"][0]["target"] = json!("../x y");
    std::fs::remove_file(name("hard")).unwrap();
    world.put("tree/hard", "hello\nmore");
    assert_eq!(
        world.broken(&config),
        [format!("is {}: no", name("a file"))]
    );
    world.put("proc/cmdline", "a ignition.firstboot=1\n");
    assert_eq!(world.broken(&config).len(), 3);
}

#[test]
fn the_first_boot_is_told_from_others() {
    for (cmdline, note, broken) in [
        ("x ignition.firstboot=1 y", NOTE, &[""; 0][..]),
        ("ignition.firstboot", NOTE, &[]),
        (
            "ignition.firstbootx=1",
            NOTE,
            &["Ignition: its note is of this boot"],
        ),
        (
            "x",
            r#"{"provisioningBootID": "other"}"#,
            &["Ignition: its note is of an earlier boot"],
        ),
        (
            "ignition.firstboot=1",
            r#"{"provisioningBootID": "other"}"#,
            &["Ignition: the kernel was told to"],
        ),
    ] {
        let world = World::new(cmdline);
        world.put("etc/.ignition-result.json", note);
        assert_eq!(world.broken(&json!({})), broken, "{cmdline} {note}");
    }
}

#[test]
fn users_and_their_keys_are_seen() {
    let world = World::new("ignition.firstboot=1");
    world.put("etc/.ignition-result.json", NOTE);
    let home = world.path().join("home");
    let uid = sh("id -u", world.path());
    let entry = format!("core:x:{}:5:A B:{}:/bin/sh", uid.trim(), home.display());
    world.program("getent", &format!(
        "case \"$1 $2\" in 'passwd core') echo '{entry}' ;; 'shadow core') echo 'core:$y$x:1:' ;; \
         'group media') echo 'media:x:7:' ;; *) exit 2 ;; esac"
    ));
    world.program(
        "id",
        "case $1 in -gn) echo main ;; -Gn) echo main wheel ;; esac",
    );
    let keys = world.put(
        "home/.ssh/authorized_keys.d/ignition",
        "ssh-ed25519 AAAA me \n\nssh-rsa BBBB",
    );
    let permit = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(0o600);
    let config = json!({ "passwd": {
        "users": [
            { "name": "core", "groups": ["wheel"], "gecos": "A B", "shell": "/bin/sh", "primaryGroup": "main",
              "homeDir": home, "passwordHash": "$y$x", "sshAuthorizedKeys": ["ssh-ed25519 AAAA me", "ssh-rsa BBBB"] },
            { "name": "gone", "shouldExist": false },
        ],
        "groups": [{ "name": "media", "gid": 7 }],
    } });
    assert_eq!(world.broken(&config), [""; 0]);
    // sshd takes no file that others can write.
    for mode in [0o620, 0o602] {
        permit(mode);
        let broken = world.broken(&config);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].contains("sshd would not read"), "{broken:?}");
    }
    permit(0o600);
    world.put(
        "home/.ssh/authorized_keys.d/ignition",
        "ssh-ed25519 AAAA you\nssh-rsa BBBB\n",
    );
    assert_eq!(world.broken(&config), ["key ssh-ed25519 me: not among 2"]);
}

#[test]
fn the_harness_is_a_config_that_merges() {
    let own =
        json!({ "ignition": { "version": "3.3.0" }, "storage": { "files": [{ "path": "/a" }] } });
    let wanted = expectations(&own);
    let harness = harness(&wanted, Afterwards::StayUp);
    let merged = crate::vm::config::rendered(&joined(&own, &harness));
    assert_eq!(merged.unread, []);
    let files = merged.config["storage"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(merged.config["systemd"]["units"][0]["name"], UNIT);
    // What it lays is what it says.
    let laid = crate::ignition::view::decode(&files[1]["contents"]);
    assert_eq!(laid.text(), Some(script(&wanted)));
}

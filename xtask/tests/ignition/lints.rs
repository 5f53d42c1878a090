//! Each lint: one config that it finds, and its neighbour that is right.

use image_config::Allow;
use image_config::Lint;
use machine::ignition::{
    lints::{Finding, lint},
    view::View,
};

use crate::{sandbox, with_config};

const HASH: &str = "$y$j9T$abcdefghijklmnop$ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BLOB: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2";

fn findings(config: &serde_json::Value) -> Vec<Finding> {
    lint(&View::parse(&config.to_string()).unwrap(), "nas.bu", &[])
}

#[track_caller]
fn bad(wanted: Lint, path: &str, config: &serde_json::Value) {
    let found = findings(config);
    let hit = found
        .iter()
        .any(|finding| finding.lint == wanted && finding.path == path);
    assert!(hit, "{wanted} at {path}: {found:#?}");
}

#[track_caller]
fn good(lint: Lint, config: &serde_json::Value) {
    let found = findings(config);
    assert!(
        found.iter().all(|finding| finding.lint != lint),
        "{found:#?}"
    );
}

fn user(key: &str, value: impl serde::Serialize) -> serde_json::Value {
    serde_json::json!({ "passwd": { "users": [{ "name": "core", key: value }] } })
}

fn file(path: &str, text: &str) -> serde_json::Value {
    let source: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let contents = serde_json::json!({ "source": format!("data:,{source}") });
    serde_json::json!({ "storage": { "files": [{ "path": path, "contents": contents }] } })
}

fn unit(unit: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "systemd": { "units": [unit] } })
}

fn service(line: &str) -> serde_json::Value {
    unit(
        &serde_json::json!({ "name": "a.service", "contents": format!("[Service]\nExecStart={line}\n") }),
    )
}

fn luks(key: &str, value: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "storage": { "luks": [{ "name": "root", key: value }] } })
}

#[test]
fn password_hash() {
    bad(
        Lint::PasswordHash,
        "$.passwd.users.0.passwordHash",
        &user("passwordHash", HASH),
    );
    bad(
        Lint::PasswordHash,
        "$.storage.files.0.contents",
        &file("/etc/shadow", &format!("core:{HASH}:1::")),
    );
    good(Lint::PasswordHash, &user("passwordHash", "*"));
    good(Lint::PasswordHash, &file("/etc/x", "echo $1$2"));
}

#[test]
fn private_key() {
    let pem = format!("-----BEGIN {} KEY-----\nx\n", "OPENSSH PRIVATE");
    bad(
        Lint::PrivateKey,
        "$.storage.files.0.contents",
        &file("/etc/ssh/key", &pem),
    );
    bad(
        Lint::PrivateKey,
        "$.storage.luks.0.keyFile",
        &luks("keyFile", &serde_json::json!({ "source": "data:,x" })),
    );
    good(
        Lint::PrivateKey,
        &file("/etc/key.pub", "-----BEGIN PUBLIC KEY-----\nx\n"),
    );
}

#[test]
fn private_keys_inside_a_merged_config() {
    let pem = format!("-----BEGIN {} KEY-----\nx\n", "PRIVATE");
    let inner = file("/etc/key", &pem).to_string();
    let source: String = inner.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let outer = serde_json::json!({ "ignition": { "config": { "merge": [{ "source": format!("data:,{source}") }] } } });
    bad(
        Lint::PrivateKey,
        "$.ignition.config.merge.0.storage.files.0.contents",
        &outer,
    );
}

#[test]
fn token() {
    let key = format!("{}auth-{}", "tskey-", "k1".repeat(12));
    bad(
        Lint::Token,
        "$.systemd.units.0.contents",
        &service(&format!("/usr/bin/tailscale up --auth-key={key}")),
    );
    let fetched = serde_json::json!({ "storage": { "files": [{ "path": "/a", "contents": {
        "source": "https://host/x", "httpHeaders": [{ "name": "Authorization", "value": "x" }] } }] } });
    bad(Lint::Token, "$.storage.files.0.contents", &fetched);
    let proxy = serde_json::json!({ "ignition": { "proxy": { "httpProxy": "http://u:p@host" } } });
    bad(Lint::Token, "$.ignition.proxy.httpProxy", &proxy);
    good(
        Lint::Token,
        &service("/usr/bin/tailscale up --auth-key=file:/run/key"),
    );
}

#[test]
fn pcr_binding() {
    let custom = |pin: &str, config: &str| {
        luks(
            "clevis",
            &serde_json::json!({ "custom": { "pin": pin, "config": config } }),
        )
    };
    let path = "$.storage.luks.0.clevis.custom.config";
    bad(
        Lint::PcrBinding,
        path,
        &custom("tpm2", r#"{"pcr_bank":"sha256","pcr_ids":"7"}"#),
    );
    bad(
        Lint::PcrBinding,
        path,
        &custom("sss", r#"{"t":1,"pins":{"tpm2":[{"pcr_ids":[0,7]}]}}"#),
    );
    good(
        Lint::PcrBinding,
        &luks("clevis", &serde_json::json!({ "tpm2": true })),
    );
    good(Lint::PcrBinding, &custom("tpm2", r#"{"pcr_ids":"16"}"#));
}

#[test]
fn unit_without_install() {
    let with = |text: &str| {
        unit(&serde_json::json!({ "name": "a.service", "enabled": true, "contents": text }))
    };
    bad(
        Lint::UnitWithoutInstall,
        "$.systemd.units.0.enabled",
        &with("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=\n"),
    );
    good(
        Lint::UnitWithoutInstall,
        &with("[Install]\nWantedBy=multi-user.target\n"),
    );
    good(
        Lint::UnitWithoutInstall,
        &unit(&serde_json::json!({ "name": "of-the-system.service", "enabled": true })),
    );
}

/// Of a pair, the timer is what is to be enabled.
#[test]
fn the_timer_is_named() {
    let pair = serde_json::json!({ "systemd": { "units": [
        { "name": "a.service", "enabled": true, "contents": "[Service]\nExecStart=/bin/true\n" },
        { "name": "a.timer", "contents": "[Timer]\nOnCalendar=daily\n" },
    ] } });
    let found = findings(&pair);
    assert!(
        found[0]
            .detail
            .contains("`a.timer` is what should be enabled"),
        "{found:?}"
    );
}

#[test]
fn unpinned_image() {
    let path = "$.systemd.units.0.contents";
    bad(
        Lint::UnpinnedImage,
        path,
        &service("/usr/bin/podman run quay.io/a/b:latest"),
    );
    bad(
        Lint::UnpinnedImage,
        path,
        &service("/usr/bin/bootc switch ghcr.io/a/b:stable"),
    );
    good(
        Lint::UnpinnedImage,
        &service("/usr/bin/podman run quay.io/a/b@sha256:00"),
    );
    good(
        Lint::UnpinnedImage,
        &service("/usr/bin/bootc switch --enforce-container-sigpolicy ghcr.io/a/b:stable"),
    );
    let quadlet = "/etc/containers/systemd/a.container";
    bad(
        Lint::UnpinnedImage,
        "$.storage.files.0.contents",
        &file(quadlet, "[Container]\nImage=docker.io/a/b\n"),
    );
    good(
        Lint::UnpinnedImage,
        &file(quadlet, "[Container]\nImage=a.image\n"),
    );
    // A policy that asks for a signature is as good.
    let mut held = file(quadlet, "[Container]\nImage=docker.io/a/b\n");
    let policy = file(
        "/etc/containers/policy.json",
        r#"{"default":[{"type":"reject"}]}"#,
    );
    let files = held["storage"]["files"].as_array_mut().unwrap();
    files.push(policy["storage"]["files"][0].clone());
    good(Lint::UnpinnedImage, &held);
}

#[test]
fn unverified_source() {
    let fetched = |verification: serde_json::Value| {
        serde_json::json!({ "storage": { "files": [{ "path": "/a", "contents": {
            "source": "https://host/x", "verification": verification } }] } })
    };
    bad(
        Lint::UnverifiedSource,
        "$.storage.files.0.contents",
        &fetched(serde_json::json!({})),
    );
    good(
        Lint::UnverifiedSource,
        &fetched(serde_json::json!({ "hash": "sha256-00" })),
    );
}

#[test]
fn key_without_comment() {
    bad(
        Lint::KeyWithoutComment,
        "$.passwd.users.0.sshAuthorizedKeys.0",
        &user("sshAuthorizedKeys", [BLOB]),
    );
    good(
        Lint::KeyWithoutComment,
        &user("sshAuthorizedKeys", [format!("{BLOB} me@laptop")]),
    );
    let host = "/etc/ssh/ssh_host_ed25519_key.pub";
    bad(
        Lint::KeyWithoutComment,
        "$.storage.files.0.contents",
        &file(host, BLOB),
    );
    good(Lint::KeyWithoutComment, &file(host, &format!("{BLOB} nas")));
}

#[test]
fn no_key() {
    let path = "$.passwd.users";
    bad(Lint::NoKey, path, &user("groups", ["wheel"]));
    bad(
        Lint::NoKey,
        path,
        &user("sshAuthorizedKeys", [format!("{BLOB} placeholder")]),
    );
    good(
        Lint::NoKey,
        &user("sshAuthorizedKeys", [format!("{BLOB} me")]),
    );
    assert!(
        !Lint::NoKey.fails(),
        "the sources as they are shared hold no key"
    );
}

#[test]
fn names_are_those_of_image_yaml() {
    for name in [
        "password-hash",
        "private-key",
        "token",
        "pcr-binding",
        "unit-without-install",
        "unpinned-image",
        "unverified-source",
        "key-without-comment",
        "no-key",
    ] {
        assert_eq!(name.parse::<Lint>().unwrap().to_string(), name);
    }
    let allow: Result<Allow, _> = serde_yaml::from_str("lint: nope\nreason: x\n");
    assert!(
        allow
            .unwrap_err()
            .to_string()
            .contains("`nope` is not a lint")
    );
}

#[test]
fn a_finding_ends_the_task_unless_it_is_allowed() {
    let sandbox = sandbox();
    let source = format!(
        "variant: fcos\nversion: 1.6.0\npasswd:\n  users:\n    - name: core\n      password_hash: {HASH}\n"
    );
    sandbox.write("ignition/machine.bu", &source);
    let outcome = sandbox.run(&["ignition", "machine"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let place = "ignition/machine.bu $.passwd.users.0.passwordHash: the password hash of `core`";
    assert!(
        outcome.stderr.contains(place) && outcome.stderr.contains("[password-hash]"),
        "{outcome:?}"
    );
    assert!(!sandbox.exists("target/ignition/machine.ign"));
    let allow = |file: &str| {
        with_config(&sandbox, |config| {
            let text = format!("lint: password-hash\nfile: {file}\nreason: It is for tests\n");
            config.ignition.allow = vec![serde_yaml::from_str(&text).unwrap()];
        });
    };
    allow("other.bu");
    let other = sandbox.run(&["ignition"]);
    assert_eq!(other.code, Some(1));
    assert!(
        other.stderr.contains("`password-hash` allows nothing"),
        "{other:?}"
    );
    allow("machine.bu");
    let allowed = sandbox.run(&["ignition"]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    assert!(
        allowed.stderr.contains("[password-hash]: It is for tests"),
        "{allowed:?}"
    );
}

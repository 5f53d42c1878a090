//! The disks in the metadata of a stream.

use serde_json::{Value, json};
use version_discovery::fcos_disk::{QemuDisk, qemu};
use version_discovery::{Arch, Error, Stream};

const STREAM: &str = include_str!("fixtures/streams-stable.json");

fn stable() -> Stream {
    "stable".parse().expect("a stream")
}

fn of(document: &Value) -> Result<Option<QemuDisk>, Error> {
    qemu(document.to_string().as_bytes(), &stable(), Arch::X86_64)
}

fn document() -> Value {
    serde_json::from_str(STREAM).expect("JSON")
}

#[test]
fn of_real_metadata() {
    let disk = of(&document()).unwrap().unwrap();
    assert_eq!(disk.release.to_string(), "44.20260707.3.1");
    let path = "/prod/streams/stable/builds/44.20260707.3.1/x86_64/fedora-coreos-44.20260707.3.1-qemu.x86_64.qcow2.xz";
    for root in [
        "https://mirror.example/fcos",
        "https://mirror.example/fcos/",
    ] {
        assert_eq!(disk.url(root), format!("https://mirror.example/fcos{path}"));
    }
    assert_eq!(
        disk.name(),
        "fedora-coreos-44.20260707.3.1-qemu.x86_64.qcow2"
    );
    assert!(disk.sha256.as_str().starts_with("35eb8e1f"));
    assert!(disk.uncompressed.as_str().starts_with("231a7402"));
    let arm = qemu(STREAM.as_bytes(), &stable(), Arch::Aarch64)
        .unwrap()
        .unwrap();
    assert!(arm.name().ends_with("qemu.aarch64.qcow2"));
}

#[test]
fn what_is_missing_or_wrong() {
    let mut none = document();
    none["architectures"]["x86_64"]["artifacts"]["qemu"]["formats"] = json!({});
    assert_eq!(of(&none), Ok(None));
    none["architectures"] = json!({});
    assert_eq!(of(&none), Ok(None));
    let testing: Stream = "testing".parse().unwrap();
    assert!(qemu(STREAM.as_bytes(), &testing, Arch::X86_64).is_err());
    assert!(qemu(b"<html>", &stable(), Arch::X86_64).is_err());
    let place = "/architectures/x86_64/artifacts/qemu/formats/qcow2.xz/disk";
    for (key, value) in [
        ("sha256", json!("abc")),
        ("sha256", json!("A".repeat(64))),
        ("uncompressed-sha256", Value::Null),
        ("uncompressed-sha256", json!("")),
        ("location", json!("ftp://x/y")),
        ("location", json!("https://x/a b")),
    ] {
        let mut wrong = document();
        wrong.pointer_mut(place).unwrap()[key] = value;
        assert!(of(&wrong).is_err(), "{key}");
    }
}

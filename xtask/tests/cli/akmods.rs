//! Kernel modules of ublue's, whose tags do not say which ZFS they are of.

use std::io::Write;

use registry_compat::Digest;
use remote::loopback::{Manner, Reply};
use serde_json::json;

use super::support::{
    FCOS, Sandbox,
    upstream::{KMODS, kernel},
};

const AKMODS: &str = "ghcr.io/ublue-os/akmods-zfs";
const PUBLISH: [&str; 2] = ["build", "--publish"];
const SOURCE: &str = "- image: ghcr.io/ublue-os/akmods-zfs
  flavor: coreos-stable
  project: https://github.com/ublue-os/akmods
";

fn tag() -> String {
    format!("coreos-stable-44-{}", kernel())
}

/// A layer with files of these names, and their folder.
fn layer(names: &[String]) -> Vec<u8> {
    let mut tar = Vec::new();
    for name in names {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(b"00000001000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend([7; 512]);
    }
    tar.extend([0; 1024]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    gzip.finish().unwrap()
}

/// The layer of an image as ublue makes it.
fn of_zfs(zfs: &str) -> Vec<u8> {
    let (kernel, arch) = (kernel(), std::env::consts::ARCH);
    layer(&[
        format!("kernel-rpms/kernel-core-{kernel}.rpm"),
        format!("rpms/kmods/zfs/kmod-zfs-{kernel}-{zfs}-1.fc44.{arch}.rpm"),
        format!("rpms/kmods/zfs/libzfs7-{zfs}-1.fc44.{arch}.rpm"),
        format!("rpms/kmods/zfs/other/zfs-dracut-{zfs}-1.fc44.noarch.rpm"),
        format!("rpms/kmods/zfs/src/zfs-{zfs}-1.fc44.src.rpm"),
        format!("rpms/kmods/zfs/zfs-{zfs}-1.fc44.{arch}.rpm"),
    ])
}

/// ublue has an image for the kernel, with a layer in this form.
fn put(sandbox: &Sandbox, kernel: &str, layer: (&str, &[u8])) {
    let labels = json!({"ostree.linux": kernel});
    sandbox.upstream.put_layer(AKMODS, &tag(), &labels, layer);
}

/// `image.yaml` with ublue as the only source, or below the other one.
fn configure(sandbox: &Sandbox, only: bool) {
    let yaml = sandbox.read("image.yaml");
    let (before, rest) = yaml.split_once("kmods:\n").unwrap();
    let end = rest.find("architectures:").unwrap();
    let others = if only { "" } else { &rest[..end] };
    let yaml = format!("{before}kmods:\n{others}{SOURCE}{}", &rest[end..]);
    sandbox.write("image.yaml", &yaml);
}

fn only_ublue() -> Sandbox {
    let sandbox = Sandbox::new();
    configure(&sandbox, true);
    sandbox
}

fn built(sandbox: &Sandbox) -> String {
    let log = sandbox.engine_log();
    let build = log.iter().find(|line| line.starts_with("podman build "));
    build.cloned().unwrap_or_default()
}

fn layers_read(sandbox: &Sandbox) -> usize {
    let digest = Digest::of(&of_zfs("2.4.3"));
    let path = format!("/v2/ghcr.io/ublue-os/akmods-zfs/blobs/{digest}");
    sandbox.upstream.asked("GET", &path)
}

#[track_caller]
fn assert_builds(sandbox: &Sandbox, zfs: &str, kmods: &str, path: &str) {
    let outcome = sandbox.run_in_ci(&PUBLISH);
    let build = built(sandbox);
    for part in [
        format!("image.version={FCOS}-zfs{zfs} "),
        format!("KMODS_IMAGE={kmods} "),
        format!("KMODS_PATH={path} "),
        format!("ZFS_VERSION={zfs} "),
    ] {
        assert!(build.contains(&part), "{part} in {build}\n{outcome:?}");
    }
    outcome.expect(0);
}

#[test]
fn its_zfs_is_read_from_the_names_in_its_layer_once() {
    let sandbox = only_ublue();
    put(&sandbox, &kernel(), ("gzip", &of_zfs("2.4.3")));
    let digest = sandbox.upstream.digest(AKMODS, &tag()).unwrap();
    let image = format!("{AKMODS}@{digest}");
    assert_builds(&sandbox, "2.4.3", &image, "/rpms/kmods/zfs");
    assert_eq!(layers_read(&sandbox), 1);
    let lock = sandbox.run(&["resolve", "--json"]).expect(0);
    assert!(lock.contains("/rpms/kmods/zfs"), "{lock}");
    assert_eq!(layers_read(&sandbox), 1);
    // The night after, the same tag is another image.
    put(&sandbox, &kernel(), ("gzip", &of_zfs("2.4.4")));
    let lock = sandbox.run(&["resolve", "--json"]).expect(0);
    assert!(lock.contains("\"zfs\": \"2.4.4\""), "{lock}");
    // A pin on the digest of the one before.
    let yaml = sandbox.read("image.yaml");
    let (before, rest) = yaml.split_once("policy:\n").unwrap();
    let pin = format!(
        "policy:\n  rule: pin\n  pin:\n    kmods-digest: {digest}\n    reason: x\n    \
         expires: {}\n",
        super::support::upstream::day(2)
    );
    let rest = &rest[rest.find("\nkmods:").unwrap() + 1..];
    sandbox.write("image.yaml", &format!("{before}{pin}{rest}"));
    let lock = sandbox.run(&["resolve", "--json"]).expect(0);
    assert!(
        lock.contains(&digest) && lock.contains("\"zfs\": \"2.4.3\""),
        "{lock}"
    );
    assert_eq!(layers_read(&sandbox), 1);
}

#[test]
fn it_is_taken_where_the_first_source_has_nothing_and_never_mixed() {
    let sandbox = Sandbox::new();
    configure(&sandbox, false);
    put(&sandbox, &kernel(), ("gzip", &of_zfs("2.4.3")));
    let first = format!("zfs-2.4.4_kernel-{}", kernel());
    let digest = sandbox.upstream.digest(KMODS, &first).unwrap();
    let lock = sandbox.run(&["resolve", "--json"]).expect(0);
    assert!(lock.contains(&digest), "{lock}");
    // Of no use to anybody: it is not looked into.
    assert_eq!(layers_read(&sandbox), 0);
    assert_builds(&sandbox, "2.4.4", &format!("{KMODS}@{digest}"), "/");

    sandbox.upstream.remove(KMODS, &first);
    sandbox.write("log", "");
    let second = sandbox.upstream.digest(AKMODS, &tag()).unwrap();
    let image = format!("{AKMODS}@{second}");
    assert_builds(&sandbox, "2.4.3", &image, "/rpms/kmods/zfs");
    assert!(!built(&sandbox).contains(KMODS), "{}", built(&sandbox));
}

#[test]
fn an_image_that_contradicts_its_tag_is_not_trusted() {
    for label in ["7.1.3-200.fc44.x86_64", ""] {
        let sandbox = only_ublue();
        put(&sandbox, label, ("gzip", &of_zfs("2.4.4")));
        let outcome = sandbox.run_in_ci(&PUBLISH);
        for words in ["ostree.linux", label, "not to be trusted"] {
            assert!(outcome.stderr.contains(words), "{words} in {outcome:?}");
        }
        outcome.expect(1);
        assert_eq!(built(&sandbox), "");
    }
}

#[test]
fn what_cannot_be_read_is_never_no_kmods() {
    let good = of_zfs("2.4.4");
    let arch = std::env::consts::ARCH;
    let two = ["2.4.3", "2.4.4"].map(|zfs| format!("rpms/kmods/zfs/zfs-{zfs}-1.fc44.{arch}.rpm"));
    let module = format!("rpms/kmods/zfs/kmod-zfs-{}-2.4.4.rpm", kernel());
    let two = layer(&[&two[..], &[module]].concat());
    for (form, layer, why) in [
        ("zstd", &good[..], "tar+zstd"),
        (
            "gzip",
            &good[..good.len() / 2],
            "not a layer of gzip and tar",
        ),
        ("gzip", b"<html>", "not a layer of gzip and tar"),
        ("gzip", &layer(&[]), "no RPM in /rpms/kmods/zfs"),
        ("gzip", &two, "not of one release of ZFS"),
    ] {
        let sandbox = only_ublue();
        put(&sandbox, &kernel(), (form, layer));
        unreadable(&sandbox, why);
        // Nothing of it was remembered.
        put(&sandbox, &kernel(), ("gzip", &good));
        sandbox.run(&["resolve"]).expect(0);
    }
    let digest = Digest::of(&good);
    let blob = |bytes: &[u8]| Reply::new(200, "application/octet-stream", bytes);
    let cut = blob(&good).sent(Manner::CutAfter(good.len() / 2));
    for (reply, why) in [
        (blob(&of_zfs("2.4.3")), "its digest is sha256:"),
        (cut, "check the network"),
        (
            Reply::new(404, "text/plain", "-"),
            "the registry contradicts itself",
        ),
        (Reply::new(500, "text/plain", "oops"), "HTTP 500"),
        (Reply::new(403, "text/plain", "no"), "HTTP 403"),
    ] {
        let sandbox = only_ublue();
        put(&sandbox, &kernel(), ("gzip", &good));
        let path = format!("/v2/{AKMODS}/blobs/{digest}");
        sandbox.upstream.answer(&path, reply);
        unreadable(&sandbox, why);
    }
}

#[track_caller]
fn unreadable(sandbox: &Sandbox, why: &str) {
    for task in [&PUBLISH[..], &["explain"]] {
        let outcome = sandbox.run_in_ci(task);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(all.contains(why), "{why} in {outcome:#?}");
        for never in ["no kmods", "no ZFS kernel modules"] {
            assert!(!all.contains(never), "{never} in {outcome:#?}");
        }
        outcome.expect(3);
    }
    assert_eq!(built(sandbox), "");
}

#[test]
fn a_kernel_that_it_does_not_have_is_waited_for() {
    let sandbox = only_ublue();
    let other = "coreos-stable-44-7.0.1-200.fc44.x86_64";
    sandbox.upstream.put_image(AKMODS, other, &json!({}));
    let outcome = sandbox.run_in_ci(&PUBLISH);
    assert!(
        outcome.stderr.contains("no ZFS kernel modules"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains(&tag()), "{outcome:?}");
    outcome.expect(10);
}

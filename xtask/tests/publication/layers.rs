//! Layers by how often they change: what hosts fetch, and that it is what was built.

use std::collections::BTreeMap;

use image_layers::image::Manifest;
use registry_compat::Answer;
use xshell::cmd;

use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

/// A folder is removed, another replaced, a file has two names, one can be run by all.
const CONTAINERFILE: &str = r#"ARG KMODS_IMAGE
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG KERNEL_VERSION
COPY rootfs/ /
RUN ["/usr/bin/bash", "-c", "rm -r /tmp /var/tmp && mkdir -m 1777 /var/tmp && mkdir -m 0750 -p /usr/lib/modules/k /var/empty && echo new >/usr/lib/modules/k/modules.dep && umask 077 && echo secret >/etc/secret"]
"#;

/// As the real script, of packages that are not there.
const OWNERS: &str = "printf 'tool-1-1.src.rpm\\tMaker\\t1000000000\\t/usr/bin/tool\\n'
printf 'small-1-1.src.rpm\\tMaker\\t1000000000\\t/usr/bin/small\\n'
printf 'end\\t2 files\\n'
exit
";

fn published(sandbox: &Sandbox, tag: &str) -> Manifest {
    let Answer::Present(found) = sandbox.registries().artefact(&sandbox.image(tag)) else {
        panic!("{tag} is not there");
    };
    serde_json::from_slice(&found.manifest).unwrap()
}

/// Our layers by what is in them.
fn parts(manifest: &Manifest) -> BTreeMap<String, String> {
    let ours = manifest.layers.iter().filter_map(|layer| {
        let part = layer.part()?.to_owned();
        Some((part, layer.digest.to_string()))
    });
    ours.collect()
}

/// Every file of an image with all that an image can say of it but its time, and the sum
/// of all contents.
fn tree(sandbox: &Sandbox, image: &str) -> (String, String) {
    let sh = sandbox.sh();
    let container = cmd!(sh, "podman create {image} x").quiet().read().unwrap();
    let tar = sandbox.path("tree.tar");
    cmd!(sh, "podman export --output {tar} {container}")
        .quiet()
        .run()
        .unwrap();
    cmd!(sh, "podman rm {container}")
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
    let list = cmd!(
        sh,
        "tar --numeric-owner --sort=name --list --verbose --file {tar}"
    );
    let list = list.quiet().read();
    // `--sort` is for archives that are made; some versions refuse it here.
    let list = list.unwrap_or_else(|_| {
        let list = cmd!(sh, "tar --numeric-owner --list --verbose --file {tar}");
        list.quiet().read().unwrap()
    });
    let plain = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.drain(3..5);
        words.join(" ")
    };
    let mut lines: Vec<String> = list.lines().map(plain).collect();
    lines.sort();
    let all = "tar --extract --to-command='sha256sum | tr -d \"\\n\"; echo \" $TAR_FILENAME\"' --file \"$0\" | sort | sha256sum";
    let sum = cmd!(sh, "bash -c {all} {tar}").quiet().read().unwrap();
    (lines.join("\n"), sum)
}

#[test]
fn a_host_fetches_what_changed() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let yaml = sandbox.read("image.yaml");
    let split = |days: u32, limit: &str| {
        let layers = format!("image:\n  layers: by-change\n{limit}");
        let days = format!("rebuild-after-days: {days}");
        let yaml = yaml.replace("image:\n", &layers);
        assert!(yaml.contains("rebuild-after-days: 7"));
        sandbox.write("image.yaml", &yaml.replace("rebuild-after-days: 7", &days));
    };
    split(7, "");
    let folder = "containerfiles/custom-coreos";
    sandbox.write(&format!("{folder}/Containerfile"), CONTAINERFILE);
    sandbox.write(&format!("{folder}/owners.sh"), OWNERS);
    let rootfs = format!("{folder}/rootfs");
    sandbox.write(&format!("{rootfs}/usr/bin/small"), "small\n");
    sandbox.write(
        &format!("{rootfs}/usr/bin/tool"),
        &"tool\n".repeat(1_000_000),
    );
    sandbox.write(&format!("{rootfs}/etc/motd"), "one\n");
    sandbox.run(&PUBLISH).expect(0);

    // The base's layers as they are, then ours.
    let base = "quay.io/fedora/fedora-coreos:stable".parse().unwrap();
    let Answer::Present(base) = sandbox.registries().artefact(&base) else {
        panic!("no base");
    };
    let base: Manifest = serde_json::from_slice(&base.manifest).unwrap();
    let first = published(&sandbox, "stable");
    let count = base.layers.len();
    assert_eq!(first.layers[..count], base.layers);
    let names: Vec<String> = parts(&first).into_keys().collect();
    let wanted = [
        "configuration",
        "kernel modules",
        "package tool",
        "packages of Maker",
    ];
    let removed = names.iter().filter(|name| *name == "removed files").count();
    assert_eq!(removed, 1, "{names:?}");
    let names: Vec<&String> = names
        .iter()
        .filter(|name| *name != "removed files")
        .collect();
    assert_eq!(names, wanted);

    // What a host gets is what was built, file by file.
    let name = format!("{}/{REPOSITORY}:stable", sandbox.address());
    let sh = sandbox.sh();
    cmd!(sh, "podman pull --quiet --tls-verify=false {name}")
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
    let (files, sum) = tree(&sandbox, "localhost/custom-coreos:stable");
    let theirs = tree(&sandbox, &name);
    assert_eq!(theirs.0, files);
    assert_eq!(theirs.1, sum);
    assert!(files.contains("usr/bin/small"), "{files}");
    assert!(
        !files.lines().any(|line| line.ends_with(" tmp/")),
        "{files}"
    );
    cmd!(sh, "podman rmi {name}")
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();

    // Built again, the layers are the same, bit for bit.
    sandbox.run(&PUBLISH).expect(0);
    assert_eq!(published(&sandbox, "stable").layers, first.layers);

    // Asked for packages again, which brings nothing: no tag moves, and the next night
    // does not build again.
    let before = sandbox.digest("stable").unwrap();
    split(0, "");
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(
        story.contains("nothing new: the build has the content of"),
        "{story}"
    );
    assert_eq!(sandbox.digest("stable").unwrap(), before);
    split(7, "");
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(story.contains("unchanged since"), "{story}");

    // One file: its layer, and nothing else.
    sandbox.write(&format!("{rootfs}/etc/motd"), "two\n");
    sandbox.run(&["build", "--publish"]).expect(0);
    let second = published(&sandbox, "stable");
    let (old, new) = (parts(&first), parts(&second));
    let changed: Vec<&String> = new
        .keys()
        .filter(|name| old.get(*name) != new.get(*name))
        .collect();
    assert_eq!(changed, ["configuration"]);
    let now = sandbox.digest("stable").unwrap();
    let names = [before, now.clone()].map(|digest| format!("{REPOSITORY}@{digest}"));
    let story = sandbox.run(&["diff", &names[0], &names[1]]).expect(0);
    assert!(
        story.contains("a host fetches 0.0 MB in 1 layers: configuration"),
        "{story}"
    );
    let story = sandbox.run(&["status", "--history"]).expect(0);
    assert!(story.contains("DOWNLOAD"), "{story}");

    // More than it is allowed to cost: only with a reason.
    split(7, "  most-download-mib: 1\n");
    let random = "head -c 3000000 /dev/urandom | base64 -w0 >\"$0\"";
    let file = sandbox.path(&format!("{rootfs}/usr/bin/tool"));
    cmd!(sh, "bash -c {random} {file}").quiet().run().unwrap();
    let story = sandbox.run(&["build", "--publish"]).expect(4);
    assert!(
        story.contains("hosts on") && story.contains("allows 1 MiB"),
        "{story}"
    );
    assert_eq!(sandbox.digest("stable").unwrap(), now);
    sandbox.run(&PUBLISH).expect(0);
    assert_ne!(sandbox.digest("stable").unwrap(), now);
    let left = std::fs::read_dir(sandbox.path("target"))
        .into_iter()
        .flatten();
    let left = left.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<String> = left.filter(|name| name.starts_with("layers-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

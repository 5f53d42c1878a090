use super::*;
use crate::testing;
use version_discovery::Arch;

const YAML: &str = "overlays: [rootfs]\nowned: [/usr/local]\nstages: [crun]\n\
    copy:\n  - image: ghcr.io/a/sops:v3@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    \
    unsigned: a reason\n    files: [{from: /sops, to: /usr/bin/sops}]\n\
    repositories: [{name: nas, url: \"https://a/$basearch\", key: keys/nas.asc}]\n\
    steps: [{run: steps/10-a.sh}, {run: other/10-a.sh, at: last}]\n\
    selinux: {modules: [selinux/nas.cil], contexts: [{path: \"/srv/nas(/.*)?\", type: container_file_t}]}\n\
    kernel-arguments: [quiet, \"zfs.zfs_arc_max=1\"]\nsysusers: [a/nas.conf]\nquadlets: [a/web.container]\n\
    checks: [contract.d/10-crun.sh]\n";

fn locked() -> (Lock, Target) {
    let (_, mut lock, local) = testing::locked();
    lock.policy.content = serde_yaml::from_str(YAML).unwrap();
    for (_, name) in lock.policy.content.sources() {
        lock.files.insert(name.clone(), Digest::of(name.as_bytes()));
    }
    let base: ImageRef = format!("quay.io/f/f:44@{}", Digest::of(b"f"))
        .parse()
        .unwrap();
    let stages = BTreeMap::from([("crun".to_owned(), vec![base])]);
    lock.other_images = images(&lock.policy.content, &stages);
    let target = lock.target(local.arch).unwrap().clone();
    (lock, target)
}

#[test]
fn each_declaration_is_a_word() {
    let (lock, _) = locked();
    let found = words(&lock.policy.content);
    assert_eq!(
        found,
        [
            "owned:/usr/local",
            "repository:nas|https://a/$basearch",
            "step:after-packages|000-10-a.sh",
            "step:last|001-10-a.sh",
            "file:/usr/bin/sops",
            "module:nas",
            "context:/srv/nas(/.*)?|container_file_t",
            "karg:quiet",
            "karg:zfs.zfs_arc_max=1",
            "sysusers:nas.conf",
            "quadlet:web.container",
        ]
    );
    assert!(found.iter().all(|word| !word.contains(char::is_whitespace)));
}

#[test]
fn the_files_come_from_checkout_images_and_stages() {
    let (lock, target) = locked();
    let stages = stages(&lock, &target).unwrap();
    let text = containerfile(&lock, &stages);
    for line in [
        format!("FROM {} AS stage-0", stages[0].image),
        "COPY --from=stage-0 /out/ /out/".to_owned(),
        "COPY --from=image-0 /sops /out/usr/bin/sops".to_owned(),
        "COPY rootfs/ /files/".to_owned(),
        "COPY a/web.container /files/usr/share/containers/systemd/web.container".to_owned(),
        "COPY other/10-a.sh /steps/001-10-a.sh".to_owned(),
        "COPY keys/nas.asc /keys/nas".to_owned(),
    ] {
        assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
    }
    // By digest alone: a tag would be asked for.
    assert!(text.contains("FROM ghcr.io/a/sops@sha256:aaaa"), "{text}");
}

#[test]
fn a_stage_is_another_when_its_inputs_are() {
    let (mut lock, target) = locked();
    let name = |lock: &Lock, target: &Target| stages(lock, target).unwrap()[0].image.to_string();
    let first = name(&lock, &target);
    // Whichever image of the repository it is for.
    assert!(first.starts_with("localhost/stages/crun:"), "{first}");
    assert_eq!(name(&lock, &target), first);
    let other = Target {
        arch: Arch::Aarch64,
        ..target.clone()
    };
    assert_ne!(name(&lock, &other), first);
    lock.files
        .insert("rootfs".to_owned(), Digest::of(b"changed"));
    assert_eq!(name(&lock, &target), first, "not by an overlay");
    lock.files
        .insert("stages/crun".to_owned(), Digest::of(b"changed"));
    assert_ne!(name(&lock, &target), first);
    lock.files.remove("stages/crun");
    assert!(stages(&lock, &target).is_err());
}

#[test]
fn what_is_declared_is_part_of_the_fingerprint_and_of_diff() {
    let (plain, ..) = {
        let (_, lock, local) = testing::locked();
        (lock, local)
    };
    let (lock, _) = locked();
    assert_ne!(plain.fingerprint().unwrap(), lock.fingerprint().unwrap());
    let mut other = lock.clone();
    other
        .files
        .insert("rootfs".to_owned(), Digest::of(b"changed"));
    assert_ne!(other.fingerprint().unwrap(), lock.fingerprint().unwrap());
    // A lock without content has the form that it always had.
    let text = plain.to_line().unwrap();
    assert!(
        !text.contains("\"files\"") && !text.contains("\"content\""),
        "{text}"
    );
    assert_eq!(Lock::parse(&lock.to_line().unwrap(), "x").unwrap(), lock);
    let shown = shown(&lock);
    assert_eq!(shown["ghcr.io/a/sops"], "v3 (aaaaaaaaaaaa)");
    assert_eq!(shown["file context /srv/nas(/.*)?"], "container_file_t");
    assert_eq!(shown["kernel argument quiet"], "yes");
    assert!(shown.contains_key("rootfs") && shown.contains_key("stages/crun"));
}

#[test]
fn who_signed_an_image_is_said_or_why_nobody_is_asked() {
    let (lock, _) = locked();
    let content = &lock.policy.content;
    let said = |at: usize| trusted_by(content, &lock.other_images[at]);
    assert_eq!(said(0), Err("a reason".to_owned()));
    assert!(said(1).unwrap_err().contains("stage"));
    assert!(
        lock.others_pinned()
            .iter()
            .all(|image| image.tag().is_none())
    );
}

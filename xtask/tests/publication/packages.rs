//! `packages.locked`: the packages are inputs, asked for when they must be, and a build
//! installs those of its lock. The package manager and its repositories are played; that
//! it is done with a real `rpm` is for the rehearsal.

use image_build::lock::Lock;

use xshell::cmd;

use super::sandbox::{PUBLISH, Sandbox};

/// Says how it is built. From a lock, it must have no network.
const CONTAINERFILE: &str = r#"ARG KMODS_IMAGE
ARG BASE_IMAGE
ARG PACKAGES_IMAGE
FROM ${PACKAGES_IMAGE} AS packages
FROM ${BASE_IMAGE}
ARG KERNEL_VERSION
ARG PACKAGES_FROM
ARG LOCKED_PACKAGES
COPY rootfs/ /
RUN ["/usr/bin/bash", "-c", "mkdir -p /usr/share && echo \"$PACKAGES_FROM $LOCKED_PACKAGES\" >/usr/share/how; if [[ $PACKAGES_FROM == lock ]]; then for one in /sys/class/net/*; do [[ $one == */lo ]] || exit 9; done; fi"]
"#;

const SUMS: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
];

/// What the repositories have: the first or the second version of one package.
fn repository(sandbox: &Sandbox, version: usize) {
    let sum = SUMS[version - 1];
    let text = format!("file\ttool-0:{version}-1.noarch\tupdates\t{sum}\nend\t1 files\n");
    sandbox.write("repository", &text);
}

/// The lock of the published image.
pub fn lock(sandbox: &Sandbox) -> Lock {
    let inspected = sandbox.registries().inspect(
        &sandbox.image("stable"),
        std::env::consts::ARCH.parse().unwrap(),
    );
    let registry_compat::Answer::Present(found) = inspected else {
        panic!("it is not there");
    };
    Lock::parse(&found.labels["custom-coreos.lock"], "label").unwrap()
}

pub fn packages(lock: &Lock) -> Vec<String> {
    let found = lock.targets[0].packages.iter().flatten();
    found.map(ToString::to_string).collect()
}

#[test]
fn packages_are_inputs() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let before = sandbox.read("image.yaml");
    assert!(before.contains("packages:\n") && before.contains("rebuild-after-days: 7"));
    let days = |days: u32| {
        let yaml = before.replace("packages:\n", "packages:\n  locked: true\n");
        let days = format!("rebuild-after-days: {days}");
        sandbox.write("image.yaml", &yaml.replace("rebuild-after-days: 7", &days));
    };
    let folder = "containerfiles/custom-coreos";
    sandbox.write(&format!("{folder}/Containerfile"), CONTAINERFILE);
    sandbox.write(&format!("{folder}/fetched.sh"), "exit 1\n");
    let here = sandbox.path("").display().to_string();
    // In the place of `fetched.sh` in the image that has the files.
    sandbox.write(
        "hook",
        &format!(
            "case \"$*\" in *--interactive*/packages:*) echo >>{here}/asked; cat {here}/repository; exit;; esac\n"
        ),
    );
    let asked = || {
        let text = std::fs::read_to_string(sandbox.path("asked")).unwrap_or_default();
        let _ = std::fs::remove_file(sandbox.path("asked"));
        text.lines().count()
    };
    days(7);
    repository(&sandbox, 1);

    // Asked for, then fetched.
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(story.contains("1 packages beyond the base"), "{story}");
    assert_eq!(asked(), 2);
    let first = sandbox.digest("stable").unwrap();
    let one = lock(&sandbox);
    let named = format!("tool-0:1-1.noarch updates sha256:{}", SUMS[0]);
    assert_eq!(packages(&one), [named]);
    let sh = sandbox.sh();
    let how = cmd!(
        sh,
        "podman run --rm --network=none --entrypoint=/usr/bin/bash localhost/custom-coreos:stable -c 'echo $(</usr/share/how)'"
    );
    let how = how.quiet().read().unwrap();
    assert_eq!(how, format!("lock tool-0:1-1.noarch|{}", SUMS[0]));
    let kept = || {
        let images = cmd!(sh, "podman images --quiet localhost/custom-coreos/packages");
        images.quiet().read().unwrap()
    };
    assert_eq!(kept(), "");

    // Others in the repositories: not before it is time to ask.
    repository(&sandbox, 2);
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(story.contains("unchanged since"), "{story}");
    assert_eq!(asked(), 0);
    days(0);
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(!story.contains("unchanged since"), "{story}");
    assert_eq!(asked(), 2);
    let second = sandbox.digest("stable").unwrap();
    assert_ne!(second, first);
    let two = lock(&sandbox);
    assert_ne!(packages(&two), packages(&one));
    assert_ne!(two.fingerprint().unwrap(), one.fingerprint().unwrap());
    assert_eq!(two.question().unwrap(), one.question().unwrap());

    // Asked, and they are the same: nothing is built, at any age.
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(story.contains("unchanged since"), "{story}");
    assert_eq!(asked(), 1);
    assert_eq!(sandbox.digest("stable").unwrap(), second);

    // A lock, and later its package is gone.
    sandbox
        .run(&["resolve", "--force=a test", "--decide", "-o", "lock.json"])
        .expect(0);
    assert_eq!(asked(), 1);
    sandbox.write("repository", "gone\ttool-0:2-1.noarch\nend\t0 files\n");
    let locked = ["build", "--publish", "--locked", "lock.json"];
    let story = sandbox.run(&locked).expect(1);
    assert_eq!(kept(), "", "{story}");
    let gone = "no longer in the repositories of packages: tool-0:2-1.noarch of updates \
                (they were there on ";
    assert!(story.contains(gone), "{story}");
    // Or it is another file of the same name.
    let text = format!(
        "file\ttool-0:2-1.noarch\tupdates\t{}\nend\t1 files\n",
        SUMS[0]
    );
    sandbox.write("repository", &text);
    let story = sandbox.run(&locked).expect(1);
    assert!(
        story.contains("other files now than the lock says: tool-0:2"),
        "{story}"
    );
    assert_eq!(sandbox.digest("stable").unwrap(), second);

    // Who cannot be asked is no empty list.
    sandbox.write("repository", "");
    let story = sandbox.run(&PUBLISH).expect(1);
    assert!(
        story.contains("fetched.sh did not come to its end"),
        "{story}"
    );
    assert_eq!(kept(), "", "{story}");
    // What was not made is not missed.
    sandbox.write(
        "hook",
        "case \"$*\" in *PACKAGES_FROM=asked*) exit 9;; esac\n",
    );
    let story = sandbox.run(&PUBLISH).expect(1);
    assert!(!story.contains("stays behind"), "{story}");
    sandbox.unhook();

    // Not asked for: a build asks itself, as before.
    sandbox.write("image.yaml", &before);
    sandbox.run(&PUBLISH).expect(0);
    assert_eq!(packages(&lock(&sandbox)), [""; 0]);
}

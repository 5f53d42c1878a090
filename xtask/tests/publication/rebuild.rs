//! `verify --rebuild`: built again from its lock, an image is the same, or the files that
//! differ are named.

use std::time::{SystemTime, UNIX_EPOCH};

use image_build::lock::{LOCK_LABEL, Lock};
use registry_compat::Answer;

use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

const CONTAINERFILE: &str = r#"ARG KMODS_IMAGE
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG KERNEL_VERSION
COPY rootfs/ /
RUN ["/usr/bin/bash", "-c", "mkdir -p /usr/lib/modules/k && echo new >/usr/lib/modules/k/modules.dep"]
"#;

#[test]
fn an_image_is_built_again_and_compared_file_by_file() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let yaml = sandbox.read("image.yaml");
    let one = format!("{REPOSITORY}@{}", sandbox.digest("stable").unwrap());
    let split = yaml.replace("image:\n", "image:\n  layers: by-change\n");
    sandbox.write("image.yaml", &split);
    let folder = "containerfiles/custom-coreos";
    sandbox.write(&format!("{folder}/Containerfile"), CONTAINERFILE);
    sandbox.write(
        &format!("{folder}/owners.sh"),
        "printf 'end\\t0 files\\n'\nexit\n",
    );
    let motd = format!("{folder}/rootfs/etc/motd");
    sandbox.write(&motd, "one\n");
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begin = i64::try_from(begin.as_secs()).unwrap();
    sandbox.run(&PUBLISH).expect(0);

    // Its files have the time of an input, which is older. The image itself has the time
    // at which the inputs were resolved, so that no clean-up takes it for old.
    let arch = std::env::consts::ARCH.parse().unwrap();
    let found = sandbox.registries().inspect(&sandbox.image("stable"), arch);
    let Answer::Present(found) = found else {
        panic!("it is not there");
    };
    let lock = Lock::parse(&found.labels[LOCK_LABEL], "label").unwrap();
    let times = lock.times.unwrap();
    assert!(times.newest_input < times.resolved, "{times:?}");
    assert_eq!(found.created, Some(times.resolved));
    assert!(times.resolved.as_second() >= begin, "{times:?}");
    let story = sandbox.run(&["build", "--publish"]).expect(0);
    assert!(story.contains("unchanged since"), "{story}");
    let image = format!("{REPOSITORY}@{}", sandbox.digest("stable").unwrap());

    let story = sandbox.run(&["verify", &image, "--rebuild"]).expect(0);
    for part in ["configuration", "kernel modules"] {
        let line = story
            .lines()
            .find(|line| line.contains(&format!("rebuild {part}")));
        let line = line.unwrap_or_else(|| panic!("{part}: {story}"));
        assert!(!line.contains("differs"), "{line}");
    }

    // A file that is another in this build: it is named, and nothing else.
    let other = format!("echo two >{}", sandbox.path(&motd).display());
    sandbox.hook("build*", &other);
    let story = sandbox.run(&["verify", &image, "--rebuild"]).expect(1);
    sandbox.unhook();
    assert!(story.contains("etc/motd"), "{story}");
    assert!(!story.contains("modules.dep"), "{story}");

    // From other files than the checkout has: refused, not compared.
    let story = sandbox.run(&["verify", &image, "--rebuild"]).expect(4);
    assert!(story.contains("in another state"), "{story}");
    // Nothing stays behind.
    sandbox.write(&motd, "one\n");
    let left = std::fs::read_dir(sandbox.path("target"))
        .into_iter()
        .flatten();
    let left = left.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<String> = left.filter(|name| name.starts_with("layers-")).collect();
    assert!(left.is_empty(), "{left:?}");

    // One that was pushed as one layer cannot be compared, and that is said.
    let story = sandbox.run(&["verify", &one, "--rebuild"]);
    assert!(story.code != Some(0), "{story:?}");
}

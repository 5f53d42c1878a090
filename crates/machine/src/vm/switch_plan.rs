//! `--switch`: from stock Fedora CoreOS to the image, and back.

use image_build::gather::World;
use image_build::lock::ZFS_VERSION_LABEL;
use image_build::policy_key::public_key;
use registry_compat::{Answer, ImageRef};
use serde_json::Value;
use signatures::control::control_image;
use version_discovery::Arch;

use super::wrong_boot::report_failed_boot;
use crate::error::Error;
use crate::vm::{
    expect::expectations,
    judge::Judgement,
    switch::{Switch, judge},
    test_machine::TestMachine,
};

/// The guest's name for this machine, in QEMU's user network.
const THIS_MACHINE: &str = "10.0.2.2";

/// Where a machine's config has the public key.
const KEYS: &str = "/etc/pki/containers/";

/// What the machine is switched to: the given image, or the published one.
///
/// # Errors
/// If it is not there, or could not be asked about.
pub fn plan(world: &World<'_>, image: Option<&ImageRef>, config: &Value) -> Result<Switch, Error> {
    let wrong = |detail: String| Error::Step {
        step: "switch".to_owned(),
        detail,
    };
    let image = match (image, world.config.image.tags.first()) {
        (Some(image), _) => image.clone(),
        (None, Some(tag)) => world.config.repository()?.tagged(tag.clone()),
        (None, None) => return Err(wrong("image.yaml has no tag to follow".to_owned())),
    };
    world.report.status("Reading", &image.to_string());
    let arch: Arch = std::env::consts::ARCH.parse()?;
    let registries = world.registries()?;
    let found = match registries.inspect(&image, arch) {
        Answer::Present(found) => found,
        Answer::Absent => return Err(wrong(format!("{image} is not there for {arch}"))),
        Answer::Unknown(why) => return Err(image_build::Error::Unknown(why).into()),
    };
    let zfs = found
        .labels
        .get(ZFS_VERSION_LABEL)
        .cloned()
        .ok_or_else(|| wrong(format!("{image} has no label {ZFS_VERSION_LABEL}")))?;
    let control = image.repository().at(control_image(arch).digest);
    let control = match registries.digest(&control) {
        Answer::Present(_) => Some(control),
        Answer::Absent => None,
        Answer::Unknown(why) => return Err(image_build::Error::Unknown(why).into()),
    };
    let has_key = expectations(config).iter().any(|expectation| {
        expectation
            .question
            .args
            .iter()
            .any(|arg| arg.starts_with(KEYS))
    });
    let key = match has_key {
        true => None,
        false => Some(public_key(&world.env.root, image.repository())?.pem()),
    };
    let home = registries.home_of(&image)?.image;
    let place = home.repository().to_string();
    let mirror = mirror(&place, image.repository().path());
    Ok(Switch {
        image,
        digests: vec![found.digest, found.manifest],
        zfs,
        control,
        key,
        mirror,
    })
}

/// Where a repository is as the guest sees it, without its path, if
/// `registries.conf` has it on this machine's loopback.
fn mirror(place: &str, path: &str) -> Option<String> {
    let rest = ["127.0.0.1:", "localhost:"]
        .iter()
        .find_map(|own| place.strip_prefix(own))?;
    let registry = rest.strip_suffix(path)?.trim_end_matches('/');
    Some(format!("{THIS_MACHINE}:{registry}"))
}

/// Goes there and back: three boots of the machine that was installed.
///
/// # Errors
/// If it cannot be started.
pub fn perform(
    world: &World<'_>,
    switch: &Switch,
    machine: &TestMachine<'_>,
) -> Result<Vec<Judgement>, Error> {
    let booted = machine.boot_on("Switch")?;
    let judgements = judge(switch, booted.console.text());
    if judgements
        .iter()
        .any(|judgement| judgement.no_report.is_some())
    {
        report_failed_boot(world, &booted);
    }
    for judgement in &judgements {
        let boot = judgement.boot;
        world
            .report
            .answer(&format!("{boot}: {}", judgement.summary()));
        world.report.table(&judgement.table());
    }
    Ok(judgements)
}

#[cfg(test)]
mod tests {
    use super::mirror;

    #[test]
    fn only_a_registry_on_loopback_is_a_mirror() {
        let mirror = |place| mirror(place, "owner/name");
        assert_eq!(mirror("ghcr.io/owner/name"), None);
        let here = Some("10.0.2.2:5000".to_owned());
        assert_eq!(mirror("127.0.0.1:5000/owner/name"), here);
        let below = Some("10.0.2.2:5000/ghcr.io".to_owned());
        assert_eq!(mirror("localhost:5000/ghcr.io/owner/name"), below);
        assert_eq!(mirror("127.0.0.1:5000/other"), None);
    }
}

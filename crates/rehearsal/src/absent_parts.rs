//! What `image.yaml` names and no stand-in has a part for: a package that installs nothing
//! and a unit that does nothing are made of each.

use image_build::gather::World;
use image_build::policy_key::rootfs;
use image_config::Config;

/// The packages of `image.yaml` that no stand-in has a part for.
pub(crate) fn packages(config: &Config) -> Vec<String> {
    let install = config.packages.install.iter().map(ToString::to_string);
    install.filter(|name| name != "tailscale").collect()
}

/// The units of `image.yaml` that neither a stand-in nor the checkout has: those of
/// packages, or of Fedora CoreOS itself.
pub(crate) fn units(world: &World<'_>) -> Vec<String> {
    let config = world.config;
    let root = &world.env.root;
    let mut folders = vec![rootfs()];
    folders.extend(
        config
            .content
            .overlays
            .iter()
            .map(|name| name.as_str().into()),
    );
    let has = |unit: &str| {
        let played = ["zfs-", "tailscaled.", "bootc-", "zincati."];
        played.iter().any(|begin| unit.starts_with(begin))
            || folders.iter().any(|folder| {
                let file = root.join(folder).join("usr/lib/systemd/system").join(unit);
                file.is_file()
            })
    };
    let units = config.units_of_image();
    let mut names: Vec<String> = units
        .enable
        .iter()
        .chain(units.disable.iter())
        .map(|unit| template(unit.as_str()))
        .filter(|unit| !has(unit))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The file of a unit: an instance has that of its template.
fn template(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((name, _)), Some((_, kind))) => format!("{name}@.{kind}"),
        _ => unit.to_owned(),
    }
}

//! Which packages a clean-up is about. `every` are all images of image.yaml.

use host::report::Report;
use image_config::{Config, Package};
use registry_compat::Repository;

use crate::error::Error;

/// The packages of these images, or the one of this name.
///
/// # Errors
/// [`Error::Usage`] if none or several have the name.
pub(crate) fn packages(
    images: &[&Config],
    every: &[&Config],
    report: &Report,
    name: Option<&str>,
) -> Result<Vec<Package>, Error> {
    let mut all: Vec<Package> = Vec::new();
    let add = |all: &mut Vec<Package>, package: Package| {
        if all.iter().all(|known| known.image != package.image) {
            all.push(package);
        }
    };
    for config in images {
        for package in config.retention.packages.iter() {
            add(&mut all, package.clone());
        }
        if config.retention.packages.is_empty() {
            let image = config.repository()?;
            add(
                &mut all,
                Package {
                    image,
                    back_end: None,
                },
            );
        }
    }
    // After the images, which name those that stay.
    for config in images {
        let Some((source, _)) = config.own_kmods() else {
            continue;
        };
        let mut users = every.iter().filter(|of| has_own(of, &source.image));
        match users.all(|user| images.contains(user)) {
            true => add(
                &mut all,
                Package {
                    image: source.image.clone(),
                    back_end: None,
                },
            ),
            false => report.status(
                "Left",
                &format!("{}: other images are built of it, too", source.image),
            ),
        }
    }
    let Some(name) = name else { return Ok(all) };
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.retain(|package| package.is_called(name));
    match all.len() {
        1 => Ok(all),
        0 => Err(Error::Usage(format!(
            "no package `{}` in image.yaml; there is {}",
            host::one_line(name),
            known.join(", ")
        ))),
        _ => Err(Error::Usage(format!(
            "`{name}` names several packages: {}; write the whole name of one",
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// Whether this project builds the kmods of an image, into this package.
pub(crate) fn has_own(config: &Config, package: &Repository) -> bool {
    config
        .own_kmods()
        .is_some_and(|(source, _)| source.image == *package)
}

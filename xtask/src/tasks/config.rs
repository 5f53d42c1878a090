//! `config`: image.yaml as understood.

use host::Done;
use image_build::gather::World;

use crate::cli::ConfigArgs;
use crate::error::Error;

/// Prints the policy with every default filled in; as YAML, which could be
/// used as `image.yaml` again (but for the address of a webhook, which is a secret), or
/// as JSON. Or the schema of the file. What is valid and will hardly do what was wanted
/// on this day is a warning.
///
/// # Errors
/// Never for a config that was parsed.
pub fn run(world: &World<'_>, args: &ConfigArgs) -> Result<Done, Error> {
    let (config, report) = (world.config, world.report);
    if args.schema {
        report.answer(image_config::schema().trim_end());
        return Ok(Done::Success);
    }
    for doubt in config.doubts(world.env.now) {
        report.warning(&doubt);
    }
    let shown = config.shown();
    let text = shown.and_then(|shown| Ok((serde_yaml::to_string(&shown)?, shown)));
    let (text, shown) = text.map_err(|error| Error::Usage(error.to_string()))?;
    report.answer(text.trim_end());
    report.document(&shown)?;
    Ok(Done::Success)
}

//! `config`: image.yaml as understood.

use host::Done;
use host::report::Report;
use image_config::Config;

use crate::cli::ConfigArgs;
use crate::error::Error;

/// Prints the policy with every default filled in; as YAML, which could be
/// used as `image.yaml` again, or as JSON. Or the schema of the file.
///
/// # Errors
/// Never for a config that was parsed.
pub fn run(config: &Config, report: &Report, args: &ConfigArgs) -> Result<Done, Error> {
    if args.schema {
        report.answer(image_config::schema().trim_end());
        return Ok(Done::Success);
    }
    let text = serde_yaml::to_string(config).map_err(|error| Error::Usage(error.to_string()))?;
    report.answer(text.trim_end());
    report.document(config)?;
    Ok(Done::Success)
}

//! `config`: image.yaml as understood.

use host::Done;
use host::report::Report;

use crate::error::Error;
use crate::selected::Selected;

/// Prints the policy with every default filled in; as YAML, which could be
/// used as `image.yaml` again (but for the address of a webhook, which is a secret), or
/// as JSON. What is valid and will hardly do what was wanted
/// on this day is a warning.
///
/// # Errors
/// Never for a config that was parsed.
pub fn run(on: &Selected<'_>) -> Result<Done, Error> {
    let report = on.report;
    for image in on.images.iter() {
        for doubt in image.config.doubts(on.env.now) {
            report.warning(&doubt);
        }
    }
    let text = serde_yaml::to_string(on.images).map_err(|error| Error::Usage(error.to_string()))?;
    report.answer(text.trim_end());
    report.document(on.images)?;
    Ok(Done::Success)
}

/// Prints the schema of the file, whatever is in it.
///
/// # Errors
/// Never.
pub fn schema(report: &Report) -> Result<Done, Error> {
    report.answer(image_config::schema().trim_end());
    Ok(Done::Success)
}

//! The translation from beginning to end: decode, check, lower, check again,
//! write.

use crate::context::Context;
use crate::files::Files;
use crate::translation::{Failure, Options, Translation};
use crate::yaml::Document;
use crate::{decode, emit, ignition_check, lower, schema, source_check, unused, version};

/// Translates a Butane config.
///
/// Nothing but `files` is read and nothing is written: the same input always
/// gives the same answer. Errors are part of the [`Translation`].
pub fn translate(source: impl AsRef<[u8]>, files: &dyn Files, options: Options) -> Translation {
    let document = match Document::parse(source.as_ref()) {
        Ok(document) => document,
        Err(fault) => return Translation::failed(Failure::Unmarshal(fault.to_string())),
    };
    let minor = match version::find(document.as_ref()) {
        Ok(minor) => minor,
        Err(failure) => return Translation::failed(failure),
    };
    let mut context = Context::new(minor, document.as_ref(), files, options.safe);
    let root = match decode::decode(
        document.as_ref(),
        &schema::CONFIG,
        minor,
        &mut context.paths,
    ) {
        Ok(root) => root,
        Err(fault) => return Translation::failed(Failure::Decode(fault.to_string())),
    };
    unused::check(&mut context, &schema::CONFIG, &root);
    source_check::check(&mut context, &root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Source),
        };
    }
    let root = lower::lower(&mut context, root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Source),
        };
    }
    ignition_check::check(&mut context, &root);
    if context.report.is_fatal() {
        return Translation {
            ignition: None,
            report: context.report,
            failure: Some(Failure::Generated),
        };
    }
    let ignition = emit::json(&schema::CONFIG, &root, minor, options.pretty);
    Translation {
        ignition: Some(ignition),
        report: context.report,
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoFiles;

    #[test]
    fn phases_end_where_errors_are() {
        let failure = |config: &str| {
            translate(config, &NoFiles, Options::default())
                .failure
                .map(|failure| failure.to_string())
        };
        for (config, cause) in [
            ("", "error parsing variant; must be specified"),
            (
                "variant: fcos",
                "error parsing version; must be a valid semver",
            ),
            (
                "variant: fcos\nversion: 1.9.0",
                "No translator exists for variant fcos with version 1.9.0",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: []",
                "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!seq into v0_7.Storage",
            ),
            (
                "variant: [",
                "Error unmarshaling yaml: yaml: line 1: did not find expected node content",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: {trees: [{}]}",
                "source config is invalid",
            ),
            (
                "variant: fcos\nversion: 1.7.0\nstorage: {files: [{}]}",
                "config generated was invalid",
            ),
        ] {
            assert_eq!(failure(config).as_deref(), Some(cause), "{config}");
        }
    }
}

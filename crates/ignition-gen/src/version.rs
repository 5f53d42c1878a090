//! Variant and version of a config, and the Ignition version that it becomes.

use crate::translation::Failure;
use crate::tree::{Name, Paths};
use crate::yaml::Document;
use crate::{decode, schema};

/// The versions of `fcos`; the index is the minor number.
const FCOS: [&str; 9] = [
    "1.0.0",
    "1.1.0",
    "1.2.0",
    "1.3.0",
    "1.4.0",
    "1.5.0",
    "1.6.0",
    "1.7.0",
    "1.8.0-experimental",
];

/// The Ignition version that each version of `fcos` becomes.
const IGNITION: [&str; 9] = [
    "3.0.0",
    "3.1.0",
    "3.2.0",
    "3.2.0",
    "3.3.0",
    "3.4.0",
    "3.5.0",
    "3.6.0",
    "3.7.0-experimental",
];

/// Versions that the reference has of other variants.
const OTHERS: [(&str, &[&str]); 4] = [
    ("flatcar", &["1.0.0", "1.1.0", "1.2.0-experimental"]),
    ("r4e", &["1.0.0", "1.1.0", "1.2.0-experimental"]),
    ("fiot", &["1.0.0", "1.1.0-experimental"]),
    ("openshift", &[]),
];

/// The versions of `openshift` are many and regular.
fn openshift(version: &str) -> bool {
    let minor = version
        .strip_prefix("4.")
        .and_then(|rest| rest.strip_suffix(".0"));
    let stable = minor
        .and_then(|minor| minor.parse::<u32>().ok())
        .is_some_and(|minor| (8..=22).contains(&minor));
    stable || version == "4.23.0-experimental"
}

/// A version in its normal form: `1.5.0` for `01.5.00-`.
pub(crate) fn normalize(version: &str) -> Option<String> {
    let (rest, metadata) = version.split_once('+').unwrap_or((version, ""));
    let (numbers, suffix) = rest.split_once('-').unwrap_or((rest, ""));
    let identifier = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    if !identifier(suffix) || !identifier(metadata) {
        return None;
    }
    let mut parts = Vec::new();
    for number in numbers.split('.') {
        parts.push(number.parse::<i64>().ok()?.to_string());
    }
    if parts.len() != 3 {
        return None;
    }
    let mut normal = parts.join(".");
    for (sign, text) in [('-', suffix), ('+', metadata)] {
        if !text.is_empty() {
            normal.push(sign);
            normal.push_str(text);
        }
    }
    Some(normal)
}

/// The Ignition version of a minor version of `fcos`.
pub(crate) fn ignition_version(minor: u8) -> &'static str {
    IGNITION[usize::from(minor).min(IGNITION.len() - 1)]
}

/// Reads variant and version, before the schema is known.
fn common(document: Option<&Document>) -> Result<(String, String), Failure> {
    let root = decode::decode(document, &schema::COMMON, 0, &mut Paths::new());
    let root = root.map_err(|fault| Failure::Unmarshal(fault.to_string()))?;
    Ok((
        root.str_or_empty(Name::Variant).into(),
        root.str_or_empty(Name::Version).into(),
    ))
}

/// The minor number of the `fcos` version that the document asks for.
///
/// # Errors
/// If it asks for anything else.
pub(crate) fn find(document: Option<&Document>) -> Result<u8, Failure> {
    let (variant, version) = common(document)?;
    if variant.is_empty() {
        return Err(Failure::NoVariant);
    }
    let version = normalize(&version).ok_or(Failure::BadVersion)?;
    if variant == "rhcos" && version == "0.1.0" {
        return Err(Failure::Rhcos);
    }
    if variant == "fcos"
        && let Some(minor) = FCOS.iter().position(|known| *known == version)
    {
        return Ok(minor as u8);
    }
    let other = OTHERS.iter().find(|(name, _)| *name == variant);
    let known = other.is_some_and(|(name, versions)| {
        versions.contains(&version.as_str()) || *name == "openshift" && openshift(&version)
    });
    Err(if known {
        Failure::Unsupported { variant, version }
    } else {
        Failure::Unknown { variant, version }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        for version in ["1.5.0", "01.5.0", "1.05.0", "1.5.00", "1.5.0-"] {
            assert_eq!(normalize(version).as_deref(), Some("1.5.0"), "{version}");
        }
        assert_eq!(normalize("1.5.0-a+b").as_deref(), Some("1.5.0-a+b"));
        for version in ["1.5", "v1.5.0", " 1.5.0", "1.5.0.0", "1.5.x", ""] {
            assert_eq!(normalize(version), None, "{version}");
        }
    }

    #[test]
    fn other_variants() {
        let find = |text: &str| find(Document::parse(text.as_bytes()).unwrap().as_ref());
        assert_eq!(find("variant: fcos\nversion: 1.8.0-experimental"), Ok(8));
        assert!(matches!(
            find("variant: flatcar\nversion: 1.0.0"),
            Err(Failure::Unsupported { .. })
        ));
        assert!(matches!(
            find("variant: openshift\nversion: 4.18.0"),
            Err(Failure::Unsupported { .. })
        ));
        assert!(matches!(
            find("variant: openshift\nversion: 4.99.0"),
            Err(Failure::Unknown { .. })
        ));
        assert_eq!(find("variant: rhcos\nversion: 0.1.0"), Err(Failure::Rhcos));
        assert_eq!(find("version: 1.0.0"), Err(Failure::NoVariant));
    }
}

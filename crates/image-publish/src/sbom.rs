//! The packages of an image: as `packages.sh` lists them, as an SPDX document
//! beside the image, and as the difference of two images. Pure.
//!
//! Sources: SPDX 2.3, "Package information"; purl specification, type `rpm`.

use std::collections::{BTreeMap, BTreeSet};

use registry_compat::{Digest, Repository};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;

/// Media type of the document, and the type of its artefact.
pub const SPDX: &str = "application/spdx+json";

fn wrong(detail: impl Into<String>) -> Error {
    Error::Step {
        step: "packages".to_owned(),
        detail: detail.into(),
    }
}

/// Names with architecture (`zfs.x86_64`), each with its versions: mostly one,
/// but a kernel may be there twice.
pub type Packages = BTreeMap<String, BTreeSet<String>>;

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    name: String,
    epoch: String,
    version: String,
    arch: String,
}

impl Package {
    /// Its version without an epoch of 0, as `rpm` shows it.
    fn shown(&self) -> String {
        match self.epoch.as_str() {
            "0" => self.version.clone(),
            epoch => format!("{epoch}:{}", self.version),
        }
    }

    fn purl(&self) -> String {
        let epoch = match self.epoch.as_str() {
            "0" => String::new(),
            epoch => format!("&epoch={}", encoded(epoch)),
        };
        format!(
            "pkg:rpm/fedora/{}@{}?arch={}{epoch}",
            encoded(&self.name),
            encoded(&self.version),
            encoded(&self.arch)
        )
    }
}

/// Percent-encoding of what is not unreserved. Source: RFC 3986, 2.3.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Reads the report of `packages.sh`, sorted.
///
/// # Errors
/// If the report is incomplete, or lists nothing.
pub fn parse(report: &str) -> Result<Vec<Package>, Error> {
    let mut all = Vec::new();
    let mut end = None;
    for line in report.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["end", count] => end = Some((*count).to_owned()),
            [name, version, arch] => {
                let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
                let part = |text: &str| host::one_line(text);
                all.push(Package {
                    name: part(name),
                    epoch: part(epoch),
                    version: part(version),
                    arch: part(arch),
                });
            }
            _ => return Err(wrong(format!("`{}`", host::one_line(line)))),
        }
    }
    if all.is_empty() || end != Some(format!("{} packages", all.len())) {
        return Err(wrong("packages.sh did not come to its end"));
    }
    all.sort();
    Ok(all)
}

/// The same by name, for a comparison.
pub fn by_name(packages: &[Package]) -> Packages {
    let mut all = Packages::new();
    for package in packages {
        let name = format!("{}.{}", package.name, package.arch);
        all.entry(name).or_default().insert(package.shown());
    }
    all
}

/// The SPDX document of an image. `day` is `20260721`.
pub fn document(
    repository: &Repository,
    digest: &Digest,
    day: Option<&str>,
    packages: &[Package],
) -> Vec<u8> {
    let date = day.filter(|day| day.len() == 8).map_or_else(
        || "1970-01-01".to_owned(),
        |day| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
    );
    let id = |number: usize| format!("SPDXRef-Package-{number}");
    let list: Vec<Value> = packages
        .iter()
        .enumerate()
        .map(|(number, package)| {
            json!({
                "SPDXID": id(number),
                "name": package.name,
                "versionInfo": package.shown(),
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": false,
                "externalRefs": [{
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": package.purl(),
                }],
                "comment": package.arch,
            })
        })
        .collect();
    let describes: Vec<Value> = (0..packages.len())
        .map(|number| {
            json!({
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": id(number),
            })
        })
        .collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{repository}@{digest}"),
        "documentNamespace": format!("https://{repository}/{}", digest.hex()),
        "creationInfo": {
            "created": format!("{date}T00:00:00Z"),
            "creators": [concat!("Tool: custom-coreos-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": list,
        "relationships": describes,
    })
    .to_string()
    .into_bytes()
}

/// Reads back what [`document`] wrote.
///
/// # Errors
/// If it is another document.
pub fn read(document: &[u8]) -> Result<Packages, Error> {
    let value: Value = serde_json::from_slice(document)
        .map_err(|error| wrong(format!("the SBOM is not JSON: {error}")))?;
    let list = value
        .get("packages")
        .and_then(Value::as_array)
        .ok_or_else(|| wrong("the SBOM has no packages"))?;
    let mut all = Packages::new();
    for package in list {
        let text = |key: &str| {
            let text = package.get(key).and_then(Value::as_str);
            text.map(host::one_line)
                .ok_or_else(|| wrong(format!("a package of the SBOM has no {key}")))
        };
        let name = format!("{}.{}", text("name")?, text("comment")?);
        all.entry(name).or_default().insert(text("versionInfo")?);
    }
    Ok(all)
}

/// The differences between two images, each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Name of a package with its architecture, or of a label.
    pub name: String,
    /// In the first image; `None` if it is not there.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
}

/// The changes from one set of packages to another, by name.
pub fn changes(before: &Packages, after: &Packages) -> Vec<Change> {
    let joined = |packages: &Packages, name: &str| {
        let versions = packages.get(name)?;
        Some(versions.iter().cloned().collect::<Vec<_>>().join(" "))
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .map(|name| Change {
            name: name.clone(),
            before: joined(before, name),
            after: joined(after, name),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "zfs\t0:2.4.4-1.fc44\tx86_64\nbash\t0:5.3.0-2.fc44\tx86_64\n\
                        shadow-utils\t2:4.17-1\tx86_64\nc++\t0:1^2~3-1\tnoarch\nend\t4 packages\n";

    #[test]
    fn a_document_survives_its_way() {
        let packages = parse(LIST).unwrap();
        let repository: Repository = "ghcr.io/someone/custom-coreos".parse().unwrap();
        let digest = Digest::of(b"image");
        let bytes = document(&repository, &digest, Some("20260721"), &packages);
        assert_eq!(read(&bytes).unwrap(), by_name(&packages));
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains("pkg:rpm/fedora/c%2B%2B@1%5E2~3-1?arch=noarch"),
            "{text}"
        );
        assert!(
            text.contains("pkg:rpm/fedora/shadow-utils@4.17-1?arch=x86_64&epoch=2"),
            "{text}"
        );
        assert!(text.contains("2026-07-21T00:00:00Z"), "{text}");
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        for broken in [
            "",
            "end\t0 packages\n",
            "a\t0:1-1\tx86_64\n",
            "a\nend\t1 packages\n",
        ] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
        assert!(read(b"{}").is_err() && read(b"<html>").is_err());
    }

    #[test]
    fn each_change_is_told_once() {
        let before = by_name(&parse(LIST).unwrap());
        let list = LIST.replace("2.4.4", "2.4.5").replace("bash", "fish");
        let after = by_name(&parse(&list).unwrap());
        let told: Vec<String> = changes(&before, &after)
            .into_iter()
            .map(|c| format!("{} {:?} {:?}", c.name, c.before, c.after))
            .collect();
        assert_eq!(
            told,
            [
                "bash.x86_64 Some(\"5.3.0-2.fc44\") None",
                "fish.x86_64 None Some(\"5.3.0-2.fc44\")",
                "zfs.x86_64 Some(\"2.4.4-1.fc44\") Some(\"2.4.5-1.fc44\")",
            ]
        );
        assert_eq!(changes(&before, &before), []);
    }
}

//! `cleanup --audit`: what is broken already.

use host::Done;
use host::report::Report;
use retention::Finding;
use serde::Serialize;

use crate::error::Error;
use crate::gather::Inventory;
use crate::source::Source;

/// The document of `cleanup --audit --json`: one for each package.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Audited<'a> {
    package: String,
    versions: usize,
    findings: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    text: String,
}

/// Prints what is broken in each package.
///
/// # Errors
/// Never for what was read.
pub(crate) fn audit(report: &Report, gathered: &[(Source<'_>, Inventory)]) -> Result<Done, Error> {
    let mut documents = Vec::new();
    let found: Vec<(&Source<'_>, &Inventory, Vec<Finding>)> = gathered
        .iter()
        .map(|(source, inventory)| {
            let findings = retention::audit(&inventory.versions, &inventory.manifests);
            (source, inventory, findings)
        })
        .collect();
    for (source, inventory, findings) in &found {
        let (package, versions) = (source.repository.to_string(), inventory.versions.len());
        let count = findings.len();
        report.answer(&format!(
            "{package}: {count} findings in {versions} versions"
        ));
        let short = inventory
            .version_count
            .filter(|count| *count != versions as u64);
        if let Some(count) = short {
            report.warning(&format!(
                "the package has {count} versions; what is missing here may look missing there"
            ));
        }
        for finding in findings {
            report.answer(&host::report::harmless(&format!("  {finding}")));
        }
        let told = |finding| Told {
            finding,
            text: finding.to_string(),
        };
        documents.push(Audited {
            package,
            versions,
            findings: findings.iter().map(told).collect(),
        });
    }
    report.document(&documents)?;
    let clean = documents
        .iter()
        .all(|document| document.findings.is_empty());
    Ok(if clean {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

//! `cleanup --audit`: what is broken already.

use cleanup::gather::Inventory;
use cleanup::source::Source;
use host::Done;
use image_build::gather::World;
use retention::Finding;
use serde::Serialize;

use crate::error::Error;

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
pub(super) fn audit(
    world: &World<'_>,
    gathered: &[(Source<'_>, Inventory)],
) -> Result<Done, Error> {
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
        world.report.answer(&format!(
            "{package}: {count} findings in {versions} versions"
        ));
        let short = inventory
            .version_count
            .filter(|count| *count != versions as u64);
        if let Some(count) = short {
            world.report.warning(&format!(
                "the package has {count} versions; what is missing here may look missing there"
            ));
        }
        for finding in findings {
            world
                .report
                .answer(&host::report::calm(&format!("  {finding}")));
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
    world.report.document(&documents)?;
    let clean = documents
        .iter()
        .all(|document| document.findings.is_empty());
    Ok(if clean { Done::Well } else { Done::Badly })
}

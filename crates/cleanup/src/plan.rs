//! A package's plan as effects, rows and counts.

use std::fmt;

use registry_compat::{Digest, Repository, Tag};
use retention::{
    Deleted, Fate, Kind, ManifestRead, Plan, Policy, Refusal, Timestamp, Totals, Version,
    artefact_of, plan,
};
use serde::Serialize;

use crate::gather::Inventory;

/// One change to a package. Printed and performed from the same value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Delete a version, if it still has the tags that are named here.
    Delete {
        /// Of this package.
        package: Repository,
        /// The version as it was when the plan was made.
        version: Version,
    },
    /// Restore a version that was deleted.
    Restore {
        /// Of this package.
        package: Repository,
        /// GitHub's number.
        id: u64,
        /// What the log says of it.
        deleted: Deleted,
    },
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, package, name, id, tags) = match self {
            Self::Delete { package, version } => {
                let tags = version.known_tags();
                ("delete ", package, &version.name, version.id, tags)
            }
            Self::Restore {
                package,
                id,
                deleted,
            } => {
                let tags = deleted.tags.as_slice();
                ("restore", package, &deleted.name, Some(*id), tags)
            }
        };
        write!(f, "{verb}  {package}@{name}")?;
        if let Some(id) = id {
            write!(f, "  id {id}")?;
        }
        if !tags.is_empty() {
            let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
            write!(f, "  tags {}", tags.join(","))?;
        }
        Ok(())
    }
}

/// What is to become of one package.
pub struct Planned {
    /// The package.
    pub repository: Repository,
    /// What there is.
    pub inventory: Inventory,
    /// The plan. If it would delete too large a share, it is only shown.
    pub plan: Option<Plan>,
    /// Why it is not carried out.
    pub refusal: Option<Refusal>,
    now: Timestamp,
}

impl Planned {
    /// Plans a package. Pure: equal arguments give equal plans.
    pub fn new(
        repository: Repository,
        inventory: Inventory,
        policy: Policy,
        now: Timestamp,
    ) -> Self {
        let policy = Policy {
            version_count: inventory.version_count,
            ..policy
        };
        let make = |policy: &Policy| plan(&inventory.versions, &inventory.manifests, policy, now);
        let (plan, refusal) = match make(&policy) {
            Ok(plan) => (Some(plan), None),
            Err(refusal @ Refusal::TooMany { .. }) => {
                let unlimited = Policy {
                    max_percent: None,
                    ..policy
                };
                (make(&unlimited).ok(), Some(refusal))
            }
            Err(refusal) => (None, Some(refusal)),
        };
        Self {
            repository,
            inventory,
            plan,
            refusal,
            now,
        }
    }

    /// The images that stay, whatever the reason; artefacts about others are none. All of
    /// them where there is no plan.
    pub fn kept_images(&self) -> Vec<Digest> {
        let fates = self.plan.as_ref().map(Plan::fates);
        let stays = |at: usize| {
            let fate = fates.and_then(|fates| fates.get(at));
            fate.is_none_or(|fate| !fate.is_delete())
        };
        let image = |version: &&Version| {
            matches!(
                self.inventory.manifests.get(&version.name),
                Some(ManifestRead::Read(manifest))
                    if manifest.kind() == Kind::Image && manifest.subject().is_none()
            )
        };
        let versions = self.inventory.versions.iter().enumerate();
        versions
            .filter(|(at, version)| stays(*at) && image(version))
            .filter_map(|(_, version)| version.name.digest())
            .collect()
    }

    /// The effect of deleting one version, by its place.
    pub fn effect(&self, place: usize) -> Effect {
        Effect::Delete {
            package: self.repository.clone(),
            version: self.inventory.versions[place].clone(),
        }
    }

    /// The effects in order, if the plan is one to be carried out.
    pub fn effects(&self) -> Vec<Effect> {
        match (&self.plan, &self.refusal) {
            (Some(plan), None) => plan.deletions().iter().map(|&at| self.effect(at)).collect(),
            _ => Vec::new(),
        }
    }

    /// How many there are of each, in one line.
    pub fn headline(&self) -> String {
        let Some(plan) = &self.plan else {
            let listed = self.inventory.versions.len();
            return format!("{}: {listed} versions", self.repository);
        };
        let totals = plan.totals();
        let warnings = match totals.warnings {
            0 => String::new(),
            count => format!(", {count} of them with a warning"),
        };
        format!(
            "{}: {} of {} images go, {} of {} versions; {} versions stay{warnings}; \
             older than {} is old",
            self.repository,
            totals.delete_roots,
            totals.roots,
            totals.delete,
            totals.versions,
            totals.versions - totals.delete,
            plan.cutoff(),
        )
    }

    /// Every version, oldest first.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        let line = |at: usize| Line {
            digest: self.inventory.versions[at].name.to_string(),
            id: self.inventory.versions[at].id,
            tags: self.inventory.versions[at].known_tags(),
            date: plan.date(at),
            age_days: plan.date(at).map(|date| self.now.days_since(date)),
            delete: plan.fates()[at].is_delete(),
            reason: plan.fates()[at].to_string(),
            fate: &plan.fates()[at],
        };
        plan.oldest_first().into_iter().map(line).collect()
    }

    /// For `--json`.
    pub fn document(&self) -> Document<'_> {
        let plan = self.plan.as_ref();
        Document {
            package: &self.repository,
            totals: plan.map(Plan::totals),
            cutoff: plan.map(Plan::cutoff),
            absent_pins: plan.map(Plan::absent_pins).unwrap_or_default(),
            refused: self.refusal.as_ref().map(Refusal::to_string),
            refusal: self.refusal.as_ref(),
            versions: self.lines(),
            effects: self.effects().iter().map(Effect::to_string).collect(),
        }
    }
}

/// One version and what becomes of it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Line<'a> {
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    tags: &'a [Tag],
    /// The date that decided.
    date: Option<Timestamp>,
    /// Whole days since then.
    age_days: Option<i64>,
    delete: bool,
    /// In words.
    reason: String,
    /// The same, in parts.
    fate: &'a Fate,
}

impl Line<'_> {
    /// What stands above the cells.
    pub const HEADS: [&'static str; 5] = ["", "DAYS", "VERSION", "REASON", "TAGS"];

    /// For a table.
    pub fn cells(&self) -> Vec<String> {
        let hex = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        let verb = if self.delete { "delete" } else { "keep" };
        let tags: Vec<String> = self.tags.iter().map(short).collect();
        vec![
            verb.to_owned(),
            self.age_days
                .map_or_else(|| "?".to_owned(), |days| days.to_string()),
            hex.chars().take(12).collect(),
            self.reason.clone(),
            tags.join(", "),
        ]
    }
}

/// An artefact tag with the beginning of its digest only, which is that of a
/// version in the same table.
fn short(tag: &Tag) -> String {
    match artefact_of(tag).and_then(|image| image.digest()) {
        Some(image) => tag.as_str().replace(image.hex(), image.short()),
        None => tag.to_string(),
    }
}

/// One package under `--json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Document<'a> {
    package: &'a Repository,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff: Option<Timestamp>,
    absent_pins: &'a [Digest],
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a Refusal>,
    versions: Vec<Line<'a>>,
    effects: Vec<String>,
}

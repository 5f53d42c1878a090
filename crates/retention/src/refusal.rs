//! When nothing may be deleted at all.

use std::fmt;

use serde::Serialize;

use crate::graph::Graph;
use crate::{ManifestRead, Name, Policy, Version};

/// Why there is no plan. An answer and no error: everything worked, and the
/// answer is that nothing may be deleted now. Every number that the decision
/// was made of is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Two different records of one version: the list changed while it was read
    /// (lessons R12). Equal records can be merged: [`crate::merged`].
    Conflict {
        /// The version that is listed twice.
        name: Name,
        /// Its number in the first record, where there are numbers.
        id: Option<u64>,
        /// How many versions were listed.
        listed: usize,
    },
    /// The list has not as many versions as the package says. What is missing
    /// from it could be the index that needs what is in it.
    Incomplete {
        /// How many versions were listed.
        listed: usize,
        /// How many the package has.
        version_count: u64,
    },
    /// Manifests were not read, and not because they are 404. Each could be an
    /// index that needs any other version.
    Unreadable {
        /// How many were not read.
        unreadable: usize,
        /// Of how many.
        listed: usize,
        /// The first few of them, by digest, each with the reason.
        examples: Vec<(Name, String)>,
    },
    /// No image would be left that can be pulled.
    NothingLeft {
        /// How many versions would go.
        delete: usize,
        /// Of how many.
        listed: usize,
        /// How many roots that can be read there are now.
        roots: usize,
    },
    /// More would go than the policy allows in one run.
    TooMany {
        /// How many versions would go.
        delete: usize,
        /// Of how many.
        listed: usize,
        /// How many of a hundred may go. To see the plan, make it again without
        /// this limit; to carry it out, the same, and say so.
        max_percent: u8,
    },
}

impl Refusal {
    /// What a person does about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Conflict { .. } | Self::Incomplete { .. } => {
                "the list changed while it was read, or pages of it are missing: run again"
            }
            Self::Unreadable { .. } => "run again later, or check that the token may read",
            Self::NothingLeft { .. } => "keep at least one image: raise the number or the days",
            Self::TooMany { .. } => {
                "look at the plan, then run it again with a larger `--most-share`"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { name, id, listed } => {
                write!(f, "{} is listed twice, differently", name.short())?;
                if let Some(id) = id {
                    write!(f, " (id {id})")?;
                }
                write!(f, ", among {listed} versions")
            }
            Self::Incomplete {
                listed,
                version_count,
            } => write!(
                f,
                "{listed} versions listed, the package has {version_count}"
            ),
            Self::Unreadable {
                unreadable,
                listed,
                examples,
            } => {
                write!(f, "{unreadable} of {listed} manifests could not be read")?;
                for (name, why) in examples {
                    write!(f, "; {}: {why}", name.short())?;
                }
                Ok(())
            }
            Self::NothingLeft {
                delete,
                listed,
                roots,
            } => write!(
                f,
                "{delete} of {listed} versions would go, and with them all of {roots} images"
            ),
            Self::TooMany {
                delete,
                listed,
                max_percent,
            } => write!(
                f,
                "{delete} of {listed} versions would go, more than {max_percent} %"
            ),
        }
    }
}

/// How many unreadable manifests a refusal names.
const EXAMPLES: usize = 5;

/// Whether what was gathered is fit to decide on.
pub(crate) fn unfit(graph: &Graph<'_>, policy: &Policy) -> Result<(), Refusal> {
    let listed = graph.len();
    if let Some(version) = twice(graph) {
        return Err(Refusal::Conflict {
            name: version.name.clone(),
            id: version.id,
            listed,
        });
    }
    if let Some(version_count) = policy.version_count
        && u64::try_from(listed) != Ok(version_count)
    {
        return Err(Refusal::Incomplete {
            listed,
            version_count,
        });
    }
    let mut unreadable = 0;
    let mut examples = Vec::new();
    for node in (0..listed).filter(|&node| !graph.is_read(node)) {
        let why = match graph.read(node) {
            Some(ManifestRead::Read(_) | ManifestRead::NotFound) => continue,
            Some(ManifestRead::Unreadable(why)) => why,
            None => "not read",
        };
        unreadable += 1;
        if examples.len() < EXAMPLES {
            examples.push((graph.name(node).clone(), why.to_owned()));
        }
    }
    if unreadable > 0 {
        return Err(Refusal::Unreadable {
            unreadable,
            listed,
            examples,
        });
    }
    Ok(())
}

/// The first version that shares its name, or its number, with another.
fn twice<'a>(graph: &Graph<'a>) -> Option<&'a Version> {
    let mut by_id: Vec<(u64, usize)> = graph
        .in_given_order()
        .filter_map(|node| graph.version(node).id.map(|id| (id, node)))
        .collect();
    by_id.sort_unstable();
    let same_id = by_id.windows(2).find(|w| w[0].0 == w[1].0).map(|w| w[1].1);
    graph
        .same_name()
        .or(same_id)
        .map(|node| graph.version(node))
}

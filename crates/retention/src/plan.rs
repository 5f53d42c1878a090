//! The plan: a fate for every version.

use registry_compat::Digest;
use serde::Serialize;

use crate::edges::{Edges, large, small};
use crate::graph::Graph;
use crate::keep::{Decision, decide};
use crate::order::{Order, Step, needs, order};
use crate::refusal::unfit;
use crate::{
    DeleteReason, Fate, KeepReason, Manifests, Policy, Refusal, Run, Timestamp, Unknown, Version,
};

/// The fate of every version, and the order in which those that go do so.
/// Versions are meant by their place in the slice that was given to [`plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    fates: Vec<Fate>,
    dates: Vec<Option<Timestamp>>,
    order: Vec<usize>,
    ends: Vec<usize>,
    needs: Edges,
    totals: Totals,
    cutoff: Timestamp,
    absent_pins: Vec<Digest>,
}

/// How many there are of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Versions in all.
    pub versions: usize,
    /// Versions that go.
    pub delete: usize,
    /// Roots in all.
    pub roots: usize,
    /// Roots that go.
    pub delete_roots: usize,
    /// Versions that stay with a warning.
    pub warnings: usize,
}

/// Decides what becomes of every version of a package.
///
/// Pure: equal arguments give equal plans, and the order of `versions` has no
/// influence on what is decided.
///
/// # What belongs to what
/// A *root* is an image or an index that no other manifest lists and that is no
/// artefact. All else belongs to its roots, to all of them (issue 4; registry
/// notes, section 5):
/// * *children*: what an index lists, through any number of nested indexes;
/// * *artefacts*: what has a cosign tag or the referrers fallback tag of a
///   manifest (see [`crate::artefact_of`]), what has it as its `subject`, and
///   what a fallback index lists.
///
/// An artefact that has an ordinary tag besides is a root too. A version whose
/// manifest is 404 counts as a root without children.
///
/// # What stays
/// The reasons are those of [`KeepReason`], in that order. A version stays that
/// has a protected tag, is pinned, or is not fully known; a root that is among
/// the newest or not older than the window, by the later of its dates, where
/// exactly as old is not older; and all that belongs to what stays. Of the roots,
/// those that are 404, of unknown kind, tags or date do not count among the
/// newest. An artefact whose image is not listed stays until it is older than
/// the window itself, since its image may be about to be pushed.
///
/// Two rules go beyond the issue, both on the side of keeping:
/// * a child with an ordinary tag of its own stays while it is within the
///   window, since it can be pulled by that tag;
/// * a group goes whole or not at all: what a version that stays for a reason of
///   its own is a part of stays with it, be it that it lists it or that it is its
///   image. Only so does a plan for what remains of a package delete nothing. A
///   version that is 404 holds nothing in this way.
///
/// # Errors
/// A [`Refusal`], which is an answer: nothing may be deleted at all.
pub fn plan(
    versions: &[Version],
    manifests: &Manifests,
    policy: &Policy,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let graph = Graph::new(versions, manifests);
    unfit(&graph, policy)?;
    let cutoff = now.minus_days(policy.window_days);
    let decision = decide(&graph, policy, cutoff, now);
    let totals = totals(&graph, &decision);
    too_much(&graph, &decision, totals, policy)?;
    let Order { steps, ends } = order(&graph, &decision);
    let mut step_of = vec![None; versions.len()];
    for (at, step) in steps.iter().enumerate() {
        step_of[large(step.node)] = Some(small(at));
    }
    let step = |node: usize| step_of[node].map(|at| steps[large(at)]);
    Ok(Plan {
        fates: graph
            .in_given_order()
            .map(|node| fate(&graph, &decision, node, step(node)))
            .collect(),
        dates: graph
            .in_given_order()
            .map(|node| graph.date(node))
            .collect(),
        needs: needs(&graph, &steps, &step_of),
        order: steps
            .iter()
            .map(|step| graph.place(large(step.node)))
            .collect(),
        ends,
        totals,
        cutoff,
        absent_pins: policy
            .pinned
            .iter()
            .filter(|pin| graph.find(&(*pin).into()).is_none())
            .cloned()
            .collect(),
    })
}

/// A version without a date or a group stays. That never happens for a version
/// that goes; the types only demand that it be handled.
fn fate(graph: &Graph<'_>, decision: &Decision, node: usize, step: Option<Step>) -> Fate {
    let unknown = KeepReason::Unknown(Unknown::Date);
    let (step, date) = match (decision.whys[node], step, graph.date(node)) {
        (Some(why), _, _) => return Fate::Keep(why.reason(graph, node).unwrap_or(unknown)),
        (None, Some(step), date) => (step, date),
        (None, None, _) => return Fate::Keep(KeepReason::Unknown(Unknown::Ring)),
    };
    let judged = graph.is_root(node) || decision.orphans[node];
    match (judged, date) {
        (true, None) => Fate::Keep(unknown),
        (true, Some(date)) if graph.is_root(node) => Fate::Delete(DeleteReason::Expired { date }),
        (true, Some(date)) => Fate::Delete(DeleteReason::Orphan { date }),
        (false, _) => Fate::Delete(DeleteReason::With {
            root: graph.name(large(step.head)).clone(),
            part: step.part,
        }),
    }
}

fn totals(graph: &Graph<'_>, decision: &Decision) -> Totals {
    let mut totals = Totals {
        versions: graph.len(),
        delete: 0,
        roots: 0,
        delete_roots: 0,
        warnings: 0,
    };
    for (node, why) in decision.whys.iter().enumerate() {
        let root = usize::from(graph.is_image(node));
        totals.roots += root;
        match why {
            None => {
                totals.delete += 1;
                totals.delete_roots += root;
            }
            Some(why) => {
                totals.warnings += usize::from(why.is_warning());
            }
        }
    }
    totals
}

/// Whether a plan goes too far to be carried out.
fn too_much(
    graph: &Graph<'_>,
    decision: &Decision,
    totals: Totals,
    policy: &Policy,
) -> Result<(), Refusal> {
    let (delete, listed) = (totals.delete, totals.versions);
    if delete == 0 {
        return Ok(());
    }
    let image = |&node: &usize| graph.is_image(node) && graph.is_pullable(node);
    let images: Vec<usize> = (0..graph.len()).filter(image).collect();
    let none_left = images.iter().all(|&node| decision.whys[node].is_none());
    if delete == listed || (!images.is_empty() && none_left) {
        return Err(Refusal::NothingLeft {
            delete,
            listed,
            roots: images.len(),
        });
    }
    match policy.max_percent {
        Some(max_percent) if delete * 100 > listed * usize::from(max_percent) => {
            Err(Refusal::TooMany {
                delete,
                listed,
                max_percent,
            })
        }
        _ => Ok(()),
    }
}

impl Plan {
    /// One for each version, in the order in which versions were given.
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// The versions that go, in the order in which they must: whatever needs
    /// another goes before it.
    pub fn deletions(&self) -> &[usize] {
        &self.order
    }

    /// The same in groups: in each a root or an artefact without image, then
    /// the children that go with it, then the artefacts. The oldest group is
    /// first, except that a root which is also an artefact of another one comes
    /// after it.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let bounds = begins.zip(self.ends.iter().copied());
        bounds.map(|(begin, end)| &self.order[begin..end])
    }

    /// The date that decided about a version: the later of its own, or the one
    /// that an index has from what it lists.
    pub fn date(&self, version: usize) -> Option<Timestamp> {
        self.dates.get(version).copied().flatten()
    }

    /// All versions, oldest first, those without a date at the very beginning;
    /// for printing.
    pub fn oldest_first(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.fates.len()).collect();
        all.sort_by_key(|&version| self.dates[version]);
        all
    }

    /// How many there are of each.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The beginning of the window: what is dated earlier is old.
    pub fn cutoff(&self) -> Timestamp {
        self.cutoff
    }

    /// Digests that the policy pins and that are not listed: a lock or a
    /// rollback target that cannot be pulled any more.
    pub fn absent_pins(&self) -> &[Digest] {
        &self.absent_pins
    }

    /// Begins to carry it out.
    pub fn run(&self) -> Run<'_> {
        Run::new(&self.order, &self.needs)
    }
}

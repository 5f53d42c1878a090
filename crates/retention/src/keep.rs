//! Which versions stay.
//!
//! First what stays for a reason of its own, then all that belongs to it. The
//! set only ever grows, so the order in which reasons are tried decides which
//! one is named and never what stays.

use std::collections::BTreeMap;

use crate::graph::{Graph, Way};
use crate::{KeepReason, Kind, ManifestRead, Policy, Timestamp, Unknown};

/// A [`KeepReason`] in terms of nodes: small, since every node has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NotFound,
    /// The number of the tag among the version's tags.
    Protected(usize),
    Pinned,
    Unknown(Unknown),
    Future,
    WithinWindow,
    Newest(usize),
    NeededBy(usize),
    Holds(usize),
}

impl Why {
    /// In the terms of the caller. `None` cannot be: a reason that names a date
    /// or a tag was given for that date or tag.
    pub(crate) fn reason(self, graph: &Graph<'_>, node: usize) -> Option<KeepReason> {
        Some(match self {
            Self::NotFound => KeepReason::NotFound,
            Self::Protected(at) => KeepReason::Protected {
                tag: graph.version(node).known_tags().get(at)?.clone(),
            },
            Self::Pinned => KeepReason::Pinned,
            Self::Unknown(what) => KeepReason::Unknown(what),
            Self::Future => KeepReason::Future {
                date: graph.date(node)?,
            },
            Self::WithinWindow => KeepReason::WithinWindow {
                date: graph.date(node)?,
            },
            Self::Newest(rank) => KeepReason::Newest { rank },
            Self::NeededBy(other) => KeepReason::NeededBy {
                name: graph.name(other).clone(),
            },
            Self::Holds(other) => KeepReason::Holds {
                name: graph.name(other).clone(),
            },
        })
    }
}

/// What [`decide`] found.
pub(crate) struct Decision {
    /// Of each node: why it stays, or `None` if it goes.
    pub(crate) whys: Vec<Option<Why>>,
    /// Of each node: whether it hangs on artefacts without an image, and on no
    /// root.
    pub(crate) orphans: Vec<bool>,
}

/// Decides for every node. `cutoff` is the beginning of the window.
pub(crate) fn decide(
    graph: &Graph<'_>,
    policy: &Policy,
    cutoff: Timestamp,
    now: Timestamp,
) -> Decision {
    let mut whys: Vec<Option<Why>> = (0..graph.len())
        .map(|node| in_itself(graph, policy, node))
        .collect();
    for node in policy
        .pinned
        .iter()
        .filter_map(|pin| graph.find(&pin.into()))
    {
        if !matches!(whys[node], Some(Why::NotFound | Why::Protected(_))) {
            whys[node] = Some(Why::Pinned);
        }
    }
    let by_age = |node: usize| match graph.date(node) {
        None => Some(Why::Unknown(Unknown::Date)),
        Some(date) if date > now => Some(Why::Future),
        // Strict: what is exactly as old as the window stays (lessons R13).
        Some(date) if date < cutoff => None,
        Some(_) => Some(Why::WithinWindow),
    };
    // A child with a tag of its own is pulled by that tag, whoever lists it.
    for (node, why) in whys.iter_mut().enumerate() {
        if why.is_none() && (graph.is_root(node) || graph.is_named(node)) {
            *why = by_age(node);
        }
    }
    for (at, node) in newest(graph, policy.keep_newest).into_iter().enumerate() {
        whys[node] = whys[node].or(Some(Why::Newest(at + 1)));
    }
    let (orphans, rings) = rootless(graph);
    for (node, why) in whys.iter_mut().enumerate() {
        if why.is_none() {
            *why = match (orphans[node], rings[node]) {
                (true, _) => by_age(node),
                (_, true) => Some(Why::Unknown(Unknown::Ring)),
                _ => None,
            };
        }
    }
    close(graph, &mut whys);
    Decision { whys, orphans }
}

/// What a version says for itself, whatever it belongs to.
fn in_itself(graph: &Graph<'_>, policy: &Policy, node: usize) -> Option<Why> {
    let Some(ManifestRead::Read(manifest)) = graph.read(node) else {
        return Some(Why::NotFound);
    };
    let Some(tags) = &graph.version(node).tags else {
        return Some(Why::Unknown(Unknown::Tags));
    };
    if let Some(at) = tags.iter().position(|tag| policy.protects(tag)) {
        return Some(Why::Protected(at));
    }
    (manifest.kind == Kind::Unknown).then_some(Why::Unknown(Unknown::MediaType))
}

/// The newest roots, newest first. Equal dates are told apart by the number,
/// which GitHub counts upwards, and then by name.
fn newest(graph: &Graph<'_>, count: usize) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..graph.len())
        .filter(|&node| graph.is_countable(node))
        .collect();
    let key = |node: &usize| {
        let id = graph.version(*node).id;
        std::cmp::Reverse((graph.date(*node), id, *node))
    };
    if count < roots.len() {
        roots.select_nth_unstable_by_key(count, key);
        roots.truncate(count);
    }
    roots.sort_unstable_by_key(key);
    roots
}

/// Of each node: whether it hangs on artefacts whose image is not listed, and
/// whether it hangs on a ring; both only for what no root reaches.
fn rootless(graph: &Graph<'_>) -> (Vec<bool>, Vec<bool>) {
    let mut reached = vec![false; graph.len()];
    let roots: Vec<usize> = (0..graph.len()).filter(|&n| graph.is_root(n)).collect();
    for &root in &roots {
        reached[root] = true;
    }
    graph.walk(Way::Down, roots, |next, _| {
        !std::mem::replace(&mut reached[next], true)
    });
    let heads: Vec<usize> = (0..graph.len())
        .filter(|&n| !reached[n] && graph.listers.of(n).is_empty() && !graph.has_image(n))
        .collect();
    let mut orphans = vec![false; graph.len()];
    for &head in &heads {
        orphans[head] = true;
    }
    graph.walk(Way::Down, heads, |next, _| {
        !reached[next] && !std::mem::replace(&mut orphans[next], true)
    });
    let rings = (0..graph.len())
        .map(|node| !reached[node] && !orphans[node])
        .collect();
    (orphans, rings)
}

/// Adds all that belongs to what stays, until nothing is missing:
///
/// * downwards, what is listed and what is attached;
/// * the `subject` of what stays, so that nothing refers to what is gone;
/// * upwards, the indexes that list a version which stays for a reason of its
///   own. Without this a tagged or pinned child would outlive its index and be
///   a root of the next run, where it would take the place of another root
///   among the newest: planning what remains would delete something.
///
/// A version that is 404 holds nothing: it would keep every index that it broke.
fn close(graph: &Graph<'_>, whys: &mut [Option<Why>]) {
    let mut fresh: Vec<usize> = (0..graph.len()).filter(|&n| whys[n].is_some()).collect();
    let mut held = BTreeMap::new();
    let mut own = fresh.clone();
    loop {
        own.retain(|&node| !graph.is_root(node) && whys[node] != Some(Why::NotFound));
        for &node in &own {
            held.entry(node).or_insert(node);
        }
        graph.walk(Way::Up, own, |lister, child| {
            if held.contains_key(&lister) {
                return false;
            }
            let because = held.get(&child).copied().unwrap_or(child);
            held.insert(lister, because);
            if whys[lister].is_none() {
                whys[lister] = Some(Why::Holds(because));
                fresh.push(lister);
            }
            true
        });
        let begin = fresh.clone();
        graph.walk(Way::Down, begin, |next, from| {
            if whys[next].is_some() {
                return false;
            }
            whys[next] = Some(Why::NeededBy(origin(whys, from)));
            fresh.push(next);
            true
        });
        own = Vec::new();
        for &node in &fresh {
            if let Some(subject) = graph.subject(node).filter(|&s| whys[s].is_none()) {
                whys[subject] = Some(Why::NeededBy(origin(whys, node)));
                own.push(subject);
            }
        }
        if own.is_empty() {
            return;
        }
        fresh = own.clone();
    }
}

/// Where a chain of needs begins.
fn origin(whys: &[Option<Why>], node: usize) -> usize {
    match whys[node] {
        Some(Why::NeededBy(origin)) => origin,
        _ => node,
    }
}

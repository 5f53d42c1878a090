//! Which versions stay.
//!
//! First what stays for a reason of its own, then all that belongs to it. The
//! set only ever grows, so the order in which reasons are tried decides which
//! one is named and never what stays.

use crate::edges::{large, small};
use crate::graph::{Graph, Way};
use crate::{KeepReason, Policy, Timestamp, Unknown};

/// A [`KeepReason`] in terms of nodes: small, since every node has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NotFound,
    /// The number of the tag among the version's tags.
    Protected(u32),
    Pinned,
    Unknown(Unknown),
    Future,
    WithinWindow,
    Newest(u32),
    NeededBy(u32),
    Holds(u32),
}

impl Why {
    /// The same reason as the caller sees it. It is never `None`: a reason that
    /// names a date or a tag was given because of that date or tag.
    pub(crate) fn reason(self, graph: &Graph<'_>, node: usize) -> Option<KeepReason> {
        Some(match self {
            Self::NotFound => KeepReason::NotFound,
            Self::Protected(at) => KeepReason::Protected {
                tag: graph.version(node).known_tags().get(large(at))?.clone(),
            },
            Self::Pinned => KeepReason::Pinned,
            Self::Unknown(what) => KeepReason::Unknown(what),
            Self::Future => KeepReason::Future {
                date: graph.date(node)?,
            },
            Self::WithinWindow => KeepReason::WithinWindow {
                date: graph.date(node)?,
            },
            Self::Newest(rank) => KeepReason::Newest { rank: large(rank) },
            Self::NeededBy(other) => KeepReason::NeededBy {
                name: graph.name(large(other)).clone(),
            },
            Self::Holds(other) => KeepReason::Holds {
                name: graph.name(large(other)).clone(),
            },
        })
    }

    /// As [`KeepReason::is_warning`].
    pub(crate) fn is_warning(self) -> bool {
        matches!(self, Self::NotFound | Self::Unknown(_) | Self::Future)
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
    let mut whys = vec![None; graph.len()];
    for node in graph.in_given_order() {
        whys[node] = in_itself(graph, policy, node);
    }
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
        whys[node] = whys[node].or(Some(Why::Newest(small(at + 1))));
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

/// The reason for which a version stays by itself, whatever it belongs to.
fn in_itself(graph: &Graph<'_>, policy: &Policy, node: usize) -> Option<Why> {
    if !graph.is_read(node) {
        return Some(Why::NotFound);
    }
    let Some(tags) = &graph.version(node).tags else {
        return Some(Why::Unknown(Unknown::Tags));
    };
    if let Some(at) = tags.iter().position(|tag| policy.protects(tag)) {
        return Some(Why::Protected(small(at)));
    }
    (!graph.is_pullable(node)).then_some(Why::Unknown(Unknown::MediaType))
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
        .filter(|&n| !reached[n] && !graph.is_listed(n) && !graph.has_image(n))
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
/// * for what stays for a reason of its own, also the whole group that it is
///   part of: its `subject`, what it is attached to, what lists it, and so on
///   upwards. Without this a tagged or pinned child would outlive its index and
///   be a root of the next run, where it would take the place of another root
///   among the newest: planning what remains would delete something. A version
///   that is 404 holds nothing: it would keep every index that it broke;
/// * the same for an artefact whose `subject` is in one group and which stays
///   because of another one: what stays must not refer to what is gone.
///
/// Each rule only adds, and asks only for what has been added: there is one
/// result, whatever the order. The next run finds it again, since all that a
/// rule looked at has stayed.
struct Closure<'g, 'a> {
    graph: &'g Graph<'a>,
    whys: &'g mut [Option<Why>],
    /// Of each node: whether it holds its group.
    holds: Vec<bool>,
    kept: Vec<usize>,
    holding: Vec<usize>,
}

fn close(graph: &Graph<'_>, whys: &mut [Option<Why>]) {
    let kept: Vec<usize> = (0..graph.len()).filter(|&n| whys[n].is_some()).collect();
    let mut closure = Closure {
        graph,
        holds: vec![false; graph.len()],
        holding: Vec::new(),
        whys,
        kept: Vec::new(),
    };
    for node in kept {
        closure.kept.push(node);
        if closure.whys[node] != Some(Why::NotFound) {
            closure.hold(node);
        }
    }
    closure.run();
}

impl Closure<'_, '_> {
    fn run(&mut self) {
        loop {
            if let Some(node) = self.holding.pop() {
                self.upwards(node);
            } else if let Some(node) = self.kept.pop() {
                self.downwards(node);
            } else {
                return;
            }
        }
    }

    fn upwards(&mut self, node: usize) {
        let graph = self.graph;
        if let Some(subject) = graph.subject(node) {
            self.keep(subject, Why::NeededBy(self.origin(node)));
            self.hold(subject);
        }
        // A root stands for itself, also one that is attached to something.
        if graph.is_root(node) && !graph.crosses_groups(node) {
            return;
        }
        let held = match self.whys[node] {
            Some(Why::Holds(held)) => held,
            _ => small(node),
        };
        for above in graph.listers.of(node).chain(graph.images.of(node)) {
            self.keep(above, Why::Holds(held));
            self.hold(above);
        }
    }

    fn downwards(&mut self, node: usize) {
        let graph = self.graph;
        if graph.crosses_groups(node) {
            self.hold(node);
        }
        let origin = self.origin(node);
        for below in graph.below(node) {
            self.keep(below, Why::NeededBy(origin));
        }
    }

    fn keep(&mut self, node: usize, why: Why) {
        if self.whys[node].is_none() {
            self.whys[node] = Some(why);
            self.kept.push(node);
        }
    }

    fn hold(&mut self, node: usize) {
        if !std::mem::replace(&mut self.holds[node], true) {
            self.holding.push(node);
        }
    }

    /// Where a chain of needs begins.
    fn origin(&self, node: usize) -> u32 {
        match self.whys[node] {
            Some(Why::NeededBy(origin)) => origin,
            _ => small(node),
        }
    }
}

//! In which order versions go.
//!
//! Whatever needs another version goes before it, so that an interruption at
//! any place leaves litter and no broken image: a root before its children, an
//! index before the indexes nested in it, an image before its signatures (the
//! other way round, an image that must be signed could not be pulled: registry
//! notes, section 0, point 2). What several roots share goes with the last of
//! them.
//!
//! That is the reverse of the order in which a depth-first walk leaves its
//! nodes, begun at the newest root: the newest root claims all that it reaches
//! and comes last.

use crate::Part;
use crate::edges::{Edges, large, small};
use crate::graph::Graph;
use crate::keep::Decision;

/// The nodes to delete, in order.
pub(crate) struct Order {
    pub(crate) steps: Vec<Step>,
    /// Where each group ends in `steps`.
    pub(crate) ends: Vec<usize>,
}

/// One node to delete.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) node: u32,
    /// The first of its group.
    pub(crate) head: u32,
    /// Its relation to the head of its group; without meaning for the head.
    pub(crate) part: Part,
}

/// Not in any group.
const NONE: u32 = u32::MAX;

/// Groups of the nodes that do not stay, oldest group first; in each the head,
/// then children, then artefacts.
pub(crate) fn order(graph: &Graph<'_>, decision: &Decision) -> Order {
    let goes = |node: usize| decision.whys[node].is_none();
    let mut heads: Vec<usize> = (0..graph.len())
        .filter(|&node| goes(node))
        .filter(|&node| {
            let orphan = decision.orphans[node] && !graph.is_listed(node);
            graph.is_root(node) || (orphan && !graph.has_image(node))
        })
        .collect();
    heads.sort_unstable_by_key(|&node| (graph.date(node), graph.version(node).id, node));

    let mut walk = Walk {
        graph,
        group: vec![NONE; graph.len()],
        left: Vec::new(),
        stack: Vec::new(),
    };
    // One group behind the other, each backwards, the newest first.
    let mut begins = Vec::new();
    for &head in heads.iter().rev() {
        if walk.group[head] == NONE {
            begins.push(walk.left.len());
            walk.claim(head, &goes);
        }
    }
    let Walk {
        group, mut left, ..
    } = walk;
    let total = left.len();
    left.reverse();
    let ends: Vec<usize> = begins.iter().rev().map(|begin| total - begin).collect();

    // What is reached through an artefact is one. Nodes are passed in order, and
    // one that was passed keeps its part: an edge back to it closes a ring, which
    // must not move it behind what it needs.
    let mut attached = vec![false; graph.len()];
    let mut passed = vec![false; graph.len()];
    let mut steps = Vec::with_capacity(total);
    let mut begin = 0;
    for &end in &ends {
        let members = &left[begin..end];
        let head = large(members[0]);
        for node in members.iter().copied().map(large) {
            passed[node] = true;
            let ahead = |next: &usize| group[*next] == small(head) && !passed[*next];
            for next in graph.lists.of(node).filter(ahead) {
                attached[next] |= attached[node];
            }
            for next in graph.artefacts.of(node).filter(ahead) {
                attached[next] = true;
            }
        }
        for part in [Part::Child, Part::Artefact] {
            let of_part = |&&node: &&u32| attached[large(node)] == (part == Part::Artefact);
            steps.extend(members.iter().filter(of_part).map(|&node| Step {
                node,
                head: small(head),
                part,
            }));
        }
        begin = end;
    }
    Order { steps, ends }
}

/// A depth-first walk with its own stack.
struct Walk<'g, 'a> {
    graph: &'g Graph<'a>,
    /// The head that claimed each node.
    group: Vec<u32>,
    /// Nodes in the order in which the walk left them.
    left: Vec<u32>,
    /// Nodes that it is in, each with the number of the edge to follow next.
    stack: Vec<(usize, usize)>,
}

impl Walk<'_, '_> {
    fn claim(&mut self, head: usize, goes: &impl Fn(usize) -> bool) {
        self.group[head] = small(head);
        self.stack.push((head, 0));
        while let Some((node, at)) = self.stack.pop() {
            let lists = &self.graph.lists;
            let next = lists.get(node, at).or_else(|| {
                let at = at - lists.count(node);
                self.graph.artefacts.get(node, at)
            });
            let Some(next) = next else {
                self.left.push(small(node));
                continue;
            };
            self.stack.push((node, at + 1));
            if goes(next) && self.group[next] == NONE {
                self.group[next] = small(head);
                self.stack.push((next, 0));
            }
        }
    }
}

/// What each step needs, as places in the order: if a step is not taken, neither
/// may be those that it leads to. `step_of` is the place of each node.
pub(crate) fn needs(graph: &Graph<'_>, steps: &[Step], step_of: &[Option<u32>]) -> Edges {
    let mut pairs = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let below = graph.below(large(step.node));
        pairs.extend(below.filter_map(|next| Some((small(at), step_of[next]?))));
    }
    Edges::new(steps.len(), pairs)
}

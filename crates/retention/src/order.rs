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
use crate::edges::Edges;
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
    pub(crate) node: usize,
    /// The first of its group.
    pub(crate) head: usize,
    /// What it is to the head; means nothing for the head.
    pub(crate) part: Part,
}

/// Not in any group.
const NONE: usize = usize::MAX;

/// Groups of the nodes that do not stay, oldest group first; in each the head,
/// then children, then artefacts.
pub(crate) fn order(graph: &Graph<'_>, decision: &Decision) -> Order {
    let goes = |node: usize| decision.whys[node].is_none();
    let mut heads: Vec<usize> = (0..graph.len())
        .filter(|&node| goes(node))
        .filter(|&node| {
            let orphan = decision.orphans[node] && graph.listers.of(node).is_empty();
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

    let mut attached = vec![false; graph.len()];
    let mut steps = Vec::with_capacity(total);
    let mut begin = 0;
    for &end in &ends {
        let members = &left[begin..end];
        let head = members[0];
        let same_group = |node: usize| group[node] == group[head];
        for &node in members {
            for &next in graph.lists.of(node).iter().filter(|&&n| same_group(n)) {
                attached[next] |= attached[node];
            }
            for &next in graph.artefacts.of(node).iter().filter(|&&n| same_group(n)) {
                attached[next] = true;
            }
        }
        // A ring through the head, which only tags can make, must not move it
        // from its place.
        attached[head] = false;
        for part in [Part::Child, Part::Artefact] {
            let of_part = |&&node: &&usize| attached[node] == (part == Part::Artefact);
            steps.extend(
                members
                    .iter()
                    .filter(of_part)
                    .map(|&node| Step { node, head, part }),
            );
        }
        begin = end;
    }
    Order { steps, ends }
}

/// A depth-first walk with its own stack.
struct Walk<'g, 'a> {
    graph: &'g Graph<'a>,
    /// The head that claimed each node.
    group: Vec<usize>,
    /// Nodes in the order in which the walk left them.
    left: Vec<usize>,
    /// Nodes that it is in, each with the number of the edge to follow next.
    stack: Vec<(usize, usize)>,
}

impl Walk<'_, '_> {
    fn claim(&mut self, head: usize, goes: &impl Fn(usize) -> bool) {
        self.group[head] = head;
        self.stack.push((head, 0));
        while let Some((node, at)) = self.stack.pop() {
            let lists = self.graph.lists.of(node);
            let artefacts = self.graph.artefacts.of(node);
            let next = lists.get(at).or_else(|| artefacts.get(at - lists.len()));
            let Some(&next) = next else {
                self.left.push(node);
                continue;
            };
            self.stack.push((node, at + 1));
            if goes(next) && self.group[next] == NONE {
                self.group[next] = head;
                self.stack.push((next, 0));
            }
        }
    }
}

/// What each step needs, as places in the order: if a step is not taken, neither
/// may be those that it leads to.
pub(crate) fn needs(graph: &Graph<'_>, steps: &[Step]) -> Edges {
    let mut place = vec![NONE; graph.len()];
    for (at, step) in steps.iter().enumerate() {
        place[step.node] = at;
    }
    let mut pairs = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let down = graph.lists.of(step.node).iter();
        for &next in down.chain(graph.artefacts.of(step.node)) {
            if place[next] != NONE {
                pairs.push((at, place[next]));
            }
        }
    }
    Edges::new(steps.len(), &pairs)
}

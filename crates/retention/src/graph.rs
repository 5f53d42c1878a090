//! What belongs to what.
//!
//! Versions become nodes `0..n` in the order of their names, so that nothing
//! below depends on the order in which a registry listed them. Every walk has
//! its own stack and visits a node once: neither a ring nor a chain of a million
//! nested indexes can hang or overflow it.

use crate::edges::Edges;
use crate::{Kind, Manifest, ManifestRead, Manifests, Name, Timestamp, Version, artefact_of};

/// The versions of a package and what they refer to.
pub(crate) struct Graph<'a> {
    versions: &'a [Version],
    /// Of each node: the beginning of its name, and its place in `versions`.
    order: Vec<(u64, usize)>,
    reads: Vec<Option<&'a ManifestRead>>,
    dates: Vec<Option<Timestamp>>,
    marks: Vec<Marks>,
    subjects: Vec<Option<usize>>,
    /// From an index to what it lists.
    pub(crate) lists: Edges,
    /// The same backwards.
    pub(crate) listers: Edges,
    /// From a manifest to what is attached to it, by tag or by `subject`.
    pub(crate) artefacts: Edges,
}

/// What a walk needs to know about a node, in a few bytes.
#[derive(Clone, Copy, Default)]
struct Marks {
    /// Has a tag that is no artefact tag.
    ordinary: bool,
    /// Has an artefact tag or a `subject` that is not itself.
    attached: bool,
    /// What it is attached to is listed.
    attached_to_listed: bool,
    /// Listed by an index that is an image of its own.
    child: bool,
    /// Listed by an index that is itself only an artefact, such as a referrers
    /// fallback index.
    child_of_artefact: bool,
}

/// What can be followed from a node, downwards or upwards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To what it lists and to what is attached to it.
    Down,
    /// To what lists it.
    Up,
}

impl<'a> Graph<'a> {
    /// Reads the relations. Whatever is referred to and not listed is left out;
    /// a reference of a manifest to itself is none.
    pub(crate) fn new(versions: &'a [Version], manifests: &'a Manifests) -> Self {
        let mut order: Vec<(u64, usize)> = versions
            .iter()
            .enumerate()
            .map(|(at, version)| (version.name.prefix(), at))
            .collect();
        order.sort_unstable_by(|a, b| {
            let names = || versions[a.1].name.cmp(&versions[b.1].name);
            a.0.cmp(&b.0).then_with(names).then(a.1.cmp(&b.1))
        });
        let count = versions.len();
        let mut graph = Self {
            versions,
            order,
            reads: Vec::with_capacity(count),
            dates: Vec::with_capacity(count),
            marks: vec![Marks::default(); count],
            subjects: vec![None; count],
            lists: Edges::new(0, &[]),
            listers: Edges::new(0, &[]),
            artefacts: Edges::new(0, &[]),
        };
        let mut lists = Vec::new();
        let mut artefacts = Vec::new();
        for node in 0..count {
            let version = graph.version(node);
            let read = manifests.get(&version.name);
            graph.reads.push(read);
            graph.dates.push(version.dates.latest());
            for tag in version.known_tags() {
                match artefact_of(tag) {
                    Some(image) => graph.attach(node, &image, &mut artefacts),
                    None => graph.marks[node].ordinary = true,
                }
            }
            let Some(ManifestRead::Read(manifest)) = read else {
                continue;
            };
            for child in &manifest.children {
                if let Some(child) = graph.find(child).filter(|&child| child != node) {
                    lists.push((node, child));
                }
            }
            if let Some(subject) = &manifest.subject {
                graph.attach(node, subject, &mut artefacts);
                graph.subjects[node] = graph.find(subject).filter(|&subject| subject != node);
            }
        }
        for &(lister, child) in &lists {
            if graph.marks[lister].attached && !graph.marks[lister].ordinary {
                graph.marks[child].child_of_artefact = true;
            } else {
                graph.marks[child].child = true;
            }
        }
        graph.artefacts = Edges::new(count, &artefacts);
        graph.lists = Edges::new(count, &lists);
        for pair in &mut lists {
            *pair = (pair.1, pair.0);
        }
        graph.listers = Edges::new(count, &lists);
        graph.infer_dates();
        graph
    }

    fn attach(&mut self, node: usize, image: &Name, artefacts: &mut Vec<(usize, usize)>) {
        if image == self.name(node) {
            return;
        }
        self.marks[node].attached = true;
        if let Some(image) = self.find(image) {
            self.marks[node].attached_to_listed = true;
            artefacts.push((image, node));
        }
    }

    /// Gives an index without a date of its own the latest date among what it
    /// lists, through any number of nested indexes of the same kind. One date
    /// among them that says nothing leaves it without.
    fn infer_dates(&mut self) {
        let undated = |graph: &Self, node: usize| {
            let dates = graph.version(node).dates;
            dates.latest().is_none() && !dates.unusable()
        };
        let mut settled = vec![false; self.len()];
        let mut stack: Vec<usize> = (0..self.len())
            .filter(|&node| self.version(node).dates.unusable())
            .collect();
        while let Some(node) = stack.pop() {
            for &lister in self.listers.of(node) {
                if undated(self, lister) && !settled[lister] {
                    settled[lister] = true;
                    stack.push(lister);
                }
            }
        }
        // From the latest date downwards, so that the first to arrive is the
        // latest: what is settled needs no second visit, and rings end.
        let mut dated: Vec<usize> = (0..self.len())
            .filter(|&node| self.dates[node].is_some() && !self.listers.of(node).is_empty())
            .collect();
        dated.sort_unstable_by_key(|&node| std::cmp::Reverse(self.dates[node]));
        for first in dated {
            stack.push(first);
            while let Some(node) = stack.pop() {
                for at in 0..self.listers.of(node).len() {
                    let lister = self.listers.of(node)[at];
                    if undated(self, lister) && !settled[lister] {
                        settled[lister] = true;
                        self.dates[lister] = self.dates[first];
                        stack.push(lister);
                    }
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The place of a node in the list that was given.
    pub(crate) fn place(&self, node: usize) -> usize {
        self.order[node].1
    }

    pub(crate) fn version(&self, node: usize) -> &'a Version {
        &self.versions[self.place(node)]
    }

    pub(crate) fn name(&self, node: usize) -> &'a Name {
        &self.version(node).name
    }

    pub(crate) fn read(&self, node: usize) -> Option<&'a ManifestRead> {
        self.reads[node]
    }

    pub(crate) fn manifest(&self, node: usize) -> Option<&'a Manifest> {
        match self.reads[node] {
            Some(ManifestRead::Read(manifest)) => Some(manifest),
            _ => None,
        }
    }

    /// The date by which a version is as old as it is.
    pub(crate) fn date(&self, node: usize) -> Option<Timestamp> {
        self.dates[node]
    }

    /// The `subject`, if it is listed.
    pub(crate) fn subject(&self, node: usize) -> Option<usize> {
        self.subjects[node]
    }

    pub(crate) fn find(&self, name: &Name) -> Option<usize> {
        let prefix = name.prefix();
        self.order
            .binary_search_by(|&(other, at)| {
                let names = || self.versions[at].name.cmp(name);
                other.cmp(&prefix).then_with(names)
            })
            .ok()
    }

    /// Whether a version stands for itself: nothing lists it and it is attached
    /// to nothing; or it is attached, and has an ordinary tag besides. In the
    /// second case it does not matter who lists it: a root must not stop being
    /// one, or begin to be one, when what lists it is deleted.
    pub(crate) fn is_root(&self, node: usize) -> bool {
        let marks = self.marks[node];
        let attached = marks.attached || marks.child_of_artefact;
        (attached && marks.ordinary) || (!attached && !marks.child)
    }

    /// Whether a version can be pulled by a tag that people write.
    pub(crate) fn is_named(&self, node: usize) -> bool {
        self.marks[node].ordinary
    }

    /// Whether a version is attached to something by tag or `subject`.
    pub(crate) fn is_attached(&self, node: usize) -> bool {
        self.marks[node].attached
    }

    /// Whether one of the manifests that it is attached to is listed.
    pub(crate) fn has_image(&self, node: usize) -> bool {
        self.marks[node].attached_to_listed
    }

    /// Whether it is an image or an index of which enough is known to count it
    /// among the newest: an entry that cannot be pulled must not take the place
    /// of one that can.
    pub(crate) fn is_countable(&self, node: usize) -> bool {
        let known = self
            .manifest(node)
            .is_some_and(|manifest| manifest.kind != Kind::Unknown);
        known
            && self.version(node).tags.is_some()
            && self.date(node).is_some()
            && self.is_root(node)
    }

    /// Visits everything that can be reached from the nodes on the stack, each
    /// node once, those on the stack included. `enter` is asked with a node and
    /// where the walk came from, and answers whether to go on from it: it has to
    /// answer no for a node that it has seen.
    pub(crate) fn walk(
        &self,
        way: Way,
        mut stack: Vec<usize>,
        mut enter: impl FnMut(usize, usize) -> bool,
    ) {
        while let Some(node) = stack.pop() {
            let (first, second) = match way {
                Way::Down => (self.lists.of(node), self.artefacts.of(node)),
                Way::Up => (self.listers.of(node), &[][..]),
            };
            for &next in first.iter().chain(second) {
                if enter(next, node) {
                    stack.push(next);
                }
            }
        }
    }
}

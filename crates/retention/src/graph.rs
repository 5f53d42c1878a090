//! Which versions belong to which: listed children and attached artefacts.
//!
//! Versions become nodes `0..n` in an order of their own (see [`Names`]), so that
//! nothing below depends on the order in which a registry listed them. Every walk has
//! its own stack and visits a node once: neither a ring nor a chain of a million
//! nested indexes can hang or overflow it.

use crate::edges::{Edges, large, small};
use crate::names::Names;
use crate::{Kind, Manifest, ManifestRead, Manifests, Name, Timestamp, Version, artefact_of};

/// The versions of a package and what they refer to.
pub(crate) struct Graph<'a> {
    versions: &'a [Version],
    names: Names,
    reads: Vec<Option<&'a ManifestRead>>,
    dates: Vec<Option<Timestamp>>,
    marks: Vec<Marks>,
    subjects: Vec<Option<u32>>,
    /// From an index to what it lists.
    pub(crate) lists: Edges,
    /// The same backwards.
    pub(crate) listers: Edges,
    /// From a manifest to what is attached to it, by tag or by `subject`.
    pub(crate) artefacts: Edges,
    /// The same backwards.
    pub(crate) images: Edges,
}

/// What a walk needs to know about a node, in a few bytes.
#[derive(Clone, Copy, Default)]
struct Marks {
    /// Was read.
    read: bool,
    /// Was read, and what it is is known.
    pullable: bool,
    /// Was read, and is no image but a document about them.
    record: bool,
    /// Has a tag that is no artefact tag.
    ordinary: bool,
    /// Has an artefact tag or a `subject` that is not itself.
    attached: bool,
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
        let count = versions.len();
        let mut graph = Self {
            versions,
            names: Names::new(versions),
            reads: vec![None; count],
            dates: vec![None; count],
            marks: vec![Marks::default(); count],
            subjects: vec![None; count],
            lists: Edges::none(),
            listers: Edges::none(),
            artefacts: Edges::none(),
            images: Edges::none(),
        };
        let mut lists = Vec::new();
        let mut artefacts = Vec::new();
        let mut next = 0;
        for node in graph.in_given_order() {
            let version = graph.version(node);
            graph.dates[node] = version.dates.latest();
            graph.named(node);
            for tag in version.known_tags() {
                match artefact_of(tag) {
                    Some(image) => _ = graph.attach(node, &image, &mut artefacts),
                    None => graph.marks[node].ordinary = true,
                }
            }
            graph.reads[node] = manifests.get_next(&version.name, &mut next);
            let Some(manifest) = graph.manifest(node) else {
                continue;
            };
            graph.marks[node].read = true;
            graph.marks[node].pullable = manifest.kind() != Kind::Unknown;
            graph.marks[node].record = manifest.kind() == Kind::Record;
            for child in manifest.children() {
                if let Some(child) = graph.find(child).filter(|&child| child != node) {
                    lists.push((small(node), small(child)));
                }
            }
            if let Some(subject) = manifest.subject() {
                let subject = graph.attach(node, subject, &mut artefacts);
                graph.subjects[node] = subject.map(small);
            }
        }
        for &(lister, child) in &lists {
            let (lister, child) = (large(lister), large(child));
            if graph.marks[lister].attached && !graph.marks[lister].ordinary {
                graph.marks[child].child_of_artefact = true;
            } else {
                graph.marks[child].child = true;
            }
        }
        graph.lists = Edges::new(count, lists);
        graph.listers = graph.lists.backwards();
        graph.artefacts = Edges::new(count, artefacts);
        graph.images = graph.artefacts.backwards();
        graph.infer_dates();
        // Those of the indexes, which have dates only now.
        (0..count).for_each(|node| graph.named(node));
        graph
    }

    /// Notes what a node is attached to, and gives its node if it is listed.
    fn attach(
        &mut self,
        node: usize,
        image: &Name,
        artefacts: &mut Vec<(u32, u32)>,
    ) -> Option<usize> {
        if image == self.name(node) {
            return None;
        }
        self.marks[node].attached = true;
        let image = self.find(image)?;
        artefacts.push((small(image), small(node)));
        Some(image)
    }

    /// Makes a node with a date as young as the day that a tag of it names.
    fn named(&mut self, node: usize) {
        let day = self.version(node).named_day();
        self.dates[node] = self.dates[node].map(|date| day.map_or(date, |day| date.max(day)));
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
            for lister in self.listers.of(node) {
                if undated(self, lister) && !settled[lister] {
                    settled[lister] = true;
                    stack.push(lister);
                }
            }
        }
        // From the latest date downwards, so that the first to arrive is the
        // latest: what is settled needs no second visit, and rings end.
        let mut dated: Vec<usize> = (0..self.len())
            .filter(|&node| self.dates[node].is_some() && self.is_listed(node))
            .collect();
        dated.sort_unstable_by_key(|&node| std::cmp::Reverse(self.dates[node]));
        for first in dated {
            stack.push(first);
            while let Some(node) = stack.pop() {
                for at in 0..self.listers.count(node) {
                    let Some(lister) = self.listers.get(node, at) else {
                        break;
                    };
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
        self.versions.len()
    }

    /// All nodes, in the order of the list that was given: neighbours there are
    /// neighbours in memory. For work on each node by itself.
    pub(crate) fn in_given_order(&self) -> impl Iterator<Item = usize> + use<> {
        let mut nodes = vec![0; self.len()];
        for node in 0..self.len() {
            nodes[self.place(node)] = small(node);
        }
        nodes.into_iter().map(large)
    }

    /// The place of a node in the list that was given.
    pub(crate) fn place(&self, node: usize) -> usize {
        self.names.place(node)
    }

    pub(crate) fn version(&self, node: usize) -> &'a Version {
        &self.versions[self.place(node)]
    }

    pub(crate) fn name(&self, node: usize) -> &'a Name {
        &self.version(node).name
    }

    /// A version whose name another one has too.
    pub(crate) fn same_name(&self) -> Option<usize> {
        self.names.twice(self.versions)
    }

    pub(crate) fn find(&self, name: &Name) -> Option<usize> {
        self.names.find(self.versions, name)
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
        self.subjects[node].map(large)
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

    /// Whether a root is an image or an index, or may be one: a document about
    /// images is none.
    pub(crate) fn is_image(&self, node: usize) -> bool {
        self.is_root(node) && !self.marks[node].record
    }

    /// Whether a version can be pulled by a tag that people write.
    pub(crate) fn is_named(&self, node: usize) -> bool {
        self.marks[node].ordinary
    }

    /// Whether a version is attached to something by tag or `subject`.
    pub(crate) fn is_attached(&self, node: usize) -> bool {
        self.marks[node].attached
    }

    /// Whether another version lists it.
    pub(crate) fn is_listed(&self, node: usize) -> bool {
        self.listers.count(node) > 0
    }

    /// What it lists, and then what is attached to it.
    pub(crate) fn below(&self, node: usize) -> impl Iterator<Item = usize> {
        self.lists.of(node).chain(self.artefacts.of(node))
    }

    /// Whether one of the manifests that it is attached to is listed.
    pub(crate) fn has_image(&self, node: usize) -> bool {
        self.images.count(node) > 0
    }

    /// Whether it could stay for another reason than that its `subject` stays:
    /// it is attached to something else too, or listed by what neither lists the
    /// subject nor belongs to it alone.
    pub(crate) fn crosses_groups(&self, node: usize) -> bool {
        let Some(subject) = self.subject(node) else {
            return false;
        };
        let only_of_subject =
            |node: usize| self.images.count(node) == 1 && self.images.has(node, subject);
        let of_its_group = |lister: usize| {
            let alone = !self.is_listed(lister) && !self.is_root(lister);
            (alone && only_of_subject(lister)) || self.lists.has(lister, subject)
        };
        !only_of_subject(node) || !self.listers.of(node).all(of_its_group)
    }

    /// Whether it is an image or an index of which enough is known to count it
    /// among the newest: an entry that cannot be pulled must not take the place
    /// of one that can.
    pub(crate) fn is_countable(&self, node: usize) -> bool {
        self.marks[node].pullable
            && self.is_image(node)
            && self.date(node).is_some()
            && self.version(node).tags.is_some()
    }

    /// Whether its manifest was read.
    pub(crate) fn is_read(&self, node: usize) -> bool {
        self.marks[node].read
    }

    /// Whether it was read, and what it is is known.
    pub(crate) fn is_pullable(&self, node: usize) -> bool {
        self.marks[node].pullable
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
            let mut go_on = |next: usize| {
                if enter(next, node) {
                    stack.push(next);
                }
            };
            match way {
                Way::Down => self.below(node).for_each(&mut go_on),
                Way::Up => self.listers.of(node).for_each(&mut go_on),
            }
        }
    }
}

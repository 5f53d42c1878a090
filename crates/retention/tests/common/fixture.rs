//! What refers to what, as a plain second implementation to hold the first to.

use std::collections::{BTreeMap, BTreeSet};

use retention::{Kind, ManifestRead, Name, Plan, artefact_of};

use crate::common::Registry;

/// What refers to what, written a second time and as plainly as possible.
pub struct Fixture<'a> {
    pub registry: &'a Registry,
    pub plan: &'a Plan,
    pub places: BTreeMap<&'a Name, usize>,
    /// Of each version: what it lists.
    pub children: Vec<BTreeSet<usize>>,
    /// What it has as its subject, which is one or none.
    pub subject: Vec<BTreeSet<usize>>,
    /// What it is attached to, its subject included.
    pub images: Vec<BTreeSet<usize>>,
    /// What is attached to it.
    pub artefacts: Vec<BTreeSet<usize>>,
}

impl<'a> Fixture<'a> {
    pub fn new(registry: &'a Registry, plan: &'a Plan) -> Self {
        let versions = &registry.versions;
        let places: BTreeMap<&Name, usize> = versions.iter().map(|v| &v.name).zip(0..).collect();
        let listed = |names: Vec<Name>, not: usize| -> BTreeSet<usize> {
            let found = names.iter().filter_map(|name| places.get(name).copied());
            found.filter(|&at| at != not).collect()
        };
        let mut fixture = Self {
            registry,
            plan,
            children: Vec::new(),
            subject: Vec::new(),
            images: Vec::new(),
            artefacts: vec![BTreeSet::new(); versions.len()],
            places: places.clone(),
        };
        for (at, version) in versions.iter().enumerate() {
            let (mut children, mut subject) = (Vec::new(), Vec::new());
            if let Some(ManifestRead::Read(manifest)) = registry.manifests.get(&version.name) {
                children.extend_from_slice(manifest.children());
                subject.extend(manifest.subject().cloned());
            }
            let by_tag = version.known_tags().iter().filter_map(artefact_of);
            let images = listed(by_tag.chain(subject.clone()).collect(), at);
            for &image in &images {
                fixture.artefacts[image].insert(at);
            }
            fixture.children.push(listed(children, at));
            fixture.subject.push(listed(subject, at));
            fixture.images.push(images);
        }
        fixture
    }

    pub fn name(&self, at: usize) -> &'a Name {
        &self.registry.versions[at].name
    }

    pub fn stays(&self, at: usize) -> bool {
        !self.plan.fates()[at].is_delete()
    }

    fn reaches(&self, from: usize, to: usize, ways: &[&Vec<BTreeSet<usize>>]) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut stack = vec![from];
        while let Some(at) = stack.pop() {
            let next = ways.iter().flat_map(|way| &way[at]).copied();
            stack.extend(next.filter(|&at| seen.insert(at)));
        }
        seen.contains(&to)
    }

    /// Whether one can be reached from the other by lists, artefacts and
    /// subjects.
    pub fn needs(&self, from: usize, to: usize) -> bool {
        self.reaches(from, to, &[&self.children, &self.artefacts, &self.subject])
    }

    /// Whether one is a part of the other's group.
    pub fn has_part(&self, from: usize, to: usize) -> bool {
        self.reaches(from, to, &[&self.children, &self.artefacts])
    }

    /// Whether it is attached to anything, by its own tags and manifest.
    pub fn is_artefact(&self, at: usize) -> bool {
        let tags = self.registry.versions[at].known_tags();
        let mut images: Vec<Name> = tags.iter().filter_map(artefact_of).collect();
        if let Some(ManifestRead::Read(manifest)) = self.registry.manifests.get(self.name(at)) {
            images.extend(manifest.subject().cloned());
        }
        images.iter().any(|image| image != self.name(at))
    }

    pub fn has_ordinary_tag(&self, at: usize) -> bool {
        let tags = self.registry.versions[at].known_tags();
        tags.iter().any(|tag| artefact_of(tag).is_none())
    }

    pub fn is_root(&self, at: usize) -> bool {
        let listers = (0..self.registry.versions.len()).filter(|&l| self.children[l].contains(&at));
        let (by_artefacts, by_images): (Vec<usize>, Vec<usize>) =
            listers.partition(|&l| self.is_artefact(l) && !self.has_ordinary_tag(l));
        if self.is_artefact(at) || !by_artefacts.is_empty() {
            self.has_ordinary_tag(at)
        } else {
            by_images.is_empty()
        }
    }

    /// The roots that count, newest first.
    pub fn newest(&self) -> Vec<usize> {
        let known = |at: &usize| {
            let read = self.registry.manifests.get(self.name(*at));
            matches!(read, Some(ManifestRead::Read(m)) if m.kind() != Kind::Unknown)
                && self.registry.versions[*at].tags.is_some()
                && self.plan.date(*at).is_some()
        };
        let mut roots: Vec<usize> = (0..self.registry.versions.len())
            .filter(|&at| self.is_root(at))
            .filter(known)
            .collect();
        let id = |at: usize| self.registry.versions[at].id;
        roots.sort_by_key(|&at| std::cmp::Reverse((self.plan.date(at), id(at), self.name(at))));
        roots
    }
}

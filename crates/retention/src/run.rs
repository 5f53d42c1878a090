//! Carrying a plan out, without doing anything: which version is next.

use crate::edges::Edges;

/// Walks through the deletions of a plan and takes out what may no longer go.
///
/// A delete can fail for good: GitHub does not delete a version with more than
/// 5,000 downloads, nor the last one, and a version whose tags have changed
/// since the plan is left alone (issue 4, item 3). Such a version is an image
/// that people can still pull, so its children and its signatures have to stay
/// with it. The order of a plan has them after it: none is gone yet.
#[derive(Debug, Clone)]
pub struct Run<'p> {
    order: &'p [usize],
    needs: &'p Edges,
    /// Of each place in the order: whether it stays after all.
    spared: Vec<bool>,
    next: usize,
}

impl<'p> Run<'p> {
    pub(crate) fn new(order: &'p [usize], needs: &'p Edges) -> Self {
        Self {
            order,
            needs,
            spared: vec![false; order.len()],
            next: 0,
        }
    }

    /// Reports that the version which [`Iterator::next`] gave last was not
    /// deleted, for whatever reason. All that it needs stays too. A version
    /// that was already gone is no such case: it is deleted.
    pub fn stays(&mut self) {
        let mut stack: Vec<usize> = self.next.checked_sub(1).into_iter().collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut self.spared[at], true) {
                stack.extend(self.needs.of(at));
            }
        }
    }

    /// Versions that were to go and stay after all, in the order of the plan:
    /// those reported, and those that these need.
    pub fn spared(&self) -> impl Iterator<Item = usize> {
        let all = self.order.iter().zip(&self.spared);
        all.filter(|(_, spared)| **spared)
            .map(|(&version, _)| version)
    }

    /// How many are still to go.
    pub fn left(&self) -> usize {
        let ahead = self.spared[self.next..].iter();
        ahead.filter(|spared| !**spared).count()
    }
}

/// The next version to delete, by its place in the list that was planned.
impl Iterator for Run<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some(&version) = self.order.get(self.next) {
            self.next += 1;
            if !self.spared[self.next - 1] {
                return Some(version);
            }
        }
        None
    }
}

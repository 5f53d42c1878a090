//! A relation between numbered things, in two arrays.

/// A number in half the space, since the arrays of a plan hold millions of them.
/// Numbers that do not fit do not occur: four billion versions fit in no memory.
pub(crate) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The inverse of [`small`].
pub(crate) fn large(number: u32) -> usize {
    number as usize
}

/// Directed edges between the numbers below a bound, all edges of one number
/// next to each other, sorted, each once. A hash map of vectors would be ten
/// times the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Where the edges of each number begin in `ends`, and their total at last.
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl Edges {
    /// From pairs `(from, to)`, both below `count`, in any order. A pair that
    /// occurs twice is one edge.
    pub(crate) fn new(count: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; count + 1];
        for &(from, _) in &pairs {
            starts[large(from) + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        Self {
            starts,
            ends: pairs.iter().map(|&(_, to)| to).collect(),
        }
    }

    /// No edges between no numbers.
    pub(crate) fn none() -> Self {
        Self::new(0, Vec::new())
    }

    /// The same edges in the other direction.
    pub(crate) fn backwards(&self) -> Self {
        let count = self.starts.len() - 1;
        let mut starts = vec![0; count + 1];
        for &to in &self.ends {
            starts[large(to) + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut free = starts.clone();
        let mut ends = vec![0; self.ends.len()];
        for from in 0..count {
            for to in self.of(from) {
                ends[large(free[to])] = small(from);
                free[to] += 1;
            }
        }
        Self { starts, ends }
    }

    fn slice(&self, from: usize) -> &[u32] {
        &self.ends[large(self.starts[from])..large(self.starts[from + 1])]
    }

    /// Where the edges of a number lead, lowest first.
    pub(crate) fn of(&self, from: usize) -> impl Iterator<Item = usize> {
        self.slice(from).iter().copied().map(large)
    }

    /// Where one of the edges of a number leads.
    pub(crate) fn get(&self, from: usize, at: usize) -> Option<usize> {
        self.slice(from).get(at).copied().map(large)
    }

    /// How many edges a number has.
    pub(crate) fn count(&self, from: usize) -> usize {
        self.slice(from).len()
    }

    /// Whether there is this edge.
    pub(crate) fn has(&self, from: usize, to: usize) -> bool {
        self.slice(from).binary_search(&small(to)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Edges;

    #[test]
    fn edges_are_found_from_both_sides() {
        let edges = Edges::new(4, vec![(2, 1), (0, 3), (2, 0), (2, 1)]);
        let all = |edges: &Edges, from| edges.of(from).collect::<Vec<_>>();
        assert_eq!(all(&edges, 0), [3]);
        assert_eq!(all(&edges, 1), [0; 0]);
        assert_eq!(all(&edges, 2), [0, 1]);
        assert_eq!(all(&edges, 3), [0; 0]);
        assert!(edges.has(2, 1) && !edges.has(2, 3) && !edges.has(3, 3));
        assert_eq!((edges.get(2, 1), edges.get(2, 2)), (Some(1), None));
        let back = edges.backwards();
        assert_eq!(all(&back, 0), [2]);
        assert_eq!(all(&back, 3), [0]);
        assert_eq!(back.backwards(), edges);
        assert_eq!(Edges::none().backwards(), Edges::none());
    }
}

//! A relation between numbered things, in two arrays.

/// Directed edges between the numbers below a bound, all edges of one number
/// next to each other. A hash map of vectors would be ten times the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Where the edges of each number begin in `ends`, and their total at last.
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Edges {
    /// From pairs `(from, to)`, both below `count`. The edges of one number keep
    /// the order of the pairs.
    pub(crate) fn new(count: usize, pairs: &[(usize, usize)]) -> Self {
        let mut starts = vec![0; count + 1];
        for &(from, _) in pairs {
            starts[from + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut free = starts.clone();
        let mut ends = vec![0; pairs.len()];
        for &(from, to) in pairs {
            ends[free[from]] = to;
            free[from] += 1;
        }
        Self { starts, ends }
    }

    /// Where the edges of a number lead.
    pub(crate) fn of(&self, from: usize) -> &[usize] {
        &self.ends[self.starts[from]..self.starts[from + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::Edges;

    #[test]
    fn edges_are_found_by_their_beginning() {
        let edges = Edges::new(4, &[(2, 1), (0, 3), (2, 0), (2, 1)]);
        assert_eq!(edges.of(0), [3]);
        assert_eq!(edges.of(1), [0; 0]);
        assert_eq!(edges.of(2), [1, 0, 1]);
        assert_eq!(edges.of(3), [0; 0]);
    }
}

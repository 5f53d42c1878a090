//! Numbers for names.

use std::cmp::Ordering;

use crate::edges::{large, small};
use crate::{Name, Version};

/// A number for each version of a list, and a way to find it by name.
///
/// The numbers follow what is known of the versions and not the order of the
/// list, so that nothing that is computed from them depends on it. What was
/// pushed together gets numbers that are close together, since it is used
/// together: with numbers in the order of digests, which is no order, a plan for
/// a large package spends its time waiting for memory.
pub(crate) struct Names {
    /// Of each node: its place in the list.
    places: Vec<u32>,
    /// In the order of names: the beginning of the name, and the node.
    prefixes: Vec<u64>,
    nodes: Vec<u32>,
    /// Where names begin that have these first bits. Digests are spread evenly,
    /// so there is about one for each; names that are chosen to be close
    /// together only make it a binary search again.
    begins: Vec<u32>,
    shift: u32,
}

impl Names {
    pub(crate) fn new(versions: &[Version]) -> Self {
        let mut places: Vec<u32> = (0..versions.len()).map(small).collect();
        places.sort_unstable_by(|&a, &b| {
            let (a, b) = (&versions[large(a)], &versions[large(b)]);
            let dates = || a.dates.latest().cmp(&b.dates.latest());
            let ids = a.id.cmp(&b.id);
            ids.then_with(dates).then_with(|| a.name.cmp(&b.name))
        });
        let name = |node: u32| &versions[large(places[large(node)])].name;
        let mut order: Vec<(u64, u32)> = (0..versions.len())
            .map(|node| (name(small(node)).prefix(), small(node)))
            .collect();
        order.sort_unstable_by(|a, b| {
            let names = || name(a.1).cmp(name(b.1));
            a.0.cmp(&b.0).then_with(names).then(a.1.cmp(&b.1))
        });
        let bits = versions.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut begins = vec![0; (1 << bits) + 1];
        for &(prefix, _) in &order {
            begins[bucket(prefix, shift) + 1] += 1;
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        Self {
            prefixes: order.iter().map(|&(prefix, _)| prefix).collect(),
            nodes: order.iter().map(|&(_, node)| node).collect(),
            places,
            begins,
            shift,
        }
    }

    /// The place of a node in the list.
    pub(crate) fn place(&self, node: usize) -> usize {
        large(self.places[node])
    }

    /// The node of a name.
    pub(crate) fn find(&self, versions: &[Version], name: &Name) -> Option<usize> {
        let prefix = name.prefix();
        let bucket = bucket(prefix, self.shift);
        let begins = (self.begins[bucket], self.begins[bucket + 1]);
        let (mut low, mut high) = (large(begins.0), large(begins.1));
        while low < high {
            let middle = low.midpoint(high);
            let node = large(self.nodes[middle]);
            let names = || versions[self.place(node)].name.cmp(name);
            match self.prefixes[middle].cmp(&prefix).then_with(names) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(node),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// A name that two versions have.
    pub(crate) fn twice(&self, versions: &[Version]) -> Option<usize> {
        let name = |at: usize| &versions[self.place(large(self.nodes[at]))].name;
        let same =
            |&at: &usize| self.prefixes[at - 1] == self.prefixes[at] && name(at - 1) == name(at);
        let at = (1..self.nodes.len()).find(same)?;
        Some(large(self.nodes[at]))
    }
}

fn bucket(prefix: u64, shift: u32) -> usize {
    usize::try_from(prefix >> shift).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let name = |text: &str| Name::from(text);
        let digest = |byte: u8, last: u8| {
            let text = format!("{byte:02x}").repeat(31) + &format!("{last:02x}");
            name(&format!("sha256:{text}"))
        };
        let mut names: Vec<Name> = (0..=255).step_by(5).map(|b| digest(b, 0)).collect();
        names.extend((0..50).map(|last| digest(0xab, last)));
        names.extend(["", "x", "sha512:0", "sha512:1"].map(name));
        for count in 0..names.len() {
            let versions: Vec<Version> = names[..count]
                .iter()
                .map(|name| Version::from_github::<&str>(1, &name.to_string(), None, None, None))
                .collect();
            let numbers = Names::new(&versions);
            for (at, name) in names.iter().enumerate() {
                let found = numbers.find(&versions, name);
                assert_eq!(
                    found.map(|node| numbers.place(node)),
                    (at < count).then_some(at)
                );
            }
            assert_eq!(numbers.twice(&versions), None);
        }
    }

    #[test]
    fn numbers_do_not_depend_on_the_order_of_the_list() {
        let version = |id: Option<u64>, name: &str| Version {
            id,
            ..Version::from_github::<&str>(0, name, None, None, None)
        };
        let mut list = vec![
            version(Some(3), "c"),
            version(Some(1), "d"),
            version(None, "b"),
            version(None, "a"),
        ];
        let in_order = |list: &[Version]| -> Vec<String> {
            let names = Names::new(list);
            let name = |node| list[names.place(node)].name.to_string();
            (0..list.len()).map(name).collect()
        };
        let before = in_order(&list);
        assert_eq!(before, ["a", "b", "d", "c"]);
        list.reverse();
        assert_eq!(in_order(&list), before);
        list.push(version(Some(9), "a"));
        let names = Names::new(&list);
        let twice = names.twice(&list).map(|node| &list[names.place(node)].name);
        assert_eq!(twice, Some(&"a".into()));
    }
}

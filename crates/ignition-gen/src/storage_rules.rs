//! The rules of files, directories and links.

use std::collections::{HashMap, HashSet};

use crate::files::clean;
use crate::ignition_check::Checker;
use crate::ignition_rules::path_fault;
use crate::schema::{self, Def};
use crate::tree::{Name, Node, Step};

/// Links above one path that are reported; more need links of the same path.
const MAX_LINKS: usize = 10;

fn at<const N: usize>(names: [Name; N]) -> [Step; N] {
    names.map(Step::Field)
}

impl Checker<'_, '_> {
    pub(crate) fn storage_rules(&mut self, def: &'static Def, node: &Node) {
        if def == &schema::STORAGE {
            self.storage(node);
        } else if def == &schema::DIRECTORY || def == &schema::FILE || def == &schema::LINK {
            self.node(def, node);
        } else if def == &schema::DISK {
            self.disk(node);
        } else if def == &schema::PARTITION {
            self.partition(node);
        } else if def == &schema::FILESYSTEM {
            self.filesystem(node);
        } else if def == &schema::LUKS {
            self.luks(node);
        } else if def == &schema::CUSTOM {
            self.custom(node);
        } else if def == &schema::TANG {
            self.tang(node);
        } else if def == &schema::RAID {
            self.raid(node);
        }
    }

    fn storage(&mut self, storage: &Node) {
        let links = LinkPaths::new(storage);
        for (list, message) in [
            (Name::Directories, "directory path includes link in config"),
            (Name::Files, "file path includes link in config"),
        ] {
            for (index, node) in storage.items(list).iter().enumerate() {
                for _ in 0..links.above(node.str_or_empty(Name::Path)) {
                    self.error(&[list.into(), index.into()], message);
                }
            }
        }
        let directories: HashSet<&str> = storage
            .items(Name::Directories)
            .iter()
            .map(|node| node.str_or_empty(Name::Path))
            .collect();
        for (index, link) in storage.items(Name::Links).iter().enumerate() {
            self.link(&links, &directories, index, link);
        }
        let disks: HashMap<&str, &Node> = storage
            .items(Name::Disks)
            .iter()
            .map(|disk| (disk.str_or_empty(Name::Device), disk))
            .collect();
        for (index, filesystem) in storage.items(Name::Filesystems).iter().enumerate() {
            let Some(disk) = disks.get(filesystem.str_or_empty(Name::Device)) else {
                continue;
            };
            let steps = [Name::Filesystems.into(), index.into(), Name::Device.into()];
            if !disk.items(Name::Partitions).is_empty() {
                self.warn(&steps, "filesystem overwrites partitioned device");
            } else if !filesystem.is_true(Name::WipeFilesystem) && disk.is_true(Name::WipeTable) {
                self.warn(
                    &steps,
                    "device matches disk with wipeTable enabled; filesystem will be wiped",
                );
            }
        }
    }

    fn link(
        &mut self,
        links: &LinkPaths<'_>,
        directories: &HashSet<&str>,
        index: usize,
        link: &Node,
    ) {
        let path = link.str_or_empty(Name::Path);
        for _ in 0..links.above(path) {
            self.error(
                &[Name::Links.into(), index.into()],
                "link path includes link in config",
            );
        }
        let target = link.str_or_empty(Name::Target);
        if target.is_empty() && self.minor() >= 4 {
            self.error(
                &[Name::Links.into(), index.into(), Name::Target.into()],
                "link target is required",
            );
            return;
        }
        if !link.is_true(Name::Hard) {
            return;
        }
        let resolved = if target.starts_with('/') {
            clean(target)
        } else {
            clean(&format!("{path}/{target}"))
        };
        if directories.contains(resolved.as_str()) {
            self.error(
                &[Name::Links.into(), index.into()],
                "hard link target is a directory",
            );
        }
        for owner in [Name::User, Name::Group] {
            for name in [Name::Id, Name::Name] {
                if link.get(owner).is_some_and(|node| node.get(name).is_some()) {
                    self.warn(
                        &[Name::Links.into(), index.into(), owner.into(), name.into()],
                        "user/group ignored for hard link",
                    );
                }
            }
        }
    }

    pub(crate) fn path(&mut self, name: Name, path: &str) {
        if let Some(fault) = path_fault(path) {
            self.error(&at([name]), fault);
        }
    }

    fn node(&mut self, def: &'static Def, node: &Node) {
        self.path(Name::Path, node.str_or_empty(Name::Path));
        if def != &schema::LINK
            && let Some(mode) = node.int_of(Name::Mode)
        {
            if !(0..=0o7777).contains(&mode) {
                self.error(&at([Name::Mode]), "illegal file mode");
            }
            if mode & 0o7000 != 0 && self.minor() < 7 {
                self.warn(
                        &at([Name::Mode]),
                        "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0",
                    );
            }
        }
        if def == &schema::FILE
            && node.is_true(Name::Overwrite)
            && node
                .get(Name::Contents)
                .is_none_or(|contents| contents.get(Name::Source).is_none())
        {
            self.error(
                &at([Name::Overwrite]),
                "overwrite must be false if source is unspecified",
            );
        }
    }
}

/// The paths of all links, to find those above another path.
struct LinkPaths<'a>(HashMap<&'a str, usize>);

impl<'a> LinkPaths<'a> {
    fn new(storage: &'a Node) -> Self {
        let mut paths = HashMap::new();
        for link in storage.items(Name::Links) {
            *paths.entry(link.str_or_empty(Name::Path)).or_insert(0) += 1;
        }
        LinkPaths(paths)
    }

    /// How many links the path leads through, as far as they are reported.
    fn above(&self, path: &str) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        path.match_indices('/')
            .filter_map(|(slash, _)| self.0.get(&path[..slash]))
            .sum::<usize>()
            .min(MAX_LINKS)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn rules() {
        for (minor, body, message) in [
            (7, "files: [{path: a}]", "path not absolute"),
            (7, "files: [{path: /a/}]", "path is not fully simplified"),
            (7, "files: [{path: /a, mode: 010000}]", "illegal file mode"),
            (
                6,
                "files: [{path: /a, mode: 02755}]",
                "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0",
            ),
            (
                7,
                "files: [{path: /a, overwrite: true}]",
                "overwrite must be false if source is unspecified",
            ),
            (
                7,
                "files: [{path: /l/a}], links: [{path: /l, target: x}]",
                "file path includes link in config",
            ),
            (7, "links: [{path: /l}]", "link target is required"),
            (
                7,
                "directories: [{path: /d}], links: [{path: /l, target: /d, hard: true}]",
                "hard link target is a directory",
            ),
            (
                7,
                "filesystems: [{device: /dev/a, path: /x}]",
                "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
            ),
            (
                3,
                "filesystems: [{device: /dev/a, format: none}]",
                "invalid filesystem format",
            ),
            (
                7,
                "filesystems: [{device: /dev/a, format: vfat, label: twelve-bytes}]",
                "filesystem labels cannot be longer than 11 characters when using vfat",
            ),
        ] {
            let messages = messages(minor, &format!("storage: {{{body}}}"));
            assert!(
                messages
                    .iter()
                    .any(|one| one.ends_with(&format!(": {message}"))),
                "{body}: {messages:?}"
            );
        }
    }
}

//! The rules of what is on disks: nodes, partitions, filesystems, volumes.

use std::collections::{HashMap, HashSet};

use crate::files::clean;
use crate::ignition_check::Checker;
use crate::ignition_rules::path_fault;
use crate::schema::{self, Def};
use crate::tree::Name::{self, *};
use crate::tree::{Node, Step};

const DEVICE_REQUIRED: &str = "disk device is required";

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
            (Directories, "directory path includes link in config"),
            (Files, "file path includes link in config"),
        ] {
            for (index, node) in storage.items(list).iter().enumerate() {
                for _ in 0..links.above(node.str_or_empty(Path)) {
                    self.error(&[list.into(), index.into()], message);
                }
            }
        }
        let directories: HashSet<&str> = storage
            .items(Directories)
            .iter()
            .map(|node| node.str_or_empty(Path))
            .collect();
        for (index, link) in storage.items(Links).iter().enumerate() {
            self.link(&links, &directories, index, link);
        }
        let disks: HashMap<&str, &Node> = storage
            .items(Disks)
            .iter()
            .map(|disk| (disk.str_or_empty(Device), disk))
            .collect();
        for (index, filesystem) in storage.items(Filesystems).iter().enumerate() {
            let Some(disk) = disks.get(filesystem.str_or_empty(Device)) else {
                continue;
            };
            let steps = [Filesystems.into(), index.into(), Device.into()];
            if !disk.items(Partitions).is_empty() {
                self.warn(&steps, "filesystem overwrites partitioned device");
            } else if !filesystem.is_true(WipeFilesystem) && disk.is_true(WipeTable) {
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
        let path = link.str_or_empty(Path);
        for _ in 0..links.above(path) {
            self.error(
                &[Links.into(), index.into()],
                "link path includes link in config",
            );
        }
        let target = link.str_or_empty(Target);
        if target.is_empty() && self.minor() >= 4 {
            self.error(
                &[Links.into(), index.into(), Target.into()],
                "link target is required",
            );
            return;
        }
        if !link.is_true(Hard) {
            return;
        }
        let resolved = if target.starts_with('/') {
            clean(target)
        } else {
            clean(&format!("{path}/{target}"))
        };
        if directories.contains(resolved.as_str()) {
            self.error(
                &[Links.into(), index.into()],
                "hard link target is a directory",
            );
        }
        for owner in [User, Group] {
            for name in [Id, Called] {
                if link.get(owner).is_some_and(|node| node.get(name).is_some()) {
                    self.warn(
                        &[Links.into(), index.into(), owner.into(), name.into()],
                        "user/group ignored for hard link",
                    );
                }
            }
        }
    }

    fn path(&mut self, name: Name, path: &str) {
        if let Some(fault) = path_fault(path) {
            self.error(&at([name]), fault);
        }
    }

    fn node(&mut self, def: &'static Def, node: &Node) {
        self.path(Path, node.str_or_empty(Path));
        if def != &schema::LINK
            && let Some(mode) = node.int_of(Mode)
        {
            if !(0..=0o7777).contains(&mode) {
                self.error(&at([Mode]), "illegal file mode");
            }
            if mode & 0o7000 != 0 && self.minor() < 7 {
                self.warn(
                        &at([Mode]),
                        "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0",
                    );
            }
        }
        if def == &schema::FILE
            && node.is_true(Overwrite)
            && node
                .get(Contents)
                .is_none_or(|contents| contents.get(Source).is_none())
        {
            self.error(
                &at([Overwrite]),
                "overwrite must be false if source is unspecified",
            );
        }
    }

    fn disk(&mut self, disk: &Node) {
        let device = disk.str_or_empty(Device);
        if device.is_empty() {
            self.error(&at([Device]), DEVICE_REQUIRED);
            return;
        }
        self.path(Device, device);
        let partitions = disk.items(Partitions);
        if let Some(index) = repeated(
            partitions
                .iter()
                .map(|node| node.int_of(Number).filter(|number| *number != 0)),
        ) {
            self.error(
                &[Partitions.into(), index.into()],
                "partition numbers collide",
            );
        }
        if let Some(index) = overlapping(partitions) {
            self.error(&[Partitions.into(), index.into()], "partitions overlap");
        }
        let absent = |node: &Node| node.bool_of(ShouldExist) == Some(false);
        // Whatever the message says, what counts is that a number is missing.
        let unnumbered = |node: &Node| node.int_of(Number).unwrap_or(0) == 0;
        if partitions.iter().any(absent) && partitions.iter().any(unnumbered) {
            self.error(
                &at([Partitions]),
                "shouldExist is false for a partition and other partition(s) has start or size 0",
            );
        }
        if let Some(index) = repeated(partitions.iter().map(|node| node.str(Label))) {
            self.error(
                &[Partitions.into(), index.into()],
                "cannot use the same partition label twice",
            );
        }
    }

    fn partition(&mut self, node: &Node) {
        let set = |name| node.get(name).is_some();
        let filled = |name| !node.str_or_empty(name).is_empty();
        let others =
            set(Label) || filled(TypeGuid) || filled(Guid) || set(StartMib) || set(SizeMib);
        if node.bool_of(ShouldExist) == Some(false) && others {
            self.error(
                &[],
                "shouldExist specified false with other options also specified",
            );
        }
        if node.int_of(Number).unwrap_or(0) == 0 && !set(Label) {
            self.error(&[], "a partition number >= 1 or a label must be specified");
        }
        if let Some(label) = node.str(Label) {
            if label.len() > 36 {
                self.error(
                    &at([Label]),
                    "partition labels may not exceed 36 characters",
                );
            } else if label.contains(':') {
                self.error(
                    &at([Label]),
                    "partition label will be truncated to text before the colon",
                );
            }
        }
        self.guid(node, Guid);
        self.guid(node, TypeGuid);
    }

    fn filesystem(&mut self, node: &Node) {
        let filled = |name| !node.str_or_empty(name).is_empty();
        if filled(Path) {
            self.path(Path, node.str_or_empty(Path));
        }
        self.path(Device, node.str_or_empty(Device));
        let format = node.str_or_empty(Format);
        match format {
            "" => {
                let others = filled(Path)
                    || filled(Label)
                    || filled(Uuid)
                    || node.is_true(WipeFilesystem)
                    || !node.items(MountOptions).is_empty()
                    || !node.items(Options).is_empty();
                if others {
                    self.error(
                        &at([Format]),
                        "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
                    );
                }
            }
            "ext4" | "btrfs" | "xfs" | "vfat" | "swap" => {}
            "none" if self.minor() >= 4 => {}
            _ => self.error(&at([Format]), "invalid filesystem format"),
        }
        let label = node.str_or_empty(Label);
        if label.is_empty() {
            return;
        }
        let limit = match format {
            "" => {
                return self.error(
                    &at([Label]),
                    "filesystem must specify format if label is specified",
                );
            }
            "ext4" => 16,
            "btrfs" => 256,
            "xfs" => 12,
            "swap" => 15,
            "vfat" => 11,
            _ => return,
        };
        if label.len() > limit {
            let message = format!(
                "filesystem labels cannot be longer than {limit} characters when using {format}"
            );
            self.error(&at([Label]), message);
        }
    }

    fn luks(&mut self, node: &Node) {
        let name = node.str_or_empty(Called);
        if name.contains('/') {
            self.error(&at([Called]), "device names cannot contain slashes");
        }
        if node.str_or_empty(Label).len() > 47 {
            self.error(
                &at([Label]),
                "luks device labels cannot be longer than 47 characters",
            );
        }
        let device = node.str_or_empty(Device);
        if device.is_empty() {
            self.error(&at([Device]), DEVICE_REQUIRED);
        } else {
            self.path(Device, device);
        }
        let clevis = node.get(Clevis);
        let threshold = |clevis: &Node| {
            clevis
                .int_of(Threshold)
                .is_some_and(|threshold| threshold != 0)
        };
        let binding = |clevis: &Node| {
            !clevis.items(Tang).is_empty() || clevis.is_true(Tpm2) || threshold(clevis)
        };
        if let Some(clevis) = clevis
            && custom_pin(clevis, self.minor())
            && binding(clevis)
        {
            self.error(
                &at([Clevis]),
                "cannot use custom clevis config with tpm2, tang, or threshold",
            );
        }
        let key = node.get(KeyFile).and_then(|key| key.str(Source));
        if self.optional_source_fault(key).is_some() {
            self.error(&[Step::Key("keys".into())], "invalid key-file source");
        }
        if node.get(Cex).is_some_and(|cex| cex.is_true(Enabled)) {
            if clevis.is_some_and(|clevis| binding(clevis) || custom_pin(clevis, self.minor())) {
                self.error(&at([Cex]), "cannot use cex with clevis");
            }
            if key.is_some_and(|key| !key.is_empty()) {
                self.error(&at([Cex]), "cannot use key file with cex");
            }
        }
    }

    fn custom(&mut self, node: &Node) {
        let (pin, config) = (node.str_or_empty(Pin), node.str_or_empty(Config));
        let required = self.minor() >= 4;
        if pin.is_empty() && config.is_empty() && !(required && node.is_true(NeedsNetwork)) {
            return;
        }
        match pin {
            "" if required => self.error(&at([Pin]), "missing required custom clevis pin"),
            "tpm2" | "tang" | "sss" => {}
            _ if self.minor() < 7 => self.error(&at([Pin]), "unsupported clevis pin"),
            _ => {}
        }
        if config.is_empty() {
            self.error(&at([Config]), "missing required custom clevis config");
        }
    }

    fn tang(&mut self, node: &Node) {
        let fault = match crate::url::parse(node.str_or_empty(Url)) {
            Err(error) => Some(error.to_string()),
            Ok(url) if url.scheme == "http" || url.scheme == "https" => None,
            Ok(_) => Some("invalid url scheme".into()),
        };
        if let Some(fault) = fault {
            self.error(&at([Url]), fault);
        }
        if node.str_or_empty(Thumbprint).is_empty() {
            self.error(&at([Thumbprint]), "thumbprint is required");
        }
        let advertisement = node.str_or_empty(Advertisement);
        if !advertisement.is_empty() && crate::go_json::check(advertisement.as_bytes()).is_err() {
            self.error(&at([Advertisement]), "advertisement is not valid JSON");
        }
    }

    fn raid(&mut self, node: &Node) {
        let spares = node.int_of(Spares).is_some_and(|spares| spares != 0);
        let fault = match node.str_or_empty(Level) {
            "" if self.minor() >= 4 => Some("raid level is required"),
            "linear" | "raid0" | "0" | "stripe" => {
                spares.then_some("spares unsupported for linear and raid0 arrays")
            }
            "raid1" | "1" | "mirror" | "raid4" | "4" | "raid5" | "5" | "raid6" | "6" | "raid10"
            | "10" => None,
            _ => Some("unrecognized raid level"),
        };
        if let Some(fault) = fault {
            self.error(&at([Level]), fault);
        }
        if node.items(Devices).is_empty() {
            self.error(&at([Devices]), "raid devices required");
        }
        for (index, device) in node.items(Devices).iter().enumerate() {
            if let Some(fault) = path_fault(device.as_text().map_or("", |path| &**path)) {
                self.error(&[Devices.into(), index.into()], fault);
            }
        }
    }
}

/// Whether another way to unlock is configured; up to 1.3.0 an empty one counts.
fn custom_pin(clevis: &Node, minor: u8) -> bool {
    clevis
        .get(Custom)
        .is_some_and(|custom| minor < 4 || !custom.str_or_empty(Pin).is_empty())
}

/// The paths of all links, to find those above another path.
struct LinkPaths<'a>(HashMap<&'a str, usize>);

impl<'a> LinkPaths<'a> {
    fn new(storage: &'a Node) -> Self {
        let mut paths = HashMap::new();
        for link in storage.items(Links) {
            *paths.entry(link.str_or_empty(Path)).or_insert(0) += 1;
        }
        LinkPaths(paths)
    }

    /// How many links the path leads through.
    fn above(&self, path: &str) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        path.match_indices('/')
            .filter_map(|(slash, _)| self.0.get(&path[..slash]))
            .sum()
    }
}

/// The index of the first value that was there before.
fn repeated<T: std::hash::Hash + Eq>(values: impl Iterator<Item = Option<T>>) -> Option<usize> {
    let mut seen = HashSet::new();
    for (index, value) in values.enumerate() {
        if value.is_some_and(|value| !seen.insert(value)) {
            return Some(index);
        }
    }
    None
}

/// The index of the first partition that lies in the way of another one.
/// Without start or size, or with a start of zero, nobody can tell.
fn overlapping(partitions: &[Node]) -> Option<usize> {
    let span = |node: &Node| {
        let (start, size) = (node.int_of(StartMib)?, node.int_of(SizeMib)?);
        // A size of zero means all there is; then only the start counts.
        let end = if size == 0 {
            start
        } else {
            start.saturating_add(size).saturating_sub(1)
        };
        (start != 0).then_some((start, end))
    };
    let spans: Vec<_> = partitions.iter().map(span).collect();
    for (index, one) in spans.iter().enumerate() {
        let Some((start, end)) = *one else {
            continue;
        };
        for (other, span) in spans.iter().enumerate() {
            let Some((low, high)) = *span else {
                continue;
            };
            let within = |at: i64| (low..=high).contains(&at);
            if other != index && (within(start) || within(end) || start < low && end > high) {
                return Some(other);
            }
        }
    }
    None
}

//! The rules of disks, partitions, filesystems, volumes and arrays.

use std::collections::HashSet;

use crate::ignition_check::Checker;
use crate::ignition_rules::path_fault;
use crate::tree::{Name, Node, Step};

const DEVICE_REQUIRED: &str = "disk device is required";

fn at<const N: usize>(names: [Name; N]) -> [Step; N] {
    names.map(Step::Field)
}

impl Checker<'_, '_> {
    pub(crate) fn disk(&mut self, disk: &Node) {
        let device = disk.str_or_empty(Name::Device);
        if device.is_empty() {
            self.error(&at([Name::Device]), DEVICE_REQUIRED);
            return;
        }
        self.path(Name::Device, device);
        let partitions = disk.items(Name::Partitions);
        if let Some(index) = repeated(
            partitions
                .iter()
                .map(|node| node.int_of(Name::Number).filter(|number| *number != 0)),
        ) {
            self.error(
                &[Name::Partitions.into(), index.into()],
                "partition numbers collide",
            );
        }
        if let Some(index) = overlapping(partitions) {
            self.error(
                &[Name::Partitions.into(), index.into()],
                "partitions overlap",
            );
        }
        let absent = |node: &Node| node.bool_of(Name::ShouldExist) == Some(false);
        // Only a missing number counts, although the message says more.
        let unnumbered = |node: &Node| node.int_of(Name::Number).unwrap_or(0) == 0;
        if partitions.iter().any(absent) && partitions.iter().any(unnumbered) {
            self.error(
                &at([Name::Partitions]),
                "shouldExist is false for a partition and other partition(s) has start or size 0",
            );
        }
        if let Some(index) = repeated(partitions.iter().map(|node| node.str(Name::Label))) {
            self.error(
                &[Name::Partitions.into(), index.into()],
                "cannot use the same partition label twice",
            );
        }
    }

    pub(crate) fn partition(&mut self, node: &Node) {
        let set = |name| node.get(name).is_some();
        let filled = |name| !node.str_or_empty(name).is_empty();
        let others = set(Name::Label)
            || filled(Name::TypeGuid)
            || filled(Name::Guid)
            || set(Name::StartMib)
            || set(Name::SizeMib);
        if node.bool_of(Name::ShouldExist) == Some(false) && others {
            self.error(
                &[],
                "shouldExist specified false with other options also specified",
            );
        }
        if node.int_of(Name::Number).unwrap_or(0) == 0 && !set(Name::Label) {
            self.error(&[], "a partition number >= 1 or a label must be specified");
        }
        if let Some(label) = node.str(Name::Label) {
            if label.len() > 36 {
                self.error(
                    &at([Name::Label]),
                    "partition labels may not exceed 36 characters",
                );
            } else if label.contains(':') {
                self.error(
                    &at([Name::Label]),
                    "partition label will be truncated to text before the colon",
                );
            }
        }
        self.guid(node, Name::Guid);
        self.guid(node, Name::TypeGuid);
    }

    pub(crate) fn filesystem(&mut self, node: &Node) {
        let filled = |name| !node.str_or_empty(name).is_empty();
        if filled(Name::Path) {
            self.path(Name::Path, node.str_or_empty(Name::Path));
        }
        self.path(Name::Device, node.str_or_empty(Name::Device));
        let format = node.str_or_empty(Name::Format);
        match format {
            "" => {
                let others = filled(Name::Path)
                    || filled(Name::Label)
                    || filled(Name::Uuid)
                    || node.is_true(Name::WipeFilesystem)
                    || !node.items(Name::MountOptions).is_empty()
                    || !node.items(Name::Options).is_empty();
                if others {
                    self.error(
                        &at([Name::Format]),
                        "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
                    );
                }
            }
            "ext4" | "btrfs" | "xfs" | "vfat" | "swap" => {}
            "none" if self.minor() >= 4 => {}
            _ => self.error(&at([Name::Format]), "invalid filesystem format"),
        }
        let label = node.str_or_empty(Name::Label);
        if label.is_empty() {
            return;
        }
        let limit = match format {
            "" => {
                return self.error(
                    &at([Name::Label]),
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
            self.error(&at([Name::Label]), message);
        }
    }

    pub(crate) fn luks(&mut self, node: &Node) {
        let name = node.str_or_empty(Name::Name);
        if name.contains('/') {
            self.error(&at([Name::Name]), "device names cannot contain slashes");
        }
        if node.str_or_empty(Name::Label).len() > 47 {
            self.error(
                &at([Name::Label]),
                "luks device labels cannot be longer than 47 characters",
            );
        }
        let device = node.str_or_empty(Name::Device);
        if device.is_empty() {
            self.error(&at([Name::Device]), DEVICE_REQUIRED);
        } else {
            self.path(Name::Device, device);
        }
        let clevis = node.get(Name::Clevis);
        let threshold = |clevis: &Node| {
            clevis
                .int_of(Name::Threshold)
                .is_some_and(|threshold| threshold != 0)
        };
        let binding = |clevis: &Node| {
            !clevis.items(Name::Tang).is_empty() || clevis.is_true(Name::Tpm2) || threshold(clevis)
        };
        if let Some(clevis) = clevis
            && custom_pin(clevis, self.minor())
            && binding(clevis)
        {
            self.error(
                &at([Name::Clevis]),
                "cannot use custom clevis config with tpm2, tang, or threshold",
            );
        }
        let key = node
            .get(Name::KeyFile)
            .and_then(|key| key.str(Name::Source));
        if self.optional_source_fault(key).is_some() {
            self.error(&[Step::Key("keys".into())], "invalid key-file source");
        }
        if node
            .get(Name::Cex)
            .is_some_and(|cex| cex.is_true(Name::Enabled))
        {
            if clevis.is_some_and(|clevis| binding(clevis) || custom_pin(clevis, self.minor())) {
                self.error(&at([Name::Cex]), "cannot use cex with clevis");
            }
            if key.is_some_and(|key| !key.is_empty()) {
                self.error(&at([Name::Cex]), "cannot use key file with cex");
            }
        }
    }

    pub(crate) fn custom(&mut self, node: &Node) {
        let (pin, config) = (
            node.str_or_empty(Name::Pin),
            node.str_or_empty(Name::Config),
        );
        let required = self.minor() >= 4;
        if pin.is_empty() && config.is_empty() && !(required && node.is_true(Name::NeedsNetwork)) {
            return;
        }
        match pin {
            "" if required => self.error(&at([Name::Pin]), "missing required custom clevis pin"),
            "tpm2" | "tang" | "sss" => {}
            _ if self.minor() < 7 => self.error(&at([Name::Pin]), "unsupported clevis pin"),
            _ => {}
        }
        if config.is_empty() {
            self.error(&at([Name::Config]), "missing required custom clevis config");
        }
    }

    pub(crate) fn tang(&mut self, node: &Node) {
        let fault = match crate::url::parse(node.str_or_empty(Name::Url)) {
            Err(error) => Some(error.to_string()),
            Ok(url) if url.scheme == "http" || url.scheme == "https" => None,
            Ok(_) => Some("invalid url scheme".into()),
        };
        if let Some(fault) = fault {
            self.error(&at([Name::Url]), fault);
        }
        if node.str_or_empty(Name::Thumbprint).is_empty() {
            self.error(&at([Name::Thumbprint]), "thumbprint is required");
        }
        let advertisement = node.str_or_empty(Name::Advertisement);
        if !advertisement.is_empty() && crate::go_json::check(advertisement.as_bytes()).is_err() {
            self.error(
                &at([Name::Advertisement]),
                "advertisement is not valid JSON",
            );
        }
    }

    pub(crate) fn raid(&mut self, node: &Node) {
        let spares = node.int_of(Name::Spares).is_some_and(|spares| spares != 0);
        let fault = match node.str_or_empty(Name::Level) {
            "" if self.minor() >= 4 => Some("raid level is required"),
            "linear" | "raid0" | "0" | "stripe" => {
                spares.then_some("spares unsupported for linear and raid0 arrays")
            }
            "raid1" | "1" | "mirror" | "raid4" | "4" | "raid5" | "5" | "raid6" | "6" | "raid10"
            | "10" => None,
            _ => Some("unrecognized raid level"),
        };
        if let Some(fault) = fault {
            self.error(&at([Name::Level]), fault);
        }
        if node.items(Name::Devices).is_empty() {
            self.error(&at([Name::Devices]), "raid devices required");
        }
        for (index, device) in node.items(Name::Devices).iter().enumerate() {
            if let Some(fault) = path_fault(device.as_text().map_or("", |path| &**path)) {
                self.error(&[Name::Devices.into(), index.into()], fault);
            }
        }
    }
}

/// Whether another way to unlock is configured; up to 1.3.0 an empty one counts.
fn custom_pin(clevis: &Node, minor: u8) -> bool {
    clevis
        .get(Name::Custom)
        .is_some_and(|custom| minor < 4 || !custom.str_or_empty(Name::Pin).is_empty())
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
        let (start, size) = (node.int_of(Name::StartMib)?, node.int_of(Name::SizeMib)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::messages;

    #[test]
    fn rules() {
        for (minor, body, message) in [
            (7, "disks: [{}]", DEVICE_REQUIRED),
            (
                7,
                "disks: [{device: /dev/a, partitions: [{}]}]",
                "a partition number >= 1 or a label must be specified",
            ),
            (
                7,
                "luks: [{name: a/b, device: /dev/a}]",
                "device names cannot contain slashes",
            ),
            (
                6,
                "luks: [{name: a, device: /dev/a, clevis: {custom: {pin: x, config: y}}}]",
                "unsupported clevis pin",
            ),
            (
                7,
                "luks: [{name: a, device: /dev/a, clevis: {tang: [{url: 'http://a'}]}}]",
                "thumbprint is required",
            ),
            (
                7,
                "luks: [{name: a, device: /dev/a, cex: {enabled: true}, clevis: {tpm2: true}}]",
                "cannot use cex with clevis",
            ),
            (
                7,
                "raid: [{name: a, level: raid7, devices: [/dev/a]}]",
                "unrecognized raid level",
            ),
            (
                7,
                "raid: [{name: a, level: stripe, spares: 1, devices: [/dev/a]}]",
                "spares unsupported for linear and raid0 arrays",
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

    #[test]
    fn overlaps() {
        let of = |spans: &[(i64, i64)]| {
            let none = crate::tree::PathId::NONE;
            let partition = |(start, size): &(i64, i64)| {
                Node::fields(
                    vec![
                        (Name::StartMib, Node::int(*start, none)),
                        (Name::SizeMib, Node::int(*size, none)),
                    ],
                    none,
                )
            };
            overlapping(&spans.iter().map(partition).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(100, 100), (150, 10)]), Some(1));
        assert_eq!(of(&[(100, 100), (200, 10), (50, 50)]), None);
        assert_eq!(of(&[(100, 0), (100, 1)]), Some(1));
        assert_eq!(of(&[(0, 100), (50, 10)]), None);
    }
}

//! Partitions of the boot disk that are easy to get wrong.

use crate::context::Context;
use crate::report::Severity;
use crate::tree::{Name, Node};

/// What the system needs for its root partition, in MiB.
const ROOT_SIZE: i64 = 8192;

/// The numbers of the partitions that come with the system.
fn reserved(label: &str) -> Option<i64> {
    match label {
        "BIOS-BOOT" | "PowerPC-PReP-boot" => Some(1),
        "EFI-SYSTEM" => Some(2),
        "boot" => Some(3),
        "root" => Some(4),
        _ => None,
    }
}

/// Warns of reserved labels with other numbers, and since 1.3.0 of a root
/// partition that cannot be large enough.
pub(crate) fn check(context: &mut Context, root: &Node) {
    let Some(storage) = root.get(Name::Storage) else {
        return;
    };
    for (disk_index, disk) in storage.items(Name::Disks).iter().enumerate() {
        let partitions = disk.items(Name::Partitions);
        let reused = !disk.is_true(Name::WipeTable);
        for (index, partition) in partitions.iter().enumerate() {
            let Some(label) = partition.get(Name::Label) else {
                continue;
            };
            let from = label.from;
            let label = partition.str_or_empty(Name::Label);
            let size = partition.int_of(Name::SizeMib).unwrap_or(0);
            if context.minor >= 3 && label == "root" {
                let anywhere = |other: &Node| other.int_of(Name::StartMib).unwrap_or(0) == 0;
                let others = partitions
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index);
                if size == 0 && others.map(|(_, other)| other).any(anywhere) {
                    context.warn(
                        from,
                        &[],
                        "root partition cannot expand; it is set to fill available space but is followed by an \
                         auto-positioned partition",
                    );
                } else if size != 0 && size < ROOT_SIZE {
                    // The reference names the place in the generated config.
                    let steps = [
                        Name::Storage.into(),
                        Name::Disks.into(),
                        disk_index.into(),
                        Name::Partitions.into(),
                        index.into(),
                        Name::SizeMib.into(),
                    ];
                    context.add(
                        Severity::Warning,
                        &steps,
                        "root should have 8GiB of space assigned".into(),
                    );
                }
            }
            // A disk that is wiped has no partitions to find again.
            let number = partition.int_of(Name::Number).unwrap_or(0);
            if reused && reserved(label).is_some_and(|wanted| wanted != number) {
                context.warn(
                    from,
                    &[],
                    "incorrect partition number; a new partition will be created using reserved label",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn warnings() {
        let of = |partitions: &str| {
            let body =
                format!("storage: {{disks: [{{device: /dev/a, partitions: [{partitions}]}}]}}");
            messages(5, &body)
                .iter()
                .map(|message| message.split(": ").nth(1).unwrap_or_default()[..12].to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("{label: boot, number: 2}"), ["incorrect pa"]);
        assert_eq!(
            of("{label: root, number: 4}, {label: x, number: 5}"),
            ["root partiti"]
        );
        assert_eq!(
            of("{label: root, number: 4, size_mib: 8191}"),
            ["root should "]
        );
        assert!(of("{label: root, number: 4, size_mib: 8192}").is_empty());
    }
}

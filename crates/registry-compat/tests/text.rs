//! Tags and file names from registries: no text can make a parser panic, and a
//! tag that is read says what it was written from.

use proptest::prelude::*;
use registry_compat::{
    AkmodsFlavor, Answer, Digest, ImageRef, KmodTag, Repository, Tag, TagForm, source_by_form,
    zfs_of_rpms,
};
use version_discovery::{Arch, KernelVersion, ZfsVersion};

fn form() -> TagForm {
    "zfs-{zfs}_kernel-{kernel}".parse().expect("a form")
}

fn flavor() -> AkmodsFlavor {
    "coreos-stable".parse().expect("a flavor")
}

proptest! {
    #[test]
    fn any_text(text in "\\PC{0,160}|[\\x00-\\x7f]{0,80}|(coreos-stable|zfs)-[0-9a-z._-]{0,60}") {
        if let Some(KmodTag { kernel, zfs }) = form().parse(&text) {
            prop_assert_eq!(format!("zfs-{zfs}_kernel-{kernel}"), text.clone());
        }
        if let Some(kernel) = flavor().parse(&text) {
            prop_assert!(text.ends_with(&kernel.to_string()));
        }
        let _ = zfs_of_rpms([text.as_str(), "zfs-2.4.4-1.fc44.x86_64.rpm"], Arch::X86_64);
        let _ = (text.parse::<TagForm>(), text.parse::<AkmodsFlavor>(), text.parse::<Repository>());
        let _ = (text.parse::<Digest>(), text.parse::<ImageRef>(), text.parse::<Tag>());
    }

    #[test]
    fn tags_of_both_layouts_are_read_back(
        zfs in (0_u32..9, 0_u32..99, 0_u32..99),
        kernel in "[1-9]\\.[1-9]?[0-9]\\.[1-9]?[0-9]-[1-9]00\\.fc[1-9][0-9]\\.(x86_64|aarch64)",
        other in 100_u32..999,
    ) {
        let (major, minor, patch) = zfs;
        let zfs = ZfsVersion { major, minor, patch };
        let kernel: KernelVersion = kernel.parse().expect("a kernel");
        let tag = flavor().tag_of(&kernel).expect("a kernel of Fedora");
        prop_assert_eq!(flavor().parse(&tag), Some(kernel.clone()));
        prop_assert_eq!(flavor().parse(&flavor().tag(other, &kernel)), None);
        let wanted = KmodTag { kernel: kernel.clone(), zfs };
        let tag = form().render(&wanted).expect("short");
        prop_assert_eq!(form().parse(tag.as_str()), Some(wanted));
        let source = source_by_form("a", &form(), &Answer::Present(vec![tag.as_str()]));
        let known = source.kernels.known().and_then(|map| map.get(&kernel)?.known());
        prop_assert!(known.is_some_and(|versions| versions.contains(&zfs)));
    }
}

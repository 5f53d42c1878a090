//! Whether this machine runs virtual machines by itself.

/// Programs that the boot of an image takes, with the packages of Debian.
pub const BOOT: [(&str, &str); 3] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("mke2fs", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
];

/// Whether KVM can be used, or why not.
///
/// A device that opens is not enough: inside of some virtual machines it is
/// there, and a guest comes as far as its firmware. The processor has to say
/// that it can.
///
/// # Errors
/// Why not, in a few words.
pub fn usable() -> Result<(), String> {
    judge_kvm(
        opened(),
        &std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
    )
}

/// Whether the device is there, and closed to this person.
pub fn is_closed() -> bool {
    matches!(opened(), Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn opened() -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).open("/dev/kvm").map(drop)
}

fn judge_kvm(opened: std::io::Result<()>, cpuinfo: &str) -> Result<(), String> {
    match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("there is no /dev/kvm".to_owned());
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err("/dev/kvm is not for you; join the group `kvm`".to_owned());
        }
        Err(error) => return Err(format!("/dev/kvm: {error}")),
        Ok(()) => {}
    }
    let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    let able = flags
        .flat_map(str::split_whitespace)
        .any(|flag| ["vmx", "svm"].contains(&flag));
    if able {
        Ok(())
    } else {
        Err("/dev/kvm is there, but this processor has neither vmx nor svm".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_device_alone_is_not_kvm() {
        let able = "processor\t: 0\nflags\t\t: fpu svm sse\n";
        assert_eq!(judge_kvm(Ok(()), able), Ok(()));
        for (opened, cpuinfo, said) in [
            (Ok(()), "flags\t\t: fpu sse\nbugs: svm\n", "neither"),
            (Err(ErrorKind::NotFound), able, "no /dev/kvm"),
            (Err(ErrorKind::PermissionDenied), able, "group `kvm`"),
            (Err(ErrorKind::Other), able, "/dev/kvm: "),
        ] {
            let why = judge_kvm(opened.map_err(Error::from), cpuinfo).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}

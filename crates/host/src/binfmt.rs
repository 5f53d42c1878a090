//! Whether the kernel runs programs of another architecture, by an interpreter that somebody
//! has registered (`binfmt_misc`).
//!
//! Source: the kernel's `Documentation/admin-guide/binfmt-misc.rst`.

/// Where the kernel tells what is registered: a file for each.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// Whether the kernel runs ELF programs of this machine (`e_machine` of `elf.h`), in a
/// container too.
pub fn runs(machine: u16) -> bool {
    let files = std::fs::read_dir(REGISTERED).into_iter().flatten();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok();
    files
        .filter_map(|file| read(file.ok()?.path()))
        .any(|text| takes(&text, machine))
}

/// Whether what is registered is enabled, takes these programs, and has its interpreter open
/// (flag `F`): a container has no such file.
fn takes(text: &str, machine: u16) -> bool {
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    // Two bytes, little-endian, 18 bytes into the file.
    let [low, high] = machine.to_le_bytes();
    let magic = format!("{low:02x}{high:02x}");
    text.lines().next() == Some("enabled")
        && value("flags:").is_some_and(|flags| flags.contains('F'))
        && value("offset") == Some("0")
        && value("magic").is_some_and(|bytes| {
            bytes.starts_with("7f454c46") && bytes.get(36..40) == Some(magic.as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AARCH64: u16 = 183;

    #[test]
    fn what_a_container_can_run_too() {
        let text = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\n\
                    offset 0\nmagic 7f454c460201010000000000000000000200b700\n\
                    mask ffffffffffffff00fffffffffffffffffeffffff\n";
        assert!(takes(text, AARCH64));
        assert!(!takes(text, 62));
        for (part, other) in [
            ("enabled", "disabled"),
            ("POF", "PO"),
            ("b700", "f300"),
            ("offset 0", "offset 4"),
            ("7f454c46", "cafebabe"),
            ("0200b700", ""),
        ] {
            assert!(!takes(&text.replace(part, other), AARCH64), "{part}");
        }
        // The file `status`, and one that is no script of an interpreter.
        assert!(!takes("enabled\n", AARCH64));
    }
}

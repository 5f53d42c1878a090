//! What `vm` takes. Everything else does without it, so nothing of it is
//! missing unless it is asked for.

use host::env::Env;
use machine::vm::capabilities;

use super::tool::Purpose::{Boot, Vm};
use super::tool::{Line, Tool, free_space, line_of, tool};

/// Programs.
pub(super) const TOOLS: [Tool; 5] = [
    tool(
        &[Vm, Boot],
        "qemu-system-x86_64",
        "the machine of `vm`",
        "qemu-system-x86",
        "qemu-system-x86-core",
    ),
    tool(&[Vm], "swtpm", "the TPM of `vm`", "swtpm", "swtpm"),
    tool(
        &[Vm],
        "mmdebstrap",
        "the Debian guest of `vm`",
        "mmdebstrap debian-archive-keyring",
        "mmdebstrap debian-keyring",
    ),
    tool(
        &[Vm, Boot],
        "mke2fs",
        "the Debian guest of `vm`",
        "e2fsprogs",
        "e2fsprogs",
    ),
    tool(
        &[Boot],
        "debugfs",
        "the disk of `boot`",
        "e2fsprogs",
        "e2fsprogs",
    ),
];

/// What the guest, its copies and two disks take, in bytes.
const WANTED_SPACE: u64 = 4_000_000_000;

/// All of it.
pub(super) fn lines(env: &Env) -> Vec<Line> {
    let mut lines: Vec<Line> = TOOLS
        .iter()
        .map(|tool| {
            let line = line_of(env, tool);
            match line.there {
                true => line,
                false => line.mend(format!("`doctor --install --vm` brings {}", tool.debian)),
            }
        })
        .collect();
    // Without these two it takes longer, or another way.
    let kvm = host::kvm::usable();
    let line = Line::new(kvm.is_ok(), &[], "/dev/kvm (speed of `vm` and `boot`)");
    lines.push(match kvm {
        Ok(()) => line.found("usable"),
        Err(why) => line
            .found("no")
            .mend(format!("{why}; emulation takes minutes")),
    });
    let firmware = capabilities::firmware();
    let line = Line::new(firmware.is_some(), &[], "OVMF (UEFI firmware of `vm`)");
    lines.push(match firmware {
        Some((code, _)) => line.found(code),
        None => line
            .found("no")
            .mend("package ovmf; without it, machines have a BIOS"),
    });
    let place = env.root.display().to_string();
    let free = free_space(env, &place);
    let gigabytes = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    let enough = free.is_some_and(|free| free >= WANTED_SPACE);
    let line = Line::new(enough, &[Vm, Boot], "disk space for `vm` and `boot`")
        .found(free.map_or_else(|| "not known".to_owned(), gigabytes));
    lines.push(match enough {
        true => line,
        false => line.mend(format!(
            "they want {} below target",
            gigabytes(WANTED_SPACE)
        )),
    });
    lines
}

//! What `vm` takes. Everything else does without it, so nothing of it is
//! missing unless it is asked for.

use host::env::Env;
use machine::vm::capabilities;

use super::tool::{Line, Tool, free_space, installed, tool};

/// Programs.
pub(super) const TOOLS: [Tool; 5] = [
    tool(
        "qemu-system-x86_64",
        "the machine of `vm`",
        "qemu-system-x86",
        "qemu-system-x86-core",
    ),
    tool("swtpm", "the TPM of `vm`", "swtpm", "swtpm"),
    tool(
        "mmdebstrap",
        "the Debian guest of `vm`",
        "mmdebstrap debian-archive-keyring",
        "mmdebstrap debian-keyring",
    ),
    tool(
        "mke2fs",
        "the Debian guest of `vm`",
        "e2fsprogs",
        "e2fsprogs",
    ),
    tool("debugfs", "the disk of `boot`", "e2fsprogs", "e2fsprogs"),
];

/// What the guest, its copies and two disks take, in bytes.
const WANTED_SPACE: u64 = 4_000_000_000;

/// All of it; `asked` makes it a verdict.
pub(super) fn lines(env: &Env, asked: bool) -> Vec<Line> {
    let line = |name: String, outcome: Result<String, (String, String)>| {
        let ok = outcome.is_ok();
        let (found, mend) = outcome.map_or_else(|wrong| wrong, |found| (found, String::new()));
        Line {
            ok: ok || !asked,
            name,
            found,
            mend,
        }
    };
    let mut lines: Vec<Line> = TOOLS
        .iter()
        .map(|tool| {
            let found = installed(env, tool).map(|path| path.display().to_string());
            let mend = format!("`doctor --install --vm` brings {}", tool.debian);
            let name = format!("{} ({})", tool.program, tool.purpose);
            line(name, found.ok_or_else(|| ("no".to_owned(), mend)))
        })
        .collect();
    let advice = |name: &str, outcome: Result<String, (&str, String)>| Line {
        // Without them it takes longer, or another way.
        ok: true,
        ..line(
            name.to_owned(),
            outcome.map_err(|(found, mend)| (found.to_owned(), mend)),
        )
    };
    let kvm = host::kvm::usable().map(|()| "usable".to_owned());
    lines.push(advice(
        "/dev/kvm (speed of `vm`)",
        kvm.map_err(|why| ("no", format!("{why}; emulation takes minutes"))),
    ));
    let firmware = capabilities::firmware().map(|(code, _)| code.to_owned());
    lines.push(advice(
        "OVMF (UEFI firmware of `vm`)",
        firmware.ok_or_else(|| {
            (
                "no",
                "package ovmf; without it, machines have a BIOS".to_owned(),
            )
        }),
    ));
    let place = env.root.display().to_string();
    let free = free_space(env, &place);
    let gigabytes = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    lines.push(line(
        "disk space for `vm`".to_owned(),
        match free {
            Some(free) if free >= WANTED_SPACE => Ok(gigabytes(free)),
            Some(free) => Err((
                gigabytes(free),
                format!("it wants {} below target", gigabytes(WANTED_SPACE)),
            )),
            None => Err(("not known".to_owned(), String::new())),
        },
    ));
    lines
}

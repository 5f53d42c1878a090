//! Why a boot failed, read from its console. Pure.

use std::fmt;

use super::console::Console;

/// What is known to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The kernel gave up.
    Panic(String),
    /// Ignition gave up.
    Ignition(String),
    /// An encrypted disk could not be unlocked: the console asks for its passphrase.
    Locked {
        /// What systemd calls it.
        disk: String,
        /// The TPM's error to clevis, if the console shows it.
        said: Option<String>,
    },
    /// The system could not start; which units.
    Emergency(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(said) => write!(f, "the kernel gave up: {said}"),
            Self::Ignition(said) => write!(f, "Ignition gave up: {said}"),
            Self::Locked { disk, said } => {
                write!(
                    f,
                    "the disk {disk} stays locked and asks for its passphrase"
                )?;
                match said {
                    Some(said) => write!(f, "; the TPM: {said}"),
                    None => Ok(()),
                }
            }
            Self::Emergency(units) => write!(f, "the system could not start: {units}"),
        }
    }
}

impl Reason {
    /// Whether this reason is final: the boot cannot go on.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Panic(_) => true,
            // Without an error of the TPM, clevis may still be trying.
            Self::Locked { said, .. } => said.is_some(),
            // What comes after it says more.
            Self::Ignition(_) | Self::Emergency(_) => false,
        }
    }
}

/// What systemd asks at a console; the disk's name follows. Source:
/// `src/cryptsetup/cryptsetup.c`.
const QUESTION: &str = "Please enter passphrase for disk ";

/// What Ignition says at last. Source: `internal/main.go`.
const GAVE_UP: &str = "Ignition failed: ";

/// How the Debian guest begins to say what has failed (`finish.sh`).
const FAILED: &str = "vm: emergency: what has failed";

/// Where Fedora CoreOS's initramfs and a systemd with a console wait for a
/// person. Sources: `ignition-emergency-shell.sh` of fedora-coreos-config,
/// `sulogin-shell.c` of systemd.
const WAITS: [&str; 2] = [
    "Press Enter for emergency shell or wait",
    "You are in emergency mode.",
];

/// Whether the console waits for input from a person.
pub fn waits_for_a_person(console: &Console) -> bool {
    let prompt = console.prompt();
    let text = console.text();
    WAITS
        .iter()
        .any(|words| text.contains(words) || prompt.contains(words))
}

/// The disk whose passphrase is asked for, if it was not unlocked since.
pub fn asked_for(console: &Console) -> Option<String> {
    let all = format!("{}{}", console.text(), console.prompt());
    let (_, rest) = all.rsplit_once(QUESTION)?;
    // Units' names may be cut in the middle, their descriptions at the front.
    let opened = |line: &str| {
        let done = line.contains("Finished ") || line.contains("Reached target ");
        done && (line.contains("Cryptography Setup for ")
            || line.contains("Local Encrypted Volumes."))
    };
    if rest.lines().any(opened) {
        return None;
    }
    let name = rest.split([':', '\n', '!']).next().unwrap_or_default();
    Some(name.trim().to_owned())
}

/// What a TPM said that could not open what clevis had sealed. Source: clevis's
/// `clevis-decrypt-tpm2`; the line before it is tpm2-tools'.
fn refused(text: &str) -> Option<String> {
    let clevis = [
        "Loading jwk to TPM2 failed!",
        "Unsealing jwk from TPM failed!",
    ];
    if !clevis.iter().any(|said| text.contains(said)) {
        return None;
    }
    let error = text.lines().rev().find_map(|line| {
        let (_, said) = line.split_once("ERROR: ")?;
        let (_, said) = said.split_once(" - ")?;
        said.contains("tpm:").then(|| said.to_owned())
    });
    Some(error.unwrap_or_else(|| "it cannot open what was sealed".to_owned()))
}

/// What Ignition said at last, and what it said right before: the one is the
/// step, the other the cause.
fn ignition(text: &str) -> Option<String> {
    let (before, said) = text.rsplit_once(GAVE_UP)?;
    let said = said.lines().next().unwrap_or_default().trim();
    let mut lines = before.lines().rev();
    if !before.ends_with('\n') {
        // The journal's columns, of the same line.
        lines.next();
    }
    let cause = lines.next().unwrap_or_default();
    let cause = cause.split_once("]: ").map_or(cause, |(_, rest)| rest);
    let stages = [
        "fetch-offline: ",
        "fetch: ",
        "kargs: ",
        "disks: ",
        "mount: ",
        "files: ",
    ];
    if stages.iter().any(|stage| cause.starts_with(stage)) {
        return Some(format!("{said} ({cause})"));
    }
    Some(said.to_owned())
}

/// The units that the Debian guest lists as failed.
fn failed_units(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(FAILED)?;
    let units = rest
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("vm: emergency"))
        .filter_map(|line| line.split_whitespace().next());
    Some(units.collect::<Vec<_>>().join(", "))
}

/// The reason, if the console has one.
pub fn reason(console: &Console) -> Option<Reason> {
    let text = console.text();
    let panic = text
        .lines()
        .find(|line| line.contains("Kernel panic - not syncing"));
    if let Some(line) = panic {
        return Some(Reason::Panic(line.to_owned()));
    }
    if let Some(said) = ignition(text) {
        return Some(Reason::Ignition(said));
    }
    if let Some(disk) = asked_for(console) {
        let said = refused(text);
        return Some(Reason::Locked { disk, said });
    }
    failed_units(text).map(Reason::Emergency)
}

/// What follows was recorded, byte by byte, from machines of `vm` and `vm
/// --nights`.
#[cfg(test)]
mod tests {
    use super::*;

    fn console(log: &[u8]) -> Console {
        Console::of(log)
    }

    #[test]
    fn a_lost_tpm_is_told_from_one_that_takes_its_time() {
        let log = include_bytes!("reason/locked.log");
        let locked = Reason::Locked {
            disk: "data".to_owned(),
            said: Some("tpm:parameter(1):integrity check failed".to_owned()),
        };
        let found = reason(&console(log)).unwrap();
        assert_eq!(found, locked);
        assert!(found.is_final());
        // Before the TPM's word, the question alone is no end.
        let clevis = log.windows(6).position(|bytes| bytes == b"clevis");
        let early = reason(&console(&log[..clevis.unwrap()])).unwrap();
        assert!(
            matches!(&early, Reason::Locked { said: None, .. }),
            "{early}"
        );
        assert!(!early.is_final());
    }

    #[test]
    fn a_question_that_was_answered_is_none() {
        let log = include_bytes!("reason/opened.log");
        let whole = console(log);
        assert_eq!(reason(&whole), None);
        let asked = log.iter().position(|byte| *byte == b'\n').unwrap();
        assert_eq!(asked_for(&console(&log[..asked])).as_deref(), Some("data"));
        // The prompt ends no line.
        let mut open = Console::default();
        open.feed(&log[..asked - 1], &mut |_| {});
        assert_eq!(open.text(), "");
        assert_eq!(asked_for(&open).as_deref(), Some("data"));
    }

    #[test]
    fn ignition_says_what_and_why() {
        let log = include_str!("reason/used-disk.log");
        let said = "Ignition gave up: failed to create luks: volume is not of the correct type \
                    (disks: createLuks: volume wipe was not requested and luks device \
                    \"/dev/disk/by-partlabel/data\" could not be reused: config must not specify \
                    clevis binding)";
        let found = reason(&console(log.as_bytes())).unwrap();
        assert_eq!(found.to_string(), said);
        assert!(!found.is_final(), "the machine goes on to power itself off");
        // As Fedora CoreOS has it: the journal's columns before each line.
        let columns: String = log
            .lines()
            .map(|line| format!("Nov 23 10:59:01 ignition[343]: {line}\n"))
            .collect();
        let found = reason(&console(columns.as_bytes())).unwrap();
        assert_eq!(found.to_string(), said);
        // Without Ignition's word it is the list of units.
        let units: String = log
            .lines()
            .filter(|line| !line.contains("Ignition failed"))
            .map(|line| format!("{line}\n"))
            .collect();
        let found = reason(&console(units.as_bytes())).unwrap().to_string();
        assert_eq!(found, "the system could not start: ignition-disks.service");
    }

    #[test]
    fn a_small_disk_is_named_by_its_sectors() {
        let log = include_bytes!("reason/small-disk.log");
        let found = reason(&console(log)).unwrap().to_string();
        let said = "Ignition gave up: create partitions failed: Failed to pretend to create \
                    partitions. Err: exit status 4. Stderr: Could not create partition 1 from \
                    2048 to 1230847";
        assert_eq!(found, said);
    }

    #[test]
    fn a_panic_is_the_end() {
        let found = reason(&console(include_bytes!("reason/panic.log"))).unwrap();
        assert!(found.is_final());
        let said = "Kernel panic - not syncing: IO-APIC + timer doesn't work!";
        assert!(found.to_string().contains(said), "{found}");
    }
}

//! Why a boot went wrong, as its console says it. Pure.

use std::fmt;

use super::console::Console;

/// What is known to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The kernel gave up.
    Panic(String),
    /// Ignition gave up.
    Ignition(String),
    /// A disk stayed shut: nobody can open it but a person with its words.
    Locked {
        /// What systemd calls it.
        disk: String,
        /// What the TPM said to clevis, if that was heard.
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
    /// Whether nothing comes after it.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Panic(_) => true,
            // Without a word of the TPM, clevis may still be at it.
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

/// Whether the console waits for a person, who does not come.
pub fn waits_for_a_person(console: &Console) -> bool {
    let prompt = console.prompt();
    let text = console.text();
    WAITS
        .iter()
        .any(|words| text.contains(words) || prompt.contains(words))
}

/// The disk whose words are asked for, if nobody has opened it since.
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
    if let Some((_, said)) = text.rsplit_once(GAVE_UP) {
        let line = said.lines().next().unwrap_or_default();
        return Some(Reason::Ignition(line.trim().to_owned()));
    }
    if let Some(disk) = asked_for(console) {
        let said = refused(text);
        return Some(Reason::Locked { disk, said });
    }
    failed_units(text).map(Reason::Emergency)
}

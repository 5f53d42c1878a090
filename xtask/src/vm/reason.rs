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
            Self::Emergency(said) => write!(f, "the system could not start: {said}"),
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
            Self::Ignition(_) | Self::Emergency(_) => false,
        }
    }
}

/// What systemd asks at a console; the disk's name follows. Source:
/// `src/cryptsetup/cryptsetup.c`.
const QUESTION: &str = "Please enter passphrase for disk ";

/// The disk whose words are asked for, if nobody has opened it since.
pub fn asked_for(console: &Console) -> Option<String> {
    let all = format!("{}{}", console.text(), console.prompt());
    let (_, rest) = all.rsplit_once(QUESTION)?;
    let opened = [
        "Finished systemd-cryptsetup@",
        "Reached target cryptsetup.target",
    ];
    if opened.iter().any(|mark| rest.contains(mark)) {
        return None;
    }
    let name = rest.split([':', '\n']).next().unwrap_or_default();
    Some(name.trim().to_owned())
}

/// What a TPM said that could not open what clevis had sealed. Source: clevis's
/// `clevis-decrypt-tpm2`; the line before it is tpm2-tools'.
fn refused(text: &str) -> Option<String> {
    if !text.contains("Loading jwk to TPM2 failed!")
        && !text.contains("Unsealing jwk from TPM failed!")
    {
        return None;
    }
    let error = text.lines().rev().find_map(|line| {
        let (_, said) = line.split_once("ERROR: ")?;
        said.contains("tpm:")
            .then(|| said.rsplit(" - ").next().unwrap_or(said).to_owned())
    });
    Some(error.unwrap_or_else(|| "it cannot open what was sealed".to_owned()))
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
    if let Some(disk) = asked_for(console) {
        let said = refused(text);
        return Some(Reason::Locked { disk, said });
    }
    None
}

//! What a machine says on its console, as it comes. Pure.

use std::fmt;

/// The stages of a boot, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing was said yet.
    Firmware,
    /// Linux.
    Kernel,
    /// The initramfs.
    Initramfs,
    /// Ignition reads its config.
    Fetch,
    /// Ignition makes partitions, volumes and file systems.
    Disks,
    /// Ignition writes users, files and units.
    Files,
    /// The system itself.
    System,
    /// All of its units are up.
    Up,
    /// It reports.
    Report,
    /// The guest has reported, and powers off.
    Down,
}

impl Stage {
    /// What this line begins, if it begins a stage. `Welcome to` comes twice:
    /// from the initramfs, which says so, and from the system.
    fn of(line: &str) -> Option<Self> {
        let marks = [
            (Self::Down, "custom-coreos-vm end "),
            (Self::Report, "custom-coreos-vm begin "),
            (Self::Up, "Reached target multi-user.target"),
            (Self::Files, "Ignition (files)"),
            (Self::Disks, "Ignition (disks)"),
            (Self::Fetch, "Ignition (fetch"),
            (Self::Initramfs, "(Initramfs)!"),
            (Self::System, "Welcome to "),
            (Self::Kernel, "Linux version "),
        ];
        let found = marks.iter().find(|(_, mark)| line.contains(mark));
        found.map(|(stage, _)| *stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firmware => "firmware",
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::Fetch => "Ignition reads its config",
            Self::Disks => "Ignition makes disks",
            Self::Files => "Ignition writes files",
            Self::System => "the system starts",
            Self::Up => "the system is up",
            Self::Report => "it reports",
            Self::Down => "it goes down",
        })
    }
}

/// The console of one boot, read piece by piece.
#[derive(Debug)]
pub struct Console {
    /// Bytes of a line that has not ended.
    rest: Vec<u8>,
    /// All complete lines, without terminal escape sequences.
    text: String,
    stage: Stage,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            rest: Vec::new(),
            text: String::new(),
            stage: Stage::Firmware,
        }
    }
}

impl Console {
    /// A log that is complete.
    pub fn of(log: &[u8]) -> Self {
        let mut console = Self::default();
        console.feed(log, &mut |_| {});
        console.feed(b"\n", &mut |_| {});
        console
    }

    /// Takes the next piece; `show` gets each whole line.
    pub fn feed(&mut self, bytes: &[u8], show: &mut dyn FnMut(&str)) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = plain(&String::from_utf8_lossy(&line));
            // systemd's counter while it waits for a job.
            if line.is_empty() || (line.contains(" Job ") && line.contains("/start running (")) {
                continue;
            }
            if let Some(stage) = Stage::of(&line) {
                // Only a reboot leads to an earlier stage.
                self.stage = match stage {
                    Stage::Kernel => stage,
                    _ => self.stage.max(stage),
                };
            }
            show(&line);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// All whole lines.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The last line, even without its line end: a prompt has none.
    pub fn prompt(&self) -> String {
        plain(&String::from_utf8_lossy(&self.rest))
    }

    /// The last lines, for a person.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let lines: Vec<&str> = self.text.lines().collect();
        let from = lines.len().saturating_sub(count);
        lines[from..].iter().map(ToString::to_string).collect()
    }
}

/// A line without escape sequences (ECMA-48) and other control characters.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // `ESC [ … letter`, else one character.
                if chars.next() == Some('[') {
                    for c in chars.by_ref() {
                        if ('@'..='~').contains(&c) {
                            break;
                        }
                    }
                }
            }
            '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_steering_is_not_text() {
        assert_eq!(
            plain(
                "\u{1b}[K[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mx\u{1b}[0m.\r\n"
            ),
            "[  OK  ] Reached target x."
        );
        assert_eq!(plain("\u{1b}M\r\u{1b}[K"), "");
        assert_eq!(plain("\u{1b}"), "");
    }

    #[test]
    fn stages_go_forwards_and_pieces_may_be_any() {
        let log = "[    0.000000] Linux version 6.1.0\r\n\
                   Welcome to Debian GNU/Linux 12 (bookworm) dracut-059-4 (Initramfs)!\r\n\
                   [  OK  ] Finished ignition-fetch-of\u{2026}ce - Ignition (fetch-offline).\r\n\
                   \u{1b}M\r\u{1b}[K[ ***  ] Job ignition-disks.service/start running (25s / no limit)\r\n\
                            Starting ignition-disks.service - Ignition (disks)...\r\n";
        for size in [1, 7, 1000] {
            let mut console = Console::default();
            let mut seen = vec![console.stage()];
            let mut lines = 0;
            for piece in log.as_bytes().chunks(size) {
                console.feed(piece, &mut |_| lines += 1);
                if seen.last() != Some(&console.stage()) {
                    seen.push(console.stage());
                }
            }
            assert_eq!(seen.last(), Some(&Stage::Disks));
            assert!(seen.is_sorted());
            assert_eq!(lines, 4);
            assert_eq!(console.text(), Console::of(log.as_bytes()).text());
        }
        let mut console = Console::of(b"Welcome to Debian GNU/Linux 12 (bookworm)!\n");
        assert_eq!(console.stage(), Stage::System);
        console.feed(b"x (Initramfs)!\nlogin: ", &mut |_| {});
        assert_eq!(console.stage(), Stage::System);
        assert_eq!(console.prompt(), "login:");
        assert_eq!(console.tail(1), ["x (Initramfs)!"]);
        console.feed(b"\nLinux version 6.1\n", &mut |_| {});
        assert_eq!(console.stage(), Stage::Kernel);
    }
}

//! Checks that look at more than one field.

use std::collections::BTreeSet;

use super::comparison::{Comparison, Evidence, SILENT};

/// Options that a mount tool reads and the kernel never shows. Source:
/// mount(8), systemd.mount(5).
const NEVER_SHOWN: [&str; 11] = [
    "auto", "noauto", "defaults", "nofail", "_netdev", "user", "nouser", "users", "owner", "group",
    "loop",
];

/// Options that `rw`, or an absence, stands for.
const DEFAULTS: [&str; 6] = ["async", "exec", "suid", "dev", "strictatime", "diratime"];

/// A target that every boot reaches, for a guest that does not name its default
/// one.
const START: &str = "multi-user.target";

impl Evidence<'_> {
    fn field(&self, subject: &str, field: &str) -> Option<&str> {
        self.findings.get(subject, field)
    }

    /// The number of the partition that the config means.
    fn number(&self, subject: &str, number: u64, label: &str) -> Option<String> {
        let numbers = self.field(subject, "partitions")?;
        numbers
            .split_whitespace()
            .find(|found| match number {
                0 => self.blkid(subject, found, "PART_ENTRY_NAME").as_deref() == Some(label),
                number => **found == number.to_string(),
            })
            .map(str::to_owned)
    }

    fn blkid(&self, subject: &str, number: &str, field: &str) -> Option<String> {
        let value = self.field(subject, &format!("{number}.{field}"))?;
        // `blkid -o export` puts a backslash before what a shell would read.
        let mut plain = String::new();
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' {
                chars.next().unwrap_or(c)
            } else {
                c
            });
        }
        Some(plain)
    }

    pub(super) fn partition(
        &self,
        subject: &str,
        number: u64,
        label: &str,
        field: &str,
        value: &str,
    ) -> Comparison {
        if self.field(subject, "partitions").is_none() {
            let disk = self.field(subject, "exists");
            let found = if disk == Some("no") {
                "no such disk"
            } else {
                SILENT
            };
            return Comparison::new(wanted(field, value), found, false);
        }
        let found = self.number(subject, number, label);
        // An empty field: it must not be there at all.
        if field.is_empty() {
            let words = found.as_ref().map_or("absent", |_| "there");
            return Comparison::new("absent", words, found.is_none());
        }
        let Some(number) = found else {
            return Comparison::new(wanted(field, value), "no such partition", false);
        };
        let found = self.blkid(subject, &number, field).unwrap_or_default();
        Comparison::new(wanted(field, value), wanted(field, &found), found == value)
    }

    pub(super) fn only_partitions(&self, subject: &str, named: &[(u64, String)]) -> Comparison {
        let expected = format!("{} partitions", named.len());
        let Some(all) = self.field(subject, "partitions") else {
            return Comparison::new(expected, SILENT, false);
        };
        let known: BTreeSet<String> = named
            .iter()
            .filter_map(|(number, label)| self.number(subject, *number, label))
            .collect();
        let all: Vec<&str> = all.split_whitespace().collect();
        let others: Vec<&str> = all
            .iter()
            .copied()
            .filter(|number| !known.contains(*number))
            .collect();
        // One without number and label cannot be told from the others.
        let nameless = named
            .iter()
            .filter(|(number, label)| *number == 0 && label.is_empty())
            .count();
        let holds = others.len() == nameless && all.len() == named.len();
        let mut found = format!("{} partitions", all.len());
        if !holds && !others.is_empty() {
            found.push_str(&format!(", not of the config: {}", others.join(" ")));
        }
        Comparison::new(expected, found, holds)
    }

    pub(super) fn options(&self, subject: &str, options: &[String]) -> Comparison {
        let expected = options.join(",");
        let Some(found) = self.field(subject, "options") else {
            let nothing = self.field(subject, "source") == Some("nothing");
            let found = if nothing { "not mounted" } else { SILENT };
            return Comparison::new(expected, found, false);
        };
        let shown: Vec<&str> = found.split(',').collect();
        let visible =
            |option: &&String| !NEVER_SHOWN.contains(&option.as_str()) && !option.starts_with("x-");
        let mut judged = options.iter().filter(visible).peekable();
        if judged.peek().is_none() {
            let why = format!("not judged: the kernel never shows `{expected}`");
            return Comparison::unknown(expected, why);
        }
        let holds = judged.all(|option| has_option(&shown, option));
        Comparison::new(expected, found, holds)
    }

    /// Whether a unit does what an enabled one should be seen to do at the end
    /// of a boot.
    pub(super) fn active(&self, subject: &str) -> Comparison {
        let get = |field: &str| self.field(subject, field).unwrap_or_default();
        let (state, sub, result) = (get("ActiveState"), get("SubState"), get("Result"));
        if state.is_empty() {
            return Comparison::new("active", SILENT, false);
        }
        let name = subject.trim_start_matches("unit ");
        let service = name.ends_with(".service");
        let once = service && get("Type") == "oneshot" && get("RemainAfterExit") != "yes";
        let expected = if once { "ran to its end" } else { "active" };
        let broken = |found: String| Comparison::new(expected, found, false);
        match (get("LoadState"), state) {
            ("loaded", "active" | "reloading") => {
                Comparison::new(expected, format!("{state} ({sub})"), true)
            }
            ("loaded", "inactive") if !matches!(result, "" | "success") => {
                broken(format!("inactive, {result}"))
            }
            ("loaded", "inactive") => {
                let asked = !matches!(get("ConditionTimestampMonotonic"), "" | "0");
                if asked && get("ConditionResult") == "no" {
                    let why = "not started: one of its conditions does not hold";
                    return Comparison::unknown(expected, why);
                }
                let ran = !matches!(get("ExecMainExitTimestampMonotonic"), "" | "0");
                let code = get("ExecMainStatus");
                if once && ran {
                    return Comparison::new(expected, format!("ran, status {code}"), code == "0");
                }
                if ran {
                    return broken(format!("ended by itself, status {code}"));
                }
                if let Some(by) = self.wanted_by_nobody(subject) {
                    return Comparison::unknown(expected, by);
                }
                broken("never started".to_owned())
            }
            ("loaded", _) => broken(format!("{state} ({sub}), {result}")),
            (load, _) => broken(load.to_owned()),
        }
    }

    /// An enabled unit that no target of this boot wants is not started by it.
    fn wanted_by_nobody(&self, subject: &str) -> Option<String> {
        let targets = self.field("system", "targets").unwrap_or(START);
        let reached: BTreeSet<&str> = targets.split_whitespace().collect();
        let wants: Vec<&str> = ["WantedBy", "RequiredBy", "UpheldBy"]
            .iter()
            .filter_map(|field| self.field(subject, field))
            .flat_map(str::split_whitespace)
            .collect();
        let started = wants.iter().any(|want| reached.contains(want));
        (!started && !wants.is_empty())
            .then(|| format!("not started: {} is not reached", wants.join(", ")))
    }

    pub(super) fn ignition(&self, now: bool) -> Comparison {
        let get = |field: &str| self.field("system", field);
        let expected = if now { "ran" } else { "did not run again" };
        let (Some(boot), Some(first)) = (get("boot-id"), get("first")) else {
            return Comparison::new(expected, SILENT, false);
        };
        let lines = get("ignition-lines").and_then(|lines| lines.parse::<u64>().ok());
        // An older Ignition leaves no note; then the journal has to do.
        let note = get("ignition-boot-id").filter(|id| !id.is_empty());
        let mut traces = Vec::new();
        if first == "yes" {
            traces.push("the kernel was told to".to_owned());
        }
        if note == Some(boot) {
            traces.push("its note is of this boot".to_owned());
        }
        if let Some(lines @ 1..) = lines {
            traces.push(format!("{lines} lines in the journal"));
        }
        let told = first == "yes";
        let holds = match (now, note) {
            (true, Some(id)) => told && id == boot,
            (true, None) => told && lines.unwrap_or(0) > 0,
            (false, _) => traces.is_empty() && lines.is_some(),
        };
        let found = match (traces.is_empty(), note) {
            (false, _) => traces.join(", "),
            (true, Some(_)) => "its note is of an earlier boot".to_owned(),
            (true, None) => "no trace of it".to_owned(),
        };
        Comparison::new(expected, found, holds)
    }

    /// A command that had to fail for the lack of a signature. That it failed is
    /// not enough: so it does without a network. Source of the words: `image`'s
    /// `PolicyRequirementError` and `sigstoreSigned`, in Go's containers/image.
    pub(super) fn refused(&self, subject: &str) -> Comparison {
        let expected = "refused for its signature";
        let said = self.field(subject, "said").unwrap_or_default();
        match self.field(subject, "code") {
            None => Comparison::new(expected, SILENT, false),
            Some("0") => Comparison::new(expected, "taken without one", false),
            Some(code) => {
                let words = ["Source image rejected", "no signature exists"];
                let holds = words.iter().any(|word| said.contains(word));
                Comparison::new(expected, format!("{code}: {said}"), holds)
            }
        }
    }

    pub(super) fn canary(&self, subject: &str, mounted: bool) -> Comparison {
        let found = self.field(subject, "canary");
        let expected = match self.earlier {
            None => "takes a file",
            Some(_) => "the file of the first boot",
        };
        let now = self.field("system", "boot-id");
        match (found, self.earlier) {
            (None, _) => Comparison::new(expected, SILENT, false),
            (Some("not-mounted"), _) if !mounted => {
                Comparison::unknown(expected, "not judged: no unit of the config mounts it")
            }
            (Some(found @ ("not-mounted" | "read-only" | "gone")), _) => {
                Comparison::new(expected, found, false)
            }
            (Some(id), None) => {
                let written = Some(id) == now;
                let words = if written {
                    "written"
                } else {
                    "not of this boot"
                };
                Comparison::new(expected, words, written)
            }
            (Some(id), Some(earlier)) => {
                let then = earlier.get("system", "boot-id");
                let kept = Some(id) == then && then != now;
                let words = if kept {
                    "still there"
                } else {
                    "not of the first boot"
                };
                Comparison::new(expected, words, kept)
            }
        }
    }
}

/// A partition's value as people write it.
fn wanted(field: &str, value: &str) -> String {
    let sectors = matches!(field, "PART_ENTRY_SIZE" | "PART_ENTRY_OFFSET");
    match value.parse::<u64>() {
        Ok(count) if sectors && count % 2048 == 0 => format!("{} MiB", count / 2048),
        Ok(count) if sectors => format!("{count} sectors"),
        _ if value.is_empty() => "(nothing)".to_owned(),
        _ => value.to_owned(),
    }
}

/// Whether the kernel shows an option, in its own words.
fn has_option(shown: &[&str], option: &str) -> bool {
    if DEFAULTS.contains(&option) {
        let opposite = match option {
            "strictatime" => return !shown.iter().any(|o| matches!(*o, "relatime" | "noatime")),
            "async" => "sync".to_owned(),
            other => format!("no{other}"),
        };
        return !shown.contains(&opposite.as_str());
    }
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    shown.iter().any(|found| {
        let (found_key, found_value) = found.split_once('=').unwrap_or((found, ""));
        let subvolume = key == "subvol" && found_key == key;
        *found == option
            // `compress=zstd` is shown as `compress=zstd:3`, `discard` of btrfs
            // as `discard=async`.
            || found.strip_prefix(option).is_some_and(|rest| rest.starts_with([':', '=']))
            || (subvolume && found_value.trim_start_matches('/') == value.trim_start_matches('/'))
    })
}

//! How long publications took and how large their images are, one entry for each
//! publication: a JSON document that is stored in the image's own repository, under the
//! tag [`image_config::HISTORY_TAG`]. Pure; `record.rs` reads and writes it.
//!
//! The document, of which [`VERSION`] is 1: `{"version": 1, "entries": […]}`, the
//! oldest entry first, each an [`Entry`]. A reader rejects every other version and
//! every field that it does not know, because those fields would be lost when it writes
//! the document again.

mod boot;
mod charts;
mod seconds;
mod word;

use jiff::Timestamp;
use registry_compat::{Digest, Tag};
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::error::Error;
use crate::run::Timing;

pub use boot::Boot;
pub use charts::{charts, sparkline, table};
pub use seconds::Seconds;
pub use word::Word;

/// Artefact type of the document that the first half of a publication attaches to the
/// pushed image for the second half, which may run on another machine: a [`Half`].
pub const MEASURED: &str = "application/vnd.custom-coreos.measured.v1+json";

/// The version of both documents. A reader refuses any other.
pub const VERSION: u32 = 1;

/// The number of publications that are kept; the oldest is dropped first. More than a
/// year of nights, in less than a megabyte.
pub const MOST: usize = 400;

/// How long one step took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Took {
    /// Its name in the plan.
    pub step: Word,
    /// For which of several architectures, which are built at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// How long.
    pub seconds: Seconds,
}

/// The size of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Weight {
    /// Of this architecture.
    pub arch: Arch,
    /// Bytes of each layer as it is stored, the lowest first.
    pub layers: Vec<u64>,
}

impl Weight {
    /// The sum of the layers.
    pub fn bytes(&self) -> u64 {
        let add = |sum: u64, layer: &u64| sum.saturating_add(*layer);
        self.layers.iter().fold(0, add)
    }
}

/// One publication.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// When it ended.
    pub date: Timestamp,
    /// What the followed tags were moved to.
    pub digest: Digest,
    /// The image's version, `44.20260707.3.1-zfs2.4.4`.
    pub image: Tag,
    /// The fingerprint of its lock.
    pub fingerprint: Digest,
    /// The version of the program.
    pub program: Word,
    /// In order.
    pub steps: Vec<Took>,
    /// One for each architecture.
    pub weights: Vec<Weight>,
    /// Its boot; `None` in entries from before the program tested boots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// What a host that ran the image before had to fetch, for each architecture; empty
    /// for the first image, and in entries from before this was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<Fetch>,
    /// When a new build was last found to have the same content, so that this image
    /// stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
}

/// What an update cost a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fetch {
    /// Of this architecture.
    pub arch: Arch,
    /// Compressed bytes of the layers that the image before had not.
    pub bytes: u64,
    /// How many these are.
    pub layers: usize,
}

impl Entry {
    /// What the update cost a host: the most of all architectures.
    pub fn download(&self) -> Option<u64> {
        self.downloads.iter().map(|fetch| fetch.bytes).max()
    }

    /// How long it took: a step that ran for several architectures counts once, with
    /// the time of the slowest.
    pub fn seconds(&self) -> f64 {
        let sum = |arch: Option<Arch>| -> f64 {
            let of = self.steps.iter().filter(|took| took.arch == arch);
            of.map(|took| took.seconds.get()).sum()
        };
        let each = self.steps.iter().filter_map(|took| took.arch);
        sum(None) + each.map(|arch| sum(Some(arch))).fold(0.0, f64::max)
    }

    /// Compressed bytes, of all architectures.
    pub fn bytes(&self) -> u64 {
        let add = |sum: u64, weight: &Weight| sum.saturating_add(weight.bytes());
        self.weights.iter().fold(0, add)
    }

    /// The given number of steps, the slowest first.
    pub fn slowest(&self, count: usize) -> Vec<&Took> {
        let mut steps: Vec<&Took> = self.steps.iter().collect();
        steps.sort_by(|a, b| b.seconds.get().total_cmp(&a.seconds.get()));
        steps.truncate(count);
        steps
    }
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct History {
    version: u32,
    entries: Vec<Entry>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            version: VERSION,
            entries: Vec::new(),
        }
    }
}

impl History {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Step`] with what is wrong with it, and what to do.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        read(bytes, "history")
    }

    /// The document.
    ///
    /// # Errors
    /// Never for this type.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::Usage(error.to_string()))
    }

    /// Adds an entry, and keeps at most [`MOST`].
    pub fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
        let over = self.entries.len().saturating_sub(MOST);
        self.entries.drain(..over);
    }

    /// Notes that a new build had the same content as this image. `false` if there is no
    /// entry of it.
    pub fn looked(&mut self, digest: &Digest, time: Timestamp) -> bool {
        let mut entries = self.entries.iter_mut().rev();
        let entry = entries.find(|entry| entry.digest == *digest);
        if let Some(entry) = entry {
            entry.looked = Some(time);
            return true;
        }
        false
    }

    /// The newest of these notes, and of which image.
    pub fn last_look(&self) -> Option<(&Digest, Timestamp)> {
        let looks = self
            .entries
            .iter()
            .filter_map(|e| Some((&e.digest, e.looked?)));
        looks.max_by_key(|(_, time)| *time)
    }

    /// The newest entry of an image.
    pub fn of(&self, digest: &Digest) -> Option<&Entry> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.digest == *digest)
    }

    /// The given number of newest entries, the oldest of them first.
    pub fn last(&self, count: usize) -> &[Entry] {
        let from = self.entries.len().saturating_sub(count);
        &self.entries[from..]
    }
}

/// What the half that builds measured. The half that publishes reads it from the
/// registry, where it is attached to the image, and needs no file from the machine that
/// built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Half {
    version: u32,
    /// In order.
    pub steps: Vec<Took>,
}

impl Half {
    /// Of the steps so far.
    pub fn of(timings: &[Timing]) -> Self {
        Self {
            version: VERSION,
            steps: timings.iter().filter_map(took).collect(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// As [`History::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        read(bytes, "measured")
    }

    /// The document.
    ///
    /// # Errors
    /// Never for this type.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::Usage(error.to_string()))
    }
}

fn took(timing: &Timing) -> Option<Took> {
    Some(Took {
        step: timing.step.to_owned().try_into().ok()?,
        arch: None,
        seconds: Seconds::new(timing.seconds),
    })
}

/// The steps of a whole publication: those of the first halves, which may have run on
/// other machines, and then those of this run.
pub fn steps(halves: Vec<(Arch, Half)>, here: &[Timing]) -> Vec<Took> {
    let several = halves.len() > 1;
    let mut all = Vec::new();
    for (arch, half) in halves {
        all.extend(half.steps.into_iter().map(|took| Took {
            arch: several.then_some(arch),
            ..took
        }));
    }
    all.extend(here.iter().filter_map(took));
    all
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    let wrong = |detail: String| Error::Step {
        step: what.to_owned(),
        detail,
    };
    /// Read first, so that the error for a newer document names its version.
    #[derive(Deserialize)]
    struct Any {
        version: u32,
    }
    let torn = |error: serde_json::Error| {
        let error = host::one_line(&error.to_string());
        wrong(format!("not the document that it should be: {error}"))
    };
    let any: Any = serde_json::from_slice(bytes).map_err(torn)?;
    match any.version {
        VERSION => serde_json::from_slice(bytes).map_err(torn),
        newer => Err(wrong(format!(
            "version {newer} of its format, this program knows {VERSION}; \
             update the checkout to the commit that writes it"
        ))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The publication of a day, which took so many seconds to build.
    pub(crate) fn entry(day: u32, seconds: f64) -> Entry {
        let took = |step: &str, seconds: f64| Took {
            step: step.to_owned().try_into().unwrap(),
            arch: None,
            seconds: Seconds::new(seconds),
        };
        let digest = Digest::of(format!("{day}").as_bytes());
        let begin: Timestamp = "2026-07-01T06:00:00Z".parse().unwrap();
        let date = begin.as_second() + i64::from(day) * 86_400;
        Entry {
            date: Timestamp::from_second(date).unwrap(),
            digest: digest.clone(),
            image: "44.20260707.3.1-zfs2.4.4".parse().unwrap(),
            fingerprint: digest,
            program: "0.1.0".to_owned().try_into().unwrap(),
            steps: vec![
                took("build", seconds),
                took("push", 20.0),
                took("host", 3.04),
            ],
            weights: vec![Weight {
                arch: Arch::X86_64,
                layers: vec![900_000_000, 100_000_000 + u64::from(day)],
            }],
            boot: None,
            downloads: Vec::new(),
            looked: None,
        }
    }

    #[test]
    fn the_oldest_go_first() {
        let mut history = History::default();
        for day in 0..450 {
            history.add(entry(day, 600.0));
        }
        assert_eq!(history.last(usize::MAX).len(), MOST);
        assert_eq!(history.last(usize::MAX)[0], entry(50, 600.0));
        assert_eq!(history.last(1), [entry(449, 600.0)]);
        let bytes = history.to_bytes().unwrap();
        assert!(bytes.len() < 1_000_000, "{}", bytes.len());
        assert_eq!(History::parse(&bytes).unwrap(), history);
    }

    #[test]
    fn torn_newer_and_hostile_documents_are_refused() {
        let mut history = History::default();
        history.add(entry(1, 600.0));
        let good = String::from_utf8(history.to_bytes().unwrap()).unwrap();
        let refused = |text: &str| History::parse(text.as_bytes()).unwrap_err().to_string();
        for torn in ["", "{", "[]", "{\"entries\": []}", &good[..good.len() - 2]] {
            assert!(refused(torn).contains("not the document"), "{torn}");
        }
        let newer = refused(r#"{"version": 2, "series": "new"}"#);
        assert!(
            newer.contains("version 2") && newer.contains("update"),
            "{newer}"
        );
        for (part, evil) in [
            ("\"build\"", r#""```\n::set-output""#),
            ("\"build\"", r#""a|b""#),
            ("\"0.1.0\"", r#""""#),
            ("600.0", "-1.0"),
            ("600.0", "1e300"),
            ("600.0", "\"600\""),
            ("44.20260707.3.1-zfs2.4.4", "a b"),
            ("2026-07-02T06", "sometimes"),
            ("\"steps\"", r#""news": 1, "steps""#),
        ] {
            let text = good.replacen(part, evil, 1);
            assert_ne!(text, good, "{part}");
            assert!(refused(&text).contains("not the document"), "{evil}");
        }
    }

    #[test]
    fn the_halves_of_several_machines_count_once() {
        let timing = |step, seconds| Timing { step, seconds };
        let half = |seconds| Half::of(&[timing("key", 1.0), timing("build", seconds)]);
        let here = [timing("key", 2.0), timing("promote", 5.0)];
        let halves = |all: &[(Arch, f64)]| {
            let mut entry = entry(1, 0.0);
            let halves = all.iter().map(|(arch, seconds)| (*arch, half(*seconds)));
            entry.steps = steps(halves.collect(), &here);
            entry
        };
        let one = halves(&[(Arch::X86_64, 100.0)]);
        let names: Vec<String> = one.steps.iter().map(|t| t.step.to_string()).collect();
        assert_eq!(names, ["key", "build", "key", "promote"]);
        assert_eq!(one.steps[0].arch, None);
        assert_eq!(one.seconds(), 108.0);
        let two = halves(&[(Arch::X86_64, 100.0), (Arch::Aarch64, 300.0)]);
        assert_eq!(two.seconds(), 308.0);
        assert_eq!(two.steps[3].arch, Some(Arch::Aarch64));
        assert_eq!(two.slowest(1)[0].seconds.get(), 300.0);
    }
}

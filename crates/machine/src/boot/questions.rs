//! What an image has promised, as expectations of a boot: out of `image.yaml` and
//! the lock's versions. Pure.

use image_build::lock::Lock;
use image_config::{Boot as Policy, Units};
use registry_compat::{Digest, KmodTag};
use signatures::trust::POLICY;
use version_discovery::Arch;

use crate::error::Error;

use crate::vm::expect::{Boot, Check, ENABLED, Expectation, List, Question, system};

/// The pool of an image whose units name none.
const POOL: &str = "tank";

/// What begins the timers of the image's own snapshots; the cadence follows, and
/// the pool as the instance.
const SNAPSHOTS: &str = "zfs-snapshot-";

/// What an image promises.
#[derive(Debug, Clone, PartialEq)]
pub struct Promises {
    /// Its kernel, and its ZFS.
    pub versions: KmodTag,
    /// Units of `image.yaml`.
    pub units: Units,
    /// Which may fail.
    pub policy: Policy,
    /// SHA-256 of `/etc/containers/policy.json`, where the checkout has one.
    pub trust: Option<Digest>,
}

impl Promises {
    /// Those of an image that was built by a lock, which names its units.
    ///
    /// # Errors
    /// If the lock has nothing for this architecture.
    pub fn of(lock: &Lock, arch: Arch, policy: &Policy) -> Result<Self, Error> {
        let target = lock.target(arch)?;
        Ok(Self {
            versions: KmodTag {
                kernel: target.kernel.clone(),
                zfs: lock.zfs,
            },
            units: lock.policy.units.clone(),
            policy: policy.clone(),
            trust: None,
        })
    }
}

/// The pool that the image's timers are for, and the cadences of its snapshots.
///
/// Timers may be of several pools: the first one is made and tried.
pub fn pool(units: &Units) -> (String, Vec<String>) {
    let instances = |unit: &str| {
        let (template, rest) = unit.strip_suffix(".timer")?.split_once('@')?;
        Some((template.to_owned(), rest.to_owned()))
    };
    let timers: Vec<(String, String)> = units
        .enable
        .iter()
        .filter_map(|unit| instances(&unit.to_string()))
        .filter(|(template, _)| template.starts_with("zfs-"))
        .collect();
    let pool = timers.first().map(|(_, pool)| pool.clone());
    // A dataset below a pool is escaped, as systemd-escape(1) does it.
    let pool = pool.filter(|pool| pool.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    let pool = pool.unwrap_or_else(|| POOL.to_owned());
    let cadences = timers
        .iter()
        .filter(|(_, of)| *of == pool)
        .filter_map(|(template, _)| template.strip_prefix(SNAPSHOTS))
        .map(str::to_owned)
        .collect();
    (pool, cadences)
}

/// How the boots of one image are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Twice by itself: a pool is made at the first boot, and there at the second.
    Alone,
    /// Between two boots of the published image, which made the pool.
    Between,
    /// The published image, before and after the candidate.
    Published,
}

/// All that must hold in an image's boots.
pub fn expectations(promises: &Promises, used: Use) -> Vec<Expectation> {
    let mut list = List::default();
    let (pool, cadences) = pool(&promises.units);
    match used {
        Use::Alone => {
            own(promises, &mut list);
            alone(&pool, &cadences, &mut list);
        }
        Use::Between => {
            own(promises, &mut list);
            between(&pool, &cadences, &mut list);
        }
        // What it was judged by when it was published is its own affair.
        Use::Published => published(&pool, &mut list),
    }
    list.0
}

/// Of the image as such, at each boot.
fn own(promises: &Promises, list: &mut List) {
    kernel(&promises.versions, list);
    let allowed = promises.policy.allow_failed.iter();
    let allowed = allowed.map(|allowed| allowed.unit.to_string()).collect();
    list.add(&system(), "failed units", Check::Only("failed", allowed));
    list.add(&system(), "jobs that wait", Check::None("jobs"));
    units(&promises.units, list);
    // Without it nobody comes in, without bootc no update does: neither may be missing.
    let daemon = Question::about("either", SSHD);
    list.add(&daemon, "state", Check::OneOf("state", &["active"]));
    let bootc = Question::about("bootc", &[]);
    list.add(&bootc, "status", Check::Ran("status"));
    if let Some(digest) = &promises.trust {
        let file = Question::about("file", &[POLICY, "0"]);
        let check = Check::Digest("sha256", digest.hex().to_owned());
        list.add(&file, "content", check);
    }
    let time = Question::about("time", &[]);
    list.add(&time, "boot", Check::NotEmpty("boot"));
    list.add(&time, "memory", Check::NotEmpty("memory"));
}

/// What answers to SSH, by its names in Fedora and Debian: a service that runs, or a
/// socket that starts it.
const SSHD: &[&str] = &["sshd.service", "ssh.service", "sshd.socket", "ssh.socket"];

fn kernel(versions: &KmodTag, list: &mut List) {
    let kernel = Question::about("kernel", &[]);
    let release = versions.kernel.to_string();
    list.add(&kernel, "release", Check::Is("release", release));
    let zfs = versions.zfs.to_string();
    list.add(&kernel, "module zfs", Check::Begins("module", zfs.clone()));
    list.add(&kernel, "tools of ZFS", Check::Begins("tools", zfs));
}

fn units(units: &Units, list: &mut List) {
    for unit in units.enable.iter() {
        let name = unit.to_string();
        let question = Question::about("unit", &[&name]);
        list.add(&question, "enabled", Check::OneOf("enabled", ENABLED));
        if name.contains("@.") {
            continue;
        }
        list.add(&question, "active", Check::Active);
        if name.ends_with(".timer") {
            let timer = Question::about("timer", &[&name]);
            list.add(&timer, "next run", Check::HasNextRun);
        }
    }
    for unit in units.disable.iter() {
        let question = Question::about("unit", &[&unit.to_string()]);
        list.add(
            &question,
            "not enabled",
            Check::OneOf("enabled", NOT_ENABLED),
        );
    }
}

/// Source: systemctl(1), `is-enabled`. Of a unit that is not there it says nothing.
const NOT_ENABLED: &[&str] = &["disabled", "static", "indirect", "masked", "generated", ""];

fn of_pool(pool: &str, cadences: &[String]) -> Question {
    let mut args = vec![pool];
    args.extend(cadences.iter().map(String::as_str));
    Question::about("pool", &args)
}

fn ok(field: &'static str) -> Check {
    Check::Is(field, "ok".to_owned())
}

fn is(field: &'static str, value: &str) -> Check {
    Check::Is(field, value.to_owned())
}

/// What its pool lives through at its first boot.
fn life(boot: Boot, question: &Question, cadences: &[String], list: &mut List) {
    list.at(boot, question, "create", ok("create"));
    for cadence in cadences {
        // The field's name is the cadence.
        let wanted = "1 new, 2 of 3 old, 1 of 1 other".to_owned();
        let check = Check::Field(cadence.clone(), wanted);
        list.at(boot, question, &format!("{cadence} snapshots"), check);
    }
    let clean = is("scrub", "scrub repaired 0B with 0 errors");
    list.at(boot, question, "scrub", clean);
    list.at(boot, question, "export", ok("export"));
    list.at(boot, question, "import", Check::Imported);
    let same = Check::Same("data-again", "data");
    list.at(boot, question, "data after the import", same);
}

/// At its second boot.
fn again(question: &Question, list: &mut List) {
    let boot = Boot::Second;
    list.at(boot, question, "imported by itself", is("by-itself", "yes"));
    list.at(boot, question, "health", is("health", "ONLINE"));
    list.at(boot, question, "data", Check::AsBefore("data"));
    list.at(boot, question, "snapshots", Check::AsBefore("snapshots"));
    // A unit may upgrade the pool as late as this.
    list.at(boot, question, "features", Check::NothingNew("features"));
}

fn alone(pool: &str, cadences: &[String], list: &mut List) {
    let question = of_pool(pool, cadences);
    list.at(Boot::First, &question, "dataset", ok("dataset"));
    life(Boot::First, &question, cadences, list);
    again(&question, list);
}

fn between(pool: &str, cadences: &[String], list: &mut List) {
    let question = of_pool(pool, cadences);
    let here = Boot::Candidate;
    let itself = is("by-itself", "yes");
    list.at(here, &question, "imported by itself", itself);
    list.at(here, &question, "data", Check::AsBefore("data"));
    life(here, &question, cadences, list);
    let new = Check::NothingNew("features");
    list.at(here, &question, "features", new);
    again(&question, list);
}

fn published(pool: &str, list: &mut List) {
    let question = of_pool(pool, &[]);
    list.at(Boot::First, &question, "create", ok("create"));
    list.at(Boot::First, &question, "dataset", ok("dataset"));
    let back = Boot::Published;
    list.at(back, &question, "import", Check::Imported);
    list.at(back, &question, "data", Check::AsBefore("data"));
    let written = Check::AsBefore("written");
    list.at(back, &question, "what the candidate wrote", written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(list: &str) -> Units {
        let names: Vec<&str> = list.split(',').map(str::trim).collect();
        serde_json::from_value(serde_json::json!({ "enable": names })).unwrap()
    }

    #[test]
    fn the_pool_and_its_cadences_are_read_from_the_timers() {
        let found = pool(&units(
            "zfs-scrub-monthly@big.timer, zfs-snapshot-hourly@big.timer, \
             zfs-snapshot-daily@big.timer, zfs-snapshot-daily@other.timer, a.timer",
        ));
        let cadences = ["hourly", "daily"].map(str::to_owned).to_vec();
        assert_eq!(found, ("big".to_owned(), cadences));
        assert_eq!(pool(&units("a.service")), ("tank".to_owned(), Vec::new()));
        let dataset = pool(&units("zfs-snapshot-daily@big-data.timer"));
        assert_eq!(dataset, ("tank".to_owned(), Vec::new()));
    }

    #[test]
    fn every_unit_is_expected_and_every_timer_is_due() {
        let promises = Promises {
            versions: KmodTag {
                kernel: "6.12.1-200.fc44.x86_64".parse().unwrap(),
                zfs: "2.3.9".parse().unwrap(),
            },
            units: units("tailscaled.service, b.timer, zfs-snapshot-daily@tank.timer"),
            policy: Policy::default(),
            trust: None,
        };
        let all = expectations(&promises, Use::Alone);
        let has = |subject: &str, aspect: &str| {
            all.iter()
                .any(|e| e.question.subject() == subject && e.aspect == aspect)
        };
        assert!(has("unit tailscaled.service", "active"));
        assert!(has("timer b.timer", "next run"));
        assert!(has("pool tank", "daily snapshots"));
        assert!(has("kernel", "tools of ZFS"));
        // Of the published image only its pool is asked.
        let published = expectations(&promises, Use::Published);
        assert!(published.iter().all(|e| e.question.kind == "pool"));
    }
}

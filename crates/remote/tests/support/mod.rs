//! What the test programs of this crate share.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests look for programs, start them, and say what they skip"
)]

pub mod fake;
pub mod layout;
pub mod process;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use registry_compat::{Answer, Trouble};
use remote::{Agent, AuthFiles, Limits, Registries, RegistriesConf};

/// An answer without its value: what the tables of the tests speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Present,
    Absent,
    Denied,
    RateLimited,
    Unreachable,
    ServerError,
    Garbled,
}

impl Want {
    pub fn of<T>(answer: &Answer<T>) -> Self {
        match answer {
            Answer::Present(_) => Self::Present,
            Answer::Absent => Self::Absent,
            Answer::Unknown(why) => Self::from(why.trouble),
        }
    }
}

impl From<Trouble> for Want {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Denied => Self::Denied,
            Trouble::RateLimited => Self::RateLimited,
            Trouble::Unreachable => Self::Unreachable,
            Trouble::ServerError => Self::ServerError,
            Trouble::Garbled => Self::Garbled,
        }
    }
}

/// Time enough for a busy machine; two attempts, hardly a pause.
pub fn calm() -> Limits {
    Limits {
        connect: Duration::from_secs(20),
        read: Duration::from_secs(20),
        total: Duration::from_secs(60),
        attempts: 2,
        pause: Duration::from_millis(1),
    }
}

/// For servers that say nothing more: gives up at once.
pub fn hasty() -> Limits {
    Limits {
        read: Duration::from_millis(300),
        total: Duration::from_millis(900),
        ..calm()
    }
}

/// A new empty directory in the build directory.
pub fn scratch() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Left over by a process of the same number.
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a scratch directory");
    path
}

/// Registries under a `registries.conf` and, if given, an auth file.
pub fn registries(conf: &str, auth: Option<&str>, limits: Limits) -> Registries {
    with_helper(conf, auth, limits, |name, _| {
        Err(format!("nobody expected the helper {name}"))
    })
}

/// The same with a credential helper.
pub fn with_helper(
    conf: &str,
    auth: Option<&str>,
    limits: Limits,
    helper: impl Fn(&str, &str) -> Result<Option<String>, String> + Send + Sync + 'static,
) -> Registries {
    let directory = scratch();
    let conf_file = directory.join("registries.conf");
    std::fs::write(&conf_file, conf).expect("registries.conf is written");
    let conf = RegistriesConf::load(Some(&conf_file), None, &directory.join("etc"))
        .expect("registries.conf is valid");
    let mut files = AuthFiles::default();
    if let Some(text) = auth {
        let file = directory.join("auth.json");
        std::fs::write(&file, text).expect("auth.json is written");
        files.paths.push(file);
    }
    Registries::new(Agent::new(limits), conf, files, Box::new(helper), limits).expect("a client")
}

/// `registries.conf` of a registry that speaks plain HTTP.
pub fn plain_http(address: impl std::fmt::Display) -> String {
    format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n")
}

/// The first of the alternatives `a|b` that is on `PATH`.
pub fn program(alternatives: &str) -> Option<&str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    alternatives.split('|').find(there)
}

/// Whether the programs are there, each with its alternatives as in `a|b`. If
/// one is missing, says that the test is skipped, or fails it where
/// `CUSTOM_COREOS_REQUIRE_ALL=1` says that nothing may be skipped.
pub fn have(test: &str, programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|name| program(name).is_none())
        .collect();
    if missing.is_empty() {
        return true;
    }
    let readable = |names: &[&str]| -> String {
        let names: Vec<String> = names
            .iter()
            .map(|name| match name.split_once('|') {
                Some((first, other)) => format!("{first} (or {other})"),
                None => (*name).to_owned(),
            })
            .collect();
        names.join(" and ")
    };
    let line = format!(
        "skipped: {test} needs {} (missing: {})",
        readable(programs),
        readable(&missing)
    );
    let strict = std::env::var_os("CUSTOM_COREOS_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!strict, "{line}");
    println!("{line}");
    false
}

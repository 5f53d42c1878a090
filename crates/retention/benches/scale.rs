//! How planning grows with the size of a package (`cargo bench -p retention`).
//!
//! Holds the limits of issue 4, item 4: 100,000 images with three artefacts each
//! and nested indexes in under a second and under 400 MB, on one core. The
//! memory is that of the whole process: the list and the manifests are in it,
//! and one plan.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a benchmark measures time, prints its table and has nobody to report to"
)]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use retention::{
    Dates, Kind, Manifest, ManifestRead, Manifests, Name, Policy, Timestamp, Version, plan,
};

/// How many images each row has.
const ROWS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The row that has limits.
const LIMITED: u64 = 100_000;
const LIMIT: Duration = Duration::from_secs(1);
const LIMIT_MB: u64 = 400;
/// What the largest row takes, with room.
const LARGEST_MB: u64 = 6_000;

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const DAY: i64 = 86_400;

fn main() {
    // `cargo test --all-targets` runs benchmarks too, without this argument.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let rows = if measured { &ROWS[..] } else { &ROWS[..1] };
    println!("   images   versions    deleted       time  per version   of it input   peak RSS");
    let mut failed = Vec::new();
    for &images in rows {
        if images > LIMITED && status_mb("/proc/meminfo", "MemAvailable:") < LARGEST_MB {
            println!("{images:9}  left out: it takes {LARGEST_MB} MB");
            continue;
        }
        let (versions, manifests) = package(images);
        let input = status_mb("/proc/self/status", "VmRSS:");
        // The best of three, each of at least so many images that the clock of a
        // core, which moves in steps, can tell.
        let runs = if measured { 3 } else { 1 };
        let repeats = if measured {
            LIMITED.div_ceil(images)
        } else {
            1
        };
        let mut best = Duration::MAX;
        let mut deleted = 0;
        for _ in 0..runs {
            let begin = on_core();
            for _ in 0..repeats {
                let plan = plan(&versions, &manifests, &policy(), now()).unwrap();
                deleted = black_box(&plan).totals().delete;
            }
            best = best.min((on_core() - begin) / u32::try_from(repeats).unwrap());
        }
        // The highest so far, which is this row's: rows grow.
        let peak = status_mb("/proc/self/status", "VmHWM:");
        let nanos = best.as_nanos() / versions.len() as u128;
        let count = versions.len();
        println!(
            "{images:9}  {count:9}  {deleted:9}  {best:>9.1?}  {nanos:8} ns  {input:8} MB  {peak:6} MB"
        );
        if measured && images == LIMITED && (best >= LIMIT || peak >= LIMIT_MB) {
            failed.push(format!("{images} images: {best:?}, {peak} MB"));
        }
    }
    assert!(
        failed.is_empty(),
        "not under {LIMIT:?} and {LIMIT_MB} MB: {failed:?}"
    );
}

/// The time that this thread has had a core: what else runs on the machine does
/// not count. Elsewhere than on Linux, the time.
fn on_core() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|n| n.parse().ok());
    nanos.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW).unwrap()
}

fn policy() -> Policy {
    Policy {
        max_percent: None,
        ..Policy::default()
    }
}

/// A megabyte figure of a file under `/proc`; 0 where there is none.
fn status_mb(file: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    kilobytes.and_then(|k| k.parse::<u64>().ok()).unwrap_or(0) / 1000
}

/// A package of so many images, built over two years. Each is an index that
/// lists an image and a nested index, which lists two images, one of them shared
/// with the build before; and has a cosign signature, an attestation with a
/// `subject`, and the fallback index that lists it: seven versions.
fn package(images: u64) -> (Vec<Version>, Manifests) {
    let mut versions = Vec::new();
    let mut manifests = Manifests::new();
    let mut add = |days: i64, tag: Option<String>, manifest: Manifest| {
        let id = 1 + versions.len() as u64;
        let name = name(id);
        let pushed = Timestamp::from_unix_seconds(NOW - days * DAY).unwrap();
        manifests.insert(name.clone(), ManifestRead::Read(manifest));
        versions.push(Version {
            id: Some(id),
            name: name.clone(),
            dates: Dates::Recorded {
                created_at: pushed,
                updated_at: pushed,
            },
            tags: Some(tag.iter().map(|tag| tag.parse().unwrap()).collect()),
        });
        name
    };
    let image = |subject: Option<&Name>| Manifest::new(Kind::Image, Vec::new(), subject.cloned());
    let index = |children: &[&Name]| {
        let children = children.iter().map(|&child| child.clone()).collect();
        Manifest::new(Kind::Index, children, None)
    };
    let tag_of = |name: &Name, suffix| Some(format!("{name}{suffix}").replace(':', "-"));
    let mut before = None;
    for build in 0..images {
        let days = 730 - (build * 730 / images) as i64;
        let first = add(days, None, image(None));
        let second = add(days, None, image(None));
        let shared = before.replace(second.clone()).unwrap_or(first.clone());
        let nested = add(days, None, index(&[&second, &shared]));
        let tag = match build {
            _ if build + 1 == images => Some("stable".to_owned()),
            _ if build % 10 == 0 => Some(format!("v{build}")),
            _ => None,
        };
        let root = add(days, tag, index(&[&first, &nested]));
        add(days, tag_of(&root, ".sig"), image(None));
        let attestation = add(days, None, image(Some(&root)));
        add(days, tag_of(&root, ""), index(&[&attestation]));
    }
    (versions, manifests)
}

/// A name that looks like a digest.
fn name(number: u64) -> Name {
    let mut state = number;
    let words = std::array::from_fn::<u64, 4, _>(|_| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    let [a, b, c, d] = words;
    format!("sha256:{a:016x}{b:016x}{c:016x}{d:016x}")
        .as_str()
        .into()
}

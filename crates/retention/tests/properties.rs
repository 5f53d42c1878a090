//! What holds for every registry, however strange. At least 10,000 generated
//! ones in each run; a failure is shrunk to the smallest registry that shows it.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on is a failed test"
)]

mod common;
#[path = "common/fixture.rs"]
mod fixture;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use common::{DAY, NOW, Registry, WINDOW, bare, name, now, read, recorded, tag_of};
use fixture::Fixture;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use registry_compat::Tag;
use retention::{
    Dates, DeleteReason, Fate, KeepReason, Kind, ManifestRead, Name, Plan, Policy, Refusal,
    Version, audit, plan,
};

/// Registries of each of the two sorts: 12,000 in each run.
const CASES: u32 = 6_000;

/// A version in numbers, which shrink: `of` and the like are taken modulo the
/// count of versions and a few more, so that some refer to what is not listed.
#[derive(Debug, Clone)]
struct Seed {
    children: Vec<u8>,
    subject: Option<u8>,
    artefact_tags: Vec<(u8, u8)>,
    tag: u8,
    date: u8,
    oddity: u8,
}

fn seed() -> impl Strategy<Value = Seed> {
    (
        prop_oneof![
            3 => Just(Vec::new()),
            2 => proptest::collection::vec(any::<u8>(), 1..4),
        ],
        proptest::option::weighted(0.2, any::<u8>()),
        prop_oneof![
            5 => Just(Vec::new()),
            2 => proptest::collection::vec((any::<u8>(), 0..4_u8), 1..3),
        ],
        0..12_u8,
        0..12_u8,
        0..40_u8,
    )
        .prop_map(
            |(children, subject, artefact_tags, tag, date, oddity)| Seed {
                children,
                subject,
                artefact_tags,
                tag,
                date,
                oddity,
            },
        )
}

/// Any graph at all, rings included.
fn chaos(seeds: &[Seed]) -> Registry {
    let mut registry = Registry::default();
    let other = |of: u8| name(1 + u64::from(of) % (seeds.len() as u64 + 2));
    for seed in seeds {
        let children: Vec<Name> = seed.children.iter().map(|&of| other(of)).collect();
        let kind = match (seed.oddity, children.is_empty()) {
            (0, _) => Kind::Unknown,
            (_, true) => Kind::Image,
            (_, false) => Kind::Index,
        };
        let read = match seed.oddity {
            1 => ManifestRead::NotFound,
            _ => read(
                kind,
                &children.iter().collect::<Vec<_>>(),
                seed.subject.map(other).as_ref(),
            ),
        };
        let mut tags: Vec<String> = seed
            .artefact_tags
            .iter()
            .map(|&(of, form)| tag_of(&other(of), ["", ".sig", ".att", ".sbom"][usize::from(form)]))
            .collect();
        match seed.tag {
            0 => tags.push("stable".to_owned()),
            tag @ 1..=3 => tags.push(format!("v{tag}")),
            _ => {}
        }
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let made = registry.add(date(seed.date), &tags, read);
        match seed.oddity {
            2 => registry.version(&made).tags = None,
            3 => registry.version(&made).dates = Dates::Unreadable,
            4 | 5 => registry.version(&made).dates = Dates::Unrecorded,
            6 => registry.version(&made).id = None,
            _ => {}
        }
    }
    registry
}

fn date(number: u8) -> Dates {
    let cutoff = NOW - i64::from(WINDOW) * DAY;
    recorded(match number {
        0 => NOW + DAY,
        1 => NOW,
        2 => cutoff + 1,
        3 => cutoff,
        4 => cutoff - 1,
        5 | 6 => cutoff - DAY,
        more => cutoff - i64::from(more) * DAY,
    })
}

/// One build of a pipeline in numbers: what it makes and when.
type Build = (u8, bool, bool, bool, u8, bool);

fn build() -> impl Strategy<Value = Build> {
    (
        0..200_u8,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0..4_u8,
        proptest::bool::weighted(0.1),
    )
}

/// What a pipeline leaves: images or indexes, some with a child of the build
/// before, nested, signed, attested; an image gone here and there.
fn pipeline(builds: &[Build]) -> Registry {
    let mut registry = Registry::default();
    let mut before = None;
    let mut lost_images = Vec::new();
    for (at, &(days, multi, signed, attested, shape, lost)) in builds.iter().enumerate() {
        let days = i64::from(days);
        let last = at + 1 == builds.len();
        let tags: &[&str] = if last { &["stable"] } else { &[] };
        let image = if multi {
            let fresh = registry.image(days, &[]);
            let reused = before.clone().unwrap_or_else(|| fresh.clone());
            before = Some(fresh.clone());
            let children = match shape {
                0 => vec![registry.index(days, &[], &[&fresh, &reused])],
                1 => vec![fresh, reused],
                2 => vec![fresh, registry.image(days, &["v-amd64"])],
                _ => vec![fresh],
            };
            registry.index(days, tags, &children.iter().collect::<Vec<_>>())
        } else {
            registry.image(days, tags)
        };
        if signed {
            registry.signature(days, &image);
        }
        if attested {
            let attestation = registry.referrer(days, &[], &image);
            registry.fallback(days, &image, &[&attestation]);
        }
        if lost && !last {
            lost_images.push(image);
        }
    }
    registry.versions.retain(|v| !lost_images.contains(&v.name));
    registry
}

/// Which versions are pinned, how many of the newest stay, the order of input.
type Choice = (BTreeSet<u8>, usize, u64);

fn choice() -> impl Strategy<Value = Choice> {
    let pins = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => proptest::collection::btree_set(0..30_u8, 1..3),
    ];
    (pins, 0..4_usize, any::<u64>())
}

fn policy(registry: &Registry, (pins, keep_newest, _): &Choice) -> Policy {
    let versions = registry.versions.iter().enumerate();
    let pinned = versions.filter(|(at, _)| pins.iter().any(|&pin| usize::from(pin) == *at));
    Policy {
        protected: vec!["stable".parse().unwrap()],
        keep_newest: *keep_newest,
        pinned: pinned.filter_map(|(_, v)| v.name.digest()).collect(),
        ..bare()
    }
}

macro_rules! hold {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(TestCaseError::fail(format!($($words)+)));
        }
    };
}

/// All properties of one registry. Gives the number of deletions, or `None` for
/// a refusal.
fn check(registry: &Registry, choice: &Choice) -> Result<Option<usize>, TestCaseError> {
    let policy = policy(registry, choice);
    // Must end, whatever it finds.
    let broken_before = audit(&registry.versions, &registry.manifests);
    let planned = match registry.try_plan(&policy) {
        Ok(plan) => plan,
        Err(Refusal::NothingLeft { .. }) => return Ok(None),
        Err(other) => return Err(TestCaseError::fail(format!("refused: {other}"))),
    };
    let fixture = Fixture::new(registry, &planned);
    let count = registry.versions.len();

    // Every version exactly once.
    hold!(planned.fates().len() == count, "one fate for each");
    let order = planned.deletions();
    let deleted: BTreeSet<usize> = order.iter().copied().collect();
    hold!(deleted.len() == order.len(), "none goes twice");
    let fated = (0..count).filter(|&at| !fixture.stays(at));
    hold!(deleted == fated.collect(), "what goes is what is fated to");
    let grouped: Vec<usize> = planned.groups().flatten().copied().collect();
    hold!(grouped == order, "groups are the order");

    for at in 0..count {
        let version = &registry.versions[at];
        // Nothing kept refers to something deleted, or loses an artefact.
        if fixture.stays(at) {
            for other in fixture.children[at].union(&fixture.subject[at]) {
                hold!(fixture.stays(*other), "{at} stays and refers to {other}");
            }
            for &other in &fixture.artefacts[at] {
                hold!(fixture.stays(other), "{at} stays and loses {other}");
            }
        }
        // Protected, pinned and unknown are never deleted.
        let stable: Tag = "stable".parse().unwrap();
        let kept = version.known_tags().contains(&stable)
            || version.tags.is_none()
            || version
                .name
                .digest()
                .is_some_and(|d| policy.pinned.contains(&d))
            || registry.manifests.get(&version.name) == Some(&ManifestRead::NotFound);
        hold!(!kept || fixture.stays(at), "{at} must never go");
        reason_is_true(&fixture, &policy, at)?;
    }

    // The newest roots and those within the window are never deleted.
    for root in fixture.newest().into_iter().take(policy.keep_newest) {
        hold!(fixture.stays(root), "{root} is among the newest");
    }
    let cutoff = now().minus_days(WINDOW);
    for at in (0..count).filter(|&at| fixture.is_root(at)) {
        let old = planned.date(at).is_some_and(|date| date < cutoff);
        hold!(old || fixture.stays(at), "{at} is not old");
    }

    // Whatever needs another goes before it, except in a ring.
    let places: BTreeMap<usize, usize> = order.iter().copied().zip(0..).collect();
    for (&at, place) in &places {
        for other in fixture.children[at].union(&fixture.artefacts[at]) {
            let before = places.get(other).is_none_or(|later| place < later);
            hold!(before || fixture.needs(*other, at), "{at} before {other}");
        }
    }

    // Planning what remains deletes nothing, and nothing new is broken.
    let after = registry.after(&planned);
    let again = after.try_plan(&policy);
    let again = again.map_err(|refusal| TestCaseError::fail(format!("then: {refusal}")))?;
    hold!(
        again.totals().delete == 0,
        "the next run deletes {:?}",
        again.fates()
    );
    let names = after.versions.iter().map(|version| &version.name);
    let names: BTreeSet<&Name> = names.collect();
    for finding in audit(&after.versions, &after.manifests) {
        let known = broken_before.contains(&finding);
        // A tag alone may outlive its image, where something else keeps the
        // artefact: that is litter.
        let litter = matches!(&finding, retention::Finding::ArtefactWithoutImage { .. });
        hold!(known || litter, "newly broken: {finding}");
        hold!(names.contains(finding.name()), "found what is not there");
    }

    // The order of the input does not matter.
    let mut shuffled = registry.clone();
    let mut state = choice.2 | 1;
    for at in (1..count).rev() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        shuffled
            .versions
            .swap(at, (state >> 33) as usize % (at + 1));
    }
    let other = plan(&shuffled.versions, &shuffled.manifests, &policy, now()).unwrap();
    let by_name = |registry: &Registry, plan: &Plan| -> BTreeMap<Name, Fate> {
        let names = registry.versions.iter().map(|v| v.name.clone());
        names.zip(plan.fates().iter().cloned()).collect()
    };
    let in_order = |registry: &Registry, plan: &Plan| -> Vec<Name> {
        let order = plan.deletions().iter();
        order
            .map(|&at| registry.versions[at].name.clone())
            .collect()
    };
    hold!(
        by_name(registry, &planned) == by_name(&shuffled, &other),
        "fates"
    );
    hold!(
        in_order(registry, &planned) == in_order(&shuffled, &other),
        "order"
    );
    Ok(Some(order.len()))
}

/// Each reason can be checked by itself: a plan that kept or deleted too much
/// would have to lie.
fn reason_is_true(fixture: &Fixture<'_>, policy: &Policy, at: usize) -> Result<(), TestCaseError> {
    let version = &fixture.registry.versions[at];
    let cutoff = now().minus_days(policy.window_days);
    let fate = &fixture.plan.fates()[at];
    let date = fixture.plan.date(at);
    let fine = match fate {
        Fate::Keep(KeepReason::NeededBy { name }) => {
            let from = fixture.places[name];
            fixture.stays(from) && from != at && fixture.needs(from, at)
        }
        Fate::Keep(KeepReason::Holds { name }) => {
            let held = fixture.places[name];
            fixture.stays(held) && held != at && fixture.has_part(at, held)
        }
        Fate::Keep(KeepReason::WithinWindow { date }) => *date >= cutoff && *date <= now(),
        Fate::Keep(KeepReason::Future { date }) => *date > now(),
        Fate::Keep(KeepReason::Newest { rank }) => {
            *rank <= policy.keep_newest && fixture.newest().get(rank - 1) == Some(&at)
        }
        Fate::Keep(KeepReason::Protected { tag }) => version.known_tags().contains(tag),
        Fate::Keep(_) => true,
        Fate::Delete(DeleteReason::Expired { date: old }) => {
            *old < cutoff && Some(*old) == date && fixture.is_root(at)
        }
        Fate::Delete(DeleteReason::Orphan { date: old }) => {
            let images = &fixture.images[at];
            *old < cutoff && images.iter().all(|&image| !fixture.stays(image))
        }
        Fate::Delete(DeleteReason::With { root, .. }) => {
            let root = fixture.places[root];
            !fixture.stays(root) && root != at && fixture.needs(root, at)
        }
    };
    hold!(fine, "{at} has an untrue reason: {fate:?}");
    Ok(())
}

/// A registry for a person: a line for each version.
fn in_lines(registry: &Registry, policy: &Policy) -> String {
    let plan = registry.try_plan(policy);
    let line = |(at, version): (usize, &Version)| {
        let fate = plan.as_ref().map(|plan| plan.fates()[at].to_string());
        let (name, tags) = (version.name.short(), &version.tags);
        let read = registry.manifests.get(&version.name);
        format!(
            "{at} {name} {tags:?} {:?} {read:?}: {fate:?}\n",
            version.dates
        )
    };
    let lines: String = registry.versions.iter().enumerate().map(line).collect();
    format!("{policy:?}\n{lines}")
}

/// Runs one sort of registries, and makes sure that they were worth it.
fn run<T: std::fmt::Debug>(
    registries: impl Strategy<Value = T>,
    make: impl Fn(&T) -> Registry,
    least_with_deletions: u32,
) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let (planned, deleting) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(config);
    let result = runner.run(&(registries, choice()), |(seeds, choice)| {
        let registry = make(&seeds);
        if let Some(deletions) = check(&registry, &choice)? {
            planned.set(planned.get() + 1);
            deleting.set(deleting.get() + u32::from(deletions > 0));
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, (seeds, choice))) => {
            let registry = make(&seeds);
            let lines = in_lines(&registry, &policy(&registry, &choice));
            panic!("{why}\n{lines}")
        }
        Err(other) => panic!("{other}"),
    }
    let (planned, deleting) = (planned.get(), deleting.get());
    assert!(
        deleting >= least_with_deletions,
        "only {deleting} of {planned} plans of {CASES} registries delete anything"
    );
}

#[test]
fn any_graph_of_versions() {
    let seeds = proptest::collection::vec(seed(), 1..14);
    run(seeds, |seeds| chaos(seeds), CASES / 4);
}

#[test]
fn what_a_pipeline_leaves() {
    let builds = proptest::collection::vec(build(), 1..8);
    run(builds, |builds| pipeline(builds), CASES / 2);
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    /// Against a matcher that tries everything.
    #[test]
    fn globs_agree_with_a_plain_matcher(glob in "[ab*?]{1,7}", tag in "[ab]{1,9}") {
        fn plain(glob: &[u8], tag: &[u8]) -> bool {
            match (glob, tag) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => {
                    (0..=tag.len()).any(|skipped| plain(rest, &tag[skipped..]))
                }
                ([b'?', glob @ ..], [_, tag @ ..]) => plain(glob, tag),
                ([a, glob @ ..], [b, tag @ ..]) => a == b && plain(glob, tag),
                _ => false,
            }
        }
        let parsed: retention::Glob = glob.parse().unwrap();
        let matched = parsed.matches(&tag.parse().unwrap());
        prop_assert_eq!(matched, plain(glob.as_bytes(), tag.as_bytes()));
    }
}

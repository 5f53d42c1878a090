//! What stays: one test for each rule and each boundary.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on is a failed test"
)]

mod common;

use common::{DAY, NOW, Registry, WINDOW, bare, name, now, read, recorded, tag_of};
use retention::{
    Dates, DeleteReason, Fate, KeepReason, Kind, ManifestRead, Part, Policy, Unknown, plan,
};

const OLD: i64 = 200;
const CUTOFF: i64 = NOW - WINDOW as i64 * DAY;

fn keeping(globs: &[&str]) -> Policy {
    Policy {
        protected: globs.iter().map(|glob| glob.parse().unwrap()).collect(),
        ..bare()
    }
}

fn newest(keep_newest: usize) -> Policy {
    Policy {
        keep_newest,
        ..bare()
    }
}

#[test]
fn the_window_is_strict() {
    for (date, stays) in [
        (CUTOFF - 1, false),
        (CUTOFF, true),
        (CUTOFF + 1, true),
        (NOW, true),
        (NOW + DAY, true),
    ] {
        let mut registry = Registry::default();
        let image = registry.image(0, &[]);
        registry.version(&image).dates = recorded(date);
        let planned = registry.plan(&bare());
        assert_eq!(planned.fate(&image).is_delete(), !stays, "{date}");
        if date > NOW {
            let future = planned.fate(&image);
            assert!(matches!(future, Fate::Keep(KeepReason::Future { .. })));
            assert_eq!(planned.plan.totals().warnings, 1);
        }
    }
}

#[test]
fn the_later_date_and_its_zone_decide() {
    let later = |created: &str, updated: &str| Dates::Recorded {
        created_at: created.parse().unwrap(),
        updated_at: updated.parse().unwrap(),
    };
    // The cut-off is 2026-03-03T00:00:00Z.
    for (dates, stays) in [
        (later("2020-01-01T00:00:00Z", "2026-03-03T00:00:00Z"), true),
        (later("2026-03-03T00:00:00Z", "2020-01-01T00:00:00Z"), true),
        (
            later("2020-01-01T00:00:00Z", "2026-03-03T01:00:00+02:00"),
            false,
        ),
        (
            later("2020-01-01T00:00:00Z", "2026-03-02T23:00:00-02:00"),
            true,
        ),
        (
            later("2020-01-01T00:00:00Z", "2026-03-02T23:59:59.999Z"),
            false,
        ),
    ] {
        let mut registry = Registry::default();
        let image = registry.image(0, &[]);
        registry.version(&image).dates = dates;
        let planned = registry.plan(&bare());
        assert_eq!(planned.fate(&image).is_delete(), !stays, "{dates:?}");
    }
}

#[test]
fn protected_tags_stay_with_all_that_they_need() {
    let mut registry = Registry::default();
    let child = registry.image(OLD, &[]);
    let stable = registry.index(OLD, &["v1", "stable"], &[&child]);
    let signature = registry.signature(OLD, &stable);
    let other = registry.image(OLD, &["stable-1"]);
    let planned = registry.plan(&keeping(&["stable"]));
    planned
        .stays(&[&stable, &child, &signature])
        .goes(&[&other]);
    let tag = "stable".parse().unwrap();
    assert_eq!(
        *planned.fate(&stable),
        Fate::Keep(KeepReason::Protected { tag })
    );
    let name = stable.clone();
    assert_eq!(
        *planned.fate(&child),
        Fate::Keep(KeepReason::NeededBy { name })
    );
    registry.plan(&keeping(&["stable*"])).stays(&[&other]);
    registry
        .plan(&keeping(&["stable-?"]))
        .stays(&[&other])
        .goes(&[&stable]);
}

#[test]
fn pinned_digests_stay_and_absent_ones_are_named() {
    let mut registry = Registry::default();
    let lock = registry.image(OLD, &[]);
    let signature = registry.signature(OLD, &lock);
    let child = registry.image(OLD, &[]);
    let index = registry.index(OLD, &[], &[&child]);
    let gone = name(999).digest().unwrap();
    let policy = Policy {
        pinned: [
            lock.digest().unwrap(),
            child.digest().unwrap(),
            gone.clone(),
        ]
        .into(),
        ..bare()
    };
    let planned = registry.plan(&policy);
    planned.stays(&[&lock, &signature, &child, &index]);
    assert_eq!(*planned.fate(&lock), Fate::Keep(KeepReason::Pinned));
    let name = child.clone();
    assert_eq!(
        *planned.fate(&index),
        Fate::Keep(KeepReason::Holds { name })
    );
    assert_eq!(planned.plan.absent_pins(), [gone]);
}

#[test]
fn the_newest_are_counted_in_roots() {
    let mut registry = Registry::default();
    let mut builds = Vec::new();
    for build in 0..4 {
        let child = registry.image(OLD - build, &[]);
        let image = registry.index(OLD - build, &[], &[&child]);
        let signature = registry.signature(OLD - build, &image);
        let attestation = registry.referrer(OLD - build, &[], &image);
        let fallback = registry.fallback(OLD - build, &image, &[&attestation]);
        builds.push([image, child, signature, attestation, fallback]);
    }
    // One more root, young, is added by `plan` and is the newest.
    let planned = registry.plan(&newest(3));
    for (build, names) in builds.iter().enumerate() {
        for name in names {
            assert_eq!(planned.fate(name).is_delete(), build < 2, "{build}");
        }
    }
    let rank = |build: usize| planned.fate(&builds[build][0]).clone();
    assert_eq!(rank(3), Fate::Keep(KeepReason::Newest { rank: 2 }));
    assert_eq!(rank(2), Fate::Keep(KeepReason::Newest { rank: 3 }));
    assert_eq!(planned.plan.totals().delete_roots, 2);
    assert_eq!(planned.plan.totals().delete, 10);
    assert_eq!(planned.plan.totals().roots, 5);
}

#[test]
fn the_number_to_keep_may_be_none_or_more_than_there_are() {
    let mut registry = Registry::default();
    let images = [1, 2, 3].map(|more| registry.image(OLD + more, &[]));
    let names: Vec<_> = images.iter().collect();
    registry.plan(&newest(0)).goes(&names);
    registry.plan(&newest(4)).stays(&names);
    registry.plan(&newest(usize::MAX)).stays(&names);
    registry
        .plan(&newest(3))
        .goes(&names[2..])
        .stays(&names[..2]);
}

#[test]
fn of_equal_dates_the_higher_id_is_newer() {
    let mut registry = Registry::default();
    let first = registry.image(OLD, &[]);
    let second = registry.image(OLD, &[]);
    let third = registry.image(OLD, &[]);
    registry.version(&first).id = Some(70);
    let planned = registry.plan(&newest(2));
    planned.stays(&[&first]).goes(&[&second, &third]);
    registry.versions.reverse();
    registry
        .plan(&newest(2))
        .stays(&[&first])
        .goes(&[&second, &third]);
    assert_eq!(planned.order(), [second, third]);
}

#[test]
fn what_cannot_be_pulled_takes_no_place_among_the_newest() {
    let mut registry = Registry::default();
    let image = registry.image(OLD + 1, &[]);
    let lost = registry.add(recorded(NOW - OLD * DAY), &[], ManifestRead::NotFound);
    let strange = registry.add(
        recorded(NOW - OLD * DAY),
        &[],
        read(Kind::Unknown, &[], None),
    );
    registry.plan(&newest(2)).stays(&[&image, &lost, &strange]);
}

#[test]
fn what_is_not_known_stays() {
    let mut registry = Registry::default();
    let child = registry.image(OLD, &[]);
    let strange = registry.add(
        recorded(NOW - OLD * DAY),
        &[],
        read(Kind::Unknown, &[&child], None),
    );
    let lost = registry.add(recorded(NOW - OLD * DAY), &["x"], ManifestRead::NotFound);
    let signature = registry.signature(OLD, &lost);
    let untold = registry.image(OLD, &[]);
    registry.version(&untold).tags = None;
    let undated = registry.image(OLD, &[]);
    registry.version(&undated).dates = Dates::Unreadable;
    let reproducible = registry.image(OLD, &[]);
    registry.version(&reproducible).dates = Dates::Created(common::at(0));
    let other = registry.image(OLD, &[]);
    registry.version(&other).name = "sha512:00".into();
    registry
        .manifests
        .insert("sha512:00".into(), read(Kind::Unknown, &[], None));
    let planned = registry.plan(&bare());
    planned.stays(&[&child, &signature, &"sha512:00".into()]);
    for (name, reason) in [
        (&strange, KeepReason::Unknown(Unknown::MediaType)),
        (&lost, KeepReason::NotFound),
        (&untold, KeepReason::Unknown(Unknown::Tags)),
        (&undated, KeepReason::Unknown(Unknown::Date)),
        (&reproducible, KeepReason::Unknown(Unknown::Date)),
    ] {
        assert_eq!(*planned.fate(name), Fate::Keep(reason));
    }
    assert_eq!(planned.plan.totals().warnings, 6);
}

#[test]
fn a_404_child_does_not_keep_its_index() {
    let mut registry = Registry::default();
    let lost = registry.add(recorded(NOW - OLD * DAY), &[], ManifestRead::NotFound);
    let index = registry.index(OLD, &[], &[&lost]);
    registry.plan(&bare()).stays(&[&lost]).goes(&[&index]);
}

#[test]
fn a_shared_child_stays_with_the_last_of_its_indexes() {
    let mut registry = Registry::default();
    let shared = registry.image(OLD, &[]);
    let own = registry.image(OLD, &[]);
    let old = registry.index(OLD, &["v1"], &[&shared, &own]);
    let young = registry.index(1, &[], &[&shared]);
    let signature = registry.signature(OLD, &shared);
    let planned = registry.plan(&bare());
    planned
        .stays(&[&shared, &young, &signature])
        .goes(&[&old, &own]);
    registry.version(&young).dates = recorded(CUTOFF - 1);
    registry
        .plan(&bare())
        .goes(&[&shared, &signature, &old, &young]);
}

#[test]
fn nested_indexes_are_followed_from_an_untagged_root() {
    let mut registry = Registry::default();
    let image = registry.image(OLD, &[]);
    let inner = registry.index(OLD, &[], &[&image]);
    let middle = registry.index(OLD, &[], &[&inner, &inner]);
    let attestation = registry.referrer(OLD, &[], &image);
    let outer = registry.index(1, &[], &[&middle]);
    let all = [&image, &inner, &middle, &attestation];
    registry.plan(&bare()).stays(&all).stays(&[&outer]);
    registry.version(&outer).dates = recorded(CUTOFF - 1);
    registry.plan(&bare()).goes(&all).goes(&[&outer]);
}

#[test]
fn every_form_of_artefact_lives_and_dies_with_its_image() {
    for days in [OLD, 1] {
        let mut registry = Registry::default();
        let image = registry.image(days, &[]);
        // Of another age than the image on purpose: only the image's counts.
        let other = if days == OLD { 1 } else { OLD };
        let mut parts = Vec::new();
        for suffix in [".sig", ".att", ".sbom"] {
            parts.push(registry.image(other, &[&tag_of(&image, suffix)]));
        }
        let listed = registry.image(other, &[]);
        let attestation = registry.referrer(other, &[], &image);
        parts.push(registry.fallback(other, &image, &[&attestation, &listed]));
        parts.push(registry.signature(other, &attestation));
        parts.extend([listed, attestation]);
        let planned = registry.plan(&bare());
        for (at, part) in parts.iter().enumerate() {
            assert_eq!(planned.fate(part).is_delete(), days == OLD, "number {at}");
        }
        if days == OLD {
            let reason = DeleteReason::With {
                root: image.clone(),
                part: Part::Artefact,
            };
            assert_eq!(*planned.fate(&parts[0]), Fate::Delete(reason));
        }
    }
}

#[test]
fn an_artefact_of_two_images_stays_with_either() {
    let mut registry = Registry::default();
    let old = registry.image(OLD, &[]);
    let young = registry.image(1, &[]);
    let both = [tag_of(&old, ".sbom"), tag_of(&young, ".sbom")];
    let shared = registry.image(OLD, &[&both[0], &both[1]]);
    registry.plan(&bare()).stays(&[&shared]).goes(&[&old]);
}

#[test]
fn an_artefact_with_an_ordinary_tag_is_a_root() {
    let mut registry = Registry::default();
    let image = registry.image(OLD, &[]);
    let by_tag = registry.image(1, &[&tag_of(&image, ".sig"), "v1"]);
    registry.plan(&bare()).stays(&[&by_tag]).goes(&[&image]);
    // By `subject` the manifest itself refers to the image, so it stays too.
    let by_subject = registry.referrer(1, &["report"], &image);
    registry.plan(&bare()).stays(&[&by_subject, &image]);
    // It counts among the newest, and an artefact does not.
    let mut registry = Registry::default();
    let image = registry.image(OLD, &[]);
    let root = registry.image(OLD - 1, &[&tag_of(&image, ".sig"), "v1"]);
    let artefact = registry.image(OLD - 2, &[&tag_of(&image, ".att")]);
    let planned = registry.plan(&newest(2));
    planned.stays(&[&root]).goes(&[&image, &artefact]);
}

#[test]
fn what_stays_with_another_image_keeps_its_own_subject() {
    let mut registry = Registry::default();
    let child = registry.image(OLD, &[]);
    let index = registry.index(OLD, &[], &[&child]);
    let young = registry.image(1, &[]);
    let both = registry.referrer(OLD, &[&tag_of(&young, ".att")], &child);
    registry.plan(&bare()).stays(&[&both, &child, &index]);
}

#[test]
fn orphaned_artefacts_go_only_by_their_own_age() {
    let image = name(999);
    for (date, stays) in [(CUTOFF - 1, false), (CUTOFF, true)] {
        let mut registry = Registry::default();
        let signature = registry.signature(OLD, &image);
        let referrer = registry.referrer(OLD, &[], &image);
        let fallback = registry.fallback(OLD, &image, &[&referrer]);
        for orphan in [&signature, &referrer, &fallback] {
            registry.version(orphan).dates = recorded(date);
        }
        let planned = registry.plan(&bare());
        for orphan in [&signature, &referrer, &fallback] {
            assert_eq!(planned.fate(orphan).is_delete(), !stays);
        }
    }
    // The list is old, what it lists is not.
    let mut registry = Registry::default();
    let young = registry.referrer(1, &[], &image);
    let fallback = registry.fallback(OLD, &image, &[&young]);
    registry.plan(&bare()).stays(&[&young, &fallback]);
}

#[test]
fn a_child_with_a_tag_of_its_own_can_be_pulled_by_it() {
    let mut registry = Registry::default();
    let child = registry.image(1, &["v1-amd64"]);
    let other = registry.image(1, &[]);
    let index = registry.index(OLD, &["v1"], &[&child, &other]);
    registry.plan(&bare()).stays(&[&child, &other, &index]);
    registry.version(&child).tags = Some(Vec::new());
    registry.plan(&bare()).goes(&[&child, &other, &index]);
}

#[test]
fn without_upward_reach_the_next_run_would_delete_more() {
    let mut registry = Registry::default();
    let child = registry.image(OLD - 10, &["stable-amd64"]);
    let index = registry.index(OLD + 10, &["stable"], &[&child]);
    let newest_root = registry.image(OLD, &[]);
    let policy = Policy {
        keep_newest: 1,
        ..keeping(&["stable-*"])
    };
    let plan = registry.try_plan(&policy).unwrap();
    let after = registry.after(&plan).try_plan(&policy).unwrap();
    assert_eq!(after.totals().delete, 0);
    assert!(!plan.fates()[registry.place(&newest_root)].is_delete());
    assert!(!plan.fates()[registry.place(&index)].is_delete());
}

#[test]
fn rings_and_depth_bombs_end() {
    let mut registry = Registry::default();
    let [a, b] = [name(1), name(2)];
    registry.add(
        common::days_ago(OLD),
        &[],
        read(Kind::Index, &[&a, &b], None),
    );
    registry.add(
        common::days_ago(OLD),
        &[],
        read(Kind::Index, &[&a], Some(&a)),
    );
    let planned = registry.plan(&bare());
    for name in [&a, &b] {
        let ring = Fate::Keep(KeepReason::Unknown(Unknown::Ring));
        assert_eq!(*planned.fate(name), ring);
    }

    let mut registry = Registry::default();
    let mut last = registry.image(OLD, &[]);
    for _ in 0..20_000 {
        let signed = registry.signature(OLD, &last);
        last = registry.index(OLD, &[], &[&last, &signed]);
    }
    let planned = registry.plan(&bare());
    assert_eq!(planned.plan.totals().delete, 40_001);
    assert_eq!(planned.order()[0], last);
    registry.version(&last).dates = common::days_ago(1);
    assert_eq!(registry.plan(&bare()).plan.totals().delete, 0);
}

#[test]
fn wide_groups_end_too() {
    let mut registry = Registry::default();
    let wide = 20_000;
    let index = name(2 * wide + 1);
    // Each is listed by the index, attached to it, and signed.
    let children: Vec<_> = (0..wide)
        .map(|_| {
            let child = registry.referrer(OLD, &[], &index);
            registry.signature(OLD, &child);
            child
        })
        .collect();
    let all: Vec<_> = children.iter().collect();
    assert_eq!(registry.index(OLD, &[], &all), index);
    let deleted = |registry: &Registry| registry.plan(&bare()).plan.totals().delete;
    assert_eq!(deleted(&registry), registry.versions.len());
    registry.version(&children[0]).tags = None;
    assert_eq!(deleted(&registry), 0);
}

#[test]
fn without_ids_and_dates_of_indexes_a_plan_is_possible() {
    let mut registry = Registry::default();
    let built = |days: i64| Dates::Created(common::at(NOW - days * DAY));
    let mut indexes = Vec::new();
    for days in [OLD, 1] {
        let image = registry.image(0, &[]);
        registry.version(&image).dates = built(days);
        let inner = registry.index(0, &[], &[&image]);
        let undated = registry.image(0, &[]);
        let outer = registry.index(0, &[], &[&inner, &undated]);
        for name in [&inner, &outer, &undated] {
            registry.version(name).dates = Dates::Unrecorded;
        }
        indexes.push((outer, undated));
    }
    for version in &mut registry.versions {
        version.id = None;
    }
    let planned = registry.plan(&bare());
    planned.goes(&[&indexes[0].0]).stays(&[&indexes[1].0]);
    let place = planned.registry.place(&indexes[0].0);
    assert_eq!(planned.plan.date(place), built(OLD).latest());
    // A reproducible build among the platforms: the age of the index is unknown.
    registry.version(&indexes[0].1).dates = Dates::Created(common::at(0));
    registry.plan(&bare()).stays(&[&indexes[0].0]);
}

#[test]
fn an_empty_package_has_an_empty_plan() {
    let plan = plan(&[], &Default::default(), &Policy::default(), now()).unwrap();
    assert!(plan.fates().is_empty() && plan.groups().next().is_none());
}

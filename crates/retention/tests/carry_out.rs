//! In which order versions go, when nothing goes, what is broken already.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on is a failed test"
)]

mod common;

use std::collections::BTreeSet;

use common::{Registry, bare, days_ago, name, now, read, tag_of};
use retention::{
    Finding, Kind, ManifestRead, Manifests, Name, Policy, Refusal, Version, audit, plan,
};

const OLD: i64 = 200;

#[test]
fn root_then_children_then_artefacts_and_the_oldest_group_first() {
    let mut registry = Registry::default();
    let mut expected = Vec::new();
    for group in [1, 2] {
        let days = OLD - group;
        let leaf = registry.image(days, &[]);
        let attestation = registry.referrer(days, &[], &leaf);
        let inner = registry.index(days, &[], &[&leaf]);
        let root = registry.index(days, &[], &[&inner, &attestation]);
        let listed = registry.image(days, &[]);
        let fallback = registry.fallback(days, &root, &[&listed]);
        let signature = registry.signature(days, &fallback);
        expected.push([root, inner, leaf, attestation, fallback, listed, signature]);
    }
    let planned = registry.plan(&bare());
    let order = planned.order();
    for (at, group) in expected.iter().enumerate() {
        let group_order = &order[at * 7..at * 7 + 7];
        assert_eq!(group_order[..3], group[..3], "root, nested index, image");
        let place = |name: &Name| group_order.iter().position(|n| n == name).unwrap();
        assert!(
            place(&group[4]) < place(&group[5]),
            "a list before the listed"
        );
        assert!(
            place(&group[4]) < place(&group[6]),
            "image before signature"
        );
    }
    let groups: Vec<_> = planned.plan.groups().collect();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups.concat(), planned.plan.deletions());
    let oldest = planned.plan.oldest_first();
    assert_eq!(oldest.len(), planned.registry.versions.len());
    assert_eq!(oldest[14], 14, "the youngest is last");
}

#[test]
fn what_two_groups_share_goes_with_the_last_of_them() {
    let mut registry = Registry::default();
    let shared = registry.image(OLD, &[]);
    let newer = registry.index(OLD - 10, &[], &[&shared]);
    let older = registry.index(OLD + 10, &[], &[&shared]);
    let planned = registry.plan(&bare());
    assert_eq!(planned.order(), [older, newer, shared]);
}

#[test]
fn a_signature_with_a_tag_of_its_own_goes_after_what_it_signs() {
    for signature_days in [OLD + 10, OLD - 10] {
        let mut registry = Registry::default();
        let image = registry.image(OLD, &[]);
        let tags = [tag_of(&image, ".sig"), "v1".to_owned()];
        let signature = registry.image(signature_days, &[&tags[0], &tags[1]]);
        let planned = registry.plan(&bare());
        assert_eq!(planned.order(), [image, signature]);
    }
}

#[test]
fn what_an_artefact_index_lists_goes_after_it() {
    let mut registry = Registry::default();
    let leaf = registry.image(OLD, &[]);
    let root = registry.index(OLD, &[], &[&leaf]);
    let tags = [tag_of(&root, ".att"), "v1".to_owned()];
    let tagged = registry.index(OLD + 10, &[&tags[0], &tags[1]], &[&leaf]);
    assert_eq!(registry.plan(&bare()).order(), [root, tagged, leaf]);
}

#[test]
fn roots_that_sign_each_other_still_have_an_order() {
    let mut registry = Registry::default();
    let [a, b] = [name(1), name(2)];
    registry.image(OLD, &["a", &tag_of(&b, ".sig")]);
    registry.image(OLD, &["b", &tag_of(&a, ".sig")]);
    assert_eq!(registry.plan(&bare()).order().len(), 2);
}

#[test]
fn what_stays_after_all_takes_its_parts_along() {
    let mut registry = Registry::default();
    let child = registry.image(OLD, &[]);
    let kept = registry.index(OLD, &[], &[&child]);
    let signature = registry.signature(OLD, &kept);
    let other = registry.image(OLD - 1, &[]);
    let other_signature = registry.signature(OLD - 1, &other);
    let planned = registry.plan(&bare());

    let mut run = planned.plan.run();
    let mut deleted = Vec::new();
    assert_eq!(run.left(), 5);
    while let Some(version) = run.next() {
        let version = &planned.registry.versions[version];
        // As if a tag had moved onto it since the plan was made.
        let mut read_again = version.clone();
        if version.name == kept {
            read_again.tags = Some(vec!["stable".parse().unwrap()]);
        }
        if version.unchanged(&read_again) {
            deleted.push(version.name.clone());
        } else {
            run.stays();
            assert_eq!(run.left(), 2);
        }
    }
    assert_eq!(deleted, [other, other_signature]);
    let spared: BTreeSet<Name> = run
        .spared()
        .map(|version| planned.registry.versions[version].name.clone())
        .collect();
    assert_eq!(spared, [child, kept, signature].into());

    let all: Vec<usize> = planned.plan.run().collect();
    assert_eq!(all, planned.plan.deletions());
}

#[test]
fn before_the_first_step_nothing_can_stay() {
    let mut registry = Registry::default();
    registry.image(OLD, &[]);
    let planned = registry.plan(&bare());
    let mut run = planned.plan.run();
    run.stays();
    assert_eq!(run.left(), 1);
}

fn two_old_one_young() -> Registry {
    let mut registry = Registry::default();
    registry.image(OLD, &[]);
    registry.image(OLD, &[]);
    registry.image(1, &[]);
    registry
}

#[test]
fn an_incomplete_list_is_refused() {
    // A page that fails in the middle leaves a shorter list.
    for (version_count, complete) in [(2, false), (3, true), (4, false), (0, false)] {
        let policy = Policy {
            version_count: Some(version_count),
            ..bare()
        };
        let refusal = two_old_one_young().try_plan(&policy).err();
        let incomplete = Refusal::Incomplete {
            listed: 3,
            version_count,
        };
        assert_eq!(refusal, (!complete).then_some(incomplete));
    }
}

#[test]
fn a_manifest_that_was_not_read_is_refused_even_if_it_would_be_kept() {
    let mut registry = two_old_one_young();
    let name = registry.versions[2].name.clone();
    let trouble = ManifestRead::Unreadable("503 Service Unavailable".to_owned());
    registry.manifests.insert(name.clone(), trouble);
    let refusal = registry.try_plan(&bare()).unwrap_err();
    let expected = Refusal::Unreadable {
        unreadable: 1,
        listed: 3,
        examples: vec![(name.clone(), "503 Service Unavailable".to_owned())],
    };
    assert_eq!(refusal, expected);
    let text = refusal.to_string();
    assert!(text.contains("1 of 3") && text.contains("503"), "{text}");

    let none = plan(&registry.versions, &Manifests::new(), &bare(), now());
    let Err(Refusal::Unreadable { unreadable: 3, .. }) = none else {
        panic!("{none:?}");
    };
    registry.manifests.insert(name, ManifestRead::NotFound);
    assert!(registry.try_plan(&bare()).is_err(), "only a 404 is left");
    registry.image(1, &[]);
    assert!(registry.try_plan(&bare()).is_ok());
}

#[test]
fn a_version_listed_twice_is_refused() {
    let mut registry = two_old_one_young();
    registry.versions.push(registry.versions[0].clone());
    let conflict = |registry: &Registry| {
        let refusal = registry.try_plan(&bare()).unwrap_err();
        matches!(refusal, Refusal::Conflict { listed: 4, .. })
    };
    assert!(conflict(&registry));
    registry.versions = retention::merged(registry.versions);
    assert_eq!(registry.versions.len(), 3);
    // One id, two digests.
    registry.image(1, &[]);
    registry.versions[3].id = registry.versions[0].id;
    assert!(conflict(&registry));
}

#[test]
fn a_plan_that_would_leave_no_image_is_refused() {
    let mut registry = Registry::default();
    let image = registry.image(OLD, &[]);
    let refusal = registry.try_plan(&bare()).unwrap_err();
    let all = Refusal::NothingLeft {
        delete: 1,
        listed: 1,
        roots: 1,
    };
    assert_eq!(refusal, all);
    // Litter that stays is no image.
    registry.signature(1, &name(999));
    registry.add(days_ago(1), &[], ManifestRead::NotFound);
    let refusal = registry.try_plan(&bare()).unwrap_err();
    assert!(matches!(refusal, Refusal::NothingLeft { listed: 3, .. }));
    // The newest one saves itself.
    let newest = Policy {
        keep_newest: 1,
        ..bare()
    };
    let plan = registry.try_plan(&newest).unwrap();
    assert!(!plan.fates()[registry.place(&image)].is_delete());

    let mut registry = Registry::default();
    registry.signature(OLD, &name(999));
    assert!(registry.try_plan(&bare()).is_err());
    registry.signature(1, &name(999));
    assert_eq!(registry.try_plan(&bare()).unwrap().totals().delete, 1);
}

#[test]
fn more_than_the_share_is_refused_and_exactly_the_share_is_not() {
    let mut registry = two_old_one_young();
    registry.image(1, &[]);
    for (max_percent, refused) in [(Some(49), true), (Some(50), false), (None, false)] {
        let policy = Policy {
            max_percent,
            ..bare()
        };
        let refusal = registry.try_plan(&policy).err();
        let too_many = max_percent.map(|max_percent| Refusal::TooMany {
            delete: 2,
            listed: 4,
            max_percent,
        });
        assert_eq!(refusal, if refused { too_many } else { None });
    }
    let none = Policy {
        max_percent: Some(0),
        keep_newest: 9,
        ..bare()
    };
    assert!(registry.try_plan(&none).is_ok(), "nothing is not too much");
}

#[test]
fn an_audit_of_a_sound_registry_is_empty() {
    let mut registry = Registry::default();
    let child = registry.image(1, &[]);
    let index = registry.index(1, &["v1"], &[&child]);
    registry.signature(1, &index);
    let referrer = registry.referrer(1, &[], &index);
    registry.fallback(1, &index, &[&referrer]);
    assert_eq!(audit(&registry.versions, &registry.manifests), []);
}

#[test]
fn an_audit_names_all_that_is_broken() {
    let mut registry = Registry::default();
    let [gone, also_gone] = [name(901), name(902)];
    let child = registry.image(1, &[]);
    let inner = registry.index(1, &[], &[&child, &gone, &gone]);
    let outer = registry.index(1, &["v1"], &[&inner]);
    let lost = registry.add(days_ago(1), &["lost"], ManifestRead::NotFound);
    let over = registry.index(1, &[], &[&lost]);
    let signature = registry.signature(1, &gone);
    let tag = tag_of(&gone, ".sbom");
    let report = registry.referrer(1, &[&tag], &also_gone);
    let unread = registry.add(days_ago(1), &[], ManifestRead::Unreadable("500".to_owned()));
    let never = Version::from_github(99, "sha512:00", None, None, Some(&["x"]));
    registry.versions.push(never.clone());

    let findings = audit(&registry.versions, &registry.manifests);
    let has = |finding: Finding| assert!(findings.contains(&finding), "{finding}");
    has(Finding::MissingChildren {
        name: inner.clone(),
        missing: vec![gone.clone()],
    });
    has(Finding::BrokenTags {
        name: outer,
        tags: vec!["v1".parse().unwrap()],
        broken: inner,
    });
    has(Finding::NotFound { name: lost.clone() });
    has(Finding::BrokenTags {
        name: lost.clone(),
        tags: vec!["lost".parse().unwrap()],
        broken: lost.clone(),
    });
    has(Finding::MissingChildren {
        name: over,
        missing: vec![lost],
    });
    has(Finding::ArtefactWithoutImage {
        name: signature,
        tags: vec![tag_of(&gone, ".sig").parse().unwrap()],
        images: vec![gone.clone()],
    });
    let mut images = vec![gone, also_gone];
    images.sort();
    has(Finding::ArtefactWithoutImage {
        name: report,
        tags: vec![tag.parse().unwrap()],
        images,
    });
    has(Finding::Unreadable {
        name: unread,
        why: "500".to_owned(),
    });
    has(Finding::Unreadable {
        name: never.name,
        why: "not read".to_owned(),
    });
    assert_eq!(findings.len(), 9);
    assert!(findings.is_sorted_by_key(|finding| finding.name().clone()));
}

#[test]
fn an_audit_of_rings_ends() {
    let mut registry = Registry::default();
    let [a, b, gone] = [name(1), name(2), name(3)];
    registry.add(days_ago(1), &["a"], read(Kind::Index, &[&b], None));
    registry.add(days_ago(1), &["b"], read(Kind::Index, &[&a, &gone], None));
    assert_eq!(audit(&registry.versions, &registry.manifests).len(), 3);
}

//! What this project publishes, kept and let go as a whole.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on is a failed test"
)]

mod common;

use common::{DAY, NOW, Registry, at, bare};
use retention::{Dates, Policy};

const OLD: i64 = 200;

/// What a publication of two architectures leaves: each image signed, with a
/// list of packages; the index signed, with the lock.
#[test]
fn a_published_index_is_one_group() {
    let mut registry = Registry::default();
    let mut publish = |days: i64, tags: &[&str], candidates: [&str; 2]| {
        let mut group = Vec::new();
        let mut with_all = |registry: &mut Registry, image: &retention::Name| {
            let document = registry.referrer(days, &[], image);
            let beside = registry.fallback(days, image, &[&document]);
            let signature = registry.signature(days, image);
            group.extend([image.clone(), document, beside, signature]);
        };
        let images = candidates.map(|tag| {
            let tags: Vec<&str> = [tag].into_iter().filter(|tag| !tag.is_empty()).collect();
            let image = registry.image(days, &tags);
            with_all(&mut registry, &image);
            image
        });
        let index = registry.index(days, tags, &[&images[0], &images[1]]);
        with_all(&mut registry, &index);
        group
    };
    let old = publish(OLD + 1, &["20250101"], ["", ""]);
    let stable = publish(
        OLD,
        &["stable", "20250102", "candidate"],
        ["candidate-x86_64", "candidate-aarch64"],
    );
    let followed = Policy {
        protected: vec!["stable".parse().unwrap()],
        ..bare()
    };
    let planned = registry.plan(&followed);
    planned
        .stays(&stable.iter().collect::<Vec<_>>())
        .goes(&old.iter().collect::<Vec<_>>());
    assert_eq!(planned.plan.totals().delete_roots, 1);
    assert_eq!(planned.order().len(), 12);
    // The index goes first: an interruption leaves litter, not a broken image.
    assert_eq!(planned.order()[0], old[8]);
    let planned = registry.plan(&bare());
    planned.goes(&stable.iter().collect::<Vec<_>>());
}

/// An image says when its lock was made. Built again of an old one, it is as young as the
/// day on which it was published, where the registry tells no date itself.
#[test]
fn an_image_of_an_old_lock_is_as_young_as_its_day() {
    let mut registry = Registry::default();
    let mut publish = |tags: &[&str]| {
        let images = [registry.image(OLD, &[]), registry.image(OLD, &[])];
        let index = registry.index(0, tags, &[&images[0], &images[1]]);
        for image in &images {
            registry.version(image).dates = Dates::Created(at(NOW - OLD * DAY));
        }
        registry.version(&index).dates = Dates::Unrecorded;
        images.into_iter().chain([index]).collect::<Vec<_>>()
    };
    let old = publish(&["20251113"]);
    let again = publish(&["44.20251112.3.0-zfs2.4.4-1", "20260531-1"]);
    let alone = registry.image(OLD, &["20260531"]);
    registry.version(&alone).dates = Dates::Created(at(NOW - OLD * DAY));
    let planned = registry.plan(&bare());
    planned
        .stays(&again.iter().chain([&alone]).collect::<Vec<_>>())
        .goes(&old.iter().collect::<Vec<_>>());
    let place = planned.registry.place(&again[2]);
    assert_eq!(planned.plan.date(place), Some(at(NOW - DAY)));
}

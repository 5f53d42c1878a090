//! What this project publishes, kept and let go as a whole.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on is a failed test"
)]

mod common;

use common::{Registry, bare};
use retention::Policy;

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

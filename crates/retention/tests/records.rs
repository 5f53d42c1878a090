//! The measured history lies among the images, and is none.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Registry, bare, days_ago, read};
use retention::{Kind, Name, Policy, Refusal, audit};

fn record(registry: &mut Registry, days: i64, tags: &[&str]) -> Name {
    registry.add(days_ago(days), tags, read(Kind::Record, &[], None))
}

fn protecting(tag: &str) -> Policy {
    Policy {
        protected: vec![tag.parse().unwrap()],
        ..bare()
    }
}

#[test]
fn a_record_takes_no_place_among_the_newest() {
    let mut registry = Registry::default();
    let image = registry.image(200, &["v1"]);
    let records: Vec<Name> = (100..110)
        .map(|days| record(&mut registry, days, &[]))
        .collect();
    let keep = |keep_newest| Policy {
        keep_newest,
        ..bare()
    };
    // One more image, young, is added by `plan` and is the newest.
    let planned = registry.plan(&keep(2));
    planned.stays(&[&image]);
    assert_eq!(planned.plan.totals().roots, 2);
    let planned = registry.plan(&keep(2));
    planned.goes(&records.iter().collect::<Vec<_>>());
    assert_eq!(planned.plan.totals().delete_roots, 0);
}

#[test]
fn a_record_is_not_what_is_left_of_a_package() {
    let mut registry = Registry::default();
    registry.image(200, &["v1"]);
    registry.image(201, &["v2"]);
    let history = record(&mut registry, 1, &["history"]);
    let refusal = registry.try_plan(&protecting("history")).unwrap_err();
    assert!(
        matches!(refusal, Refusal::NothingLeft { roots: 2, .. }),
        "{refusal}"
    );
    // With a young image they may go; the history stays by its tag, however old.
    registry.version(&history).dates = days_ago(400);
    registry.plan(&protecting("history")).stays(&[&history]);
    registry.plan(&bare()).goes(&[&history]);
}

#[test]
fn an_audit_finds_nothing_in_a_record() {
    let mut registry = Registry::default();
    record(&mut registry, 1, &["history"]);
    record(&mut registry, 2, &[]);
    assert_eq!(audit(&registry.versions, &registry.manifests), []);
}

//! The choice under a pin, and beside what is published.

mod common;

use common::{
    K70, K71, K71B, V1, V2, V3, day, go, hold, index, now, pin, source, upstream, version,
};
use version_discovery::{
    BaseVerdict, Fact, KmodsSource, Outcome, Pin, Policy, Question, Refusal, Rollout, Rule,
    Upstream, Waiting, Warning, ZfsVerdict, choose,
};

fn policy(rule: Rule) -> Policy {
    Policy {
        series: "2.4".parse().expect("a series"),
        rule,
    }
}

fn held_policy() -> Policy {
    policy(Rule::Hold { max_days: 30 })
}

#[test]
fn nothing_older_than_the_published_base_unless_pinned() {
    let mut up = upstream(index(), vec![source("a", &[(K70, "2.4.4")])]);
    up.published = Some(version(V2));
    let choice = choose(&up, &held_policy(), now());
    let Outcome::Wait(Waiting::WouldGoBack {
        published,
        held: Some(held),
    }) = &choice.outcome
    else {
        panic!("{:?}", choice.outcome);
    };
    assert_eq!((*published, held.newest), (version(V2), version(V3)));
    assert_eq!(choice.bases[2].verdict, BaseVerdict::BehindPublished);
    let pinned = Pin {
        base: Some(version(V1)),
        ..pin()
    };
    let choice = choose(&up, &policy(Rule::Pin(pinned)), now());
    assert_eq!(go(&choice).base, version(V1));
    assert_eq!(
        choice.warnings,
        [Warning::PinnedGoesBack {
            published: version(V2)
        }]
    );
    // The published one itself is fine.
    up.published = Some(version(V1));
    assert_eq!(
        hold(&choose(&up, &held_policy(), now())).0.base,
        version(V1)
    );
}

#[test]
fn pins() {
    let all = [(K71B, "2.4.4"), (K71B, "2.4.3"), (K70, "2.4.4")];
    let up = upstream(index(), vec![source("a", &all)]);
    let run = |up: &Upstream, pin: Pin| choose(up, &policy(Rule::Pin(pin)), now());
    let zfs = Pin {
        zfs: Some("2.4.3".parse().unwrap()),
        ..pin()
    };
    let choice = run(&up, zfs);
    assert_eq!(go(&choice).zfs.to_string(), "2.4.3");
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::NotPinned);
    assert!(choice.warnings.is_empty(), "it was asked for");
    let ceiling = Pin {
        kernel_ceiling: Some("7.0".parse().unwrap()),
        ..pin()
    };
    let choice = run(&up, ceiling);
    // The owner's own doing is no hold.
    assert_eq!(go(&choice).base, version(V1));
    let above = BaseVerdict::AboveCeiling("7.0".parse().unwrap());
    assert_eq!(choice.bases[0].verdict, above);
    let base = |of: &str| Pin {
        base: Some(of.parse().unwrap()),
        ..pin()
    };
    let missing = run(&up, base("44.20990101.3.0"));
    let Outcome::Wait(Waiting::PinnedBaseMissing(_)) = missing.outcome else {
        panic!("{:?}", missing.outcome);
    };
    let mut dead = up.clone();
    if let Fact::Known(releases) = &mut dead.releases {
        releases[2].dead_end = Some("issue 1".to_owned());
        releases[2].rollout = Rollout::Paused;
    }
    let choice = run(&dead, base(V3));
    assert_eq!(go(&choice).base, version(V3));
    assert_eq!(
        choice.warnings,
        [
            Warning::PinnedDeadEnd("issue 1".to_owned()),
            Warning::PinnedNotRolledOut
        ]
    );
    let other_series = Pin {
        zfs: Some("2.5.0".parse().unwrap()),
        ..pin()
    };
    let Outcome::Wait(Waiting::NoZfsRelease {
        pinned: Some(_), ..
    }) = run(&up, other_series).outcome
    else {
        panic!("a pin must not cross the series");
    };
}

#[test]
fn a_pinned_kmods_image_is_the_only_source() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let pinned = Pin {
        kmods_digest: Some(digest.clone()),
        ..pin()
    };
    let mut up = upstream(index(), vec![source("a", &[(K71B, "2.4.4")])]);
    let choice = choose(&up, &policy(Rule::Pin(pinned.clone())), now());
    assert_eq!(choice.questions(), [&Question::Kmods(digest.clone())]);
    up.kmods.push(KmodsSource {
        digest: Some(digest),
        ..source("the pinned image", &[(K71, "2.4.3")])
    });
    let choice = choose(&up, &policy(Rule::Pin(pinned)), now());
    let (pick, _) = hold(&choice);
    assert_eq!(
        (pick.base, pick.kmods.as_str()),
        (version(V2), "the pinned image")
    );
}

#[test]
fn an_expired_pin_warns_for_a_week_and_then_refuses() {
    let up = upstream(index(), vec![source("a", &[(K71B, "2.4.4")])]);
    for (expires, warned, refused) in [
        ("2026-07-30", false, false),
        ("2026-07-29", true, false),
        ("2026-07-23", true, false),
        ("2026-07-22", false, true),
    ] {
        let pin = Pin {
            expires: day(expires),
            ..pin()
        };
        let choice = choose(&up, &policy(Rule::Pin(pin)), now());
        let warning = matches!(choice.warnings.as_slice(), [Warning::PinExpired { .. }]);
        assert_eq!(warning, warned, "{expires}");
        match &choice.outcome {
            Outcome::Go(_) => assert!(!refused, "{expires}"),
            Outcome::Refused(Refusal::PinExpired { expired, .. }) => {
                assert!(refused);
                assert_eq!(*expired, day(expires));
                assert!(choice.pick().is_none());
                assert_eq!(
                    choice.bases[0].verdict,
                    BaseVerdict::Taken,
                    "what it would be"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

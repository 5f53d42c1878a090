//! The choice, case by case.

mod common;

use common::{
    K70, K71, K71B, V1, V2, V3, day, fact, go, hold, index, known, listed, now, pin, release,
    source, upstream, version, zfs_list,
};
use version_discovery::{
    Arch, BaseVerdict, Fact, FcosRelease, KernelSource, KmodsSource, NotKnown, Obstacle, Offer,
    Outcome, Pin, Policy, Question, Rollout, Rule, Upstream, Waiting, Warning, ZfsVerdict, choose,
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

fn verdict(upstream: &Upstream, policy: &Policy, of: &str) -> BaseVerdict {
    let choice = choose(upstream, policy, now());
    let found = choice
        .bases
        .into_iter()
        .find(|base| base.version == version(of));
    found.expect("it is in the index").verdict
}

#[test]
fn newest_base_with_newest_zfs_of_the_series() {
    let up = upstream(
        index(),
        vec![source(
            "a",
            &[
                (K71B, "2.4.4"),
                (K71B, "2.4.3"),
                (K71B, "2.5.0"),
                (K71, "2.4.4"),
            ],
        )],
    );
    let choice = choose(&up, &held_policy(), now());
    let pick = go(&choice);
    assert_eq!(
        (
            pick.base,
            pick.targets[&Arch::X86_64].kernel.to_string().as_str()
        ),
        (version(V3), K71B)
    );
    assert_eq!(
        (pick.zfs.to_string().as_str(), pick.kmods.as_str()),
        ("2.4.4", "a")
    );
    let target = &pick.targets[&Arch::X86_64];
    assert_eq!(target.kernel_source, KernelSource::Commitmeta);
    assert!(target.image.is_some());
    assert!(choice.warnings.is_empty(), "{:?}", choice.warnings);
    let verdicts: Vec<_> = choice
        .bases
        .iter()
        .map(|base| base.verdict.clone())
        .collect();
    assert_eq!(
        verdicts,
        [
            BaseVerdict::Taken,
            BaseVerdict::NotNeeded,
            BaseVerdict::NotNeeded
        ]
    );
    let zfs: Vec<_> = choice
        .zfs
        .iter()
        .map(|zfs| (zfs.version.to_string(), zfs.verdict.clone()))
        .collect();
    assert_eq!(
        zfs,
        [
            ("2.5.0".to_owned(), ZfsVerdict::OtherSeries),
            ("2.4.4".to_owned(), ZfsVerdict::Taken),
            ("2.4.3".to_owned(), ZfsVerdict::Older),
            ("2.4.2".to_owned(), ZfsVerdict::Older),
        ]
    );
    // The order of the lists has no influence.
    let mut turned = up;
    if let Fact::Known(releases) = &mut turned.releases {
        releases.reverse();
    }
    assert_eq!(choose(&turned, &held_policy(), now()), choice);
}

#[test]
fn an_older_zfs_is_taken_before_an_older_base_and_it_is_said() {
    let up = upstream(
        index(),
        vec![source("a", &[(K71B, "2.4.3"), (K71, "2.4.4")])],
    );
    let choice = choose(&up, &held_policy(), now());
    assert_eq!(go(&choice).zfs.to_string(), "2.4.3");
    let [Warning::ZfsBehind { taken, newest }] = choice.warnings.as_slice() else {
        panic!("{:?}", choice.warnings);
    };
    assert_eq!(
        (taken.to_string(), newest.to_string()),
        ("2.4.3".into(), "2.4.4".into())
    );
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::NoKmods);
    // The strict rule does not.
    let strict = choose(&up, &policy(Rule::Newest), now());
    let Outcome::Wait(Waiting::NewestNotBuildable { held, last }) = &strict.outcome else {
        panic!("{:?}", strict.outcome);
    };
    assert_eq!(last.as_ref(), choice.pick(), "what `hold` does");
    let Obstacle::NoZfs {
        wanted: Some(wanted),
        offers,
        ..
    } = &held.obstacle
    else {
        panic!("{held}");
    };
    assert_eq!(wanted.to_string(), "2.4.4");
    let offer = Offer {
        source: "a".to_owned(),
        zfs: vec!["2.4.3".parse().unwrap()],
    };
    assert_eq!(offers, &[offer]);
}

#[test]
fn newer_bases_without_kmods_are_a_hold_with_a_date_and_a_reason() {
    let up = upstream(index(), vec![source("a", &[(K70, "2.4.4")])]);
    let choice = choose(&up, &held_policy(), now());
    let (pick, held) = hold(&choice);
    assert_eq!(pick.base, version(V1));
    // V2 came out on 2026-07-09, V3 on 2026-07-22; today is 2026-07-30.
    assert_eq!(
        (held.since, held.days, held.estimated),
        (day("2026-07-09"), 21, false)
    );
    assert_eq!((held.newest, held.max_days), (version(V3), Some(30)));
    assert_eq!(
        held.to_string(),
        format!("{V3} waits since 2026-07-09 (21 days of 30): no kmods exist for kernel {K71B}")
    );
    let lacks = |kernel: &str| {
        BaseVerdict::Lacks(Obstacle::NoKmods {
            kernel: kernel.parse().unwrap(),
        })
    };
    assert_eq!(verdict(&up, &held_policy(), V3), lacks(K71B));
    assert_eq!(verdict(&up, &held_policy(), V2), lacks(K71));
    assert_eq!(verdict(&up, &held_policy(), V1), BaseVerdict::Taken);
    // One day too many is loud, and says what could still be built.
    for (max_days, waits) in [(21, false), (20, true)] {
        let choice = choose(&up, &policy(Rule::Hold { max_days }), now());
        match &choice.outcome {
            Outcome::Hold(..) => assert!(!waits),
            Outcome::Wait(Waiting::HoldExceeded { held, last }) => {
                assert!(waits);
                assert_eq!(held.days, 21);
                assert_eq!(last.as_ref().unwrap().base, version(V1));
                assert_eq!(choice.bases[2].verdict, BaseVerdict::Buildable);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_beginning_that_is_no_longer_recorded_is_estimated_and_says_so() {
    let mut releases = index();
    releases[1].rollout = Rollout::Past;
    let up = upstream(releases, vec![source("a", &[(K70, "2.4.4")])]);
    let choice = choose(&up, &held_policy(), now());
    let (_, held) = hold(&choice);
    // 20260621 and 17 days.
    assert_eq!((held.since, held.estimated), (day("2026-07-08"), true));
    assert!(
        held.to_string().contains("since about 2026-07-08"),
        "{held}"
    );
}

#[test]
fn dead_ends_and_rollouts_that_have_not_begun_do_not_count() {
    let all = [(K71B, "2.4.4"), (K71, "2.4.4"), (K70, "2.4.4")];
    let mut releases = index();
    releases[2].dead_end = Some("issue 1".to_owned());
    releases[1].rollout = Rollout::Window {
        start: "2026-07-30T12:00:01Z".parse().unwrap(),
        minutes: Some(2880),
    };
    let up = upstream(releases.clone(), vec![source("a", &all)]);
    let choice = choose(&up, &held_policy(), now());
    // Not a hold: nothing newer came into question.
    assert_eq!(go(&choice).base, version(V1));
    assert_eq!(
        choice.bases[0].verdict,
        BaseVerdict::DeadEnd("issue 1".to_owned())
    );
    let BaseVerdict::NotRolledOut { starts: Some(_) } = &choice.bases[1].verdict else {
        panic!("{:?}", choice.bases[1]);
    };
    // One second later it has begun.
    let later = "2026-07-30T12:00:01Z".parse().unwrap();
    assert_eq!(go(&choose(&up, &held_policy(), later)).base, version(V2));
    for rollout in [Rollout::NotScheduled, Rollout::Paused] {
        releases[1].rollout = rollout;
        let up = upstream(releases.clone(), vec![source("a", &all)]);
        assert_eq!(go(&choose(&up, &held_policy(), now())).base, version(V1));
    }
    releases[0].images.clear();
    let up = upstream(releases, vec![source("a", &all)]);
    let choice = choose(&up, &held_policy(), now());
    assert_eq!(choice.outcome, Outcome::Wait(Waiting::NoRelease));
    assert_eq!(choice.bases[2].verdict, BaseVerdict::NotForArch);
}

#[test]
fn only_what_openzfs_stands_behind_is_taken() {
    let pairs = [(K71B, "2.4.4"), (K71B, "2.4.3")];
    let mut up = upstream(index(), vec![source("a", &pairs)]);
    let with = |up: &Upstream| go(&choose(up, &held_policy(), now())).zfs.to_string();
    assert_eq!(with(&up), "2.4.4");
    if let Fact::Known(list) = &mut up.zfs {
        list.retain(|zfs| zfs.tag != "zfs-2.4.4");
    }
    assert_eq!(with(&up), "2.4.3");
    let choice = choose(&up, &held_policy(), now());
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::NotFinal);
    for flag in 0..2 {
        up.zfs = zfs_list(&["2.4.4", "2.4.3"]);
        if let Fact::Known(list) = &mut up.zfs {
            (list[0].draft, list[0].prerelease) = (flag == 0, flag == 1);
        }
        assert_eq!(with(&up), "2.4.3");
    }
    // The list itself may be missing: then nothing is taken...
    up.zfs = Fact::Unknown("rate limited".to_owned());
    let choice = choose(&up, &held_policy(), now());
    let Outcome::Unknown(NotKnown {
        gaps,
        otherwise: None,
    }) = &choice.outcome
    else {
        panic!("{:?}", choice.outcome);
    };
    assert_eq!(gaps[0].question, Question::ZfsReleases);
    // ... and a series that has no release is an edit away.
    up.zfs = zfs_list(&["2.3.9"]);
    let choice = choose(&up, &held_policy(), now());
    let Outcome::Wait(Waiting::NoZfsRelease { pinned: None, .. }) = &choice.outcome else {
        panic!("{:?}", choice.outcome);
    };
}

#[test]
fn nothing_at_all() {
    let empty = upstream(Vec::new(), Vec::new());
    let choice = choose(&empty, &held_policy(), now());
    assert_eq!(choice.outcome, Outcome::Wait(Waiting::NoRelease));
    assert!(choice.bases.is_empty() && choice.zfs_kernels.is_empty());
    let sourceless = upstream(vec![release(V3, "2026-07-22", K71B)], Vec::new());
    let choice = choose(&sourceless, &held_policy(), now());
    let Outcome::Wait(Waiting::NothingBuildable { held }) = &choice.outcome else {
        panic!("{:?}", choice.outcome);
    };
    assert_eq!(held.days, 8);
}

#[test]
fn a_choice_and_what_led_to_it_can_be_saved_and_read_back() {
    let sources = vec![
        source("a", &[(K70, "2.4.4")]),
        listed("b"),
        KmodsSource::unknown("c", "x"),
    ];
    let up = upstream(index(), sources);
    let pinned = Pin {
        kernel_ceiling: Some("7.0.12".parse().unwrap()),
        ..pin()
    };
    for policy in [
        held_policy(),
        policy(Rule::Newest),
        policy(Rule::Pin(pinned)),
    ] {
        let choice = choose(&up, &policy, now());
        let text = serde_json::to_string(&(&up, &policy, &choice)).unwrap();
        assert_eq!(
            serde_json::from_str::<(_, _, _)>(&text).ok(),
            Some((up.clone(), policy, choice))
        );
    }
    assert_eq!(fact(&up.zfs), 5);
}

#[test]
fn all_architectures_get_the_same_base_and_zfs_from_one_source() {
    let arm = |kernel: &str| kernel.replace("x86_64", "aarch64");
    let mut releases = index();
    for (release, kernel) in releases.iter_mut().zip([K70, K71, K71B]) {
        release.images.insert(Arch::Aarch64, None);
        release.kernels.insert(Arch::Aarch64, known(&arm(kernel)));
    }
    let run = |releases: &[FcosRelease], kmods: Vec<KmodsSource>| {
        let mut up = upstream(releases.to_vec(), kmods);
        up.arches.insert(Arch::Aarch64);
        choose(&up, &held_policy(), now())
    };
    let (b, c) = (arm(K71B), arm(K71));
    // The newest that both have, of a base that both have.
    let choice = run(
        &releases,
        vec![source(
            "a",
            &[
                (K71B, "2.4.4"),
                (K71B, "2.4.3"),
                (&b, "2.4.3"),
                (K71, "2.4.4"),
            ],
        )],
    );
    let pick = go(&choice);
    assert_eq!(
        (pick.zfs.to_string().as_str(), pick.targets.len()),
        ("2.4.3", 2)
    );
    assert_eq!(choice.zfs[0].version.to_string(), "2.4.4");
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::NoKmods, "not for both");
    // One kernel is lacking: the message names it.
    let choice = run(
        &releases,
        vec![source(
            "a",
            &[(K71B, "2.4.4"), (K71, "2.4.4"), (&c, "2.4.4")],
        )],
    );
    let (pick, held) = hold(&choice);
    assert_eq!(pick.base, version(V2));
    let Obstacle::NoKmods { kernel } = &held.obstacle else {
        panic!("{held}");
    };
    assert_eq!(kernel.to_string(), b);
    // Each source has one half: nothing is mixed.
    let halves = vec![
        source("a", &[(K71B, "2.4.4")]),
        source("b", &[(&b, "2.4.4")]),
    ];
    let Outcome::Wait(Waiting::HoldExceeded { last: None, .. }) = run(&releases, halves).outcome
    else {
        panic!("nothing must be mixed");
    };
    // Both kernels are asked for at once.
    releases[2].kernels.clear();
    let choice = run(&releases, vec![source("a", &[])]);
    assert_eq!(choice.questions().len(), 2);
    // A release that lacks one of them does not count.
    releases[2].images.remove(&Arch::Aarch64);
    let choice = run(
        &releases,
        vec![source("a", &[(K71, "2.4.4"), (&c, "2.4.4")])],
    );
    assert_eq!(go(&choice).base, version(V2));
    assert_eq!(choice.bases[0].verdict, BaseVerdict::NotForArch);
}

//! The fourth answer: kmods that nobody has built and that can be built here.

mod common;

use std::collections::BTreeMap;

use common::*;
use version_discovery::{
    BaseVerdict, Builder, Choice, Fact, FailedBuild, KmodsSource, KmodsToBuild, LinuxRange,
    Obstacle, Outcome, Policy, Question, Rule, Upstream, Waiting, ZfsVerdict, choose,
};

const OWN: &str = "ghcr.io/own/kmods";
const FIRST: &str = "ghcr.io/first/kmods";

fn policy(rule: Rule) -> Policy {
    Policy {
        series: "2.4".parse().expect("a series"),
        rule,
    }
}

fn range(maximum: (u32, u32)) -> Fact<LinuxRange> {
    Fact::Known(LinuxRange {
        minimum: (4, 18),
        maximum,
    })
}

fn builder(maximum: (u32, u32)) -> Builder {
    Builder {
        name: OWN.to_owned(),
        ranges: ["2.4.2", "2.4.3", "2.4.4"]
            .map(|zfs| (zfs.parse().expect("a release"), range(maximum)))
            .into(),
        experimental: false,
        failed: Vec::new(),
    }
}

/// A world whose first source has kmods for the oldest release only.
fn world(builder: Builder, own: KmodsSource) -> Upstream {
    Upstream {
        builder: Some(builder),
        ..upstream(index(), vec![source(FIRST, &[(K70, "2.4.3")]), own])
    }
}

fn ask(upstream: &Upstream) -> Choice {
    choose(upstream, &policy(Rule::Hold { max_days: 60 }), now())
}

#[track_caller]
fn to_build(choice: &Choice) -> &KmodsToBuild {
    choice
        .kmods_to_build()
        .unwrap_or_else(|| panic!("{:?}", choice.outcome))
}

#[test]
fn what_nobody_has_built_can_be_built_the_newest_first() {
    let choice = ask(&world(builder((7, 1)), listed(OWN)));
    let kmods = to_build(&choice);
    assert_eq!(kmods.pick.base, version(V3));
    assert_eq!(kmods.pick.kmods, OWN);
    assert_eq!(kmods.pick.zfs.to_string(), "2.4.4");
    assert_eq!(kmods.kernels, [K71B.parse().unwrap()]);
    assert_eq!(kmods.held, None);
    // Until they are there, it is as it always was.
    let Outcome::Hold(pick, held) = &kmods.meanwhile else {
        panic!("{:?}", kmods.meanwhile);
    };
    assert_eq!((pick.base, held.newest), (version(V1), version(V3)));
    assert_eq!(choice.pick(), Some(pick));
    assert_eq!(
        choice.bases[0].verdict,
        BaseVerdict::KmodsToBuild(kmods.pick.zfs)
    );
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::ToBuild);
    assert!(choice.questions().is_empty());
    assert_eq!(
        kmods.to_string(),
        format!("kmods of ZFS 2.4.4 for kernel {K71B} can be built, and then {V3}")
    );
}

#[test]
fn once_built_they_are_taken_as_those_of_any_source() {
    let choice = ask(&world(builder((7, 1)), source(OWN, &[(K71B, "2.4.4")])));
    assert_eq!(go(&choice).kmods, OWN);
}

#[test]
fn what_a_source_has_is_not_built_again() {
    let mut world = world(builder((7, 1)), listed(OWN));
    world.kmods[0] = source(FIRST, &[(K71B, "2.4.2")]);
    assert_eq!(go(&ask(&world)).kmods, FIRST);
    // `newest` wants the newest, and that one can be built.
    let choice = choose(&world, &policy(Rule::Newest), now());
    assert_eq!(to_build(&choice).pick.zfs.to_string(), "2.4.4");
}

#[test]
fn what_openzfs_does_not_support_is_held() {
    let choice = ask(&world(builder((7, 0)), listed(OWN)));
    let (pick, held) = hold(&choice);
    assert_eq!(pick.base, version(V1));
    let Obstacle::NotSupported { range, .. } = &held.obstacle else {
        panic!("{held:?}");
    };
    assert_eq!(range.maximum, (7, 0));
    assert!(
        held.to_string()
            .contains("ZFS 2.4.4 supports kernels 4.18 to 7.0")
    );
    // With a reason in image.yaml it is tried.
    let experimental = Builder {
        experimental: true,
        ..builder((7, 0))
    };
    let choice = ask(&world(experimental, listed(OWN)));
    assert_eq!(to_build(&choice).pick.base, version(V3));
}

#[test]
fn an_older_kernel_than_the_minimum_is_never_tried() {
    let mut old = builder((7, 9));
    old.experimental = true;
    for fact in old.ranges.values_mut() {
        *fact = Fact::Known(LinuxRange {
            minimum: (7, 2),
            maximum: (7, 9),
        });
    }
    let choice = ask(&world(old, listed(OWN)));
    hold(&choice);
}

#[test]
fn the_newest_base_that_can_be_built_is_and_what_is_newer_is_held() {
    let mut world = world(builder((7, 0)), listed(OWN));
    world.kmods[0] = listed(FIRST);
    let choice = ask(&world);
    let kmods = to_build(&choice);
    assert_eq!(kmods.pick.base, version(V1));
    assert_eq!(kmods.held.as_ref().map(|h| h.newest), Some(version(V3)));
    assert!(matches!(
        &kmods.meanwhile,
        Outcome::Wait(Waiting::NothingBuildable { .. })
    ));
    assert_eq!(choice.pick(), None);
}

#[test]
fn a_failed_build_is_not_tried_again_but_the_release_before_is() {
    let failed = |zfs: &str| FailedBuild {
        kernel: K71B.parse().unwrap(),
        zfs: zfs.parse().unwrap(),
        why: "zpl_file.c:12: error: too few arguments".to_owned(),
    };
    let mut once = builder((7, 1));
    once.failed = vec![failed("2.4.4")];
    let choice = ask(&world(once.clone(), listed(OWN)));
    assert_eq!(to_build(&choice).pick.zfs.to_string(), "2.4.3");
    // Why the newer one is not there is said beside it.
    let newer = choice
        .zfs
        .iter()
        .find(|zfs| zfs.version.to_string() == "2.4.4");
    assert_eq!(
        newer.unwrap().verdict,
        ZfsVerdict::BuildFailed("zpl_file.c:12: error: too few arguments".to_owned())
    );
    once.failed.extend(["2.4.3", "2.4.2"].map(failed));
    let choice = ask(&world(once, listed(OWN)));
    // The base before has another kernel.
    let kmods = to_build(&choice);
    assert_eq!(kmods.pick.base, version(V2));
    let held = kmods.held.as_ref().unwrap();
    assert_eq!(held.newest, version(V3));
    let text = held.obstacle.to_string();
    assert!(
        text.contains("ZFS 2.4.4 failed: zpl_file.c:12: error"),
        "{text}"
    );
}

#[test]
fn the_range_is_asked_for_only_where_the_answer_depends_on_it() {
    let unknown = Builder {
        ranges: BTreeMap::new(),
        ..builder((7, 1))
    };
    let choice = ask(&world(unknown.clone(), listed(OWN)));
    assert_eq!(
        choice.questions(),
        [&Question::Supported("2.4.4".parse().unwrap())]
    );
    let mut has = world(unknown, listed(OWN));
    has.kmods[0] = source(FIRST, &[(K71B, "2.4.4")]);
    assert!(ask(&has).questions().is_empty());
}

#[test]
fn a_source_that_is_down_is_not_waited_for() {
    let mut down = world(builder((7, 1)), listed(OWN));
    down.kmods[0] = KmodsSource::unknown(FIRST, "HTTP 503");
    assert_eq!(to_build(&ask(&down)).pick.base, version(V3));
    // What we have built is taken, though the source is still down.
    down.kmods[1] = source(OWN, &[(K71B, "2.4.4")]);
    assert_eq!(go(&ask(&down)).kmods, OWN);
    // What OpenZFS does not support, it has not either.
    let mut old = world(builder((7, 0)), source(OWN, &[(K70, "2.4.4")]));
    old.kmods[0] = KmodsSource::unknown(FIRST, "HTTP 503");
    assert_eq!(hold(&ask(&old)).0.base, version(V1));
    // What we have built before has to be known, or it would be built again.
    let mut own = world(builder((7, 1)), KmodsSource::unknown(OWN, "HTTP 503"));
    own.kmods[0] = listed(FIRST);
    assert!(matches!(ask(&own).outcome, Outcome::Unknown(_)));
    // But it is asked first.
    down.kmods[0].kernels = Fact::NotAsked;
    assert_eq!(ask(&down).questions(), [&Question::Kmods(FIRST.to_owned())]);
}

#[test]
fn a_pinned_image_of_kmods_is_not_replaced_by_one_of_ours() {
    let mut pin = pin();
    pin.kmods_digest = Some("sha256:1".to_owned());
    let choice = choose(
        &world(builder((7, 1)), listed(OWN)),
        &policy(Rule::Pin(pin)),
        now(),
    );
    assert!(choice.kmods_to_build().is_none(), "{:?}", choice.outcome);
}

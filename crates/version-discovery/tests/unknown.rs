//! What the choice makes of questions without an answer.

mod common;

use std::collections::BTreeSet;

use common::{
    K70, K71, K71B, V1, V2, V3, go, hold, index, kernel_of, known, now, set_kernel, source,
    upstream, version,
};
use version_discovery::{
    Fact, KmodsSource, NotKnown, Outcome, Policy, Question, Rule, Upstream, Waiting, ZfsVerdict,
    choose,
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
fn absent_and_unknown_are_never_mixed() {
    let down = || KmodsSource::unknown("a", "HTTP 503");
    let has = |pairs: &[(&str, &str)]| source("b", pairs);
    let unknown = |sources: Vec<KmodsSource>| {
        let choice = choose(&upstream(index(), sources), &held_policy(), now());
        let Outcome::Unknown(unknown) = choice.outcome else {
            panic!("{:?}", choice.outcome);
        };
        unknown
    };
    // Not even an older base, nor a later source, is taken by itself.
    let NotKnown { gaps, otherwise } = unknown(vec![down(), has(&[(K71B, "2.4.3")])]);
    assert_eq!(gaps[0].question, Question::Kmods("a".to_owned()));
    assert_eq!(
        gaps[0].to_string(),
        "could not ask for the kmods images of a: HTTP 503"
    );
    assert_eq!(otherwise.unwrap().kmods, "b");
    let NotKnown { otherwise, .. } = unknown(vec![down(), has(&[(K70, "2.4.4")])]);
    assert_eq!(otherwise.unwrap().base, version(V1));
    assert_eq!(unknown(vec![down()]).otherwise, None);
    assert_eq!(unknown(vec![has(&[]), down()]).otherwise, None);
    // A source that comes after the one that has it need not answer.
    let choice = choose(
        &upstream(index(), vec![has(&[(K71B, "2.4.4")]), down()]),
        &held_policy(),
        now(),
    );
    assert_eq!(go(&choice).kmods, "b");
    // Nor one whose answer comes too late for the number of days.
    let mut late = upstream(index(), vec![has(&[])]);
    if let Fact::Known(releases) = &mut late.releases {
        set_kernel(&mut releases[0], Fact::Unknown("HTTP 503".to_owned()));
    }
    let choice = choose(&late, &policy(Rule::Hold { max_days: 3 }), now());
    let Outcome::Wait(Waiting::HoldExceeded { last: None, .. }) = &choice.outcome else {
        panic!("{:?}", choice.outcome);
    };
    let choice = choose(&late, &policy(Rule::Hold { max_days: 30 }), now());
    let Outcome::Unknown(_) = &choice.outcome else {
        panic!("{:?}", choice.outcome);
    };
}

#[test]
fn a_zfs_version_of_which_nothing_is_known_is_unknown_in_the_list_too() {
    let sources = vec![
        source("a", &[(K71B, "2.4.3")]),
        KmodsSource::unknown("b", "reset"),
    ];
    let choice = choose(&upstream(index(), sources), &held_policy(), now());
    assert_eq!(go(&choice).zfs.to_string(), "2.4.3");
    assert_eq!(choice.zfs[0].version.to_string(), "2.4.4");
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::Unknown);
    let sources = vec![
        source("a", &[(K71B, "2.4.3")]),
        source("b", &[(K71B, "2.4.4")]),
    ];
    let choice = choose(&upstream(index(), sources), &held_policy(), now());
    assert_eq!(go(&choice).zfs.to_string(), "2.4.3", "nothing is mixed");
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::LaterSource);
}

#[test]
fn questions_come_in_rounds_and_only_as_far_as_the_answer_needs_them() {
    let mut up = upstream(index(), vec![source("a", &[(K71, "2.4.4")])]);
    let full = up.clone();
    let ask = |up: &Upstream| {
        let choice = choose(up, &held_policy(), now());
        choice.questions().into_iter().cloned().collect::<Vec<_>>()
    };
    let name = || "a".to_owned();
    up.zfs = Fact::NotAsked;
    up.kmods[0].kernels = Fact::NotAsked;
    up.releases = Fact::NotAsked;
    assert_eq!(
        ask(&up),
        [
            Question::Releases,
            Question::ZfsReleases,
            Question::Kmods(name())
        ]
    );
    let mut releases = index();
    for release in &mut releases {
        set_kernel(release, Fact::NotAsked);
    }
    up.releases = Fact::Known(releases);
    assert_eq!(
        ask(&up),
        [
            kernel_of(version(V3)),
            Question::ZfsReleases,
            Question::Kmods(name())
        ]
    );
    up.zfs = full.zfs.clone();
    up.kmods = full.kmods.clone();
    assert_eq!(ask(&up), [kernel_of(version(V3))]);
    let answer = |up: &mut Upstream, at: usize| {
        if let (Fact::Known(to), Fact::Known(from)) = (&mut up.releases, &full.releases) {
            to[at].kernels = from[at].kernels.clone();
        }
    };
    answer(&mut up, 2);
    assert_eq!(ask(&up), [kernel_of(version(V2))]);
    answer(&mut up, 1);
    // The oldest is never asked for.
    assert_eq!(ask(&up), []);
    assert_eq!(
        hold(&choose(&up, &held_policy(), now())).0.base,
        version(V2)
    );
}

#[test]
fn images_that_must_be_looked_into_are_the_last_resort() {
    let kernels = |set: Fact<BTreeSet<_>>| {
        let mut source = source("ublue", &[]);
        source.kernels = Fact::Known([(K71B.parse().unwrap(), set)].into());
        source
    };
    let question = Question::ZfsOf {
        source: "ublue".to_owned(),
        kernel: K71B.parse().unwrap(),
    };
    let run = |sources| choose(&upstream(index(), sources), &held_policy(), now());
    let choice = run(vec![source("a", &[]), kernels(Fact::NotAsked)]);
    assert_eq!(choice.questions(), [&question]);
    // Not while the first is still open.
    let mut open = source("a", &[]);
    open.kernels = Fact::NotAsked;
    let choice = run(vec![open, kernels(Fact::NotAsked)]);
    assert_eq!(choice.questions(), [&Question::Kmods("a".to_owned())]);
    let found = BTreeSet::from(["2.4.4".parse().unwrap()]);
    assert_eq!(go(&run(vec![kernels(Fact::Known(found))])).kmods, "ublue");
    let choice = run(vec![kernels(Fact::Unknown("reset".to_owned()))]);
    assert!(choice.questions().is_empty());
    assert!(matches!(choice.outcome, Outcome::Unknown(_)));
}

#[test]
fn a_kernel_of_another_architecture_is_no_answer() {
    let mut releases = index();
    let wrong = K71B.replace("x86_64", "aarch64");
    set_kernel(&mut releases[2], known(&wrong));
    let up = upstream(releases, vec![source("a", &[(wrong.as_str(), "2.4.4")])]);
    let choice = choose(&up, &held_policy(), now());
    assert!(
        matches!(choice.outcome, Outcome::Unknown(_)),
        "{:?}",
        choice.outcome
    );
    assert!(choice.questions().is_empty());
}

#[test]
fn a_list_that_could_not_change_the_answer_need_not_be_known() {
    let sources = vec![source("a", &[(K71B, "2.5.0"), (K70, "2.5.0")])];
    let mut up = upstream(index(), sources);
    up.zfs = Fact::Unknown("rate limited".to_owned());
    let choice = choose(&up, &held_policy(), now());
    // Whatever OpenZFS lists, there is nothing of series 2.4.
    let Outcome::Wait(Waiting::HoldExceeded { last: None, .. }) = &choice.outcome else {
        panic!("{:?}", choice.outcome);
    };
    assert_eq!(choice.zfs[0].verdict, ZfsVerdict::OtherSeries);
}

//! What `testing` and `next` say about the weeks to come.

mod common;

use std::collections::BTreeMap;

use common::{K70, K71, V1, index, kernel_of, now, release, source, upstream};
use version_discovery::{
    Coming, Fact, FcosRelease, Forecast, KernelVersion, KmodsAhead, KmodsSource, LinuxRange,
    OpenZfsAhead, Policy, Rollout, Rule, StreamAhead, Upstream, ZfsVersion, forecast,
};

const T: &str = "44.20260720.2.1";
const K71C: &str = "7.1.6-200.fc44.x86_64";

fn policy() -> Policy {
    Policy {
        series: "2.4".parse().expect("a series"),
        rule: Rule::Newest,
    }
}

fn ranges(all: &[(&str, u32, u32)]) -> BTreeMap<ZfsVersion, LinuxRange> {
    let range = |(version, major, minor): &(&str, u32, u32)| {
        let range = LinuxRange {
            minimum: (4, 18),
            maximum: (*major, *minor),
        };
        (version.parse().expect("a version"), range)
    };
    all.iter().map(range).collect()
}

fn ahead(name: &str, releases: Vec<FcosRelease>) -> StreamAhead {
    StreamAhead {
        stream: name.parse().expect("a stream"),
        releases: Fact::Known(releases),
    }
}

/// `stable` on 7.0 with its kmods, `testing` on 7.1 since 2026-07-28.
fn world() -> (Upstream, Vec<StreamAhead>) {
    let stable = upstream(
        vec![release(V1, "2026-06-24", K70)],
        vec![source("a", &[(K70, "2.4.4")])],
    );
    let testing = ahead("testing", vec![release(T, "2026-07-28", K71)]);
    (stable, vec![testing])
}

#[track_caller]
fn coming(forecast: &Forecast) -> &Coming {
    match forecast {
        Forecast::Coming(coming) => coming,
        other => panic!("{other:?}"),
    }
}

#[test]
fn waiting_for_the_kmods_build_and_not_for_openzfs() {
    let (stable, ahead) = world();
    let ranges = ranges(&[("2.4.4", 7, 1), ("2.4.3", 7, 0)]);
    let all = forecast(&stable, &ahead, &ranges, &policy(), now());
    assert_eq!(all.len(), 1);
    assert_eq!(
        coming(&all[0]).to_string(),
        "stable gets kernel 7.1 in about 12 days (44.20260720.2.1 on testing); no kmods yet; \
         ZFS 2.4.4 allows up to 7.1: waiting for the kmods build, not for OpenZFS"
    );
}

#[test]
fn waiting_for_openzfs_and_what_a_newer_series_would_do() {
    let (stable, ahead) = world();
    let mut known = ranges(&[("2.4.4", 7, 0), ("2.4.3", 7, 0)]);
    let all = forecast(&stable, &ahead, &known, &policy(), now());
    let text = coming(&all[0]).to_string();
    assert!(
        text.ends_with("no kmods yet; ZFS 2.4.4 allows up to 7.0: waiting for OpenZFS"),
        "{text}"
    );
    let newer = |known: &BTreeMap<_, _>| {
        let all = forecast(&stable, &ahead, known, &policy(), now());
        match coming(&all[0]).openzfs {
            OpenZfsAhead::NotYet { newer_series, .. } => newer_series,
            _ => panic!("{:?}", all[0]),
        }
    };
    known.extend(ranges(&[("2.3.9", 7, 2)]));
    assert_eq!(newer(&known), None, "never an older one");
    known.extend(ranges(&[("2.5.0", 7, 2)]));
    assert_eq!(newer(&known), Some("2.5.0".parse().unwrap()));
    // Not known is not the same as not yet.
    let all = forecast(&stable, &ahead, &BTreeMap::new(), &policy(), now());
    assert_eq!(coming(&all[0]).openzfs, OpenZfsAhead::Unknown);
}

#[test]
fn nothing_to_wait_for() {
    let (mut stable, ahead) = world();
    stable.kmods = vec![source("a", &[(K71, "2.4.3")])];
    let all = forecast(&stable, &ahead, &BTreeMap::new(), &policy(), now());
    let KmodsAhead::Exist(pick) = &coming(&all[0]).kmods else {
        panic!("{:?}", all[0]);
    };
    assert_eq!(pick.zfs.to_string(), "2.4.3", "as `hold` would take it");
    stable.kmods = vec![KmodsSource::unknown("a", "HTTP 503")];
    let all = forecast(&stable, &ahead, &BTreeMap::new(), &policy(), now());
    let coming = coming(&all[0]);
    assert!(matches!(coming.kmods, KmodsAhead::Unknown(_)));
    assert!(
        coming.to_string().contains("could not ask for kmods"),
        "{coming}"
    );
}

#[test]
fn a_scheduled_rollout_is_exact_and_comes_first() {
    let (mut stable, mut ahead) = world();
    stable.releases = Fact::Known(vec![
        release(V1, "2026-06-24", K70),
        release("44.20260720.3.1", "2026-08-02", K71),
    ]);
    ahead[0].releases = Fact::Known(vec![
        release(T, "2026-07-14", K71),
        release("44.20260728.2.0", "2026-07-30", K71C),
    ]);
    ahead.push(StreamAhead {
        stream: "next".parse().unwrap(),
        releases: Fact::Known(vec![release("44.20260728.1.0", "2026-07-30", K71C)]),
    });
    let all = forecast(&stable, &ahead, &BTreeMap::new(), &policy(), now());
    assert_eq!(all.len(), 3);
    let text = coming(&all[0]).to_string();
    assert!(
        text.starts_with("stable gets kernel 7.1 in 3 days (44.20260720.3.1 on stable)"),
        "{text}"
    );
    let text = coming(&all[1]).to_string();
    assert!(
        text.starts_with("stable gets kernel 7.1 in about 14 days (44.20260728.2.0 on testing)"),
        "{text}"
    );
    // `next` has the same kernel: said once.
    assert!(matches!(&all[2], Forecast::Nothing { .. }), "{:?}", all[2]);
}

#[test]
fn a_time_that_cannot_be_told_is_not_told() {
    let (stable, _) = world();
    let arrives = |stream: &str, release: FcosRelease| {
        let ahead = [ahead(stream, vec![release])];
        let all = forecast(&stable, &ahead, &BTreeMap::new(), &policy(), now());
        coming(&all[0]).arrives.clone()
    };
    let beta = release("45.20260728.1.0", "2026-07-30", "7.2.0-300.fc45.x86_64");
    assert_eq!(arrives("next", beta), None, "the next Fedora");
    let mut paused = release(T, "2026-07-28", K71);
    paused.rollout = Rollout::Paused;
    assert_eq!(arrives("testing", paused), None);
    let overdue = arrives("testing", release(T, "2026-07-01", K71)).unwrap();
    assert_eq!((overdue.days, overdue.date), (0, common::day("2026-07-30")));
    let mut past = release(T, "2026-07-28", K71);
    past.rollout = Rollout::Past;
    // 20260720, three days, fourteen days.
    assert_eq!(arrives("testing", past).unwrap().days, 7);
}

#[test]
fn the_same_kernel_a_dead_end_and_what_was_not_asked() {
    let (stable, _) = world();
    let run = |releases: Fact<Vec<FcosRelease>>| {
        let ahead = StreamAhead {
            stream: "testing".parse().unwrap(),
            releases,
        };
        let mut all = forecast(&stable, &[ahead], &BTreeMap::new(), &policy(), now());
        all.remove(0)
    };
    let nothing = |forecast: &Forecast| matches!(forecast, Forecast::Nothing { .. });
    assert!(nothing(&run(Fact::Known(vec![release(
        T,
        "2026-07-28",
        K70
    )]))));
    assert!(nothing(&run(Fact::Known(Vec::new()))));
    let mut dead = release(T, "2026-07-28", K71);
    dead.dead_end = Some("issue 1".to_owned());
    assert!(nothing(&run(Fact::Known(vec![dead]))));
    let mut blank = release(T, "2026-07-28", K71);
    blank.kernels.clear();
    let Forecast::Unknown { gaps, .. } = run(Fact::Known(vec![blank])) else {
        panic!("a kernel is needed");
    };
    assert_eq!(gaps[0].question, kernel_of(T.parse().unwrap()));
    let Forecast::Unknown { gaps, .. } = run(Fact::Unknown("HTTP 503".to_owned())) else {
        panic!("the index is needed");
    };
    assert_eq!(gaps[0].why.as_deref(), Some("HTTP 503"));
}

#[test]
fn today_is_the_newest_that_is_out() {
    // V3 is out with 7.1.4; 7.1.3 on testing is no news.
    let stable = upstream(index(), Vec::new());
    let behind = ahead("testing", vec![release(T, "2026-07-28", K71)]);
    let all = forecast(&stable, &[behind], &BTreeMap::new(), &policy(), now());
    assert!(matches!(&all[0], Forecast::Nothing { .. }));
    let newer: KernelVersion = K71C.parse().unwrap();
    let before = ahead("testing", vec![release(T, "2026-07-28", K71C)]);
    let all = forecast(&stable, &[before], &BTreeMap::new(), &policy(), now());
    let coming = coming(&all[0]);
    assert_eq!((&coming.kernel, coming.new_series), (&newer, false));
    assert!(
        coming
            .to_string()
            .starts_with(&format!("stable gets kernel {K71C} in")),
        "{coming}"
    );
}

//! Every day from 2021-01-01 to 2024-10-24, as it was and as it might have been.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use history::{DAYS, Day, FIRST, History, LAST, Line, Scenario, Tally, every_twelfth_week, replay};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use version_discovery::{
    FcosVersion, NotKnown, Outcome, Question, Rule, Waiting, Warning, ZfsVersion,
};

const HOLD: Rule = Rule::Hold { max_days: 60 };

/// What there is to build on each day.
fn picks(
    history: &History,
    scenario: &Scenario,
) -> BTreeMap<Date, Option<(FcosVersion, ZfsVersion)>> {
    let mut all = BTreeMap::new();
    replay(history, scenario, false, |day| {
        let pick = day.choice.pick().map(|pick| (pick.base, pick.zfs));
        all.insert(day.date, pick);
    });
    all
}

/// The choice by brute force: the greatest pair of the series, no order of
/// releases, no walk.
fn oracle(day: &Day) -> Option<(FcosVersion, ZfsVersion)> {
    let of_series = |(_, zfs): &&(FcosVersion, ZfsVersion)| day.series.contains(zfs);
    day.pairs.iter().filter(of_series).max().copied()
}

/// Holds a day's choice against brute force: the very newest that could be
/// built, and held exactly since the first newer release came out.
fn assert_never_longer_than_it_must(history: &History, day: &Day) {
    let (base, zfs) = oracle(day).unwrap_or_else(|| panic!("{}: nothing to build", day.date));
    let pick = day.choice.pick();
    let pick = pick.unwrap_or_else(|| panic!("{}: {:?}", day.date, day.choice.outcome));
    assert_eq!((pick.base, pick.zfs), (base, zfs), "{}", day.date);
    let newer = |other: &&history::Base| other.date <= day.date && other.version > base;
    let since = history
        .bases
        .iter()
        .filter(newer)
        .map(|other| other.date)
        .min();
    match (&day.choice.outcome, since) {
        (Outcome::Go(_), None) => {}
        (Outcome::Hold(_, held), Some(since)) => {
            assert_eq!((held.since, held.estimated), (since, false), "{}", day.date);
            let days = day.date.duration_since(since).as_hours() / 24;
            assert_eq!(i64::from(held.days), days, "{}", day.date);
        }
        (outcome, since) => panic!("{}: {outcome:?}, newer since {since:?}", day.date),
    }
}

#[test]
fn the_tables_are_what_they_say() {
    let history = History::read();
    assert_eq!(history.bases.len(), 132);
    assert!(history.bases.is_sorted_by_key(|base| base.version));
    assert!(history.bases.is_sorted_by_key(|base| base.date));
    assert!(history.zfs.is_sorted_by_key(|zfs| zfs.date));
    let days = LAST.duration_since(FIRST).as_hours() / 24 + 1;
    assert_eq!(usize::try_from(days).unwrap(), DAYS);
}

#[test]
fn the_strict_rule_has_nothing_on_87_days() {
    let history = History::read();
    let mut waits: Vec<(Date, Date)> = Vec::new();
    let mut days = 0;
    replay(&history, &Scenario::plain("", Rule::Newest), false, |day| {
        days += 1;
        match &day.choice.outcome {
            Outcome::Go(_) => {}
            Outcome::Wait(Waiting::NewestNotBuildable { held, last }) => {
                assert!(last.is_some(), "{}: {held}", day.date);
                match waits.last_mut() {
                    Some((_, end)) if end.saturating_add(1.day()) == day.date => *end = day.date,
                    _ => waits.push((day.date, day.date)),
                }
            }
            other => panic!("{}: {other:?}", day.date),
        }
    });
    assert_eq!(days, DAYS);
    let runs = [
        (date(2021, 6, 15), date(2021, 6, 22)),
        (date(2022, 9, 22), date(2022, 10, 2)),
        (date(2022, 11, 15), date(2022, 11, 30)),
        (date(2023, 8, 22), date(2023, 9, 26)),
        (date(2024, 4, 23), date(2024, 5, 1)),
        (date(2024, 7, 30), date(2024, 8, 5)),
    ];
    assert_eq!(waits, runs);
    let length = |(a, b): &(Date, Date)| b.duration_since(*a).as_hours() / 24 + 1;
    assert_eq!(waits.iter().map(length).sum::<i64>(), 87);
}

#[test]
fn hold_has_something_every_day_and_never_holds_longer_than_it_must() {
    let history = History::read();
    let scenario = Scenario::plain("", HOLD);
    replay(&history, &scenario, true, |day| {
        assert_never_longer_than_it_must(&history, day);
    });
    let tally = Tally::of(&history, &scenario);
    assert_eq!(
        (tally.go, tally.hold, tally.publishable()),
        (DAYS - 87, 87, DAYS)
    );
    assert_eq!((tally.longest_hold, tally.back), (35, 0));
    // Told what it published, it comes to the same.
    let floor = Scenario {
        floor: true,
        ..scenario
    };
    assert_eq!(Tally::of(&history, &floor), tally);
}

#[test]
fn a_hold_ends_loudly_on_the_day_after_its_last() {
    let history = History::read();
    let mut before = 0;
    for max_days in [0, 14, 30, 34, 35] {
        let mut publishable = 0;
        let rule = Rule::Hold { max_days };
        replay(
            &history,
            &Scenario::plain("", rule),
            true,
            |day| match &day.choice.outcome {
                Outcome::Wait(Waiting::HoldExceeded { held, last }) => {
                    assert!(held.days > max_days, "{}", day.date);
                    let last = last.as_ref().map(|pick| (pick.base, pick.zfs));
                    assert_eq!(last, oracle(day), "{}", day.date);
                }
                Outcome::Hold(_, held) => {
                    assert!(held.days <= max_days, "{}", day.date);
                    publishable += 1;
                }
                Outcome::Go(_) => publishable += 1,
                other => panic!("{}: {other:?}", day.date),
            },
        );
        assert!(
            publishable > before || max_days == 0,
            "{max_days}: {publishable}"
        );
        before = publishable;
    }
    assert_eq!(before, DAYS);
}

#[test]
fn late_kmods_delay_by_as_many_days_and_no_more() {
    let history = History::read();
    let plain = picks(&history, &Scenario::plain("", HOLD));
    let mut strict = DAYS - 87;
    for late in 1..=10 {
        let scenario = Scenario {
            late,
            ..Scenario::plain("", HOLD)
        };
        let mut last = None;
        replay(&history, &scenario, true, |day| {
            assert_never_longer_than_it_must(&history, day);
            let pick = day.choice.pick().map(|pick| (pick.base, pick.zfs));
            assert!(last <= pick, "{late} late, {}: went back", day.date);
            last = pick;
            if let Some(then) = plain.get(&day.date.saturating_sub(late.days())) {
                assert!(pick >= *then, "{late} late, {}", day.date);
            }
            assert!(pick <= plain[&day.date], "{late} late, {}", day.date);
        });
        if ![1, 3, 10].contains(&late) {
            continue;
        }
        let newest = Scenario {
            rule: Rule::Newest,
            ..scenario
        };
        let tally = Tally::of(&history, &newest);
        assert!(tally.go < strict, "{late}: {tally:?}");
        strict = tally.go;
    }
}

#[test]
fn a_source_that_is_down_is_unknown_and_never_absent() {
    let history = History::read();
    let plain = picks(&history, &Scenario::plain("", HOLD));
    for second in [false, true] {
        let scenario = Scenario {
            down: every_twelfth_week,
            second,
            ..Scenario::plain("", HOLD)
        };
        let mut weeks = BTreeSet::new();
        replay(&history, &scenario, false, |day| {
            let pick = day.choice.pick().map(|pick| (pick.base, pick.zfs));
            if !day.down {
                assert_eq!(pick, plain[&day.date], "{}", day.date);
                return;
            }
            weeks.insert(day.date);
            let Outcome::Unknown(NotKnown { gaps, otherwise }) = &day.choice.outcome else {
                panic!("{}: {:?}", day.date, day.choice.outcome);
            };
            assert_eq!(gaps.len(), 1);
            assert_eq!(
                gaps[0].question,
                Question::Kmods("ghcr.io/first/kmods".to_owned())
            );
            assert_eq!(gaps[0].why.as_deref(), Some("HTTP 503"));
            assert!(day.choice.questions().is_empty(), "it was asked");
            // The second source is named, and not taken by itself.
            let spare = otherwise.as_ref().map(|pick| (pick.base, pick.zfs));
            assert_eq!(spare, plain[&day.date].filter(|_| second), "{}", day.date);
            let from = otherwise.as_ref().map(|pick| pick.kmods.as_str());
            assert_eq!(from, second.then_some("ghcr.io/second/kmods"));
        });
        assert_eq!(weeks.len(), 119);
    }
}

#[test]
fn a_withdrawn_zfs_is_never_taken_though_its_kmods_stay() {
    let history = History::read();
    // The first with Linux 6.5, and five days later gone: nothing of the series
    // has 6.5 until 2.2.0 ten days after that.
    let gone: ZfsVersion = "2.1.13".parse().unwrap();
    let since = date(2023, 10, 2);
    let scenario = Scenario {
        withdrawn: vec![(gone, since)],
        ..Scenario::plain("", HOLD)
    };
    let plain = picks(&history, &Scenario::plain("", HOLD));
    let mut had = false;
    replay(&history, &scenario, true, |day| {
        assert_never_longer_than_it_must(&history, day);
        let pick = day.choice.pick().map(|pick| (pick.base, pick.zfs));
        if day.date < since {
            assert_eq!(pick, plain[&day.date]);
            had |= pick.is_some_and(|(_, zfs)| zfs == gone);
        } else {
            assert!(pick.is_some_and(|(_, zfs)| zfs != gone), "{}", day.date);
        }
    });
    assert!(had, "it was in use before");
    assert_eq!(Tally::of(&history, &scenario).back, 1);

    let floor = Scenario {
        floor: true,
        ..scenario
    };
    let mut waits = Vec::new();
    replay(&history, &floor, false, |day| {
        if let Outcome::Wait(Waiting::WouldGoBack { .. }) = day.choice.outcome {
            waits.push(day.date);
        } else {
            assert!(day.choice.pick().is_some(), "{}", day.date);
        }
    });
    assert_eq!(
        (waits.len(), waits[0], waits[9]),
        (10, since, date(2023, 10, 11))
    );
    assert_eq!(Tally::of(&history, &floor).back, 0);
}

#[test]
fn a_pinned_series_is_never_crossed() {
    let history = History::read();
    for (series, from) in [("2.1", date(2021, 7, 2)), ("2.2", date(2023, 10, 12))] {
        let scenario = Scenario {
            line: Line::Pinned(series.parse().unwrap()),
            from,
            ..Scenario::plain("", HOLD)
        };
        let mut waits = 0;
        replay(&history, &scenario, true, |day| {
            let behind = day.choice.warnings.iter();
            let behind = behind.filter(|warning| matches!(warning, Warning::ZfsBehind { .. }));
            match &day.choice.outcome {
                Outcome::Go(_) | Outcome::Hold(..) => {
                    assert_never_longer_than_it_must(&history, day);
                    let newest = history.zfs.iter().filter(|zfs| zfs.date <= day.date);
                    let newest = newest
                        .map(|zfs| zfs.version)
                        .filter(|zfs| day.series.contains(zfs));
                    let newest = newest.max();
                    let taken = day.choice.pick().map(|pick| pick.zfs);
                    assert_eq!(behind.count(), usize::from(taken != newest), "{}", day.date);
                }
                Outcome::Wait(Waiting::HoldExceeded { held, .. }) => {
                    assert!(held.days > 60, "{}", day.date);
                    waits += 1;
                }
                other => panic!("{}: {other:?}", day.date),
            }
        });
        // 2.1 ended with Linux 6.7; stable went on to 6.8 in 2024-05.
        assert_eq!(waits > 0, series == "2.1", "{series}: {waits}");
    }
}

/// What we build ourselves waits for nobody: whoever is late or down, no day is worse
/// than if the kmods of others had come in time, and what is held is held by OpenZFS.
#[test]
fn with_a_builder_only_openzfs_holds_a_base() {
    let history = History::read();
    let in_time = Tally::of(&history, &Scenario::plain("", HOLD));
    let always: fn(Date) -> bool = |_| true;
    for (late, down) in [
        (1, None),
        (3, None),
        (10, None),
        (0, Some(every_twelfth_week as _)),
        (0, Some(always)),
    ] {
        let scenario = Scenario {
            late,
            down: down.unwrap_or(|_| false),
            builder: true,
            ..Scenario::plain("", HOLD)
        };
        assert_eq!(Tally::of(&history, &scenario), in_time, "{late} late");
        let mut not_supported = 0;
        replay(&history, &scenario, false, |day| {
            // The kernel of the newest base, and the newest release of the series.
            let bases = history.bases.iter().filter(|base| base.date <= day.date);
            let newest = bases.max_by_key(|base| base.version).unwrap();
            let zfs = history
                .zfs
                .iter()
                .filter(|zfs| zfs.date <= day.date && day.series.contains(&zfs.version));
            let allows = zfs
                .max_by_key(|zfs| zfs.version)
                .is_some_and(|zfs| zfs.range.allows(&newest.kernel));
            not_supported += usize::from(!allows);
            let held = match &day.choice.outcome {
                Outcome::Hold(_, held) => Some(held),
                Outcome::BuildKmods(kmods) => kmods.held.as_ref(),
                Outcome::Go(_) => None,
                other => panic!("{}: {other:?}", day.date),
            };
            assert_eq!(held.is_none(), allows, "{}", day.date);
        });
        assert_eq!(not_supported, in_time.hold);
    }
}

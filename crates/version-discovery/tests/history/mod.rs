//! The past, day by day: which releases and kmods there were, and what the
//! choice makes of them. Shared by the test and the benchmark.

#![allow(dead_code, reason = "the test and the benchmark each use a part")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, date};
use version_discovery::{
    Arch, Builder, Choice, Fact, FcosRelease, FcosVersion, Held, KernelSource, KernelVersion,
    KmodsSource, LinuxRange, Outcome, Policy, ReleaseKernel, Rollout, Rule, Series, Upstream,
    ZfsRelease, ZfsVersion, choose,
};

/// The source that this project's own kmods are published to.
pub const OWN: &str = "ghcr.io/own/kmods";

/// The first day of the replay.
pub const FIRST: Date = date(2021, 1, 1);
/// The last day of the replay.
pub const LAST: Date = date(2024, 10, 24);
/// From the first to the last, both included.
pub const DAYS: usize = 1393;

/// One row of `fcos-stable.tsv`.
pub struct Base {
    pub version: FcosVersion,
    pub date: Date,
    pub kernel: KernelVersion,
}

/// One row of `openzfs.tsv`.
pub struct Zfs {
    pub version: ZfsVersion,
    pub date: Date,
    pub range: LinuxRange,
}

/// Both tables.
pub struct History {
    pub bases: Vec<Base>,
    pub zfs: Vec<Zfs>,
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let data = table.lines().filter(|line| !line.starts_with('#'));
    data.map(|line| line.split('\t').collect())
}

impl History {
    /// Reads the committed tables.
    pub fn read() -> Self {
        let series = |text: &str| {
            let (major, minor) = text.split_once('.').expect("X.Y");
            (major.parse().expect("X"), minor.parse().expect("Y"))
        };
        Self {
            bases: rows(include_str!("fcos-stable.tsv"))
                .map(|row| Base {
                    version: row[0].parse().expect("a version"),
                    date: row[1].parse().expect("a date"),
                    kernel: row[2].parse().expect("a kernel"),
                })
                .collect(),
            zfs: rows(include_str!("openzfs.tsv"))
                .map(|row| Zfs {
                    version: row[0].parse().expect("a version"),
                    date: row[1].parse().expect("a date"),
                    range: LinuxRange {
                        minimum: series(row[2]),
                        maximum: series(row[3]),
                    },
                })
                .collect(),
        }
    }

    /// The series of the newest OpenZFS release that had been out for `late`
    /// days by that day.
    pub fn newest_series(&self, day: Date, late: i32) -> Series {
        let by = day.saturating_sub(late.days());
        let out = self.zfs.iter().filter(|zfs| zfs.date <= by);
        out.map(|zfs| zfs.version)
            .max()
            .expect("2.0.0 is older")
            .series()
    }
}

/// Which ZFS line the configuration names.
#[derive(Clone, Copy, PartialEq)]
pub enum Line {
    /// That of the newest release, as if someone edited it on the day on which
    /// the first kmods of the new line are there.
    Newest,
    /// Always this one.
    Pinned(Series),
}

/// One way in which the past might have gone.
#[derive(Clone)]
pub struct Scenario {
    /// For people.
    pub name: String,
    /// `newest` or `hold`.
    pub rule: Rule,
    /// The ZFS line.
    pub line: Line,
    /// Days from a pair being possible to its kmods image.
    pub late: i32,
    /// The days on which the first kmods source cannot be asked.
    pub down: fn(Date) -> bool,
    /// A second source with everything the first has.
    pub second: bool,
    /// ZFS releases that OpenZFS takes back on a day. Their kmods stay.
    pub withdrawn: Vec<(ZfsVersion, Date)>,
    /// Whether the choice is told what was published before.
    pub floor: bool,
    /// Whether this project builds kmods itself where no source has any.
    pub builder: bool,
    /// The first day; earlier than [`FIRST`] never.
    pub from: Date,
}

impl Scenario {
    /// History as it was, under a rule.
    pub fn plain(name: &str, rule: Rule) -> Self {
        Self {
            name: name.to_owned(),
            rule,
            line: Line::Newest,
            late: 0,
            down: |_| false,
            second: false,
            withdrawn: Vec::new(),
            floor: false,
            builder: false,
            from: FIRST,
        }
    }
}

/// The first of twelve weeks, over and over.
pub fn every_twelfth_week(day: Date) -> bool {
    (day.duration_since(FIRST).as_hours() / 24) % 84 < 7
}

/// What one day brought.
pub struct Day {
    pub date: Date,
    pub choice: Choice,
    /// The series that was configured.
    pub series: Series,
    /// Whether the first source could not be asked.
    pub down: bool,
    /// What the world was on that day, for an oracle.
    pub pairs: BTreeSet<(FcosVersion, ZfsVersion)>,
}

/// Lives through a scenario. `see` is called for each day, in order; with
/// `oracle`, each day comes with its buildable pairs.
pub fn replay(history: &History, scenario: &Scenario, oracle: bool, mut see: impl FnMut(&Day)) {
    let mut published = None;
    let mut day = scenario.from;
    while day <= LAST {
        let (upstream, pairs) = world(history, scenario, day, published, oracle);
        let series = match scenario.line {
            // Who builds has to wait for nobody.
            Line::Newest if scenario.builder => history.newest_series(day, 0),
            Line::Newest => history.newest_series(day, scenario.late),
            Line::Pinned(series) => series,
        };
        let policy = Policy {
            series,
            rule: scenario.rule.clone(),
        };
        // The tables have days only: by noon whatever came that day is there.
        let noon = day.at(12, 0, 0, 0);
        let now = jiff::tz::Offset::UTC.to_timestamp(noon).expect("in range");
        let choice = choose(&upstream, &policy, now);
        if scenario.floor {
            published = choice.pick().map(|pick| pick.base).or(published);
        }
        see(&Day {
            date: day,
            choice,
            series,
            down: (scenario.down)(day),
            pairs,
        });
        day = day.saturating_add(1.day());
    }
}

/// How far back a world goes: a release half a year old has been superseded a
/// dozen times. Keeps a replay of thousands of days short.
const REACH_DAYS: i32 = 200;

fn world(
    history: &History,
    scenario: &Scenario,
    day: Date,
    published: Option<FcosVersion>,
    oracle: bool,
) -> (Upstream, BTreeSet<(FcosVersion, ZfsVersion)>) {
    let withdrawn = |version: &ZfsVersion| {
        let mut list = scenario.withdrawn.iter();
        list.any(|(gone, since)| gone == version && *since <= day)
    };
    let reach = day.saturating_sub(REACH_DAYS.days());
    let bases: Vec<&Base> = history
        .bases
        .iter()
        .filter(|base| (reach..=day).contains(&base.date))
        .collect();
    let zfs: Vec<&Zfs> = history.zfs.iter().filter(|zfs| zfs.date <= day).collect();
    let mut kmods: BTreeMap<KernelVersion, Fact<BTreeSet<ZfsVersion>>> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    for base in &bases {
        let mut versions = BTreeSet::new();
        for zfs in &zfs {
            let ready = base.date.max(zfs.date).saturating_add(scenario.late.days());
            if ready <= day && zfs.range.allows(&base.kernel) {
                versions.insert(zfs.version);
            }
        }
        // Two releases may have one kernel; its image is of the earlier one.
        if versions.is_empty() {
            continue;
        }
        match kmods.entry(base.kernel.clone()).or_default() {
            Fact::Known(known) => known.extend(versions),
            other => *other = Fact::Known(versions),
        }
    }
    if oracle {
        for base in &bases {
            let versions = kmods.get(&base.kernel).and_then(Fact::known);
            let final_ones = versions.into_iter().flatten().filter(|v| !withdrawn(v));
            pairs.extend(final_ones.map(|version| (base.version, *version)));
        }
    }
    let source = |name: &str| KmodsSource {
        name: name.to_owned(),
        digest: None,
        kernels: Fact::Known(kmods.clone()),
    };
    let first = if (scenario.down)(day) {
        KmodsSource::unknown("ghcr.io/first/kmods", "HTTP 503")
    } else {
        source("ghcr.io/first/kmods")
    };
    let second = scenario.second.then(|| source("ghcr.io/second/kmods"));
    let builder = scenario.builder.then(|| Builder {
        name: OWN.to_owned(),
        ranges: zfs
            .iter()
            .map(|zfs| (zfs.version, Fact::Known(zfs.range)))
            .collect(),
        experimental: false,
        failed: Vec::new(),
    });
    let own = builder.is_some().then(|| KmodsSource::listed(OWN, []));
    let noon_of = |date: Date| {
        let midnight = date.at(0, 0, 0, 0);
        jiff::tz::Offset::UTC
            .to_timestamp(midnight)
            .expect("in range")
    };
    let upstream = Upstream {
        stream: "stable".parse().expect("a stream"),
        arches: BTreeSet::from([Arch::X86_64]),
        releases: Fact::Known(
            bases
                .iter()
                .map(|base| FcosRelease {
                    version: base.version,
                    images: BTreeMap::from([(Arch::X86_64, None)]),
                    kernels: BTreeMap::from([(
                        Arch::X86_64,
                        Fact::Known(ReleaseKernel {
                            version: base.kernel.clone(),
                            source: KernelSource::Commitmeta,
                        }),
                    )]),
                    barrier: None,
                    dead_end: None,
                    rollout: Rollout::Window {
                        start: noon_of(base.date),
                        minutes: Some(2880),
                    },
                })
                .collect(),
        ),
        kmods: std::iter::once(first).chain(second).chain(own).collect(),
        builder,
        zfs: Fact::Known(
            zfs.iter()
                .filter(|zfs| !withdrawn(&zfs.version))
                .map(|zfs| ZfsRelease {
                    tag: zfs.version.tag(),
                    draft: false,
                    prerelease: false,
                })
                .collect(),
        ),
        published,
    };
    (upstream, pairs)
}

/// What a scenario came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub go: usize,
    pub hold: usize,
    pub wait: usize,
    pub unknown: usize,
    /// The longest run of days held, in days.
    pub longest_hold: u32,
    /// Days on which the base is older than on the day before.
    pub back: usize,
}

impl Tally {
    /// Adds up a scenario.
    pub fn of(history: &History, scenario: &Scenario) -> Self {
        let mut tally = Self::default();
        let mut last = None;
        replay(history, scenario, false, |day| {
            match &day.choice.outcome {
                Outcome::Go(_) => tally.go += 1,
                // What can be built is built on the same day.
                Outcome::BuildKmods(kmods) if kmods.held.is_none() => tally.go += 1,
                Outcome::Hold(_, held) => tally.held(held),
                Outcome::BuildKmods(kmods) => {
                    kmods.held.iter().for_each(|held| tally.held(held));
                }
                Outcome::Wait(_) => tally.wait += 1,
                Outcome::Unknown(_) | Outcome::Refused(_) => tally.unknown += 1,
            }
            let built = day.choice.kmods_to_build().map(|kmods| &kmods.pick);
            if let Some(pick) = built.or(day.choice.pick()) {
                tally.back += usize::from(last.is_some_and(|last| pick.base < last));
                last = Some(pick.base);
            }
        });
        tally
    }

    fn held(&mut self, held: &Held) {
        self.hold += 1;
        self.longest_hold = self.longest_hold.max(held.days);
    }

    /// Days on which there is something to publish.
    pub fn publishable(&self) -> usize {
        self.go + self.hold
    }

    /// All days.
    pub fn days(&self) -> usize {
        self.publishable() + self.wait + self.unknown
    }
}

/// The rows of the table in docs/zfs-lags.md.
pub fn scenarios() -> Vec<Scenario> {
    let hold = |max_days| Rule::Hold { max_days };
    let two = |text: &str| text.parse().expect("a version");
    let mut all = vec![
        Scenario::plain("`newest`", Rule::Newest),
        Scenario::plain("`hold`, 60 days", hold(60)),
        Scenario::plain("`hold`, 30 days", hold(30)),
        Scenario::plain("`hold`, 14 days", hold(14)),
    ];
    for late in [1, 3, 10] {
        for (name, rule) in [("newest", Rule::Newest), ("hold", hold(60))] {
            all.push(Scenario {
                late,
                ..Scenario::plain(&format!("kmods {late} d late, `{name}`"), rule)
            });
        }
    }
    for (name, second) in [("", false), (", second source up", true)] {
        all.push(Scenario {
            down: every_twelfth_week,
            second,
            ..Scenario::plain(&format!("source down 1 week in 12{name}, `hold`"), hold(60))
        });
    }
    for (name, late, down) in [
        ("kmods 1 d late", 1, false),
        ("kmods 3 d late", 3, false),
        ("kmods 10 d late", 10, false),
        ("source down 1 week in 12", 0, true),
        ("source always down", 0, true),
    ] {
        let always = name.contains("always");
        let week: fn(Date) -> bool = if always { |_| true } else { every_twelfth_week };
        all.push(Scenario {
            late,
            down: if down { week } else { |_| false },
            builder: true,
            ..Scenario::plain(&format!("{name}, own builder, `hold`"), hold(60))
        });
    }
    for (name, floor) in [("", false), (", never back", true)] {
        all.push(Scenario {
            withdrawn: vec![(two("2.1.13"), date(2023, 10, 2))],
            floor,
            ..Scenario::plain(
                &format!("ZFS 2.1.13 withdrawn after 5 d, `hold`{name}"),
                hold(60),
            )
        });
    }
    for (series, from) in [("2.1", date(2021, 7, 2)), ("2.2", date(2023, 10, 12))] {
        all.push(Scenario {
            line: Line::Pinned(series.parse().expect("a series")),
            from,
            ..Scenario::plain(&format!("series {series} from {from}, `hold`"), hold(60))
        });
    }
    all
}

/// The table in docs/zfs-lags.md.
pub fn table(history: &History) -> String {
    let mut text = String::from(
        "| scenario | days | publishable | go | hold | wait | unknown | longest hold | base went back |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for scenario in scenarios() {
        let tally = Tally::of(history, &scenario);
        let Tally {
            go,
            hold,
            wait,
            unknown,
            longest_hold,
            back,
        } = tally;
        text += &format!(
            "| {} | {} | {} | {go} | {hold} | {wait} | {unknown} | {longest_hold} d | {back} |\n",
            scenario.name,
            tally.days(),
            tally.publishable(),
        );
    }
    text
}

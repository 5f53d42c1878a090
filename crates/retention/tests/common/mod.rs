//! Small registries, written down in a few words.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use retention::{
    Dates, Fate, Kind, Manifest, ManifestRead, Manifests, Name, Plan, Policy, Refusal, Timestamp,
    Version, plan,
};

/// 2026-06-01T00:00:00Z, the now of every test.
pub const NOW: i64 = 1_780_272_000;
pub const DAY: i64 = 86_400;
/// The window of every test, in days.
pub const WINDOW: u32 = 90;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

pub fn now() -> Timestamp {
    at(NOW)
}

pub fn days_ago(days: i64) -> Dates {
    recorded(NOW - days * DAY)
}

pub fn recorded(seconds: i64) -> Dates {
    Dates::Recorded {
        created_at: at(seconds),
        updated_at: at(seconds),
    }
}

/// A name that looks like a digest: equal for equal numbers, and in no order.
pub fn name(number: u64) -> Name {
    let mut state = number;
    let mut hex = String::new();
    for _ in 0..4 {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hex.push_str(&format!("{:016x}", z ^ (z >> 31)));
    }
    format!("sha256:{hex}").as_str().into()
}

/// `sha256-<hex>` and a suffix.
pub fn tag_of(image: &Name, suffix: &str) -> String {
    format!("{}{suffix}", image.to_string().replace(':', "-"))
}

/// Nothing protected, no floor, no limit: each test says what it means.
pub fn bare() -> Policy {
    Policy {
        protected: Vec::new(),
        keep_newest: 0,
        window_days: WINDOW,
        max_percent: None,
        ..Policy::default()
    }
}

#[derive(Clone, Default)]
pub struct Registry {
    pub versions: Vec<Version>,
    pub manifests: Manifests,
}

impl Registry {
    pub fn add(&mut self, dates: Dates, tags: &[&str], read: ManifestRead) -> Name {
        let id = 1 + self.versions.len() as u64;
        let name = name(id);
        self.manifests.insert(name.clone(), read);
        self.versions.push(Version {
            id: Some(id),
            name: name.clone(),
            dates,
            tags: Some(tags.iter().map(|tag| tag.parse().unwrap()).collect()),
        });
        name
    }

    pub fn image(&mut self, days: i64, tags: &[&str]) -> Name {
        self.add(days_ago(days), tags, read(Kind::Image, &[], None))
    }

    pub fn index(&mut self, days: i64, tags: &[&str], children: &[&Name]) -> Name {
        self.add(days_ago(days), tags, read(Kind::Index, children, None))
    }

    pub fn signature(&mut self, days: i64, image: &Name) -> Name {
        self.image(days, &[&tag_of(image, ".sig")])
    }

    pub fn referrer(&mut self, days: i64, tags: &[&str], subject: &Name) -> Name {
        self.add(days_ago(days), tags, read(Kind::Image, &[], Some(subject)))
    }

    pub fn fallback(&mut self, days: i64, image: &Name, children: &[&Name]) -> Name {
        self.index(days, &[&tag_of(image, "")], children)
    }

    /// The version of this name, to change it.
    pub fn version(&mut self, name: &Name) -> &mut Version {
        self.versions.iter_mut().find(|v| v.name == *name).unwrap()
    }

    pub fn place(&self, name: &Name) -> usize {
        self.versions.iter().position(|v| v.name == *name).unwrap()
    }

    pub fn try_plan(&self, policy: &Policy) -> Result<Plan, Refusal> {
        plan(&self.versions, &self.manifests, policy, now())
    }

    /// A plan that must be possible, with a young root added so that something
    /// is left.
    pub fn plan(&self, policy: &Policy) -> Planned {
        let mut registry = self.clone();
        registry.image(0, &["something-is-left"]);
        let plan = registry.try_plan(policy).unwrap();
        Planned { registry, plan }
    }

    /// What remains when a plan has been carried out.
    pub fn after(&self, plan: &Plan) -> Self {
        let stays = |place: &usize| !plan.fates()[*place].is_delete();
        let places = (0..self.versions.len()).filter(stays);
        Self {
            versions: places.map(|place| self.versions[place].clone()).collect(),
            manifests: self.manifests.clone(),
        }
    }
}

/// A plan with the registry that it is for.
pub struct Planned {
    pub registry: Registry,
    pub plan: Plan,
}

impl Planned {
    pub fn fate(&self, name: &Name) -> &Fate {
        &self.plan.fates()[self.registry.place(name)]
    }

    #[track_caller]
    pub fn goes(&self, names: &[&Name]) -> &Self {
        for (at, name) in names.iter().enumerate() {
            let fate = self.fate(name);
            assert!(fate.is_delete(), "number {at} stays: {fate}");
        }
        self
    }

    #[track_caller]
    pub fn stays(&self, names: &[&Name]) -> &Self {
        for (at, name) in names.iter().enumerate() {
            let fate = self.fate(name);
            assert!(!fate.is_delete(), "number {at} goes: {fate}");
        }
        self
    }

    /// The names in the order in which they go.
    pub fn order(&self) -> Vec<Name> {
        let places = self.plan.deletions().iter();
        places
            .map(|&place| self.registry.versions[place].name.clone())
            .collect()
    }
}

pub fn read(kind: Kind, children: &[&Name], subject: Option<&Name>) -> ManifestRead {
    let children = children.iter().map(|&child| child.clone()).collect();
    ManifestRead::Read(Manifest::new(kind, children, subject.cloned()))
}

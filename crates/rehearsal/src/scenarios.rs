//! The nights of a rehearsal: those that go well, and those that do not.

/// What Fedora has released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fedora {
    /// The release for which there are kmods.
    Same,
    /// That one, and a newer one with a kernel that nobody has kmods for.
    Moved,
    /// The newer one only.
    Gone,
}

impl Fedora {
    /// The world that a path of the metadata server begins with.
    pub fn of_path(name: &str) -> Self {
        let night = ALL.iter().find(|night| night.world == name);
        night.map_or(Self::Same, |night| night.fedora)
    }
}

/// One run of the main job, and how it has to end.
pub struct Scenario {
    /// For people.
    pub title: &'static str,
    /// Options besides `build --publish`.
    pub options: &'static [&'static str],
    /// The exit code.
    pub code: i32,
    /// The published tag moves to a new image.
    pub publishes: bool,
    /// What is said of the tag when all is well.
    pub tag: &'static str,
    /// First part of the metadata server's paths.
    pub world: &'static str,
    /// What Fedora has.
    pub fedora: Fedora,
    /// The kmods tag names an image whose module is for another kernel.
    pub broken_kmods: bool,
    /// The password of the signing key, as CI has it.
    pub password: &'static str,
    /// `registries.conf` points to where nobody listens.
    pub unreachable: bool,
}

pub const GOOD: Scenario = Scenario {
    title: "all is well",
    options: &[],
    code: 0,
    publishes: true,
    tag: "published",
    world: "well",
    fedora: Fedora::Same,
    broken_kmods: false,
    password: super::checkout::THE_PASSWORD,
    unreachable: false,
};

/// In order. The last one spoils the kmods image for those after it.
pub const ALL: [Scenario; NIGHTS] = [
    GOOD,
    Scenario {
        title: "nothing changed",
        publishes: false,
        tag: "unmoved, nothing was built",
        ..GOOD
    },
    Scenario {
        title: "kernel moved, kmods lag: hold",
        // Its inputs are those of the first night.
        options: &["--force=rehearsal"],
        tag: "published, of the older base",
        world: "moved",
        fedora: Fedora::Moved,
        ..GOOD
    },
    Scenario {
        title: "kmods missing",
        code: 10,
        publishes: false,
        tag: "unmoved",
        world: "gone",
        fedora: Fedora::Gone,
        ..GOOD
    },
    Scenario {
        title: "registry unreachable",
        code: 3,
        publishes: false,
        tag: "unmoved",
        world: "silent",
        unreachable: true,
        ..GOOD
    },
    Scenario {
        title: "key does not open",
        // Without a reason to build, the key would not be needed.
        options: &["--force=rehearsal"],
        code: 1,
        publishes: false,
        tag: "unmoved",
        world: "locked-out",
        password: "not-this-one",
        ..GOOD
    },
    Scenario {
        title: "contract broken",
        code: 1,
        publishes: false,
        tag: "unmoved",
        world: "broken",
        broken_kmods: true,
        ..GOOD
    },
];

const NIGHTS: usize = 7;

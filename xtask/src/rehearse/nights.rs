//! The nights of a rehearsal: one good, four bad.

/// One run of the main job, and how it has to end.
pub struct Night {
    /// For people.
    pub title: &'static str,
    /// The exit code of `build --publish`.
    pub code: i32,
    /// The published tag moves to a new image.
    pub publishes: bool,
    /// What is said of the tag when all is well.
    pub tag: &'static str,
    /// First part of the metadata server's paths.
    pub world: &'static str,
    /// The kmods tag names an image whose module is for another kernel.
    pub broken_kmods: bool,
    /// The password of the signing key, as CI has it.
    pub password: &'static str,
    /// `registries.conf` points to where nobody listens.
    pub unreachable: bool,
}

const GOOD: Night = Night {
    title: "all is well",
    code: 0,
    publishes: true,
    tag: "published",
    world: "well",
    broken_kmods: false,
    password: super::checkout::THE_PASSWORD,
    unreachable: false,
};

/// In order. The last one spoils the kmods image for those after it.
pub const ALL: [Night; 5] = [
    GOOD,
    Night {
        title: "kmods missing",
        code: 10,
        publishes: false,
        tag: "unmoved",
        world: "ahead",
        ..GOOD
    },
    Night {
        title: "registry unreachable",
        code: 3,
        publishes: false,
        tag: "unmoved",
        world: "silent",
        unreachable: true,
        ..GOOD
    },
    Night {
        title: "key does not open",
        code: 1,
        publishes: false,
        tag: "unmoved",
        world: "locked-out",
        password: "not-this-one",
        ..GOOD
    },
    Night {
        title: "contract broken",
        code: 1,
        publishes: false,
        tag: "unmoved",
        world: "broken",
        broken_kmods: true,
        ..GOOD
    },
];

//! Somebody else moves the tag that hosts follow.

use std::path::PathBuf;

use registry_compat::Digest;

use super::bench::{Bench, PUBLISH, REPOSITORY};
use super::proxy::Proxy;

/// A bench with three images that were published: `stable` names the last.
struct Race {
    bench: Bench,
    /// The first, which somebody else takes for the newest.
    other: Digest,
    last: Digest,
}

impl Race {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        let other = bench.digest("stable").unwrap();
        bench.run(&PUBLISH).expect(0);
        let last = bench.digest("stable").unwrap();
        assert_ne!(other, last);
        Some(Self { bench, other, last })
    }

    /// The folder of a tag in the registry's store.
    fn tag(&self, tag: &str) -> PathBuf {
        self.bench
            .stored(&format!("{REPOSITORY}/_manifests/tags/{tag}"))
    }

    /// A shell's words that move `stable`, as one registry's request would.
    fn moves(&self) -> String {
        let (from, to) = (self.tag("44.20260720.3.1-zfs2.4.4"), self.tag("stable"));
        let (from, to) = (from.display(), to.display());
        format!("cp -r {from} {to}.new; rm -r {to}; mv {to}.new {to}")
    }

    /// Somebody's image is there and stays; a run after that ends well.
    fn settled(&self, story: &str) {
        let now = self.bench.invariant(&self.last, "a race");
        assert_eq!(now, self.other, "{story}");
        // The first one's image was proven, and not thrown away.
        let candidate = self.bench.digest("candidate").unwrap();
        assert!(story.contains(candidate.as_str()), "{story}");
        assert!(self.bench.signed(&candidate), "{story}");
        let command = format!("promote {REPOSITORY}@{candidate}");
        assert!(story.contains(&command), "{story}");
        let image = format!("{REPOSITORY}@{candidate}");
        self.bench.run(&["promote", &image]).expect(0);
        assert_eq!(self.bench.digest("stable").unwrap(), candidate);
        self.bench.run(&PUBLISH).expect(0);
        assert_ne!(self.bench.digest("stable").unwrap(), candidate);
    }
}

#[test]
fn somebody_was_quicker() {
    let Some(race) = Race::new() else {
        return;
    };
    // After the push; what is followed was looked at before the build.
    race.bench.hook("image*inspect*", &race.moves());
    let story = race.bench.run(&PUBLISH).expect(4);
    race.bench.unhook();
    assert!(story.contains("somebody else has moved it"), "{story}");
    assert!(story.contains(race.last.as_str()), "{story}");
    race.settled(&story);
}

#[test]
fn somebody_moves_it_in_the_same_moment() {
    let Some(race) = Race::new() else {
        return;
    };
    let script = race.moves();
    let moved = std::sync::Once::new();
    let proxy = Proxy::start(
        &race.bench,
        |_| {},
        move |request| {
            if request.starts_with("PUT ") && request.ends_with("/manifests/stable") {
                moved.call_once(|| {
                    let sh = xshell::Shell::new().unwrap();
                    xshell::cmd!(sh, "bash -c {script}").quiet().run().unwrap();
                });
            }
        },
    );
    race.bench.environment(&[proxy.environment()]);
    let story = race.bench.run(&PUBLISH).expect(4);
    race.bench.environment(&[]);
    race.bench.unhook();
    assert!(story.contains("right after it was moved"), "{story}");
    race.settled(&story);
}

/// The halves lie apart: what was built before is not published after.
#[test]
fn an_older_half_does_not_overtake() {
    let Some(bench) = Bench::new() else {
        return;
    };
    bench.run(&["resolve", "-o", "lock.json"]).expect(0);
    let locked = ["--locked", "lock.json", "--force", "a test"];
    bench
        .run(&[&["build", "--push"], &locked[..]].concat())
        .expect(0);
    let older = bench.digest("candidate").unwrap();
    bench.run(&PUBLISH).expect(0);
    let newer = bench.digest("stable").unwrap();
    assert_ne!(older, newer);
    let image = format!("{REPOSITORY}@{older}");
    let publish = ["publish", &image, "--locked", "lock.json"];
    let story = bench.run(&publish).expect(4);
    assert!(story.contains("published something newer"), "{story}");
    assert_eq!(bench.digest("stable").unwrap(), newer);
    assert!(!bench.signed(&older), "it stops before it signs");
}

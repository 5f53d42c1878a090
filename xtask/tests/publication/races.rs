//! Somebody else moves the tag that hosts follow.

use std::path::PathBuf;

use registry_compat::Digest;

use super::proxy::Proxy;
use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

/// A sandbox with three images that were published: `stable` names the last.
struct Race {
    sandbox: Sandbox,
    /// The first, which somebody else takes for the newest.
    other: Digest,
    last: Digest,
}

impl Race {
    fn new() -> Option<Self> {
        let sandbox = Sandbox::new()?;
        let other = sandbox.digest("stable").unwrap();
        sandbox.run(&PUBLISH).expect(0);
        let last = sandbox.digest("stable").unwrap();
        assert_ne!(other, last);
        Some(Self {
            sandbox,
            other,
            last,
        })
    }

    /// The folder of a tag in the registry's store.
    fn tag(&self, tag: &str) -> PathBuf {
        self.sandbox
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
        let now = self.sandbox.invariant(&self.last, "a race");
        assert_eq!(now, self.other, "{story}");
        // The first one's image was proven, and not thrown away.
        let candidate = self.sandbox.digest("candidate").unwrap();
        assert!(story.contains(candidate.as_str()), "{story}");
        assert!(self.sandbox.signed(&candidate), "{story}");
        let command = format!("promote {REPOSITORY}@{candidate}");
        assert!(story.contains(&command), "{story}");
        let image = format!("{REPOSITORY}@{candidate}");
        self.sandbox.run(&["promote", &image]).expect(0);
        assert_eq!(self.sandbox.digest("stable").unwrap(), candidate);
        self.sandbox.run(&PUBLISH).expect(0);
        assert_ne!(self.sandbox.digest("stable").unwrap(), candidate);
    }
}

#[test]
fn somebody_was_quicker() {
    let Some(race) = Race::new() else {
        return;
    };
    // After the push; what is followed was looked at before the build.
    race.sandbox.hook("image*inspect*", &race.moves());
    let story = race.sandbox.run(&PUBLISH).expect(4);
    race.sandbox.unhook();
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
        &race.sandbox,
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
    race.sandbox.environment(&[proxy.environment()]);
    let story = race.sandbox.run(&PUBLISH).expect(4);
    race.sandbox.environment(&[]);
    race.sandbox.unhook();
    assert!(story.contains("right after it was moved"), "{story}");
    race.settled(&story);
}

/// The halves lie apart: what was built before is not published after.
#[test]
fn an_older_half_does_not_overtake() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let locked = ["--locked", "lock.json", "--force", "a test"];
    sandbox
        .run(&[&["build", "--push"], &locked[..]].concat())
        .expect(0);
    let older = sandbox.digest("candidate").unwrap();
    sandbox.run(&PUBLISH).expect(0);
    let newer = sandbox.digest("stable").unwrap();
    assert_ne!(older, newer);
    let image = format!("{REPOSITORY}@{older}");
    let publish = ["publish", &image, "--locked", "lock.json"];
    let story = sandbox.run(&publish).expect(4);
    assert!(story.contains("published something newer"), "{story}");
    assert_eq!(sandbox.digest("stable").unwrap(), newer);
    assert!(!sandbox.signed(&older), "it stops before it signs");
}

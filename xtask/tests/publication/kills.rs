//! kill -9 at a random moment.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::litter;
use super::sandbox::{PUBLISH, Sandbox};

const ROUNDS: u32 = 50;

/// Marsaglia's xorshift: enough to choose moments.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Of `KILL_SEED`, else of the clock; said, so that it can be given again.
pub fn seed() -> u64 {
    let given = std::env::var("KILL_SEED").ok().and_then(|s| s.parse().ok());
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = given.unwrap_or(u64::from(since.subsec_nanos()) | 1);
    println!("KILL_SEED={seed}");
    seed
}

/// What a run prints before it does it; findings of the contract are others.
fn is_effect(line: &str) -> bool {
    let verbs = [
        "key ", "run ", "check ", "read ", "take ", "sign ", "trust ", "accept ", "refuse ",
        "attach ", "name ", "promote ", "confirm ",
    ];
    verbs.iter().any(|verb| line.starts_with(verb))
}

#[test]
fn killed_at_a_random_moment() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let seed = seed();
    let mut random = Random(seed);
    // How long a whole run takes here, and how many lines it prints.
    sandbox.renew_engine();
    let watch = Instant::now();
    let lines = sandbox.run(&PUBLISH).expect(0);
    let whole = u64::try_from(watch.elapsed().as_millis()).unwrap();
    let effects = lines.lines().filter(|line| is_effect(line)).count();
    let effects = u64::try_from(effects).unwrap();
    let (mut moved, mut finished) = (0, 0);
    let mut before = sandbox.digest("stable").unwrap();
    sandbox.renew_engine();
    for round in 0..ROUNDS {
        let mut child = sandbox.start(&PUBLISH);
        let story = BufReader::new(child.stdout.take().unwrap());
        // Either some time after the start, or some milliseconds after the nth
        // effect was begun: the short acts at the end are met by the second, and
        // the very last of them only if they are chosen more often.
        let pause = if round % 2 == 0 {
            random.below(whole)
        } else {
            let back = match round % 4 {
                1 => random.below(effects),
                _ => random.below(effects.min(5)),
            };
            let wanted = usize::try_from(effects - back).unwrap();
            let lines = story.lines().map_while(Result::ok);
            let _ = lines.filter(|line| is_effect(line)).take(wanted).count();
            random.below(if back < 5 { 10 } else { 60 })
        };
        // The moment itself, not a wait for anything.
        std::thread::sleep(Duration::from_millis(pause));
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        // With its children, as when a runner dies. It may have ended.
        let _ = kill_process_group(group, Signal::KILL);
        finished += u32::from(child.wait().unwrap().code() == Some(0));
        let now = sandbox.invariant(&before, &format!("round {round} of KILL_SEED={seed}"));
        moved += u32::from(now != before);
        before = now;
        sandbox.renew_engine();
    }
    println!("{ROUNDS} kills: stable moved {moved} times, {finished} runs had ended by themselves");
    sandbox.run(&PUBLISH).expect(0);
    assert_ne!(sandbox.invariant(&before, "the run after"), before);
    sandbox.renew_engine();
    // Those of the other stage are another test's. The kernel takes a moment to bury what was killed.
    let since = Instant::now();
    while !litter::monitors(sandbox.stage_folder()).is_empty() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "a test leaves no process"
        );
    }
}

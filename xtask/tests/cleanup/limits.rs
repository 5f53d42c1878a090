//! GitHub's limits: what is waited for, and when a run stops instead.

use remote::loopback::Reply;

use crate::github::{Fault, error};
use crate::sandbox::{BUDGET, CLOCK, Sandbox};

/// A furnished sandbox whose second DELETE is answered like this.
fn second(times: usize, reply: Reply) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().faults.push(Fault {
        method: "DELETE",
        part: String::new(),
        after: 1,
        times,
        reply,
    });
    sandbox
}

const SECONDARY: &str = "You have exceeded a secondary rate limit. Please wait.";

#[test]
fn what_is_within_the_budget_is_waited_for() {
    let in_the_past = (CLOCK - 5).to_string();
    for reply in [
        error(403, SECONDARY).with("retry-after", "0"),
        error(429, SECONDARY).with("retry-after", "0"),
        error(403, SECONDARY),
        error(429, "slow down"),
        error(403, "API rate limit exceeded")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", &in_the_past),
    ] {
        let sandbox = second(2, reply);
        sandbox
            .execute()
            .expect(0)
            .says("Deleted 4 versions")
            .says("0 left");
        assert_eq!(sandbox.github.count("DELETE", ""), 6);
    }
}

#[test]
fn what_is_beyond_the_budget_ends_the_run_cleanly() {
    let late = (CLOCK + BUDGET + 1).to_string();
    for reply in [
        error(403, SECONDARY).with("retry-after", "3600"),
        error(429, SECONDARY).with("retry-after", "3600"),
        error(403, "API rate limit exceeded")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", &late),
    ] {
        let sandbox = second(1, reply);
        sandbox
            .execute()
            .expect(0)
            .says("stopped")
            .says("Deleted 1 versions")
            .says("3 left");
        assert_eq!(sandbox.github.count("DELETE", ""), 2);
        assert_eq!(sandbox.github.there().len(), 5);
    }
}

#[test]
fn an_empty_quota_is_respected_before_it_is_overdrawn() {
    let late = (CLOCK + 3600).to_string();
    let last = Reply::new(204, "text/plain", "")
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", &late);
    let sandbox = second(1, last);
    sandbox
        .execute()
        .expect(0)
        .says("the quota is used up")
        .says("2 left");
    assert_eq!(sandbox.github.count("DELETE", ""), 2);
}

#[test]
fn a_limiter_that_never_ends_is_left() {
    let sandbox = second(usize::MAX, error(429, "slow down").with("retry-after", "0"));
    sandbox.execute().expect(0).says("stopped").says("3 left");
}

#[test]
fn a_run_that_came_nowhere_is_to_be_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().faults.push(Fault {
        method: "DELETE",
        part: String::new(),
        after: 0,
        times: 1,
        reply: error(403, SECONDARY).with("retry-after", "3600"),
    });
    sandbox.execute().expect(3).says("4 left");
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().faults.push(Fault {
        method: "GET",
        part: "/versions?".to_owned(),
        after: 0,
        times: 1,
        reply: error(403, SECONDARY).with("retry-after", "3600"),
    });
    sandbox.execute().expect(3);
    assert_eq!(sandbox.github.count("DELETE", ""), 0);
}

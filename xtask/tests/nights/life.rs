//! The alarm's whole life.

use night::alarm::classify::Cause;

use crate::sandbox::Sandbox;

#[test]
fn the_alarm_lives_from_the_first_failure_to_the_last_recovery() {
    let sandbox = Sandbox::new();
    let comments = || sandbox.github.state().comments.len();

    // Nights that go well leave no trace.
    sandbox.ends("build", "success").says("all is well");
    assert_eq!(sandbox.changes(), 0);

    // The first failure opens it, and says what it was and what to do.
    sandbox.fails(Cause::Registry).says("raised (#1)");
    let issues = sandbox.issues();
    assert_eq!(issues.len(), 1);
    assert!(issues[0].1, "it is open");
    let line = &issues[0].2;
    assert!(
        line.starts_with("**registry**: ") && line.contains("What to do: "),
        "{line}"
    );
    let stored = sandbox.github.state().issue(1).clone();
    assert_eq!(stored.title, "Alarm: registry (build)");
    assert_eq!(stored.labels, ["alarm"]);
    assert!(
        stored.body.contains("`build: what it said`"),
        "{}",
        stored.body
    );
    assert!(
        stored
            .body
            .contains("https://github.com/someone/image/actions/runs/900")
    );
    assert_eq!((sandbox.changes(), comments()), (1, 0));

    // The second night is the same, and another job's success is none of its.
    sandbox.fails(Cause::Registry).says("nothing new (#1)");
    sandbox.ends("resolve", "success").says("nothing new (#1)");
    sandbox.ends("build", "cancelled").says("nothing new (#1)");
    sandbox.ends("build", "skipped");
    assert_eq!((sandbox.changes(), comments()), (1, 0));

    // Another cause is a comment, once.
    sandbox.fails(Cause::Contract).says("another cause (#1)");
    sandbox.fails(Cause::Contract).says("nothing new");
    assert_eq!((sandbox.changes(), comments()), (3, 1));
    let said = sandbox.github.state().comments[0].clone();
    assert!(said.1.starts_with("Now: **contract**: "), "{}", said.1);
    assert!(sandbox.issues()[0].2.starts_with("**contract**: "));

    // Another job with the same cause is noted, and no news.
    sandbox.left("resolve", 1, Cause::Contract, "the same");
    sandbox.ends("resolve", "failure").says("nothing new");
    assert_eq!((sandbox.changes(), comments()), (4, 1));
    assert_eq!(
        sandbox.github.state().issue(1).title,
        "Alarm: contract (build, resolve)"
    );

    // One of two is not all.
    sandbox.ends("resolve", "success").says("nothing new");
    assert!(sandbox.issues()[0].1);

    // The recovery closes it.
    sandbox
        .ends("build", "success")
        .says("all is well again (#1)");
    let stored = sandbox.github.state().issue(1).clone();
    assert_eq!(
        (stored.open, stored.reason.as_deref()),
        (false, Some("completed"))
    );
    assert_eq!(comments(), 2);
    assert!(
        sandbox.github.state().comments[1]
            .1
            .starts_with("Recovered: [`build`")
    );
    let changes = sandbox.changes();
    sandbox.ends("build", "success").says("all is well");
    assert_eq!(sandbox.changes(), changes);

    // The next failure opens the same issue again.
    sandbox.fails(Cause::Signing).says("raised (#1)");
    sandbox.fails(Cause::Signing).says("nothing new");
    let issues = sandbox.issues();
    assert_eq!(issues.len(), 1);
    assert!(issues[0].1 && issues[0].2.starts_with("**signing**: "));
    assert_eq!(sandbox.changes(), changes + 2);
    let last = sandbox.github.state().comments.last().cloned().unwrap();
    assert!(last.1.starts_with("Again: **signing**: "), "{}", last.1);
    sandbox.ends("build", "success").says("all is well again");
    assert!(!sandbox.issues()[0].1);
}

#[test]
fn two_runs_at_once_leave_one_open() {
    // The other one's issue comes before ours, or after it.
    for first in [true, false] {
        let sandbox = Sandbox::new();
        let other = {
            let other = Sandbox::new();
            other.left("resolve", 1, Cause::Registry, "the other");
            other.ends("resolve", "failure");
            other.github.state().issue(1).body.clone()
        };
        let add = move |state: &mut crate::github::State| {
            state.add_issue(crate::github::issues::WORKFLOW, &other, &["alarm"]);
        };
        match first {
            true => {
                let hook = ("POST", "/issues".to_owned(), Box::new(add) as _);
                sandbox.github.state().hooks.push(hook);
            }
            false => {
                // After ours was opened, before it is looked again.
                let hook: crate::github::Hook = Box::new(move |state| {
                    let again: crate::github::Hook = Box::new(add);
                    state.hooks.push(("GET", "/issues?".to_owned(), again));
                });
                let hook = ("POST", "/issues".to_owned(), hook);
                sandbox.github.state().hooks.push(hook);
            }
        }
        sandbox.fails(Cause::Network).says("(#1)");
        let issues = sandbox.issues();
        assert_eq!(issues.len(), 2);
        assert!(issues[0].1, "{issues:?}");
        assert_eq!(issues[1], (2, false, "Duplicate of #1.".to_owned()));
        let kept = sandbox.github.state().issue(1).clone();
        assert_eq!(kept.title, "Alarm: registry, network (build, resolve)");
        let reason = sandbox.github.state().issue(2).reason.clone();
        assert_eq!(reason.as_deref(), Some("duplicate"));
        // Both must recover.
        sandbox.ends("build", "success");
        assert!(sandbox.issues()[0].1);
        sandbox
            .ends("resolve", "success")
            .says("all is well again (#1)");
        assert!(sandbox.issues().iter().all(|(_, open, _)| !open));
        sandbox.fails(Cause::Build).says("raised (#1)");
        assert!(!sandbox.issues()[1].1, "the duplicate stays closed");
    }
}

#[test]
fn really_at_once_leaves_one_open_too() {
    for _ in 0..5 {
        let sandbox = Sandbox::new();
        sandbox.left("build", 1, Cause::Build, "said");
        std::thread::scope(|scope| {
            for job in ["a", "b", "c"] {
                let sandbox = &sandbox;
                scope.spawn(move || sandbox.ends(job, "failure"));
            }
        });
        let open: Vec<u64> = sandbox
            .issues()
            .iter()
            .filter(|(_, open, _)| *open)
            .map(|(number, ..)| *number)
            .collect();
        assert_eq!(open.len(), 1, "{:?}", sandbox.issues());
    }
}

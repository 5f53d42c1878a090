//! What GitHub does in the middle of a run.

use remote::loopback::Manner;

use crate::github::{Fault, error};
use crate::sandbox::Sandbox;

fn fault(method: &'static str, part: &str, times: usize, status: u16, message: &str) -> Fault {
    Fault {
        method,
        part: part.to_owned(),
        after: 0,
        times,
        reply: error(status, message),
    }
}

#[test]
fn a_run_is_logged_and_can_be_undone() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox
        .execute()
        .expect(0)
        .says("Deleted 4 versions")
        .says("cleanup restore");
    assert_eq!(sandbox.github.there(), [5, 6]);
    let mut logged = sandbox.logged();
    assert_eq!(logged[0], 3, "the index goes first");
    assert_eq!(logged[3], 4, "its signature goes last");
    assert_eq!(sandbox.github.count("GET", "/versions?"), 2);
    // A log is never overwritten, and nothing is left beside it.
    sandbox.execute().expect(2).says("never overwritten");
    assert!(!sandbox.path("log.json.new").exists());

    let log = sandbox.path("log.json").display().to_string();
    sandbox
        .github
        .state()
        .faults
        .push(fault("POST", "versions/4/", 1, 404, "Not Found"));
    sandbox
        .run(&["restore", &log])
        .expect(1)
        .says("GitHub has it no more");
    let ran = sandbox
        .run(&["restore", &log])
        .expect(0)
        .says("was there already");
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    assert_eq!(sandbox.github.there(), [1, 2, 3, 4, 5, 6]);
    logged.sort_unstable();
    assert_eq!(logged, [1, 2, 3, 4]);
    assert_eq!(sandbox.github.count("DELETE", ""), 4);
}

#[test]
fn a_log_is_read_with_care() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("x.json");
    let restore = || sandbox.run(&["restore", &path.display().to_string()]);
    restore().expect(1).says("cannot read");
    for text in ["", "{}", "{\"format\": 2, \"packages\": []}"] {
        std::fs::write(&path, text).unwrap();
        restore().expect(2).says("no log of a clean-up");
    }
    let digest = format!("sha256:{}", "0".repeat(64));
    let entry = |back_end: &str, id: &str, at: &str| {
        let package = &sandbox.config.retention.packages[0].image;
        format!(
            "{{\"format\": 1, \"packages\": [{{\"package\": \"{package}\", \"back-end\": \
             \"{back_end}\", \"deleted\": [{{\"id\": {id}, \"name\": \"{digest}\", \"tags\": [], \
             \"deleted_at\": \"{at}\"}}]}}]}}"
        )
    };
    std::fs::write(&path, entry("github", "7", "2020-01-01T00:00:00Z")).unwrap();
    restore().expect(1).says("too late");
    std::fs::write(&path, entry("registry", "null", "2020-01-01T00:00:00Z")).unwrap();
    restore()
        .expect(1)
        .says("a registry cannot restore")
        .says("skopeo copy --all");
    let there = sandbox.github.image(1, &["v1"], "there");
    let text = entry("registry", "null", "2020-01-01T00:00:00Z").replace(&digest, &there);
    std::fs::write(&path, text).unwrap();
    restore().expect(0).says("was there already");
    assert_eq!(sandbox.github.count("POST", ""), 0);
}

#[test]
fn a_tag_that_moved_saves_its_version_and_all_that_it_needs() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.image(190, &["v0"], "another");
    sandbox.github.state().hooks.push((
        "GET",
        "/versions/3".to_owned(),
        Box::new(|state| state.versions[2].tags = vec!["v1".into(), "rollback".into()]),
    ));
    sandbox
        .execute()
        .expect(0)
        .says("its tags have changed since the plan was made: now rollback, v1")
        .says("3 versions that these need");
    assert_eq!(sandbox.github.there(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sandbox.logged(), [7]);
}

#[test]
fn what_cannot_be_deleted_is_told_and_is_no_failure() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().versions[2].popular = true;
    sandbox
        .execute()
        .expect(0)
        .says("more than 5000 downloads")
        .says("Deleted 0 versions");
    assert_eq!(sandbox.github.there(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sandbox.github.count("DELETE", ""), 1);
    assert!(!sandbox.path("log.json").exists());
}

#[test]
fn the_last_version_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.github.image(200, &["v1"], "old");
    sandbox.github.image(1, &["v2"], "young");
    // Somebody else deletes the other one in the meantime.
    sandbox.github.state().hooks.push((
        "DELETE",
        "/versions/1".to_owned(),
        Box::new(|state| state.versions[1].deleted = true),
    ));
    sandbox
        .execute()
        .expect(0)
        .says("cannot delete the last version");
    assert_eq!(sandbox.github.there(), [1]);
}

#[test]
fn what_is_gone_already_is_no_failure() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().hooks.push((
        "GET",
        "/versions/3".to_owned(),
        Box::new(|state| state.versions[2].deleted = true),
    ));
    sandbox.execute().expect(0).says("1 were gone already");
    assert_eq!(sandbox.github.there(), [5, 6]);
    assert_eq!(sandbox.logged().len(), 3);
}

#[test]
fn only_404s_are_a_matter_of_permission() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().may_delete = false;
    sandbox
        .execute()
        .expect(1)
        .says("the token may not delete")
        .says("delete:packages")
        .says("Manage Actions access");
    assert_eq!(sandbox.github.there(), [1, 2, 3, 4, 5, 6]);
    assert!(sandbox.logged().is_empty());
}

#[test]
fn a_plain_403_or_401_ends_the_run() {
    for status in [401, 403] {
        let sandbox = Sandbox::new();
        sandbox.furnish();
        let mut fault = fault(
            "DELETE",
            "",
            1,
            status,
            "Resource not accessible by integration",
        );
        fault.after = 1;
        sandbox.github.state().faults.push(fault);
        sandbox
            .execute()
            .expect(1)
            .says("Resource not accessible by integration")
            .says("Deleted 1 versions")
            .says("3 left");
        assert_eq!(sandbox.github.count("DELETE", ""), 2);
        assert_eq!(sandbox.logged(), [3]);
    }
}

#[test]
fn trouble_passes_or_is_a_failure() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let mut reset = fault("DELETE", "/versions/3", 1, 500, "");
    reset.reply = reset.reply.sent(Manner::Reset);
    sandbox.github.state().faults.push(reset);
    sandbox
        .github
        .state()
        .faults
        .push(fault("DELETE", "/versions/3", 1, 502, "no"));
    sandbox.execute().expect(0).says("Deleted 4 versions");

    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.image(190, &["v0"], "another");
    sandbox
        .github
        .state()
        .faults
        .push(fault("DELETE", "/versions/3", 9, 502, "no"));
    sandbox.execute().expect(1).says("HTTP 502");
    // The index may or may not be there: what it needs stays.
    assert_eq!(sandbox.github.there(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sandbox.logged(), [3, 7], "it may be deleted after all");
}

#[test]
fn a_lost_answer_is_not_a_lost_version() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox.github.state().hooks.push((
        "DELETE",
        "/versions/3".to_owned(),
        Box::new(|state| state.versions[2].deleted = true),
    ));
    sandbox
        .github
        .state()
        .faults
        .push(fault("DELETE", "/versions/3", 1, 504, "late"));
    sandbox.execute().expect(0).says("Deleted 4 versions");
    assert_eq!(sandbox.logged().len(), 4);
}

#[test]
fn the_owner_decides_about_the_endpoint() {
    for (kind, user, place) in [
        ("Organization", None, "/orgs/someone/"),
        ("User", Some("someone"), "/user/"),
        ("User", None, "/users/someone/"),
        ("User", Some("another"), "/users/someone/"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.furnish();
        let mut state = sandbox.github.state();
        (state.kind, state.user) = (kind, user);
        drop(state);
        sandbox.execute().expect(0);
        let package = format!("{place}packages/container/nas%2Fbootc/versions/");
        assert_eq!(sandbox.github.count("DELETE", &package), 4, "{place}");
    }
}

#[test]
fn without_a_token_or_with_a_bad_one_nothing_is_known() {
    let mut sandbox = Sandbox::new();
    sandbox.furnish();
    sandbox
        .github
        .state()
        .faults
        .push(fault("GET", "/users/", 1, 401, "Bad credentials"));
    sandbox
        .run(&[])
        .expect(3)
        .says("Bad credentials")
        .says("GITHUB_TOKEN");
    sandbox.github.state().name = "other";
    sandbox
        .run(&[])
        .expect(1)
        .says("no container package `nas/bootc`");
    sandbox.env.github_token = None;
    sandbox
        .run(&[])
        .expect(3)
        .says("GITHUB_TOKEN")
        .says("GH_TOKEN")
        .says("gh auth login")
        .does_not_say("podman login")
        .does_not_say("make the package public");
}

#[test]
fn a_token_that_may_not_read_is_told_what_it_needs() {
    let sandbox = Sandbox::new();
    sandbox.furnish();
    let what = "/packages/container/nas%2Fbootc";
    sandbox
        .github
        .state()
        .faults
        .push(fault("GET", what, 1, 403, "Must have admin rights"));
    sandbox
        .execute()
        .expect(3)
        .says("Must have admin rights")
        .says("read:packages");
}

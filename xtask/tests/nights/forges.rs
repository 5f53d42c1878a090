//! The alarm, `workflow` and the rights at GitLab and at Forgejo: the same life as at
//! GitHub.

use std::time::Duration;

use forge::{Access, Forge};
use host::Secret;
use host::report::Report;
use image_build::gather::World;
use image_config::Config;
use night::alarm::classify::Cause;
use remote::{ForgePackages, Pace};

use super::fake::{Fake, Issue, OWN, Run};
use super::sandbox::{Sandbox, TOKEN};

const BOTH: [Forge; 2] = [Forge::Gitlab, Forge::Forgejo];

/// The sandbox of GitHub, whose repository is at this forge instead.
fn at(forge: Forge) -> (Sandbox, Fake) {
    beside(Fake::start(forge), forge)
}

fn beside(fake: Fake, forge: Forge) -> (Sandbox, Fake) {
    let mut sandbox = Sandbox::new();
    let text = format!(
        "{{kind: {}, url: http://{}, repository: g/n}}",
        forge.word(),
        fake.address()
    );
    sandbox.config.forge = Some(serde_yaml::from_str(&text).unwrap());
    sandbox.env.github_token = None;
    sandbox.env.forge_tokens.insert(forge, Secret::new(TOKEN));
    (sandbox, fake)
}

fn first(fake: &Fake) -> (bool, String) {
    let state = fake.state();
    (state.issues[0].open, state.issues[0].title.clone())
}

#[test]
fn the_alarm_has_one_life_everywhere() {
    for forge in BOTH {
        let (sandbox, fake) = at(forge);
        sandbox.ends("build", "success").says("all is well");
        assert!(fake.state().issues.is_empty());
        sandbox.fails(Cause::Contract).says("raised (#1)");
        assert_eq!(first(&fake), (true, "Alarm: contract (build)".to_owned()));
        assert_eq!(fake.state().issues[0].labels, ["alarm"], "{forge}");
        sandbox.fails(Cause::Contract).says("nothing new (#1)");
        assert!(fake.state().comments.is_empty());
        sandbox.fails(Cause::Registry).says("another cause (#1)");
        assert!(fake.state().comments[0].1.starts_with("Now: **registry**"));
        sandbox
            .ends("build", "success")
            .says("all is well again (#1)");
        assert!(!first(&fake).0, "{forge}");
        sandbox.fails(Cause::Build).says("raised (#1)");
        assert!(first(&fake).0, "opened again, and no second one");
        assert_eq!(fake.state().issues.len(), 1);
    }
}

#[test]
fn nobody_elses_issue_is_the_alarms() {
    for forge in BOTH {
        let (sandbox, fake) = at(forge);
        sandbox.fails(Cause::Build);
        let stolen = Issue {
            author: "mallory",
            ..fake.state().issues[0].clone()
        };
        fake.state().issues = vec![stolen];
        sandbox
            .fails(Cause::Build)
            .says("#1 has the alarm's mark, and was opened by somebody who may not")
            .says("raised (#2)");
        // Whoever may change the repository, may keep its alarm.
        fake.state().issues.truncate(1);
        fake.state().members = vec!["mallory"];
        sandbox.fails(Cause::Build).says("nothing new (#1)");
        assert_eq!(fake.state().issues[0].author, "mallory");
    }
}

#[test]
fn a_workflow_is_started_and_followed() {
    for forge in BOTH {
        let (sandbox, fake) = at(forge);
        let url = match forge {
            Forge::Gitlab => "/-/pipelines/1".to_owned(),
            _ => format!("http://{}/g/n/actions/runs/1", fake.address()),
        };
        sandbox
            .run("workflow run cleanup --execute")
            .expect(0)
            .says(&url);
        let sent = fake.state().dispatched[0].to_string();
        assert!(sent.contains("execute"), "{sent}");
        assert!(sent.contains("\"ref\":\"main\""), "{sent}");
        let (well, badly) = match forge {
            Forge::Gitlab => ("success", "failed"),
            _ => ("success", "failure"),
        };
        fake.state().runs[0].status = well;
        sandbox
            .run("workflow status cleanup")
            .expect(0)
            .says("the last one went well")
            .says("workflow_dispatch");
        fake.state().runs[0].status = badly;
        sandbox
            .run("workflow status cleanup --watch")
            .expect(1)
            .says("✗ failure");
        sandbox
            .run("workflow status --all")
            .expect(0)
            .says("build.yaml")
            .says("no run has ended");
    }
}

/// Gitea knows no list of one workflow's runs, and tells nothing of what it has started.
#[test]
fn a_workflow_of_gitea_is_followed_among_all_others() {
    let (sandbox, fake) = beside(Fake::gitea(), Forge::Forgejo);
    let run = |task: &str, id: u64| Run {
        id,
        task: task.to_owned(),
        event: "push",
        status: "success",
    };
    // A page has place for 50.
    let others = (2..=45).map(|id| run("check", id));
    fake.state().runs = [run("build", 1)].into_iter().chain(others).collect();
    sandbox
        .run("workflow status build")
        .expect(0)
        .says("the last one went well");
    sandbox
        .run("workflow run cleanup --execute")
        .expect(0)
        .says("/actions/runs/46");
    assert_eq!(fake.state().dispatched[0]["ref"], "main");
    sandbox
        .run("workflow status cleanup")
        .expect(0)
        .says("queued");
    fake.state().runs[45].status = "failure";
    sandbox
        .run("workflow status cleanup --watch")
        .expect(1)
        .says("✗ failure");
}

#[test]
fn what_a_token_lacks_is_known_before_the_first_night() {
    let pace = Pace {
        between: Duration::ZERO,
        unsaid: Duration::from_millis(1),
        budget: Duration::from_secs(1),
        clock: || 0,
        interrupted: || false,
    };
    for forge in BOTH {
        let (sandbox, fake) = at(forge);
        let report = Report::capturing(false);
        let config: Config = sandbox.config.clone();
        let world = World::new(&sandbox.env, &config, &report);
        let project = world.project(Access::Issues, pace).unwrap();
        let found = project.rights("alarm").unwrap();
        assert!(found.iter().all(|right| right.found.is_ok()), "{found:?}");
        fake.state().may_push = false;
        let found = project.rights("alarm").unwrap();
        let lacks: Vec<_> = found.iter().filter(|right| right.found.is_err()).collect();
        assert_eq!(lacks.len(), 1, "{found:?}");
        assert!(lacks[0].what.starts_with("change the alarm's issue"));
        let all = night::online::rights(&world).unwrap();
        assert!(all.iter().any(|right| !right.ok), "{all:?}");
        assert!(
            all.iter()
                .any(|right| right.what.starts_with("list and delete"))
        );
        assert_eq!(project.login().unwrap().as_deref(), Some(OWN));
    }
}

/// A server of one's own publishes sites where it wants.
#[test]
fn where_a_site_is_published_the_server_says() {
    use machine::ignition::site::home;
    let (mut sandbox, fake) = at(Forge::Gitlab);
    let report = Report::capturing(false);
    let where_now = |sandbox: &Sandbox| {
        let world = World::new(&sandbox.env, &sandbox.config, &report);
        home(&world).map_err(|error| error.to_string())
    };
    let error = where_now(&sandbox).unwrap_err();
    assert!(error.contains("write `ignition: {url: …}`"), "{error}");
    fake.state().site = Some("https://n-g-4160ce.pages.example.org/");
    let asked = "https://n-g-4160ce.pages.example.org";
    assert_eq!(where_now(&sandbox).as_deref(), Ok(asked));
    // In CI nobody has to be asked.
    sandbox.env.run = forge::ci(&|name| match name {
        "GITLAB_CI" => Some("true".to_owned()),
        "CI_PAGES_URL" => Some("https://g.pages.example.org/n".to_owned()),
        _ => None,
    });
    let said = "https://g.pages.example.org/n";
    assert_eq!(where_now(&sandbox).as_deref(), Ok(said));
    sandbox.env.run = forge::Ci::default();
    let written = |text: &str| Some(serde_yaml::from_str(text).unwrap());
    sandbox.config.forge = written("{kind: gitlab, url: 'https://gitlab.com', repository: g/n}");
    let known = where_now(&sandbox).unwrap();
    assert!(known.contains(".gitlab.io/"), "{known}");
    sandbox.config.forge = written("{kind: forgejo, url: 'https://codeberg.org', repository: g/n}");
    let known = where_now(&sandbox).unwrap();
    assert!(known.contains(".codeberg.page/"), "{known}");
}

#[test]
fn a_version_goes_by_its_tags() {
    let digest = registry_compat::Digest::of(b"x");
    let tags = ["v1".parse().unwrap(), "20260101".parse().unwrap()];
    for (forge, image, expected) in [
        (
            Forge::Gitlab,
            "registry.gitlab.com/g/s/n",
            vec![
                "/projects/g%2Fn/registry/repositories/5/tags/v1".to_owned(),
                "/projects/g%2Fn/registry/repositories/5/tags/20260101".to_owned(),
            ],
        ),
        (
            Forge::Forgejo,
            "codeberg.org/g/n",
            vec![
                "/packages/g/container/n/v1".to_owned(),
                "/packages/g/container/n/20260101".to_owned(),
                format!(
                    "/packages/g/container/n/{}",
                    digest.to_string().replace(':', "%3A")
                ),
            ],
        ),
    ] {
        let (sandbox, fake) = at(forge);
        let report = Report::capturing(false);
        let world = World::new(&sandbox.env, &sandbox.config, &report);
        let (home, token) = world.home_and_token().unwrap();
        let pace = Pace {
            between: Duration::ZERO,
            ..Pace::github(|| 0, || false)
        };
        let image = image.parse().unwrap();
        let open = |token| ForgePackages::open(world.agent(), &home, &image, token, pace);
        let package = open(token.as_ref()).unwrap();
        assert_eq!(
            package.delete(&digest, &tags).unwrap(),
            remote::Deletion::Done
        );
        assert_eq!(fake.state().deleted, expected);
        let denied = open(None).err().unwrap().to_string();
        assert!(!denied.contains("podman login"), "{denied}");
    }
}

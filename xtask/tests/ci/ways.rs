//! One scenario, four ways: GitHub's workflows and Forgejo's in `act`, GitLab's file in
//! `gitlab-ci-local`, and `night`, which a systemd timer starts on a machine of one's own. A forge is a detail: what
//! is published, what is held back and what the alarm says is the same in all of them.

mod seen;

use std::time::Instant;

use forge::Forge;
use image_config::{BackEnd, Config, Package};
use seen::{Alarm, Seen};
use serde_json::json;

use super::act;
use super::around::PASSWORD;
use super::fixture::Fixture;
use super::forges::Fake;
use super::gitlab::{self, Source};
use super::machine::Machine;
use super::other_workflows;
use super::runner::{Run, assert_no_secret, schedule};
use super::skip::skip;
use super::support::KERNEL;

/// Who runs the lines.
enum Runner {
    Github,
    Forgejo(Fake),
    Gitlab(Fake),
    Timer(Machine),
}

/// A machine, and who runs the lines there.
struct Way {
    name: &'static str,
    runner: Runner,
    at: Fixture,
    runs: u32,
}

impl Way {
    /// `build` or `cleanup`, by the clock.
    fn run(&mut self, task: &'static str) -> Run {
        self.runs += 1;
        match &self.runner {
            Runner::Github => act::run(&self.at, &format!("{task}.yaml"), self.runs, &schedule()),
            Runner::Forgejo(fake) => {
                let url = format!("http://{}", fake.address());
                // What Forgejo's runner sets, and act does not know of.
                let variables = [
                    ("FORGEJO_ACTIONS", "true".to_owned()),
                    ("GITHUB_API_URL", format!("{url}/api/v1")),
                    ("GITHUB_SERVER_URL", url),
                ];
                let workflow = format!("{task}.yaml");
                act::run_at(&self.at, (&workflow, &variables), self.runs, &schedule())
            }
            Runner::Gitlab(fake) => gitlab::run(&self.at, fake.address(), Source::Schedule(task)),
            Runner::Timer(machine) => self.night(machine, task),
        }
    }

    /// The clean-up comes with a night, when it is due.
    fn night(&self, machine: &Machine, task: &str) -> Run {
        let text = std::fs::read_to_string(self.at.origin.join("image.yaml")).unwrap();
        let mut config: Config = serde_yaml::from_str(&text).unwrap();
        config.forge = Some(serde_yaml::from_str("none").unwrap());
        config.night.cleanup_days = if task == "cleanup" { 7 } else { 0 };
        // Beside the checkout, which is what it was when it was committed.
        let file = self.at.path("night.yaml");
        std::fs::write(&file, serde_yaml::to_string(&config).unwrap()).unwrap();
        let unit = format!("{}-night", config.image.name);
        if machine.property(&format!("{unit}.timer"), "LoadState") != "loaded" {
            install(machine, &unit);
        }
        let (_, code, said) = machine.was_off(&unit);
        assert_no_secret(&self.at, &said);
        Run {
            typed: vec![("night".to_owned(), code.parse().unwrap())],
            log: said,
            ..Run::default()
        }
    }

    fn alarm(&self) -> Option<Alarm> {
        match &self.runner {
            Runner::Github => Alarm::of_github(&self.at.github),
            Runner::Forgejo(fake) | Runner::Gitlab(fake) => Alarm::of_fake(fake),
            Runner::Timer(_) => {
                let repository = self.at.config.repository().unwrap().to_string();
                let folder = repository.replace(['/', ':'], "-");
                let state = self.at.path("state-of-nights");
                Alarm::of_file(&state.join(folder).join("alarm.json"))
            }
        }
    }
}

/// Where a machine of one's own has the folder of its fixture.
const HOME: &str = "/srv/night";

/// A machine that systemd has booted, and that has what a person brings there.
fn machine_of(at: &Fixture) -> Option<Machine> {
    let (state, engine) = (at.path("state-of-nights"), at.path("engine"));
    for folder in [&state, &engine] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(at.path("key"), &at.key).unwrap();
    std::fs::write(at.path("password"), PASSWORD).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_xtask"), at.path("xtask")).unwrap();
    let volumes = [
        (at.folder.as_path(), HOME),
        (&state, "/var/lib/custom-coreos"),
        (&engine, "/var/lib/containers"),
    ];
    let machine = Machine::boot(at.engine(), &volumes)?;
    let registries = std::fs::read_to_string(at.path("registries.conf")).unwrap();
    machine.set_up_engine(&registries);
    Some(machine)
}

/// What is typed there, once.
fn install(machine: &Machine, unit: &str) {
    let (program, file) = (format!("{HOME}/xtask"), format!("{HOME}/night.yaml"));
    let credentials = [
        ("REGISTRY_AUTH_FILE", "auth.json"),
        ("COSIGN_PRIVATE_KEY", "key"),
        ("COSIGN_PASSWORD", "password"),
    ];
    let credentials = credentials.map(|(name, file)| format!("--credential={name}={HOME}/{file}"));
    let mut line = vec![program.as_str(), "--config", file.as_str()];
    line.extend(["night", "install", "--system"]);
    line.extend(credentials.iter().map(String::as_str));
    machine.run(&format!("{HOME}/origin"), &line).expect(0);
    machine.be_punctual(unit);
}

/// What everybody came to in one night.
fn all(ways: &mut [Way], what: &str, task: &'static str) -> (Seen, Option<Alarm>, Vec<Run>) {
    let since = Instant::now();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let started: Vec<_> = ways
            .iter_mut()
            .map(|way| scope.spawn(move || way.run(task)))
            .collect();
        started.into_iter().map(|way| way.join().unwrap()).collect()
    });
    let mut first: Option<(Seen, Option<Alarm>)> = None;
    for (way, run) in ways.iter().zip(&runs) {
        let found = (Seen::of(&way.at), way.alarm());
        match &first {
            None => first = Some(found),
            Some(first) => {
                assert_eq!(
                    found.1, first.1,
                    "{what}: {} is not as night\n{}",
                    way.name, run.log
                );
                assert_eq!(
                    found.0, first.0,
                    "{what}: {} is not as night\n{}",
                    way.name, run.log
                );
            }
        }
    }
    println!("{what}: {} s", since.elapsed().as_secs());
    let (seen, alarm) = first.unwrap();
    (seen, alarm, runs)
}

/// A change of the fork, for everybody.
fn change(ways: &[Way], name: &str, edit: impl FnOnce(&str) -> String) {
    let (last, others) = ways.split_last().unwrap();
    last.at.change(name, edit);
    for other in others {
        other.at.follow(&last.at);
    }
}

/// What is cleaned up, and of which nothing is kept that the policy lets go.
fn retained(mut config: Config) -> Config {
    // GitHub's stand-in knows nothing of what is in the real registry.
    let package = Package {
        image: config.repository().unwrap(),
        back_end: Some(BackEnd::Registry),
    };
    config.retention.packages = serde_json::from_value(json!([package])).unwrap();
    config.retention.keep = 1;
    config.retention.most_share = "50".parse().unwrap();
    config
}

/// The four; GitHub's is the last, since the others are below its folder.
fn ways(fixture: Fixture) -> Option<Vec<Way>> {
    let forgejo = Fake::start(Forge::Forgejo);
    let gitlab = Fake::start(Forge::Gitlab);
    let way = |(name, at), runner| Way {
        name,
        runner,
        at,
        runs: 0,
    };
    let beside = |name| (name, fixture.beside(name));
    let night = beside("night");
    let machine = machine_of(&night.1)?;
    let mut ways = vec![
        way(night, Runner::Timer(machine)),
        way(beside("gitlab"), Runner::Gitlab(gitlab)),
        way(beside("forgejo"), Runner::Forgejo(forgejo)),
    ];
    act::remote(&ways[1].at, "gitlab.com");
    act::remote(&ways[2].at, "github.com");
    act::remote(&fixture, "github.com");
    ways.push(Way {
        name: "github",
        runner: Runner::Github,
        at: fixture,
        runs: 0,
    });
    Some(ways)
}

#[test]
fn one_scenario_is_the_same_four_ways() {
    let mut missing = gitlab::missing();
    missing.extend(act::program().is_none().then_some("act"));
    if !missing.is_empty() {
        return skip(&format!("the scenario needs {}", missing.join(", ")));
    }
    let since = Instant::now();
    let Some(fixture) = Fixture::with("ways", retained) else {
        return;
    };
    let Some(mut ways) = ways(fixture) else {
        return;
    };
    println!("made ready: {} s", since.elapsed().as_secs());
    scenario(&mut ways);
    println!("four ways: {} s", since.elapsed().as_secs());
    let github = ways.pop().unwrap();
    other_workflows::run(&github.at);
    let Runner::Gitlab(fake) = &ways[1].runner else {
        panic!("GitLab is the second");
    };
    other_workflows::at_gitlab(&ways[1].at, fake.address());
    println!("and the other workflows: {} s", since.elapsed().as_secs());
}

fn scenario(ways: &mut [Way]) {
    let contract = "containerfiles/custom-coreos/contract.sh";

    // The first night publishes.
    let (first, alarm, runs) = all(ways, "published", "build");
    assert!(first.stable().is_some(), "{first:?}\n{}", runs[0].log);
    assert_eq!(alarm, None);
    let commit = ways[0].at.commit_now();
    assert_eq!(first.label("org.opencontainers.image.revision"), commit);
    for (way, run) in ways.iter().zip(&runs) {
        if matches!(way.runner, Runner::Github | Runner::Forgejo(_)) {
            let attested = format!("attested {}", way.at.stable().unwrap());
            assert!(run.done.contains(&attested), "{:?}", run.done);
            assert!(run.summary.contains("### Published"), "{}", run.summary);
        }
    }
    let kept = [
        "build/pushed/custom-coreos-x86_64".replace("x86_64", std::env::consts::ARCH),
        "resolve/.gitlab-ci-reports/dotenv/outputs.env".to_owned(),
        "resolve/lock.json".to_owned(),
    ];
    assert_eq!(gitlab::artifacts(&ways[1].at), kept);

    // Somebody breaks the contract: nothing moves, and the alarm says so.
    change(ways, contract, |text| {
        text.replace(
            "    check_lint\n    printf",
            "    report FAIL planted this that\n    printf",
        )
    });
    let (seen, broken, runs) = all(ways, "contract broken", "build");
    assert_eq!(seen.stable(), first.stable(), "{}", runs[0].log);
    let broken = broken.expect("an alarm");
    assert!(broken.open && broken.title.starts_with("Alarm: contract (build-"));

    // Meanwhile Fedora moves to a kernel that nobody has modules for. Nothing is built,
    // and so the contract is as broken as before.
    let fedora = |ways: &[Way], version: &str, kernel: &str| {
        ways[0].at.upstream.fedora(|releases| {
            releases[0].version = version.to_owned();
            releases[0].kernel = format!("{kernel}.{}", std::env::consts::ARCH);
        });
    };
    fedora(ways, "44.20260803.3.1", &KERNEL.replace("7.1.4", "7.2.0"));
    let (seen, held, runs) = all(ways, "held", "build");
    assert_eq!(seen.stable(), first.stable());
    assert_eq!(held.as_ref(), Some(&broken), "{}", runs[1].log);

    // All is mended, with a file that hosts get: of the same content, nothing would be
    // published.
    fedora(ways, super::support::FCOS, KERNEL);
    change(ways, contract, |text| {
        text.replace("report FAIL planted this that", "check_lint # mended")
    });
    let file = "containerfiles/custom-coreos/rootfs/usr/lib/modules-load.d/zfs.conf";
    change(ways, file, |text| format!("{text}# Mended.\n"));
    let (mended, alarm, runs) = all(ways, "mended", "build");
    assert_ne!(mended.stable(), first.stable(), "{}", runs[0].log);
    let alarm = alarm.expect("it is remembered");
    assert!(!alarm.open, "{alarm:?}");
    assert!(alarm.comments.last().unwrap().starts_with("Recovered: "));

    // Then there is nothing to do.
    let (seen, again, _) = all(ways, "unchanged", "build");
    assert_eq!(seen, mended);
    assert_eq!(again, Some(alarm.clone()));

    // What is old goes, and what hosts follow stays.
    let old: Vec<_> = ways
        .iter()
        .map(|way| other_workflows::old_image(&way.at))
        .collect();
    let (seen, after, runs) = all(ways, "cleaned up", "cleanup");
    assert_eq!(seen.stable(), mended.stable());
    assert_eq!(after, Some(alarm));
    for ((way, old), run) in ways.iter().zip(old).zip(runs) {
        let repository = way.at.config.repository().unwrap();
        let there = way.at.digest(&repository.at(old.clone()));
        assert_eq!(there, None, "{}", run.log);
        if matches!(way.runner, Runner::Github | Runner::Forgejo(_)) {
            other_workflows::assert_log(&way.at, &old);
        }
    }
}

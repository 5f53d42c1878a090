//! `.gitlab-ci.yml`, whole, in a runner that nobody here wrote: `gitlab-ci-local`, whose
//! rules, matrices, dotenv outputs, artifacts and `after_script` are its own. A job is a
//! process of this machine, one after the other in one folder: where each has its own, this
//! runner loses the artifacts of a job that has an `after_script`. So what it has kept of
//! each job is looked at as well.
//! Source: <https://github.com/firecow/gitlab-ci-local>.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use xshell::{Shell, cmd};

use super::around::{OWNER, TOKEN};
use super::fixture::Fixture;
use super::runner::{Run, said_by};
use super::tools;
use super::typed;

/// What starts a pipeline.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// By the clock, with the variable `TASK` of its schedule.
    Schedule(&'static str),
    /// A push to the main branch.
    Push,
    /// By hand, as `cargo xtask workflow run` does.
    Api(&'static str),
}

impl Source {
    fn variables(self) -> [(&'static str, &'static str); 2] {
        let (task, source) = match self {
            Self::Schedule(task) => (task, "schedule"),
            // The file's `workflow` says so, which this runner passes over.
            Self::Push => ("check", "push"),
            Self::Api(task) => (task, "api"),
        };
        [("CI_PIPELINE_SOURCE", source), ("TASK", task)]
    }
}

/// What keeps it from running here.
pub fn missing() -> Vec<&'static str> {
    let mut missing = vec!["gitlab-ci-local", "node", "rsync"];
    missing.retain(|program| tools::program(program).is_none());
    missing
}

/// The folder in which this runner keeps its own.
const STATE: &str = ".gitlab-ci-local";
/// The file as it is run here.
const FILE: &str = ".gitlab-ci.here.yml";
/// The image of its jobs is this machine; and the runner's schema is from before GitLab
/// 17.9, which calls the same folder so.
/// Source: GitLab, "CI/CD YAML syntax reference", `publish` and `pages.publish`.
const CHANGED: [(&str, &str); 2] = [
    ("  image: docker.io/library/rust:1-trixie\n", ""),
    (
        "  pages: {publish: target/site}\n",
        "  publish: target/site\n  artifacts: {paths: [target/site]}\n",
    ),
];

/// Runs a pipeline of the fork; the API is at this address.
pub fn run(fixture: &Fixture, api: SocketAddr, source: Source) -> Run {
    let text = std::fs::read_to_string(fixture.origin.join(".gitlab-ci.yml")).unwrap();
    let mut here = text.clone();
    for (theirs, ours) in CHANGED {
        assert!(here.contains(theirs), "{text}");
        here = here.replace(theirs, ours);
    }
    std::fs::write(fixture.origin.join(FILE), here).unwrap();
    // Neither is the checkout's.
    let exclude = format!("{FILE}\n{STATE}\n");
    std::fs::write(fixture.origin.join(".git/info/exclude"), exclude).unwrap();
    // Nothing of the pipeline before is there.
    let sh = Shell::new().unwrap();
    sh.change_dir(&fixture.origin);
    cmd!(sh, "git clean -qfdx --exclude={STATE} --exclude={FILE}")
        .quiet()
        .run()
        .unwrap();
    let program = tools::program("gitlab-ci-local").unwrap();
    let mut command = Command::new(&program);
    command
        .args(["--file", FILE, "--concurrency", "1"])
        .current_dir(&fixture.origin);
    let mut variables = vec![
        ("GITLAB_CI", "true".to_owned()),
        ("CI_SERVER_URL", format!("http://{api}")),
        ("CI_API_V4_URL", format!("http://{api}/api/v4")),
        // GitLab's own, which this runner does not know.
        (
            "CI_PAGES_URL",
            format!("https://{OWNER}.pages.example.org/image"),
        ),
        ("CI_REGISTRY", fixture.registry.clone()),
        ("CI_REGISTRY_USER", OWNER.to_owned()),
    ];
    let of_source = source.variables();
    variables.extend(of_source.map(|(name, value)| (name, value.to_owned())));
    for (name, value) in variables {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    // Node starts it.
    let node = tools::program("node").unwrap();
    let node = node
        .parent()
        .unwrap_or(Path::new("/"))
        .display()
        .to_string();
    let ours = typed::cargo(fixture, &[]);
    let machine = fixture.machine().into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "PATH" => format!("{ours}:{value}:{node}"),
            _ => value,
        };
        (name, value)
    });
    command
        .env_clear()
        .envs(machine)
        // What a login writes, it writes there, and all else reads it there.
        .env("REGISTRY_AUTH_FILE", fixture.path("login.json"))
        .env("FORCE_COLOR", "0")
        // Variables of the project: none is in an argument.
        .env("CI_REGISTRY_PASSWORD", TOKEN)
        .env("GITLAB_TOKEN", TOKEN);
    let said = said_by(fixture, &mut command);
    let mut run = Run {
        typed: typed::read(fixture),
        log: said,
        ..Run::default()
    };
    for line in run.log.lines() {
        let mut words = line.split_whitespace();
        let result = match words.next() {
            Some("PASS" | "WARN") => "success",
            Some("FAIL") => "failure",
            _ => continue,
        };
        if let Some(job) = words.next() {
            let job = job.trim_end_matches(':').to_owned();
            run.results.insert(job, result.to_owned());
        }
    }
    run
}

/// The files that this runner has kept of the jobs of the last pipeline, for those after
/// them: `resolve/lock.json`.
pub fn artifacts(fixture: &Fixture) -> Vec<String> {
    let folder = fixture.origin.join(STATE).join("artifacts");
    let sh = Shell::new().unwrap();
    sh.change_dir(folder);
    let files = cmd!(sh, "find . -type f").quiet().read().unwrap();
    let mut files: Vec<String> = files
        .lines()
        .map(|file| {
            let (job, rest) = file[2..].split_once('/').unwrap();
            // What is no letter or digit of a job's name is encoded there.
            let end = job.find(|c: char| !c.is_ascii_lowercase());
            format!("{}/{rest}", &job[..end.unwrap_or(job.len())])
        })
        .collect();
    files.sort();
    files
}

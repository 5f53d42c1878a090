//! The tasks in this process, between a GitHub on loopback and a throw-away
//! folder.

use night::workflow_runs::{self, Tempo};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use custom_coreos::Selected;
use custom_coreos::cli::{Cli, Task};
use custom_coreos::tasks::status;
use host::Secret;
use host::env::Env;
use host::report::Report;
use image_config::{Config, Images};
use night::alarm::classify::Cause;
use night::outcome::{Mark, Outcome, keep};
use remote::{Pace, Polls};
use xshell::{Shell, TempDir};

use crate::github::Github;
pub use crate::ran::{Ran, TOKEN};

pub struct Sandbox {
    pub github: Github,
    pub config: Config,
    pub env: Env,
    dir: TempDir,
}

impl Sandbox {
    /// A repository without issues, and a published image of yesterday.
    pub fn new() -> Self {
        let github = Github::start();
        github.publish(1);
        github.state().workflows = vec![("build.yaml", "active"), ("cleanup.yaml", "active")];
        let dir = Shell::new().unwrap().create_temp_dir().unwrap();
        let address = github.address();
        let conf = dir.path().join("registries.conf");
        let text = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
        std::fs::write(&conf, text).unwrap();
        let text = include_str!("../../../crates/image-build/src/testing/image.yaml");
        let mut config = Config::parse(text, Path::new("image.yaml")).unwrap();
        config.urls.github_api = format!("http://{address}").parse().unwrap();
        config.image.registry = address.to_string().parse().unwrap();
        config.image.name = "nas/bootc".parse().unwrap();
        let mut env = Env::read().unwrap();
        // Half an hour later, so that a second more or less of a slow machine
        // changes no count of days or hours.
        env.now += Duration::from_secs(1_800);
        env.root = dir.path().to_owned();
        env.registries_conf = Some(conf);
        env.auth = host::env::AuthVariables::default();
        env.cache = None;
        env.path = Vec::new();
        env.github_token = Some(Secret::new(TOKEN));
        env.run = forge::Ci {
            forge: None,
            owner: None,
            api: None,
            page: None,
            output: None,
            summary: None,
            site: None,
            repository: Some("someone/image".to_owned()),
            server: Some("https://github.com".to_owned()),
            id: Some(900),
            attempt: Some(1),
            job: Some("build".to_owned()),
            runner: Some("runner-7".to_owned()),
        };
        Self {
            github,
            config,
            env,
            dir,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `cargo xtask` with these words.
    pub fn run(&self, line: &str) -> Ran {
        let words = ["xtask"].into_iter().chain(line.split(' '));
        let cli = Cli::try_parse_from(words).unwrap();
        let report = Report::capturing(cli.global.json);
        let images = Images::from(self.config.clone());
        let on = Selected::new(&self.env, &report, &images, &cli.global.images).unwrap();
        let world = on.shared();
        let pace = Pace {
            between: Duration::ZERO,
            unsaid: Duration::from_millis(1),
            budget: Duration::from_secs(2),
            clock: || 1_000_000,
            interrupted: || false,
        };
        let polls = Polls {
            every: Duration::ZERO,
            most: 5,
            interrupted: || false,
        };
        let tempo = Tempo {
            pace,
            find: polls,
            follow: polls,
        };
        let done = match &cli.task {
            Some(Task::Alarm(args)) => {
                let about = night::alarm::keep::About {
                    images: &images,
                    wanted: on.wanted(),
                    only: on.chosen_one(),
                };
                night::alarm::keep::run_at(&world, &about, args.call(), pace).map_err(Into::into)
            }
            Some(Task::Status(args)) => status::run(&on, args),
            Some(Task::Workflow(args)) => {
                workflow_runs::run_at(&world, &images, &args.request(), tempo).map_err(Into::into)
            }
            other => panic!("{other:?}"),
        };
        Ran::of(&report, done)
    }

    /// The end of a job: `alarm --job JOB --status STATUS`.
    #[track_caller]
    pub fn ends(&self, job: &str, status: &str) -> Ran {
        self.run(&format!("alarm --job {job} --status {status}"))
            .expect(0)
    }

    /// What a task left behind that failed.
    pub fn left(&self, task: &str, exit_code: u8, cause: Cause, message: &str) {
        let outcome = Outcome {
            format: 1,
            task: task.to_owned(),
            step: None,
            exit_code,
            cause,
            message: message.to_owned(),
            run: self.env.run.job_key(),
        };
        keep(self.dir.path(), &Mark::Write(outcome)).unwrap();
    }

    /// The night's failure of `build`.
    #[track_caller]
    pub fn fails(&self, cause: Cause) -> Ran {
        self.left("build", 1, cause, "what it said");
        self.ends("build", "failure")
    }

    /// Requests that changed something.
    pub fn changes(&self) -> usize {
        let count = |method| self.github.count(method, "/repos/");
        count("POST") + count("PATCH")
    }

    /// Number, open or not, and first line of each issue.
    pub fn issues(&self) -> Vec<(u64, bool, String)> {
        let state = self.github.state();
        let first = |body: &str| body.lines().next().unwrap_or_default().to_owned();
        let issues = state.issues.iter();
        issues
            .map(|issue| (issue.number, issue.open, first(&issue.body)))
            .collect()
    }
}

//! The task in this process, between a GitHub on loopback and a throw-away
//! folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use cleanup::log::Log;
use cleanup::run::Paces;
use custom_coreos::Selected;
use custom_coreos::cli::{Cli, Task};
use custom_coreos::tasks::cleanup::run_at;
use host::Secret;
use host::env::Env;
use host::report::Report;
use image_config::{Config, Images};
use remote::Pace;
use xshell::{Shell, TempDir};

use crate::github::Github;
pub use crate::ran::{Ran, TOKEN};

/// What the world's clock says to the limiter, in seconds.
pub const CLOCK: u64 = 1_000_000;

/// How long all waits may be together, in seconds.
pub const BUDGET: u64 = 2;

pub struct Sandbox {
    pub github: Github,
    pub config: Config,
    /// In the place of `config`, where there are several.
    pub images: Option<Images>,
    pub env: Env,
    dir: TempDir,
}

impl Sandbox {
    /// An empty package; nothing protected but `stable`, no floor, any share.
    pub fn new() -> Self {
        let github = Github::start();
        let dir = Shell::new().unwrap().create_temp_dir().unwrap();
        let address = github.address();
        let conf = dir.path().join("registries.conf");
        let text = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
        std::fs::write(&conf, text).unwrap();
        let text = include_str!("../../../image.yaml");
        let mut config = Config::parse(text, Path::new("image.yaml")).unwrap();
        config.urls.github_api = format!("http://{address}").parse().unwrap();
        let retention = format!(
            "{{keep: 0, protect: [stable], most-share: 100, packages: [{{image: \
             {address}/someone/nas/bootc, back-end: github}}]}}"
        );
        config.retention = serde_yaml::from_str(&retention).unwrap();
        let mut env = Env::read().unwrap();
        env.root = dir.path().to_owned();
        env.registries_conf = Some(conf);
        env.auth = host::env::AuthVariables::default();
        env.cache = Some(dir.path().join("cache/custom-coreos"));
        env.github_token = Some(Secret::new(TOKEN));
        Self {
            github,
            config,
            images: None,
            env,
            dir,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `cargo xtask cleanup` with these words.
    pub fn run(&self, words: &[&str]) -> Ran {
        let line = ["xtask", "cleanup"].iter().chain(words);
        let cli = Cli::try_parse_from(line).unwrap();
        let Some(Task::Cleanup(args)) = &cli.task else {
            panic!("not the clean-up");
        };
        let report = Report::capturing(cli.global.json);
        let images = match &self.images {
            Some(images) => images.clone(),
            None => Images::from(self.config.clone()),
        };
        let on = Selected::new(&self.env, &report, &images, &cli.global.images).unwrap();
        let pace = Pace {
            between: Duration::ZERO,
            unsaid: Duration::from_millis(1),
            budget: Duration::from_secs(BUDGET),
            clock: || CLOCK,
            interrupted: || false,
        };
        let paces = Paces {
            github: pace,
            registry: pace,
        };
        Ran::of(&report, run_at(&on, args, paces))
    }

    /// `cleanup --execute`, with its log in `log.json`.
    pub fn execute(&self) -> Ran {
        let log = self.path("log.json");
        self.run(&["--execute", "--log", &log.display().to_string()])
    }

    /// GitHub's numbers in `log.json`, in order; none without the file.
    pub fn logged(&self) -> Vec<u64> {
        let path = self.path("log.json");
        if !path.exists() {
            return Vec::new();
        }
        let log = Log::read(&path).unwrap();
        let deleted = log.packages.into_iter().flat_map(|entry| entry.deleted);
        deleted.map(|deleted| deleted.id.unwrap()).collect()
    }

    /// Versions 1 to 4: an old index with two platforms, its signature; 5:
    /// `stable`, old as well; 6: young.
    pub fn furnish(&self) {
        let github = &self.github;
        let a = github.image(200, &[], "a");
        let b = github.image(200, &[], "b");
        let index = github.add(200, &["v1"], &crate::github::index(&[&a, &b]));
        let sig = format!("{}.sig", index.replace(':', "-"));
        github.image(200, &[&sig], "signature");
        github.image(150, &["stable"], "stable");
        github.image(1, &["v2"], "young");
    }
}

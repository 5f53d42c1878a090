//! What is published: the Ignition files and one page about them.

use forge::{Access, Forge};
use image_build::gather::World;
use image_config::Config;
use remote::Pace;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::facts::{Fact, facts};
use super::sources::Machine;
use super::view::View;
use crate::error::Error;

/// `content-type` of an Ignition config, and of the page.
pub const IGNITION: &str = "application/vnd.coreos.ignition+json";
/// The same of the page.
pub const HTML: &str = "text/html; charset=utf-8";

/// The name of the page.
pub const PAGE: &str = "index.html";

/// The commit that the configs are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its full hash.
    pub id: String,
    /// When it was made, ISO 8601.
    pub date: String,
    /// The checkout has changes that are in no commit.
    pub changed: bool,
}

/// A config to publish.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// `nas`.
    pub name: String,
    /// `nas.ign`.
    pub file: String,
    /// Where it will be.
    pub url: String,
    /// In bytes.
    pub size: usize,
    /// As `--ignition-hash` takes it: `sha256-…`.
    pub hash: String,
    /// What it configures.
    pub facts: Vec<Fact>,
    /// What a person should know before using it.
    pub warnings: Vec<String>,
    /// The config.
    #[serde(skip)]
    pub text: String,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Site {
    /// Of the image.
    pub title: String,
    /// Of the image.
    pub description: String,
    /// Where it will be, without a slash at its end.
    pub url: String,
    /// What it is made of, where there is git.
    pub commit: Option<Commit>,
    /// The configs.
    pub machines: Vec<Published>,
}

/// Where the page is published: `ignition.url`, what CI says, the pages of the owner at
/// the forge, or what the forge says when it is asked. Where there is no forge, GitHub's,
/// which nobody has to have published.
///
/// # Errors
/// [`Error::Usage`] if nobody says it.
pub fn home(world: &World<'_>) -> Result<String, Error> {
    let (config, image) = (world.config, &world.config.image);
    if let Some(url) = &config.ignition.url {
        return Ok(url.to_string());
    }
    if let Some(url) = &world.env.run.site {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let home = world.home().ok();
    let (forge, web) = match &home {
        Some(home) if home.forge != Forge::None => (home.forge, home.web.as_str()),
        _ => (Forge::Github, ""),
    };
    let known =
        forge::api(forge).and_then(|api| api.pages(web, image.owner.as_str(), image.name.as_str()));
    if let Some(url) = known {
        return Ok(url);
    }
    let pace = Pace::github(host::env::epoch_seconds, host::process::interrupted);
    let asked = world.project(Access::ReadRuns, pace);
    let asked = asked.and_then(|project| Ok(project.site()?));
    match asked {
        Ok(Some(url)) => Ok(url.trim_end_matches('/').to_owned()),
        Ok(None) => Err(unsaid(web, "it does not say so to this token")),
        Err(error) => Err(unsaid(web, &error.to_string())),
    }
}

fn unsaid(web: &str, why: &str) -> Error {
    Error::Usage(format!(
        "where {web} publishes the site of this repository is not known: {why}; write \
         `ignition: {{url: …}}` into image.yaml"
    ))
}

impl Site {
    /// Of configs that are well; examples are left out.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is nothing to publish.
    pub fn new(
        config: &Config,
        machines: &[Machine],
        url: &str,
        commit: Option<Commit>,
    ) -> Result<Self, Error> {
        let mut published = Vec::new();
        for machine in machines.iter().filter(|machine| !machine.is_example()) {
            let Some(text) = &machine.ignition else {
                continue;
            };
            let view = View::parse(text)
                .map_err(|error| Error::Usage(format!("{}: {error}", machine.name)))?;
            let warnings = machine
                .findings
                .iter()
                .filter(|finding| finding.allowed.is_none());
            published.push(Published {
                name: machine.name.clone(),
                file: machine.file(),
                url: format!("{url}/{}", machine.file()),
                size: text.len(),
                hash: format!("sha256-{}", hex(&Sha256::digest(text))),
                facts: facts(&view),
                warnings: warnings.map(|finding| finding.detail.clone()).collect(),
                text: text.clone(),
            });
        }
        if published.is_empty() {
            let sources = &config.ignition.sources;
            return Err(Error::Usage(format!(
                "there is nothing to publish: no {sources}/*.bu"
            )));
        }
        Ok(Self {
            title: config.image.title.to_string(),
            description: config.image.description.to_string(),
            url: url.to_owned(),
            commit,
            machines: published,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

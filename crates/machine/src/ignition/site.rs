//! What is published: the Ignition files and one page about them.

use forge::Forge;
use image_config::Config;
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

/// Where the page is published: `ignition.url`, or the pages of the owner at the
/// forge. Where there is none, GitHub's, which nobody has to have published.
pub fn home(config: &Config, forge: Forge) -> String {
    let api = forge::api(forge).or(forge::api(Forge::Github));
    match (&config.ignition.url, api) {
        (Some(url), _) => url.to_string(),
        (None, Some(api)) => {
            let image = &config.image;
            api.pages(image.owner.as_str(), image.name.as_str())
        }
        (None, None) => String::new(),
    }
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

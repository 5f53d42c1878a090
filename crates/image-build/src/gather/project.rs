//! The repository at its forge, and the token for requests to it.

use forge::{Access, Forge, Hints, Home, UnknownHome};
use host::process::Invocation;
use host::{Secret, process};
use remote::{Pace, Project};

use super::World;
use crate::error::Error;

impl World<'_> {
    /// The token for GitHub, where upstream is and packages may be.
    pub fn github_token(&self) -> Option<Secret> {
        let api = self.config.urls.github_api.as_str();
        self.token(Forge::Github, forge::github::web_host(api))
    }

    /// The token for a forge: that of its variables, or of its program if that is
    /// installed and logged in.
    pub fn token(&self, forge: Forge, host: &str) -> Option<Secret> {
        let given = self.env.token(forge).cloned();
        given.or_else(|| {
            let (program, words) = forge::api(forge)?.token_command(host)?;
            self.env.program(program)?;
            let sh = process::shell(&self.env.root).ok()?;
            let text = process::read(&sh, &Invocation::new(program, words)).ok()?;
            let token = text.trim();
            (!token.is_empty()).then(|| Secret::new(token))
        })
    }

    /// Where the repository is: by `image.yaml`, the variables of CI, or the remote
    /// `origin`.
    ///
    /// # Errors
    /// [`Error::Usage`] if that is not known.
    pub fn home(&self) -> Result<Home, Error> {
        let config = self.config;
        let written = config.forge.as_ref();
        let mut asked = Hints {
            forge: written.map(|forge| forge.kind),
            url: written.and_then(|forge| Some(forge.url.as_ref()?.as_str())),
            repository: written.and_then(|forge| Some(forge.repository.as_ref()?.as_str())),
            github_repository: config.github.repository.as_ref().map(|name| name.as_str()),
            github_api: config.urls.github_api.as_str(),
            remote: "",
        };
        let wrong = |UnknownHome(why)| Error::Usage(why);
        let named = [
            asked.repository,
            asked.github_repository,
            self.env.run.repository.as_deref(),
        ];
        if asked.forge == Some(Forge::None) || named.iter().any(Option::is_some) {
            return forge::home(&asked, &self.env.run).map_err(wrong);
        }
        let sh = process::shell(&self.env.root)?;
        let call = Invocation::new("git", ["remote", "get-url", "origin"]);
        let url = process::read(&sh, &call).unwrap_or_default();
        asked.remote = url.trim();
        forge::home(&asked, &self.env.run).map_err(wrong)
    }

    /// Where the repository is, and the token there; `None` where it is not known.
    pub fn home_and_token(&self) -> Option<(Home, Option<Secret>)> {
        let home = self.home().ok()?;
        let host = home.web.split_once("://").map_or("", |(_, host)| host);
        let token = self.token(home.forge, host);
        Some((home, token))
    }

    /// The forge; GitHub where it is not known.
    pub fn forge(&self) -> Forge {
        self.home().map_or(Forge::Github, |home| home.forge)
    }

    /// Its repository, for what a task wants to do there.
    ///
    /// # Errors
    /// If it is not known which, or there is no token.
    pub fn project(&self, access: Access, pace: Pace) -> Result<Project, Error> {
        let home = self.home()?;
        let host = home.web.split_once("://").map_or("", |(_, host)| host);
        let token = self.token(home.forge, host);
        Ok(Project::new(
            &self.agent,
            home.clone(),
            token.as_ref(),
            access,
            pace,
        )?)
    }
}

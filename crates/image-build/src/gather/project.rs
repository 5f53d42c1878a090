//! The repository at GitHub, and the token for requests to it.

use host::process::Invocation;
use host::{Secret, process};
use image_config::Project as ProjectName;
use remote::{Access, Pace, Project};

use super::World;
use crate::error::Error;

impl World<'_> {
    /// The token for GitHub: `GITHUB_TOKEN`, `GH_TOKEN`, or that of `gh` if it
    /// is installed and logged in.
    pub fn github_token(&self) -> Option<Secret> {
        let given = self.env.github_token.clone();
        given.or_else(|| {
            self.env.program("gh")?;
            let sh = process::shell(&self.env.root).ok()?;
            let host = web_host(self.config.urls.github_api.as_str());
            let call = Invocation::new("gh", ["auth", "token", "--hostname", host]);
            let text = process::read(&sh, &call).ok()?;
            let token = text.trim();
            (!token.is_empty()).then(|| Secret::new(token))
        })
    }

    /// The name of the repository: that of `image.yaml`, of the workflow's run,
    /// or of the remote `origin`.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none.
    pub fn project_name(&self) -> Result<ProjectName, Error> {
        if let Some(name) = &self.config.github.repository {
            return Ok(name.clone());
        }
        if let Some(name) = &self.env.run.repository {
            let wrong = |error| Error::Usage(format!("GITHUB_REPOSITORY: {error}"));
            return name.parse().map_err(wrong);
        }
        let sh = process::shell(&self.env.root)?;
        let call = Invocation::new("git", ["remote", "get-url", "origin"]);
        let url = process::read(&sh, &call).unwrap_or_default();
        let host = web_host(self.config.urls.github_api.as_str());
        of_remote(url.trim(), host).ok_or_else(|| {
            Error::Usage(format!(
                "which repository at {host} this is, is not known: the remote `origin` of this \
                 checkout names none; write `github: {{repository: OWNER/NAME}}` into image.yaml"
            ))
        })
    }

    /// That repository, for what a task wants to do there.
    ///
    /// # Errors
    /// If it is not known which, or there is no token.
    pub fn project(&self, access: Access, pace: Pace) -> Result<Project, Error> {
        Ok(Project::new(
            &self.agent,
            self.config.urls.github_api.as_str(),
            self.project_name()?.as_str(),
            self.github_token().as_ref(),
            access,
            pace,
        )?)
    }
}

/// The host of the web pages, derived from the address of the API: `github.com` for
/// `api.github.com`; a GitHub Enterprise server has both on one host.
fn web_host(api: &str) -> &str {
    let rest = api.split_once("://").map_or(api, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    host.strip_prefix("api.").unwrap_or(host)
}

/// `owner/name` of a remote's address at a host, in any of the forms that git
/// has: `https://HOST/O/N.git`, `ssh://git@HOST/O/N`, `git@HOST:O/N.git`.
fn of_remote(url: &str, host: &str) -> Option<ProjectName> {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest,
        None => url,
    };
    // A password may stand before the host.
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let path = place.strip_prefix(host)?;
    let path = match path.strip_prefix('/') {
        Some(path) => path,
        None => {
            let path = path.strip_prefix(':')?;
            // A port, or the other form's path.
            let port = path.split_once('/').filter(|(port, _)| {
                !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
            });
            port.map_or(path, |(_, path)| path)
        }
    };
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_names_a_repository_in_any_of_its_forms() {
        for url in [
            "https://github.com/some-one/image.git",
            "https://github.com/some-one/image/",
            "https://user:password@github.com/some-one/image",
            "ssh://git@github.com/some-one/image.git",
            "ssh://git@github.com:22/some-one/image.git",
            "git@github.com:some-one/image.git",
            "github.com:some-one/image",
        ] {
            let found = of_remote(url, "github.com").map(|name| name.to_string());
            assert_eq!(found.as_deref(), Some("some-one/image"), "{url}");
        }
        for url in [
            "",
            "https://gitlab.com/some-one/image.git",
            "https://github.com.evil.example/some-one/image",
            "https://github.com/some-one",
            "https://github.com/a/b/c",
            "../image",
        ] {
            assert_eq!(of_remote(url, "github.com"), None, "{url}");
        }
        assert_eq!(web_host("https://api.github.com"), "github.com");
        assert_eq!(
            web_host("https://git.example.org/api/v3"),
            "git.example.org"
        );
        assert_eq!(web_host("http://127.0.0.1:4000/github"), "127.0.0.1");
    }
}

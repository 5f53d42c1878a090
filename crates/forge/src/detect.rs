//! Which forge it is, and where: from `image.yaml`, from CI's variables, or from
//! the remote of the checkout, in this order.

use crate::api::Api;
use crate::ci::Ci;
use crate::forgejo::Forgejo;
use crate::github::Github;
use crate::gitlab::Gitlab;
use crate::kind::Forge;
use crate::url::host_of;
use crate::{forgejo, github, gitlab};

/// The API of a forge; `None` where there is no forge.
pub fn api(forge: Forge) -> Option<&'static dyn Api> {
    match forge {
        Forge::Github => Some(&Github),
        Forge::Gitlab => Some(&Gitlab),
        Forge::Forgejo => Some(&Forgejo),
        Forge::None => None,
    }
}

/// The run that this is, from the environment's variables; an empty value counts
/// as none.
pub fn ci(var: &dyn Fn(&str) -> Option<String>) -> Ci {
    if let Some(found) = gitlab::ci(var) {
        return found;
    }
    let like_github = github::ci(var);
    forgejo::ci(var, like_github.clone()).unwrap_or(like_github)
}

/// The variables that a token for this forge may be in. Where `own` says that
/// this is a job of the forge's own CI, the variable that it fills counts too; and
/// Forgejo's, which has GitHub's name, is none for GitHub.
pub fn token_names(forge: Forge, ci: Option<Forge>) -> Vec<&'static str> {
    match (forge, ci) {
        (Forge::Github, Some(Forge::Forgejo)) => vec![github::TOKENS[1]],
        (Forge::Github, _) => github::TOKENS.into(),
        (Forge::Gitlab, _) => gitlab::TOKENS.into(),
        (Forge::Forgejo, Some(Forge::Forgejo)) => {
            let own = std::iter::once(github::TOKENS[0]);
            forgejo::TOKENS.into_iter().chain(own).collect()
        }
        (Forge::Forgejo, _) => forgejo::TOKENS.into(),
        (Forge::None, _) => Vec::new(),
    }
}

/// What is known of where the repository is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// `forge` of `image.yaml`.
    pub forge: Option<Forge>,
    /// `forge.url`: the root of its web pages.
    pub url: Option<&'a str>,
    /// `forge.repository`.
    pub repository: Option<&'a str>,
    /// `github.repository`, which is GitHub's.
    pub github_repository: Option<&'a str>,
    /// `urls.github-api`.
    pub github_api: &'a str,
    /// The address of the remote `origin`; empty for none.
    pub remote: &'a str,
}

/// Where the repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// At which forge.
    pub forge: Forge,
    /// The root of its web pages, without a slash at the end.
    pub web: String,
    /// The root of its API, without a slash at the end.
    pub api: String,
    /// `owner/name`; empty where there is no forge.
    pub project: String,
}

/// Why it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownHome(pub String);

/// Finds out.
///
/// # Errors
/// [`UnknownHome`], with what to write into `image.yaml`.
pub fn home(asked: &Hints<'_>, ci: &Ci) -> Result<Home, UnknownHome> {
    let remote = Remote::parse(asked.remote);
    let forge = which(asked, ci, remote.as_ref())?;
    if forge == Forge::None {
        return Ok(Home {
            forge,
            web: String::new(),
            api: String::new(),
            project: String::new(),
        });
    }
    let here = |of: &Option<String>| of.clone().filter(|_| ci.forge.unwrap_or(forge) == forge);
    let at = remote.as_ref().map(|remote| remote.host.as_str());
    let web = match (asked.url, here(&ci.server)) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(server)) => server.trim_end_matches('/').to_owned(),
        (None, None) => {
            let usual = usual_host(forge, asked.github_api);
            let host = match forge {
                Forge::Github => usual,
                _ => at.unwrap_or(usual),
            };
            format!("https://{host}")
        }
    };
    let api = match (forge, here(&ci.api)) {
        // image.yaml has a default for it, and a place to change it.
        (Forge::Github, _) => asked.github_api.to_owned(),
        (Forge::Gitlab, None) => format!("{web}/api/v4"),
        (_, Some(api)) if asked.url.is_none() => api,
        (Forge::Gitlab, _) => format!("{web}/api/v4"),
        _ => format!("{web}/api/v1"),
    };
    let host = host_of(&web);
    let written = asked
        .repository
        .or(asked.github_repository.filter(|_| forge == Forge::Github));
    let of_remote = remote
        .filter(|remote| remote.host == host || asked.url.is_none() && forge != Forge::Github)
        .map(|remote| remote.path);
    let said = here(&ci.repository).filter(|_| written.is_none());
    let source = match (&said, forge) {
        (None, _) => "",
        (Some(_), Forge::Gitlab) => "CI_PROJECT_PATH: ",
        (Some(_), _) => "GITHUB_REPOSITORY: ",
    };
    let project = written.map(str::to_owned).or(said).or(of_remote);
    let Some(project) = project else {
        let key = match forge {
            Forge::Github => "github: {repository: OWNER/NAME}",
            _ => "forge: {kind: …, url: …, repository: OWNER/NAME}",
        };
        return Err(UnknownHome(format!(
            "which repository at {host} this is, is not known: the remote `origin` of this \
             checkout names none; write `{key}` into image.yaml"
        )));
    };
    match is_project(forge, &project) {
        true => Ok(Home {
            forge,
            web,
            api,
            project,
        }),
        false => Err(UnknownHome(format!(
            "{source}`{project}` is not the name of a repository at {forge}: OWNER/NAME of letters, \
             digits, `.`, `_` and `-`"
        ))),
    }
}

fn which(asked: &Hints<'_>, ci: &Ci, remote: Option<&Remote>) -> Result<Forge, UnknownHome> {
    if let Some(forge) = asked.forge {
        return Ok(forge);
    }
    // What is written for GitHub is meant for GitHub.
    if asked.github_repository.is_some() {
        return Ok(Forge::Github);
    }
    if let Some(forge) = ci.forge {
        return Ok(forge);
    }
    let Some(remote) = remote.filter(|_| ci.repository.is_none()) else {
        return Ok(Forge::Github);
    };
    let host = remote.host.as_str();
    let begins = |words: &[&str]| {
        let first = host.split('.').next().unwrap_or(host);
        words.contains(&first)
    };
    if host == github::web_host(asked.github_api) {
        Ok(Forge::Github)
    } else if begins(&["gitlab"]) {
        Ok(Forge::Gitlab)
    } else if begins(&["codeberg", "forgejo", "gitea"]) {
        Ok(Forge::Forgejo)
    } else {
        let usual = github::web_host(asked.github_api);
        Err(UnknownHome(format!(
            "which repository at {usual} this is, is not known: the remote `origin` of this \
             checkout is at {host}; write `forge: {{kind: gitlab, repository: OWNER/NAME}}` \
             (or github, forgejo) or `forge: none` into image.yaml"
        )))
    }
}

fn usual_host(forge: Forge, github_api: &str) -> &str {
    match forge {
        Forge::Github => github::web_host(github_api),
        Forge::Gitlab => "gitlab.com",
        Forge::Forgejo => "codeberg.org",
        Forge::None => "",
    }
}

/// Safe in an address and in a sentence. Only GitLab has groups in groups.
fn is_project(forge: Forge, name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 100
            && part.chars().all(good)
            && ![".", ".."].contains(&part)
    };
    let parts: Vec<&str> = name.split('/').collect();
    let many = match forge {
        Forge::Gitlab => parts.len() >= 2,
        _ => parts.len() == 2,
    };
    many && parts.into_iter().all(part)
}

/// A remote's address, in any of the forms that git has: `https://HOST/O/N.git`,
/// `ssh://git@HOST/O/N`, `git@HOST:O/N.git`.
struct Remote {
    host: String,
    path: String,
}

impl Remote {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, url),
        };
        if scheme.is_some_and(|scheme| !["https", "http", "ssh", "git"].contains(&scheme)) {
            return None;
        }
        // A password may stand before the host.
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let end = place.find(['/', ':'])?;
        let (host, path) = place.split_at(end);
        let path = match path.strip_prefix('/') {
            Some(path) if scheme.is_some() => path,
            // A folder of this machine.
            Some(_) => return None,
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
        let path = path.strip_suffix(".git").unwrap_or(path);
        let good = !host.is_empty() && is_project(Forge::Gitlab, path);
        good.then(|| Self {
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: Hints<'_>, ci: &Ci) -> Result<Home, String> {
        let asked = Hints {
            github_api: "https://api.github.com",
            ..asked
        };
        home(&asked, ci).map_err(|UnknownHome(why)| why)
    }

    fn of_remote(remote: &str) -> Option<String> {
        let asked = Hints {
            remote,
            ..Hints::default()
        };
        let home = found(asked, &Ci::default()).ok()?;
        Some(format!(
            "{} {} {}",
            home.forge.word(),
            home.api,
            home.project
        ))
    }

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
            let expected = "github https://api.github.com some-one/image";
            assert_eq!(of_remote(url).as_deref(), Some(expected), "{url}");
        }
        for (url, expected) in [
            (
                "https://gitlab.com/a/b/c.git",
                "gitlab https://gitlab.com/api/v4 a/b/c",
            ),
            (
                "git@gitlab.example.org:a/b.git",
                "gitlab https://gitlab.example.org/api/v4 a/b",
            ),
            (
                "https://codeberg.org/a/b",
                "forgejo https://codeberg.org/api/v1 a/b",
            ),
        ] {
            assert_eq!(of_remote(url).as_deref(), Some(expected), "{url}");
        }
        for url in [
            "",
            "https://example.org/some-one/image.git",
            "https://github.com.evil.example/some-one/image",
            "https://github.com/some-one",
            "https://github.com/a/b/c",
            "../image",
            "/srv/git/image",
            "file:///srv/git/image",
        ] {
            assert_eq!(of_remote(url), None, "{url}");
        }
    }

    #[test]
    fn what_is_written_comes_before_ci_and_ci_before_the_remote() {
        let set = |names: &'static [(&'static str, &'static str)]| {
            ci(&move |name| {
                let found = names.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let lab = set(&[
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_PATH", "g/s/n"),
            ("CI_SERVER_URL", "https://git.example.org"),
            ("CI_API_V4_URL", "https://git.example.org/api/v4"),
            ("CI_PIPELINE_ID", "7"),
            ("CI_JOB_ID", "9"),
            ("CI_JOB_NAME", "build"),
            ("CI_PROJECT_DIR", "/builds/x"),
        ]);
        assert_eq!(lab.job_key().as_deref(), Some("7/9/build"));
        let asked = Hints {
            remote: "https://github.com/a/b",
            ..Hints::default()
        };
        let home = found(asked, &lab).unwrap();
        assert_eq!(
            (home.forge, home.project.as_str()),
            (Forge::Gitlab, "g/s/n")
        );
        assert_eq!(home.api, "https://git.example.org/api/v4");
        let berg = set(&[
            ("GITHUB_ACTIONS", "true"),
            ("FORGEJO_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "o/n"),
            ("GITHUB_SERVER_URL", "https://codeberg.org"),
            ("GITHUB_API_URL", "https://codeberg.org/api/v1"),
            ("GITHUB_RUN_ID", "3"),
        ]);
        let home = found(asked, &berg).unwrap();
        assert_eq!((home.forge, home.project.as_str()), (Forge::Forgejo, "o/n"));
        assert_eq!(home.api, "https://codeberg.org/api/v1");
        // Its token has GitHub's name, and must not go there.
        let names = |forge| token_names(forge, berg.forge);
        assert_eq!(names(Forge::Github), ["GH_TOKEN"]);
        assert!(names(Forge::Forgejo).contains(&"GITHUB_TOKEN"));
        assert!(!token_names(Forge::Forgejo, None).contains(&"GITHUB_TOKEN"));
        let written = Hints {
            forge: Some(Forge::Forgejo),
            url: Some("https://git.example.net/"),
            repository: Some("x/y"),
            ..asked
        };
        let home = found(written, &lab).unwrap();
        assert_eq!(home.api, "https://git.example.net/api/v1");
        assert_eq!(home.project, "x/y");
        let none = Hints {
            forge: Some(Forge::None),
            ..asked
        };
        assert_eq!(found(none, &lab).unwrap().forge, Forge::None);
        let outside = Hints {
            repository: Some("../../x"),
            ..asked
        };
        assert!(found(outside, &Ci::default()).is_err());
    }
}

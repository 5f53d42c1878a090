//! Registry credentials, found where `podman` and `docker` keep them.
//!
//! Source: containers-auth.json(5), and the order in which `podman` looks:
//! the named file alone; else the runtime directory, the user's configuration
//! directory, docker's own file. In each file credential helpers come first,
//! then the longest matching key of `auths`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_compat::Repository;
use serde::Deserialize;

use crate::Error;
use host::Secret;

/// User and password for one registry or namespace.
#[derive(Clone)]
pub struct Credential {
    /// The account's name.
    pub user: String,
    /// Password or token; empty where there is only an identity token.
    pub password: Secret,
    /// What some registries give out at a login in place of the password. Only
    /// their token service takes it, as the refresh token of OAuth 2.
    pub identity: Option<Secret>,
}

impl Credential {
    /// User and password.
    pub fn new(user: impl Into<String>, password: Secret) -> Self {
        Self {
            user: user.into(),
            password,
            identity: None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, …)", self.user)
    }
}

/// Runs `docker-credential-NAME get` with the registry on its standard input
/// and returns its standard output; `Ok(None)` if the helper knows nothing.
/// Given from outside, because processes are another door.
pub type HelperCall = dyn Fn(&str, &str) -> Result<Option<String>, String> + Send + Sync;

/// Where to look, in order. Files that do not exist are passed over.
#[derive(Debug, Clone, Default)]
pub struct AuthFiles {
    /// `auth.json` and `config.json` files.
    pub paths: Vec<PathBuf>,
}

impl AuthFiles {
    /// The places for an environment. `explicit` is `REGISTRY_AUTH_FILE`; the
    /// others are the directories that the variables of the same name give,
    /// with their defaults filled in.
    pub fn locate(
        explicit: Option<PathBuf>,
        runtime_dir: Option<PathBuf>,
        config_home: Option<PathBuf>,
        docker_config: Option<PathBuf>,
    ) -> Self {
        let paths = match explicit {
            Some(path) => vec![path],
            None => [
                runtime_dir.map(|dir| dir.join("containers/auth.json")),
                config_home.map(|dir| dir.join("containers/auth.json")),
                docker_config.map(|dir| dir.join("config.json")),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        Self { paths }
    }

    /// The credential for a repository; `None` means anonymous.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if a file that is there cannot be read, or a
    /// helper that it names fails: going on anonymously would end in a
    /// misleading "denied".
    pub fn find(
        &self,
        repository: &Repository,
        helper: &HelperCall,
    ) -> Result<Option<Credential>, Error> {
        for path in &self.paths {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(wrong(path, error)),
            };
            let file: AuthFile = serde_json::from_str(&text)
                .map_err(|error| wrong(path, format!("not a registry auth file: {error}")))?;
            if let Some(found) = file.find(repository, path, helper)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn wrong(path: &Path, detail: impl fmt::Display) -> Error {
    Error::ConfigFile {
        path: path.to_owned(),
        detail: host::one_line(&detail.to_string()),
    }
}

#[derive(Deserialize)]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, AuthEntry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct AuthEntry {
    #[serde(default)]
    auth: String,
    #[serde(default, rename = "identitytoken")]
    identity: String,
}

impl AuthEntry {
    fn says_something(&self) -> bool {
        !self.auth.is_empty() || !self.identity.is_empty()
    }
}

/// The user's name by which a credential helper says that its secret is an
/// identity token. Source: docker's command line, `cli/config/credentials`.
const IDENTITY_USER: &str = "<token>";

/// What a credential helper prints.
/// Source: docker-credential-helpers, "get".
#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    user: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl AuthFile {
    fn find(
        &self,
        repository: &Repository,
        path: &Path,
        helper: &HelperCall,
    ) -> Result<Option<Credential>, Error> {
        let registry = repository.registry();
        if let Some(name) = self.helpers.get(registry) {
            return ask(helper, name, registry, path);
        }
        for key in keys(repository) {
            if let Some(entry) = self.auths.get(&key).filter(|entry| entry.says_something()) {
                return decode(entry, &key, path).map(Some);
            }
        }
        // Old clients wrote URLs as keys; only the host counts then.
        let bare = |key: &str| {
            let host = key.split("://").last().unwrap_or(key);
            host.split('/').next().unwrap_or(host).to_owned()
        };
        let by_url = self.auths.iter().find(|(key, entry)| {
            entry.says_something() && key.contains("://") && bare(key) == registry
        });
        if let Some((key, entry)) = by_url {
            return decode(entry, key, path).map(Some);
        }
        match &self.store {
            Some(name) => ask(helper, name, registry, path),
            None => Ok(None),
        }
    }
}

/// `registry/a/b`, `registry/a`, `registry`: the longest key wins.
fn keys(repository: &Repository) -> Vec<String> {
    let full = repository.to_string();
    let mut all = vec![full.clone()];
    let mut rest = full.as_str();
    while let Some((shorter, _)) = rest.rsplit_once('/') {
        all.push(shorter.to_owned());
        rest = shorter;
    }
    all
}

fn decode(entry: &AuthEntry, key: &str, path: &Path) -> Result<Credential, Error> {
    // The value itself is a secret and never goes into the message.
    let broken = || {
        wrong(
            path,
            format!("the `auth` of `{key}` is not base64 of user:password"),
        )
    };
    let identity = Some(entry.identity.as_str()).filter(|token| !token.is_empty());
    let identity = identity.map(Secret::new);
    if entry.auth.is_empty() {
        return Ok(Credential {
            identity,
            ..Credential::new(IDENTITY_USER, Secret::new(""))
        });
    }
    let bytes = BASE64.decode(entry.auth.trim()).map_err(|_| broken())?;
    let text = String::from_utf8(bytes).map_err(|_| broken())?;
    let (user, password) = text.split_once(':').ok_or_else(broken)?;
    let password = Secret::new(password.trim_end_matches('\0'));
    Ok(Credential {
        identity,
        ..Credential::new(user, password)
    })
}

fn ask(
    helper: &HelperCall,
    name: &str,
    registry: &str,
    path: &Path,
) -> Result<Option<Credential>, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(wrong(
            path,
            format!("`{name}` is no credential helper's name"),
        ));
    }
    let Some(text) = helper(name, registry).map_err(|why| wrong(path, why))? else {
        return Ok(None);
    };
    let answer: HelperAnswer = serde_json::from_str(&text).map_err(|_| {
        wrong(
            path,
            format!("docker-credential-{name} did not answer in JSON"),
        )
    })?;
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.user.as_str() {
        IDENTITY_USER => Credential {
            identity: Some(secret),
            ..Credential::new(answer.user, Secret::new(""))
        },
        _ => Credential::new(answer.user, secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(_: &str, _: &str) -> Result<Option<String>, String> {
        Err("no helper was expected to be asked".to_owned())
    }

    fn find(json: &str, repository: &str) -> Option<(String, String)> {
        let file: AuthFile = serde_json::from_str(json).unwrap();
        file.find(
            &repository.parse().unwrap(),
            Path::new("auth.json"),
            &nobody,
        )
        .unwrap()
        .map(|c| (c.user, c.password.expose().to_owned()))
    }

    #[test]
    fn the_longest_key_wins() {
        let auth = |text: &str| BASE64.encode(text);
        let json = format!(
            r#"{{"auths": {{
                "ghcr.io": {{"auth": "{}"}},
                "ghcr.io/owner": {{"auth": "{}"}},
                "ghcr.io/owner/name": {{"auth": "{}"}},
                "https://old.example/v1/": {{"auth": "{}"}},
                "empty.example": {{}}
            }}}}"#,
            auth("host:1"),
            auth("owner:2"),
            auth("name:3:with:colons"),
            auth("old:4"),
        );
        let user = |repository| find(&json, repository).map(|found| found.0);
        assert_eq!(user("ghcr.io/other/x"), Some("host".into()));
        assert_eq!(user("ghcr.io/owner/x"), Some("owner".into()));
        assert_eq!(user("ghcr.io/owner/name/deep"), Some("name".into()));
        assert_eq!(user("ghcr.io/ownerother/x"), Some("host".into()));
        assert_eq!(user("old.example/x"), Some("old".into()));
        assert_eq!(user("empty.example/x"), None);
        assert_eq!(user("quay.io/x/y"), None);
        assert_eq!(
            find(&json, "ghcr.io/owner/name").unwrap().1,
            "3:with:colons"
        );
    }

    #[test]
    fn helpers_come_first_and_the_store_last() {
        let file: AuthFile = serde_json::from_str(&format!(
            r#"{{"credHelpers": {{"ghcr.io": "gh"}}, "credsStore": "all",
                 "auths": {{"quay.io": {{"auth": "{}"}}, "ghcr.io": {{"auth": "eDp5"}}}}}}"#,
            BASE64.encode("quay:1")
        ))
        .unwrap();
        let helper = |name: &str, registry: &str| {
            Ok(Some(format!(
                r#"{{"Username": "{name}", "Secret": "for {registry}"}}"#
            )))
        };
        let user = |repository: &str| {
            file.find(&repository.parse().unwrap(), Path::new("x"), &helper)
                .unwrap()
                .unwrap()
                .user
        };
        assert_eq!(user("ghcr.io/a/b"), "gh");
        assert_eq!(user("quay.io/a/b"), "quay");
        assert_eq!(user("other.example/a"), "all");
    }

    #[test]
    fn an_identity_token_is_no_password() {
        let find = |json: &str, helper: &HelperCall| {
            let file: AuthFile = serde_json::from_str(json).unwrap();
            let repository = "ghcr.io/a/b".parse().unwrap();
            let found = file.find(&repository, Path::new("x"), helper).unwrap();
            let found = found.unwrap();
            let identity = found.identity.map(|token| token.expose().to_owned());
            (found.user, found.password.expose().to_owned(), identity)
        };
        fn own(text: &str) -> String {
            text.to_owned()
        }
        let token = Some(own("a-token"));
        let none = (own("<token>"), own(""), token.clone());
        for (entry, expected) in [
            (r#"{"identitytoken": "a-token"}"#, none.clone()),
            (
                // somebody: and no password.
                r#"{"auth": "c29tZWJvZHk6", "identitytoken": "a-token"}"#,
                (own("somebody"), own(""), token),
            ),
            (
                r#"{"auth": "eDp5", "identitytoken": ""}"#,
                (own("x"), own("y"), None),
            ),
        ] {
            let json = format!(r#"{{"auths": {{"ghcr.io": {entry}}}}}"#);
            assert_eq!(find(&json, &nobody), expected, "{entry}");
        }
        let helper =
            |_: &str, _: &str| Ok(Some(own(r#"{"Username": "<token>", "Secret": "a-token"}"#)));
        assert_eq!(find(r#"{"credsStore": "x"}"#, &helper), none);
    }

    #[test]
    fn a_broken_entry_is_said_without_its_value() {
        let json = r#"{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}"#;
        let file: AuthFile = serde_json::from_str(json).unwrap();
        let error = file
            .find(
                &"ghcr.io/a/b".parse().unwrap(),
                Path::new("auth.json"),
                &nobody,
            )
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("auth.json") && error.contains("ghcr.io"),
            "{error}"
        );
        assert!(
            !error.contains("c2VjcmV0") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn an_explicit_file_is_the_only_one() {
        let files = AuthFiles::locate(Some("/x".into()), Some("/run".into()), None, None);
        assert_eq!(files.paths, [PathBuf::from("/x")]);
        let files = AuthFiles::locate(
            None,
            Some("/run/user/1".into()),
            Some("/home/u/.config".into()),
            Some("/home/u/.docker".into()),
        );
        assert_eq!(
            files.paths,
            [
                PathBuf::from("/run/user/1/containers/auth.json"),
                PathBuf::from("/home/u/.config/containers/auth.json"),
                PathBuf::from("/home/u/.docker/config.json"),
            ]
        );
    }
}

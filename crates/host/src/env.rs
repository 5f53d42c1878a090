//! The door to the environment, the clock and standard input: the only module
//! that reads them. Everything is read once, into plain values.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is the door to the environment and the clock"
)]

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use forge::{Ci, Forge};
use jiff::Timestamp;

use crate::error::Error;
use crate::secret::Secret;

/// What the environment says. It is not an argument of any `plan` function.
#[derive(Debug, Clone)]
pub struct Env {
    /// The checkout: the nearest folder upwards that holds `image.yaml` and
    /// `containerfiles`.
    pub root: PathBuf,
    /// The running program.
    pub exe: PathBuf,
    /// `PATH`, for programs and credential helpers.
    pub path: Vec<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, where it is an absolute path.
    pub data_home: Option<PathBuf>,
    /// `SHELL`: the shell that this person logs in with.
    pub shell: Option<PathBuf>,
    /// The cache folder: ours in `XDG_CACHE_HOME`, or in `~/.cache` where
    /// that is not set, empty or relative.
    pub cache: Option<PathBuf>,
    /// The time at the start.
    pub now: Timestamp,
    /// A seed that differs from run to run.
    pub seed: u64,
    /// `CONTAINERS_REGISTRIES_CONF`.
    pub registries_conf: Option<PathBuf>,
    /// `CONTAINERS_CONF` is set: the person has configured the engine.
    pub containers_conf: bool,
    /// Where registry credentials are.
    pub auth: AuthVariables,
    /// For GitHub, where upstream is, whichever forge ours is.
    pub github_token: Option<Secret>,
    /// For the forges that are none of GitHub's.
    pub forge_tokens: BTreeMap<Forge, Secret>,
    /// The CI run that this program is a part of.
    pub run: Ci,
    /// The state folder: `STATE_DIRECTORY`, which systemd sets, else our folder in
    /// `XDG_STATE_HOME`, else in `~/.local/state`.
    pub state_dir: Option<PathBuf>,
    /// Names this boot of the machine: another one, another name.
    /// Source: random(4), `/proc/sys/kernel/random/boot_id`.
    pub boot: Option<String>,
    /// What a person sees the answer on.
    pub terminal: Terminal,
    /// Characters beyond ASCII are shown as what they are: the locale says UTF-8.
    pub unicode: bool,
    /// The person is root.
    pub root_user: bool,
    /// The machine was booted by systemd, as sd_booted(3) finds out.
    pub systemd: bool,
}

/// The terminal, if there is one. It is known outside of a checkout, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Standard error is a terminal.
    pub there: bool,
    /// Columns of the terminal that standard output is; `None` where it is a file or a
    /// pipe. `COLUMNS`, where a person has set it, is believed rather than the terminal.
    pub columns: Option<u16>,
    /// The same of standard error.
    pub error_columns: Option<u16>,
    /// Colours are wanted: [`colors`].
    pub color: bool,
}

impl Terminal {
    /// Asks the two streams.
    pub fn read() -> Self {
        let stderr = std::io::stderr();
        Self {
            there: stderr.is_terminal(),
            columns: columns(std::io::stdout()),
            error_columns: columns(stderr),
            color: colors(),
        }
    }
}

/// Where the container tools look for registry credentials, as the environment
/// has it, with the defaults filled in.
/// Source: containers-auth.json(5).
#[derive(Debug, Clone, Default)]
pub struct AuthVariables {
    /// `REGISTRY_AUTH_FILE`; where it is set, nothing else counts.
    pub explicit: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, else `/run/containers/UID`.
    pub runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: Option<PathBuf>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
}

/// A variable that is set and not empty: CI runners set unused ones to "".
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    var(name).map(PathBuf::from)
}

impl Env {
    /// `image.yaml` of the checkout as a person would name it: relative to where they
    /// stand.
    pub fn image_yaml(&self) -> PathBuf {
        let file = self.root.join("image.yaml");
        let here = std::env::current_dir().unwrap_or_default();
        match here.strip_prefix(&self.root) {
            Ok(below) => {
                let up = below.components().map(|_| "..");
                up.collect::<PathBuf>().join("image.yaml")
            }
            Err(_) => file,
        }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// [`Error::Usage`] outside a checkout.
    pub fn read() -> Result<Self, Error> {
        let here = std::env::current_dir()
            .map_err(|error| Error::Usage(format!("the current folder cannot be read: {error}")))?;
        let home = path("HOME");
        let config_home = path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let run = forge::ci(&var);
        Ok(Self {
            root: checkout(&here)?,
            exe: std::env::current_exe().map_err(|error| {
                Error::Usage(format!("the path of this program cannot be found: {error}"))
            })?,
            path: var("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
            data_home: path("XDG_DATA_HOME").filter(|path| path.is_absolute()),
            shell: path("SHELL"),
            cache: cache(path("XDG_CACHE_HOME"), home.as_deref()),
            now: now()?,
            seed: seed(),
            registries_conf: path("CONTAINERS_REGISTRIES_CONF"),
            containers_conf: var("CONTAINERS_CONF").is_some(),
            auth: AuthVariables {
                explicit: path("REGISTRY_AUTH_FILE"),
                runtime_dir: path("XDG_RUNTIME_DIR").or_else(runtime_dir),
                config_home,
                docker_config: path("DOCKER_CONFIG")
                    .or_else(|| Some(home.as_ref()?.join(".docker"))),
            },
            // STATE_DIRECTORY may list several folders; our unit asks for one.
            state_dir: path("STATE_DIRECTORY").or_else(|| {
                let state = path("XDG_STATE_HOME").filter(|path| path.is_absolute());
                let state = state.or_else(|| Some(home.as_ref()?.join(".local/state")))?;
                Some(state.join("custom-coreos"))
            }),
            home,
            github_token: token(Forge::Github, &run),
            forge_tokens: [Forge::Gitlab, Forge::Forgejo]
                .into_iter()
                .filter_map(|forge| Some((forge, token(forge, &run)?)))
                .collect(),
            run,
            boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .ok()
                .map(|text| text.trim().to_owned()),
            terminal: Terminal::read(),
            unicode: unicode(),
            root_user: uid() == Some(0),
            systemd: Path::new("/run/systemd/system").is_dir(),
        })
    }

    /// The token for a forge, of its variables.
    pub fn token(&self, forge: Forge) -> Option<&Secret> {
        match forge {
            Forge::Github => self.github_token.as_ref(),
            other => self.forge_tokens.get(&other),
        }
    }

    /// The first file of this name on `PATH` that can be run.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let runs = |path: &PathBuf| {
            std::fs::metadata(path)
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        self.path.iter().map(|dir| dir.join(name)).find(runs)
    }
}

/// Our folder in the user's cache. "If an implementation encounters a relative path in
/// any of these variables it should consider the path invalid and ignore it."
/// Source: XDG Base Directory Specification 0.8.
fn cache(xdg: Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let folder = xdg
        .filter(absolute)
        .or_else(|| Some(home?.join(".cache")).filter(absolute))?;
    Some(folder.join("custom-coreos"))
}

/// The first variable that is set of those that a token may be in.
fn token(forge: Forge, run: &Ci) -> Option<Secret> {
    let mut names = forge::token_names(forge, run.forge).into_iter();
    names.find_map(var_or_credential).map(Secret::new)
}

/// The time, to the second.
fn now() -> Result<Timestamp, Error> {
    let wrong = || Error::Usage("the clock of this machine is before 1970".to_owned());
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| wrong())?;
    let seconds = i64::try_from(since.as_secs()).map_err(|_| wrong())?;
    Timestamp::from_second(seconds).map_err(|_| wrong())
}

/// A seed for the jitter of retries; nothing secret depends on it.
fn seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.subsec_nanos());
    u64::from(nanoseconds) << 32 | u64::from(std::process::id())
}

/// Whether the locale is UTF-8: the first variable that is set decides, as in
/// setlocale(3).
fn unicode() -> bool {
    let locale = var("LC_ALL")
        .or_else(|| var("LC_CTYPE"))
        .or_else(|| var("LANG"));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata("/proc/self").ok()?.uid())
}

/// Where `podman` keeps credentials if `XDG_RUNTIME_DIR` is not set:
/// `/run/containers/UID`.
fn runtime_dir() -> Option<PathBuf> {
    Some(PathBuf::from(format!("/run/containers/{}", uid()?)))
}

fn checkout(here: &Path) -> Result<PathBuf, Error> {
    here.ancestors()
        .find(|dir| dir.join("image.yaml").is_file() && dir.join("containerfiles").is_dir())
        .map(Path::to_owned)
        .ok_or_else(|| {
            Error::Usage(format!(
                "{} is not in a checkout: no folder upwards has image.yaml and containerfiles",
                here.display()
            ))
        })
}

/// The value of a variable that `image.yaml` names for a secret; one that is
/// set but empty is none. Where it is not set, the credential of this name that
/// systemd has loaded for the service (systemd.exec(5), "Credentials").
pub fn secret(name: &str) -> Option<Secret> {
    var_or_credential(name).map(Secret::new)
}

fn var_or_credential(name: &str) -> Option<String> {
    var(name).or_else(|| {
        let text = std::fs::read_to_string(path("CREDENTIALS_DIRECTORY")?.join(name)).ok()?;
        Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
    })
}

/// Standard input, to its end.
///
/// # Errors
/// If it cannot be read or is not UTF-8.
pub fn stdin() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|source| Error::File {
            verb: "read",
            path: PathBuf::from("standard input"),
            source,
        })?;
    Ok(text)
}

/// A line that a person types, after `ask` has put the question; `None` where standard
/// input or standard error is no terminal, or at the end of the input.
///
/// # Errors
/// If it cannot be read.
pub fn line(ask: impl FnOnce()) -> Result<Option<String>, Error> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    ask();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    let length = read.map_err(|source| Error::File {
        verb: "read",
        path: PathBuf::from("standard input"),
        source,
    })?;
    Ok((length > 0).then_some(line))
}

/// Standard input, to its end, whatever it holds.
///
/// # Errors
/// If it cannot be read.
pub fn stdin_bytes() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The words of the command line behind the program's name.
pub fn arguments() -> Vec<String> {
    let words = std::env::args_os().skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// The same path, wherever a program is started that gets it.
pub fn absolute(path: &str) -> String {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string())
}

/// What follows `cargo xtask butane`, if that is the task. clap never sees it:
/// the grammar is another program's, down to its `--`.
pub fn butane_arguments() -> Option<Vec<String>> {
    let mut words = arguments().into_iter();
    (words.next()? == "butane").then(|| words.collect())
}

/// A terminal that does not know its width (0) has none.
fn columns(stream: impl std::os::fd::AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let set = var("COLUMNS").and_then(|columns| columns.parse().ok());
    Some(set.unwrap_or(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether standard error takes colours: a terminal that is not a dumb one, and no
/// `NO_COLOR`, or an empty one. Source: <https://no-color.org>.
pub fn colors() -> bool {
    std::io::stderr().is_terminal()
        && var("NO_COLOR").is_none()
        && var("TERM").is_none_or(|term| term != "dumb")
}

/// The clock: seconds since 1970-01-01T00:00:00Z; 0 before that.
pub fn epoch_seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A name that no other run on this machine has while this one lasts.
pub fn run_id() -> String {
    format!("{}-{}", epoch_seconds(), std::process::id())
}

/// The day in UTC, as `20260721`.
pub fn today() -> String {
    let seconds = i64::try_from(epoch_seconds()).unwrap_or_default();
    let moment = Timestamp::from_second(seconds).unwrap_or_default();
    moment
        .to_zoned(jiff::tz::TimeZone::UTC)
        .strftime("%Y%m%d")
        .to_string()
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_found_from_below_and_not_from_outside() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .canonicalize()
            .unwrap();
        assert_eq!(checkout(&root.join("xtask/src")).unwrap(), root);
        let error = checkout(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("not in a checkout"), "{error}");
    }

    #[test]
    fn a_relative_or_missing_cache_folder_is_the_default_one() {
        let home = Path::new("/home/someone");
        let ours = |path: &str| Some(PathBuf::from(path));
        let of = |xdg: Option<&str>| cache(xdg.map(PathBuf::from), Some(home));
        assert_eq!(of(Some("/tmp/c")), ours("/tmp/c/custom-coreos"));
        for none in [None, Some("relative/c")] {
            assert_eq!(of(none), ours("/home/someone/.cache/custom-coreos"));
        }
        assert_eq!(cache(None, None), None);
        assert_eq!(cache(None, Some(Path::new("relative"))), None);
    }
}

//! `night install` and `night uninstall`: the units, written and enabled, or
//! removed. What is printed by a dry run is what is done.

use std::fmt;
use std::path::{Path, PathBuf};

use forge::Forge;
use host::process::Invocation;
use host::{Done, process};
use image_build::gather::World;

use crate::error::Error;
use crate::nightly::steps::handed_on;
use crate::nightly::units::{Facts, Scope, service, timer};

/// What is installed, and where.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// For the machine, as root, in place of the person.
    pub system: bool,
    /// `NAME=PATH`: the value of a variable, in a file.
    pub credentials: Vec<(String, PathBuf)>,
    /// Only print what would be done.
    pub dry_run: bool,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Effect {
    Write { path: PathBuf, text: String },
    Remove(PathBuf),
    Run { call: Invocation, must: bool },
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, text } => {
                write!(f, "write {}", path.display())?;
                text.lines().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::Remove(path) => write!(f, "remove {}", path.display()),
            Self::Run { call, .. } => write!(f, "run {call}"),
        }
    }
}

/// `night install`.
///
/// # Errors
/// If a unit cannot be written, or systemd does not take it.
pub fn install(world: &World<'_>, wanted: &InstallOptions) -> Result<Done, Error> {
    for (name, path) in &wanted.credentials {
        let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(good) || !path.is_absolute() {
            return Err(Error::Usage(
                "--credential wants NAME=PATH: the name of a variable, and the absolute path of \
                 the file with its value; what was given is not shown, as it may be the value"
                    .to_owned(),
            ));
        }
    }
    for (name, path) in &wanted.credentials {
        match others_may_read(path) {
            Ok(false) => {}
            Ok(true) => world.report.warning(&format!(
                "--credential {name}: others can read {0}; `chmod 600 {0}`",
                path.display()
            )),
            Err(source) => return Err(host::Error::read(path)(source).into()),
        }
    }
    if wanted.system && hidden_from_services(&world.env.root) {
        return Err(Error::Usage(format!(
            "{}: a service of the machine has a /tmp of its own, and would not find the \
             checkout; move it, to /srv for example",
            world.env.root.display()
        )));
    }
    if !wanted.dry_run && !world.env.systemd {
        return Err(Error::Usage(
            "this machine was not booted by systemd: run `cargo xtask night` from what it has \
             instead, such as cron"
                .to_owned(),
        ));
    }
    let (facts, folder) = facts(world, wanted)?;
    let place = |kind: &str| folder.join(format!("{}.{kind}", facts.name));
    let timer_name = format!("{}.timer", facts.name);
    let mut effects = vec![
        Effect::Write {
            path: place("service"),
            text: service(&facts),
        },
        Effect::Write {
            path: place("timer"),
            text: timer(&facts),
        },
        systemctl(facts.scope, &["daemon-reload"], true),
        systemctl(facts.scope, &["enable", "--now", timer_name.as_str()], true),
    ];
    if facts.scope == Scope::User {
        // Else it ends with the person's last session.
        effects.push(Effect::Run {
            call: Invocation::new("loginctl", ["enable-linger"]),
            must: false,
        });
    }
    perform(world, &effects, wanted.dry_run)?;
    let alarm = &world.config.alarm;
    let untold = alarm.webhook.is_none() && alarm.mail.is_none();
    if world.forge() == Forge::None && untold {
        world.report.note(
            "the alarm is a file of this machine; `alarm: {webhook: …}` or `alarm: {mail: …}` in \
             image.yaml tells a person",
        );
    }
    let scope = if facts.scope == Scope::User {
        " --user"
    } else {
        ""
    };
    world.report.note(&format!(
        "to see: systemctl{scope} list-timers {timer_name}; journalctl{scope} --unit {}",
        facts.name
    ));
    Ok(Done::Success)
}

/// Whether anybody but its owner and root can read a secret's file.
fn others_may_read(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Whether the unit's `PrivateTmp=` hides the folder.
/// Source: systemd.exec(5).
fn hidden_from_services(root: &Path) -> bool {
    ["/tmp", "/var/tmp"].iter().any(|tmp| root.starts_with(tmp))
}

/// `night uninstall`. What the nights remember stays.
///
/// # Errors
/// If a unit cannot be removed.
pub fn uninstall(world: &World<'_>, wanted: &InstallOptions) -> Result<Done, Error> {
    let (facts, folder) = facts(world, wanted)?;
    let timer_name = format!("{}.timer", facts.name);
    let files = ["timer", "service"].map(|kind| folder.join(format!("{}.{kind}", facts.name)));
    let mut effects = vec![systemctl(
        facts.scope,
        &["disable", "--now", timer_name.as_str()],
        false,
    )];
    effects.extend(files.into_iter().map(Effect::Remove));
    effects.push(systemctl(facts.scope, &["daemon-reload"], false));
    perform(world, &effects, wanted.dry_run)?;
    Ok(Done::Success)
}

fn facts(world: &World<'_>, wanted: &InstallOptions) -> Result<(Facts, PathBuf), Error> {
    let env = world.env;
    let scope = if wanted.system {
        Scope::System
    } else {
        Scope::User
    };
    let folder = match scope {
        Scope::System => PathBuf::from("/etc/systemd/system"),
        Scope::User => {
            let home = env.auth.config_home.clone().ok_or_else(|| {
                Error::Usage("there is no folder for a person's units: set HOME".to_owned())
            })?;
            home.join("systemd/user")
        }
    };
    let image = &world.config.image;
    let name = image.name.as_str().replace(['/', ':'], "-");
    let mut variables = Vec::new();
    if let Some(conf) = &env.registries_conf {
        variables.push((
            "CONTAINERS_REGISTRIES_CONF".to_owned(),
            conf.display().to_string(),
        ));
    }
    let facts = Facts {
        scope,
        name: format!("{name}-night"),
        title: host::one_line(&image.title.to_string()),
        root: env.root.clone(),
        exe: env.exe.clone(),
        path: once(&env.path),
        calendar: world.config.night.at.to_string(),
        credentials: wanted.credentials.clone(),
        variables,
        options: handed_on(),
    };
    Ok((facts, folder))
}

/// Each folder where it is first.
fn once(path: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in path {
        if !found.contains(folder) {
            found.push(folder.clone());
        }
    }
    found
}

fn systemctl(scope: Scope, words: &[&str], must: bool) -> Effect {
    let user = (scope == Scope::User).then_some("--user");
    let words = user.into_iter().chain(words.iter().copied());
    Effect::Run {
        call: Invocation::new("systemctl", words),
        must,
    }
}

fn perform(world: &World<'_>, effects: &[Effect], dry_run: bool) -> Result<(), Error> {
    let told: Vec<String> = effects.iter().map(ToString::to_string).collect();
    for (effect, text) in effects.iter().zip(&told) {
        world.report.answer(text);
        if !dry_run {
            live(world, effect)?;
        }
    }
    Ok(world.report.document(&told)?)
}

fn live(world: &World<'_>, effect: &Effect) -> Result<(), Error> {
    let failed = |verb: &'static str, path: &PathBuf, source| host::Error::File {
        verb,
        path: path.clone(),
        source,
    };
    match effect {
        Effect::Write { path, text } => {
            if let Some(folder) = path.parent() {
                host::files::make_dir(folder)?;
            }
            host::files::write(path, text.as_bytes())
                .map_err(|source| failed("write", path, source))?;
        }
        Effect::Remove(path) => match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove", path, error).into());
            }
            _ => {}
        },
        Effect::Run { call, must } => {
            let sh = process::shell(&world.env.root)?;
            match process::read(&sh, call) {
                Err(error) if *must => return Err(error.into()),
                Err(error) => world.report.warning(&error.to_string()),
                Ok(_) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_cannot_see_is_known() {
        for (root, hidden) in [
            ("/tmp/a", true),
            ("/var/tmp/a", true),
            ("/tmpfs/a", false),
            ("/srv/tmp", false),
        ] {
            assert_eq!(hidden_from_services(Path::new(root)), hidden, "{root}");
        }
    }

    #[test]
    fn a_folder_that_is_twice_on_the_path_is_once_in_the_unit() {
        let path = ["/usr/bin", "/bin", "/usr/bin"].map(PathBuf::from);
        assert_eq!(once(&path), ["/usr/bin", "/bin"].map(PathBuf::from));
    }
}

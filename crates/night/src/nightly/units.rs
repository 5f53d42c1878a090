//! The systemd units of a night, as texts. Pure.
//!
//! Source: systemd.service(5), systemd.timer(5), systemd.exec(5).

use std::path::{Path, PathBuf};

/// Whose units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of the person, whose engine is rootless.
    User,
    /// Of the machine, as root.
    System,
}

/// All that the units say.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whose.
    pub scope: Scope,
    /// `custom-coreos-night`.
    pub name: String,
    /// For people.
    pub title: String,
    /// The checkout.
    pub root: PathBuf,
    /// The program.
    pub exe: PathBuf,
    /// `PATH` at the installation: a service has a short one.
    pub path: Vec<PathBuf>,
    /// `OnCalendar=`.
    pub calendar: String,
    /// Name of a variable, and the file with its value.
    pub credentials: Vec<(String, PathBuf)>,
    /// Variables that are no secret, such as `CONTAINERS_REGISTRIES_CONF`.
    pub variables: Vec<(String, String)>,
    /// Options of `night`.
    pub options: Vec<String>,
}

/// A word of a unit's command line or assignment: `%` and `$` mean something there.
fn word(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%%"),
            '"' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    format!("\"{escaped}\"")
}

fn shown(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// The service.
pub fn service(facts: &Facts) -> String {
    let mut text = format!(
        "[Unit]\nDescription=A night of {}\nDocumentation=file:{}/README.md\n",
        facts.title.replace('%', "%%"),
        shown(&facts.root).replace(' ', "%%20")
    );
    if facts.scope == Scope::System {
        text.push_str("Wants=network-online.target\nAfter=network-online.target\n");
    }
    let exe = word(&facts.exe.display().to_string().replace('$', "$$"));
    text.push_str("\n[Service]\nType=oneshot\n");
    text.push_str(&format!("WorkingDirectory={}\n", shown(&facts.root)));
    text.push_str(&format!("ExecStart={exe} night"));
    for option in &facts.options {
        text.push_str(&format!(" {}", word(&option.replace('$', "$$"))));
    }
    text.push('\n');
    // Nothing to build, or another night: no failure.
    text.push_str("SuccessExitStatus=10\n");
    let path: Vec<String> = facts
        .path
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    text.push_str(&format!(
        "Environment={}\n",
        word(&format!("PATH={}", path.join(":")))
    ));
    for (name, value) in &facts.variables {
        text.push_str(&format!(
            "Environment={}\n",
            word(&format!("{name}={value}"))
        ));
    }
    for (name, file) in &facts.credentials {
        text.push_str(&format!("LoadCredential={name}:{}\n", shown(file)));
        // Programs of others read it, too, and know it by this variable only.
        if name == "REGISTRY_AUTH_FILE" {
            text.push_str("Environment=REGISTRY_AUTH_FILE=%d/REGISTRY_AUTH_FILE\n");
        }
    }
    text.push_str(
        "# A build and its boot take an hour; what hangs is ended before the next night.\n\
         TimeoutStartSec=8h\nTimeoutStopSec=2min\nKillMode=control-group\n\
         Nice=10\nIOSchedulingClass=best-effort\nIOSchedulingPriority=7\nUMask=0077\n\
         LimitCORE=0\nKeyringMode=private\n",
    );
    match facts.scope {
        Scope::User => text.push_str(
            "StateDirectory=custom-coreos\nCacheDirectory=custom-coreos\n\
             # A rootless engine makes a user namespace by newuidmap(1), which has more\n\
             # rights than its caller. Mount namespaces, seccomp and NoNewPrivileges= of a\n\
             # user's service take them away, so none of those is here.\n",
        ),
        Scope::System => {
            text.push_str(&format!(
                "StateDirectory=custom-coreos\nCacheDirectory=custom-coreos\n\
                 Environment=XDG_CACHE_HOME=/var/cache\nPrivateTmp=yes\nProtectSystem=full\n\
                 ProtectHome=read-only\nReadWritePaths={}\nProtectClock=yes\n\
                 ProtectKernelLogs=yes\nProtectKernelModules=yes\n\
                 LockPersonality=yes\nRestrictRealtime=yes\nSystemCallArchitectures=native\n",
                word(&facts.root.display().to_string())
            ));
        }
    }
    text
}

/// The timer. What was missed while the machine was off is made up for.
pub fn timer(facts: &Facts) -> String {
    format!(
        "[Unit]\nDescription=Nights of {}\n\n[Timer]\nOnCalendar={}\nPersistent=true\n\
         RandomizedDelaySec=15min\nAccuracySec=1min\n\n[Install]\nWantedBy=timers.target\n",
        facts.title.replace('%', "%%"),
        facts.calendar
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(scope: Scope) -> Facts {
        Facts {
            scope,
            name: "custom-coreos-night".to_owned(),
            title: "100% CoreOS".to_owned(),
            root: PathBuf::from("/srv/a b"),
            exe: PathBuf::from("/bin/true"),
            path: vec![PathBuf::from("/usr/bin"), PathBuf::from("/bin")],
            calendar: "*-*-* 09:41 UTC".to_owned(),
            credentials: vec![(
                "REGISTRY_AUTH_FILE".to_owned(),
                PathBuf::from("/etc/auth.json"),
            )],
            variables: vec![("A".to_owned(), "1%".to_owned())],
            options: vec!["--engine=podman".to_owned()],
        }
    }

    #[test]
    fn no_secret_and_no_specifier_is_in_a_unit() {
        let text = service(&facts(Scope::System));
        assert!(text.contains("ExecStart=\"/bin/true\" night \"--engine=podman\"\n"));
        assert!(text.contains("Environment=\"A=1%%\"\n"), "{text}");
        assert!(text.contains("Description=A night of 100%% CoreOS\n"));
        assert!(text.contains("LoadCredential=REGISTRY_AUTH_FILE:/etc/auth.json\n"));
        assert!(text.contains("ReadWritePaths=\"/srv/a b\"\n"), "{text}");
        let user = service(&facts(Scope::User));
        for breaks in [
            "ProtectSystem",
            "SystemCall",
            "NoNewPrivileges=yes",
            "PrivateTmp",
        ] {
            assert!(!user.contains(breaks), "newuidmap: {breaks}");
        }
        assert!(timer(&facts(Scope::User)).contains("Persistent=true\n"));
    }

    /// systemd's own judgement; what it ignores it says, and ends with 0.
    #[test]
    fn systemd_understands_every_line() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        for scope in [Scope::User, Scope::System] {
            let facts = facts(scope);
            let place = |kind: &str| dir.path().join(format!("{}.{kind}", facts.name));
            std::fs::write(place("service"), service(&facts)).unwrap();
            std::fs::write(place("timer"), timer(&facts)).unwrap();
            let (service, timer) = (place("service"), place("timer"));
            let verify = xshell::cmd!(sh, "systemd-analyze verify --man=no {service} {timer}");
            let output = verify.quiet().ignore_status().output();
            let Ok(output) = output else {
                let must = host::env::secret("CUSTOM_COREOS_REQUIRE_ALL").is_some();
                assert!(!must, "systemd-analyze is not installed");
                return;
            };
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            let of_ours: Vec<&str> = said.lines().filter(|l| l.contains("-night.")).collect();
            assert_eq!(of_ours, [""; 0]);
        }
    }
}

//! A program that a person talks to, and what takes away after it.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is a part of the door to processes"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use xshell::Shell;

use super::{Invocation, interrupted, minding};
use crate::error::Error;

/// Gives a program this one's own terminal, and waits for its end; `None` if a signal
/// ended it.
///
/// # Errors
/// [`Error::Program`] if it cannot be started, [`Error::Interrupted`] if this program
/// is told to end meanwhile: then the other was told, too, as by a terminal that went
/// away.
pub fn interactive(sh: &Shell, invocation: &Invocation) -> Result<Option<i32>, Error> {
    let cannot = |error: std::io::Error| Error::Program {
        program: invocation.program.clone(),
        detail: error.to_string(),
    };
    minding(|| {
        let mut command = Command::from(sh.cmd(&invocation.program).args(&invocation.args));
        let mut child = command
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(cannot)?;
        let mut told = false;
        loop {
            if let Some(status) = child.try_wait().map_err(cannot)? {
                return match told {
                    true => Err(Error::Interrupted),
                    false => Ok(status.code()),
                };
            }
            if interrupted() && !told {
                told = true;
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                // It may have ended in between.
                let _ = pid.map(|pid| kill_process(pid, Signal::HUP));
            }
            thread::sleep(Duration::from_millis(50));
        }
    })
}

/// Takes away folders, and ends the programs that work in them, when this program is
/// no more: at its end, and also after `kill -9`. It waits at the end of a pipe whose
/// other end the kernel closes.
#[derive(Debug)]
pub struct Guard {
    child: Option<Child>,
}

/// `$1`: a line of the environment that the programs have. All others: folders, whose
/// mounts go first. Whatever runs in a container ends by itself, but not at once.
const SCRIPT: &str = r#"
trap "" INT TERM HUP
cat >/dev/null
mark=$1
shift
tries=0
while [ "$tries" -lt 100 ]; do
    for place in /proc/[0-9]*; do
        pid=${place#/proc/}
        [ "$pid" != "$$" ] || continue
        if tr '\0' '\n' 2>/dev/null <"$place/environ" | grep -qxF -e "$mark"; then
            kill -9 "$pid" 2>/dev/null
        fi
    done
    left=0
    for folder; do
        umount --recursive "$folder/storage/overlay" 2>/dev/null
        rm -rf "$folder" 2>/dev/null
        [ ! -e "$folder" ] || left=1
    done
    [ "$left" = 1 ] || exit 0
    tries=$((tries + 1))
    sleep 0.2
done
"#;

impl Guard {
    /// Begins to wait. `mark` is a variable and its value that every program has in its
    /// environment which is to be ended.
    ///
    /// # Errors
    /// [`Error::Program`] if there is no POSIX shell.
    pub fn start(mark: (&str, &str), folders: &[PathBuf]) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::Program {
            program: "sh".to_owned(),
            detail: error.to_string(),
        };
        let line = format!("{}={}", mark.0, mark.1);
        // A session of its own: a terminal that goes away does not end it.
        let child = Command::new("setsid")
            .args(["sh", "-c", SCRIPT, "guard", &line])
            .args(folders)
            .env_remove(mark.0)
            .current_dir(Path::new("/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        Ok(Self { child: Some(child) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::poll_for;

    #[test]
    fn what_is_left_goes_with_its_guard() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let folder = dir.path().join("world");
        sh.write_file(folder.join("a/b"), "x").unwrap();
        let mark = folder.display().to_string();
        let guard = Guard::start(
            ("CUSTOM_COREOS_TEST_WORLD", &mark),
            std::slice::from_ref(&folder),
        )
        .unwrap();
        let mut child = Command::new("sleep")
            .arg("1000")
            .env("CUSTOM_COREOS_TEST_WORLD", &mark)
            .spawn()
            .unwrap();
        let mut other = Command::new("sleep")
            .arg("1000")
            .env("CUSTOM_COREOS_TEST_WORLD", "another")
            .spawn()
            .unwrap();
        assert!(folder.exists());
        drop(guard);
        assert!(!folder.exists());
        let ended = poll_for(Duration::from_secs(20), || {
            matches!(child.try_wait(), Ok(Some(_)))
        });
        assert!(ended);
        assert!(matches!(other.try_wait(), Ok(None)));
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn the_exit_code_of_a_person_s_program_is_seen() {
        let sh = Shell::new().unwrap();
        let ask = Invocation::new("sh", ["-c", "exit 7"]);
        assert_eq!(interactive(&sh, &ask).unwrap(), Some(7));
    }
}

//! Programs that run beside this one.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is a part of the door to processes"
)]

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use xshell::Shell;

use super::{Invocation, interrupted};
use crate::env::Stopwatch;
use crate::error::Error;

/// How long a service may take to be ready.
const START: Duration = Duration::from_secs(60);

/// How often its log and its state are looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// A program that runs in the background and is ended with this one.
pub struct Background {
    /// `None` once it was left to itself.
    child: Option<Child>,
    program: String,
}

impl Background {
    /// Starts a program whose output goes to a file.
    ///
    /// # Errors
    /// [`Error::Program`] if it cannot be started.
    pub fn start(sh: &Shell, invocation: &Invocation, log: &Path) -> Result<Self, Error> {
        spawn(invocation, log, Command::from(command(sh, invocation)))
    }

    /// The same, in a process group of its own: Ctrl-C reaches this program
    /// only, which then ends the other in its own time, or has left it.
    ///
    /// # Errors
    /// [`Error::Program`] if it cannot be started.
    pub fn start_apart(sh: &Shell, invocation: &Invocation, log: &Path) -> Result<Self, Error> {
        let mut command = Command::from(command(sh, invocation));
        command.process_group(0);
        spawn(invocation, log, command)
    }

    /// Waits until a line of the log says what is wanted.
    ///
    /// # Errors
    /// [`Error::Program`] with the log if the service ends first, or does not
    /// say it within [`START`].
    pub fn wait_for(
        &mut self,
        log: &Path,
        wanted: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Error> {
        let read = || std::fs::read_to_string(log).unwrap_or_default();
        let watch = Stopwatch::start();
        loop {
            if let Some(found) = read().lines().find_map(&wanted) {
                return Ok(found);
            }
            let ended = self.has_ended();
            if interrupted() {
                return Err(Error::Interrupted);
            }
            if ended || watch.elapsed() > START {
                let why = if ended { "it ended" } else { "it is not ready" };
                return Err(Error::Program {
                    program: self.program.clone(),
                    detail: format!("{why}; {}", crate::text::one_line(&read())),
                });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Asks `done` again and again until it has an answer. It is told whether
    /// the program has ended, and how long this has taken.
    ///
    /// # Errors
    /// [`Error::Interrupted`] after SIGINT or SIGTERM.
    pub fn poll<T>(
        &mut self,
        mut done: impl FnMut(bool, Duration) -> Option<T>,
    ) -> Result<T, Error> {
        let watch = Stopwatch::start();
        loop {
            let ended = self.has_ended();
            if let Some(answer) = done(ended, watch.elapsed()) {
                return Ok(answer);
            }
            if interrupted() {
                return Err(Error::Interrupted);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether it runs no more.
    pub fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Its exit status, once it has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    /// Lets it run on after this program, and returns its process id, by which a
    /// person can end it.
    pub fn leave(mut self) -> u32 {
        self.child.take().map_or(0, |child| child.id())
    }
}

/// Asks again and again until the answer is yes, or until `limit` is over: the kernel
/// takes a moment to clean up after a kill. Returns the last answer.
pub fn poll_for(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let watch = Stopwatch::start();
    loop {
        if done() {
            return true;
        }
        if watch.elapsed() > limit {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// The lock of this name, as [`crate::files::lock`] gives it: waits for the process that
/// holds it, and calls `busy` once before it does.
///
/// # Errors
/// [`Error::Interrupted`] after SIGINT or SIGTERM; of the system.
pub fn lock_when_free(path: &Path, busy: impl FnOnce()) -> Result<std::fs::File, Error> {
    let mut busy = Some(busy);
    loop {
        if let Some(lock) = crate::files::lock(path).map_err(Error::write(path))? {
            return Ok(lock);
        }
        if let Some(busy) = busy.take() {
            busy();
        }
        if interrupted() {
            return Err(Error::Interrupted);
        }
        thread::sleep(PAUSE);
    }
}

fn command<'sh>(sh: &'sh Shell, invocation: &Invocation) -> xshell::Cmd<'sh> {
    sh.cmd(&invocation.program).args(&invocation.args)
}

fn spawn(invocation: &Invocation, log: &Path, mut command: Command) -> Result<Background, Error> {
    let cannot = |error: std::io::Error| Error::Program {
        program: invocation.program.clone(),
        detail: error.to_string(),
    };
    let log = std::fs::File::create(log).map_err(cannot)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(cannot)?)
        .stderr(log)
        .spawn()
        .map_err(cannot)?;
    Ok(Background {
        child: Some(child),
        program: invocation.program.clone(),
    })
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It keeps nothing that is worth a clean end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    #[test]
    fn a_lock_is_waited_for_and_that_is_said_once() {
        let dir = Shell::new().unwrap().create_temp_dir().unwrap();
        let path = dir.path().join("lock");
        let held = crate::files::lock(&path).unwrap();
        assert!(held.is_some());
        let mut held = Some(held);
        let mut said = 0;
        // It is let go only when the other one has said that it waits.
        let lock = lock_when_free(&path, || {
            said += 1;
            held.take();
        });
        lock.unwrap();
        assert_eq!(said, 1);
        lock_when_free(&path, || said += 1).unwrap();
        assert_eq!(said, 1);
    }

    #[test]
    fn it_ends_with_its_value_unless_it_is_left() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let log = dir.path().join("log");
        let invocation = Invocation::new("sh", ["-c", "echo $$; exec sleep 1000"]);
        let alive = |pid: &str| Path::new("/proc").join(pid).exists();
        let mut service = Background::start_apart(&sh, &invocation, &log).unwrap();
        let pid = service
            .wait_for(&log, |line| Some(line.to_owned()))
            .unwrap();
        assert!(alive(&pid) && !service.has_ended());
        drop(service);
        assert!(!alive(&pid));
        let invocation = Invocation::new("sh", ["-c", "exec sleep 1000"]);
        let pid = Background::start_apart(&sh, &invocation, &log)
            .unwrap()
            .leave();
        assert!(alive(&pid.to_string()));
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn its_end_is_seen() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let log = dir.path().join("log");
        let mut service = Background::start(&sh, &Invocation::new("true", [""; 0]), &log).unwrap();
        service.poll(|ended, _| ended.then_some(())).unwrap();
        assert!(service.status().unwrap().success());
        let mut asked = 0;
        let third = service.poll(|_, _| {
            asked += 1;
            (asked == 3).then_some(())
        });
        assert!(third.is_ok());
    }
}

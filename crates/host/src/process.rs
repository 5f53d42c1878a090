//! The door to other programs: the only module that starts any.
//!
//! A child's output streams through line by line, and its last lines stand in
//! the error. On SIGINT or SIGTERM the running child is ended before this
//! program goes on to end itself, so that no engine is left behind.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is the door to processes"
)]

mod background;
mod interactive;
mod signals;
mod terminal;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{fmt, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use xshell::Shell;

use crate::env::Stopwatch;
use crate::error::Error;

pub use background::{Background, lock_when_free, poll_for};
pub use interactive::{Guard, interactive};
pub use signals::{catch_signals, interrupted, minding, tidying};
pub use terminal::{Heard, on_terminal};

/// How many of a program's last lines stand in an error.
const TAIL: usize = 20;

/// How long a child may take to end after it was told to.
const GRACE: Duration = Duration::from_secs(10);

/// One program to run. What is printed of it is what is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invocation {
    /// Name, looked up on `PATH`.
    pub program: String,
    /// Arguments. Never a secret.
    pub args: Vec<String>,
    /// A file of the checkout for its standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<PathBuf>,
}

impl Invocation {
    /// A program with arguments and no input.
    pub fn new<I: IntoIterator<Item = S>, S: Into<String>>(program: &str, args: I) -> Self {
        Self {
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            stdin: None,
        }
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        if let Some(path) = &self.stdin {
            write!(f, " < {}", quoted(&path.to_string_lossy()))?;
        }
        Ok(())
    }
}

/// A word as a POSIX shell would have to be given it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A shell in the checkout.
///
/// # Errors
/// If the checkout is gone.
pub fn shell(root: &Path) -> Result<Shell, Error> {
    let sh = Shell::new().map_err(|error| Error::Program {
        program: "shell".to_owned(),
        detail: error.to_string(),
    })?;
    sh.change_dir(root);
    Ok(sh)
}

/// What a program left.
#[derive(Debug)]
pub struct Finished {
    /// Its standard output, if that was asked for.
    pub stdout: String,
    /// Its exit status was 0.
    pub success: bool,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

/// Runs a program and returns its standard output.
///
/// # Errors
/// [`Error::Program`] if it can't be started, [`Error::Command`] if it fails.
pub fn read(sh: &Shell, invocation: &Invocation) -> Result<String, Error> {
    let finished = run(sh, invocation, Capture::Stdout, &mut |_| {})?;
    Ok(finished.stdout)
}

/// Runs a program for its exit code alone; `None` if a signal ended it. Both of
/// its streams are shown.
///
/// # Errors
/// [`Error::Program`] if it can't be started, [`Error::Interrupted`] after
/// SIGINT or SIGTERM.
pub fn status(
    sh: &Shell,
    invocation: &Invocation,
    show: &mut dyn FnMut(&str),
) -> Result<Option<i32>, Error> {
    Ok(run(sh, invocation, Capture::ShowAnyStatus, show)?.code)
}

/// What to do with the child's standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// Show it, as standard error.
    Show,
    /// The same; a failure is the caller's to judge.
    ShowAnyStatus,
    /// Keep it whole; a failure is an error.
    Stdout,
    /// Keep it whole; a failure is the caller's to judge.
    StdoutAnyStatus,
}

/// Runs a program to its end; `show` gets every line that is to be shown.
///
/// # Errors
/// As [`read`], and [`Error::Interrupted`] after SIGINT or SIGTERM.
pub fn run(
    sh: &Shell,
    invocation: &Invocation,
    capture: Capture,
    show: &mut dyn FnMut(&str),
) -> Result<Finished, Error> {
    minding(|| run_to_its_end(sh, invocation, capture, None, show))
}

/// Runs a program that shows all it says, and ends it if it takes longer than
/// `limit`: what waits for an answer that never comes would wait for good.
///
/// # Errors
/// As [`run`], and [`Error::Stalled`].
pub fn run_within(
    sh: &Shell,
    invocation: &Invocation,
    limit: Duration,
    show: &mut dyn FnMut(&str),
) -> Result<Finished, Error> {
    minding(|| run_to_its_end(sh, invocation, Capture::Show, Some(limit), show))
}

fn run_to_its_end(
    sh: &Shell,
    invocation: &Invocation,
    capture: Capture,
    limit: Option<Duration>,
    show: &mut dyn FnMut(&str),
) -> Result<Finished, Error> {
    if interrupted() {
        return Err(Error::Interrupted);
    }
    let mut child = start(sh, invocation)?;
    let (sender, lines) = channel();
    let mut kept = None;
    if let Some(stdout) = child.stdout.take() {
        if matches!(capture, Capture::Show | Capture::ShowAnyStatus) {
            forward(stdout, sender.clone());
        } else {
            kept = Some(thread::spawn(move || whole(stdout)));
        }
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender);
    }
    let (tail, late) = watch(&mut child, &lines, limit, show);
    let status = child.wait().map_err(|error| Error::Program {
        program: invocation.program.clone(),
        detail: error.to_string(),
    })?;
    if interrupted() {
        return Err(Error::Interrupted);
    }
    // Whatever its status says: podman ends with 0 when it is told to end.
    if let Some(limit) = limit.filter(|_| late) {
        return Err(Error::Stalled {
            command: shortened(&invocation.to_string()),
            limit,
        });
    }
    let stdout = kept
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    if !status.success() && matches!(capture, Capture::Show | Capture::Stdout) {
        return Err(Error::Command {
            command: shortened(&invocation.to_string()),
            status: status.to_string(),
            code: status.code(),
            tail: tail.into(),
        });
    }
    Ok(Finished {
        stdout,
        success: status.success(),
        code: status.code(),
    })
}

fn start(sh: &Shell, invocation: &Invocation) -> Result<Child, Error> {
    let cannot = |detail: String| Error::Program {
        program: invocation.program.clone(),
        detail,
    };
    let mut command = Command::from(sh.cmd(&invocation.program).args(&invocation.args));
    let input = match &invocation.stdin {
        Some(path) => {
            let path = sh.current_dir().join(path);
            let file = std::fs::File::open(&path)
                .map_err(|error| cannot(format!("{}: {error}", path.display())))?;
            Stdio::from(file)
        }
        None => Stdio::null(),
    };
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => cannot("it is not installed".to_owned()),
            _ => cannot(error.to_string()),
        })
}

/// Passes lines on until both streams end; ends the child on a signal, or if it
/// takes too long, and says if that was so.
fn watch(
    child: &mut Child,
    lines: &Receiver<String>,
    limit: Option<Duration>,
    show: &mut dyn FnMut(&str),
) -> (VecDeque<String>, bool) {
    let began = Stopwatch::start();
    let mut tail = VecDeque::new();
    let mut told: Option<Stopwatch> = None;
    let mut late = false;
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                show(&line);
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {
                // A grandchild can hold the pipes open after the child ended.
                if matches!(child.try_wait(), Ok(Some(_))) && told.is_some() {
                    return (tail, late);
                }
            }
            // It may have closed its streams and go on.
            Err(RecvTimeoutError::Disconnected) => match child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Ok(Some(_)) | Err(_) => return (tail, late),
            },
        }
        let over = limit.is_some_and(|limit| began.elapsed() > limit);
        match told {
            None if interrupted() || over => {
                late = over;
                told = Some(Stopwatch::start());
                end(child, Signal::TERM);
            }
            Some(since) if since.elapsed() > GRACE => end(child, Signal::KILL),
            _ => {}
        }
    }
}

fn end(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself in between.
        let _ = kill_process(pid, signal);
    }
}

fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            let line = String::from_utf8_lossy(&bytes);
            // The receiver ends only after both streams have.
            let _ = sender.send(line.trim_end().to_owned());
            bytes.clear();
        }
    });
}

fn whole(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `docker-credential-NAME get`, the protocol of docker's credential
/// helpers: the registry on standard input, JSON on standard output.
///
/// # Errors
/// A line for the person if the helper is missing or fails. What it prints is
/// never part of it: it could be the secret.
pub fn credential_helper(name: &str, registry: &str) -> Result<Option<String>, String> {
    let program = format!("docker-credential-{name}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(registry.as_bytes())
            .map_err(|error| format!("{program}: {error}"))?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    // Helpers say this on standard output, with a failing status.
    if String::from_utf8_lossy(&output.stdout).contains("credentials not found") {
        return Ok(None);
    }
    Err(format!("{program} failed ({})", output.status))
}

fn shortened(command: &str) -> String {
    match command.char_indices().nth(160) {
        Some((cut, _)) => format!("{}…", &command[..cut]),
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure as _;

    fn bash(script: &str) -> Invocation {
        Invocation::new("bash", ["-c", script])
    }

    #[test]
    fn what_is_printed_could_be_typed() {
        let invocation = Invocation {
            stdin: Some("a b.sh".into()),
            ..Invocation::new("podman", ["run", "--label=t=it's a b", ""])
        };
        assert_eq!(
            invocation.to_string(),
            r"podman run '--label=t=it'\''s a b' '' < 'a b.sh'"
        );
    }

    #[test]
    fn lines_stream_and_the_tail_stands_in_the_error() {
        let sh = Shell::new().unwrap();
        let mut shown = Vec::new();
        let error = run(
            &sh,
            &bash("for i in $(seq 30); do echo line $i; done; echo bad >&2; exit 3"),
            Capture::Show,
            &mut |line| shown.push(line.to_owned()),
        )
        .unwrap_err();
        assert_eq!(shown.len(), 31);
        let text = error.to_string();
        assert!(
            text.contains("exit status: 3") && text.contains("bad"),
            "{text}"
        );
        assert!(
            text.contains("line 30") && !text.contains("line 9\n"),
            "{text}"
        );
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let sh = Shell::new().unwrap();
        let limit = Duration::from_millis(300);
        let wait = bash("echo begun; exec sleep 1000");
        let mut said = Vec::new();
        let outcome = run_within(&sh, &wait, limit, &mut |line| said.push(line.to_owned()));
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Stalled { .. }), "{error}");
        assert!(error.to_string().contains("sleep 1000"), "{error}");
        assert_eq!((said, error.exit_code()), (vec!["begun".to_owned()], 1));
        let hour = Duration::from_secs(3600);
        assert!(run_within(&sh, &bash("true"), hour, &mut |_| {}).is_ok());
    }

    #[test]
    fn a_missing_program_is_named() {
        let sh = Shell::new().unwrap();
        let error = read(&sh, &Invocation::new("no-such-program-here", ["x"])).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
        assert!(error.to_string().contains("doctor"));
    }

    #[test]
    fn a_child_that_closes_its_streams_is_waited_for() {
        let sh = Shell::new().unwrap();
        let script = "exec >&- 2>&-; read -r -t 0.2 < <(exec sleep 1); exit 3";
        let code = status(&sh, &bash(script), &mut |_| {}).unwrap();
        assert_eq!(code, Some(3));
    }

    #[test]
    fn output_is_kept_whole() {
        let sh = Shell::new().unwrap();
        assert_eq!(read(&sh, &bash("printf 'a\\nb'")).unwrap(), "a\nb");
        let finished = run(
            &sh,
            &bash("echo x; exit 1"),
            Capture::StdoutAnyStatus,
            &mut |_| {},
        );
        assert!(!finished.unwrap().success);
    }
}

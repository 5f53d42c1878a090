//! A program on a terminal of its own, whose output is taken down as it comes.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use xshell::Shell;

use super::{Invocation, interrupted, minding};
use crate::env::Stopwatch;
use crate::error::Error;

/// How long is waited for a last word after the program has ended: something that it
/// left behind may hold its terminal open.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What a terminal was sent, and how long after the start.
pub type Heard = (Duration, Vec<u8>);

/// Runs a program whose standard output and error are a terminal of `columns` and
/// `rows`; everything that it sends there, in order, and its exit code (`None` if a
/// signal ended it). Its standard input is the file of the invocation, or nothing.
///
/// The terminal is a pseudoterminal, see pty(7). It does not control the program, so
/// there is no job control and no Ctrl-C in it.
///
/// # Errors
/// [`Error::Program`] if there is no such terminal or the program cannot be started,
/// [`Error::Interrupted`] if this program is told to end: then the other was, too.
pub fn on_terminal(
    sh: &Shell,
    invocation: &Invocation,
    (columns, rows): (u16, u16),
) -> Result<(Vec<Heard>, Option<i32>), Error> {
    let cannot = |error: std::io::Error| Error::Program {
        program: invocation.program.clone(),
        detail: error.to_string(),
    };
    minding(|| {
        let (ours, theirs) = pair(columns, rows).map_err(|error| cannot(error.into()))?;
        let mut child = start(sh, invocation, theirs).map_err(cannot)?;
        let began = Stopwatch::start();
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut terminal = File::from(ours);
            let mut buffer = [0; 4096];
            // At the end of the other side Linux answers with EIO.
            while let Ok(count @ 1..) = terminal.read(&mut buffer) {
                if sender
                    .send((began.elapsed(), buffer[..count].to_vec()))
                    .is_err()
                {
                    break;
                }
            }
        });
        let heard = listen(&mut child, &pieces).map_err(cannot)?;
        let status = child.wait().map_err(cannot)?;
        match interrupted() {
            true => Err(Error::Interrupted),
            false => Ok((heard, status.code())),
        }
    })
}

/// Both sides of a new terminal.
fn pair(columns: u16, rows: u16) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size)?;
    Ok((ours, theirs))
}

/// Starts the program. This side keeps nothing of its terminal open.
fn start(sh: &Shell, invocation: &Invocation, terminal: OwnedFd) -> std::io::Result<Child> {
    let input = match &invocation.stdin {
        Some(path) => Stdio::from(File::open(sh.current_dir().join(path))?),
        None => Stdio::null(),
    };
    Command::from(sh.cmd(&invocation.program).args(&invocation.args))
        .stdin(input)
        .stdout(Stdio::from(terminal.try_clone()?))
        .stderr(Stdio::from(terminal))
        .spawn()
}

/// Takes down what comes until the program has ended; ends it on a signal.
fn listen(child: &mut Child, pieces: &Receiver<Heard>) -> std::io::Result<Vec<Heard>> {
    let mut heard = Vec::new();
    let mut told = false;
    let mut ended = false;
    loop {
        match pieces.recv_timeout(LAST_WORD) {
            Ok(piece) => heard.push(piece),
            Err(RecvTimeoutError::Timeout) if ended => return Ok(heard),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(heard),
        }
        ended = ended || child.try_wait()?.is_some();
        if interrupted() && !told {
            told = true;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            // It may have ended in between.
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_a_terminal_and_is_heard_to_its_end() {
        let sh = Shell::new().unwrap();
        let script = "test -t 1 && test -t 2 && stty size <&1; echo end >&2; exit 7";
        let ask = Invocation::new("sh", ["-c", script]);
        let (heard, code) = on_terminal(&sh, &ask, (71, 23)).unwrap();
        let bytes: Vec<u8> = heard.into_iter().flat_map(|(_, piece)| piece).collect();
        assert_eq!(String::from_utf8_lossy(&bytes), "23 71\r\nend\r\n");
        assert_eq!(code, Some(7));
        let nobody = Invocation::new("no-such-program-of-ours", [""; 0]);
        assert!(on_terminal(&sh, &nobody, (71, 23)).is_err());
    }
}

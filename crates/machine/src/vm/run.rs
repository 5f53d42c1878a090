//! One boot of a machine: its TPM, QEMU, and the clock against which the console
//! is read.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::env::{Env, Stopwatch};
use host::files::make_dir;
use host::process::{Background, Invocation, poll_for};
use host::report::Report;
use xshell::Shell;

use super::console::{Console, Stage};
use super::machine;
use super::machine::{Acceleration, CONSOLE, Machine, TPM, TPM_SOCKET};
use super::reason::{Reason, asked_for, reason, waits_for_a_person};
use crate::error::Error;

/// The folder of one machine, which goes with it.
pub struct Room {
    path: PathBuf,
    stays: bool,
}

/// Where machines run, below the checkout.
const ROOMS: &str = "target/vm";

/// In a folder that is kept: the id of the process; once that ended, the folder may
/// be removed.
const OWNER: &str = "pid";

impl Room {
    /// An empty folder. Those of machines that run no more go.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn new(root: &Path) -> Result<Self, Error> {
        let rooms = root.join(ROOMS);
        let alive = |pid: &str| Path::new("/proc").join(pid).exists();
        for entry in std::fs::read_dir(&rooms).into_iter().flatten().flatten() {
            let owner = std::fs::read_to_string(entry.path().join(OWNER)).ok();
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = owner.or_else(|| name.split('-').nth(1).map(str::to_owned));
            if owner.is_some_and(|pid| !alive(pid.trim())) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let number = (1..)
            .find(|number| !rooms.join(room(*number)).exists())
            .unwrap_or_default();
        let path = rooms.join(room(number));
        make_dir(&path)?;
        Ok(Self { path, stays: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An empty disk of so many mebibytes in it, by its name.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn empty_disk(&self, name: &str, mebibytes: u64) -> Result<(), Error> {
        let path = self.path.join(name);
        std::fs::File::create(&path)
            .and_then(|file| file.set_len(mebibytes * 1024 * 1024))
            .map_err(|source| host::Error::File {
                verb: "write",
                path,
                source,
            })?;
        Ok(())
    }

    /// Keeps the folder for as long as that process lives.
    ///
    /// # Errors
    /// [`host::Error::File`].
    pub fn stay(mut self, pid: u32) -> Result<PathBuf, Error> {
        image_build::inputs::write(&self.path.join(OWNER), &format!("{pid}\n"))?;
        self.stays = true;
        Ok(self.path.clone())
    }
}

fn room(number: u32) -> String {
    format!("run-{}-{number}", std::process::id())
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.stays {
            // A killed process may still finish its last write.
            poll_for(Duration::from_secs(10), || {
                std::fs::remove_dir_all(&self.path).is_ok() || !self.path.exists()
            });
            // Unless there are others.
            let _ = self.path.parent().map(std::fs::remove_dir);
        }
    }
}

/// How a boot is watched.
pub struct Watch<'a> {
    /// Where programs are found.
    pub env: &'a Env,
    /// For progress lines on standard error.
    pub report: &'a Report,
    /// Each line of the console is shown.
    pub serial: bool,
    /// It stays up after its report.
    pub stays: bool,
    /// Its name in progress lines: `boot 1`.
    pub name: &'a str,
    /// How long one stage may take; what fits the acceleration without it.
    pub limit: Option<Duration>,
}

/// How a boot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The machine is off.
    Off,
    /// It has reported, and runs on.
    Up,
    /// The boot was ended: its console says why it cannot go on.
    Stuck,
    /// The boot was ended: a stage took longer than its limit.
    Late(Stage),
}

/// What a boot left.
pub struct Booted {
    /// All that it said.
    pub console: Console,
    /// How it ended.
    pub end: End,
    /// Why it did not go well, if the console says so.
    pub reason: Option<Reason>,
    /// How long it took.
    pub seconds: f64,
    /// QEMU and TPM, if they run on.
    running: Option<(Background, Option<Background>)>,
}

impl Booted {
    /// A machine that runs no more, with what it said.
    #[cfg(test)]
    pub(crate) fn of(console: Console, end: End) -> Self {
        Self {
            reason: reason(&console),
            console,
            end,
            seconds: 0.0,
            running: None,
        }
    }

    /// Leaves the machine running; returns QEMU's process id. The TPM ends with
    /// it.
    pub fn leave(&mut self) -> Option<u32> {
        let (qemu, tpm) = self.running.take()?;
        if let Some(tpm) = tpm {
            tpm.leave();
        }
        Some(qemu.leave())
    }

    /// One line for a person.
    pub fn told(&self) -> String {
        let end = match self.end {
            End::Off | End::Up | End::Stuck => String::new(),
            End::Late(stage) => format!("no end of the stage `{stage}` within its limit; "),
        };
        match &self.reason {
            Some(reason) => format!("{end}{reason}"),
            None => format!("{end}its console gives no reason that is known here"),
        }
    }
}

/// How long one stage may take. Under emulation the longest, Ignition's disks,
/// takes one minute on two processors that have nothing else to do.
pub fn limit(acceleration: Acceleration) -> Duration {
    match acceleration {
        Acceleration::Kvm => Duration::from_secs(180),
        Acceleration::Emulation => Duration::from_secs(600),
    }
}

/// How long a question for a disk's words may stand unanswered. systemd asks it
/// at once, whether somebody else has an answer or not; clevis takes 20 s for
/// its own under emulation.
fn patience(acceleration: Acceleration) -> Duration {
    limit(acceleration) / 4
}

/// Boots a machine in its folder, and watches it to its end.
///
/// # Errors
/// If QEMU or the TPM cannot run, and [`host::Error::Interrupted`]. A machine that
/// does not come up is an answer.
pub fn boot(watch: &Watch<'_>, folder: &Path, machine: &Machine) -> Result<Booted, Error> {
    let sh = host::process::shell(folder)?;
    let report = watch.report;
    let tpm = match machine.installed {
        true => Some(start_tpm(watch, &sh, folder)?),
        false => None,
    };
    let log = folder.join("qemu.log");
    let _ = std::fs::remove_file(folder.join(CONSOLE));
    let mut qemu = start(watch, &sh, &machine.invocation(), &log)?;
    let clock = Stopwatch::start();
    // A machine that reboots fetches an image in between.
    let times = if machine.reboots { 4 } else { 1 };
    let limit = watch.limit.unwrap_or_else(|| limit(machine.acceleration)) * times;
    let mut console = Console::default();
    let mut reader = Reader::new(&folder.join(CONSOLE));
    let patience = patience(machine.acceleration);
    let mut stage = (console.stage(), Duration::ZERO);
    let mut said = Duration::ZERO;
    let (mut asks, mut lost) = (false, false);
    let end = qemu.poll(|ended, elapsed| {
        let serial = watch.serial;
        let new = reader.next();
        if !new.is_empty() {
            said = elapsed;
            console.feed(&new, &mut |line| {
                if serial {
                    report.note(line);
                }
            });
            // All of the console is read for these: only when there is more of it.
            asks = asked_for(&console).is_some() || waits_for_a_person(&console);
            lost = reason(&console).is_some_and(|reason| reason.is_final());
        }
        if console.stage() != stage.0 {
            stage = (console.stage(), elapsed);
            let text = format!("{} ({:.0} s)", stage.0, elapsed.as_secs_f64());
            report.status(watch.name, &text);
        }
        if ended {
            return Some(End::Off);
        }
        if watch.stays && console.stage() == Stage::Down {
            return Some(End::Up);
        }
        if lost || (asks && elapsed - said > patience) {
            return Some(End::Stuck);
        }
        (elapsed - stage.1 > limit).then_some(End::Late(stage.0))
    })?;
    // It may have said something between the last look and its end.
    console.feed(&reader.next(), &mut |line| {
        if watch.serial {
            report.note(line);
        }
    });
    let seconds = clock.elapsed().as_secs_f64();
    let running = (end == End::Up).then_some((qemu, tpm));
    if end == End::Off && console.stage() == Stage::Firmware {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(host::Error::Program {
            program: "qemu-system-x86_64".to_owned(),
            detail: format!("it ended at once; {}", host::one_line(&said)),
        }
        .into());
    }
    Ok(Booted {
        reason: reason(&console),
        console,
        end,
        seconds,
        running,
    })
}

/// A program that ends with this one, however that ends; unless it is to stay.
fn start(
    watch: &Watch<'_>,
    sh: &Shell,
    invocation: &Invocation,
    log: &Path,
) -> Result<Background, Error> {
    let bound = !watch.stays && watch.env.program("setpriv").is_some();
    if bound {
        return Ok(Background::start_apart(
            sh,
            &machine::bound_to_us(invocation),
            log,
        )?);
    }
    Ok(Background::start_apart(sh, invocation, log)?)
}

fn start_tpm(watch: &Watch<'_>, sh: &Shell, folder: &Path) -> Result<Background, Error> {
    make_dir(&folder.join(TPM))?;
    let (log, socket) = (folder.join("swtpm.log"), folder.join(TPM_SOCKET));
    // The one of the boot before.
    let _ = std::fs::remove_file(&socket);
    let mut tpm = start(watch, sh, &machine::tpm(), &log)?;
    let ready = tpm.poll(|ended, _| {
        if socket.exists() {
            return Some(true);
        }
        ended.then_some(false)
    })?;
    if ready {
        return Ok(tpm);
    }
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    Err(host::Error::Program {
        program: "swtpm".to_owned(),
        detail: format!("it ended at once; {}", host::one_line(&said)),
    }
    .into())
}

/// A file that grows.
pub(super) struct Reader {
    path: PathBuf,
    file: Option<std::fs::File>,
}

impl Reader {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
        }
    }

    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.file.is_none() {
            self.file = std::fs::File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            let _ = file.read_to_end(&mut bytes);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_goes_and_takes_litter_with_it() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let rooms = dir.path().join(ROOMS);
        // Linux has no process of this number (PID_MAX_LIMIT).
        make_dir(&rooms.join("run-4194305-1")).unwrap();
        let kept = rooms.join("run-4194305-2");
        make_dir(&kept).unwrap();
        sh.write_file(kept.join(OWNER), "1\n").unwrap();
        let room = Room::new(dir.path()).unwrap();
        let path = room.path().to_owned();
        let other = Room::new(dir.path()).unwrap();
        assert_ne!(path, other.path());
        assert_eq!(sh.read_dir(&rooms).unwrap().len(), 3, "{rooms:?}");
        drop(room);
        assert!(!path.exists() && kept.exists());
        let stays = other.stay(std::process::id()).unwrap();
        assert!(stays.is_dir());
    }

    #[test]
    fn a_growing_file_is_read_once() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let path = dir.path().join("log");
        let mut reader = Reader::new(&path);
        assert_eq!(reader.next(), b"");
        sh.write_file(&path, "one").unwrap();
        assert_eq!(reader.next(), b"one");
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, b"two").unwrap();
        assert_eq!(reader.next(), b"two");
        assert_eq!(reader.next(), b"");
    }
}

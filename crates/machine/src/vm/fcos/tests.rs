use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::failure::Failure as _;
use remote::loopback::{Loopback, Manner, Reply, Request};
use remote::{Agent, Limits};
use serde_json::json;
use version_discovery::{Arch, Stream};

/// Made by xz itself, of several blocks:
/// `printf 'a disk of Fedora CoreOS\n%.0s' $(seq 2000) | xz -9 --block-size=20000 --check=sha256 | base64`
const PACKED: &str = "\
/Td6WFoAAArh+wyhAgAhARwAAAAQz1jM4E4fAFRdADCICIbUTCNnj+kWGF7Xb+FPs8W/RFKfkbzC\
vExH9ZXUC9wmbZMYWmhiReKCu5Eean0DwmNHjGP7QXaizKJHXDnqy7GgWYRd88rA1o3QdbZEgjMA\
AACPC4xYy2fcBmk8FWEnk9ltx+Sxsji28LQIKQniKYp1vwIAIQEcAAAAEM9YzOBOHwBUXQAzCATG\
U1wtxqxyV3wJSJlg7qbbvuItpkxs3TyTsWdVnGGs+85/CaKbwF/TcOyQiHZ0hpwutN4r4oCEpZD6\
ACdZP7Aj9s/YUW8w2pr4TRe6fQp/AAAA9e7oBrJKpUtaDroB3o/8PqLiyxQvBVGERMEKK64xCHEC\
ACEBHAAAABDPWMzgHz8AQV0AEBDJ5yNMsfVmqDO5pOnmLlgNwHBpd3vP/+CtY8DYtJq3ye5v6Gz/\
YSqy8oA1gwFQ1+cTbw5KLm9QgegemNXypAAAAAAA9fTDB2iMHEODNEm827dDP70TDQ3FmaiBsH7l\
UurqXGAAA4gBoJwBiAGgnAF1wD4AdOaAWasKhsoEAAAAAApZWg==";
const SHA256: &str = "810d30e27fdb21d18561fcda9f27705267d2619b94febd43cf03a9bec83591d8";
const UNCOMPRESSED: &str = "261fbd66c029e1f360e4217ebf11634cf3b8451b302c5a1a307c2f916920f15c";

fn packed() -> Vec<u8> {
    STANDARD.decode(PACKED).unwrap()
}

/// The metadata of a release with these sums, as Fedora writes it.
fn disk(sha256: &str, uncompressed: &str) -> QemuDisk {
    let document = json!({
        "stream": "stable",
        "architectures": { "x86_64": { "artifacts": { "qemu": {
            "release": "44.20260707.3.1",
            "formats": { "qcow2.xz": { "disk": {
                "location": "https://builds.coreos.fedoraproject.org/prod/disk.qcow2.xz",
                "sha256": sha256,
                "uncompressed-sha256": uncompressed,
            } } },
        } } } },
    });
    let stream: Stream = "stable".parse().unwrap();
    version_discovery::fcos_disk::qemu(document.to_string().as_bytes(), &stream, Arch::X86_64)
        .unwrap()
        .unwrap()
}

fn good() -> QemuDisk {
    disk(SHA256, UNCOMPRESSED)
}

/// A folder and a server, and what was told.
struct World {
    folder: xshell::TempDir,
    server: Loopback,
}

impl World {
    fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let sh = xshell::Shell::new().unwrap();
        Self {
            folder: sh.create_temp_dir().unwrap(),
            server: Loopback::start(handler).unwrap(),
        }
    }

    fn keep(&self, disk: &QemuDisk) -> (Result<PathBuf, Error>, Vec<Told>) {
        let agent = Agent::new(Limits {
            attempts: 1,
            ..Limits::default()
        });
        let url = disk.url(&format!("http://{}", self.server.address()));
        let mut told = Vec::new();
        let done = keep(
            disk,
            self.folder.path(),
            &mut |from| Ok(remote::download::open(&agent, &url, from, LARGEST)?),
            &mut |what| told.push(what),
        );
        (done, told)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// Names in the folder, but for the lock.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    fn part(&self) -> String {
        format!(".{}.xz.part", good().name())
    }
}

/// A server that knows parts, as Fedora's does.
fn served(request: &Request) -> Reply {
    let all = packed();
    assert_eq!(request.path, "/prod/disk.qcow2.xz");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let Some(range) = request.header("range") else {
        return Reply::new(200, "application/x-xz", all);
    };
    let from = range.trim_start_matches("bytes=").trim_end_matches('-');
    let from: usize = from.parse().unwrap();
    if from >= all.len() {
        return Reply::new(416, "text/plain", "");
    }
    let range = format!("bytes {from}-{}/{}", all.len() - 1, all.len());
    Reply::new(206, "application/x-xz", &all[from..]).with("content-range", &range)
}

#[test]
fn it_is_fetched_once_and_held_against_both_sums() {
    let world = World::new(served);
    let (path, told) = world.keep(&good());
    let path = path.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "a disk of Fedora CoreOS\n".repeat(2000));
    assert_eq!(path.file_name().unwrap(), good().name().as_str());
    let total = packed().len() as u64;
    assert_eq!(
        told,
        [
            Told::Begins {
                from: 0,
                total: Some(total)
            },
            Told::Fetched(total),
            Told::Unpacks
        ]
    );
    // Nothing else stays, and a second run asks nobody.
    assert_eq!(world.names(), [good().name()]);
    let (again, told) = world.keep(&good());
    assert_eq!((again.unwrap(), &told[..]), (path, &[Told::Cached][..]));
    assert_eq!(world.server.seen().len(), 1);
}

#[test]
fn a_disk_that_changed_is_fetched_again() {
    let world = World::new(served);
    world.put(&good().name(), b"something else");
    let (path, told) = world.keep(&good());
    assert_eq!(std::fs::metadata(path.unwrap()).unwrap().len(), 48_000);
    assert_eq!(told[0], Told::Spoilt);
}

#[test]
fn a_cut_connection_is_gone_on_with() {
    let asked = AtomicUsize::new(0);
    let world = World::new(move |request| {
        let reply = served(request);
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => reply.sent(Manner::CutAfter(100)),
            _ => reply,
        }
    });
    let (cut, _) = world.keep(&good());
    let error = cut.unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    assert_eq!(world.names(), [world.part()]);
    let (path, told) = world.keep(&good());
    assert!(path.is_ok(), "{path:?}");
    assert_eq!(
        told[0],
        Told::Begins {
            from: 100,
            total: Some(packed().len() as u64)
        }
    );
    let ranges: Vec<_> = world.server.seen();
    assert_eq!(ranges[1].header("range"), Some("bytes=100-"));
}

#[test]
fn a_wrong_beginning_is_fetched_anew_and_a_whole_one_is_used() {
    let world = World::new(served);
    world.put(&world.part(), b"a beginning of something else");
    assert!(world.keep(&good()).0.is_ok());
    assert_eq!(world.server.seen().len(), 2);
    // All was there before the last run ended.
    let world = World::new(served);
    world.put(&world.part(), &packed());
    let (path, told) = world.keep(&good());
    assert!(path.is_ok());
    assert_eq!(told, [Told::Unpacks]);
}

#[test]
fn a_wrong_sum_is_an_error_that_loses_nothing() {
    let other = "0".repeat(64);
    for (disk, says) in [
        (
            disk(&other, UNCOMPRESSED),
            "what was fetched has the SHA-256 810d30e2",
        ),
        (
            disk(SHA256, &other),
            "the unpacked disk has the SHA-256 261fbd66",
        ),
    ] {
        let world = World::new(served);
        let old = "fedora-coreos-44.20260601.3.0-qemu.x86_64.qcow2";
        world.put(old, b"old");
        world.put(&disk.name(), b"here before");
        let (done, _) = world.keep(&disk);
        let error = done.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(says) && text.contains(&format!("promises {other}")),
            "{text}"
        );
        assert_eq!(error.exit_code(), 1);
        let here = std::fs::read(world.folder.path().join(disk.name())).unwrap();
        assert_eq!(here, b"here before");
        assert!(world.names().contains(&old.to_owned()));
        // No half of a disk.
        assert!(!world.names().contains(&format!(".{}.part", disk.name())));
    }
}

#[test]
fn what_is_no_xz_is_said_so() {
    let plain = b"no xz at all, but with the right sum";
    let world = World::new(move |_| Reply::new(200, "x/y", plain.to_vec()));
    let sum = crate::vm::expect::sha256(plain);
    let error = world.keep(&disk(&sum, UNCOMPRESSED)).0.unwrap_err();
    assert!(error.to_string().contains("cannot be unpacked"), "{error}");
    // Cut in its midst, with a right sum of what there is.
    let half = packed()[..200].to_vec();
    let sum = crate::vm::expect::sha256(&half);
    let world = World::new(move |_| Reply::new(200, "x/y", half.clone()));
    assert!(world.keep(&disk(&sum, UNCOMPRESSED)).0.is_err());
    let gone = World::new(|_| Reply::new(404, "x/y", ""));
    assert!(
        gone.keep(&good())
            .0
            .unwrap_err()
            .to_string()
            .contains("404")
    );
}

#[test]
fn older_disks_of_the_stream_go_and_others_stay() {
    let world = World::new(served);
    let stay = [
        "fedora-coreos-44.20260601.2.0-qemu.x86_64.qcow2",
        "fedora-coreos-44.20260601.3.0-qemu.aarch64.qcow2",
        "mine.qcow2",
    ];
    for name in stay {
        world.put(name, b"x");
    }
    world.put("fedora-coreos-44.20260601.3.0-qemu.x86_64.qcow2", b"x");
    world.put(
        ".fedora-coreos-44.20260601.3.0-qemu.x86_64.qcow2.xz.part",
        b"x",
    );
    world.keep(&good()).0.unwrap();
    let mut names = stay.map(str::to_owned).to_vec();
    names.push(good().name());
    names.sort();
    assert_eq!(world.names(), names);
}

#[test]
fn two_runs_do_not_write_one_file() {
    let world = World::new(served);
    let lock = File::create(world.folder.path().join(".lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let error = world.keep(&good()).0.unwrap_err();
    assert!(error.to_string().contains("another run"), "{error}");
    assert_eq!(world.server.seen().len(), 0);
}

/// As a program has them that another thread started, until its exec.
fn copies_of_the_lock(folder: &Path) -> Vec<rustix::fd::OwnedFd> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let lock = folder.join(".lock");
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    files
        .filter(|file| std::fs::read_link(file.path()).is_ok_and(|path| path == lock))
        .filter_map(|file| file.file_name().to_string_lossy().parse().ok())
        // A sandbox can forbid it; then there is none.
        .filter_map(|number| pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).ok())
        .collect()
}

#[test]
fn a_program_that_just_starts_does_not_keep_the_lock() {
    let world = World::new(served);
    let folder = world.folder.path().canonicalize().unwrap();
    let url = good().url(&format!("http://{}", world.server.address()));
    let agent = Agent::new(Limits::default());
    let mut copies = Vec::new();
    let mut open = |from| {
        copies = copies_of_the_lock(&folder);
        Ok(remote::download::open(&agent, &url, from, LARGEST)?)
    };
    keep(&good(), &folder, &mut open, &mut |_| {}).unwrap();
    if copies.is_empty() {
        host::report::exactly_err(b"skipped: pidfd_getfd(2) is forbidden here\n");
        return;
    }
    assert!(world.keep(&good()).0.is_ok());
}

//! How long it takes to turn one layer into layers by how often they change, and how much
//! memory: against `podman build` and `podman push` of the same files, which a user would
//! have instead. In one run, at several sizes.
//!
//! `cargo bench -p image-layers --profile dev`: the program as `cargo xtask` runs it.
//! `MIB=1024,2048` gives the sizes. Then a table of what a host downloads.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads a clock, starts programs and prints"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use image_layers::download::download;
use image_layers::entry::read;
use image_layers::export::Export;
use image_layers::image::Image;
use image_layers::owners::Owners;
use image_layers::reassemble::{Order, reassemble};

/// Files of a package.
const FILES: usize = 40;
/// Bytes of a file.
const FILE: usize = 256 * 1024;

/// The most memory that this process has held, in mebibytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

/// Processor seconds of this process, and of the programs that it has run: on a machine
/// with other work, they say more than the clock.
/// Source: `proc(5)`, fields 14 to 17 of `/proc/pid/stat`, in hundredths.
fn processor() -> [f64; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let field = |at: usize| -> f64 {
        let word = rest.split_whitespace().nth(at - 3).unwrap();
        word.parse().unwrap()
    };
    [field(14) + field(15), field(16) + field(17)].map(|ticks| ticks / 100.0)
}

fn podman(args: &[&str]) -> f64 {
    let begin = Instant::now();
    let mut command = Command::new("podman");
    let status = command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "podman {args:?}");
    begin.elapsed().as_secs_f64()
}

/// Files as compressible as programs are: half of the bytes are random.
fn root(folder: &Path, mib: usize) -> String {
    let mut owners = String::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let count = mib * 1024 * 1024 / FILE;
    for file in 0..count {
        let package = file / FILES;
        let path = format!("usr/lib/package-{package}/file-{file}");
        let full = folder.join(&path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        let mut bytes = Vec::with_capacity(FILE);
        while bytes.len() < FILE {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
            bytes.extend_from_slice(b"the text");
        }
        std::fs::File::create(&full)
            .unwrap()
            .write_all(&bytes)
            .unwrap();
        owners.push_str(&format!(
            "package-{package}-1-1.src.rpm\tMaker\t1\t/{path}\n"
        ));
    }
    owners.push_str(&format!("end\t{count} files\n"));
    owners
}

fn main() {
    let podman_there = Command::new("podman").arg("--version").output().is_ok();
    if !podman_there {
        println!("skipped: podman is missing");
        return;
    }
    let sizes = std::env::var("MIB").unwrap_or_else(|_| "256,512,1024".to_owned());
    println!(
        "{:>6} {:>9} {:>9} {:>11} {:>7} {:>9}",
        "MiB", "commit s", "push s", "reassemble s", "ratio", "peak MiB"
    );
    for mib in sizes.split(',') {
        let mib: usize = mib.parse().unwrap();
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-reassembly");
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(scratch.join("root")).unwrap();
        let owners = Owners::parse(&root(&scratch.join("root"), mib)).unwrap();
        let text = |name: &str| scratch.join(name).display().to_string();
        let base = text("base.Containerfile");
        std::fs::write(&base, "FROM scratch\nLABEL a=b\n").unwrap();
        std::fs::write(scratch.join("empty"), "").unwrap();
        let top = text("Containerfile");
        std::fs::write(&top, "FROM localhost/bench-base\nCOPY root /\n").unwrap();
        podman(
            &[
                "build",
                "--layers=false",
                "--tag=localhost/bench-base",
                "--file",
                &base,
                &text("empty-context"),
            ]
            .map(|arg| arg)
            .iter()
            .map(|arg| {
                if *arg == text("empty-context") {
                    let _ = std::fs::create_dir_all(arg);
                }
                *arg
            })
            .collect::<Vec<_>>(),
        );
        let build = [
            "build",
            "--layers=false",
            "--no-cache",
            "--pull=never",
            "--tag=localhost/bench",
            "--file",
            &top,
            &text(""),
        ];
        let [_, before] = processor();
        let commit = podman(&build);
        let push = podman(&["push", "localhost/bench", &format!("oci:{}", text("oci"))]);
        let [_, theirs] = processor();
        let export = podman(&["push", "localhost/bench", &format!("dir:{}", text("built"))]);
        podman(&[
            "push",
            "localhost/bench-base",
            &format!("dir:{}", text("base")),
        ]);
        let base = Export::open(&scratch.join("base")).unwrap().image;
        let built = Export::open(&scratch.join("built")).unwrap();
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let make = |previous: Option<&Image>, to: &str| {
            let begin = Instant::now();
            let made = reassemble(&Order {
                built: &built,
                base: &base,
                owners: &owners,
                previous,
                created: time,
                newest_input: time,
                to: &scratch.join(to),
                threads: 2,
            });
            (begin.elapsed().as_secs_f64(), made.unwrap())
        };
        let [begin, _] = processor();
        let (first, made) = make(None, "first");
        let [end, _] = processor();
        let (again, same) = make(Some(&made.written.image), "again");
        assert!(same.new.is_empty());
        let entries = read(
            &built
                .layer(built.image.manifest.layers.last().unwrap())
                .unwrap(),
        )
        .unwrap()
        .len();
        println!(
            "{mib:>6} {commit:>9.1} {push:>9.1} {:>11.1} {:>7.2} {:>9}   export {export:.1} s, again {again:.1} s, {} layers of {entries} entries; processor: podman {:.1} s, reassemble {:.1} s",
            export + first,
            (export + first) / (commit + push),
            peak(),
            made.written.image.manifest.layers.len(),
            theirs - before,
            end - begin,
        );
        podman(&["rmi", "localhost/bench", "localhost/bench-base"]);
        let _ = std::fs::remove_dir_all(&scratch);
    }
    downloads();
}

/// What a host downloads after each kind of change, of an image with 128 MiB of packages of
/// 10 MiB, 60 packages of 1 MiB, 16 MiB of kernel modules and a package database of 2 MiB
/// on top of its base.
fn downloads() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-downloads");
    let _ = std::fs::remove_dir_all(&scratch);
    let top = scratch.join("root");
    std::fs::create_dir_all(&top).unwrap();
    let list = root(&top, 128);
    let (large, _) = list.rsplit_once("end\t").unwrap();
    let small: String = (0..60)
        .map(|n| format!("small-{n}-1-1.src.rpm\tFedora Project\t1\t/usr/bin/small-{n}\n"))
        .collect();
    let end = large.lines().count() + 60;
    let owners = Owners::parse(&format!("{large}{small}end\t{end} files\n")).unwrap();
    let text = |name: &str| scratch.join(name).display().to_string();
    let write = |path: &str, kib: usize, seed: u64| {
        let path = top.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(kib * 1024, seed)).unwrap();
    };
    let modules = |seed| write("usr/lib/modules/k/zfs.ko", 16 * 1024, seed);
    let database = |seed| write("usr/lib/sysimage/rpm/rpmdb.sqlite", 2 * 1024, seed);
    let small = |number: u64, seed| write(&format!("usr/bin/small-{number}"), 1024, seed);
    (0..60).for_each(|number| small(number, 100 + number));
    modules(1);
    database(1);
    // Two bases, of a file each.
    std::fs::create_dir_all(scratch.join("empty")).unwrap();
    for number in [1, 2] {
        std::fs::write(scratch.join("empty/file"), noise(32 << 20, number)).unwrap();
        std::fs::write(text("base"), "FROM scratch\nCOPY file /base\n").unwrap();
        let name = format!("--tag=localhost/bench-base:{number}");
        podman(&["build", &name, "--file", &text("base"), &text("empty")]);
        let to = format!("dir:{}", text(&format!("base-{number}")));
        podman(&["push", &format!("localhost/bench-base:{number}"), &to]);
    }
    let build = |number: u32, previous: Option<&Image>, name: &str| {
        let file = format!("FROM localhost/bench-base:{number}\nCOPY root /\n");
        std::fs::write(text("Containerfile"), file).unwrap();
        let options = ["build", "--layers=false", "--no-cache", "--pull=never"];
        let more = ["--tag=localhost/bench", "--file", &text("Containerfile")];
        podman(&[&options[..], &more[..], &[text("").as_str()]].concat());
        podman(&["push", "localhost/bench", &format!("dir:{}", text(name))]);
        let base = Export::open(&scratch.join(format!("base-{number}")));
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let made = reassemble(&Order {
            built: &Export::open(&scratch.join(name)).unwrap(),
            base: &base.unwrap().image,
            owners: &owners,
            previous,
            created: time,
            newest_input: time,
            to: &scratch.join(format!("{name}-layers")),
            threads: 2,
        });
        made.unwrap().written.image
    };
    let first = build(1, None, "first");
    let whole: u64 = first.manifest.parts().map(|(_, layer)| layer.size).sum();
    println!(
        "\n{:>22} {:>9} {:>9} {:>7}  layers",
        "download of", "MB", "plain MB", "share"
    );
    let mut previous = first;
    for change in [
        "nothing",
        "a small package",
        "a package of 10 MiB",
        "kernel modules",
        "a new base",
    ] {
        let mut number = 1;
        match change {
            "a small package" => {
                small(7, 7);
                database(4);
            }
            "a package of 10 MiB" => {
                write("usr/lib/package-0/file-0", 256, 7);
                database(2);
            }
            "kernel modules" => {
                modules(3);
                database(3);
            }
            "a new base" => number = 2,
            _ => {}
        }
        let image = build(number, Some(&previous), &change.replace(' ', "-"));
        let costs = download(Some(&previous.manifest), &image.manifest);
        let base: u64 = match number {
            2 => costs
                .parts
                .iter()
                .filter(|(part, _)| part == "base")
                .map(|(_, size)| size)
                .sum(),
            _ => 0,
        };
        // One layer, whose times are new with each build.
        let plain = whole + base;
        println!(
            "{change:>22} {:>9.1} {:>9.1} {:>6.1}%  {}",
            costs.bytes as f64 / 1e6,
            plain as f64 / 1e6,
            costs.bytes as f64 / plain as f64 * 100.0,
            costs.shares()
        );
        previous = image;
    }
    podman(&[
        "rmi",
        "localhost/bench",
        "localhost/bench-base:1",
        "localhost/bench-base:2",
    ]);
    let _ = std::fs::remove_dir_all(&scratch);
}

/// Half of it random.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
        bytes.extend_from_slice(b"the text");
    }
    bytes
}

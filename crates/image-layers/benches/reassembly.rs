//! How long it takes to turn one layer into layers by how often they change, and how much
//! memory: against `podman build` and `podman push` of the same files, which a user would
//! have instead. In one run, at several sizes.
//!
//! `cargo bench -p image-layers --profile dev`: the program as `cargo xtask` runs it.
//! `MIB=1024,2048` gives the sizes.
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
        let commit = podman(&build);
        let push = podman(&["push", "localhost/bench", &format!("oci:{}", text("oci"))]);
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
        let (first, made) = make(None, "first");
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
            "{mib:>6} {commit:>9.1} {push:>9.1} {:>11.1} {:>7.2} {:>9}   export {export:.1} s, again {again:.1} s, {} layers of {entries} entries",
            export + first,
            (export + first) / (commit + push),
            peak(),
            made.written.image.manifest.layers.len(),
        );
        podman(&["rmi", "localhost/bench", "localhost/bench-base"]);
        let _ = std::fs::remove_dir_all(&scratch);
    }
}

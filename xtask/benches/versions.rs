//! How long it takes to know what there is, with 50 ms on every request: this
//! program against a script of `skopeo inspect | jq`, which asks for the same.
//!
//! `cargo bench -p custom-coreos --bench versions --profile dev`: the program as
//! `cargo xtask` runs it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads a clock, starts programs and prints"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::upstream::{BASE, KMODS, kernel};
use support::{FCOS, Sandbox};

const LATENCY: Duration = Duration::from_millis(50);
const RUNS: usize = 5;

/// Releases of OpenZFS, the digest and version of the base, the kernel from
/// Fedora's metadata (the label is gone), the digest of the kmods image.
const SCRIPT: &str = r#"set -euo pipefail
zfs=$(curl -fsS "http://$HERE/github/repos/openzfs/zfs/releases?per_page=100" |
    jq -r '[.[] | select((.draft or .prerelease) | not) | .tag_name | select(startswith("zfs-2.4."))] | sort_by(split(".") | map(tonumber? // 0)) | last')
base=$(skopeo inspect --tls-verify=false "docker://$HERE/$BASE:stable")
jq -r .Digest <<<"$base"
version=$(jq -r '.Labels["org.opencontainers.image.version"]' <<<"$base")
curl -fsS "http://$HERE/fedora/prod/streams/stable/builds/$version/$ARCH/commitmeta.json" |
    jq -r '.["rpmostree.rpmdb.pkglist"][] | select(.[0] == "kernel-core") | .[2] + "-" + .[3] + "." + .[4]'
skopeo inspect --tls-verify=false "docker://$HERE/$KMODS:${zfs}_kernel-$KERNEL" | jq -r .Digest
"#;

/// The median of some runs, and the requests of the last.
fn measured(sandbox: &Sandbox, mut run: impl FnMut()) -> (Duration, usize) {
    let mut times = Vec::new();
    let mut requests = 0;
    for _ in 0..RUNS {
        let before = sandbox.upstream.requests().len();
        let begin = Instant::now();
        run();
        times.push(begin.elapsed());
        requests = sandbox.upstream.requests().len() - before;
    }
    times.sort();
    (times[RUNS / 2], requests)
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn main() {
    let sandbox = Sandbox::new();
    sandbox.upstream.tokens();
    sandbox.upstream.delay(LATENCY);
    let cache = sandbox.path("home/.cache");
    let versions = || {
        sandbox.run(&["versions"]).expect(0);
    };
    let cold = measured(&sandbox, || {
        let _ = std::fs::remove_dir_all(&cache);
        versions();
    });
    let warm = measured(&sandbox, versions);
    let show = |name: &str, (time, requests): (Duration, usize)| {
        println!(
            "{name:<28} {:>5.0} ms  {requests:>2} requests",
            time.as_secs_f64() * 1e3
        );
    };
    println!(
        "{} ms on each request, median of {RUNS}",
        LATENCY.as_millis()
    );
    show("versions, cold cache", cold);
    show("versions, warm cache", warm);
    let missing: Vec<&str> = ["bash", "curl", "jq", "skopeo"]
        .into_iter()
        .filter(|program| !installed(program))
        .collect();
    if !missing.is_empty() {
        println!("not compared: {} not installed", missing.join(", "));
        return;
    }
    let script = || {
        let status = Command::new("bash")
            .args(["-c", SCRIPT])
            .env("HERE", sandbox.upstream.address().to_string())
            .env("BASE", BASE)
            .env("KMODS", KMODS)
            .env("KERNEL", kernel())
            .env("ARCH", std::env::consts::ARCH)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "the script for {FCOS} failed");
    };
    let peer = measured(&sandbox, script);
    show("skopeo inspect | jq", peer);
    let ratio = |time: Duration| peer.0.as_secs_f64() / time.as_secs_f64();
    println!(
        "the script takes {:.1} times as long as cold, {:.1} times as long as warm",
        ratio(cold.0),
        ratio(warm.0)
    );
}

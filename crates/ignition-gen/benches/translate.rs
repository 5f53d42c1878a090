//! How long translations take, each as the best of several runs.
//!
//! The reference needs about 10 ms, 1.5 s, 12 s, 16 s and 2.6 s for these five
//! on two shared cores.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ignition_gen::{FileError, FileKind, Files, NoFiles, Options, translate};

/// A directory of directories of files, in memory: the disk is not measured.
struct Tree(BTreeMap<String, BTreeMap<String, Vec<u8>>>);

impl Files for Tree {
    fn name(&self) -> Option<&str> {
        Some("tree")
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let (directory, name) = path.split_once('/').ok_or(FileError::NotFound)?;
        self.0
            .get(directory)
            .and_then(|files| files.get(name))
            .cloned()
            .ok_or(FileError::NotFound)
    }

    fn kind(&self, path: &str, _: bool) -> Result<FileKind, FileError> {
        Ok(if path.contains('/') {
            FileKind::File { executable: false }
        } else {
            FileKind::Directory
        })
    }

    fn link(&self, _: &str) -> Result<String, FileError> {
        Err(FileError::NotFound)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        if path.is_empty() {
            return Ok(self.0.keys().cloned().collect());
        }
        Ok(self
            .0
            .get(path)
            .into_iter()
            .flat_map(|files| files.keys().cloned())
            .collect())
    }
}

/// Words that repeat like those of configuration files, always the same.
struct Words(u64);

impl Words {
    fn line(&mut self, words: usize) -> String {
        const WORDS: [&str; 24] = [
            "server", "listen", "enabled", "timeout", "path", "/var/lib", "user", "group", "true",
            "interval", "log", "format", "backend", "proxy", "address", "10.0.0.1", "port", "8080",
            "cache", "retry", "policy", "token", "include", "default",
        ];
        let mut line = String::new();
        for _ in 0..words {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let word = WORDS[(self.0 >> 33) as usize % WORDS.len()];
            line.push_str(&format!("{word}={} ", self.0 >> 52));
        }
        line.push('\n');
        line
    }
}

fn inline(files: usize) -> String {
    let mut words = Words(1);
    let mut config = String::from("variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n");
    for index in 0..files {
        config.push_str(&format!("    - path: /etc/app/{index:05}.conf\n      mode: 0644\n      contents:\n        inline: |\n"));
        for _ in 0..3 {
            config.push_str(&format!("          {}", words.line(4)));
        }
    }
    config
}

fn measure(name: &str, runs: usize, target: Duration, config: &str, files: &dyn Files) {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let start = Instant::now();
        let translation = black_box(translate(black_box(config), files, Options::default()));
        best = best.min(start.elapsed());
        assert!(
            translation.ignition.is_some(),
            "{}",
            translation.report.raw()
        );
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("")
        .trim();
    println!(
        "{name:28} {:9.3} ms of {:4} ms, peak memory so far {peak}",
        best.as_secs_f64() * 1e3,
        target.as_millis()
    );
}

fn main() {
    let small = "variant: fcos\nversion: 1.6.0\npasswd:\n  users:\n    - name: core\n      ssh_authorized_keys:\n        - \
                 ssh-ed25519 AAAA\nstorage:\n  files:\n    - path: /etc/hostname\n      contents: {inline: nas}\n";
    let milliseconds = Duration::from_millis;
    measure("12 lines", 200, milliseconds(2), small, &NoFiles);
    measure(
        "1,000 inline files",
        20,
        milliseconds(30),
        &inline(1000),
        &NoFiles,
    );
    measure(
        "10,000 inline files",
        7,
        milliseconds(200),
        &inline(10_000),
        &NoFiles,
    );
    let mut words = Words(2);
    let mut tree = Tree(BTreeMap::new());
    for index in 0..10_000 {
        let files = tree.0.entry(format!("d{:02}", index % 100)).or_default();
        files.insert(format!("{index:05}"), words.line(12).into_bytes());
    }
    let config = "variant: fcos\nversion: 1.6.0\nstorage:\n  trees:\n    - local: .\n";
    measure(
        "tree of 10,000 local files",
        7,
        milliseconds(400),
        config,
        &tree,
    );
    let mut text = Vec::new();
    while text.len() < 10_000_000 {
        text.extend(words.line(8).into_bytes());
    }
    let tree = Tree(BTreeMap::from([(
        "d".to_string(),
        BTreeMap::from([("big".to_string(), text)]),
    )]));
    let config = "variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n    - path: /x\n      contents: {local: d/big}\n";
    measure("10 MB of local text", 3, milliseconds(2600), config, &tree);
}

//! `rehearse --images`: three images of two architectures in one repository, of which one
//! part is not what it must be.
//!
//! The parts of this machine's architecture are built as ever, the others of programs of
//! `aarch64` that the kernel runs by qemu (binfmt_misc), on the same Containerfile. What
//! was pushed is joined, published, pulled back for each architecture, and its programs
//! are looked at; then it is cleaned up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::Done;
use host::env::Stopwatch;
use host::files::make_dir;
use host::process::{self, Invocation};
use image_build::gather::World;
use image_build::inputs::write;
use image_config::{BackEnd, Config, Images, Package, Unique};
use registry_compat::ImageRef;
use version_discovery::Arch;
use xshell::Shell;

use crate::error::Error;
use crate::requirements::images;
use crate::scenarios::GOOD;
use crate::standins;
use crate::standins::StandIn;
use crate::testbed::Testbed;

/// The images, and what is other for each: the last has a check of its own that does not
/// hold for one of its architectures.
const IMAGES: [(&str, &str); 3] = [
    ("stock", "{}"),
    ("nas", "{image: {title: A rehearsed NAS}}"),
    ("lab", "{content: {checks: [contract.d/10-lab.sh]}}"),
];

/// Where the planted failure is.
const BROKEN: (&str, Arch) = ("lab", Arch::Aarch64);

/// The check of `lab`: it holds on one architecture only.
const CHECK: &str = "[ \"$(uname -m)\" = x86_64 ]\n";

/// The machine of an ELF file, and of which architecture it is.
/// Source: elf(5), `e_machine`.
fn machine_of(file: &Path) -> Option<Arch> {
    let bytes = std::fs::read(file).ok()?;
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    match bytes.get(18..20)? {
        [62, 0] => Some(Arch::X86_64),
        [183, 0] => Some(Arch::Aarch64),
        _ => None,
    }
}

/// One command, and whether it ended as it should.
struct Row {
    words: String,
    code: Option<i32>,
    wanted: i32,
    seconds: f64,
}

/// What is typed, and measured.
struct Played<'a> {
    testbed: &'a Testbed<'a>,
    yaml: String,
    rows: Vec<Row>,
    peak: u64,
}

impl Played<'_> {
    fn typed(&mut self, words: &[&str], wanted: i32) -> Result<Vec<String>, Error> {
        let testbed = self.testbed;
        let report = testbed.world.report;
        report.command(&format!("cargo xtask {}", words.join(" ")));
        let watch = Stopwatch::start();
        let exe = testbed.world.env.exe.display().to_string();
        let all = words.iter().copied().chain(["--config", &self.yaml]);
        let mut said = Vec::new();
        let call = Invocation::new(&exe, all);
        let code = process::status(&testbed.sh, &call, &mut |line| {
            said.push(line.to_owned());
            report.foreign(line);
        })?;
        if code != Some(wanted) {
            report.error(&format!(
                "{}: ended with {code:?}, wanted {wanted}",
                words.join(" ")
            ));
        }
        report.forget();
        self.rows.push(Row {
            words: words.join(" "),
            code,
            wanted,
            seconds: watch.elapsed().as_secs_f64(),
        });
        self.peak = self.peak.max(size_of(&testbed.scratch));
        Ok(said)
    }
}

/// Bytes on disk below a folder; files that go meanwhile do not count.
fn size_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut waiting = vec![folder.to_owned()];
    let mut sum = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            // What is mounted is counted where it lies.
            if meta.is_dir() && entry.file_name() != "merged" {
                waiting.push(entry.path());
            }
            sum += meta.blocks() * 512;
        }
    }
    sum
}

/// The stand-ins of the other architecture, of its own programs.
///
/// # Errors
/// If they cannot be made.
pub(crate) fn other_architecture(
    world: &World<'_>,
    sh: &Shell,
    scratch: &Path,
    spec: &StandIn,
) -> Result<(Arch, standins::Images), Error> {
    images::check(world.env)?;
    let cache = world.env.cache.clone();
    let sysroot = standins::arm64(sh, &cache.unwrap_or_else(|| scratch.to_owned()))?;
    let folder = scratch.join("arm64");
    make_dir(&folder)?;
    let arch: Arch = std::env::consts::ARCH.parse()?;
    let of = |kernel: &str| kernel.replace(arch.rpm(), Arch::Aarch64.rpm());
    let spec = StandIn {
        kernel: of(&spec.kernel),
        wrong_kernel: of(&spec.wrong_kernel),
        skopeo: None,
        sysroot: Some(sysroot),
        ..spec.clone()
    };
    Ok((Arch::Aarch64, standins::make(sh, &folder, &spec)?))
}

/// Plays it.
///
/// # Errors
/// If a program cannot be run. What ends otherwise than it should is an answer:
/// [`Done::CheckFailed`].
pub(crate) fn rehearse(testbed: &Testbed<'_>, watch: &Stopwatch) -> Result<Done, Error> {
    let report = testbed.world.report;
    let services = testbed.start_services()?;
    // Upstream's images are nowhere but in the registry.
    let engine = testbed.engine.program();
    for images in std::iter::once(&testbed.images).chain(testbed.others.iter().map(|(_, it)| it)) {
        standins::remove(&testbed.sh, engine, images)?;
    }
    let folder = testbed.scratch.join(GOOD.world);
    make_dir(&folder)?;
    let (yaml, images) = image_yaml(testbed, &services.metadata(), &folder)?;
    testbed.set_variables(&GOOD, &folder)?;
    let state = folder.join("state");
    testbed.sh.set_var("XDG_STATE_HOME", &state);
    let login = testbed.scratch.join("auth.json");
    // Podman reads it, whether anybody has logged in or not.
    write(&login, "{}")?;
    testbed.sh.set_var("REGISTRY_AUTH_FILE", login);
    let checks = testbed.scratch.join("checkout/contract.d");
    make_dir(&checks)?;
    write(&checks.join("10-lab.sh"), CHECK)?;
    let made = watch.elapsed();
    let mut played = Played {
        testbed,
        yaml: yaml.display().to_string(),
        rows: Vec::new(),
        peak: 0,
    };
    played.typed(&["keys", "policy"], 0)?;
    let lock = folder.join("lock.json").display().to_string();
    let pushed = folder.join("pushed").display().to_string();
    let resolve = ["resolve", "--decide", "--force=rehearsal", "-o", &lock];
    let story = played.typed(&resolve, 0)?;
    let asked = |what: &str| story.iter().filter(|line| line.contains(what)).count();
    let asked = [asked("releases of stable"), asked("releases of openzfs")];
    for image in images.iter() {
        for arch in image.config.architectures.iter() {
            let (name, arch_word) = (image.name.as_str(), arch.to_string());
            let code = i32::from((name, *arch) == BROKEN);
            let build = [
                "build", "--push", "--pushed", &pushed, "--locked", &lock, "--image", name,
                "--arch", &arch_word,
            ];
            played.typed(&build, code)?;
            alarm(&mut played, name, &format!("build-{arch}"), code)?;
        }
    }
    let mut published = Vec::new();
    let mut looked = Vec::new();
    for image in images.iter() {
        let name = image.name.as_str();
        let publish = [
            "publish",
            "--pushed",
            &pushed,
            "--if-complete",
            "--locked",
            &lock,
            "--image",
            name,
        ];
        played.typed(&publish, 0)?;
        alarm(&mut played, name, "publish", 0)?;
        let followed = image.config.followed().map_err(image_build::Error::from)?;
        if testbed.digest_now(&followed)?.is_none() {
            continue;
        }
        published.push(name.to_owned());
        for arch in image.config.architectures.iter() {
            looked.push((
                name.to_owned(),
                *arch,
                pulled_back(testbed, &followed, *arch)?,
            ));
        }
    }
    played.typed(&["cleanup", "--mode", "execute"], 0)?;
    let alarm = alarm_text(&state);
    let parts = std::fs::read_dir(&pushed).into_iter().flatten().count();
    let fetched = fetched(&testbed.scratch);
    let took = watch.elapsed();
    let rows = &played.rows;
    let mut table = vec![
        ["", "COMMAND", "EXIT", "SECONDS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    table.extend(rows.iter().map(|row| {
        let good = row.code == Some(row.wanted);
        vec![
            if good { "ok" } else { "FAIL" }.to_owned(),
            short(&row.words, &folder),
            row.code
                .map_or_else(|| "signal".to_owned(), |code| code.to_string()),
            format!("{:.1}", row.seconds),
        ]
    }));
    report.table(&table);
    let well = [
        (
            "every command ended as it should",
            rows.iter().all(|row| row.code == Some(row.wanted)),
        ),
        ("five of six parts were pushed", parts == 5),
        (
            "the images that are complete are published",
            published == ["stock", "nas"],
        ),
        (
            "each part that is pulled back is of its architecture",
            !looked.is_empty() && looked.iter().all(|(_, arch, found)| *found == Some(*arch)),
        ),
        (
            "the alarm names the one",
            alarm.contains("lab/build-aarch64")
                && !alarm.contains("nas/")
                && !alarm.contains("stock/"),
        ),
        ("what is the same was asked for once", asked == [1, 1]),
        (
            "base and kmods were fetched once",
            !fetched.is_empty() && fetched.values().all(|count| *count == 1),
        ),
    ];
    for (what, holds) in well {
        report.answer(&format!("{} {what}", if holds { "ok  " } else { "FAIL" }));
    }
    for (name, arch, found) in &looked {
        let found = found.map_or_else(|| "nothing known".to_owned(), |arch| arch.to_string());
        report.answer(&format!("     {name} for {arch}: its bash is of {found}"));
    }
    let (megabytes, seconds) = (played.peak as f64 / 1e6, took.as_secs_f64());
    report.answer(&format!(
        "{seconds:.1} s, {:.1} s of it for the stand-ins; {megabytes:.0} MB on disk at most",
        made.as_secs_f64()
    ));
    let good = well.iter().all(|(_, holds)| *holds);
    report.document(&serde_json::json!({
        "well": good,
        "published": published,
        "parts": parts,
        "seconds": seconds,
        "peak-bytes": played.peak,
        "fetched": fetched,
    }))?;
    Ok(if good {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// The alarm of a job, as its last step types it.
fn alarm(played: &mut Played<'_>, image: &str, job: &str, code: i32) -> Result<(), Error> {
    let status = if code == 0 { "success" } else { "failure" };
    played.typed(
        &["alarm", "--image", image, "--job", job, "--status", status],
        0,
    )?;
    Ok(())
}

/// A command as it is shown: without the folder of the rehearsal.
fn short(words: &str, folder: &Path) -> String {
    words.replace(&format!("{}/", folder.display()), "")
}

/// Writes the image.yaml of the three.
fn image_yaml(
    testbed: &Testbed<'_>,
    metadata: &str,
    folder: &Path,
) -> Result<(PathBuf, Images), Error> {
    let mut config: Config = testbed.config_of(&GOOD, metadata)?;
    let both = [Arch::X86_64, Arch::Aarch64];
    config.architectures = serde_json::from_value(serde_json::json!(both))
        .map_err(|error| Error::Usage(error.to_string()))?;
    // Its packages are those of the stand-ins, and no dnf runs there.
    config.packages.locked = false;
    let none = serde_json::json!("none");
    config.forge = serde_json::from_value(none).map_err(|error| Error::Usage(error.to_string()))?;
    config.alarm.image_age_days = 0;
    let shared = serde_yaml::to_string(&config).map_err(|e| Error::Usage(e.to_string()))?;
    let mut text = format!("{shared}images:\n");
    for (name, own) in IMAGES {
        config.image.name = name.parse()?;
        // The stand-in for ghcr.io has no packages API.
        let package = Package {
            image: config.repository().map_err(image_build::Error::from)?,
            back_end: Some(BackEnd::Registry),
        };
        let retention = serde_json::json!({ "packages": Unique::one(package) });
        text.push_str(&format!("  {name}:\n    retention: {retention}\n"));
        let own: serde_json::Value =
            serde_yaml::from_str(own).map_err(|e| Error::Usage(e.to_string()))?;
        let mut own = own.as_object().cloned().unwrap_or_default();
        let image = own.entry("image").or_insert_with(|| serde_json::json!({}));
        image["name"] = name.into();
        for (key, value) in own {
            text.push_str(&format!("    {key}: {value}\n"));
        }
    }
    let path = folder.join("image.yaml");
    write(&path, &text)?;
    let images = Images::load(&path).map_err(image_build::Error::from)?;
    Ok((path, images))
}

/// Pulls an image for an architecture, as its hosts do, and looks at one of its programs.
fn pulled_back(testbed: &Testbed<'_>, image: &ImageRef, arch: Arch) -> Result<Option<Arch>, Error> {
    let sh = &testbed.sh;
    let podman =
        |words: &[&str]| process::read(sh, &Invocation::new("podman", words.iter().copied()));
    let name = image.to_string();
    let oci = format!("--arch={}", arch.oci());
    podman(&["pull", "--quiet", &oci, &name])?;
    let container = format!("rehearsed-{arch}");
    podman(&[
        "create",
        "--quiet",
        "--name",
        &container,
        &oci,
        &name,
        "/usr/bin/bash",
    ])?;
    let file = testbed.scratch.join(format!("bash-{arch}"));
    let place = file.display().to_string();
    podman(&["cp", &format!("{container}:/usr/bin/bash"), &place])?;
    podman(&["rm", &container])?;
    Ok(machine_of(&file))
}

/// What the alarm says, where there is no forge.
fn alarm_text(state: &Path) -> String {
    let folders = std::fs::read_dir(state.join("custom-coreos"));
    let folders = folders.into_iter().flatten().flatten();
    let texts = folders.map(|entry| std::fs::read_to_string(entry.path().join("alarm.md")));
    texts.flatten().collect()
}

/// How often each layer of base and kmods was fetched from the registry, by its log. What
/// is no archive is the description of an image, which is read to compare.
fn fetched(scratch: &Path) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(scratch.join("registry.log")).unwrap_or_default();
    let mut all = BTreeMap::new();
    for line in log.lines() {
        let path = line.split_once("\"GET /v2/").map_or("", |(_, rest)| rest);
        let path = path.split_whitespace().next().unwrap_or_default();
        let Some((repository, digest)) = path.split_once("/blobs/sha256:") else {
            continue;
        };
        let upstream = repository.starts_with("quay.io/") || repository.ends_with("kmods");
        if upstream && is_archive(scratch, digest) {
            *all.entry(path.to_owned()).or_default() += 1;
        }
    }
    all
}

/// Whether a blob in the registry's storage is compressed.
fn is_archive(scratch: &Path, digest: &str) -> bool {
    let blobs = scratch.join("registry/docker/registry/v2/blobs/sha256");
    let first = digest.get(..2).unwrap_or_default();
    let bytes = std::fs::read(blobs.join(first).join(digest).join("data"));
    bytes.is_ok_and(|bytes| bytes.starts_with(&[0x1f, 0x8b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_of_a_program_is_read() {
        let here = Path::new("/proc/self/exe");
        let arch: Arch = std::env::consts::ARCH.parse().unwrap();
        assert_eq!(machine_of(here), Some(arch));
        assert_eq!(machine_of(Path::new("/nonexistent")), None);
    }
}

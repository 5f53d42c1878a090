//! `rehearse --kmods`: kernel modules of our own, from a release's tarball to a pool in a
//! machine that boots the image.
//!
//! OpenZFS's own rules make the RPMs, through `cargo xtask kmods publish` as CI types it,
//! in a builder of Debian's packages. Before that comes what must stop it, and after it
//! what must not be installed. The image is kept in the person's cache under the hash of
//! the command that builds it, so that nothing is compiled twice.

mod bench;
mod faults;
mod kept;
mod modules;
mod release;

use std::collections::BTreeSet;
use std::path::Path;

use host::Done;
use host::env::Stopwatch;
use host::process;
use host::process::{Capture, Invocation};
use registry_compat::{KmodTag, Repository};
use signatures::trust::write;
use xshell::Shell;

use crate::boot_nights::failures;
use crate::error::Error;
use crate::standins;
use crate::standins::kmods_builder::KmodsBuilder;
use crate::testbed::Testbed;
pub(crate) use bench::newer_kernel;
use bench::{Bench, Project, Row, push_builder};
use faults::BUILT;

/// Builds the modules, and an image with them, and boots it.
///
/// # Errors
/// If something that it takes cannot run. What ends otherwise than it should is an
/// answer: [`Done::CheckFailed`].
pub(crate) fn rehearse(
    testbed: &Testbed<'_>,
    builder: &KmodsBuilder,
    watch: &Stopwatch,
) -> Result<Done, Error> {
    let project = Project::new(testbed, builder)?;
    let place = &project.source.image;
    let wanted = builder.versions.clone();
    let same = testbed.with(&testbed.images.base, &testbed.images.kmods, wanted.clone());
    let mut bench = Bench::open(&project, same)?;
    push_builder(testbed, &project, "")?;
    write(
        &bench.path("keys/openzfs.asc"),
        project.release.public.as_bytes(),
    )?;
    let command = bench.command()?;
    bench.stops()?;
    let kept = bench.modules(&command)?;
    let other = bench.looks(&kept)?;
    let mut rows = bench.rows;

    // The same with a base that has the libraries of Fedora's by name.
    let scratch = testbed.scratch.join("own-kmods");
    let files = scratch.join("files");
    host::files::make_dir(&files)?;
    unpack(&testbed.sh, &kept.folder().join("files.tar"), &files)?;
    let needed = needed(&testbed.sh, &files)?;
    let libraries = standins::libraries(&testbed.sh, &scratch, &needed)?;
    let name = libraries.file_name().unwrap_or_default().to_string_lossy();
    let steps = format!("COPY {name} /\nRUN rpm --install --nosignature /{name} && rm /{name}\n");
    let base = testbed.derived(
        "own-base",
        (&testbed.images.base, &steps),
        libraries.parent().unwrap_or(&scratch),
    )?;
    let own = testbed.with(&base, &testbed.images.kmods, wanted);
    let mut bench = Bench::open(&project, own)?;
    bench.compiler_refuses()?;
    bench.installs()?;
    bench.retention(&other)?;
    bench.signed_by_another(&kept)?;
    rows.append(&mut bench.rows);
    let boot = boot(&bench.testbed)?;
    let mut bench = Bench::open(
        &project,
        testbed.with(
            &testbed.images.base,
            &testbed.images.kmods,
            testbed.wanted.clone(),
        ),
    )?;
    bench.unsigned(&kept)?;
    rows.append(&mut bench.rows);
    rows.push(boot);
    report(testbed, builder, place, &rows)?;
    testbed
        .world
        .report
        .status("Took", &format!("{:.0} s", watch.elapsed().as_secs_f64()));
    Ok(match rows.iter().all(Row::is_well) {
        true => Done::Success,
        false => Done::CheckFailed,
    })
}

fn unpack(sh: &Shell, tar: &Path, to: &Path) -> Result<(), Error> {
    let words = [
        "-C",
        &to.display().to_string(),
        "-xf",
        &tar.display().to_string(),
    ]
    .map(str::to_owned);
    process::read(sh, &Invocation::new("tar", words))?;
    Ok(())
}

/// What the RPMs need that none of them has: libraries and programs, which the stand-in's
/// root has as Debian's.
fn needed(sh: &Shell, files: &Path) -> Result<BTreeSet<String>, Error> {
    let mut rpms = Vec::new();
    for folder in [files.to_owned(), files.join("other")] {
        for entry in std::fs::read_dir(&folder).map_err(host::Error::read(&folder))? {
            let path = entry.map_err(host::Error::read(&folder))?.path();
            if path.extension().is_some_and(|end| end == "rpm") {
                rpms.push(path.display().to_string());
            }
        }
    }
    let ask = |what: &str| -> Result<BTreeSet<String>, Error> {
        let mut words = ["--query", "--package", "--nosignature", what]
            .map(str::to_owned)
            .to_vec();
        words.extend(rpms.iter().cloned());
        let said = process::read(sh, &Invocation::new("rpm", words))?;
        Ok(said.lines().map(str::to_owned).collect())
    };
    let provided = ask("--provides")?;
    let has: BTreeSet<&str> = provided.iter().map(|text| name_of(text)).collect();
    // The kernel is the base's own to have.
    let another =
        |name: &str| name.starts_with("rpmlib(") || name == "kernel-uname-r" || has.contains(name);
    Ok(ask("--requires")?
        .into_iter()
        .filter(|text| !another(name_of(text)))
        .map(|text| match text.contains(" = ") {
            true => text,
            false => name_of(&text).to_owned(),
        })
        .collect())
}

/// A capability without its version.
fn name_of(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn boot(testbed: &Testbed<'_>) -> Result<Row, Error> {
    let watch = Stopwatch::start();
    let engine = format!("--engine={}", testbed.engine);
    let logs = testbed.scratch.join("own-kmods/consoles");
    let logs = format!("--logs={}", logs.display());
    let words = ["boot", BUILT, "--json", &engine, &logs];
    let exe = testbed.world.env.exe.display().to_string();
    let call = Invocation::new(&exe, words);
    let done = process::run(&testbed.sh, &call, Capture::StdoutAnyStatus, &mut |_| {})?;
    let answer = serde_json::from_str(&done.stdout).unwrap_or_default();
    let broken = failures(&answer);
    Ok(Row {
        title: "loaded in a machine, with its pool".to_owned(),
        code: done.code,
        wanted: 0,
        seconds: watch.elapsed().as_secs_f64(),
        wrong: (!broken.is_empty()).then(|| broken.join("; ")),
    })
}

fn report(
    testbed: &Testbed<'_>,
    builder: &KmodsBuilder,
    image: &Repository,
    rows: &[Row],
) -> Result<(), Error> {
    let head = ["", "WHAT", "EXIT", "WANTED", "SECONDS", "SAID"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        table.push(vec![
            if row.is_well() { "ok" } else { "FAIL" }.to_owned(),
            row.title.clone(),
            row.code
                .map_or_else(|| "signal".to_owned(), |code| code.to_string()),
            row.wanted.to_string(),
            format!("{:.1}", row.seconds),
            row.wrong.clone().unwrap_or_default(),
        ]);
    }
    let report = testbed.world.report;
    report.table(&table);
    let KmodTag { kernel, zfs } = &builder.versions;
    report.answer(&format!(
        "{image}: ZFS {zfs} for kernel {kernel}, by OpenZFS's own rules"
    ));
    report.document(&serde_json::json!({
        "well": rows.iter().all(Row::is_well),
        "kernel": kernel,
        "zfs": zfs,
        "rows": table,
    }))?;
    Ok(())
}

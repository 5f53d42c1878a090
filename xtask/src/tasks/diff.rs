//! `diff`: which packages and labels changed between two images.

use registry_compat::{Answer, ImageRef};
use remote::Inspected;
use serde::Serialize;

use crate::cli::DiffArgs;
use crate::engine::in_run;
use crate::error::Error;
use crate::gather::World;
use crate::plan::LOCK_LABEL;
use crate::process::{self, Capture};
use crate::publish::attached;
use crate::sbom::{self, Change, Packages, SPDX};
use crate::tasks::Done;

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    before: String,
    after: String,
    packages: &'a [Change],
    labels: &'a [Change],
}

/// Compares two images.
///
/// # Errors
/// If one is not there, or its packages could not be found out.
pub fn run(world: &World<'_>, args: &DiffArgs) -> Result<Done, Error> {
    let (before, old) = image(world, &args.before)?;
    let (after, new) = image(world, &args.after)?;
    let packages = sbom::changes(
        &packages(world, args, &before)?,
        &packages(world, args, &after)?,
    );
    let labels = sbom::changes(&labels(&old), &labels(&new));
    let text = markdown(&before, &after, &packages, &labels);
    if args.markdown {
        for line in text.lines() {
            world.report.answer(line);
        }
    } else {
        let mut rows = vec![["", "NAME", "BEFORE", "AFTER"].map(str::to_owned).to_vec()];
        for (kind, list) in [("package", &packages), ("label", &labels)] {
            rows.extend(list.iter().map(|change| row(kind, change)));
        }
        if rows.len() == 1 {
            world.report.answer("no package and no label changed");
        } else {
            world.report.table(&rows);
        }
    }
    world.report.summary(&format!("{text}\n"))?;
    world.report.document(&Document {
        before: before.to_string(),
        after: after.to_string(),
        packages: &packages,
        labels: &labels,
    })?;
    Ok(Done::Well)
}

fn row(kind: &str, change: &Change) -> Vec<String> {
    let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        kind.to_owned(),
        change.name.clone(),
        shown(&change.before),
        shown(&change.after),
    ]
}

/// For release notes and the page of a run.
fn markdown(before: &ImageRef, after: &ImageRef, packages: &[Change], labels: &[Change]) -> String {
    let mut text = format!("### Changes\n\nFrom `{before}` to `{after}`.\n");
    for (title, list) in [("Package", packages), ("Label", labels)] {
        if list.is_empty() {
            continue;
        }
        text.push_str(&format!("\n| {title} | Before | After |\n|---|---|---|\n"));
        for change in list {
            let cells: Vec<String> = row("", change)
                .iter()
                .skip(1)
                .map(|cell| cell.replace('|', "\\|"))
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    if packages.is_empty() && labels.is_empty() {
        text.push_str("\nNo package and no label changed.\n");
    }
    text
}

/// The image by digest, so that a tag that moves meanwhile changes nothing. Of
/// an index, the image for this machine: the others differ in little else than
/// the architecture of each package.
fn image(world: &World<'_>, name: &ImageRef) -> Result<(ImageRef, Inspected), Error> {
    world.report.status("Reading", &name.to_string());
    let arch: version_discovery::Arch = std::env::consts::ARCH.parse()?;
    match world.registries()?.inspect(name, arch) {
        Answer::Present(found) => {
            let image = name.repository().at(found.manifest.clone());
            if found.manifest != found.digest {
                let line = format!("{name} is an index; its image for {arch} is {image}");
                world.report.note(&line);
            }
            Ok((image, found))
        }
        Answer::Absent => Err(Error::Step {
            step: "diff".to_owned(),
            detail: format!("{name} is not there"),
        }),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

fn labels(image: &Inspected) -> Packages {
    image
        .labels
        .iter()
        // The lock is a page of JSON; what matters of it has its own labels.
        .filter(|(key, _)| *key != LOCK_LABEL)
        .map(|(key, value)| (remote::one_line(key), [remote::one_line(value)].into()))
        .collect()
}

/// From the SBOM beside the image; where there is none, from its RPM database,
/// which means to pull it.
fn packages(world: &World<'_>, args: &DiffArgs, image: &ImageRef) -> Result<Packages, Error> {
    let registries = world.registries()?;
    if let Some(digest) = image.digest()
        && let Some(found) = attached(registries, image.repository(), digest, SPDX)?
    {
        return sbom::read(&found);
    }
    world.report.warning(&format!(
        "{image} has no SBOM; asking the image itself, which means to pull it"
    ));
    let engine = world.engine(args.engine)?;
    let home = registries.home_of(image)?;
    let sh = crate::apply::shell(&world.env.root)?;
    let report = world.report;
    let mut show = |line: &str| report.foreign(line);
    let there = home.image.to_string();
    let pull = engine.pull(&there, home.insecure);
    process::run(&sh, &pull, Capture::Show, &mut show)?;
    let run = crate::env::run_id();
    let mut calls = engine.script(&there, "packages.sh", &[]);
    let last = calls.pop();
    for call in &calls {
        process::run(&sh, &in_run(call, &run), Capture::Show, &mut show)?;
    }
    let last = last.map(|call| in_run(&call, &run));
    let listed = last.map(|call| process::run(&sh, &call, Capture::Stdout, &mut show));
    if let Some(call) = engine.contract_cleanup() {
        let call = in_run(&call, &run);
        process::tidying(|| process::run(&sh, &call, Capture::Show, &mut show))?;
    }
    let listed = listed.transpose()?.map(|done| done.stdout);
    Ok(sbom::by_name(&sbom::parse(&listed.unwrap_or_default())?))
}

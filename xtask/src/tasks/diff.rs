//! `diff`: which packages and labels changed between two images.

use host::process::Capture;
use host::{Done, process};
use image_build::engine::in_run;
use image_build::gather::World;
use image_build::lock::LOCK_LABEL;
use image_publish::apply::Live;
use image_publish::sbom::{Change, Packages, SPDX};
use image_publish::{attached, sbom};
use registry_compat::{Answer, ImageRef};
use remote::Inspected;
use serde::Serialize;

use crate::cli::DiffArgs;
use crate::error::Error;

/// What changed; the document of `--json`.
#[derive(Serialize)]
struct Changes {
    before: String,
    after: String,
    packages: Vec<Change>,
    labels: Vec<Change>,
}

/// Compares two images.
///
/// # Errors
/// If one is not there, or its packages could not be found out.
pub fn run(world: &World<'_>, args: &DiffArgs) -> Result<Done, Error> {
    let (before, after) = (image(world, &args.before)?, image(world, &args.after)?);
    let had = packages(world, args, &before.0)?;
    let has = packages(world, args, &after.0)?;
    let changes = Changes::between(&before, &had, &after, &has);
    let text = changes.markdown();
    if args.markdown {
        for line in text.lines() {
            world.report.answer(line);
        }
    } else {
        let mut rows = vec![["", "NAME", "BEFORE", "AFTER"].map(str::to_owned).to_vec()];
        for (kind, list) in [("package", &changes.packages), ("label", &changes.labels)] {
            rows.extend(list.iter().map(|change| row(kind, change)));
        }
        if rows.len() == 1 {
            world.report.answer("no package and no label changed");
        } else {
            world.report.table(&rows);
        }
    }
    world.report.summary(&format!("{text}\n"))?;
    world.report.document(&changes)?;
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

impl Changes {
    fn between(
        before: &(ImageRef, Inspected),
        had: &Packages,
        after: &(ImageRef, Inspected),
        has: &Packages,
    ) -> Self {
        Self {
            before: before.0.to_string(),
            after: after.0.to_string(),
            packages: sbom::changes(had, has),
            labels: sbom::changes(&labels(&before.1), &labels(&after.1)),
        }
    }

    /// For release notes and the page of a run.
    fn markdown(&self) -> String {
        let mut text = format!(
            "### Changes\n\nFrom `{}` to `{}`.\n",
            self.before, self.after
        );
        for (title, list) in [("Package", &self.packages), ("Label", &self.labels)] {
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
        if self.packages.is_empty() && self.labels.is_empty() {
            text.push_str("\nNo package and no label changed.\n");
        }
        text
    }
}

/// What a publication changed, on the page of its run: from what a followed tag
/// named when the run began. The image is published by then, so what cannot be
/// told is a warning; and no image is pulled for it.
///
/// # Errors
/// If the runner's file cannot be written.
pub(crate) fn page(world: &World<'_>, live: &Live<'_>) -> Result<(), Error> {
    let followed = world.followed()?;
    let (Some(Some(old)), Some(new)) = (live.followed.get(&followed.to_string()), &live.pushed)
    else {
        return Ok(());
    };
    if old == new {
        return Ok(());
    }
    let repository = followed.repository();
    match changed(
        world,
        &repository.at(old.clone()),
        &repository.at(new.clone()),
    ) {
        Ok(Some(changes)) => {
            let count = format!(
                "{} packages and {} labels since {}",
                changes.packages.len(),
                changes.labels.len(),
                old.short()
            );
            world.report.status("Changed", &count);
            Ok(world.report.summary(&format!("{}\n", changes.markdown()))?)
        }
        Ok(None) => Ok(()),
        Err(error) => {
            let text = format!("what changed since {old} could not be told: {error}");
            world.report.warning(&text);
            Ok(())
        }
    }
}

/// What changed; `None` where a list of packages is missing.
fn changed(
    world: &World<'_>,
    before: &ImageRef,
    after: &ImageRef,
) -> Result<Option<Changes>, Error> {
    let (before, after) = (image(world, before)?, image(world, after)?);
    let (Some(had), Some(has)) = (beside(world, &before.0)?, beside(world, &after.0)?) else {
        return Ok(None);
    };
    Ok(Some(Changes::between(&before, &had, &after, &has)))
}

/// The list of packages that lies beside an image.
fn beside(world: &World<'_>, image: &ImageRef) -> Result<Option<Packages>, Error> {
    let Some(digest) = image.digest() else {
        return Ok(None);
    };
    Ok(
        attached(world.registries()?, image.repository(), digest, SPDX)?
            .map(|found| sbom::read(&found))
            .transpose()?,
    )
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
        .map(|(key, value)| (host::one_line(key), [host::one_line(value)].into()))
        .collect()
}

/// From the SBOM beside the image; where there is none, from its RPM database,
/// which means to pull it.
fn packages(world: &World<'_>, args: &DiffArgs, image: &ImageRef) -> Result<Packages, Error> {
    let registries = world.registries()?;
    if let Some(found) = beside(world, image)? {
        return Ok(found);
    }
    world.report.warning(&format!(
        "{image} has no SBOM; asking the image itself, which means to pull it"
    ));
    let engine = world.engine(args.engine)?;
    let home = registries.home_of(image)?;
    let sh = process::shell(&world.env.root)?;
    let report = world.report;
    let mut show = |line: &str| report.foreign(line);
    let there = home.image.to_string();
    let pull = engine.pull(&there, home.insecure);
    process::run(&sh, &pull, Capture::Show, &mut show)?;
    let run = host::env::run_id();
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

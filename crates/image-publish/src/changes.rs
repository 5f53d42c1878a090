//! Which packages and labels changed between two images.

use host::process;
use host::process::Capture;
use image_build::content::shown;
use image_build::engine::{Engine, in_run};
use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock};
use image_layers::download::{Download, download};
use image_layers::image::Manifest;
use registry_compat::{Answer, ImageRef};
use remote::Inspected;
use serde::Serialize;

use crate::attach::attached;
use crate::error::Error;
use crate::publication::Published;
use crate::registry::known;
use crate::sbom;
use crate::sbom::{Change, Packages, SPDX};

/// What changed; the document of `--json`.
#[derive(Debug, Serialize)]
pub struct Changes {
    /// The image before, by digest.
    pub before: String,
    /// The image after, by digest.
    pub after: String,
    /// Packages.
    pub packages: Vec<Change>,
    /// All labels except the one with the lock.
    pub labels: Vec<Change>,
    /// What a host that runs the one image fetches for the other.
    pub download: Download,
    /// What `content` of `image.yaml` declares: files and folders by digest, other
    /// images, kernel arguments, and so on. Not written if nothing of it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<Change>,
}

/// Compares two images.
///
/// # Errors
/// If one does not exist, or its packages could not be determined.
pub fn changes(
    world: &World<'_>,
    before: &ImageRef,
    after: &ImageRef,
    engine: Option<Engine>,
) -> Result<Changes, Error> {
    let (before, after) = (image(world, before)?, image(world, after)?);
    let had = packages(world, engine, &before.0)?;
    let has = packages(world, engine, &after.0)?;
    let costs = cost(world, &before.0, &after.0)?;
    Ok(Changes::between(&before, &had, &after, &has, costs))
}

/// A change as a row of a table.
pub fn row(kind: &str, change: &Change) -> Vec<String> {
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
        download: Download,
    ) -> Self {
        Self {
            before: before.0.to_string(),
            after: after.0.to_string(),
            packages: sbom::changes(had, has),
            labels: sbom::changes(&labels(&before.1), &labels(&after.1)),
            download,
            content: sbom::changes(&content(&before.1), &content(&after.1)),
        }
    }

    /// What a host fetches, in one line.
    pub fn cost(&self) -> String {
        let (megabytes, layers) = (self.download.megabytes(), self.download.layers);
        let line = format!("a host fetches {megabytes:.1} MB in {layers} layers");
        match self.download.shares() {
            shares if shares.is_empty() => line,
            shares => format!("{line}: {shares}"),
        }
    }

    /// For release notes and the page of a run.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "### Changes\n\nFrom `{}` to `{}`.\n",
            self.before, self.after
        );
        for (title, list) in [
            ("Package", &self.packages),
            ("Label", &self.labels),
            ("Content", &self.content),
        ] {
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
        if self.packages.is_empty() && self.labels.is_empty() && self.content.is_empty() {
            text.push_str("\nNo package and no label changed.\n");
        }
        text.push_str(&format!("\nFor this update, {}.\n", self.cost()));
        text
    }
}

/// What a publication changed: the comparison with what a followed tag named when the
/// run began. The image is already published at this point, so a comparison that fails
/// is only a warning, and no image is pulled for it. `None` if there is nothing to
/// report.
///
/// # Errors
/// Never for a config that was parsed.
pub fn since_followed(world: &World<'_>, published: &Published) -> Result<Option<Changes>, Error> {
    let followed = world.followed()?;
    let new = published.promoted.digest();
    let Some(old) = published.tags.before(&followed).filter(|old| *old != new) else {
        return Ok(None);
    };
    let repository = followed.repository();
    let (before, after) = (repository.at(old.clone()), repository.at(new.clone()));
    match changed(world, &before, &after) {
        Ok(changes) => {
            if let Some(changes) = &changes {
                let count = format!(
                    "{} packages and {} labels since {}",
                    changes.packages.len(),
                    changes.labels.len(),
                    old.short()
                );
                world.report.status("Changed", &count);
            }
            Ok(changes)
        }
        Err(error) => {
            let text = format!("what changed since {old} could not be told: {error}");
            world.report.warning(&text);
            Ok(None)
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
    let costs = cost(world, &before.0, &after.0)?;
    Ok(Some(Changes::between(&before, &had, &after, &has, costs)))
}

/// What a host that runs the one image, by digest, fetches for the other.
fn cost(world: &World<'_>, before: &ImageRef, after: &ImageRef) -> Result<Download, Error> {
    let manifest = |image: &ImageRef| -> Result<Manifest, Error> {
        let wrong = |detail: String| Error::Step {
            step: "diff".to_owned(),
            detail: format!("{image}: {detail}"),
        };
        let found = known(world.registries()?.artefact(image))?;
        let found = found.ok_or_else(|| wrong("it is gone".to_owned()))?;
        serde_json::from_slice(&found.manifest)
            .map_err(|error| wrong(format!("its manifest is broken: {error}")))
    };
    Ok(download(Some(&manifest(before)?), &manifest(after)?))
}

/// The list of packages that is attached to an image.
fn beside(world: &World<'_>, image: &ImageRef) -> Result<Option<Packages>, Error> {
    let Some(digest) = image.digest() else {
        return Ok(None);
    };
    attached(world.registries()?, image.repository(), digest, SPDX)?
        .map(|found| sbom::read(&found))
        .transpose()
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
        // The lock is a long JSON document; its important values have labels of their
        // own.
        .filter(|(key, _)| *key != LOCK_LABEL)
        .map(|(key, value)| (host::one_line(key), [host::one_line(value)].into()))
        .collect()
}

/// What the lock of an image says of its content. None where it has no lock that this
/// program reads: an image of others, or one of an older program.
fn content(image: &Inspected) -> Packages {
    let lock = image.labels.get(LOCK_LABEL);
    let lock = lock.and_then(|text| Lock::parse(text, LOCK_LABEL).ok());
    let shown = lock.map(|lock| shown(&lock)).unwrap_or_default();
    shown
        .iter()
        .map(|(name, value)| (host::one_line(name), [host::one_line(value)].into()))
        .collect()
}

/// Read from the SBOM attached to the image; without one, from its RPM database, which
/// requires pulling the image.
fn packages(
    world: &World<'_>,
    engine: Option<Engine>,
    image: &ImageRef,
) -> Result<Packages, Error> {
    let registries = world.registries()?;
    if let Some(found) = beside(world, image)? {
        return Ok(found);
    }
    world.report.warning(&format!(
        "{image} has no SBOM; asking the image itself, which means to pull it"
    ));
    let engine = world.engine(engine)?;
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

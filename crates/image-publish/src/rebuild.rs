//! Builds a published image again from its own lock and compares the two, file by file:
//! the same inputs give the same bytes, or the files that differ are named.

use std::path::{Path, PathBuf};

use host::process;
use image_build::contract::Check;
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::lock::Lock;
use image_layers::compare::differences;
use image_layers::export::unpacked;
use image_layers::image::{Descriptor, Image};
use registry_compat::ImageRef;

use crate::build::BuildSteps;
use crate::effect::Effect;
use crate::error::Error;
use crate::layers::{compare_step, image_in, split_only};
use crate::registry::known;
use crate::run::{Run, failed};
use crate::step::{Step, Steps};

/// So many files are named for each layer.
const NAMED: usize = 10;

/// The steps of a rebuild.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildSteps {
    build: BuildSteps,
    split: Step,
    remove: Vec<Effect>,
    image: ImageRef,
}

/// Plans it. `image` is by digest.
///
/// # Errors
/// As a build's; [`Error::Usage`] with docker, which cannot export an image.
pub fn rebuild(
    world: &World<'_>,
    image: &ImageRef,
    lock: &Lock,
    engine: Option<Engine>,
) -> Result<RebuildSteps, Error> {
    let config = world.config;
    let local = world.local(engine)?;
    let name: ImageRef = format!("localhost/{}:rebuild", config.image.name).parse()?;
    let remove = Effect::remove(local.engine, &name.to_string());
    Ok(RebuildSteps {
        build: BuildSteps::new(config, lock, &local, &name)?,
        split: compare_step(lock, &local, &name, image)?,
        remove: vec![remove, Effect::ClearLayers],
        image: image.clone(),
    })
}

impl RebuildSteps {
    /// Builds and compares: one check for each layer of the published image that is not
    /// the base's.
    ///
    /// # Errors
    /// If the build fails, or the published image was pushed as one layer.
    pub fn perform(&self, run: &Run<'_>) -> Result<Vec<Check>, Error> {
        process::minding(|| {
            let compared = self.build.perform(run).and_then(|_| self.compare(run));
            run.clean_up(&self.remove, None, compared)
        })
    }

    fn compare(&self, run: &Run<'_>) -> Result<Vec<Check>, Error> {
        let theirs = image_in(run.registries, &self.image, run.arch)?
            .ok_or_else(|| failed("rebuild", format!("{} is gone", self.image)))?;
        let ours = split_only(run, &self.split)?;
        if theirs.manifest.parts().next().is_none() {
            return Err(Error::Usage(format!(
                "{} was pushed as one layer (`image.layers: one`), whose bytes have the times of \
                 its build; only an image with layers by change can be compared",
                self.image
            )));
        }
        let mut checks = Vec::new();
        let image = &ours.written.image;
        for (part, layer) in theirs.manifest.parts() {
            checks.push(self.check(run, (part, layer), &theirs, image, &ours.new)?);
        }
        let has = |part: &str| theirs.manifest.parts().any(|(theirs, _)| theirs == part);
        let ours = image.manifest.parts().map(|(part, _)| part);
        for part in ours.filter(|part| !has(part)) {
            checks.push(Check {
                ok: false,
                name: format!("rebuild {part}"),
                expected: "no such layer".to_owned(),
                found: "a layer".to_owned(),
            });
        }
        Ok(checks)
    }

    fn check(
        &self,
        run: &Run<'_>,
        (part, layer): (&str, &Descriptor),
        theirs: &Image,
        ours: &Image,
        new: &[(Descriptor, PathBuf)],
    ) -> Result<Check, Error> {
        let at = theirs.manifest.layers.iter().position(|one| one == layer);
        let diff_id = at.and_then(|at| theirs.config.rootfs.diff_ids.get(at));
        let same = diff_id.is_some_and(|id| ours.config.rootfs.diff_ids.contains(id));
        let built = new.iter().find(|(one, _)| one.part() == Some(part));
        let found = match (same, built) {
            (true, _) => "the same".to_owned(),
            (false, None) => "no such layer".to_owned(),
            (false, Some((_, path))) => {
                let named = self.named(run, layer, path)?;
                format!("differs: {named}")
            }
        };
        Ok(Check {
            ok: same,
            name: format!("rebuild {part}"),
            expected: "the same".to_owned(),
            found,
        })
    }

    /// The files that differ between the published layer and the one just built.
    fn named(&self, run: &Run<'_>, layer: &Descriptor, built: &Path) -> Result<String, Error> {
        let theirs = run.layers_folder().join("published.tar.gz");
        let saved = run
            .registries
            .save_blob(&self.image, &layer.digest, layer.size, &theirs)?;
        known(saved)?.ok_or_else(|| failed("rebuild", format!("{} is gone", layer.digest)))?;
        let found = differences(&unpacked(&theirs)?, &unpacked(built)?)?;
        let mut named: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
        if found.len() > NAMED {
            named.push(format!("and {} more", found.len() - NAMED));
        }
        if named.is_empty() {
            named.push("no file, only the order or form of the archive".to_owned());
        }
        Ok(host::one_line(&named.join(", ")))
    }
}

impl Steps for RebuildSteps {
    fn steps(&self) -> Vec<&Step> {
        let mut all = self.build.steps();
        all.push(&self.split);
        all
    }

    fn cleanup(&self) -> &[Effect] {
        &self.remove
    }
}

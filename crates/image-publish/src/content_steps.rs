//! The steps that bring `content` of `image.yaml` to a build: the stages, each compiled
//! only if the same inputs were not compiled before, and the image that has all files.

use std::path::Path;

use host::process::Capture;
use image_build::content;
use image_build::content::Stage;
use image_build::engine::Engine;
use image_build::lock::{Lock, Target};
use registry_compat::ImageRef;

use crate::effect::Effect;
use crate::error::Error;
use crate::run::{Run, misplaced};
use crate::step::Step;

/// The folder of the cache that has the images of stages.
const CACHE: &str = "stages";

/// The steps, and the image that the build takes the content from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContentSteps {
    steps: Vec<Step>,
    image: Option<ImageRef>,
}

impl ContentSteps {
    /// Those of a lock; none if it has no content.
    pub(crate) fn new(
        engine: Engine,
        lock: &Lock,
        target: &Target,
        name: &str,
    ) -> Result<Self, Error> {
        if lock.policy.content.is_empty() {
            return Ok(Self {
                steps: Vec::new(),
                image: None,
            });
        }
        let stages = content::stages(lock, target)?;
        let mut steps = Vec::new();
        if !stages.is_empty() {
            let build = |stage: &Stage| Effect::Stage {
                build: engine.build_part(
                    &stage.image,
                    &format!("{}/Containerfile", stage.folder),
                    &stage.folder,
                ),
                stage: stage.clone(),
                engine,
            };
            steps.push(Step::new("stages", stages.iter().map(build)));
        }
        let image = content::image(lock, target, name)?;
        let write = Effect::Write {
            path: content::CONTAINERFILE.into(),
            text: content::containerfile(lock, &stages),
        };
        let build = engine.build_part(&image, content::CONTAINERFILE, ".");
        let mut step = Step::new("content", [write, Effect::Run(build)]);
        // The built image has it all by then.
        step.at_end = vec![Effect::remove(engine, &image.to_string())];
        steps.push(step);
        Ok(Self {
            steps,
            image: Some(image),
        })
    }

    /// The image, if there is one.
    pub(crate) fn image(&self) -> Option<String> {
        self.image.as_ref().map(ToString::to_string)
    }

    /// In order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Performs them.
    pub(crate) fn perform(&self, run: &Run<'_>) -> Result<(), Error> {
        self.steps.iter().try_for_each(|step| {
            run.step(step, None, |effect| match effect {
                Effect::Write { path, text } => write(run, path, text),
                Effect::Stage {
                    stage,
                    build,
                    engine,
                } => made(run, stage, build, *engine),
                other => Err(misplaced(step.name, other)),
            })
        })
    }

    /// What is removed once the image is built, whether that succeeded or not.
    pub(crate) fn at_end(&self) -> impl Iterator<Item = &Effect> {
        self.steps.iter().flat_map(|step| &step.at_end)
    }
}

/// Writes a file of the checkout's `target`.
pub(crate) fn write(run: &Run<'_>, path: &Path, text: &str) -> Result<(), Error> {
    let path = run.root().join(path);
    if let Some(folder) = path.parent() {
        host::files::make_dir(folder)?;
    }
    Ok(host::files::write(&path, text.as_bytes()).map_err(host::Error::write(&path))?)
}

/// Makes the image of a stage: it is here, it is in the cache, or it is built. Trouble
/// with the cache is no failure.
fn made(
    run: &Run<'_>,
    stage: &Stage,
    build: &host::process::Invocation,
    engine: Engine,
) -> Result<(), Error> {
    let image = stage.image.to_string();
    let is_here = || run.asks(&engine.image_id(&image));
    if is_here()? {
        let text = format!("stage {} of the same inputs is here", stage.name);
        run.report.status("Unchanged", &text);
        return Ok(());
    }
    let file = run.cache_dir().map(|folder| {
        let name = format!("{}-{}.tar", stage.name, stage.inputs.hex());
        folder.join(CACHE).join(name)
    });
    if let Some(file) = file.as_deref().filter(|file| file.is_file()) {
        match run.output(&engine.load(file), None, Capture::Show) {
            Ok(_) if is_here()? => {
                let text = format!("stage {} of the same inputs, from the cache", stage.name);
                run.report.status("Unchanged", &text);
                return Ok(());
            }
            Ok(_) => run
                .report
                .warning("the cached image has another name; built again"),
            Err(error) => run.report.warning(&format!("built again: {error}")),
        }
    }
    run.output(build, None, Capture::Show)?;
    if let Some(file) = file
        && let Err(error) = saved(run, &image, &file, engine)
    {
        run.report
            .warning(&format!("the stage is not in the cache: {error}"));
    }
    Ok(())
}

/// Saved beside and renamed, so that a file in the cache is whole.
fn saved(run: &Run<'_>, image: &str, file: &Path, engine: Engine) -> Result<(), Error> {
    if let Some(folder) = file.parent() {
        host::files::make_dir(folder)?;
    }
    let beside = file.with_extension("part");
    // A file that is there is taken for an archive to add to.
    let _ = std::fs::remove_file(&beside);
    run.output(&engine.save(image, &beside), None, Capture::Show)?;
    std::fs::rename(&beside, file).map_err(host::Error::write(file))?;
    older(file);
    Ok(())
}

/// Removes what the cache has of the same stage with other inputs: a branch that goes
/// back compiles again. Trouble with it is none of the build's.
fn older(file: &Path) {
    let of = |path: &Path| {
        let stem = path.file_stem()?.to_str()?;
        let (name, digest) = stem.rsplit_once('-')?;
        (digest.len() == 64).then(|| name.to_owned())
    };
    let folder = file.parent().and_then(|folder| folder.read_dir().ok());
    let entries = folder.into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path != file && of(&path).is_some() && of(&path) == of(file) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use image_build::testing;
    use registry_compat::Digest;

    use super::*;
    use crate::plan::{Goal, plan};
    use crate::step::Steps as _;

    const CONTENT: &str = "{stages: [crun], overlays: [rootfs], checks: [contract.d/a.sh], copy: \
        [{image: 'ghcr.io/a/sops:v3@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', \
        unsigned: a reason, files: [{from: /sops, to: /usr/bin/sops}]}]}";

    #[test]
    fn content_is_fetched_made_built_in_and_checked_in_this_order() {
        let (config, mut lock, mut local) = testing::locked();
        lock.policy.content = serde_yaml::from_str(CONTENT).unwrap();
        for (_, name) in lock.policy.content.sources() {
            lock.files.insert(name.clone(), Digest::of(name.as_bytes()));
        }
        lock.other_images = content::images(&lock.policy.content, &local.stage_images);
        // The checkout has to have the same files.
        assert!(plan(Goal::Build, &config, &lock, &local).is_err());
        local.files = lock.files.clone();
        let lines = plan(Goal::Build, &config, &lock, &local).unwrap().lines();
        let at = |begin: &str| {
            let found = lines.iter().position(|line| line.starts_with(begin));
            found.unwrap_or_else(|| panic!("{begin}: {lines:#?}"))
        };
        let order = [
            at("trusted  ghcr.io/a/sops@sha256:aaaa"),
            at("transfer podman pull ghcr.io/a/sops@sha256:aaaa"),
            at("stage    podman build --file=stages/crun/Containerfile"),
            at("write    target/content/Containerfile:"),
            at("run      podman build --file=target/content/Containerfile"),
            at("run      podman build --no-cache"),
            at("check    podman run --rm --interactive --network=none"),
            at("remove   podman rmi localhost/custom-coreos/content:"),
        ];
        assert!(order.is_sorted(), "{order:?} {lines:#?}");
        let build = &lines[order[5]];
        let image = "--build-arg=CONTENT_IMAGE=localhost/custom-coreos/content:";
        assert!(
            build.contains(image) && build.contains("CONTENT=file:/usr/bin/sops"),
            "{build}"
        );
        // Checks of one's own run as the contract does, and it judges all.
        let own = lines
            .iter()
            .position(|line| line.ends_with("< contract.d/a.sh"));
        let ours = lines.iter().position(|line| line.ends_with("contract.sh"));
        assert!(own.is_some() && own < ours, "{lines:#?}");
    }

    #[test]
    fn the_cache_keeps_one_image_of_a_stage() {
        let sh = xshell::Shell::new().unwrap();
        let temp = sh.create_temp_dir().unwrap();
        let file = |name: &str, text: &str| {
            let hex = Digest::of(text.as_bytes()).hex().to_owned();
            let path = temp.path().join(format!("{name}-{hex}.tar"));
            sh.write_file(&path, text).unwrap();
            path
        };
        let (new, old) = (file("crun", "new"), file("crun", "old"));
        let (other, none) = (file("crun-next", "old"), temp.path().join("crun-x.tar"));
        sh.write_file(&none, "mine").unwrap();
        older(&new);
        assert!(new.exists() && other.exists() && none.exists() && !old.exists());
    }
}

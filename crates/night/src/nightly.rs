//! `night`: the whole night on a machine of one's own, with no forge or beside one.
//!
//! It types the lines that the workflows type ([`crate::lines`]), each as a program
//! of its own: resolve, build, publish, the clean-up when it is due, and the alarm
//! after each. One night at a time; what one that was ended in the midst has left is
//! taken up by the next, where it is still of the same inputs.

pub mod install;
mod power;
mod state;
pub mod steps;
mod units;

use host::{Done, env};
use image_build::gather::World;
use image_build::inputs::read_lock;
use image_config::OneImage;
use serde::Serialize;

use crate::error::Error;
use crate::folder;
use crate::lines;
use crate::nightly::state::{Ended, Pushed, State};
use crate::nightly::steps::{Night, Options, Told};

/// The document of `night --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    ended: &'a Ended,
    exit_code: u8,
    state: String,
}

/// One night. The exit code is that of the first line that failed; 10 if there was
/// nothing to build, or another night runs.
///
/// # Errors
/// If there is no folder for its state, or a line could not be typed at all.
pub fn run(
    world: &World<'_>,
    (images, named): (&[&OneImage], bool),
    options: &Options,
) -> Result<Done, Error> {
    let several = |image: &&OneImage| image.config.architectures.len() > 1;
    if images.iter().any(several) {
        return Err(Error::Usage(
            "image.yaml lists several architectures, and this is one machine: `night` publishes \
             images of one; a forge's CI joins several"
                .to_owned(),
        ));
    }
    if options.dry_run {
        return show(world, images, options);
    }
    let folder = folder::of(world)?;
    let Some(_lock) = state::lock(&folder)? else {
        world
            .report
            .status("Night", "another one runs; this one does nothing");
        return Ok(Done::NotYet);
    };
    let mut state = State::read(&folder)?;
    if let Some(stage) = state.begin(&folder, world.env.now, world.env.boot.as_deref())? {
        world.report.warning(&format!(
            "the night before was ended at `{stage}`; this one goes on from there where it can"
        ));
    }
    let night = Night::new(world, options, &folder, (state.run, named))?;
    let result = match state.unsure {
        true => power::after(world, images, &night, &mut state, &whole),
        false => whole(world, images, &night, &mut state),
    };
    let ended = match &result {
        Ok(ended) => ended.clone(),
        Err(error) => Ended::Failed {
            stage: state.stage.clone(),
            exit_code: host::failure::Failure::exit_code(error),
        },
    };
    // An engine does not wait for the disk; a night that is over has.
    host::files::settle();
    let finished = state.end(&folder, &ended, now(world));
    result?;
    finished?;
    let code = ended.exit_code();
    world.report.status("Night", &ended.to_string());
    world.report.document(&Document {
        ended: &ended,
        exit_code: code,
        state: State::path(&folder).display().to_string(),
    })?;
    Ok(match code {
        0 => Done::Success,
        10 => Done::NotYet,
        code => Done::Code(code),
    })
}

/// What would be typed; a value that only a night knows is shown by its name.
fn show(world: &World<'_>, images: &[&OneImage], options: &Options) -> Result<Done, Error> {
    let force = options.force.as_deref().unwrap_or("no");
    let mut all = Vec::new();
    let typed = |all: &mut Vec<String>, name: &str, image: &str| {
        let Some(job) = lines::job(name) else { return };
        let typed = job.lines.iter().filter(|line| steps::is_nights(line));
        for line in typed.copied().chain(job.alarm) {
            let line = line
                .replace("\"$FORCE\"", force)
                .replace("\"$NAME\"", image)
                .replace("\"$MODE\"", "execute");
            all.push(format!("cargo xtask {line}"));
        }
    };
    if images
        .iter()
        .any(|image| image.config.own_kmods().is_some())
    {
        typed(&mut all, "kmods", "");
    }
    typed(&mut all, "resolve", "");
    for image in images {
        typed(&mut all, "build", &image.name);
    }
    typed(&mut all, "cleanup", "");
    for line in &all {
        world.report.answer(line);
    }
    world.report.document(&all)?;
    Ok(Done::Success)
}

/// The time, which moves on in the course of a night.
fn now(world: &World<'_>) -> jiff::Timestamp {
    let seconds = i64::try_from(env::epoch_seconds()).ok();
    let now = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    now.unwrap_or(world.env.now)
}

fn whole(
    world: &World<'_>,
    images: &[&OneImage],
    night: &Night<'_>,
    state: &mut State,
) -> Result<Ended, Error> {
    if images
        .iter()
        .any(|image| image.config.own_kmods().is_some())
    {
        kmods(night, state)?;
    }
    let image = publications(images, night, state)?;
    let cleaned = clean(world, night, state)?;
    // What became of the image comes first.
    Ok(match (image, cleaned) {
        (failed @ Ended::Failed { .. }, _) => failed,
        (_, Some(failed)) => failed,
        (image, None) => image,
    })
}

/// Kernel modules that nobody else has built. Whatever became of them, which is the
/// alarm's to tell: of what there is an image can be built.
fn kmods(night: &Night<'_>, state: &mut State) -> Result<(), Error> {
    state.at(night.folder, "kmods")?;
    let told = night.line("kmods", lines::KMODS, &[])?;
    night.alarm(&format!("kmods-{}", night.arch), None, &told)
}

/// Resolve; then build and publish each image that is to be built. One that fails leaves
/// the others.
fn publications(
    images: &[&OneImage],
    night: &Night<'_>,
    state: &mut State,
) -> Result<Ended, Error> {
    state.at(night.folder, "resolve")?;
    let told = night.line("resolve", lines::RESOLVE, &[("FORCE", night.force())])?;
    night.alarm("resolve", None, &told)?;
    let failed = (told.code != 0).then(|| night.failed("resolve", &told));
    if told.value("build") != Some("true") {
        let verdict = told.value("verdict").unwrap_or("unchanged").to_owned();
        return Ok(failed.unwrap_or(Ended::Nothing { verdict }));
    }
    #[derive(serde::Deserialize)]
    struct Built {
        image: String,
    }
    let built = told.value("images").unwrap_or_default();
    let built: Vec<Built> = serde_json::from_str(built).unwrap_or_default();
    let mut all = Vec::from_iter(failed);
    for image in images {
        if built.iter().any(|built| built.image == image.name) {
            all.push(publication(night, state, &image.name)?);
        }
    }
    let published = |ended: &Ended| match ended {
        Ended::Published { image } => Some(image.clone()),
        Ended::Nothing { .. } | Ended::Failed { .. } => None,
    };
    let names: Vec<String> = all.iter().filter_map(published).collect();
    let failed = all
        .into_iter()
        .find(|ended| matches!(ended, Ended::Failed { .. }));
    Ok(failed.unwrap_or_else(|| Ended::Published {
        image: names.join(" "),
    }))
}

/// Build and publish one image.
fn publication(night: &Night<'_>, state: &mut State, image: &str) -> Result<Ended, Error> {
    let job = format!("build-{}", night.arch);
    let told = push_and_publish(night, state, image)?;
    night.alarm(&job, Some(image), &told)?;
    state.pushed = None;
    state.pushed_images.remove(image);
    if told.code != 0 {
        return Ok(night.failed(&state.stage, &told));
    }
    let at = |name: &str| told.value(name).unwrap_or_default().to_owned();
    Ok(Ended::Published {
        image: format!("{}@{}", at("image"), at("digest")),
    })
}

fn push_and_publish(night: &Night<'_>, state: &mut State, name: &str) -> Result<Told, Error> {
    let named = night.named;
    let lock = read_lock(&night.lock(), named.then_some(name))?;
    let fingerprint = lock.fingerprint()?.to_string();
    let known = match named {
        true => state.pushed_images.remove(name),
        false => state.pushed.take(),
    };
    let stage = |stage: &str| match named {
        true => format!("{stage} of {name}"),
        false => stage.to_owned(),
    };
    let known = known.filter(|pushed| pushed.is_of(&fingerprint, now(night.world)));
    let pushed = match known {
        Some(pushed) => {
            let image = &pushed.image;
            night
                .world
                .report
                .status("Night", &format!("goes on with {image}, pushed before"));
            pushed
        }
        None => {
            state.at(night.folder, &stage("build"))?;
            let told = night.line("build", lines::PUSH, &[("NAME", name)])?;
            if told.code != 0 {
                return Ok(told);
            }
            let value = |name: &str| told.value(name).unwrap_or_default();
            Pushed {
                fingerprint,
                image: format!("{}@{}", value("image"), value("digest")),
                at: now(night.world),
            }
        }
    };
    match named {
        true => drop(state.pushed_images.insert(name.to_owned(), pushed.clone())),
        false => state.pushed = Some(pushed.clone()),
    }
    state.at(night.folder, &stage("publish"))?;
    let (image, digest) = pushed.image.split_once('@').unwrap_or((&pushed.image, ""));
    night.line(
        "build",
        lines::PUBLISH,
        &[("IMAGE", image), ("DIGEST", digest), ("NAME", name)],
    )
}

/// The clean-up, when it is due; what failed.
fn clean(world: &World<'_>, night: &Night<'_>, state: &mut State) -> Result<Option<Ended>, Error> {
    let days = world.config.night.cleanup_days;
    if !state.is_cleanup_due(days, now(world)) {
        return Ok(None);
    }
    state.at(night.folder, "cleanup")?;
    let told = night.line("cleanup", lines::CLEANUP, &[("MODE", "execute")])?;
    night.alarm("cleanup", None, &told)?;
    if told.code != 0 {
        return Ok(Some(night.failed("cleanup", &told)));
    }
    state.cleaned = Some(now(world));
    Ok(None)
}

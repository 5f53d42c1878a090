//! Where the inputs of a task come from: upstream services, saved facts, or a lock.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use version_discovery::Choice;

use crate::asking;
use crate::asking::{Asking, of_published};
use crate::engine::Engine;
use crate::error::Error;
use crate::facts::{AskedPackages, Local, Upstream};
use crate::gather::{Scope, World};
use crate::lock::Lock;
use crate::locks;
use crate::resolve::{Resolution, decide, resolve as resolve_lock};

/// Where facts are read from, and saved to.
#[derive(Debug, Clone, Default)]
pub struct FactsFiles {
    /// Use the facts that were saved in this file, and send no request.
    pub facts: Option<PathBuf>,
    /// Save the gathered facts in this file.
    pub save_facts: Option<PathBuf>,
}

/// What `--save-facts` writes and `--facts` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved {
    /// Upstream.
    pub upstream: Upstream,
    /// Checkout and machine.
    pub local: Local,
}

/// Facts and what follows from them.
pub struct Resolved {
    /// What was found out.
    pub facts: Saved,
    /// How everything was judged.
    pub choice: Choice,
    /// The verdict.
    pub resolution: Resolution,
}

/// Which facts about the checkout and the machine a replay uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// The saved ones: only the answer is wanted, and nothing is built.
    Saved,
    /// The current ones: a lock must not name other files than those that are built.
    Now,
}

/// Gathers facts, or replays saved ones.
///
/// # Errors
/// [`Error::Usage`] if the saved ones are of another stream; else if something that has
/// to exist does not.
pub fn gathered(
    world: &World<'_>,
    args: &FactsFiles,
    engine: Option<Engine>,
    here: Here,
    scope: Scope,
) -> Result<Saved, Error> {
    let facts = match &args.facts {
        Some(path) => {
            let wanted = "the facts that `--save-facts` of this version writes";
            let mut saved: Saved = read_json(path, wanted)?;
            let (of, stream) = (&saved.upstream.discovery.stream, &world.config.base.stream);
            if of != stream {
                return Err(Error::Usage(format!(
                    "{}: the facts are of the stream `{of}`, and image.yaml follows `{stream}`; \
                     save them anew with --save-facts",
                    path.display()
                )));
            }
            if here == Here::Now {
                saved.local = world.local(engine)?;
            }
            saved.local.engine = engine.unwrap_or(saved.local.engine);
            saved
        }
        None => Saved {
            local: world.local(engine)?,
            upstream: world.upstream(scope)?,
        },
    };
    save(args, &facts)?;
    Ok(facts)
}

fn save(args: &FactsFiles, facts: &Saved) -> Result<(), Error> {
    let Some(path) = &args.save_facts else {
        return Ok(());
    };
    let text = serde_json::to_string_pretty(facts).map_err(|e| Error::Usage(e.to_string()))?;
    write(path, &format!("{text}\n"))
}

/// Gathers facts or replays saved ones, and decides what to build. Where `image.yaml`
/// wants the packages in the lock, they are asked for once all else is known; saved
/// facts have them already, or nobody asked.
///
/// # Errors
/// If anything that the verdict depends on could not be found out.
pub fn resolved(
    world: &World<'_>,
    args: &FactsFiles,
    engine: Option<Engine>,
    here: Here,
    scope: Scope,
    asking: Asking<'_>,
) -> Result<Resolved, Error> {
    let mut facts = gathered(world, args, engine, here, scope)?;
    let choice = decide(world.config, &facts.upstream);
    for warning in &choice.warnings {
        world.report.warning(&warning.to_string());
    }
    let resolve = |facts: &Saved| {
        let Saved { upstream, local } = facts;
        resolve_lock(world.config, upstream, local, &choice)
    };
    let mut resolution = resolve(&facts)?;
    if let Resolution::Lock(lock) = &resolution
        && world.config.packages.locked
        && args.facts.is_none()
        && let Some(packages) = packages(world, lock, &facts, asking)?
    {
        facts.upstream.packages = packages;
        resolution = resolve(&facts)?;
        save(args, &facts)?;
    }
    Ok(Resolved {
        facts,
        choice,
        resolution,
    })
}

/// The packages of a lock: those of the published image, or asked for.
fn packages(
    world: &World<'_>,
    lock: &Lock,
    facts: &Saved,
    asking: Asking<'_>,
) -> Result<Option<Vec<AskedPackages>>, Error> {
    let Saved { upstream, local } = facts;
    let days = world.config.policy.rebuild_after_days;
    let published = upstream.published.as_ref();
    let known = match asking.forced {
        true => None,
        false => of_published(lock, published, days, upstream.now)?,
    };
    if known.is_some() {
        return Ok(known);
    }
    let Some(ask) = asking.asker else {
        return Ok(None);
    };
    let (asked, others) = asking::ask(lock, local, ask)?;
    for arch in others {
        world.report.warning(&format!(
            "which packages there are for {arch} was not asked: this machine is {}, and its \
             kernel does not run programs of {arch} (qemu-user-static brings that); the build \
             there takes what there is, and the lock does not name it",
            local.arch
        ));
    }
    Ok((!asked.is_empty()).then_some(asked))
}

/// Reads a file that a person named.
///
/// # Errors
/// [`Error::Usage`] with the place, if it cannot be read or is not what `wanted` says.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path, wanted: &str) -> Result<T, Error> {
    let text = read(path).map_err(|error| Error::Usage(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| {
        let place = match error.is_eof() {
            true => path.display().to_string(),
            false => format!("{}:{}:{}", path.display(), error.line(), error.column()),
        };
        let why = json_words(&error);
        Error::Usage(format!("{place}: {why}; wanted {wanted}"))
    })
}

/// What is wrong with a text that should be JSON, without the place.
fn json_words(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    match error.classify() {
        Category::Eof => "the file ends before its JSON does".to_owned(),
        Category::Syntax => "this is not JSON".to_owned(),
        Category::Data | Category::Io => match text.strip_prefix("missing field ") {
            Some(key) => format!("the key {key} is missing"),
            // serde names types of this program.
            None => "a value of another form".to_owned(),
        },
    }
}

/// Reads a text file.
///
/// # Errors
/// [`host::Error::File`].
pub fn read(path: &Path) -> Result<String, Error> {
    Ok(
        std::fs::read_to_string(path).map_err(|source| host::Error::File {
            verb: "read",
            path: path.to_owned(),
            source,
        })?,
    )
}

/// Writes a file beside its place and renames it, so that a failure leaves the
/// old one whole.
///
/// # Errors
/// [`host::Error::File`].
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    Ok(
        host::files::write(path, text.as_bytes()).map_err(|source| host::Error::File {
            verb: "write",
            path: path.to_owned(),
            source,
        })?,
    )
}

/// Reads the lock of an image from a file: the only one, or where `image.yaml` has several
/// images, that of this image.
///
/// # Errors
/// If it cannot be read, is not a lock of this version, or is of no or of other images.
pub fn read_lock(path: &Path, image: Option<&str>) -> Result<Lock, Error> {
    let wanted = "a lock, as `cargo xtask resolve -o` writes it";
    let _: serde_json::Map<String, serde_json::Value> = read_json(path, wanted)?;
    let (text, place) = (read(path)?, path.display().to_string());
    let wrong = |detail: String| Error::Step {
        step: format!("lock in {place}"),
        detail,
    };
    match (locks::parse(&text, &place)?, image) {
        (None, None) => Lock::parse(&text, &place),
        (Some(mut locks), Some(name)) => {
            let known: Vec<&str> = locks.images.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let missing = || {
                wrong(format!(
                    "it is of {known}, and not of `{name}`; resolve again, or leave it out by \
                     --image"
                ))
            };
            locks.images.remove(name).ok_or_else(missing)
        }
        (None, Some(_)) => Err(wrong(
            "it is of one image, and image.yaml has several: resolve again".to_owned(),
        )),
        (Some(_), None) => Err(wrong(
            "it is of several images, and image.yaml has one: resolve again".to_owned(),
        )),
    }
}

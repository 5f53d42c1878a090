//! From the image that an engine built to the one that is published: the same files, in
//! layers by how often they change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use registry_compat::Digest;

use crate::entry;
use crate::error::Error;
use crate::export::Export;
use crate::image::{Descriptor, Image, PART, Written, described, joined};
use crate::layer;
use crate::owners::Owners;
use crate::split::{Part, split};

/// What is reassembled.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What the engine exported.
    pub built: &'a Export,
    /// The image that it was built on.
    pub base: &'a Image,
    /// Which package owns which file.
    pub owners: &'a Owners,
    /// The image that hosts follow now. What did not change keeps its layer.
    pub previous: Option<&'a Image>,
    /// The time of the image.
    pub created: Timestamp,
    /// The time of the files that the build itself made.
    pub newest_input: Timestamp,
    /// Where the new layers are written.
    pub to: &'a Path,
    /// How many layers are compressed at a time.
    pub threads: usize,
}

/// The result.
#[derive(Debug)]
pub struct Reassembled {
    /// Manifest and config.
    pub written: Written,
    /// The layers that the previous image does not have, by digest, and their files.
    pub new: Vec<(Descriptor, PathBuf)>,
}

/// Reassembles.
///
/// # Errors
/// [`Error::Image`] if the image is not one layer on top of its base; [`Error::Layer`];
/// [`Error::File`].
pub fn reassemble(order: &Order<'_>) -> Result<Reassembled, Error> {
    let wrong = |detail: String| Error::Image {
        path: order.to.to_owned(),
        detail,
    };
    let above = order.built.image.above(order.base).map_err(wrong)?;
    let [top] = above else {
        let count = above.len();
        return Err(wrong(format!(
            "it has {count} layers on top of its base, not one"
        )));
    };
    let from = order.built.layer(top)?;
    let previous: Vec<String> = order
        .previous
        .into_iter()
        .flat_map(|image| image.manifest.parts())
        .map(|(part, _)| part.to_owned())
        .collect();
    let newest = u64::try_from(order.newest_input.as_second()).unwrap_or_default();
    let parts = split(entry::read(&from)?, order.owners, &previous, newest);
    let parts = parts.map_err(|link| Error::Layer {
        path: from.clone(),
        detail: format!("`{link}` is a link to a file that is not in it"),
    })?;
    std::fs::create_dir_all(order.to).map_err(Error::file("create", order.to))?;
    let written = all(order, &parts, &from)?;
    let new = written
        .iter()
        .filter_map(|(descriptor, _, path)| Some((descriptor.clone(), path.clone()?)));
    let new = new.collect();
    let layers: Vec<(String, Descriptor, Digest)> = parts
        .iter()
        .zip(written)
        .map(|(part, (descriptor, diff_id, _))| (part.name.clone(), descriptor, diff_id))
        .collect();
    let built = &order.built.image.config;
    let written = joined(order.base, built, &layers, order.created)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Reassembled { written, new })
}

/// A layer's descriptor, its `diff_id`, and its file if it is new.
type Made = (Descriptor, Digest, Option<PathBuf>);

/// Writes the parts, several at a time, the largest first; the result is in their order.
fn all(order: &Order<'_>, parts: &[Part], from: &Path) -> Result<Vec<Made>, Error> {
    let size = |at: usize| {
        parts[at]
            .entries
            .iter()
            .map(|entry| entry.size)
            .sum::<u64>()
    };
    let left: BTreeSet<(u64, usize)> = (0..parts.len()).map(|at| (size(at), at)).collect();
    let left = Mutex::new(left);
    let made: Mutex<Vec<Option<Result<Made, Error>>>> =
        Mutex::new(parts.iter().map(|_| None).collect());
    let work = || {
        while let Some((_, at)) = locked(&left).pop_last() {
            let one = one(order, &parts[at], at, from);
            // After a failure the rest is of no use.
            if one.is_err() {
                locked(&left).clear();
            }
            locked(&made)[at] = Some(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..order.threads {
            scope.spawn(work);
        }
        work();
    });
    let made = made
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // What was left out has no result, and then there is a failure among the others.
    made.into_iter().flatten().collect()
}

fn one(order: &Order<'_>, part: &Part, at: usize, from: &Path) -> Result<Made, Error> {
    if let Some(previous) = order.previous {
        let diff_id = layer::diff_id(part, from)?;
        if let Some(layer) = previous.layer(&diff_id) {
            let mut layer = layer.clone();
            layer.annotations.insert(PART.to_owned(), part.name.clone());
            return Ok((layer, diff_id, None));
        }
    }
    let path = order.to.join(format!("{at}.tar.gz"));
    let layer = layer::write(part, from, &path)?;
    Ok((described(&part.name, &layer), layer.diff_id, Some(path)))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

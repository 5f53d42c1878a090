//! The images that a task is done for: all of `image.yaml`, or those of `--image`.
//!
//! Nothing below knows that there may be several: each gets a [`World`] of its own, with
//! the clients and the answers of the others. One image's failure leaves the others.

use std::cell::RefCell;

use host::Done;
use host::env::Env;
use host::failure::Failure as _;
use host::process::interrupted;
use host::report::Report;
use image_build::gather::World;
use image_config::{Images, OneImage};
use registry_compat::{ImageRef, Repository};

use crate::error::Error;

/// The images of a task.
pub struct Selected<'a> {
    /// The environment.
    pub env: &'a Env,
    /// The printer.
    pub report: &'a Report,
    /// All that there are.
    pub images: &'a Images,
    wanted: Vec<&'a OneImage>,
    /// They were named on the command line.
    chosen: bool,
}

impl<'a> Selected<'a> {
    /// Those of these names; all without one.
    ///
    /// # Errors
    /// For a name that no image has.
    pub fn new(
        env: &'a Env,
        report: &'a Report,
        images: &'a Images,
        names: &[String],
    ) -> Result<Self, Error> {
        Ok(Self {
            env,
            report,
            images,
            wanted: images.select(names)?,
            chosen: !names.is_empty(),
        })
    }

    /// Those of them that a task can be about; all, if it can be about none.
    #[must_use]
    pub fn those(&self, is_one: impl Fn(&OneImage) -> bool) -> Self {
        let found: Vec<_> = self
            .wanted
            .iter()
            .copied()
            .filter(|it| is_one(it))
            .collect();
        let none = found.is_empty();
        Self {
            wanted: if none { self.wanted.clone() } else { found },
            ..*self
        }
    }

    /// The same, but for those that were named on the command line; the others are told.
    #[must_use]
    pub fn unless_chosen(&self, is_one: impl Fn(&OneImage) -> bool) -> Self {
        if self.chosen {
            return self.those(|_| true);
        }
        for image in self.wanted.iter().filter(|image| !is_one(image)) {
            self.report
                .status("Left", &format!("{}, which has no lock", image.name));
        }
        self.those(is_one)
    }

    /// They, in the order of the file.
    pub fn wanted(&self) -> &[&'a OneImage] {
        &self.wanted
    }

    /// The one that was chosen of several by its name.
    pub fn chosen_one(&self) -> Option<&'a str> {
        match self.wanted.as_slice() {
            [image] if self.chosen && self.images.are_named() => Some(&image.name),
            _ => None,
        }
    }

    /// A world for each, for a task that is about all of them at once.
    pub fn worlds(&self) -> Vec<World<'a>> {
        let shared = self.shared();
        match self.images.are_named() {
            false => vec![shared],
            true => {
                let worlds = self
                    .wanted
                    .iter()
                    .map(|image| shared.beside(image, self.report));
                worlds.collect()
            }
        }
    }

    /// What the whole repository shares: of a task that is not about an image.
    pub fn shared(&self) -> World<'a> {
        World::new(self.env, &self.images.first().config, self.report)
    }

    /// Does a task for each image, one after the other. What comes of it is the worst that
    /// came of one.
    ///
    /// # Errors
    /// The worst, if that is an error. It was told already.
    pub fn each(&self, task: impl Fn(&World<'_>) -> Result<Done, Error>) -> Result<Done, Error> {
        self.for_each(&self.wanted, &task)
    }

    /// The same, with a value of each.
    ///
    /// # Errors
    /// As [`Self::each`]; the values of those that went well are there all the same.
    pub fn each_with<T>(
        &self,
        task: impl Fn(&World<'_>) -> Result<(Done, T), Error>,
    ) -> (Vec<(String, T)>, Result<Done, Error>) {
        let values = RefCell::new(Vec::new());
        let ended = self.each(|world| {
            let (done, value) = task(world)?;
            let name = world
                .image
                .map_or_else(|| world.config.one_word(), str::to_owned);
            values.borrow_mut().push((name, value));
            Ok(done)
        });
        (values.into_inner(), ended)
    }

    /// Does a task that is about one image.
    ///
    /// # Errors
    /// [`Error::Usage`] if there are several, and none was named.
    pub fn one(&self, task: impl Fn(&World<'_>) -> Result<Done, Error>) -> Result<Done, Error> {
        match self.wanted.as_slice() {
            [_] => self.each(task),
            several => Err(which(several)),
        }
    }

    /// Does a task that is about an image in a registry, with the settings of the image
    /// that is published there; else of the one that was named, or is the only one.
    ///
    /// # Errors
    /// As [`Self::one`].
    pub fn of(
        &self,
        image: &ImageRef,
        task: impl Fn(&World<'_>) -> Result<Done, Error>,
    ) -> Result<Done, Error> {
        self.of_repository(image.repository(), task)
    }

    /// The same for a repository.
    ///
    /// # Errors
    /// As [`Self::one`].
    pub fn of_repository(
        &self,
        repository: &Repository,
        task: impl Fn(&World<'_>) -> Result<Done, Error>,
    ) -> Result<Done, Error> {
        let published = self.images.of_repository(repository);
        match published.filter(|_| !self.chosen) {
            Some(image) => self.for_each(&[image], &task),
            None => self.one(task),
        }
    }

    fn for_each(
        &self,
        images: &[&'a OneImage],
        task: &dyn Fn(&World<'_>) -> Result<Done, Error>,
    ) -> Result<Done, Error> {
        let base = self.shared();
        if !self.images.are_named() {
            return task(&base);
        }
        let several = images.len() > 1;
        let mut sections = Vec::new();
        let mut worst: Result<Done, Error> = Ok(Done::Success);
        for image in images {
            let section = self.report.section(&image.name, several);
            if several {
                section.status("Image", &image.name);
            }
            let ended = task(&base.beside(image, &section));
            let ended = ended.map_err(|error| {
                section.failure(&error);
                Error::Told {
                    image: image.name.clone(),
                    source: Box::new(error),
                }
            });
            sections.push(section);
            if severity(&ended) > severity(&worst) {
                worst = ended;
            }
            if interrupted() {
                break;
            }
        }
        self.report.sections(&sections)?;
        worst
    }
}

fn which(images: &[&OneImage]) -> Error {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    Error::Usage(format!(
        "of which image? image.yaml has several; say --image NAME, of {}",
        names.join(", ")
    ))
}

/// How bad an end is: what has to be edited, what could be lost, what failed, what could
/// not be asked, what cannot be built yet. An error comes before an answer.
fn severity(ended: &Result<Done, Error>) -> (usize, bool) {
    let (code, error) = match ended {
        Ok(done) => (done.code(), false),
        Err(error) => (error.exit_code(), true),
    };
    let order = [0, 10, 3, 1, 4, 2];
    let place = order.iter().position(|known| *known == code);
    (place.unwrap_or(order.len()), error)
}

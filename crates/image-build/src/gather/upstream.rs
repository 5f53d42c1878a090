//! Sends the requests that the choice of versions needs, until none is left.

use std::collections::{BTreeMap, BTreeSet};

use image_config::Kmods;
use registry_compat::{Answer, KmodTag};
use version_discovery::{
    Arch, Choice, Fact, KernelVersion, KmodsSource, Outcome, Pick, Question, Rule, ZfsRelease,
    ZfsVersion, newest_in_series,
};

use super::World;
use crate::error::Error;
use crate::facts::{KmodsImage, Upstream};
use crate::lock::{LOCK_LABEL, Lock};
use crate::resolve::decide;

/// How much is wanted besides the choice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope {
    /// The whole lists, fresh, for a person; not only what the choice depends on.
    pub lists: bool,
    /// The published image, whatever the choice is.
    pub published: bool,
}

/// Each round answers a question that was not answered before, so there are fewer
/// rounds than releases with a kernel of their own. Reaching this number would mean a
/// bug.
const MOST_ROUNDS: usize = 200;

impl World<'_> {
    /// What the choice depends on.
    ///
    /// # Errors
    /// If something that is required, such as the stream, does not exist. A failed
    /// request is not an error here: the choice decides whether it matters.
    pub fn upstream(&self, scope: Scope) -> Result<Upstream, Error> {
        self.upstream_beside(scope, None)
    }

    /// The same for a caller that has already asked for the published image, and goes
    /// on whether that succeeded or not.
    ///
    /// # Errors
    /// As [`Self::upstream`].
    pub fn upstream_beside(
        &self,
        scope: Scope,
        published: Option<Answer<remote::Inspected>>,
    ) -> Result<Upstream, Error> {
        let mut gathering = self.begin(scope)?;
        if let Some(published) = published {
            gathering.published(published);
        }
        for _ in 0..MOST_ROUNDS {
            let choice = decide(self.config, &gathering.facts);
            if !self.answer_questions(&mut gathering, &choice)? {
                break;
            }
        }
        if let Some(registries) = self.registries.get() {
            let (challenges, [kind, key]) = (registries.challenges(), super::CHALLENGES);
            if self.cache.get(kind, key).as_ref() != Some(&challenges) {
                self.cache.put(kind, key, &challenges);
            }
        }
        Ok(gathering.facts)
    }

    /// Starts the queries that every choice needs, in parallel: releases, OpenZFS,
    /// kmods, and the published image if it is wanted.
    fn begin(&self, scope: Scope) -> Result<Gathering, Error> {
        let config = self.config;
        let first = config.kmods.first();
        // The name of the best image can be guessed only where its tag says the ZFS
        // version.
        let guess = first.is_some_and(|source| source.flavor().is_none());
        let try_best = guess && !scope.lists && !matches!(self.rule(), Rule::Pin(_));
        // Created before the threads start, so that they share one client.
        let registries = self.registries()?;
        let pinned = config.policy.kmods_digest().cloned();
        let (releases, zfs, kmods, published) = std::thread::scope(|scope_| {
            let zfs = scope_.spawn(|| self.zfs_fact());
            let kmods = scope_.spawn(|| match (first, &pinned) {
                (_, Some(digest)) => config
                    .kmods
                    .iter()
                    .map(|source| self.kmods_pinned(source, digest))
                    .collect(),
                (Some(source), _) if try_best => {
                    let any = source.image.tagged(config.image.candidate.clone());
                    registries.prepare(&any);
                    Ok(self.unasked().map(|source| (source, None)).collect())
                }
                _ => config
                    .kmods
                    .iter()
                    .map(|source| Ok((self.kmods_list(source)?, None)))
                    .collect(),
            });
            let published = scope_.spawn(|| match scope.published {
                true => self.published().map(Some),
                false => Ok(None),
            });
            let releases = self.releases(&config.base.stream, scope.lists);
            (releases, zfs.join(), kmods.join(), published.join())
        });
        let ended = |_| Error::Step {
            step: "gather".to_owned(),
            detail: "a reader came to an unexpected end".to_owned(),
        };
        let kmods: Result<Vec<(KmodsSource, Option<KmodsImage>)>, Error> = kmods.map_err(ended)?;
        let (kmods, images): (Vec<_>, Vec<_>) = kmods?.into_iter().unzip();
        let discovery = version_discovery::Upstream {
            stream: config.base.stream.clone(),
            arches: config.architectures.iter().copied().collect(),
            releases: releases?,
            kmods,
            builder: self.builder(),
            zfs: zfs.map_err(ended)??,
            published: None,
        };
        // Where nobody can be reached, all causes are told together, and once.
        let published = match published.map_err(ended)? {
            Err(Error::Unknown(why)) if matches!(discovery.releases, Fact::Unknown(_)) => {
                Some(Answer::Unknown(why))
            }
            other => other?,
        };
        let mut gathering = Gathering {
            facts: Upstream {
                now: self.env.now,
                discovery,
                images: images.into_iter().flatten().collect(),
                published: None,
                packages: Vec::new(),
            },
            try_best,
            failed: None,
            scope,
        };
        if let Some(published) = published {
            gathering.published(published);
        }
        Ok(gathering)
    }

    fn rule(&self) -> Rule {
        self.config.policy.of(self.config.zfs.series).rule
    }

    fn unasked(&self) -> impl Iterator<Item = KmodsSource> {
        self.config.kmods.iter().map(|source| KmodsSource {
            name: source.image.to_string(),
            digest: None,
            kernels: Fact::NotAsked,
        })
    }

    /// Looks up the facts that the choice still lacks. Returns `false` when it needs no
    /// more.
    fn answer_questions(&self, gathering: &mut Gathering, choice: &Choice) -> Result<bool, Error> {
        let questions: Vec<Question> = choice.questions().into_iter().cloned().collect();
        let kernels: Vec<_> = questions
            .iter()
            .filter_map(|question| match question {
                Question::Kernel { version, arch } => Some((*version, *arch)),
                _ => None,
            })
            .collect();
        if !kernels.is_empty() {
            for (version, arch) in kernels {
                self.resolve_kernel(gathering, &version, arch);
            }
            return Ok(true);
        }
        let lists: BTreeSet<&str> = questions
            .iter()
            .filter_map(|question| match question {
                Question::Kmods(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if !lists.is_empty() {
            if gathering.try_best {
                gathering.try_best = false;
                if self.try_best_image(gathering, choice)? {
                    return Ok(true);
                }
            }
            return self.resolve_kmods_lists(gathering, &lists);
        }
        let inside: Vec<_> = questions
            .iter()
            .filter_map(|question| match question {
                Question::ZfsOf { source, kernel } => Some((source.as_str(), kernel)),
                _ => None,
            })
            .collect();
        if !inside.is_empty() {
            return self.resolve_zfs_in_images(gathering, &inside);
        }
        let facts = &mut gathering.facts.discovery;
        if let Some(builder) = &mut facts.builder
            && self.resolve_builder(builder, &mut gathering.failed, choice, &questions)?
        {
            return Ok(true);
        }
        match choice.pick() {
            None => Ok(false),
            Some(pick) => self.resolve_pick(gathering, choice, pick),
        }
    }

    fn resolve_kernel(
        &self,
        gathering: &mut Gathering,
        version: &version_discovery::FcosVersion,
        arch: Arch,
    ) {
        let stream = gathering.facts.discovery.stream.clone();
        let Fact::Known(releases) = &mut gathering.facts.discovery.releases else {
            return;
        };
        for release in releases.iter_mut().filter(|r| r.version == *version) {
            let kernel = self.kernel_of(&stream, release, arch, true);
            release.kernels.insert(arch, kernel);
        }
    }

    /// Asks for the best image there could be: the newest ZFS of the series for the
    /// newest base, from the first source. If it is there, no list of tags can lead
    /// to another choice, and a list of tags can be very long.
    fn try_best_image(&self, gathering: &mut Gathering, choice: &Choice) -> Result<bool, Error> {
        let releases = gathering.facts.discovery.zfs.known();
        let newest = releases.and_then(|list| newest_in_series(list, self.config.zfs.series).ok());
        let arches = self.config.architectures.len();
        let (Some(newest), Some(source)) = (newest, self.config.kmods.first()) else {
            return Ok(false);
        };
        if choice.zfs_kernels.len() != arches {
            return Ok(false);
        }
        let mut images = Vec::new();
        for kernel in &choice.zfs_kernels {
            let wanted = KmodTag {
                kernel: kernel.clone(),
                zfs: newest,
            };
            let image = self.kmods_image(source, wanted)?;
            let there = matches!(image.answer, Answer::Present(_));
            images.push(image);
            if !there {
                return Ok(false);
            }
        }
        let pairs = images
            .iter()
            .map(|image| (image.wanted.kernel.clone(), image.wanted.zfs));
        let name = source.image.to_string();
        let probed = KmodsSource::listed(name.clone(), pairs);
        let mut tried = gathering.facts.clone();
        for listed in &mut tried.discovery.kmods {
            if listed.name == name {
                *listed = probed.clone();
            }
        }
        let choice = decide(self.config, &tried);
        let best = matches!(&choice.outcome, Outcome::Go(pick) if pick.kmods == name && pick.zfs == newest);
        if best {
            gathering.facts = tried;
        }
        gathering.facts.images = images;
        Ok(best)
    }

    fn resolve_kmods_lists(
        &self,
        gathering: &mut Gathering,
        names: &BTreeSet<&str>,
    ) -> Result<bool, Error> {
        let wanted = self
            .config
            .kmods
            .iter()
            .filter(|source| names.contains(source.image.to_string().as_str()));
        let lists: Vec<Result<KmodsSource, Error>> = std::thread::scope(|scope| {
            let readers: Vec<_> = wanted
                .map(|source| scope.spawn(|| self.kmods_list(source)))
                .collect();
            readers.into_iter().filter_map(|r| r.join().ok()).collect()
        });
        let mut changed = false;
        for list in lists {
            let list = list?;
            for known in &mut gathering.facts.discovery.kmods {
                if known.name == list.name {
                    *known = list.clone();
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// Reads the ZFS version out of images, one after the other: each download uses
    /// the whole bandwidth.
    fn resolve_zfs_in_images(
        &self,
        gathering: &mut Gathering,
        inside: &[(&str, &KernelVersion)],
    ) -> Result<bool, Error> {
        let mut changed = false;
        for (name, kernel) in inside {
            let named = |source: &&Kmods| source.image.to_string() == *name;
            let Some(source) = self.config.kmods.iter().find(named) else {
                continue;
            };
            let (zfs, image) = self.zfs_of(source, kernel)?;
            gathering.facts.images.extend(image);
            for known in &mut gathering.facts.discovery.kmods {
                if let Fact::Known(kernels) = &mut known.kernels
                    && known.name == *name
                {
                    kernels.insert((*kernel).clone(), zfs.clone());
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// What the choice does not depend on but a build does: the kmods images by
    /// digest, the base by digest where the index names none, and the published
    /// image, which may turn out to be newer.
    fn resolve_pick(
        &self,
        gathering: &mut Gathering,
        choice: &Choice,
        pick: &Pick,
    ) -> Result<bool, Error> {
        // The published image cannot have a newer base than the newest release.
        let newest = choice
            .bases
            .first()
            .is_none_or(|base| base.version == pick.base);
        if gathering.facts.published.is_none() && (gathering.scope.published || !newest) {
            gathering.published(self.published()?);
            return Ok(true);
        }
        let source = self
            .config
            .kmods
            .iter()
            .find(|source| source.image.to_string() == pick.kmods);
        let Some(source) = source else {
            return Ok(false);
        };
        for (arch, target) in &pick.targets {
            let wanted = KmodTag {
                kernel: target.kernel.clone(),
                zfs: pick.zfs,
            };
            let known = |image: &KmodsImage| image.source == pick.kmods && image.wanted == wanted;
            if !gathering.facts.images.iter().any(known) {
                let image = self.kmods_image(source, wanted.clone())?;
                if image.answer == Answer::Absent {
                    // The image was listed, but has been deleted since.
                    gathering.forget(&pick.kmods, &wanted);
                } else {
                    gathering.facts.images.push(image);
                }
                return Ok(true);
            }
            if target.image.is_none() {
                let tag = pick.base.to_string().parse()?;
                let image = self.config.base.image.tagged(tag);
                let of = format!("{image} {arch}");
                let answer = self.memory.once("base", &of, || {
                    self.report.status("Reading", &image.to_string());
                    self.inspect(&image, *arch)
                })?;
                return match answer {
                    Answer::Present(found) => {
                        let at = self.config.base.image.at(found.manifest);
                        gathering.base_image(pick, *arch, &at.to_string())?;
                        Ok(true)
                    }
                    Answer::Absent => Err(Error::Step {
                        step: "base image".to_owned(),
                        detail: format!("{image} is not there for {arch}"),
                    }),
                    Answer::Unknown(why) => Err(Error::Unknown(why)),
                };
            }
        }
        gathering
            .facts
            .images
            .retain(|image| image.source == pick.kmods && image.wanted.zfs == pick.zfs);
        Ok(false)
    }

    fn zfs_fact(&self) -> Result<Fact<Vec<ZfsRelease>>, Error> {
        match self.zfs_releases() {
            Ok(list) => Ok(Fact::Known(list)),
            Err(Error::Unknown(why)) => Ok(Fact::Unknown(why.to_string())),
            Err(other) => Err(other),
        }
    }
}

/// The facts that were gathered so far.
struct Gathering {
    facts: Upstream,
    /// The best image was not looked for yet.
    try_best: bool,
    /// The tags of the records of failed builds of kmods, once they were listed.
    failed: Option<Vec<String>>,
    scope: Scope,
}

impl Gathering {
    /// Records the published image, and its base, which is in its lock.
    fn published(&mut self, answer: Answer<remote::Inspected>) {
        if let Answer::Present(found) = &answer {
            let text = found.labels.get(LOCK_LABEL);
            self.facts.discovery.published = text.and_then(|text| Lock::base_version_in(text));
        }
        self.facts.published = Some(answer);
    }

    /// Records that a pair of versions from a list has no image.
    fn forget(&mut self, source: &str, pair: &KmodTag) {
        for known in &mut self.facts.discovery.kmods {
            let kernels: Option<&mut BTreeMap<_, Fact<BTreeSet<ZfsVersion>>>> =
                match &mut known.kernels {
                    Fact::Known(kernels) if known.name == source => Some(kernels),
                    _ => None,
                };
            if let Some(Fact::Known(versions)) = kernels.and_then(|k| k.get_mut(&pair.kernel)) {
                versions.remove(&pair.zfs);
            }
        }
    }

    fn base_image(&mut self, pick: &Pick, arch: Arch, image: &str) -> Result<(), Error> {
        if let Fact::Known(releases) = &mut self.facts.discovery.releases {
            for release in releases.iter_mut().filter(|r| r.version == pick.base) {
                release.images.insert(arch, Some(image.parse()?));
            }
        }
        Ok(())
    }
}

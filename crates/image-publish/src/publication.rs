//! The second half of a publication: from a digest in the registry to the tags that
//! hosts follow. The order matters, and the types enforce it:
//!
//! open the key, record the moving tags -> read what was pushed and compare it with the
//! lock -> pull it, run the contract once more (`Tried`) -> one index of several images
//! (`Candidate`) -> sign it (`Signed`) -> copy it as a host would, and check that an
//! unsigned one is refused (`Proven`) -> boot it (`Booted`) -> attach packages and lock
//! -> tags that never move (`Named`) -> the tags that hosts follow, if they still name
//! what they named (`Promoted`) -> an entry in the history.
//!
//! If any step before `Promoted` fails, every tag that hosts follow still names what it
//! named before. Nothing that the first half reported is trusted, because this half may
//! run on another machine and on another day.

use image_build::facts::Local;
use image_build::lock::{Lock, image_version};
use image_config::Config;
use registry_compat::Digest;

use crate::attach_step::{lists_and_lock, packages_and_lock};
use crate::boot_gate::boot_step;
use crate::candidate::{Place, Tried, join_step, pulled_name, take_step};
use crate::content::{Content, content_step};
use crate::contract_step::contract;
use crate::effect::Effect;
use crate::error::Error;
use crate::history::History;
use crate::host_look::{Seen, host_step};
use crate::index::Parts;
use crate::key::key_step;
use crate::moving_tag::MovingTags;
use crate::names::names;
use crate::promote::{Promoted, promote, promote_step};
use crate::push::Pushed;
use crate::record::{note_same, record, same_step};
use crate::run::Run;
use crate::sign::sign;
use crate::step::{Step, Steps};
use crate::{attach_step, boot_gate, candidate, content, host_look, key, names};

/// The steps of the second half.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishSteps {
    key: Step,
    take: Step,
    content: Option<Step>,
    same: Step,
    pull: Step,
    contract: Step,
    join: Option<Step>,
    sign: Option<Step>,
    host: Option<Step>,
    boot: Step,
    attach: Step,
    name: Step,
    promote: Step,
    history: Step,
}

/// The result of a publication.
#[derive(Debug)]
pub struct Published {
    /// The image or index that hosts follow now.
    pub promoted: Promoted,
    /// What the moving tags named when the run began.
    pub tags: MovingTags,
    /// The history with this publication in it; `None` if it could not be
    /// written.
    pub history: Option<History>,
}

/// How a publication ended.
#[derive(Debug)]
pub enum Ended {
    /// Hosts follow a new image.
    Published(Box<Published>),
    /// Every host has all of it already: no tag moved, and hosts still follow this one.
    Same(Digest),
}

/// Checks that there is only one architecture, which both halves in one run require.
///
/// # Errors
/// [`Error::Usage`] with the commands that publish several.
pub fn single_arch(lock: &Lock, local: &Local) -> Result<(), Error> {
    if lock.targets.len() < 2 {
        return Ok(());
    }
    let all: Vec<String> = lock.targets.iter().map(|t| t.arch.to_string()).collect();
    let images: Vec<&str> = all.iter().map(|_| "NAME@DIGEST").collect();
    Err(Error::Usage(format!(
        "image.yaml lists {}, and this machine builds {} only. Write the lock once, with \
         `cargo xtask resolve -o lock.json`; on a machine of each architecture run `cargo xtask \
         build --push --locked lock.json`; then, on one of them, `cargo xtask publish {} --locked \
         lock.json` with what they pushed",
        all.join(" and "),
        local.arch,
        images.join(" ")
    )))
}

/// Plans the second half.
///
/// # Errors
/// [`Error::Usage`] if none of the images can be run here.
pub fn publication(
    config: &Config,
    lock: &Lock,
    local: &Local,
    parts: &Parts,
) -> Result<PublishSteps, Error> {
    let repository = config.repository()?;
    let place = local.destination.repository();
    let there = pulled_name(local, parts)?;
    let mut pull = Step::new(
        "pull",
        [Effect::Transfer(local.engine.pull(&there, local.insecure))],
    );
    pull.at_end = vec![Effect::remove(local.engine, &there)];
    let (mut sign, mut host) = (None, None);
    if config.signing.unsigned.is_none() {
        let images = match parts {
            Parts::Pushed | Parts::One(_) => Vec::new(),
            Parts::Several(index) => index.parts.iter().map(|p| p.digest.clone()).collect(),
        };
        let seen = Seen {
            engine: local.engine,
            image: &there,
            repository: &repository,
            place,
            insecure: local.insecure,
        };
        let mut look = host_step(seen, config.signing.judge);
        if let Parts::Several(index) = parts {
            // What a host of another architecture checks is an image that cannot be run
            // here.
            let image = repository.at(index.digest.clone());
            look.effects.push(Effect::AlreadySigned { image });
        }
        let repository = repository.clone();
        sign = Some(Step::new("sign", [Effect::Sign { repository, images }]));
        host = Some(look);
    }
    let record = Effect::AddToHistory {
        repository: repository.clone(),
        followed: config.followed()?,
        image: image_version(lock).parse()?,
        fingerprint: lock.fingerprint()?,
    };
    let known = Place {
        config,
        lock,
        local,
    };
    Ok(PublishSteps {
        key: key_step(config)?,
        take: take_step(known, parts)?,
        content: content_step(config, lock, parts)?,
        same: same_step(config)?,
        pull,
        contract: contract(local.engine, &there, lock.target(local.arch)?, lock),
        join: match parts {
            Parts::Pushed | Parts::One(_) => None,
            Parts::Several(index) => Some(join_step(config, index)?),
        },
        sign,
        host,
        boot: boot_step(config, lock, local, &there)?,
        attach: match parts {
            Parts::Pushed | Parts::One(_) => packages_and_lock(lock, local, &there, &repository)?,
            Parts::Several(index) => lists_and_lock(lock, index, &repository)?,
        },
        name: names(config, lock, local)?,
        promote: promote_step(config)?,
        history: Step::new("history", [record]),
    })
}

impl PublishSteps {
    /// Publishes. `pushed` is what the first half of this run pushed, and `tags`
    /// what it noted.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn perform(
        &self,
        run: &Run<'_>,
        pushed: Option<&Pushed>,
        mut tags: MovingTags,
    ) -> Result<Ended, Error> {
        let key = key::open(run, &self.key, &mut tags)?;
        let taken = candidate::take(run, &self.take, pushed)?;
        if content::compare(run, self.content.as_ref(), pushed)? == Content::Same {
            return note_same(run, &self.same).map(Ended::Same);
        }
        let pulled = candidate::pull(run, &self.pull, taken)?;
        let digest = pulled.digest().cloned();
        let published = candidate::try_out(run, &self.contract, pulled)
            .and_then(|tried| self.publish_tried(run, &key, tried, tags));
        let published = published.map(|published| Ended::Published(Box::new(published)));
        run.clean_up(&self.pull.at_end, digest.as_ref(), published)
    }

    fn publish_tried(
        &self,
        run: &Run<'_>,
        key: &key::SigningKey,
        tried: Tried,
        tags: MovingTags,
    ) -> Result<Published, Error> {
        let candidate = candidate::candidate(run, self.join.as_ref(), tried)?;
        let signed = sign(run, self.sign.as_ref(), key, candidate)?;
        let proven = host_look::look(run, self.host.as_ref(), signed)?;
        let booted = boot_gate::gate(run, &self.boot, proven, &tags)?;
        let digest = booted.proven().candidate().digest();
        attach_step::perform(run, &self.attach, digest)?;
        let named = names::name(run, &self.name, booted)?;
        let promoted = promote(run, &self.promote, named, &tags)?;
        let history = record(run, &self.history, &promoted, &tags)?;
        Ok(Published {
            promoted,
            tags,
            history,
        })
    }
}

impl Steps for PublishSteps {
    fn steps(&self) -> Vec<&Step> {
        // `same` is performed in the place of all that follows `content`, and is not in
        // the list: it is what happens if nothing else does.
        let mut all = vec![&self.key, &self.take];
        all.extend(&self.content);
        all.extend([&self.pull, &self.contract]);
        all.extend(&self.join);
        all.extend(&self.sign);
        all.extend(&self.host);
        all.extend([
            &self.boot,
            &self.attach,
            &self.name,
            &self.promote,
            &self.history,
        ]);
        all
    }
}

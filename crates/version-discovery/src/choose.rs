//! The choice: which base, with which ZFS, from which kmods source.
//!
//! Releases are walked from the newest to the oldest. One that is dead, not
//! rolled out or ruled out by a pin does not count at all. The first that can
//! be built is taken; those passed over on the way for want of kmods make the
//! difference between *go* and *hold*. A question without an answer ends the
//! walk: an older base is never taken because a newer one could not be asked
//! about. An unknown that cannot change the answer any more is no obstacle.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::build::{Built, build};
use crate::context::Context;
use crate::dates::days_between;
use crate::{
    BaseCandidate, BaseVerdict, Choice, FcosRelease, Gap, Held, KernelVersion, KmodsToBuild,
    NotKnown, Obstacle, Outcome, Pick, PinState, Policy, Question, Refusal, Rule, Upstream,
    Waiting, Warning, ZfsVersion,
};

/// Chooses what to build.
///
/// `now` is the moment for which the answer is wanted; days are counted in UTC.
/// The same arguments give the same answer, whatever the order of the lists.
///
/// Never fails: *not yet*, *could not find out* and *edit the configuration*
/// are outcomes. If [`Choice::questions`] is not empty, the caller answers them
/// and asks again; each round asks only for what the answer depends on.
pub fn choose(upstream: &Upstream, policy: &Policy, now: Timestamp) -> Choice {
    let ctx = Context::new(upstream, policy, now);
    let mut walk = Walk::default();
    let mut releases: Vec<&FcosRelease> = upstream.releases.known().into_iter().flatten().collect();
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    releases.dedup_by(|a, b| a.version == b.version);
    for release in &releases {
        let verdict = match admit(&ctx, release) {
            Ok(()) => walk.step(&ctx, release),
            Err(verdict) => {
                walk.behind |= verdict == BaseVerdict::BehindPublished;
                verdict
            }
        };
        walk.bases.push(BaseCandidate {
            version: release.version,
            kernels: release.known_kernels(&upstream.arches),
            barrier: release.barrier.clone(),
            verdict,
        });
    }
    let warnings = walk.warnings(&ctx, &releases);
    let (taken, to_build) = match &walk.decided {
        Some(Decision::Take(pick)) => (Some(pick), None),
        Some(Decision::Make(pick, _)) => (None, Some(pick)),
        _ => (None, None),
    };
    let zfs_kernels = match taken.or(to_build) {
        Some(pick) => pick
            .targets
            .values()
            .map(|target| target.kernel.clone())
            .collect(),
        None => walk.focus.clone(),
    };
    let zfs = crate::build::zfs_candidates(&ctx, &zfs_kernels, taken, to_build.map(|p| p.zfs));
    let bases = std::mem::take(&mut walk.bases);
    Choice {
        outcome: walk.outcome(&ctx),
        bases,
        zfs_kernels,
        zfs,
        warnings,
    }
}

/// Whether a release comes into question at all.
fn admit(ctx: &Context<'_>, release: &FcosRelease) -> Result<(), BaseVerdict> {
    if !ctx.has_all_arches(release) {
        return Err(BaseVerdict::NotForArch);
    }
    // A base that is pinned by name, with a reason and an expiry, is wanted even
    // if other rules speak against it: those become warnings.
    if let Some(base) = ctx.pin.and_then(|pin| pin.base) {
        return if release.version == base {
            Ok(())
        } else {
            Err(BaseVerdict::NotPinned)
        };
    }
    if let Some(reason) = &release.dead_end {
        return Err(BaseVerdict::DeadEnd(reason.clone()));
    }
    if !release.rollout.begun(ctx.now) {
        return Err(BaseVerdict::NotRolledOut {
            starts: release.rollout.start(),
        });
    }
    if ctx
        .upstream
        .published
        .is_some_and(|published| release.version < published)
    {
        return Err(BaseVerdict::BehindPublished);
    }
    Ok(())
}

enum Decision {
    Take(Pick),
    /// Build kmods for these kernels, and take it then.
    Make(Pick, Vec<KernelVersion>),
    Ask(Vec<Gap>),
    /// No older release is acceptable, whatever is found out about it.
    Stop,
}

#[derive(Default)]
struct Walk {
    bases: Vec<BaseCandidate>,
    decided: Option<Decision>,
    /// The newest buildable release that is not to be taken.
    spare: Option<Pick>,
    /// The releases passed over so far.
    lag: Option<Held>,
    /// The same, as it was at [`Decision::Stop`].
    lag_at_stop: Option<Held>,
    /// Whether a release was passed over because it is older than the published
    /// image's base.
    behind: bool,
    /// The kernels of the newest release that came into question.
    focus: Vec<KernelVersion>,
}

impl Walk {
    fn step(&mut self, ctx: &Context<'_>, release: &FcosRelease) -> BaseVerdict {
        let strict = ctx.policy.rule == Rule::Newest;
        let done = match self.decided {
            Some(Decision::Take(_) | Decision::Make(..)) => true,
            Some(Decision::Stop) => strict || self.spare.is_some(),
            Some(Decision::Ask(_)) => self.spare.is_some(),
            None => false,
        };
        if done {
            return BaseVerdict::NotNeeded;
        }
        let built = build(ctx, release);
        if self.focus.is_empty() && !matches!(built, Built::AboveCeiling(_)) {
            self.focus = release.known_kernels(&ctx.upstream.arches);
        }
        match built {
            Built::AboveCeiling(ceiling) => BaseVerdict::AboveCeiling(ceiling),
            Built::Pick(pick) if self.decided.is_none() => {
                self.decided = Some(Decision::Take(pick));
                BaseVerdict::Taken
            }
            Built::Make(pick, kernels) if self.decided.is_none() => {
                let verdict = BaseVerdict::KmodsToBuild(pick.zfs);
                self.decided = Some(Decision::Make(pick, kernels));
                verdict
            }
            Built::Pick(pick) | Built::Make(pick, _) => {
                self.spare = Some(pick);
                BaseVerdict::Buildable
            }
            Built::Lacks(obstacle) => {
                self.pass_over(ctx, release, &obstacle);
                BaseVerdict::Lacks(obstacle)
            }
            Built::Gaps(gaps, otherwise) if self.decided.is_none() => {
                self.spare = otherwise;
                self.decided = Some(Decision::Ask(gaps.clone()));
                BaseVerdict::Unknown(gaps)
            }
            Built::Gaps(gaps, otherwise) => {
                self.spare = otherwise;
                // The answer is decided; nobody has to be asked for this.
                if gaps.iter().any(|gap| gap.why.is_none()) {
                    BaseVerdict::NotNeeded
                } else {
                    BaseVerdict::Unknown(gaps)
                }
            }
        }
    }

    fn pass_over(&mut self, ctx: &Context<'_>, release: &FcosRelease, obstacle: &Obstacle) {
        if matches!(self.decided, Some(Decision::Ask(_))) {
            return;
        }
        let (since, estimated) = release.available_since(ctx.today);
        let days = |since| u32::try_from(days_between(since, ctx.today)).unwrap_or(0);
        let max_days = match ctx.policy.rule {
            Rule::Hold { max_days } => Some(max_days),
            Rule::Newest | Rule::Pin(_) => None,
        };
        let lag = self.lag.get_or_insert_with(|| Held {
            since,
            estimated,
            days: days(since),
            max_days,
            newest: release.version,
            obstacle: obstacle.clone(),
        });
        if since < lag.since {
            (lag.since, lag.estimated, lag.days) = (since, estimated, days(since));
        }
        let too_long = max_days.is_some_and(|max| lag.days > max);
        if self.decided.is_none() && (too_long || ctx.policy.rule == Rule::Newest) {
            self.decided = Some(Decision::Stop);
            self.lag_at_stop = self.lag.clone();
        }
    }

    fn outcome(self, ctx: &Context<'_>) -> Outcome {
        if let Some(pin) = ctx.pin
            && pin.state(ctx.today) == PinState::Expired
        {
            return Outcome::Refused(Refusal::PinExpired {
                expired: pin.expires,
                reason: pin.reason.clone(),
            });
        }
        if let Some(gap) = Gap::of(&ctx.upstream.releases, || Question::Releases) {
            return Outcome::Unknown(NotKnown {
                gaps: everything(ctx, gap),
                otherwise: None,
            });
        }
        if let Some(waiting) = nothing_to_take(ctx) {
            return Outcome::Wait(waiting);
        }
        match (self.decided, self.lag) {
            (Some(Decision::Take(pick)), None) => Outcome::Go(pick),
            (Some(Decision::Take(pick)), Some(held)) => Outcome::Hold(pick, held),
            (Some(Decision::Make(pick, kernels)), held) => {
                Outcome::BuildKmods(Box::new(KmodsToBuild {
                    pick,
                    kernels,
                    held,
                    meanwhile: without_builder(ctx),
                }))
            }
            (Some(Decision::Ask(gaps)), _) => Outcome::Unknown(NotKnown {
                gaps,
                otherwise: self.spare,
            }),
            (Some(Decision::Stop), lag) => {
                // Without a buildable release at its end the longer lag says
                // only how far back the list goes.
                let held = if self.spare.is_some() {
                    lag
                } else {
                    self.lag_at_stop
                };
                Outcome::Wait(match held {
                    Some(held) if ctx.policy.rule == Rule::Newest => Waiting::NewestNotBuildable {
                        held,
                        last: without_limit(ctx),
                    },
                    Some(held) => Waiting::HoldExceeded {
                        held,
                        last: self.spare,
                    },
                    None => Waiting::NoRelease,
                })
            }
            (None, held) => Outcome::Wait(match (ctx.upstream.published, held) {
                (Some(published), held) if self.behind => Waiting::WouldGoBack { published, held },
                (_, Some(held)) => Waiting::NothingBuildable { held },
                (_, None) => Waiting::NoRelease,
            }),
        }
    }

    fn warnings(&self, ctx: &Context<'_>, releases: &[&FcosRelease]) -> Vec<Warning> {
        let mut found = Vec::new();
        if let Some(pin) = ctx.pin {
            if let PinState::Grace { days_left } = pin.state(ctx.today) {
                found.push(Warning::PinExpired {
                    expired: pin.expires,
                    days_left,
                    reason: pin.reason.clone(),
                });
            }
            let pinned = releases
                .iter()
                .find(|release| Some(release.version) == pin.base);
            if let Some(release) = pinned {
                if let Some(reason) = &release.dead_end {
                    found.push(Warning::PinnedDeadEnd(reason.clone()));
                }
                if !release.rollout.begun(ctx.now) {
                    found.push(Warning::PinnedNotRolledOut);
                }
                if let Some(published) = ctx.upstream.published
                    && release.version < published
                {
                    found.push(Warning::PinnedGoesBack { published });
                }
            }
        }
        let newest = ctx.finals.as_ref().and_then(BTreeSet::last);
        if let (Some(Decision::Take(pick) | Decision::Make(pick, _)), Some(newest)) =
            (&self.decided, newest)
            && pick.zfs < *newest
            && ctx.pin.is_none_or(|pin| pin.zfs.is_none())
        {
            found.push(Warning::ZfsBehind {
                taken: pick.zfs,
                newest: *newest,
            });
        }
        found
    }
}

/// The answer as long as nothing is built here.
fn without_builder(ctx: &Context<'_>) -> Outcome {
    let upstream = Upstream {
        builder: None,
        ..ctx.upstream.clone()
    };
    choose(&upstream, ctx.policy, ctx.now).outcome
}

/// What `hold` would build if its number of days had no limit.
fn without_limit(ctx: &Context<'_>) -> Option<Pick> {
    let policy = Policy {
        series: ctx.policy.series,
        rule: Rule::Hold { max_days: u32::MAX },
    };
    choose(ctx.upstream, &policy, ctx.now).pick().cloned()
}

/// Reasons to wait that do not depend on any release.
fn nothing_to_take(ctx: &Context<'_>) -> Option<Waiting> {
    let pinned = ctx.pin.and_then(|pin| pin.zfs);
    let finals = ctx.finals.as_ref();
    let none = |finals: &BTreeSet<ZfsVersion>| match pinned {
        Some(version) => !finals.contains(&version),
        None => finals.is_empty(),
    };
    if finals.is_some_and(none) {
        return Some(Waiting::NoZfsRelease {
            series: ctx.policy.series,
            pinned,
        });
    }
    let base = ctx.pin.and_then(|pin| pin.base)?;
    let listed = ctx.upstream.releases.known()?;
    let missing = listed.iter().all(|release| release.version != base);
    missing.then_some(Waiting::PinnedBaseMissing(base))
}

/// The questions that every choice needs. As long as the releases are not known
/// nothing can be judged, but all of these can be asked at the same time.
fn everything(ctx: &Context<'_>, releases: Gap) -> Vec<Gap> {
    let mut gaps = vec![releases];
    gaps.extend(Gap::of(&ctx.upstream.zfs, || Question::ZfsReleases));
    gaps.extend(
        crate::build::sources(ctx)
            .filter_map(|source| Gap::of(&source.kernels, || Question::Kmods(source.name.clone()))),
    );
    gaps
}

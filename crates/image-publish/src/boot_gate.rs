//! The boot gate: the pushed image is booted in a virtual machine before it gets its
//! first permanent tag, both alone and with a ZFS pool that was created by the image
//! that hosts follow.

use host::process::Capture;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::{Config, Gate};
use machine::boot::attempt;
use machine::boot::attempt::{Options, Outcome};
use machine::boot::local_image::trust;
use machine::boot::questions::Promises;
use machine::vm::machine::Acceleration;
use registry_compat::Digest;
use version_discovery::Arch;

use crate::effect::Effect;
use crate::error::Error;
use crate::history::{Boot, Seconds};
use crate::host_look::Proven;
use crate::moving_tag::MovingTags;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// A proven image that booted successfully, or one that `image.yaml` allows to be
/// published without a boot. Only [`gate`] and [`booted_before`] make it.
#[derive(Debug)]
pub struct Booted {
    proven: Proven,
    boot: Option<Boot>,
}

impl Booted {
    /// The image that booted.
    pub fn proven(&self) -> &Proven {
        &self.proven
    }

    /// The measurements of the boot, or why there was none; `None` for an image that
    /// was published before.
    pub fn boot(&self) -> Option<&Boot> {
        self.boot.as_ref()
    }
}

/// For a rollback to an image that was published before.
pub(crate) fn booted_before(proven: Proven) -> Booted {
    Booted { proven, boot: None }
}

/// The step: a boot, or the reason why there is none.
///
/// # Errors
/// If the lock has nothing for this architecture, or a boot is required that no
/// machine here can make.
pub(crate) fn boot_step(
    config: &Config,
    lock: &Lock,
    local: &Local,
    image: &str,
) -> Result<Step, Error> {
    let against = reason_against(config, local)?;
    let mut effects = others(config, lock, local)?;
    effects.push(match against {
        Some(reason) => Effect::NotBooted {
            arch: local.arch,
            reason,
        },
        None => {
            let tag = config.image.tags.first().cloned();
            let tag = tag.ok_or_else(|| failed("boot", "image.yaml names no tag"))?;
            Effect::Boot {
                engine: local.engine,
                image: image.to_owned(),
                promises: Box::new(Promises::of(lock, local.arch, &config.boot)?),
                followed: config.repository()?.tagged(tag),
                place: local.destination.repository().clone(),
                insecure: local.insecure,
            }
        }
    });
    Ok(Step::new("boot", effects))
}

/// The images of an index that are of another architecture than this machine's: none
/// of them is booted here, which must not go unsaid.
fn others(config: &Config, lock: &Lock, local: &Local) -> Result<Vec<Effect>, Error> {
    let targets = lock.targets.iter().map(|target| target.arch);
    let mut effects = Vec::new();
    for arch in targets.filter(|arch| *arch != local.arch) {
        if let Some(reason) = no_machine(config.boot.gate, arch, local.arch)? {
            effects.push(Effect::NotBooted { arch, reason });
        }
    }
    Ok(effects)
}

/// Why no machine on `here` boots an image for `arch`, if that is so.
///
/// # Errors
/// If a boot is required. With [`Gate::Never`] nobody asks.
fn no_machine(gate: Gate, arch: Arch, here: Arch) -> Result<Option<String>, Error> {
    let why = match arch == here {
        false => format!("the image for {arch} cannot be booted on {here}"),
        true if arch == Arch::X86_64 => return Ok(None),
        true => format!("machines are made for x86_64 only, not for {arch}"),
    };
    match gate {
        Gate::Never => Ok(None),
        Gate::IfKvm => Ok(Some(format!("boot: if-kvm, and {why}"))),
        Gate::Required => Err(Error::Usage(format!(
            "`boot: required`, and {why}; `boot: if-kvm` publishes it without a boot, and says so"
        ))),
    }
}

/// Why the image is not booted here, if it is not.
fn reason_against(config: &Config, local: &Local) -> Result<Option<String>, Error> {
    let gate = config.boot.gate;
    if let Some(why) = no_machine(gate, local.arch, local.arch)? {
        return Ok(Some(why));
    }
    Ok(match (gate, &local.no_kvm) {
        (Gate::Never, _) => Some(config.boot.reason.as_ref().map_or_else(
            || "boot: never".to_owned(),
            |reason| format!("boot: never, {reason}"),
        )),
        (Gate::IfKvm, Some(why)) => Some(format!("boot: if-kvm, and {why}")),
        (Gate::IfKvm, None) if local.engine == Engine::Docker => {
            Some("boot: if-kvm, and docker does not show the files of an image".to_owned())
        }
        (Gate::IfKvm | Gate::Required, _) => None,
    })
}

/// Boots the proven image.
pub(crate) fn gate(
    run: &Run<'_>,
    step: &Step,
    proven: Proven,
    tags: &MovingTags,
) -> Result<Booted, Error> {
    let (mut boot, mut not_booted) = (None, Vec::new());
    let digest = proven.candidate().digest();
    run.step(step, Some(digest), |effect| {
        // The last effect is about this machine's image: its boot is the one to keep.
        boot = Some(match effect {
            Effect::Boot { .. } => boot_it(run, effect, digest, tags)?,
            Effect::NotBooted { arch, reason } => {
                run.report
                    .warning(&format!("the image will not be booted: {reason}"));
                not_booted.push(*arch);
                Boot::NotTried {
                    reason: host::one_line(reason),
                }
            }
            other => return Err(misplaced(step.name, other)),
        });
        Ok(())
    })?;
    if let Some(Boot::Tried { others, .. }) = &mut boot {
        *others = not_booted;
    }
    Ok(Booted { proven, boot })
}

fn boot_it(
    run: &Run<'_>,
    effect: &Effect,
    digest: &Digest,
    tags: &MovingTags,
) -> Result<Boot, Error> {
    let Effect::Boot {
        engine,
        image,
        promises,
        followed,
        place,
        insecure,
    } = effect
    else {
        return Err(misplaced("boot", effect));
    };
    let env = run
        .env
        .ok_or_else(|| failed("boot", "this run knows no programs"))?;
    // Taken from the checkout, like the expected values of the contract and of the host
    // check.
    let promises = Promises {
        trust: trust(&run.root())?,
        ..(**promises).clone()
    };
    let image = image.replace(crate::effect::PUSHED, digest.as_str());
    let before = tags.before(followed).filter(|before| *before != digest);
    let published = before.map(|before| place.at(before.clone()).to_string());
    if let Some(published) = &published {
        run.transfer(&engine.pull(published, *insecure))?;
    }
    let options = Options {
        engine: *engine,
        serial: false,
        keep: false,
        emulate: false,
        logs: None,
        limit: None,
    };
    let outcome = attempt::run(
        env,
        run.report,
        &options,
        (&image, &promises),
        published.as_deref(),
    );
    if let Some(published) = &published {
        // The pulled image is no longer needed, and failing to remove it is not an
        // error.
        let _ = run.output(&engine.remove(published), None, Capture::Show);
    }
    judged(run, &outcome?)
}

fn judged(run: &Run<'_>, outcome: &Outcome) -> Result<Boot, Error> {
    if !outcome.well {
        let consoles = outcome.ended_early.iter().map(|early| &early.console);
        for line in consoles.flatten() {
            run.report.note(&format!("  | {line}"));
        }
        return Err(failed("boot", outcome.failures().join("; ")));
    }
    if run.prints() {
        for judgement in &outcome.boots {
            let text = format!("{}: {}", judgement.boot, judgement.summary());
            run.report.note(&format!("  {text}"));
        }
    }
    let seconds = outcome.boot_seconds.unwrap_or_default();
    let memory_mib = outcome.memory_mib.unwrap_or_default();
    run.report.status(
        "Booted",
        &format!("up after {seconds:.1} s, with {memory_mib} MiB in use"),
    );
    Ok(Boot::Tried {
        seconds: Seconds::new(seconds),
        memory_mib,
        emulated: outcome.acceleration == Acceleration::Emulation,
        others: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_build::testing::locked;
    use image_config::Boot as Policy;

    #[test]
    fn the_other_images_of_an_index_are_not_skipped_in_silence() {
        let (mut config, mut lock, local) = locked();
        config.boot = Policy::default();
        let mut other = lock.targets[0].clone();
        other.arch = Arch::Aarch64;
        lock.targets.push(other);
        let step = boot_step(&config, &lock, &local, "there@PUSHED").unwrap();
        let effects: Vec<String> = step.effects.iter().map(ToString::to_string).collect();
        assert_eq!(
            effects[0],
            "unbooted PUSHED: boot: if-kvm, and the image for aarch64 cannot be booted on x86_64"
        );
        assert!(
            effects[1].starts_with("boot     there@PUSHED"),
            "{effects:?}"
        );
        config.boot.gate = Gate::Required;
        let error = boot_step(&config, &lock, &local, "there@PUSHED").unwrap_err();
        assert!(error.to_string().contains("image for aarch64"), "{error}");
        config.boot = Policy {
            gate: Gate::Never,
            reason: Some("a reason".parse().unwrap()),
            ..Policy::default()
        };
        let step = boot_step(&config, &lock, &local, "there@PUSHED").unwrap();
        assert_eq!(step.effects.len(), 1, "{step:?}");
    }

    #[test]
    fn without_kvm_the_plan_says_why_it_does_not_boot() {
        let (mut config, lock, mut local) = locked();
        config.boot = Policy::default();
        let said = |config: &Config, local: &Local| {
            let step = boot_step(config, &lock, local, "there@PUSHED").unwrap();
            step.effects[0].to_string()
        };
        let boots = "boot     there@PUSHED in a virtual machine, twice; and with the pool of what";
        assert!(said(&config, &local).starts_with(boots));
        local.no_kvm = Some("there is no /dev/kvm".to_owned());
        assert_eq!(
            said(&config, &local),
            "unbooted PUSHED: boot: if-kvm, and there is no /dev/kvm"
        );
        config.boot.gate = Gate::Required;
        assert!(said(&config, &local).starts_with(boots));
        local.arch = Arch::Aarch64;
        let error = boot_step(&config, &lock, &local, "there@PUSHED").unwrap_err();
        assert!(error.to_string().contains("for x86_64 only"), "{error}");
        config.boot.gate = Gate::IfKvm;
        let step = boot_step(&config, &lock, &local, "there@PUSHED").unwrap();
        let last = step.effects.last().unwrap().to_string();
        assert!(last.ends_with("for x86_64 only, not for aarch64"), "{last}");
        config.boot = Policy {
            gate: Gate::Never,
            reason: Some("a reason".parse().unwrap()),
            ..Policy::default()
        };
        assert_eq!(
            said(&config, &local),
            "unbooted PUSHED: boot: never, a reason"
        );
    }
}

//! `cleanup`: which versions of the packages go, and with `--execute` letting
//! them go; `cleanup --audit`; `cleanup restore`.

use ::kmods::retention::named_by;
use cleanup::restore_log::restore_log;
use cleanup::run::{Context, Options, Paces, run as clean_up};
use cleanup::source::Tools;
use host::Done;
use image_config::Config;
use remote::{Agent, Limits};

use crate::cli::{CleanupArgs, CleanupCommand};
use crate::error::Error;
use crate::selected::Selected;

/// `cleanup`.
///
/// # Errors
/// As [`clean_up`] and [`restore_log`].
pub fn run(on: &Selected<'_>, args: &CleanupArgs) -> Result<Done, Error> {
    run_at(on, args, Paces::default())
}

/// The same, at another pace.
///
/// # Errors
/// As [`run`].
pub fn run_at(on: &Selected<'_>, args: &CleanupArgs, paces: Paces) -> Result<Done, Error> {
    let world = &on.shared();
    let token = world.github_token();
    let tools = Tools {
        agent: Agent::new(Limits::default()),
        registries: world.registries()?,
        github_api: world.config.urls.github_api.as_str(),
        token: token.as_ref(),
        home: world.home_and_token(),
        github: paces.github,
        registry: paces.registry,
    };
    if let Some(CleanupCommand::Restore(args)) = &args.command {
        return Ok(restore_log(world.report, &tools, &args.log)?);
    }
    let named = |source: &_, image: &_, images: &[_]| Ok(named_by(world, source, image, images)?);
    let all: Vec<&Config> = on.images.iter().map(|image| &image.config).collect();
    let images: Vec<&Config> = on.wanted().iter().map(|image| &image.config).collect();
    let context = Context {
        own_kmods: &named,
        images: &images,
        all: &all,
        report: world.report,
        root: &world.env.root,
        cache: world.env.cache.as_deref(),
    };
    let options = Options {
        package: args.package.as_deref(),
        days: args.days,
        keep: args.keep,
        most_share: args.most_share,
        log: args.log.as_deref(),
        audit: args.audit,
        execute: args.executes(),
    };
    Ok(clean_up(&context, &tools, &options)?)
}

//! `doctor`: what is missing on this machine, and what brings it.

use std::path::Path;

use host::Done;
use host::env::Env;
use host::report::Report;
use image_build::gather::World;
use image_config::Config;
use night::online;
use rehearsal::{doctor, requirements};

use crate::cli::DoctorArgs;
use crate::error::Error;

/// Looks at everything and stops at nothing; with `--install`, it runs the
/// package command first.
///
/// # Errors
/// If the package command fails.
pub fn run(env: &Env, report: &Report, config: &Path, args: &DoctorArgs) -> Result<Done, Error> {
    if args.online {
        let config = Config::load(config)?;
        return Ok(online::run(&World::new(env, &config, report))?);
    }
    if args.install {
        requirements::install(env, report, &args.purposes(), args.vm)?;
    }
    Ok(doctor::run(env, report, config, &args.purposes(), args.vm)?)
}

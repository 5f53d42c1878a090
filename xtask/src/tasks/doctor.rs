//! `doctor`: what is missing on this machine, and what brings it.

use std::path::Path;

use host::Done;
use host::env::Env;
use host::report::Report;
use image_config::Images;
use night::online;
use rehearsal::{doctor, requirements};

use crate::cli::DoctorArgs;
use crate::error::Error;
use crate::selected::Selected;

/// Looks at everything and stops at nothing; with `--install`, it runs the
/// package command first.
///
/// # Errors
/// If the package command fails.
pub fn run(
    env: &Env,
    report: &Report,
    config: &Path,
    names: &[String],
    args: &DoctorArgs,
) -> Result<Done, Error> {
    if args.online {
        let images = Images::load(config)?;
        let selected = Selected::new(env, report, &images, names)?;
        return selected.each(|world| Ok(online::run(world)?));
    }
    let purposes = args.purposes();
    if args.install {
        requirements::install(env, report, &purposes)?;
    }
    Ok(doctor::run(env, report, config, &purposes)?)
}

//! `check`: what every change has to pass, in the order in which it fails
//! fastest.

use host::Done;
use host::process::Invocation;
use image_build::gather::World;
use image_publish::apply::{Live, Timing, apply};
use image_publish::plan::{Effect, Plan, Step};

use crate::error::Error;

/// The steps.
fn plan() -> Plan {
    let cargo = |name: &'static str, args: &[&str]| {
        let run = Invocation::new("cargo", args.iter().copied());
        Step::new(name, vec![Effect::Run(run)])
    };
    Plan {
        steps: vec![
            cargo("format", &["fmt", "--check"]),
            cargo(
                "clippy",
                &[
                    "clippy",
                    "--locked",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "--deny=warnings",
                ],
            ),
            cargo("test", &["test", "--locked", "--workspace"]),
        ],
        cleanup: Vec::new(),
    }
}

/// Runs them.
///
/// # Errors
/// The first that fails.
pub fn run(world: &World<'_>) -> Result<Done, Error> {
    let arch = world.first_arch()?;
    let mut live = Live::new(&world.env.root, world.registries()?, world.report, arch)?;
    let mut timings: Vec<Timing> = Vec::new();
    let outcome = apply(&plan(), &mut live, &mut timings);
    for timing in &timings {
        let line = format!("{:7.1} s  {}", timing.seconds, timing.step);
        world.report.status("Took", &line);
    }
    world.report.document(&timings)?;
    Ok(outcome.map(|()| Done::Well)?)
}

//! `check`: what every change has to pass, in the order in which it fails
//! fastest.

use host::Done;
use host::process::Invocation;
use image_build::gather::World;
use image_publish::run::Run;
use image_publish::{Effect, Step};

use crate::error::Error;

/// The steps.
fn plan() -> [Step; 3] {
    let cargo = |name: &'static str, args: &[&str]| {
        let run = Invocation::new("cargo", args.iter().copied());
        Step::new(name, [Effect::Run(run)])
    };
    [
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
    ]
}

/// Runs them.
///
/// # Errors
/// The first that fails.
pub fn run(world: &World<'_>) -> Result<Done, Error> {
    let arch = world.first_arch()?;
    let run = Run::new(&world.env.root, world.registries()?, world.report, arch)?;
    let outcome = run.programs(&plan());
    let timings = run.timings();
    for timing in &timings {
        let line = format!("{:7.1} s  {}", timing.seconds, timing.step);
        world.report.status("Took", &line);
    }
    world.report.document(&timings)?;
    outcome?;
    Ok(Done::Success)
}

//! `kmods`: build, publish, verify, status.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ::kmods::plan::{Goal, Inputs, Plan, plan};
use ::kmods::run::{Made, perform};
use ::kmods::wanted::{Found, find, matrix, ready};
use ::kmods::{published, wanted};
use host::Done;
use host::report::Report;
use image_build::gather::World;
use image_build::verdict::sentence;
use image_publish::build_inputs::check_owner;
use image_publish::run::Run;
use registry_compat::KmodTag;
use serde_json::{Value, json};

use crate::cli::{KmodsArgs, KmodsBuildArgs, KmodsStatusArgs, KmodsTask, KmodsVerifyArgs};
use crate::error::Error;
use crate::selected::Selected;

/// `kmods`.
///
/// # Errors
/// As the task below it.
pub fn run(on: &Selected<'_>, args: &KmodsArgs) -> Result<Done, Error> {
    // Those that are built with modules of this project; if none is, that is told.
    let on = &on.those(|image| image.config.own_kmods().is_some());
    let built = RefCell::new(BTreeSet::new());
    match &args.task {
        KmodsTask::Build(args) => on.each(|world| build(world, args, Goal::Build, &built)),
        KmodsTask::Publish(args) => on.each(|world| {
            check_owner(world)?;
            build(world, args, Goal::Publish, &built)
        }),
        KmodsTask::Verify(args) => on.one(|world| verify(world, args)),
        KmodsTask::Status(args) => {
            let (jobs, ended) = on.each_with(|world| status(world, args));
            if on.images.are_named() {
                let mut all: Vec<Value> = Vec::new();
                for job in jobs.into_iter().flat_map(|(_, jobs)| jobs) {
                    if !all.contains(&job) {
                        all.push(job);
                    }
                }
                outputs(on.report, &all)?;
            }
            ended
        }
    }
}

/// Whether modules are to be built, and the jobs that do.
fn outputs(report: &Report, jobs: &[Value]) -> Result<(), Error> {
    let text = serde_json::to_string(jobs).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(report.outputs(&[
        ("kmods", (!jobs.is_empty()).to_string()),
        ("kmods-matrix", text),
    ])?)
}

/// `built` are those that another image of this run has had built already.
fn build(
    world: &World<'_>,
    args: &KmodsBuildArgs,
    goal: Goal,
    built: &RefCell<BTreeSet<String>>,
) -> Result<Done, Error> {
    let arch = std::env::consts::ARCH;
    let pairs: Vec<KmodTag> = match args.pair.pair() {
        Some(pair) => vec![pair],
        None => {
            let found = find(world)?;
            let here =
                |kernel: &version_discovery::KernelVersion| kernel.arch().to_string() == arch;
            let wanted = found.wanted.iter().filter(|one| here(&one.kernel));
            let pairs: Vec<KmodTag> = wanted.map(|one| one.tag()).collect();
            if pairs.is_empty() {
                let said = sentence(&found.choice.outcome);
                world
                    .report
                    .answer(&format!("nothing to build here: {said}"));
            }
            pairs
        }
    };
    let mut documents = Vec::new();
    for pair in pairs {
        let ready = ready(world, pair, args.engine)?;
        let inputs = Inputs {
            recipe: &ready.recipe,
            certificate: ready.certificate.as_ref(),
            local: &ready.local,
        };
        let plan = plan(world.config, inputs, goal)?;
        if !built.borrow_mut().insert(plan.image.to_string()) {
            continue;
        }
        let fingerprint = ready.recipe.fingerprint()?;
        world.report.status(
            "Planned",
            &format!("{} from recipe {}", plan.image, fingerprint.short()),
        );
        if args.dry_run {
            for line in plan.lines() {
                world.report.answer(&line);
            }
            documents.push(document(&plan, None));
            continue;
        }
        let registries = world.registries()?;
        let run = Run::new(&world.env.root, registries, world.report, ready.local.arch)?;
        let made = perform(world, &run, &plan)?;
        documents.push(document(&plan, Some(&made)));
    }
    world.report.document(&json!({ "kmods": documents }))?;
    Ok(Done::Success)
}

fn document(plan: &Plan, made: Option<&Made>) -> Value {
    json!({
        "image": plan.image,
        "recipe": plan.recipe,
        "plan": plan.lines(),
        "source": made.map(|made| format!("sha256:{}", made.source)),
        "digest": made.and_then(|made| made.digest.as_ref()),
    })
}

fn verify(world: &World<'_>, args: &KmodsVerifyArgs) -> Result<Done, Error> {
    let (Some(kernel), Some(zfs)) = (args.kernel.clone(), args.zfs) else {
        return Err(Error::Usage(
            "which modules? Give both: --kernel VERSION-RELEASE.ARCH --zfs X.Y.Z".to_owned(),
        ));
    };
    let pair = KmodTag { kernel, zfs };
    let seen = published::see(world, &pair)?;
    let ready = ready(world, pair, args.engine)?;
    let registries = world.registries()?;
    let run = Run::new(&world.env.root, registries, world.report, ready.local.arch)?;
    published::try_rpms(world, &run, &ready, &seen)?;
    let signed = match seen.signed {
        Some(true) => "signed",
        Some(false) => "NOT SIGNED",
        None => "unsigned, as image.yaml says",
    };
    let signer = seen.signer.as_deref().unwrap_or("nobody");
    world.report.answer(&format!(
        "{}: its RPMs hold; the image is {signed}; its modules are signed by {signer}",
        seen.image
    ));
    world.report.document(&seen)?;
    Ok(match seen.signed {
        Some(false) => Done::CheckFailed,
        _ => Done::Success,
    })
}

fn status(world: &World<'_>, args: &KmodsStatusArgs) -> Result<(Done, Vec<Value>), Error> {
    if args.decide && world.config.own_kmods().is_none() {
        world
            .report
            .answer("image.yaml builds no kernel modules: nothing to build");
        outputs(world.report, &[])?;
        return Ok((Done::Success, Vec::new()));
    }
    let found = find(world)?;
    world.report.answer(&sentence(&found.choice.outcome));
    let rows = rows(&found);
    if !rows.is_empty() {
        world.report.table(&rows);
    }
    let jobs = matrix(world.config, &found.wanted);
    let matrix: Vec<Value> = jobs
        .iter()
        .map(|job| json!({"arch": job.arch, "runner": job.runner}))
        .collect();
    outputs(world.report, &matrix)?;
    world.report.document(&json!({
        "kmods": found.wanted,
        "matrix": jobs,
        "builder": found.upstream.discovery.builder,
        "verdict": sentence(&found.choice.outcome),
    }))?;
    Ok((Done::Success, matrix))
}

/// What is to be built, and what failed before.
fn rows(found: &Found) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |what: &str, one: &wanted::Pair<'_>, why: &str| {
        rows.push(vec![
            what.to_owned(),
            format!("ZFS {}", one.zfs),
            one.kernel.to_string(),
            why.to_owned(),
        ]);
    };
    for one in &found.wanted {
        let pair = wanted::Pair {
            kernel: &one.kernel,
            zfs: one.zfs,
        };
        row("can be built", &pair, "");
    }
    let builder = found.upstream.discovery.builder.iter();
    for failed in builder.flat_map(|builder| &builder.failed) {
        let pair = wanted::Pair {
            kernel: &failed.kernel,
            zfs: failed.zfs,
        };
        row("failed", &pair, &failed.why);
    }
    if !rows.is_empty() {
        let head = ["", "ZFS", "KERNEL", "WHY"].map(str::to_owned);
        rows.insert(0, head.to_vec());
    }
    rows
}

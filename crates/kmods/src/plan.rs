//! What a build of kernel modules does, as data. Pure.

use std::path::PathBuf;

use image_build::engine::{Engine, Folder};
use image_build::facts::Local;
use image_build::kmods_recipe::{FEDORA_LABEL, RECIPE_LABEL, Recipe, SIGNER_LABEL, fedora_of};
use image_build::policy_key::module_certificate;
use image_config::{Config, SecretSource};
use image_publish::PUSHED;
use registry_compat::{ImageRef, Tag};
use signatures::modules::Certificate;

use crate::effect::Effect;
use crate::error::Error;
use crate::source::Release;

/// Labels of fedora-zfs-kmods, which name the pair. Source: its Containerfile.
const KERNEL_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.kernel.version";
const ZFS_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.zfs.tag";

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// To an image on this machine.
    Build,
    /// To a name in the registry.
    Publish,
}

/// A step: effects, and what is cleaned up after them in any case.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `modules key`, `modules source`, ….
    pub name: &'static str,
    /// In order.
    pub effects: Vec<Effect>,
}

/// All of it, for one kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is built.
    pub recipe: Recipe,
    /// The image, by the tag that it gets.
    pub image: ImageRef,
    /// In order.
    pub steps: Vec<Step>,
    /// At the end, whatever came before.
    pub cleanup: Vec<Effect>,
    /// The folder of what is fetched and laid out, below the checkout.
    pub folder: PathBuf,
}

impl Plan {
    /// Every effect, as a dry run prints it.
    pub fn lines(&self) -> Vec<String> {
        let steps = self.steps.iter().flat_map(|step| &step.effects);
        steps
            .chain(&self.cleanup)
            .map(ToString::to_string)
            .collect()
    }
}

/// What a plan is made of besides the policy.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What is built.
    pub recipe: &'a Recipe,
    /// The modules' signer, if they are signed.
    pub certificate: Option<&'a Certificate>,
    /// This machine; `destination` is where a push of the modules' image goes.
    pub local: &'a Local,
}

/// Makes the plan.
///
/// # Errors
/// If `image.yaml` builds no kernel modules, or the recipe is for another machine.
pub fn plan(config: &Config, inputs: Inputs<'_>, goal: Goal) -> Result<Plan, Error> {
    let Inputs {
        recipe,
        certificate,
        local,
    } = inputs;
    let (source, own) = config.own_kmods().ok_or_else(no_builder)?;
    let wanted = &recipe.wanted;
    if wanted.kernel.arch() != local.arch {
        return Err(Error::Step(format!(
            "{} is not for this machine, which is {}: modules are compiled on their own \
             architecture",
            wanted.kernel, local.arch
        )));
    }
    let tag = source
        .tag(&wanted.tag())
        .map_err(|error| Error::Step(error.to_string()))?;
    let release = Release::of(config, wanted.zfs);
    let folder = PathBuf::from("target/kmods").join(wanted.zfs.to_string());
    let context = folder.join(wanted.kernel.to_string());
    let tarball = folder.join(release.tarball());
    let name: ImageRef = format!("localhost/zfs-kmods:{}", wanted.kernel).parse()?;
    let candidate: Tag = format!("{}-{}", config.image.candidate, local.arch).parse()?;
    let there = local.destination.repository();

    let mut key = Vec::new();
    if goal == Goal::Publish {
        key.push(cosign_key(config)?);
    }
    key.push(match certificate {
        Some(certificate) => Effect::ModuleKey {
            key: own.module_key.clone(),
            name: certificate.name().to_owned(),
            id: certificate.id(),
        },
        None => Effect::ModulesUnsigned,
    });
    let files = release.files().map(|file| Effect::Fetch {
        url: release.url(&file),
        to: folder.join(&file),
    });
    let mut fetched = files.to_vec();
    fetched.extend([
        Effect::Verify {
            keyring: match &config.zfs.keyring {
                Some(keyring) => keyring.to_string(),
                None => config.urls.key_server.to_string(),
            },
            keys: config.zfs.keys.to_vec(),
            folder: folder.clone(),
            release,
        },
        Effect::Supported {
            tarball: tarball.clone(),
            zfs: wanted.zfs,
            kernel: wanted.kernel.clone(),
            experimental: own.experimental.clone(),
        },
    ]);
    let lay_out = Effect::LayOut {
        from: PathBuf::from(own.build.as_str()),
        tarball,
        certificate: certificate.map(|_| module_certificate()),
        to: context.clone(),
    };
    let builder = recipe.builder.to_string();
    let pull = Effect::Transfer(local.engine.pull(&builder, false));
    let build = build(inputs, &context, &name, &own.module_key)?;
    let mut steps = vec![
        step("modules key", key),
        step("modules source", fetched),
        step("modules builder", vec![pull, lay_out]),
        step("modules build", vec![Effect::Build(build)]),
    ];
    let mut cleanup = Vec::new();
    if goal == Goal::Publish {
        let to = there.tagged(candidate.clone());
        let push = local.engine.push(&name, &to, local.insecure);
        let mut pushed: Vec<Effect> = push.into_iter().map(Effect::Transfer).collect();
        pushed.push(Effect::ReadBack {
            candidate: source.image.tagged(candidate),
            local: name.clone(),
            engine: local.engine,
        });
        let image = format!("{there}@{PUSHED}");
        steps.extend([
            step("modules push", pushed),
            step(
                "modules check",
                vec![
                    Effect::Transfer(local.engine.pull(&image, local.insecure)),
                    Effect::Check(check(inputs, &context, &image)),
                ],
            ),
        ]);
        if config.signing.unsigned.is_none() {
            let sign = Effect::Sign {
                repository: source.image.clone(),
            };
            steps.push(step("modules sign", vec![sign]));
        }
        let named = Effect::Name {
            repository: source.image.clone(),
            tag: tag.clone(),
        };
        steps.push(step("modules name", vec![named]));
        let remove = |name: &str| Effect::Remove(local.engine.remove(name));
        cleanup.extend([remove(CHECKED), remove(&name.to_string())]);
    }
    Ok(Plan {
        recipe: recipe.clone(),
        image: source.image.tagged(tag),
        steps,
        cleanup,
        folder,
    })
}

/// The error where `image.yaml` has no source with `build`.
pub(crate) fn no_builder() -> Error {
    Error::Step(
        "image.yaml builds no kernel modules: the last source under `kmods` has no `build: \
         containerfiles/zfs-kmods`"
            .to_owned(),
    )
}

fn step(name: &'static str, effects: Vec<Effect>) -> Step {
    Step { name, effects }
}

fn cosign_key(config: &Config) -> Result<Effect, Error> {
    let signing = &config.signing;
    Ok(match &signing.unsigned {
        Some(reason) => Effect::Unsigned {
            reason: reason.clone(),
        },
        None => Effect::OpenKey {
            key: signing.private_key.clone(),
            password: signing.password.clone(),
            image: config.repository().map_err(image_build::Error::from)?,
        },
    })
}

/// The name of what the check builds, which nobody needs.
const CHECKED: &str = "localhost/zfs-kmods-check:check";

/// The build arguments that both Containerfiles have.
fn arguments(inputs: Inputs<'_>) -> Vec<(&'static str, String)> {
    let wanted = &inputs.recipe.wanted;
    let signed = inputs.certificate.map_or("", |_| "1");
    vec![
        ("KERNEL_VERSION", wanted.kernel.to_string()),
        ("ZFS_VERSION", wanted.zfs.to_string()),
        ("SIGNED", signed.to_owned()),
        ("BUILDER", inputs.recipe.builder.to_string()),
    ]
}

/// Stands for the tarball's SHA-256 in a plan: it is known once its signature holds.
pub(crate) const SHA256: &str = "VERIFIED";

fn build(
    inputs: Inputs<'_>,
    context: &std::path::Path,
    name: &ImageRef,
    key: &SecretSource,
) -> Result<host::process::Invocation, Error> {
    let recipe = inputs.recipe;
    let wanted = &recipe.wanted;
    let mut arguments = arguments(inputs);
    let experimental = if recipe.experimental { "1" } else { "" };
    arguments.push(("EXPERIMENTAL", experimental.to_owned()));
    arguments.push(("SOURCE_SHA256", SHA256.to_owned()));
    let line = serde_json::to_string(recipe).map_err(|error| Error::Step(error.to_string()))?;
    let mut labels = vec![
        (KERNEL_LABEL, wanted.kernel.to_string()),
        (ZFS_LABEL, wanted.zfs.tag()),
        (FEDORA_LABEL, fedora_of(&wanted.kernel)?.to_string()),
        ("ostree.linux", wanted.kernel.to_string()),
        (SOURCE_LABEL, format!("sha256:{SHA256}")),
        (RECIPE_LABEL, line),
    ];
    if let Some(certificate) = inputs.certificate {
        let signer = format!("{} {}", certificate.id(), certificate.name());
        labels.push((SIGNER_LABEL, signer));
    }
    let secret = inputs.certificate.map(|_| {
        let place = match key {
            SecretSource::Env(name) => format!("env={name}"),
            SecretSource::File(path) => format!("src={}", path.display()),
        };
        ("module-key", place)
    });
    let context = context.display().to_string();
    Ok(inputs.local.engine.build_folder(&Folder {
        context: &context,
        file: "Containerfile",
        name: &name.to_string(),
        secret,
        arguments: &arguments,
        labels: &labels,
    }))
}

/// Label with the digest of the tarball.
pub const SOURCE_LABEL: &str = "custom-coreos.kmods.source";

/// Looks into an image by digest.
pub(crate) fn check(
    inputs: Inputs<'_>,
    context: &std::path::Path,
    image: &str,
) -> host::process::Invocation {
    let mut arguments = arguments(inputs);
    arguments.push(("KMODS_IMAGE", image.to_owned()));
    let engine: Engine = inputs.local.engine;
    engine.build_folder(&Folder {
        context: &context.display().to_string(),
        file: "Containerfile.check",
        name: CHECKED,
        secret: None,
        arguments: &arguments,
        labels: &[],
    })
}

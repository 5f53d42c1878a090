//! The project whose modules they are, in a world of the rehearsal, and what is typed
//! there.

use std::path::{Path, PathBuf};

use host::env::Stopwatch;
use host::process;
use host::process::Invocation;
use image_build::kmods_recipe::fedora_of;
use image_config::{Config, Keyring, Kmods, Unique};
use signatures::trust::write;

use super::release::{RELEASED, Release};
use crate::error::Error;
use crate::metadata::NEXT_KERNEL;
use crate::scenarios::{Fedora, GOOD, Scenario};
use crate::standins::kmods_builder::KmodsBuilder;
use crate::testbed::{Services, Testbed};

/// Fedora has a newer release, whose kernel nobody has modules for.
pub(super) const MOVED: Scenario = Scenario {
    world: "moved",
    fedora: Fedora::Moved,
    ..GOOD
};

/// The private key, where `keys new --modules` lays it.
pub(super) const KEY: &str = "module-signing.key";

/// The kernel of the release that has moved on.
pub(crate) fn newer_kernel() -> String {
    format!("{NEXT_KERNEL}.{}", std::env::consts::ARCH)
}

/// One line of the table.
pub(super) struct Row {
    pub(super) title: String,
    pub(super) code: Option<i32>,
    pub(super) wanted: i32,
    pub(super) seconds: f64,
    /// What is wrong besides the exit code.
    pub(super) wrong: Option<String>,
}

impl Row {
    pub(super) fn is_well(&self) -> bool {
        self.code == Some(self.wanted) && self.wrong.is_none()
    }
}

/// What a command must end with.
pub(super) struct Ends<'a> {
    pub(super) code: i32,
    /// Texts, each in a line of its own or in the same.
    pub(super) said: &'a [&'a str],
}

/// The project whose modules they are.
pub(super) struct Project<'a> {
    pub(super) builder: &'a KmodsBuilder,
    pub(super) source: Kmods,
    pub(super) release: Release,
}

/// The project in a world.
pub(super) struct Bench<'a> {
    pub(super) project: &'a Project<'a>,
    pub(super) testbed: Testbed<'a>,
    pub(super) services: Services,
    pub(super) rows: Vec<Row>,
}

impl<'a> Project<'a> {
    pub(super) fn new(testbed: &Testbed<'_>, builder: &'a KmodsBuilder) -> Result<Self, Error> {
        let config = testbed.world.config;
        // Below names that lead to the registry of the rehearsal.
        let text = format!(
            "build: containerfiles/zfs-kmods\nimage: {}/zfs-kmods\nbuilder: {}/builder\n\
             module-key: file:{KEY}\n",
            config.repository()?,
            config.base.image,
        );
        let source = serde_yaml::from_str(&text).map_err(|e| Error::Usage(e.to_string()))?;
        Ok(Self {
            builder,
            source,
            release: Release::make(
                &testbed.sh,
                config.zfs.repository.as_str(),
                builder.versions.zfs,
                &builder.tarball(),
            )?,
        })
    }

    /// What `image.yaml` says of it in a world; the tarball is fetched from this shelf.
    pub(super) fn configure(
        &self,
        config: &mut Config,
        services: &Services,
        world: &str,
        shelf: &str,
    ) {
        config.kmods = vec![self.source.clone()];
        if let Ok(url) = format!("http://{}/{world}/{shelf}", services.metadata()).parse() {
            config.urls.github = url;
        }
        config.zfs.keys = Unique::one(self.release.key.clone());
        config.zfs.keyring = "keys/openzfs.asc".parse().ok().map(Keyring::File);
    }
}

/// Makes the builder's image, and pushes it. The same root makes the same digest.
pub(super) fn push_builder(
    testbed: &Testbed<'_>,
    project: &Project<'_>,
    more: &str,
) -> Result<(), Error> {
    let builder = project.builder;
    let file = testbed.scratch.join("builder.Containerfile");
    let text = format!("FROM scratch\nADD root.tar /\n{more}");
    write(&file, text.as_bytes())?;
    let name = "localhost/custom-coreos-rehearsal/builder:latest";
    let words = [
        "build".to_owned(),
        "--quiet".to_owned(),
        "--timestamp=0".to_owned(),
        format!("--tag={name}"),
        format!("--file={}", file.display()),
        builder.root().display().to_string(),
    ];
    process::read(&testbed.sh, &Invocation::new("podman", words))?;
    let Some(own) = &project.source.own else {
        return Ok(());
    };
    let fedora = fedora_of(&builder.versions.kernel)?.to_string();
    testbed.push(name, &own.builder.tagged(fedora.parse()?))
}

impl<'a> Bench<'a> {
    pub(super) fn open(project: &'a Project<'a>, testbed: Testbed<'a>) -> Result<Self, Error> {
        let source = &project.source;
        let place = source.image.tagged(source.tag(&testbed.wanted)?);
        let services = testbed.serve(None, project.release.files.clone(), place)?;
        Ok(Self {
            project,
            testbed,
            services,
            rows: Vec::new(),
        })
    }

    /// A path of the checkout.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.testbed.sh.current_dir().join(name)
    }

    /// Types a command, and adds its row; what it said.
    pub(super) fn types(
        &mut self,
        title: &str,
        scenario: &Scenario,
        words: &[&str],
        ends: &Ends<'_>,
        edit: impl FnOnce(&mut Config),
    ) -> Result<Vec<String>, Error> {
        let watch = Stopwatch::start();
        let (project, services) = (self.project, &self.services);
        let metadata = services.metadata();
        let (code, said) = self
            .testbed
            .run_and_listen(scenario, &metadata, words, |config| {
                project.configure(config, services, scenario.world, RELEASED);
                edit(config);
            })?;
        let missing: Vec<&str> = ends
            .said
            .iter()
            .copied()
            .filter(|text| !said.iter().any(|line| line.contains(text)))
            .collect();
        let wrong =
            (!missing.is_empty()).then(|| format!("it did not say: {}", missing.join("; ")));
        self.rows.push(Row {
            title: title.to_owned(),
            code,
            wanted: ends.code,
            seconds: watch.elapsed().as_secs_f64(),
            wrong,
        });
        Ok(said)
    }

    /// A build of modules that must stop before anything is pushed.
    pub(super) fn stopped(
        &mut self,
        title: &str,
        words: &[&str],
        (code, why): (i32, &str),
        edit: impl FnOnce(&mut Config),
    ) -> Result<(), Error> {
        let words = [&["kmods", "publish"], words].concat();
        let ends = Ends { code, said: &[why] };
        self.types(title, &GOOD, &words, &ends, edit)?;
        let candidate = format!(
            "{}-{}",
            self.testbed.world.config.image.candidate, self.testbed.arch
        );
        for tag in [
            candidate.parse()?,
            self.project.source.tag(&self.testbed.wanted)?,
        ] {
            let image = self.project.source.image.tagged(tag);
            let pushed = self.testbed.digest_now(&image)?;
            if let (Some(_), Some(row)) = (pushed, self.rows.last_mut()) {
                row.wrong = Some(format!("{image} was pushed"));
            }
        }
        Ok(())
    }
}

/// Kernels above OpenZFS's maximum may be tried.
pub(super) fn experimental(config: &mut Config) {
    let own = config.kmods.iter_mut().find_map(|one| one.own.as_mut());
    if let (Some(own), Ok(reason)) = (own, "a rehearsal".parse()) {
        own.experimental = Some(reason);
    }
}

/// Types `cargo xtask keys new --modules` in the checkout.
pub(super) fn new_key(testbed: &Testbed<'_>) -> Result<(), Error> {
    let exe = testbed.world.env.exe.display().to_string();
    let words = ["keys", "new", "--modules", "--replace"];
    let report = testbed.world.report;
    report.command(&format!("cargo xtask {}", words.join(" ")));
    let call = Invocation::new(&exe, words);
    match process::status(&testbed.sh, &call, &mut |line| report.foreign(line))? {
        Some(0) => Ok(()),
        code => Err(Error::Step {
            step: "keys new --modules".to_owned(),
            detail: format!("it ended with {code:?}"),
        }),
    }
}

pub(super) fn remove(folder: &Path) -> Result<(), Error> {
    Ok(std::fs::remove_dir_all(folder).map_err(host::Error::write(folder))?)
}

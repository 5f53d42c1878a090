//! The modules themselves: published, or taken from the cache; and looked into.

use host::env::Stopwatch;
use host::process;
use host::process::Invocation;
use image_build::kmods_recipe::RECIPE_LABEL;
use image_build::policy_key::module_certificate;
use image_config::{Config, Reason};
use machine::vm::cached::folder;
use registry_compat::{Digest, ImageRef, KmodTag};
use signatures::trust::write;

use super::bench::{Bench, Ends, Row, new_key};
use super::kept::Kept;
use super::release::RELEASED;
use crate::error::Error;
use crate::scenarios::GOOD;
use crate::testbed::write_config;

impl Bench<'_> {
    /// The command that builds, by its digest; with it, of what.
    pub(super) fn command(&mut self) -> Result<String, Error> {
        let words = ["kmods", "build", "--dry-run"];
        let ends = Ends {
            code: 0,
            said: &[" build "],
        };
        let said = self.types("what is to be done, said", &GOOD, &words, &ends, |_| {})?;
        let build = said.iter().find(|line| line.contains("Containerfile"));
        let text = format!(
            "{} {}",
            build.map_or("", String::as_str),
            self.project.release.digest
        );
        Ok(Digest::of(text.as_bytes()).hex()[..12].to_owned())
    }

    /// Publishes the modules; or takes them from the cache, where this command has built
    /// them before.
    pub(super) fn modules(&mut self, command: &str) -> Result<Kept, Error> {
        let testbed = self.testbed.copy();
        let cache = folder(testbed.world);
        let certificate = self.path(&module_certificate().display().to_string());
        if let Some(kept) = Kept::find(&cache, command) {
            let shown = kept.folder().display().to_string();
            testbed
                .world
                .report
                .status("Found", &format!("modules in {shown}"));
            write(&certificate, kept.certificate.der())?;
            let image =
                testbed.derived("own-kmods", ("scratch", &kept.steps(&[])), kept.folder())?;
            testbed.push(&image, &self.services.kmods)?;
            return Ok(kept);
        }
        testbed.world.report.status(
            "Making",
            &format!(
                "kernel modules, minutes of work, for {}; once",
                Kept::place(&cache, command).display()
            ),
        );
        let place = self.services.kmods.clone();
        let named = format!("{place} sha256:");
        let ends = Ends {
            code: 0,
            said: &[&named],
        };
        let words = ["kmods", "publish"];
        self.types(
            "built by OpenZFS's rules, signed, published",
            &GOOD,
            &words,
            &ends,
            |_| {},
        )?;
        if !self.rows.last().is_some_and(Row::is_well) {
            return Err(Error::Step {
                step: "kmods publish".to_owned(),
                detail: "it did not publish; what it said is above".to_owned(),
            });
        }
        let image = format!("{}/{place}", testbed.registry);
        let words = ["pull", "--quiet", "--tls-verify=false", &image];
        process::read(&testbed.sh, &Invocation::new("podman", words))?;
        Kept::keep(&testbed.sh, (&cache, command), &image, &certificate)
    }

    /// Looks into the RPMs: into the right ones, by the wrong certificate, and as if they
    /// were of another kernel: where those lie.
    pub(super) fn looks(&mut self, kept: &Kept) -> Result<ImageRef, Error> {
        let testbed = self.testbed.copy();
        let KmodTag { kernel, zfs } = self.project.builder.versions.clone();
        let zfs = format!("--zfs={zfs}");
        // What comes out of the cache was not signed with the key of this rehearsal.
        let reason: Option<Reason> = "a stand-in".parse().ok();
        let unsigned = |config: &mut Config| config.signing.unsigned = reason.clone();
        let of = |kernel: &str| format!("--kernel={kernel}");
        let this = of(&kernel.to_string());
        let words = ["kmods", "verify", &this, &zfs];
        let certificate = &kept.certificate;
        let signer = format!("signed by {} {}", certificate.id(), certificate.name());
        let ends = Ends {
            code: 0,
            said: &["its RPMs hold", &signer],
        };
        self.types("looked into", &GOOD, &words, &ends, unsigned)?;

        new_key(&testbed)?;
        let ends = Ends {
            code: 1,
            said: &["to be signed by"],
        };
        self.types(
            "the same, by another certificate",
            &GOOD,
            &words,
            &ends,
            unsigned,
        )?;
        let place = self.path(&module_certificate().display().to_string());
        write(&place, certificate.der())?;

        let other = kernel.to_string().replacen("-200.", "-201.", 1);
        let recipe = kept.labels.get(RECIPE_LABEL).map_or("", String::as_str);
        let recipe = recipe.replace(&kernel.to_string(), &other);
        let image = testbed.derived(
            "own-kmods-of-another-kernel",
            ("scratch", &kept.steps(&[(RECIPE_LABEL, recipe)])),
            kept.folder(),
        )?;
        let source = &self.project.source;
        let tag = source.tag(&KmodTag {
            kernel: other.parse()?,
            zfs: self.project.builder.versions.zfs,
        })?;
        let place = source.image.tagged(tag);
        testbed.push(&image, &place)?;
        let that = of(&other);
        let words = ["kmods", "verify", &that, &zfs];
        let why = format!("expected modules for {other} alone, found kmod-zfs-{kernel}");
        let ends = Ends {
            code: 1,
            said: &[&why],
        };
        self.types("modules of another kernel", &GOOD, &words, &ends, unsigned)?;
        Ok(place)
    }

    /// The clean-up lets the modules stay that the published image was built with, and
    /// none of the others.
    pub(super) fn retention(&mut self, other: &ImageRef) -> Result<(), Error> {
        let watch = Stopwatch::start();
        let testbed = self.testbed.copy();
        let mut config = testbed.config_of(&GOOD, &self.services.metadata())?;
        self.project
            .configure(&mut config, &self.services, GOOD.world, RELEASED);
        let own = &self.project.source.image;
        let packages = [&config.repository()?, own]
            .map(|image| format!("{{image: {image}, back-end: registry}}"));
        // The stand-in for ghcr.io has no packages API.
        let text = format!(
            "{{keep: 0, most-share: 100, packages: [{}]}}",
            packages.join(", ")
        );
        config.retention =
            serde_yaml::from_str(&text).map_err(|error| Error::Usage(error.to_string()))?;
        let yaml = testbed.scratch.join("own-kmods/cleanup.yaml");
        write_config(&yaml, &config)?;
        let yaml = yaml.display().to_string();
        let words = ["cleanup", "--days=0", "--config", &yaml];
        let exe = testbed.world.env.exe.display().to_string();
        let report = testbed.world.report;
        report.command(&format!("cargo xtask {}", words.join(" ")));
        let mut said = Vec::new();
        let code = process::status(&testbed.sh, &Invocation::new(&exe, words), &mut |line| {
            said.push(line.to_owned());
            report.foreign(line);
        })?;
        let goes = |image: &ImageRef| -> Result<bool, Error> {
            let digest = testbed.digest_now(image)?;
            let version = digest.map(|digest| format!("{own}@{digest}"));
            Ok(version.is_some_and(|version| {
                let deleted =
                    |line: &&String| line.starts_with("delete") && line.contains(&version);
                said.iter().any(|line| deleted(&line))
            }))
        };
        let wrong = match (goes(&self.services.kmods)?, goes(other)?) {
            (true, _) => Some("what the published image was built with would go"),
            (false, false) => Some("what no image was built with would stay"),
            (false, true) => None,
        };
        self.rows.push(Row {
            title: "the clean-up keeps what an image was built with, and no others".to_owned(),
            code,
            wanted: 0,
            seconds: watch.elapsed().as_secs_f64(),
            wrong: wrong.map(str::to_owned),
        });
        Ok(())
    }
}

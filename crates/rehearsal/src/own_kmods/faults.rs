//! What must stop a build of modules before anything is pushed, and what must not be
//! installed.

use host::process;
use host::process::Invocation;
use image_build::kmods_recipe::SIGNER_LABEL;
use image_config::{Config, SecretSource};
use signatures::trust::write;

use super::bench::{
    Bench, Ends, KEY, MOVED, experimental, new_key, newer_kernel, push_builder, remove,
};
use super::kept::Kept;
use super::release::{CHANGED, FOREIGN};
use crate::error::Error;
use crate::scenarios::GOOD;

/// The image with the modules.
pub(super) const BUILT: &str = "localhost/custom-coreos-rehearsal/own-modules:latest";

/// The folder that the patches lie in.
const PATCHES: &str = "containerfiles/zfs-kmods/patches";

/// A patch with which `configure` compiles what cannot be compiled.
const DOES_NOT_COMPILE: &str = "--- a/configure\n+++ b/configure\n@@ -1 +1,2 @@\n-#! /bin/sh\n\
    +#! /bin/sh\n+echo '#include <linux/no_such.h>' | cc -x c -c -o /dev/null - || exit 1\n";

/// What the compiler says of it.
const COMPILER: &str = "fatal error: linux/no_such.h: No such file or directory";

impl Bench<'_> {
    /// What stops a build: a tarball that is not OpenZFS's, inputs for something else, a
    /// machine without room.
    pub(super) fn stops(&mut self) -> Result<(), Error> {
        let (zfs, kernel) = {
            let versions = &self.project.builder.versions;
            (versions.zfs.to_string(), versions.kernel.to_string())
        };
        let (project, testbed) = (self.project, self.testbed.copy());
        let metadata = self.services.metadata();
        let from = |shelf: &'static str| {
            let url = format!("http://{metadata}/{}/{shelf}", GOOD.world);
            move |config: &mut Config| {
                if let Ok(url) = url.parse() {
                    config.urls.github = url;
                }
            }
        };
        let none = |_: &mut Config| {};
        let who = "the signature of zfs-";
        self.stopped(
            "a tarball that somebody else has signed",
            &[],
            (1, who),
            from(FOREIGN),
        )?;
        let what = "it is not of this text";
        self.stopped("a tarball that was changed", &[], (1, what), from(CHANGED))?;

        let patch = self.path(PATCHES).join("0.0.1/a.patch");
        write(&patch, b"--- a\n+++ b\n")?;
        let pair = |kernel: &str| [format!("--kernel={kernel}"), format!("--zfs={zfs}")];
        let why = "is for ZFS 0.0.1";
        let [k, z] = pair(&kernel);
        self.stopped("a patch for another release", &[&k, &z], (4, why), none)?;
        remove(&self.path(PATCHES).join("0.0.1"))?;
        let fits = self.path(PATCHES).join(&zfs);
        write(
            &fits.join("a.patch"),
            b"--- a/META\n+++ b/META\n@@ -1 +1 @@\n-No such line\n+Another\n",
        )?;
        let why = "failed in `patches`: expected a.patch to fit";
        self.stopped("a patch that does not fit", &[], (1, why), none)?;
        remove(&fits)?;

        let [k, z] = pair(&kernel.replacen(char::is_numeric, "99", 1));
        let why = "supports kernels";
        self.stopped("a kernel above the maximum", &[&k, &z], (1, why), none)?;
        let other = kernel.replacen("-200.", "-199.", 1);
        let [k, z] = pair(&other);
        let why = format!("failed in `kernel-devel`: expected kernel-devel {other}");
        self.stopped("no kernel-devel of that kernel", &[&k, &z], (1, &why), none)?;

        // The folder that a container has for shared memory is small.
        push_builder(&testbed, project, "ENV TMPDIR=/dev/shm\n")?;
        let why = "failed in `disk`: No space left on device";
        self.stopped("a full disk", &[], (1, why), none)?;
        push_builder(&testbed, project, "")?;

        new_key(&testbed)?;
        let first = self.path(KEY).with_extension("first");
        std::fs::rename(self.path(KEY), &first).map_err(host::Error::write(&first))?;
        self.stopped(
            "no key",
            &[],
            (1, "is not there, and the certificate"),
            none,
        )?;
        new_key(&testbed)?;
        let why = "not the one of the certificate";
        self.stopped(
            "the key of another certificate",
            &[],
            (1, why),
            move |config| {
                if let Some(own) = config.kmods.iter_mut().find_map(|one| one.own.as_mut()) {
                    own.module_key = SecretSource::File(first);
                }
            },
        )
    }

    /// A build of newer modules that the compiler refuses is remembered, and not tried
    /// again.
    pub(super) fn compiler_refuses(&mut self) -> Result<(), Error> {
        let zfs = self.project.builder.versions.zfs.to_string();
        let patch = self.path(PATCHES).join(zfs).join("a.patch");
        write(&patch, DOES_NOT_COMPILE.as_bytes())?;
        // The key of what is published is gone; the certificate is one of the inputs.
        new_key(&self.testbed)?;
        // Of the newer kernel the builder has the name; that of a program that signs, too.
        let (kernel, newer) = (&self.project.builder.versions.kernel, newer_kernel());
        let copy =
            format!("RUN cp -r /usr/src/kernels/{kernel}/scripts /usr/src/kernels/{newer}/\n");
        push_builder(&self.testbed, self.project, &copy)?;
        let words = ["kmods", "publish"];
        let why = format!("failed in `configure`: <stdin>:1:10: {COMPILER}");
        let ends = Ends {
            code: 1,
            said: &[&why, "Remembered"],
        };
        self.types(
            "what does not compile is remembered",
            &MOVED,
            &words,
            &ends,
            experimental,
        )?;
        let ends = Ends {
            code: 0,
            said: &["nothing to build here"],
        };
        self.types("and not tried again", &MOVED, &words, &ends, experimental)?;
        Ok(())
    }

    /// Publishes an image with the older kernel, as the newer one's modules do not compile.
    pub(super) fn installs(&mut self) -> Result<(), Error> {
        let testbed = self.testbed.copy();
        let words = ["build", "--publish", "--force=rehearsal"];
        let ends = Ends {
            code: 0,
            said: &[COMPILER],
        };
        self.types(
            "the older base with them, judged by the contract",
            &MOVED,
            &words,
            &ends,
            experimental,
        )?;
        let tag = ["tag", &testbed.built(), BUILT];
        process::read(&testbed.sh, &Invocation::new(testbed.engine.program(), tag))?;
        let zfs = self.project.builder.versions.zfs.to_string();
        remove(&self.path(PATCHES).join(zfs))?;
        Ok(())
    }

    /// An image with modules that somebody else has signed must fail.
    pub(super) fn signed_by_another(&mut self, kept: &Kept) -> Result<(), Error> {
        let testbed = self.testbed.copy();
        let signer = "00ff Somebody else".to_owned();
        let image = testbed.derived(
            "own-kmods-of-another",
            ("scratch", &kept.steps(&[(SIGNER_LABEL, signer)])),
            kept.folder(),
        )?;
        testbed.push(&image, &self.services.kmods)?;
        let why = "module-signer:spl.ko: expected Somebody else";
        self.build_fails("modules that somebody else has signed", why)
    }

    /// Modules that nobody has signed, where the image of the modules says who has.
    pub(super) fn unsigned(&mut self, kept: &Kept) -> Result<(), Error> {
        let testbed = self.testbed.copy();
        let signer = kept.labels.get(SIGNER_LABEL).map_or("", String::as_str);
        let steps = format!("LABEL {SIGNER_LABEL}=\"{signer}\"\n");
        let context = testbed.scratch.join("own-kmods/unsigned");
        let from = (testbed.images.kmods.as_str(), steps.as_str());
        let image = testbed.derived("unsigned-kmods", from, &context)?;
        testbed.push(&image, &self.services.kmods)?;
        let why = format!("module-signer:spl.ko: expected {}", kept.certificate.name());
        self.build_fails("modules that nobody has signed", &why)
    }

    /// A build with what lies where the kmods are must fail, and say why.
    fn build_fails(&mut self, what: &str, why: &str) -> Result<(), Error> {
        let ends = Ends {
            code: 1,
            said: &[why],
        };
        let words = ["build", "--force=rehearsal"];
        self.types(what, &GOOD, &words, &ends, |_| {})?;
        Ok(())
    }
}

//! The kernel of a release, from the first source that names it.

use host::process;
use registry_compat::{Answer, ImageRef};
use serde::{Deserialize, Serialize};
use version_discovery::{
    Arch, Fact, FcosRelease, KernelSource, KernelVersion, ReleaseKernel, Stream,
};

use super::World;
use crate::engine::Engine;
use crate::error::Error;

/// The first release of Fedora without the label `ostree.linux`
/// (ublue-os/akmods #416).
const WITHOUT_LABEL: u32 = 43;

/// The cached answer for a release.
#[derive(Serialize, Deserialize)]
struct Known {
    kernel: KernelVersion,
    source: KernelSource,
}

impl World<'_> {
    /// The kernel of a release: the label of its image, Fedora's metadata of its build,
    /// or the RPM database in it, whichever is the first to name it.
    ///
    /// The label comes first where Fedora sets it, which is up to 42; later it is asked
    /// only if the metadata is not there, because looking for a label that does not
    /// exist takes four requests. All three sources must agree; otherwise a check in
    /// the build stops it.
    ///
    /// Without `pull` the RPM database in the image is not read.
    pub(super) fn kernel_of(
        &self,
        stream: &Stream,
        release: &FcosRelease,
        arch: Arch,
        pull: bool,
    ) -> Fact<ReleaseKernel> {
        let image = release.images.get(&arch).and_then(Option::as_ref);
        let of = format!(
            "{} {} {arch} {}",
            self.config.urls.fcos_builds,
            release.version,
            image.map_or("-", |image| image.digest())
        );
        if let Some(Known { kernel, source }) = self.cache.get("kernel", &of)
            && kernel.arch() == arch
        {
            return known(kernel, source);
        }
        let asked = self.memory.once("kernel", &format!("{of} {pull}"), || {
            Ok(self.ask_for_kernel(stream, release, arch, pull))
        });
        match asked.unwrap_or_else(|error| Err(error.to_string())) {
            Ok((kernel, source)) => {
                self.cache.put(
                    "kernel",
                    &of,
                    &Known {
                        kernel: kernel.clone(),
                        source,
                    },
                );
                known(kernel, source)
            }
            Err(why) => Fact::Unknown(host::one_line(&why)),
        }
    }

    fn ask_for_kernel(
        &self,
        stream: &Stream,
        release: &FcosRelease,
        arch: Arch,
        pull: bool,
    ) -> Result<(KernelVersion, KernelSource), String> {
        let image = release.images.get(&arch).and_then(Option::as_ref);
        let image = image.and_then(|image| {
            let digest = image.digest().parse().ok()?;
            Some(self.config.base.image.at(digest))
        });
        let label = || self.kernel_by_label(image.as_ref(), arch);
        let metadata = || self.kernel_by_metadata(stream, release, arch);
        let mut why = Vec::new();
        let order: [&dyn Fn() -> Result<(KernelVersion, KernelSource), String>; 2] =
            if release.version.fedora < WITHOUT_LABEL {
                [&label, &metadata]
            } else {
                [&metadata, &label]
            };
        for source in order {
            match source() {
                Ok(found) => return Ok(found),
                Err(reason) => why.push(reason),
            }
        }
        let Some(image) = image.filter(|_| pull) else {
            return Err(why.join("; "));
        };
        self.report.warning(&format!(
            "{}; asking {} itself, which means to pull it",
            why.join("; "),
            release.version
        ));
        match self.kernel_by_rpm(&image, arch) {
            Ok(kernel) => Ok((kernel, KernelSource::Rpm)),
            Err(error) => {
                why.push(error.to_string());
                Err(why.join("; "))
            }
        }
    }

    fn kernel_by_label(
        &self,
        image: Option<&ImageRef>,
        arch: Arch,
    ) -> Result<(KernelVersion, KernelSource), String> {
        let image = image.ok_or("the release index names no image of it")?;
        self.report.status("Reading", &format!("{image} ({arch})"));
        let inspected = match self.inspect(image, arch) {
            Ok(Answer::Present(inspected)) => inspected,
            Ok(Answer::Absent) => return Err(format!("{image} is not there")),
            Ok(Answer::Unknown(why)) => return Err(why.to_string()),
            Err(error) => return Err(error.to_string()),
        };
        // Absent, empty and `null` are all "not there": the next source decides.
        let label = inspected.labels.get("ostree.linux");
        label
            .and_then(|text| text.parse::<KernelVersion>().ok())
            .filter(|kernel| kernel.arch() == arch)
            .map(|kernel| (kernel, KernelSource::Label))
            .ok_or_else(|| "its label ostree.linux says no kernel".to_owned())
    }

    fn kernel_by_metadata(
        &self,
        stream: &Stream,
        release: &FcosRelease,
        arch: Arch,
    ) -> Result<(KernelVersion, KernelSource), String> {
        let version = release.version;
        self.report
            .status("Reading", &format!("commitmeta.json of {version} ({arch})"));
        let root = self.config.urls.fcos_builds.as_str();
        match remote::fcos::kernel(&self.agent, root, stream, &version, arch) {
            Answer::Present(kernel) => Ok((kernel, KernelSource::Commitmeta)),
            Answer::Absent => Err("Fedora has no commitmeta.json of it".to_owned()),
            Answer::Unknown(why) => Err(why.to_string()),
        }
    }

    fn kernel_by_rpm(&self, image: &ImageRef, arch: Arch) -> Result<KernelVersion, Error> {
        let cannot = |detail: &str| Error::Step {
            step: "kernel of the base".to_owned(),
            detail: detail.to_owned(),
        };
        let runs = |engine: Engine| engine.kernel_query(image);
        let query = Engine::ALL
            .into_iter()
            .filter(|engine| self.env.program(engine.program()).is_some())
            .find_map(runs)
            .ok_or_else(|| cannot("no podman or docker to ask the image itself; install podman"))?;
        let sh = process::shell(&self.env.root)?;
        let text = process::read(&sh, &query)?;
        let kernels: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let [kernel] = kernels.as_slice() else {
            return Err(cannot(&format!("{image} has {} kernels", kernels.len())));
        };
        let kernel: KernelVersion = kernel.parse()?;
        if kernel.arch() == arch {
            Ok(kernel)
        } else {
            Err(cannot(&format!(
                "{image} has kernel {kernel}, wanted one for {arch}"
            )))
        }
    }
}

fn known(kernel: KernelVersion, source: KernelSource) -> Fact<ReleaseKernel> {
    Fact::Known(ReleaseKernel {
        version: kernel,
        source,
    })
}
